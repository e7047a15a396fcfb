#!/usr/bin/env bash
# usage: wheel.sh [FOLDER]   Builds the shared library and a wheel that carries it, into FOLDER (dist). The library needs those of
# the system that it is built on (jansson, libzip, PCRE2): the wheel is for machines like this one.
set -euo pipefail
out=$(realpath -m "${1:-dist}")
cd "$(dirname "$0")/.."
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S . -B "$build/cmake" -G Ninja -DWITH_TESTS=OFF -DWITH_APPS=OFF ${CMAKE_FLAGS:-} >/dev/null
ninja -C "$build/cmake" --quiet ${JOBS:+-j "$JOBS"} pome_shared
cp -r python "$build/python" # a copy: the checkout stays as it is
library=$build/cmake/libpome.so
[[ -e $library ]] || library=$build/cmake/libpome.dylib
POME_LIBRARY=$library python3 -m pip wheel --quiet --no-deps --wheel-dir "$out" "$build/python"
ls "$out"/pome-*.whl
