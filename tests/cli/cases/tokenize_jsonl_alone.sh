need_part llm
"$POME" tokenize . --jsonl --decode
