# The other model has another scale in one operation, and its arguments in another order.
make_cancel wrong.mil 1.5
make_cancel right.mil 1.25
sed -i 's/mul(x = x, y = fp16(1.25))/mul(y = fp16(1.25), x = x)/' right.mil
"$POME" debug wrong.mil --with right.mil -i x='[1, 2, 3, 4, 5, 6]'
