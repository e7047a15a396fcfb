make_gguf
"$POME" inspect tiny.gguf --text
