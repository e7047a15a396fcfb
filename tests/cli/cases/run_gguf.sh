need_part llm
make_gguf
"$POME" run tiny.gguf hello
