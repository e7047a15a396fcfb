printf "program(1.0)\n{\n  func main<ios16>(tensor<fp32, [2]> x) {\n" >cut.mil
"$POME" inspect cut.mil
