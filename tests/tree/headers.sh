#!/usr/bin/env bash
# usage: headers.sh CC HEADER...   Each public header compiles alone, as C11 and as C++11, without warnings.
set -euo pipefail
cc=$1
shift
for header in "$@"; do
  printf '#include <%s>\nint main(void) { return 0; }\n' "$header" |
    "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -Iinclude -fsyntax-only -x c -
  if echo 'int main() { return 0; }' | "$cc" -x c++ -fsyntax-only - 2>/dev/null; then
    printf '#include <%s>\nint main() { return 0; }\n' "$header" |
      "$cc" -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ -
  else
    echo "SKIP: $cc compiles no C++ here; $header was checked as C only"
  fi
done
echo "headers: $# compiled alone"
