make_cancel cancel.mil 1.25
"$POME" debug cancel.mil -i x='[1, 2, 3, 4, 5, 6]' -q --dump scaled=scaled.npy --dump total=both.npz >report
make_array expected.npz from_y fp16 6 '[1.25, 2.5, 3.75, 5, 6.25, 7.5]'
"$POME" predict archive.mil -i from_from_y=scaled.npy
tr -d '\0' <both.npz | grep -ao '[a-z]*:total.npy' | sort -u
