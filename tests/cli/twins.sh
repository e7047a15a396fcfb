#!/usr/bin/env bash
# usage: twins.sh POME   A package, the bundle compiled from it, and the package written from that bundle must give the same bytes.
# The pairs are golden folders NAME and NAME.mlmodelc under POME_SHARED or ../shared.
set -euo pipefail
cd "$(dirname "$0")/../.."
pome=$1
shared=${POME_SHARED:-../shared}
golden=$shared/models/silero_mobius/golden
if [[ ! -d $golden ]]; then
  echo "SKIP: no $golden; set POME_SHARED to the folder with test data"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

model_of() { # golden folder
  echo "$1/$(sed -n 's/.*"model": *"\([^"]*\)".*/\1/p' "$1/golden.json")"
}

answer() { # model, output file, device
  "$pome" predict "$1" --device "$3" --inputs "$golden/$name/inputs_0.npz" -o "$2"
}

pairs=0
for folder in "$golden"/*.mlmodelc; do
  name=$(basename "$folder" .mlmodelc)
  [[ -d $golden/$name ]] || continue
  "$pome" convert -q --force "$(model_of "$folder")" "$work/converted.mlpackage"
  for device in ref cpu; do
    answer "$(model_of "$golden/$name")" "$work/package.npz" "$device"
    answer "$(model_of "$folder")" "$work/compiled.npz" "$device"
    answer "$work/converted.mlpackage" "$work/converted.npz" "$device"
    cmp "$work/package.npz" "$work/compiled.npz"
    cmp "$work/package.npz" "$work/converted.npz"
  done
  pairs=$((pairs + 1))
done
echo "twins: $pairs pairs, and what is converted from their bundles, give the same bytes on ref and on cpu"
((pairs > 0))
