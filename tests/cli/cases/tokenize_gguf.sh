need_part llm
make_gguf
cp tiny.gguf model.bin # what it is shows in its content
"$POME" tokenize model.bin 'ab ab!<|end|>'
"$POME" tokenize tiny.gguf --special --json 'ab é'
"$POME" tokenize tiny.gguf --decode '2 4 5 7 8'
echo
"$POME" tokenize tiny.gguf --jsonl <<'LINES'
{"text": "<|end|>", "special": true}
{"ids": [2, 4, 5, 99], "skip_special": true}
LINES
