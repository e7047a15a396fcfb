make_index
printf "\\x93NUMPY\\x01\\x00\\xff" >bad.npy
"$POME" predict index.mil -i i=bad.npy
