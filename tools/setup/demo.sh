#!/usr/bin/env bash
# usage: demo.sh POME   The embedded model goes on from a short scene; the summary comes from `run --stats`.
set -euo pipefail
cd "$(dirname "$0")/../.."
prompt="First Citizen:
What news, my friend? The town is full of talk.
They say the king comes home before the night,
And every bell in every tower shall ring,
And we shall have our bread, and wine, and peace.

Second Citizen:
"
printf '%s' "$prompt"
exec "$1" run models/folio --raw -n 150 --temp 0.7 --seed "${SEED:-5}" --stats "$prompt"
