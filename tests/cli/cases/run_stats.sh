need_folio
"$POME" run "$FOLIO" "ROMEO:" -n 20 --temp 0 --seed 5 --device cpu --stats >text.txt
