"$POME" predict add.mil --numerics turbo
