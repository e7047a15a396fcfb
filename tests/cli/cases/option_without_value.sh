"$POME" predict add.mil --device
