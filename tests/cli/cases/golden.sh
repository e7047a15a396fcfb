make_golden 3.5
"$POME" verify --golden golden
"$POME" verify total.mil --golden golden golden -v --device ref
