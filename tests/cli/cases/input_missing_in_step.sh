make_add
"$POME" predict add.mil -i x="[[1, 2, 3], [4, 5, 6]]" -i y@1="[[1, 2, 3], [4, 5, 6]]"
