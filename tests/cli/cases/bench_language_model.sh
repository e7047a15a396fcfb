need_folio
"$POME" bench "$FOLIO" -n 1 --device cpu
"$POME" bench "$FOLIO" -n 1 --device cpu --json | grep -o '"[a-z_]*tokens_per_second"'
