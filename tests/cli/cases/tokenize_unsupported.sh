need_part llm
echo '{"model": {"type": "WordLevel", "vocab": {"a": 0}}}' >tokenizer.json
"$POME" tokenize . a
