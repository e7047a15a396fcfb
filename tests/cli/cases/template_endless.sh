need_part llm
echo '{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}' >endless.jinja
"$POME" template endless.jinja <<<'{}'
