make_total
make_archive in.npz step 1
make_archive good.npz now 1.002
"$POME" verify total.mil --inputs in.npz --expect good.npz
