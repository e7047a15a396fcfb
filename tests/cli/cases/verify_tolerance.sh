make_total
make_archive in.npz step 1
make_archive bad.npz now 1.5
"$POME" verify total.mil --inputs in.npz --expect bad.npz --atol 0.5
