make_gguf
"$POME" inspect tiny.gguf --json --weights
