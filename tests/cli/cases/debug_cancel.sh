# The sum cancels: without error of its own, it magnifies the rounding before it.
make_cancel cancel.mil 1.1
"$POME" debug cancel.mil -i x='[100.1, -33.37, 77.77, -99.3, 45.2, -92.2]'
