make_total
"$POME" convert total.mil total.mlpackage
find total.mlpackage -type f | sort
"$POME" inspect total.mlpackage
"$POME" predict total.mlpackage -i step@0=2 -i step@1=3 --device ref
ls -A
