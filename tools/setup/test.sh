#!/usr/bin/env bash
# usage: test.sh JOBS [CMAKE FLAG...]   Builds with warnings as errors and runs every test, then a listed subset once more under
# AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail
cd "$(dirname "$0")/../.."
jobs=$1
shift

# Tests that run a second time under the sanitizers: all that parse, evaluate or manage memory.
sanitized='^(unit/|fuzz/|cli/cases)'

run() { # folder, ctest arguments, cmake arguments
  local folder=$1 pattern=$2
  shift 2
  cmake -S . -B "$folder" -G Ninja -DWITH_WERROR=ON "$@" >/dev/null
  ninja -C "$folder" -j "$jobs" --quiet
  ctest --test-dir "$folder" --output-on-failure -j "$jobs" -R "$pattern"
  # What tests left out stands in their own output, which ctest shows only when they fail.
  grep -h 'SKIP:' "$folder/Testing/Temporary/LastTest.log" | sort | uniq -c | sort -rn || true
}

run build-test '.*' "$@"
echo "once more under AddressSanitizer and UndefinedBehaviorSanitizer:"
ASAN_OPTIONS=detect_leaks=1 run build-asan "$sanitized" -DWITH_SANITIZERS=ON -DWITH_SHARED=OFF "$@"
