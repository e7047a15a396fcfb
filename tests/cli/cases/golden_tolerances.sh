# One element of four is 0.4 off: each kind of tolerance on either side of it.
try() {
  make_four "$1" '[1, 2, 3, 4.4]'
  "$POME" verify --golden four
  echo "$1: $?"
}
for limit in 0.3 0.5; do try "{\"max_abs\": $limit}"; done
for limit in 0.09 0.11; do try "{\"y\": {\"mean_abs\": $limit}}"; done
for limit in 0.06 0.07; do try "{\"rel_l2\": $limit}"; done
for limit in 0.09 0.1; do try "{\"atol\": 0, \"rtol\": $limit}"; done
for limit in 0.2 0.25; do try "{\"atol\": 0.01, \"mismatch_ratio\": $limit}"; done
try '{"max_abs": 0.5, "rel_l2": 0.06}'
try '"exact"'
try '{"z": {"max_abs": 9}}'
try '{"max_abs": -1}'
try '{"y": {"near": 1}}'
