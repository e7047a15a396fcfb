need_part llm
cat >tokenizer.json <<'JSON'
{"added_tokens": [{"id": 6, "content": "<s>", "special": true}, {"id": 7, "content": "<b>", "special": false}],
 "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"},
 "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
  "special_tokens": {"<s>": {"ids": [6]}}},
 "decoder": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"},
 "model": {"type": "BPE", "unk_token": "?", "vocab": {"?": 0, "_": 1, "a": 2, "b": 3, "ab": 4, "_ab": 5}, "merges": ["a b", "_ ab"]}}
JSON
"$POME" tokenize tokenizer.json 'AB ab<b>x'
"$POME" tokenize . --special --json 'Ab b'
printf 'ab ab' | "$POME" tokenize . >ids.txt
"$POME" tokenize . --decode "$(cat ids.txt)"
echo
"$POME" tokenize . --decode --json '[6, 5, 99, 5]'
"$POME" tokenize . --jsonl <<'LINES'
{"text": "ab<s>", "special": true}
{"text": "<s>", "plain": true}
{"text": ""}
{"ids": [6, 5, 3, 0]}
{"ids": [6, 5], "skip_special": true}
LINES
