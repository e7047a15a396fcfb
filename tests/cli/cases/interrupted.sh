make_add
timeout --foreground --preserve-status -s INT 1 "$POME" bench add.mil -n 1000000 --warm-up 1000000
