need_part images
make_pictures
make_picture 20
"$POME" predict picture.mlmodelc -i in=colors.png -o other=x.png
