make_add
"$POME" predict add.mil --json --device ref -i x='[[1, 2, 3], [4, 5, 6]]' -i y='[[0.1, 0, 0], [0, 0, 1e30]]'
