make_golden 3.5
"$POME" verify --golden golden absent
