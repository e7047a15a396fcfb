make_add
"$POME" debug add.mil --against strict
