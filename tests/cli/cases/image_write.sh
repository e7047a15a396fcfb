# A picture that is written reads as what was printed.
need_part images
make_pictures
make_picture 20
"$POME" predict picture.mlmodelc -i in=colors.png -o out=first.png
"$POME" predict picture.mlmodelc -i in=first.png
make_picture 10
"$POME" predict picture.mlmodelc -i in=gray.png -o second.png
"$POME" predict picture.mlmodelc -i in=second.png
