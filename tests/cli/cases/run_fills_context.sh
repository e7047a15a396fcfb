need_folio
"$POME" run "$FOLIO" "ROMEO:" -n 1000000 --seed 3 --json >out.json
grep -o '"stop": "[a-z]*"' out.json
"$POME" run "$FOLIO" "ROMEO:" -n 1000000 --seed 3 | iconv -f UTF-8 -t UTF-8 >/dev/null && echo "whole characters"
