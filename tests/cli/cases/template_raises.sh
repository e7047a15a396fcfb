need_part llm
cat >strict.jinja <<'END'
{% if messages[0].role != 'user' %}
  {{ raise_exception('the first turn must be the user\'s, not ' ~ messages[0].role) }}
{% endif %}
END
"$POME" template strict.jinja <<<'{"messages": [{"role": "system", "content": ""}]}'
