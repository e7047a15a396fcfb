"$POME" verify total.mil
