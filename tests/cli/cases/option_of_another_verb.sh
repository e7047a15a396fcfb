"$POME" inspect add.mil --golden x
