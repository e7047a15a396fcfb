need_folio
"$POME" run "$FOLIO" "ROMEO:" -n 20 --temp 0 >a.txt
echo "ROMEO:" | "$POME" run "$FOLIO" -n 20 --temp 0 >b.txt
cmp a.txt b.txt && echo same
