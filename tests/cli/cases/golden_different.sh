make_golden 4
"$POME" verify --golden golden
