# A Model of specification version 3 whose type is field 500, neuralNetwork, and empty.
put_hex 08031200a21f00 >net.mlmodel
"$POME" inspect net.mlmodel
"$POME" predict net.mlmodel
