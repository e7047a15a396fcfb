/* Chat templates in GGUF files.
 *
 * tokenizer.chat_template is the default one; tokenizer.chat_templates lists the names of others,
 * which are tokenizer.chat_template.NAME, with an underscore for all but letters and digits. The
 * special tokens are ids in the metadata, their texts in the vocabulary.
 */
#include <stdio.h>
#include <string.h>

#include "llm/gguf_file.h"
#include "llm/template/template.h"
#include "llm/text/pieces.h"
#include "llm/text/unicode.h"

#define DEFAULT   "tokenizer.chat_template"
#define NAMES     "tokenizer.chat_templates"
#define MOST_NAME 200

/* What the metadata calls the tokens, in the order of the template's variables. */
static const char *const roles[POME__TEMPLATE_TOKENS] = {"bos",     "eos", "unknown", "seperator",
                                                         "padding", "cls", "mask"};

static pome_status read_tokens(pome_template *chat, const pome__gguf *gguf, pome_error *error) {
  const pome__gguf_value *tokens;
  int32_t ids[POME__TEMPLATE_TOKENS];
  POME__TRY(pome__gguf_strings(gguf, POME__GGUF_TOKENS, &tokens, error));
  if (tokens == NULL) return POME_OK;
  for (size_t i = 0; i < POME__TEMPLATE_TOKENS; i++) ids[i] = pome__gguf_token_id(gguf, roles[i]);
  pome__bytes rest = tokens->bytes;
  for (size_t id = 0; id < tokens->count; id++) {
    pome_string text = pome__gguf_next_string(&rest);
    for (size_t i = 0; i < POME__TEMPLATE_TOKENS; i++) {
      if (ids[i] != (int64_t)id || !pome__text_is_utf8(text.data, text.size)) continue;
      chat->tokens[i].text =
          (pome_string){pome__arena_string(&chat->arena, text.data, text.size), text.size};
      if (chat->tokens[i].text.data == NULL) return pome__fail_memory(error, "a template");
    }
  }
  return POME_OK;
}

/* "a, b" of the names there are, for messages. */
static void list_names(const pome__gguf *gguf, char *list, size_t room) {
  const pome__gguf_value *names = NULL;
  size_t used = 0;
  list[0] = '\0';
  if (pome__gguf_strings(gguf, NAMES, &names, NULL) != POME_OK || names == NULL) return;
  pome__bytes rest = names->bytes;
  for (size_t i = 0; i < names->count && used < room; i++) {
    pome_string name = pome__gguf_next_string(&rest);
    used += (size_t)snprintf(list + used, room - used, ", %.*s",
                             (int)(name.size < 60 ? name.size : 60), name.data);
  }
}

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static pome_status find_named(const pome__gguf *gguf, const char *name, pome_string *text,
                              pome_error *error) {
  char key[sizeof DEFAULT + MOST_NAME + 2], known[512];
  if (strcmp(name, "default") == 0) {
    POME__TRY(pome__gguf_text(gguf, DEFAULT, text, error));
  } else if (strlen(name) <= MOST_NAME) {
    size_t at = (size_t)snprintf(key, sizeof key, DEFAULT ".%s", name);
    for (size_t i = sizeof DEFAULT; i < at; i++)
      if (!is_plain(key[i])) key[i] = '_';
    POME__TRY(pome__gguf_text(gguf, key, text, error));
  }
  if (text->data != NULL) return POME_OK;
  list_names(gguf, known, sizeof known);
  return pome__fail(error, POME_INPUT,
                    "there is no chat template named \"%.60s\"; there are: default%s", name, known);
}

/* Is the token one that is found in text as it stands? */
typedef struct vocabulary {
  const pome__gguf_value *tokens, *types; /* or NULL */
} vocabulary;

static bool has_added(void *context, const char *token) {
  const vocabulary *v = context;
  if (v->tokens == NULL) return false;
  pome__bytes rest = v->tokens->bytes;
  for (size_t id = 0; id < v->tokens->count; id++) {
    pome_string text = pome__gguf_next_string(&rest);
    if (text.size != strlen(token) || memcmp(text.data, token, text.size) != 0) continue;
    int64_t type = POME__PIECE_CONTROL;
    if (v->types != NULL && id < v->types->count) {
      pome__gguf_value element = pome__gguf_element(v->types, id);
      (void)pome__gguf_integer(&element, &type);
    }
    return type == POME__PIECE_CONTROL || type == POME__PIECE_USER_DEFINED;
  }
  return false;
}

static pome_status read_template(pome_template *chat, const pome__gguf *gguf, const char *name,
                                 const char *path, pome_error *error) {
  pome_string text = {NULL, 0};
  POME__TRY(read_tokens(chat, gguf, error));
  if (name != NULL) POME__TRY(find_named(gguf, name, &text, error));
  else POME__TRY(pome__gguf_text(gguf, DEFAULT, &text, error));
  if (text.data != NULL) return pome__template_set(chat, text.data, text.size, error);
  vocabulary v;
  POME__TRY(pome__gguf_strings(gguf, POME__GGUF_TOKENS, &v.tokens, error));
  POME__TRY(pome__gguf_numbers(gguf, POME__GGUF_TYPES, &v.types, error));
  return pome__template_set_family(chat, has_added, &v, path, error);
}

pome_status pome__template_read_gguf(pome_template *chat, const char *path, const char *name,
                                     pome_error *error) {
  pome__gguf_file file;
  POME__TRY(pome__gguf_file_open(path, chat->allocator, &file, error));
  pome_status status = read_template(chat, &file.gguf, name, path, error);
  if (status != POME_OK) pome__error_at_file(error, path);
  pome__gguf_file_close(&file);
  return status;
}
