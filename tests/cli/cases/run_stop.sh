need_folio
go() { "$POME" run "$FOLIO" "ROMEO:" -n 40 --temp 0 "$@"; }
go >whole.txt
go --stop "nowhere in it" | cmp - whole.txt && echo "nothing held back is lost"
word=$(tail -c +15 whole.txt | head -c 6)
go --stop "nowhere" --stop "$word" --json | grep -o '"stop": "[a-z]*"'
text=$(go --stop "$word")
[[ $text != *"$word"* && $(cat whole.txt) == "$text"* ]] && echo "ends before the stop text"
