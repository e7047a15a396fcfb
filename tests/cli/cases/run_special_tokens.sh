# Special tokens that a prompt spells are text within a template, and themselves in a raw prompt.
need_folio
cp -r "$FOLIO" model
echo "{{ '<|end|>' }}{{ messages[0].content }}" >model/chat_template.jinja
special=$(grep -o '"content": *"[^"]*"' model/tokenizer.json | head -n 1 | sed 's/.*"content": *"//; s/"$//')
sed -i "s/<|end|>/$special/" model/chat_template.jinja
count() { "$POME" run model "$@" -n 1 --json | grep -o '"prompt_tokens": [0-9]*'; }
[[ -n $special ]] && count ""
[[ $(count "$special") == $(count "${special/</{}") ]] && echo "as text"
count --raw "$special"
