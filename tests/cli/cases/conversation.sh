need_folio
"$POME" run "$FOLIO" --raw "ROMEO:" -n 20 --temp 0 >once.txt
first=$(sed -n '/./{p;q}' once.txt)
for TERM in dumb xterm; do
  export TERM
  talk "$POME" run "$FOLIO" -n 20 --temp 0 <<END
wait /help lists commands, Ctrl-D leaves. Without a chat template
wait > 
send ROMEO:\n
wait $first
wait (cut after 20 tokens; -n allows more)
wait > 
send /stats\n
wait 20 written (stop: length
wait > 
send And more\n
wait (cut after 20 tokens
wait > 
send /clear\n
wait (a new conversation)
wait > 
send """\n
wait . 
send ROMEO:"""\n
wait $first
wait > 
send /help\n
wait /bye
wait > 
send /nothing\n
wait pome: no command '/nothing'
wait hint: /help lists them
wait > 
send /system Be brief.\n
wait a system message needs a chat template
wait > 
send \xc3\xa9\x7f\xff\n
wait > 
send \x04
END
done
# A message that does not fit alone changes nothing: what is said next is answered as without it.
long=$(printf 'word %.0s' {1..60})
for refused in "" "send $long\n
wait hint: shorten the message
wait > "; do
  talk bash -c '"$POME" run "$FOLIO" --ctx 64 -n 8 --temp 0 >now.txt' <<END
wait > 
send ROMEO:\n
wait (cut
wait > 
$refused
send And more\n
wait (cut
wait > 
send \x04
END
  mv now.txt "said${refused:+_again}.txt"
done
cmp said.txt said_again.txt
