make_add
"$POME" convert add.mil no/such/add.mlpackage
