make_add
"$POME" debug add.mil --devices cpu
