make_add
"$POME" debug add.mil --dump product=p.npy
