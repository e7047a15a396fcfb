"$POME" --version
