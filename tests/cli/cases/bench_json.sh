make_add
"$POME" bench add.mil -n 5 --json --device ref --threads 1 | grep -o '"[a-z_]*":'
