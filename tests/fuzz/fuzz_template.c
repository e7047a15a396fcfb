/* Hostile chat templates: the first byte chooses one of a few sets of variables, the rest is the
 * template. Whatever comes of it must come soon, within memory, and be UTF-8; JSON that a template
 * writes must be read back.
 */
#include <stdlib.h>
#include <string.h>

#include <pome/llm.h>

#include "llm/text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const variables[] = {
    "{}",
    ("{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", "
     "\"content\": "
     "\" \\u00e9\\ud83d\\ude00 \"}],"
     " \"add_generation_prompt\": true, \"bos_token\": \"<s>\"}"),
    ("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", "
     "\"tool_calls\": [{\"function\":"
     " {\"name\": \"f\", \"arguments\": {\"x\": [1, 2.5, null, true]}}}]}], \"tools\": [{\"type\": "
     "\"function\", \"function\":"
     " {\"name\": \"f\", \"parameters\": {\"properties\": {\"x\": {\"type\": \"array\"}}}}}]}"),
    "{\"n\": -7, \"x\": 1e-7, \"big\": 123456789012345678901234567890, \"d\": {\"a\": {\"b\": "
    "[[]]}}, \"s\": \"a,b\\n\"}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome_template *chat;
  char *text;
  size_t count;
  if (size == 0) return 0;
  const char *json = variables[data[0] % (sizeof variables / sizeof variables[0])];
  if (pome_template_parse((const char *)data + 1, size - 1, NULL, &chat, NULL) != POME_OK) return 0;
  if (pome_template_render(chat, json, strlen(json), 1741529107, &text, &count, NULL) == POME_OK) {
    if (!pome__text_is_utf8(text, count)) abort();
    pome_template_free_text(chat, text, count);
  }
  pome_template_close(chat);
  return 0;
}
