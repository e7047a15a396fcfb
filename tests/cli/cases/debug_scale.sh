# The other model has another scale in one operation.
make_cancel right.mil 1.25
make_cancel wrong.mil 1.5
"$POME" debug wrong.mil --with right.mil -i x='[1, 2, 3, 4, 5, 6]'
