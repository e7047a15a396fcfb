#!/usr/bin/env bash
# usage: test.sh JOBS [CMAKE FLAG...]   Builds with warnings as errors and runs every test, then a listed subset once more under
# AddressSanitizer and UndefinedBehaviorSanitizer, and what runs on many threads under ThreadSanitizer.
set -euo pipefail
cd "$(dirname "$0")/../.."
jobs=$1
shift

# Tests that run a second time under the sanitizers: all that parse, evaluate or manage memory.
sanitized='^(unit/|fuzz/|cli/cases)'

# Tests that run under ThreadSanitizer; their programs alone are built.
threaded=(test_threads test_pool)

run() { # folder, ctest arguments, targets ("": all), cmake arguments
  local folder=$1 pattern=$2 targets=$3
  shift 3
  cmake -S . -B "$folder" -G Ninja -DWITH_WERROR=ON "$@" >/dev/null
  # shellcheck disable=SC2086 # a list
  ninja -C "$folder" -j "$jobs" --quiet $targets
  ctest --test-dir "$folder" --output-on-failure -j "$jobs" -R "$pattern"
  # What tests left out stands in their own output, which ctest shows only when they fail.
  grep -h 'SKIP:' "$folder/Testing/Temporary/LastTest.log" | sort | uniq -c | sort -rn || true
}

run build-test '.*' "" "$@"
echo "once more under AddressSanitizer and UndefinedBehaviorSanitizer:"
ASAN_OPTIONS=detect_leaks=1 run build-asan "$sanitized" "" -DWITH_SANITIZERS=ON -DWITH_SHARED=OFF "$@"
echo "threads under ThreadSanitizer:"
run build-tsan "^unit/($(IFS='|' && echo "${threaded[*]}"))\$" "${threaded[*]}" -DWITH_SHARED=OFF "$@" -DWITH_THREAD_SANITIZER=ON \
  -DWITH_APPS=OFF -DWITH_LLM=OFF
