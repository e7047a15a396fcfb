"$POME" predict add.mil --numerics exact
