make_index
header="{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }"
printf '\x93NUMPY\x01\x00%b\x00%s\x00\x07\xff\xff' "\\x$(printf %x ${#header})" "$header" >two.npy
"$POME" predict index.mil -i i=two.npy
