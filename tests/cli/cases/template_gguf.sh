need_part llm
make_gguf
talk='{"messages": [{"role": "user", "content": "Hi"}], "tools": [1, 2]}'
"$POME" template tiny.gguf <<<"$talk" && echo
"$POME" template tiny.gguf --name tool_use <<<"$talk" && echo
"$POME" template tiny.gguf --name other <<<"$talk"
