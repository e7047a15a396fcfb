need_part llm
make_gguf 3 other
"$POME" tokenize tiny.gguf ab
