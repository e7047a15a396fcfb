# A linear model of two numbers, 1 a + 2 b + 0.1 in double, and a classifier of three classes.
number() { hex_bytes "$1" "$(hex_text 1 "$2")$(hex_bytes 3 "$(hex_bytes 2 "")")"; }
row() { hex_bytes 1 "$(hex_bytes 1 "$1")"; }
one=000000000000f03f
two=0000000000000040
tenth=9a9999999999b93f
ports=$(hex_bytes 2 "$(number 1 a)$(number 1 b)$(number 10 y)$(hex_text 11 y)")
put_hex "$(hex_number 1 1)$ports$(hex_bytes 300 "$(row $one$two)$(hex_bytes 2 $tenth)")" >linear.mlmodel
"$POME" inspect linear.mlmodel
"$POME" predict linear.mlmodel -i a=1 -i b=1 --json
label=$(hex_bytes 10 "$(hex_text 1 kind)$(hex_bytes 3 "$(hex_bytes 3 "")")")
shares=$(hex_bytes 10 "$(hex_text 1 p)$(hex_bytes 3 "$(hex_bytes 6 "$(hex_bytes 2 "")")")")
ports=$(hex_bytes 2 "$(number 1 a)$label$shares$(hex_text 11 kind)$(hex_text 12 p)")
names=$(hex_bytes 100 "$(hex_text 1 small)$(hex_text 1 large)$(hex_text 1 huge)")
put_hex "$(hex_number 1 1)$ports$(hex_bytes 400 "$(row $one)$(row $two)$(hex_bytes 2 $tenth$tenth)$names")" >kinds.mlmodel
"$POME" predict kinds.mlmodel -i a=-3
"$POME" convert linear.mlmodel linear.mlpackage
