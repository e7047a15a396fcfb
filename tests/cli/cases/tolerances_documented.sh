# The table in docs/numerics.md and the one in the program are the same.
root=$(dirname "$1")/../../..
rows() { tr -d '\n' <"$1" | grep -oE "$2" | sed -E "s/$2/\\L\\1 \\2 \\3/" | sort; }
rows "$root/apps/pome/tolerance.c" '\{POME_([A-Z0-9]+), ([0-9e-]+), ([0-9e-]+)\}' >program
rows "$root/docs/numerics.md" '\| `([a-z0-9]+)` \| ([0-9e-]+) \| ([0-9e-]+) \|' >documented
wc -l <program
diff program documented
