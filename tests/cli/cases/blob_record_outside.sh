make_blob 100000 128
"$POME" inspect blob.mlmodelc
