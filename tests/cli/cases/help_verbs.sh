for verb in inspect predict verify debug bench run tokenize convert completion; do
  "$POME" $verb --help
done
