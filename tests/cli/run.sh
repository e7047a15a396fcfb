#!/usr/bin/env bash
# Runs the command-line cases: run.sh POME [--update] [NAME...]
#
# A case is cases/NAME.sh, run by bash in an empty folder with $POME and the helpers of models.sh. What it writes and
# its exit status must equal the files beside it:
#   NAME.stdout or NAME.stdout.glob   (neither: nothing may be written)
#   NAME.stderr.glob                  (absent: nothing may be written)
#   NAME.exit                         (absent: 0)
# A case that lacks what it needs ends with `skip REASON`, and is named loudly.
# In a .glob file `*` stands for any text, line ends included; every other character for itself.
# --update writes these files anew where they do not match, for a person to read before committing.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

[[ $# -ge 1 ]] || { echo "usage: run.sh POME [--update] [NAME...]" >&2; exit 2; }
POME=$(realpath "$1")
FOLIO=${FOLIO:-$here/../../models/folio} # the embedded language model
export POME FOLIO
shift
update=0
[[ ${1:-} == --update ]] && { update=1; shift; }

# Nothing of the caller's surroundings may change an answer.
export LC_ALL=C TERM=dumb
unset NO_COLOR

# matches FILE.glob ACTUAL: compares whole texts, with `*` as the only wildcard.
matches() {
  local pattern text
  pattern=$(cat "$1"; echo x)
  text=$(cat "$2"; echo x)
  pattern=${pattern//\\/\\\\}
  pattern=${pattern//\[/\\[}
  pattern=${pattern//\]/\\]}
  pattern=${pattern//\?/\\?}
  # shellcheck disable=SC2053 # the right side is a pattern on purpose
  [[ $text == $pattern ]]
}

# check_stream NAME STREAM ACTUAL: prints what is wrong, or updates.
check_stream() {
  local exact=$here/cases/$1.$2 glob=$here/cases/$1.$2.glob actual=$3
  if [[ -e $glob ]]; then
    matches "$glob" "$actual" && return 0
    if ((update)); then cp "$actual" "$glob"; return 0; fi
    diff -u --label "expected $2 (glob)" --label "actual $2" "$glob" "$actual"
    return 1
  fi
  if [[ -e $exact ]]; then
    cmp -s "$exact" "$actual" && return 0
    if ((update)); then cp "$actual" "$exact"; return 0; fi
    diff -u --label "expected $2" --label "actual $2" "$exact" "$actual"
    return 1
  fi
  [[ -s $actual ]] || return 0
  if ((update)); then
    if [[ $2 == stderr ]]; then cp "$actual" "$glob"; else cp "$actual" "$exact"; fi
    return 0
  fi
  echo "unexpected $2:"
  cat "$actual"
  return 1
}

check_exit() { # NAME ACTUAL
  local file=$here/cases/$1.exit expected=0
  [[ -e $file ]] && expected=$(<"$file")
  [[ $expected == "$2" ]] && return 0
  if ((update)); then
    if [[ $2 == 0 ]]; then rm -f "$file"; else echo "$2" >"$file"; fi
    return 0
  fi
  echo "exit status $2, expected $expected"
  return 1
}

run_case() { # NAME
  local name=$1 work status=0 bad=0
  work=$(mktemp -d)
  mkdir "$work/in"
  # shellcheck disable=SC2016 # the inner shell expands them
  (cd "$work/in" && timeout 60 bash -c 'source "$0"; source "$1"' "$here/models.sh" "$here/cases/$name.sh") \
    >"$work/stdout" 2>"$work/stderr" </dev/null || status=$?
  if [[ $status == 77 ]]; then
    echo "SKIP $name: $(tail -n 1 "$work/stderr")"
    rm -rf "$work"
    return 0
  fi
  { check_exit "$name" "$status" || bad=1
    check_stream "$name" stdout "$work/stdout" || bad=1
    check_stream "$name" stderr "$work/stderr" || bad=1; } >"$work/report"
  if ((bad)); then
    echo "FAIL $name"
    sed 's/^/    /' "$work/report"
  fi
  rm -rf "$work"
  return "$bad"
}

names=("$@")
if ((${#names[@]} == 0)); then
  for file in "$here"/cases/*.sh; do names+=("$(basename "$file" .sh)"); done
fi
failed=0
for name in "${names[@]}"; do run_case "$name" || failed=$((failed + 1)); done
echo "cli: ${#names[@]} cases, $failed failed"
((failed == 0 && ${#names[@]} > 0))
