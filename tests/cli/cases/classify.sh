make_classes
for device in ref cpu; do "$POME" predict classes.mil -i p='[[0.25, 0.5, 0.125]]' --device $device; done
"$POME" predict classes.mil -i p='[[0.25, 0.5, 0.125]]' --json | sed 's/.*"outputs": //'
"$POME" predict classes.mil -i p='[[0.25, 0.25, 0.125]]' -o first.npz
unzip -l first.npz | awk '/npy/ {print $4}'
"$POME" inspect classes.mil
