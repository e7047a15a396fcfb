#!/usr/bin/env bash
# Whole models against their golden folders: golden.sh POME
#
# The folders are optional test data, found through $POME_SHARED or in ../shared beside the checkout: everything below
# models/, the ML programs and pipelines of them in zoo/, and the language models llm/tiny_*. Each must agree on the reference and on the cpu device, in both
# numerics that tolerances hold for; and a compiled bundle must answer bit for bit as the package it came from.
# The models of this repository (models/) are checked always.
set -uo pipefail

POME=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shared=${POME_SHARED:-$root/../shared}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

folders_in() { # FOLDER...: every folder below that has a golden.json
  find -L "$@" -name golden.json 2>/dev/null | sort | sed 's|/golden.json$||'
}

verify() { # NAME FOLDER...
  local name=$1 device numerics
  shift
  for device in ref cpu; do
    for numerics in strict fast; do
      if "$POME" verify --golden "$@" --device $device --numerics $numerics -q >"$work/out" 2>&1; then
        echo "ok   $name on $device, $numerics: $(tail -n 1 "$work/out")"
      else
        echo "FAIL $name on $device, $numerics"
        grep -v '^ok ' "$work/out" | sed 's/^/    /'
        failed=$((failed + 1))
      fi
    done
  done
}

# Model that a golden folder names.
model_of() { sed -n 's/.*"model": "\([^"]*\)".*/\1/p' "$1/golden.json" | head -n 1; }

compare_twin() { # PACKAGE-FOLDER: its twin is FOLDER.mlmodelc
  local device package=$1 bundle=$1.mlmodelc
  for device in ref cpu; do
    if ! "$POME" predict "$package/$(model_of "$package")" --device $device --inputs "$package/inputs_0.npz" -o "$work/a.npz" ||
      ! "$POME" predict "$bundle/$(model_of "$bundle")" --device $device --inputs "$bundle/inputs_0.npz" -o "$work/b.npz" ||
      ! cmp "$work/a.npz" "$work/b.npz"; then
      echo "FAIL $(basename "$package") and its compiled bundle differ on $device"
      failed=$((failed + 1))
    fi
  done
}

mapfile -t own < <(folders_in "$root/models")
((${#own[@]} == 0)) || verify "own models" "${own[@]}"

if [[ ! -d $shared/models ]]; then
  echo "SKIP: no $shared/models (set POME_SHARED): whole models were not checked"
else
  mapfile -t folders < <(folders_in "$shared/models")
  verify "models" "${folders[@]}"
  twins=0
  for folder in "${folders[@]}"; do
    [[ -d $folder.mlmodelc ]] || continue
    compare_twin "$folder"
    twins=$((twins + 1))
  done
  echo "$twins compiled bundles compared with their packages"
fi
if ! compgen -G "$shared/llm/tiny_*" >/dev/null; then
  echo "SKIP: no $shared/llm/tiny_* (set POME_SHARED): language models were not checked"
else
  mapfile -t folders < <(folders_in "$shared"/llm/tiny_*)
  verify "language models" "${folders[@]}"
fi
if [[ ! -d $shared/zoo ]]; then
  echo "SKIP: no $shared/zoo (set POME_SHARED): images, classifiers, pipelines and whole networks were not checked"
else
  # Models of classic types other than networks do not run yet; their names say so.
  mapfile -t folders < <(folders_in "$shared/zoo" | grep -v '/classic_[^/]*$')
  verify "zoo" "${folders[@]}"
fi
((failed == 0))
