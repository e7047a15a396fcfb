make_two
"$POME" predict two.mil --function cube -i x="[1, 2]"
