make_two
"$POME" predict two.mil --device cuda,ref -v -i x="[1, 2]"
