need_folio
for TERM in dumb xterm; do
  export TERM
  # The reply stops and is kept; Ctrl-C on a line drops it, and twice at the prompt leaves.
  talk "$POME" run "$FOLIO" --temp 0 --device ref --threads 1 <<'END'
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
