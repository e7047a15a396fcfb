need_part images
make_index
make_pictures
"$POME" predict index.mil -i i=colors.png
