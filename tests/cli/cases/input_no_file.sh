make_index
"$POME" predict index.mil -i i=absent.npy
