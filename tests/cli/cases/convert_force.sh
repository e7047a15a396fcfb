make_add
make_index
"$POME" convert add.mil it.mlpackage
"$POME" convert index.mil it.mlpackage/ --force --json
"$POME" inspect it.mlpackage | head -n 1
ls -A
