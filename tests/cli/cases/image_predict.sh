need_part images
make_picture 20
make_pictures
"$POME" predict picture.mlmodelc -i in=colors.png
# What lies in the file counts, not its name.
cp alpha.png picture.bin
"$POME" predict picture.mlmodelc -i in=picture.bin --json | sed 's/.*"outputs": //'
