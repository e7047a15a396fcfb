make_overflow
"$POME" debug overflow.mil -i x='[[0.25, 0.5], [1, 2]]' --json
