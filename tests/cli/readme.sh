#!/usr/bin/env bash
# usage: readme.sh POME [FILE]   Runs every ```console block of the README and compares what it prints.
#
# A line that starts with "$ " is a command (a backslash at its end continues it); the lines after it are what it prints, standard
# error included. "..." in an expected line stands for anything, also across lines. `make test`, which runs this, is only
# expanded, not run again.
set -euo pipefail
cd "$(dirname "$0")/../.."
pome=$(readlink -f "$1")
file=${2:-README.md}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
ln -s "$pome" "$bin/pome"
export PATH="$bin:$PATH" NO_COLOR=1

passed=0 failed=0

check() { # command, expected output
  local command=$1 expected=$2 actual pattern
  [[ $command == "make test" ]] && command="make -n test >/dev/null"
  actual=$(bash -c "$command" 2>&1 </dev/null || true)
  pattern=$(printf '%s' "$expected" | sed -e 's/[][\\*?]/\\&/g' -e 's/\.\.\./*/g')
  # shellcheck disable=SC2053 # the right side is a pattern on purpose
  if [[ $actual == $pattern ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'readme: this command prints something else:\n$ %s\n--- expected\n%s\n--- printed\n%s\n' "$command" "$expected" "$actual"
  fi
}

inside=0 command="" expected="" continued=0
flush() {
  [[ -n $command ]] && check "$command" "${expected%$'\n'}"
  command="" expected=""
}
while IFS= read -r line; do
  if [[ $line == '```console' ]]; then
    inside=1
  elif [[ $line == '```' && $inside == 1 ]]; then
    flush
    inside=0
  elif [[ $inside == 1 && $continued == 1 ]]; then
    command+=$'\n'$line
    [[ $line == *\\ ]] || continued=0
  elif [[ $inside == 1 && $line == '$ '* ]]; then
    flush
    command=${line#'$ '}
    [[ $line == *\\ ]] && continued=1
  elif [[ $inside == 1 ]]; then
    expected+=$line$'\n'
  fi
done <"$file"

echo "readme: $passed commands print what it says, $failed do not"
((failed == 0 && passed > 0))
