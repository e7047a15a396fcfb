mkdir golden
echo '{"calls": [1]}' >golden/golden.json
"$POME" verify --golden golden
