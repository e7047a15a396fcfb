make_blob 64 128
"$POME" bench blob.mlmodelc -n 5 --threads 1
