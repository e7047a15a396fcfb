"$POME" predict -q
