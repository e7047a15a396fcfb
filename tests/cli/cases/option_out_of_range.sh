"$POME" predict add.mil --threads 0
