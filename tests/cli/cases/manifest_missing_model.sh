make_package bad.mlpackage model.mlmodel
"$POME" inspect bad.mlpackage
