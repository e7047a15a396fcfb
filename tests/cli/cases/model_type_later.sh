# A Model of specification version 3 whose type is field 302, treeEnsembleRegressor, and empty.
put_hex 08031200f21200 >tree.mlmodel
"$POME" inspect tree.mlmodel
"$POME" predict tree.mlmodel
