make_cancel cancel.mil 1.1
"$POME" debug cancel.mil --devices cpu,ref -i x='[1, 2, 3, 4, 5, 6]'
