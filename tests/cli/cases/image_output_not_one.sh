need_part images
make_index
"$POME" predict index.mil -i i='[1, 2]' -o twice=x.png
