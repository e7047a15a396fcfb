#!/usr/bin/env bash
# Reads every #include under src and apps and fails on one that points up or sideways in tools/ranks.txt.
# A folder with `only` may include just the listed folders besides the public headers.
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A rank only
while read -r folder number rest; do
  [[ -z $folder || $folder == \#* ]] && continue
  rank[$folder]=$number
  only[$folder]=${rest#only}
done <tools/ranks.txt

home_of() { # the ranked folder a path lies in
  local path=$1
  while [[ $path == */* ]]; do
    path=${path%/*}
    [[ -n ${rank[$path]:-} ]] && { echo "$path"; return; }
  done
}

bad=0 seen=0
for file in $(find src apps -name '*.[ch]' | sort); do
  home=$(home_of "$file")
  if [[ -z $home ]]; then
    echo "$file: its folder has no rank in tools/ranks.txt"
    bad=$((bad + 1))
    continue
  fi
  while read -r included; do
    [[ $included == */* ]] || continue
    seen=$((seen + 1))
    if [[ -e apps/$included && ! -e src/$included ]]; then
      target=apps
    else
      target=$(home_of "src/$included")
    fi
    if [[ -z $target ]]; then
      echo "$file: includes \"$included\", which is in no ranked folder"
      bad=$((bad + 1))
    elif [[ $target != "$home" ]]; then
      if ((rank[$target] >= rank[$home])); then
        echo "$file: $home (rank ${rank[$home]}) includes $target (rank ${rank[$target]})"
        bad=$((bad + 1))
      elif [[ -n ${only[$home]} && " ${only[$home]} " != *" ${target#src/} "* ]]; then
        echo "$file: $home may include only${only[$home]}, not ${target#src/}"
        bad=$((bad + 1))
      fi
    fi
  done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file")
done
echo "layers: $seen includes checked, $bad wrong"
((bad == 0 && seen > 0))
