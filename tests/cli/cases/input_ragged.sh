make_index
"$POME" predict index.mil -i i="[[1], [2, 3]]"
