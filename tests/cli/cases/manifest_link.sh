make_package bad.mlpackage model.mlmodel
ln -s /etc/passwd bad.mlpackage/Data/model.mlmodel
"$POME" inspect bad.mlpackage
