need_part llm
cat >chat.jinja <<'END'
{%- for message in messages %}
<|{{ message.role }}|>{{ message['content'] | trim }}<|end|>
{% endfor %}
{% if tools %}{{ tools | tojson(indent=2) }}
{% endif %}
{% if add_generation_prompt %}<|assistant|>{{ strftime_now('%d %b %Y') }}{{ mood }}{% endif %}
END
cat >talk.json <<'END'
{"messages": [{"role": "user", "content": " {{ 7*7 }} \u00e9 "}, {"role": "assistant", "content": "49"}],
 "tools": [{"name": "f", "n": 1.0}], "add_generation_prompt": true, "now": "2025-03-09T14:05:07", "mood": "!"}
END
"$POME" template chat.jinja talk.json && echo && "$POME" template chat.jinja --json <talk.json
