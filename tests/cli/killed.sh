#!/usr/bin/env bash
# usage: killed.sh POME [TURNS]   Kills `pome convert` at random moments: there is never a half package. Without --force the target
# is absent or whole; with --force the target is at every moment one of the two packages.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/models.sh"
pome=$(realpath "$1")
turns=${2:-20}
size=$((48 << 20))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

make_zero_weights 3 $size
model() { # NAME OUTPUT
  cat >"$1" <<MIL
program(1.0)
{
    func main<ios16>(tensor<fp32, [1]> x) {
            tensor<uint8, [$size]> w = const()[name = tensor<string, []>("w"), val = tensor<uint8, [$size]>(BLOBFILE(path = tensor<string, []>("@model_path/weight.bin"), offset = tensor<uint64, []>(64)))];
            tensor<fp32, [1]> $2 = add(x = x, y = x)[name = tensor<string, []>("$2")];
        } -> ($2);
}
MIL
}
model old.mil before
model new.mil after

whole() { # PACKAGE: opens, with all its weights
  "$pome" inspect "$1" >/dev/null && [[ $(stat -c %s "$1/Data/com.apple.CoreML/weights/weight.bin") == $((128 + size)) ]]
}

"$pome" convert old.mil kept.mlpackage
start=$(date +%s%N)
"$pome" convert old.mil kept.mlpackage --force
takes=$((($(date +%s%N) - start) / 1000000 + 1))
killed=0
absent=0
replaced=0
for ((turn = 0; turn < turns || (killed == 0 && turn < 10 * turns); turn++)); do
  for target in fresh kept; do
    force=()
    [[ $target == kept ]] && force=(--force)
    "$pome" convert new.mil $target.mlpackage "${force[@]}" &
    child=$!
    sleep "$(printf '0.%03d' $((RANDOM % (takes < 999 ? takes : 999))))"
    if kill -KILL $child 2>/dev/null; then killed=$((killed + 1)); fi
    wait $child 2>/dev/null || true
    if [[ $target == fresh && ! -e fresh.mlpackage ]]; then
      absent=$((absent + 1))
    else
      whole $target.mlpackage
    fi
  done
  if "$pome" inspect kept.mlpackage | grep -q after; then replaced=$((replaced + 1)); fi
  rm -rf fresh.mlpackage ./.*partial* ./.*.old-*
  "$pome" convert old.mil kept.mlpackage --force
done
echo "killed: $killed of $((2 * turn)) writers; $absent times no package, $replaced times the new one in place of the old, never a half one"
((killed > 0))
