for verb in inspect predict verify bench run convert completion; do
  "$POME" $verb --help
done
