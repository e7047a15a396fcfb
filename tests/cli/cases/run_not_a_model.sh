make_add
"$POME" run add.mil "hello"
