need_folio
"$POME" run "$FOLIO" "ROMEO:" -n 200 --seed 3 | head -c 10 | wc -c | tr -d ' '
echo "${PIPESTATUS[0]}"
