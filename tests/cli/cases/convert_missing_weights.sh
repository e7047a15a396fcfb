make_weighted
"$POME" convert weighted.mil weighted.mlpackage
status=$?
ls -A
exit $status
