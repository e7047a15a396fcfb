"$POME" run model --min-p 0.1 hello
