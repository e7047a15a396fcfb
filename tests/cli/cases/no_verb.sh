"$POME"
