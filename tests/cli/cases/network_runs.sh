# A neural network, x -> y, of a rectifier and a multiplication by 3.
port() { hex_bytes "$1" "$(hex_text 1 "$2")$(hex_bytes 3 "$(hex_bytes 5 "$(hex_number 1 2)$(hex_number 2 65568)")")"; }
rectifier=$(hex_bytes 1 "$(hex_text 1 first)$(hex_text 2 x)$(hex_text 3 h)$(hex_bytes 130 "$(hex_bytes 10 "")")")
triple=$(hex_bytes 1 "$(hex_text 1 second)$(hex_text 2 h)$(hex_text 3 y)$(hex_bytes 231 0d00004040)")
description=$(hex_bytes 2 "$(port 1 x)$(port 10 y)")
put_hex "$(hex_number 1 4)$description$(hex_bytes 500 "$rectifier$triple$(hex_number 5 1)")" >net.mlmodel
"$POME" inspect net.mlmodel --text
"$POME" predict net.mlmodel -i x='[-1, 2]'
