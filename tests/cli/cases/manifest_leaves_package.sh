make_package bad.mlpackage ../../../etc/passwd
"$POME" inspect bad.mlpackage
