/* Hostile chat templates: the first byte chooses one of a few sets of variables, the rest is the
 * template. Whatever comes of it must come soon, within memory, and be UTF-8. U+E000 stands in what
 * the conversation says and, unless the template can spell it, nowhere else: it must come out
 * marked.
 */
#include <stdlib.h>
#include <string.h>

#include <pome/llm.h>

#include "llm/text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const variables[] = {
    "{}",
    ("{\"messages\": [{\"role\": \"system\", \"content\": \"S\\ue000\"}, {\"role\": \"user\", "
     "\"content\": "
     "\" \\u00e9\\ud83d\\ude00\\ue000 \"}],"
     " \"add_generation_prompt\": true, \"bos_token\": \"<s>\"}"),
    ("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", "
     "\"tool_calls\": [{\"function\":"
     " {\"name\": \"f\", \"arguments\": {\"x\": [1, 2.5, null, true]}}}]}], \"tools\": [{\"type\": "
     "\"function\", \"function\":"
     " {\"name\": \"f\", \"parameters\": {\"properties\": {\"x\": {\"type\": \"array\"}}}}}]}"),
    "{\"n\": -7, \"x\": 1e-7, \"big\": 123456789012345678901234567890, \"d\": {\"a\": {\"b\": "
    "[[]]}}, \"s\": \"a,b\\n\"}",
};

static bool can_spell(const uint8_t *data, size_t size) {
  return memmem(data, size, "\xee\x80\x80", 3) != NULL || memchr(data, '\\', size) != NULL;
}

static bool is_marked(size_t at, const pome_span *given, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (given[i].begin <= at && at + 3 <= given[i].end) return true;
  return false;
}

/* The same text as without marks. */
static void check_marks(const pome_template *chat, const char *json, const char *want, size_t size,
                        bool spelled) {
  char *text;
  pome_span *given;
  size_t count, spans;
  if (pome_template_render_marked(chat, json, strlen(json), 1741529107, &text, &count, &given,
                                  &spans, NULL) != POME_OK)
    return; /* marks take steps and memory */
  if (count != size || memcmp(text, want, size) != 0) abort();
  for (size_t at = 0; at + 2 < size && !spelled; at++)
    if (memcmp(text + at, "\xee\x80\x80", 3) == 0 && !is_marked(at, given, spans)) abort();
  pome_template_free_text(chat, text, count);
  pome_template_free_spans(chat, given, spans);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome_template *chat;
  char *text;
  size_t count;
  if (size == 0) return 0;
  const char *json = variables[data[0] % (sizeof variables / sizeof variables[0])];
  if (pome_template_parse((const char *)data + 1, size - 1, NULL, &chat, NULL) != POME_OK) return 0;
  if (pome_template_render(chat, json, strlen(json), 1741529107, &text, &count, NULL) == POME_OK) {
    if (!pome__text_is_utf8(text, count)) abort();
    check_marks(chat, json, text, count, can_spell(data + 1, size - 1));
    pome_template_free_text(chat, text, count);
  }
  pome_template_close(chat);
  return 0;
}
