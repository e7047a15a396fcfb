#!/usr/bin/env bash
# usage: fuzz.sh [--afl] [--seconds N] [TARGET...]   Fuzzes every target of tests/fuzz, or those named (run, npz ...), N seconds
# each (60). libFuzzer by default: clang, AddressSanitizer and UndefinedBehaviorSanitizer, in build-fuzz/. With --afl the same
# targets under AFL++, in build-afl/. What is found is kept in build-fuzz/found/TARGET or build-afl/out/TARGET; the exit status is 1
# when there is any. The corpus itself is not written to: new inputs stay in build-fuzz/corpus/TARGET.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "fuzz: $*" >&2; }

engine=libfuzzer
seconds=60
targets=()
while (($# > 0)); do
  case $1 in
  --afl) engine=afl ;;
  --seconds)
    seconds=${2:?--seconds needs a number}
    shift
    ;;
  -*)
    say "unknown option $1; usage: fuzz.sh [--afl] [--seconds N] [TARGET...]"
    exit 2
    ;;
  *) targets+=("$1") ;;
  esac
  shift
done
if ((${#targets[@]} == 0)); then
  for file in tests/fuzz/fuzz_*.c; do
    name=${file##*/fuzz_}
    targets+=("${name%.c}")
  done
fi

need() { # command, package
  command -v "$1" >/dev/null && return
  say "$1 is missing; install the package $2"
  exit 5
}

build() { # folder, prefix of the executables, cmake arguments
  local folder=$1 prefix=$2
  shift 2
  cmake -S . -B "$folder" -G Ninja -DWITH_APPS=OFF -DWITH_SHARED=OFF "$@" >/dev/null
  ninja -C "$folder" --quiet "${targets[@]/#/$prefix}"
}

# A slow input is a finding too: predictions are cancelled, so nothing may take longer than this.
timeout=20
memory=4096 # MiB

run_libfuzzer() {
  need clang clang
  CC=clang build build-fuzz fuzz_ -DWITH_FUZZERS=ON -DWITH_SANITIZERS=ON
  local status=0 target
  for target in "${targets[@]}"; do
    mkdir -p "build-fuzz/corpus/$target" "build-fuzz/found/$target"
    say "$target: $seconds s"
    "build-fuzz/tests/fuzz_$target" -max_total_time="$seconds" -timeout="$timeout" -rss_limit_mb="$memory" \
      -malloc_limit_mb=1024 -max_len=16384 -print_final_stats=1 -verbosity=0 \
      -artifact_prefix="build-fuzz/found/$target/" "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target" ||
      { say "$target: a finding in build-fuzz/found/$target"; status=1; }
  done
  return $status
}

run_afl() {
  need afl-clang-fast afl++
  need afl-fuzz afl++
  CC=afl-clang-fast build build-afl replay_fuzz_ -DWITH_FUZZERS=OFF
  local status=0 target
  # Containers and laptops pipe core dumps to a handler and scale frequencies; neither matters for minutes of fuzzing.
  export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1
  for target in "${targets[@]}"; do
    local out=build-afl/out/$target
    rm -rf "$out"
    mkdir -p "$out"
    say "$target: $seconds s"
    afl-fuzz -V "$seconds" -t "$((timeout * 1000))" -i "tests/fuzz/corpus/$target" -o "$out" -- \
      "build-afl/tests/replay_fuzz_$target" >"$out/log" 2>&1 || { say "$target: afl-fuzz failed, see $out/log"; status=1; }
    grep -E '^(execs_done|corpus_count|saved_crashes|saved_hangs) ' "$out/default/fuzzer_stats" || true
    if compgen -G "$out/default/crashes/id*" >/dev/null; then
      say "$target: a finding in $out/default/crashes"
      status=1
    fi
  done
  return $status
}

"run_$engine"
