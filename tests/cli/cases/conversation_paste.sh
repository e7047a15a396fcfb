need_folio
cp -r "$FOLIO" model
# The template tells what it was given.
echo "{{ raise_exception('<' ~ messages[-1].content | replace('\n', '|') ~ '>') }}" >model/chat_template.jinja
for TERM in dumb xterm; do
  export TERM
  talk "$POME" run model <<'END'
wait > 
send one\xc3\xa9\n
wait <oneé>
wait > 
send \e[200~/bye\ntw\xc2\x88o\e[201~ three\n
wait </bye|two three>
wait > 
send """\n
wait . 
send a\n
wait . 
send \n
wait . 
send b\n
wait . 
send """\n
wait <a||b>
wait > 
send """x""\n
wait . 
send \x03
wait > 
send //y\n
wait </y>
wait > 
send \x04
END
done
