make_two
"$POME" convert two.mil a.mlpackage
"$POME" convert a.mlpackage b.mlpackage
diff -r a.mlpackage b.mlpackage && echo "the same bytes"
"$POME" inspect b.mlpackage
