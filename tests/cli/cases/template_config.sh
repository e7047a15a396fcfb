need_part llm
mkdir model
cat >model/tokenizer_config.json <<'END'
{"bos_token": {"content": "<s>"}, "eos_token": "</s>",
 "chat_template": [{"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"},
                   {"name": "tool_use", "template": "tools: {{ tools | length }}"}]}
END
talk='{"messages": [{"role": "user", "content": "Hi"}], "tools": [1, 2]}'
"$POME" template model <<<"$talk" && echo
"$POME" template model/tokenizer_config.json --name tool_use <<<"$talk" && echo
"$POME" template model <<<'{"messages": [{"content": "no end"}], "eos_token": null}' && echo
printf '{{ "as a file" }}' >model/chat_template.jinja
"$POME" template model <<<"$talk" && echo
"$POME" template model --name other <<<"$talk"
