need_part llm
echo '{{ x }}' >good.jinja
printf '{\n "messages": [}' >talk.json
"$POME" template good.jinja talk.json
