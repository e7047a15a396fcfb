#!/usr/bin/env bash
# Recorded operations: opcases.sh POME
#
# $POME_SHARED/conformance/opcases (or ../shared beside the checkout) holds small programs with the results that coremltools'
# own tests expect. Every one that has a golden.json must agree on the reference and on the cpu device, in both numerics; one
# process takes all folders. Those without are listed with the reason why they prove nothing.
set -uo pipefail

POME=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cases=${POME_SHARED:-$root/../shared}/conformance/opcases
out=$(mktemp)
trap 'rm -f "$out"' EXIT

if [[ ! -d $cases ]]; then
  echo "SKIP: no $cases (set POME_SHARED): recorded operations were not checked"
  exit 0
fi
cd "$cases" || exit 1

reason() { # CASE
  case $(grep -o '"[a-z_]*": [0-9]*' "$1/case.json" | tr '\n' ' ') in
  *'"non_maximum_suppression"'*) echo "non_maximum_suppression: scores rounded to fp16 make other boxes survive than the recorded fp32 ones" ;;
  *'"lstm"'*) echo "lstm: the expected shape is not the one that the program declares" ;;
  *) echo "NO REASON KNOWN" ;;
  esac
}

outside=0 unexplained=0
golden=()
for case in */; do
  case=${case%/}
  if [[ -f $case/golden.json ]]; then
    golden+=("$case")
  else
    why=$(reason "$case")
    echo "out of scope: $case  $why"
    outside=$((outside + 1))
    [[ $why != NO* ]] || unexplained=$((unexplained + 1))
  fi
done

failed=0
for device in ref cpu; do
  for numerics in strict fast; do
    if "$POME" verify --golden "${golden[@]}" --device $device --numerics $numerics -q >"$out" 2>&1; then
      echo "ok   $device, $numerics: $(tail -n 1 "$out")"
    else
      echo "FAIL $device, $numerics"
      grep -v '^ok ' "$out" | sed 's/^/    /'
      failed=$((failed + 1))
    fi
  done
done
echo "${#golden[@]} recorded cases ran in each, $outside are out of scope"
((failed == 0 && unexplained == 0 && ${#golden[@]} > 0))
