"$POME" completion bash >bash.txt
"$POME" completion zsh >zsh.txt
"$POME" completion fish >fish.txt
bash -n bash.txt
# What the script offers, asked as bash itself asks.
source bash.txt
ask() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=(); _pome 2>/dev/null; echo "${COMPREPLY[@]}"; }
ask pome ''
ask pome predict --numerics s
ask pome verify --gol
ask pome completion ''
grep -c "complete -c pome" fish.txt
grep -c -- --golden zsh.txt
