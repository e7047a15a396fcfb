make_weighted
"$POME" predict weighted.mil -i 'x=[0,1,2,3,4,5,6,7,8,9,10,11]'
