make_index
header="{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"
printf '\x93NUMPY\x01\x00%b\x00%s' "\\x$(printf %x ${#header})" "$header" >huge.npy
"$POME" predict index.mil -i i=huge.npy
