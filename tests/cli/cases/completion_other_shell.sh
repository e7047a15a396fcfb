"$POME" completion tcsh
