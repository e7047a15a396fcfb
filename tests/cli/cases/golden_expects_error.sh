make_golden 3.5
sed -i 's/"source"/"expects_error": true, "source"/' golden/golden.json
"$POME" verify --golden golden
make_archive golden/in_0.npz wrong 1
"$POME" verify --golden golden
