printf 'not \033[31mred' >"$(printf 'a\033[2Jb')"
"$POME" inspect "$(printf 'a\033[2Jb')"
