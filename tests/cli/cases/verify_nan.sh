# NaN equals NaN and infinity itself; a number is neither.
make_roots
"$POME" predict roots.mil -i x='[1, 0, -1, 4]' -o got.npz
"$POME" predict roots.mil -i x='[1, 0, -1, 4]'
"$POME" verify roots.mil -i x='[1, 0, -1, 4]' --expect got.npz
"$POME" verify roots.mil -i x='[1, 0, 1, 4]' --expect got.npz
"$POME" predict roots.mil -i x='[1, 0, -1, 4]' --json | grep -o '"values": .*'
