"$POME" inspect add.mil b.mil
