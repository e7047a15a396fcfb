make_add
"$POME" inspect add.mil --text --json | head -c 40
echo
