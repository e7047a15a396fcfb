need_part llm
echo '{"model": {"type": "WordPiece", "unk_token": "?", "vocab": {"?": 0, "a": 1}}}' >tokenizer.json
"$POME" tokenize tokenizer.json --jsonl <<'LINES'
{"text": "a"}
{"text": "a
{"ids": "a"}
{"ids": [1.5]}
{"text": "\ud800"}
{"ids": [1]}
LINES
