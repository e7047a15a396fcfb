#!/usr/bin/env bash
# usage: demo.sh POME   The embedded model writes a passage; the summary comes from `run --stats`.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec "$1" run models/folio --raw -n 160 --temp 0.8 --seed 7 --stats "${DEMO_PROMPT:-ROMEO:
}"
