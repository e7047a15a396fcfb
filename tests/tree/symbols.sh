#!/usr/bin/env bash
# usage: symbols.sh SHARED STATIC HEADER...   The shared library exports what the headers declare and nothing else, and the
# library calls nothing that prints, exits, aborts or reads the environment.
set -euo pipefail
shared=$1 static=$2
shift 2
exported=$(nm -D --defined-only "$shared" | awk '$2 ~ /[TDBR]/ {print $3}' | sort)
declared=$(cat "${@/#/include/}" | tr '\n' ' ' | grep -o 'POME_API [^;(]*(' | sed 's/($//' | awk '{print $NF}' | tr -d '*' | grep '^pome_' | sort -u)
if ! diff <(echo "$declared") <(echo "$exported"); then
  echo "symbols: declared (<) and exported (>) differ"
  exit 1
fi
banned=$(nm -u "$static" 2>/dev/null | awk '{print $NF}' |
  grep -xE 'printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv|system|socket|__printf_chk|__fprintf_chk|fprintf|strcpy|strcat|sprintf|gets' | sort -u || true)
if [[ -n $banned ]]; then
  echo "symbols: the library must not call: ${banned//$'\n'/ }"
  exit 1
fi
echo "symbols: $(echo "$exported" | wc -l) exported, as declared"
