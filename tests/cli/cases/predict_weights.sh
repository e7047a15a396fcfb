make_blob 64 128
"$POME" predict blob.mlmodelc -i x='[1, 1, 1, 1]'
