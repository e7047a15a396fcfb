make_two
"$POME" predict two.mil --function twice -i x="[2, 3]"
