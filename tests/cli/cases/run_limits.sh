need_folio
go() { "$POME" run "$FOLIO" "ROMEO:" -n 20 --seed 3 "$@"; }
go --temp 0 >greedy.txt
go --temp 1 --min-p 1 | cmp - greedy.txt && echo "min-p 1 takes the likeliest"
go --temp 0 --repeat-penalty 50 | cmp -s - greedy.txt || echo "a penalty changes the text"
"$POME" run "$FOLIO" "ROMEO:" --ctx 20 --json | grep -o '"stop": "[a-z]*"'
"$POME" run "$FOLIO" "ROMEO:" --ctx 1000000
