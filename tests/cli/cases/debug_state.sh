# The last step of a sequence; operations on states do not run alone.
make_total
"$POME" debug total.mil -i step@0=1 -i step@1=2.0004 -i step@2=0.0001
