for verb in inspect predict verify bench run completion; do
  "$POME" $verb --help
done
