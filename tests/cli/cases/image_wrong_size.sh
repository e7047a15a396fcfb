need_part images
make_pictures
make_picture 20
sed -i 's/2, 3\]/2, 4]/g' picture.mlmodelc/model.mil
image=$(hex_bytes 3 "$(hex_bytes 4 "$(hex_number 1 4)$(hex_number 2 2)$(hex_number 3 20)")")
description=$(hex_bytes 1 "$(hex_text 1 in)$image")$(hex_bytes 10 "$(hex_text 1 out)$image")
put_hex "f6010000$(printf '%02x' $((${#description} / 2)))00000000000000$description" >picture.mlmodelc/coremldata.bin
"$POME" predict picture.mlmodelc -i in=colors.png
