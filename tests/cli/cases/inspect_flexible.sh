make_flexible
"$POME" inspect flexible.mlmodelc
