# The fp16 overflow is planted in `square`.
make_overflow
"$POME" debug overflow.mil -i x='[[0.25, 0.5], [1, 2]]'
