need_folio
"$POME" run "$FOLIO" hello --system "Be brief."
