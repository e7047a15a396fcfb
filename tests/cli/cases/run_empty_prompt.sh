need_folio
"$POME" run "$FOLIO" "" -n 5 --temp 0 --json | grep -o '"written_tokens": 5'
