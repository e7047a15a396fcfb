"$POME" doctor add.mil
