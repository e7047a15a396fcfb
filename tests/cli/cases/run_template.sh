need_folio
cp -r "$FOLIO" model
cat >model/chat_template.jinja <<'END'
{% for m in messages %}{{ m.content }}{{ ':' if m.role == 'user' else ' -- ' }}{% endfor %}
END
"$POME" run model ROMEO -n 20 --temp 0 >turn.txt
"$POME" run model ROMEO: -n 20 --temp 0 --raw >raw.txt
"$POME" run model ROMEO -n 20 --temp 0 --system Act >system.txt
[[ -s turn.txt ]] && echo written
"$POME" run model x -n 1 --json | grep -o '"prompt_tokens": [0-9]*'
"$POME" run model x -n 1 --json --system yz | grep -o '"prompt_tokens": [0-9]*'
echo "{{ raise_exception('no: ' ~ messages[0].content) }}" >model/chat_template.jinja
"$POME" run model hello
