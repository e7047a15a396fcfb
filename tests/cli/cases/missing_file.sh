"$POME" inspect nothing.mlpackage
