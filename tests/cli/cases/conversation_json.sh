need_folio
talk "$POME" run "$FOLIO" --json <<'END'
wait pome: a conversation is no single JSON document
wait hint: give a PROMPT
END
