need_folio
write() { "$POME" run "$FOLIO" "ROMEO:" -n 40 --temp 1 --top-k 0 --top-p 1 --seed "$1"; }
write 1 >a.txt
write 1 >b.txt
write 2 >c.txt
cmp a.txt b.txt && echo "same seed, same text"
cmp -s a.txt c.txt || echo "other seed, other text"
