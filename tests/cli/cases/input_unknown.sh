make_add
"$POME" predict add.mil -i z=1
