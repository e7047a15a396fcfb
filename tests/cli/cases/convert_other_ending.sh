make_add
"$POME" convert add.mil add.mlmodelc
