#!/usr/bin/env bash
# usage: ops_reference.sh PROGRAM TEST.c...   docs/ops.md is what the program writes.
set -euo pipefail
program=$1
shift
if ! diff <("$program" "$@") docs/ops.md; then
  echo "ops_reference: docs/ops.md (>) is not what the op table says (<); write it with: ninja -C BUILD docs_ops"
  exit 1
fi
echo "ops_reference: $(grep -c '^### ' docs/ops.md) operations, as in the table"
