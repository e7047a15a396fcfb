make_total
"$POME" predict total.mil -i step@0=1 -i step@1=2.5 --states
