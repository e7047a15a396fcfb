#!/usr/bin/env bash
# usage: twins.sh POME   A package and the bundle compiled from it must give the same bytes. The pairs are golden folders NAME and
# NAME.mlmodelc under POME_SHARED or ../shared.
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

answer() { # golden folder, output file, device
  local model
  model=$1/$(sed -n 's/.*"model": *"\([^"]*\)".*/\1/p' "$1/golden.json")
  "$pome" predict "$model" --device "$3" --inputs "$golden/$name/inputs_0.npz" -o "$2"
}

pairs=0
for folder in "$golden"/*.mlmodelc; do
  name=$(basename "$folder" .mlmodelc)
  [[ -d $golden/$name ]] || continue
  for device in ref cpu; do
    answer "$golden/$name" "$work/package.npz" "$device"
    answer "$folder" "$work/compiled.npz" "$device"
    cmp "$work/package.npz" "$work/compiled.npz"
  done
  pairs=$((pairs + 1))
done
echo "twins: $pairs pairs give the same bytes on ref and on cpu"
((pairs > 0))
