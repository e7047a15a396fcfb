make_gguf
"$POME" inspect tiny.gguf
"$POME" inspect tiny.gguf --weights
