make_gguf 1
"$POME" inspect tiny.gguf
