/* Chat formats of families, for models that come without a template. A family is told by the
 * special tokens that only it has. Each form puts a system message where the family's own templates
 * do. */
#include "llm/template/template.h"

#define EACH "{%- for m in messages %}"
#define END  "{%- endfor %}"
#define ASK  "{%- if add_generation_prompt %}"
#define FI   "{%- endif %}"
/* For families without a system turn: the text goes before the first user message. */
#define SYSTEM_BEFORE_USER                                                                         \
  "{%- set ns = namespace(system='') %}" EACH                                                      \
  "{%- if m.role == 'system' %}{%- set ns.system = m.content + '\\n\\n' %}{%- else %}"

static const struct {
  const char *tokens[2]; /* both are there */
  const char *text;
} families[] = {
    {{"<|im_start|>", "<|im_end|>"},
     EACH "{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}" END ASK
          "{{- '<|im_start|>assistant\\n' }}" FI},
    {{"<|start_header_id|>", "<|eot_id|>"},
     "{{- bos_token }}" EACH
     "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content | trim + "
     "'<|eot_id|>' }}" END ASK "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}" FI},
    {{"<start_of_turn>", "<end_of_turn>"},
     "{{- bos_token }}" SYSTEM_BEFORE_USER
     "{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + ns.system + "
     "m.content | trim + '<end_of_turn>\\n' }}{%- set ns.system = '' %}" FI END ASK
     "{{- '<start_of_turn>model\\n' }}" FI},
    {{"<|start_of_role|>", "<|end_of_role|>"},
     EACH "{{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\\n' "
          "}}" END ASK "{{- '<|start_of_role|>assistant<|end_of_role|>' }}" FI},
    {{"<|assistant|>", "<|end|>"},
     EACH "{{- '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' }}" END ASK
          "{{- '<|assistant|>\\n' }}" FI},
    {{"<\xef\xbd\x9cUser\xef\xbd\x9c>", "<\xef\xbd\x9c"
                                        "Assistant\xef\xbd\x9c>"},
     "{{- bos_token }}" EACH "{%- if m.role == 'system' %}{{- m.content }}"
     "{%- elif m.role == 'user' %}{{- '<\xef\xbd\x9cUser\xef\xbd\x9c>' + m.content }}"
     "{%- else %}{{- '<\xef\xbd\x9c"
     "Assistant\xef\xbd\x9c>' + m.content + eos_token }}" FI END ASK "{{- '<\xef\xbd\x9c"
     "Assistant\xef\xbd\x9c>' }}" FI},
    {{"[INST]", "[/INST]"},
     "{{- bos_token }}" SYSTEM_BEFORE_USER
     "{%- if m.role == 'user' %}{{- '[INST] ' + ns.system + m.content + ' [/INST]' }}"
     "{%- set ns.system = '' %}{%- else %}{{- ' ' + m.content + eos_token }}" FI FI END},
};

const char *pome__template_of_family(bool (*has)(void *context, const char *token), void *context) {
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
    if (has(context, families[i].tokens[0]) && has(context, families[i].tokens[1]))
      return families[i].text;
  return NULL;
}
