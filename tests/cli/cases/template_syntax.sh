need_part llm
printf 'line one\n{%% if x %%}\n{{ x | nothing }}{%% endif %%}{{ x + }}' >broken.jinja
"$POME" template broken.jinja <<<'{}'
