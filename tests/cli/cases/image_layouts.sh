# The program of the BGR port sees blue first; gray files become color and color files gray.
need_part images
make_pictures
make_picture 30
"$POME" predict picture.mlmodelc -i in=colors.png
"$POME" predict picture.mlmodelc -i in=gray.png
make_picture 10
"$POME" predict picture.mlmodelc -i in=colors.png
"$POME" predict picture.mlmodelc -i in=even.jpg
