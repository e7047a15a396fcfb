make_total
make_archive in.npz step 1
make_archive bad.npz "then" 1
"$POME" verify total.mil --inputs in.npz --expect bad.npz
