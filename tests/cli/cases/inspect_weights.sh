make_blob 64 128
"$POME" inspect blob.mlmodelc --weights
