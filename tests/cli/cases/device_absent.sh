make_two
"$POME" predict two.mil --device coreml -i x="[1, 2]"
