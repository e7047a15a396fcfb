"$POME" predict add.mil --jsno
