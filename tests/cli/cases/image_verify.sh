# Golden arrays of images are bytes in RGB order; a level of difference is allowed, two are not.
need_part images
make_pictures
make_picture 30
"$POME" predict picture.mlmodelc -i in=colors.png -o out.npz
make_array in.npz in uint8 2,3,3 '[[[255,0,0],[0,255,0],[0,0,255]],[[10,20,30],[40,50,60],[255,255,255]]]'
"$POME" verify picture.mlmodelc --inputs in.npz --expect out.npz
make_array near.npz out uint8 2,3,3 '[[[1,254,255],[255,0,255],[255,255,17]],[[245,235,241],[215,205,211],[0,0,16]]]'
"$POME" verify picture.mlmodelc --inputs in.npz --expect near.npz
make_array far.npz out uint8 2,3,3 '[[[2,254,255],[255,0,255],[255,255,17]],[[245,235,241],[215,205,211],[0,0,16]]]'
"$POME" verify picture.mlmodelc --inputs in.npz --expect far.npz
