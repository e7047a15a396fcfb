make_add
"$POME" convert add.mil add.mlpackage
"$POME" convert add.mil add.mlpackage
