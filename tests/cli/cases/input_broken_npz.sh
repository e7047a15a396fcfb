make_index
echo no zip >bad.npz
"$POME" predict index.mil --inputs bad.npz
