make_total
"$POME" predict total.mil -i step=1
