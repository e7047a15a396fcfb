# A Model of specification version 3 whose type is field 300, glmRegressor, and empty.
put_hex 08031200e21200 >linear.mlmodel
"$POME" inspect linear.mlmodel
"$POME" predict linear.mlmodel
