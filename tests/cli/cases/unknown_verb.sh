"$POME" preditc add.mil
