need_folio
# The reply stops and is kept; Ctrl-C on a line drops it, and twice at the prompt leaves. On a machine that is too busy the
# reply may have come to its end before the key is pressed: then once more.
stop_reply() {
  talk "$POME" run "$FOLIO" --temp 0 --device ref --threads 1 >talk.txt <<'END'
wait > 
send ROMEO:\n
wait be a
send \x03
wait (stopped)
wait > 
send /stats\n
wait (stop: interrupted
wait > 
send \x03
wait Ctrl-C again leaves
wait > 
send /help\n
wait > 
send \x03
wait Ctrl-C again leaves
wait > 
send \x03
END
}
for TERM in dumb xterm; do
  export TERM
  stop_reply || stop_reply || stop_reply
  cat talk.txt
  talk "$POME" run "$FOLIO" -q <<'END'
wait > 
kill
END
  talk "$POME" run "$FOLIO" --device ref --threads 1 <<'END'
wait > 
send ROMEO:\n
wait :
wait :
kill
END
done
