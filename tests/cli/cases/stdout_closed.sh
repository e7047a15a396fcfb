make_add
"$POME" inspect add.mil >&-
