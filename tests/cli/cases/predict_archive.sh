make_total
"$POME" predict total.mil -i step@0=1 -i step@1=2.5 --states -o out.npz
make_archive in.npz step 4
"$POME" predict total.mil --inputs in.npz
"$POME" predict total.mil --inputs in.npz -i step=5
