make_two
"$POME" inspect two.mil
"$POME" inspect two.mil --function twice --json
