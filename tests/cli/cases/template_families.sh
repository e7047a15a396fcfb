need_part llm
talk='{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}], "add_generation_prompt": true}'
family() {
  printf '{"added_tokens": [{"id": 1, "content": "%s"}, {"id": 2, "content": "%s"}]}' "$1" "$2" >tokenizer.json
  "$POME" template . <<<"$talk"
  echo
}
family '<|im_start|>' '<|im_end|>'
family '<|start_header_id|>' '<|eot_id|>'
family '<start_of_turn>' '<end_of_turn>'
family '<|assistant|>' '<|end|>'
family '[INST]' '[/INST]'
family '<s>' '</s>'
