need_part images
make_pictures
make_picture 20
head -c 70 colors.png >cut.png
head -c 140 even.jpg >cut.jpg
echo text >text.png
: >empty.png
for file in cut.png cut.jpg text.png empty.png none.png; do "$POME" predict picture.mlmodelc -i in=$file; done
