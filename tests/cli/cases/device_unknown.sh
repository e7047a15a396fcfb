make_two
"$POME" predict two.mil --device gpu -i x="[1, 2]"
