make_total
"$POME" inspect total.mil
