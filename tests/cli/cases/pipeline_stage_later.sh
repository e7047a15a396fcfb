# A pipeline of one tree ensemble (field 302), named net: x -> y.
port() { hex_bytes "$1" "$(hex_text 1 "$2")$(hex_bytes 3 "$(hex_bytes 5 "$(hex_number 1 2)$(hex_number 2 65568)")")"; }
description=$(hex_bytes 2 "$(port 1 x)$(port 10 y)")
stage=$(hex_number 1 3)$description$(hex_bytes 302 "")
pipeline=$(hex_bytes 202 "$(hex_bytes 1 "$stage")$(hex_text 2 net)")
put_hex "$(hex_number 1 3)$description$pipeline" >pipeline.mlmodel
"$POME" inspect pipeline.mlmodel
"$POME" inspect pipeline.mlmodel --json
"$POME" predict pipeline.mlmodel -i x='[1, 2]'
