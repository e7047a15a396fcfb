# By key, in any order; a key that is missing is a difference.
make_classes
mkdir golden
make_array golden/in.npz p fp32 1,3 '[[0.25, 0.5, 0.125]]'
"$POME" predict classes.mil -i p='[[0.25, 0.5, 0.125]]' -o golden/out.npz
echo '{"model": "../classes.mil", "calls": [{"inputs": "in.npz", "outputs": "out.npz", "tolerance": {"label_probs.values": {"max_abs": 0}, "label_probs.keys": "exact"}}]}' >golden/golden.json
"$POME" verify --golden golden -v 2>/dev/null
sed -i 's/"cat", "dog"/"dog", "cat"/' classes.mil
"$POME" verify --golden golden
sed -i 's/"cat"/"bird"/' classes.mil
"$POME" verify --golden golden
