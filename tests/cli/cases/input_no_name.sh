make_add
"$POME" predict add.mil -i 5
