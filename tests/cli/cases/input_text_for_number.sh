make_index
"$POME" predict index.mil -i i='["a", "b"]'
