make_add
mkdir -p keep.mlpackage
echo precious >keep.mlpackage/letter
"$POME" convert add.mil keep.mlpackage --force
status=$?
cat keep.mlpackage/letter
exit $status
