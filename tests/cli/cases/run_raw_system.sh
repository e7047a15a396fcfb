need_folio
"$POME" run "$FOLIO" --raw --system x hello
