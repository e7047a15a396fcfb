[[ -e /dev/full ]] || { echo "pome: cannot write to the standard output: full" >&2; exit 5; }
"$POME" --help >/dev/full
