#!/usr/bin/env bash
# usage: shrunk.sh POME [TURNS]   Cuts the weights of a model while `pome bench` predicts with them. Whether the cut comes between two
# predictions or in the midst of one, the end is a message and an exit status, never a signal.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/models.sh"
pome=$(realpath "$1")
turns=${2:-20}
n=2048
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >model.mil <<MIL
program(1.0)
{
    func main<ios16>(tensor<fp16, [1, $n]> x) {
            tensor<fp16, [$n, $n]> w = const()[name = tensor<string, []>("w"), val = tensor<fp16, [$n, $n]>(BLOBFILE(path = tensor<string, []>("@model_path/weight.bin"), offset = tensor<uint64, []>(64)))];
            tensor<fp16, [1, $n]> y = linear(x = x, weight = w)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL

between=0 amidst=0
for ((turn = 0; turn < turns && (between == 0 || amidst == 0); turn++)); do
  make_zero_weights 1 $((2 * n * n)) # fp16
  "$pome" bench model.mil --threads 1 -n 1000000 --warm-up 0 >stdout 2>stderr &
  child=$!
  sleep "0.$((RANDOM % 3 + 1))$((RANDOM % 10))"
  truncate -s 4096 weight.bin
  status=0
  wait $child || status=$?
  if [[ $status != 5 ]]; then
    echo "exit status $status, expected 5"
    cat stderr
    exit 1
  fi
  case $(head -n 1 stderr) in
    "pome: the file has shrunk to 4096 bytes"*) between=$((between + 1)) ;;
    "pome: a file became shorter while it was read"*) amidst=$((amidst + 1)) ;;
    *) cat stderr; exit 1 ;;
  esac
done
echo "shrunk: cut $between times between two predictions, $amidst times in the midst of one"
((amidst > 0))
