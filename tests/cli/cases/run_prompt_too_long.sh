need_folio
"$POME" run "$FOLIO" "$(printf 'word %.0s' {1..5000})"
