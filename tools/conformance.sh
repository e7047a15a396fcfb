#!/usr/bin/env bash
# usage: conformance.sh [SUITE...] [--sample] [--every N] [--shard I/N] [--strict 0.01] [--device D] [--beside D] [--numerics N]
#                       [--jobs N] [--again] [--fresh]
# coremltools' own tests on pome: builds the shared library, makes a virtual environment with coremltools 9.0 and torch 2.13.0
# in build/conformance, runs the suites (all without a name) and prints one table. CONFORMANCE_PYTHON names an interpreter that
# has all that already. See docs/conformance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
work=build/conformance
mkdir -p "$work"

say() { echo "conformance: $*" >&2; }

python=${CONFORMANCE_PYTHON:-$work/venv/bin/python}
if [[ ! -x $python ]]; then
  say "making $work/venv"
  python3 -m venv "$work/venv"
  "$python" -m pip install -q coremltools==9.0 torch==2.13.0 "numpy<2" "scipy<1.15" scikit-learn==1.5.1 "pandas<2.3" pillow "setuptools<80" \
    requests mock pytest pytest-xdist pytest-asyncio pytest-mock parameterized ||
    { rm -rf "$work/venv"; say "the packages cannot be installed here: NOTHING WAS TESTED"; exit 5; }
  "$python" -m pip install -q --no-deps torchvision==0.28.0 || say "no torchvision: its tests are skipped"
fi
if [[ -z ${POME_LIBRARY:-} ]]; then
  test -f "$work/cmake/build.ninja" || cmake -S . -B "$work/cmake" -G Ninja -DWITH_TESTS=OFF -DWITH_APPS=OFF >/dev/null
  ninja -C "$work/cmake" --quiet pome_shared
  POME_LIBRARY=$PWD/$work/cmake/libpome.so
fi
POME_LIBRARY=$(realpath "$POME_LIBRARY") exec "$python" tools/conformance/run.py "$@"
