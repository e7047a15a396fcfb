need_folio
cp -r "$FOLIO" model
cat >model/chat_template.jinja <<'END'
{% for m in messages %}{{ m.role[0] | upper }}: {{ m.content }}
{% if m.content == 'refuse' %}{{ raise_exception('refused') }}{% endif %}
{% if m.content == 'what is left' and messages | length > 2 %}{{ raise_exception('old turns') }}{% endif %}
{% endfor %}
END
long=$(printf 'word %.0s' {1..70})
# Old turns are left out when the context is full; what does not fit at all is said, and the talk goes on
# as if it had not been sent.
talk "$POME" run model -n 20 --temp 0 --system Act --stats <<END
wait Ctrl-D leaves.
wait > 
send /system\n
wait Act
wait > 
send one\n
wait 20 written
wait > 
send refuse\n
wait pome: refused
wait > 
send $long\n
wait 20 written
wait > 
send $long\n
wait 20 written
wait > 
send $long\n
wait is full: the oldest
wait 20 written
wait > 
send $long$long$long$long\n
wait pome: the message makes
wait hint: shorten the message
wait > 
send what is left\n
wait pome: old turns
wait > 
send //two\n
wait 20 written
wait > 
send /system You are Juliet\n
wait (a new conversation)
wait > 
send /system\n
wait You are Juliet
wait > 
send /bye\n
END
