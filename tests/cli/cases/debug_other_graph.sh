make_cancel cancel.mil 1
make_overflow
"$POME" debug cancel.mil --with overflow.mil -i x='[1, 2, 3, 4, 5, 6]'
