make_flexible
"$POME" predict flexible.mlmodelc -i x="[1, 2, 3, 4]"
"$POME" predict flexible.mlmodelc -i x="[1, 2, 3, 4, 5, 6]"
