make_add
"$POME" inspect add.mil --graph add.dot && cat add.dot
"$POME" inspect add.mil --graph add.gif
echo "status $?"
PATH=/nowhere "$POME" inspect add.mil --graph add.svg
