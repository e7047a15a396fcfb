for verb in inspect predict verify debug bench run convert completion; do
  "$POME" $verb --help
done
