# An array that is no image, and one whose channels are not the port's.
make_picture 20
make_array in.npz in uint8 2,3 '[[1,2,3],[4,5,6]]'
"$POME" predict picture.mlmodelc --inputs in.npz
make_array in.npz in int32 2,3 '[[1,2,3],[4,5,6]]'
"$POME" predict picture.mlmodelc --inputs in.npz
