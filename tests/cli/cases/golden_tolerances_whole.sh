# A whole folder's tolerance does not loosen integers; one that names the output does.
mkdir whole
make_array whole/out.npz y int32 2 '[10, 21]'
cp archive.mil whole/model.mil
make_array whole/in.npz from_y int32 2 '[10, 20]'
calls='"calls": [{"inputs": "in.npz", "outputs": "out.npz"}]'
echo "{\"model\": \"model.mil\", $calls, \"tolerance\": {\"atol\": 2, \"rtol\": 0}}" >whole/golden.json
"$POME" verify --golden whole
echo "{\"model\": \"model.mil\", $calls, \"tolerance\": {\"y\": {\"atol\": 2, \"rtol\": 0}}}" >whole/golden.json
"$POME" verify --golden whole
