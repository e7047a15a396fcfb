make_add
"$POME" predict add.mil -i x="[1, 2]" -i y="[1, 2]"
