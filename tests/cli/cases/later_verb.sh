"$POME" debug add.mil
