mkdir -p empty.mlpackage/Data
"$POME" inspect empty.mlpackage
