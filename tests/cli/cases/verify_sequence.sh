make_total
"$POME" predict total.mil -i step@0=1 -i step@1=2.5 --states -o expected.npz
"$POME" verify total.mil -i step@0=1 -i step@1=2.5 --expect expected.npz
"$POME" verify total.mil -i step@0=1 -i step@1=3 --expect expected.npz
