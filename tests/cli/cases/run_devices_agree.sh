need_folio
for device in ref cpu; do "$POME" run "$FOLIO" "ROMEO:" --temp 0 -n 24 --device $device >$device.txt; done
cmp ref.txt cpu.txt && [[ -s ref.txt ]] && echo same
