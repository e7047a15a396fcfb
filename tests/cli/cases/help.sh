"$POME" --help
