make_blob 64 136
"$POME" inspect blob.mlmodelc
