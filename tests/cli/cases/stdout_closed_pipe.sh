make_add
set +e
mkfifo pipe
: <pipe &
exec 3>pipe
wait
"$POME" inspect add.mil >&3
echo "exit $?"
