# A model of no type, and a compiled program whose text is gone.
put_hex 08011200 >none.mlmodel
"$POME" inspect none.mlmodel
make_picture 20
rm picture.mlmodelc/model.mil
"$POME" inspect picture.mlmodelc
