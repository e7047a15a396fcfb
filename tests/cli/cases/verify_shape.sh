make_four '{}' '[1, 2, 3, 4]'
make_array short.npz y fp32 3 '[1, 2, 3]'
"$POME" verify four/model.mil --inputs four/in.npz --expect short.npz
