make_gguf
head -c 300 tiny.gguf >cut.gguf
"$POME" inspect cut.gguf
