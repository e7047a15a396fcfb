# Headers that promise 2^31 - 1 and 30000 pixels a side.
need_part images
make_picture 20
put_hex 89504e470d0a1a0a0000000d494844527fffffff7fffffff08020000009bab9c31 >huge.png
put_hex 89504e470d0a1a0a0000000d4948445200007530000075300802000000e9456fed000000104944415478da63f8cfc0c0c0a5f11f00086e0231c4a4ede90000000049454e44ae426082 >large.png
"$POME" predict picture.mlmodelc -i in=huge.png
"$POME" predict picture.mlmodelc -i in=large.png
