make_weighted
"$POME" inspect weighted.mil
"$POME" inspect --text weighted.mil
