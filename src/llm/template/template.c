/* Opening, rendering and closing chat templates.
 *
 * A template is found beside a model: chat_template.jinja, then chat_template.json, then
 * tokenizer_config.json, whose `chat_template` is a text or a list of named ones. Special tokens
 * come from tokenizer_config.json, unless the variables of a rendering say otherwise. A GGUF file
 * has both in itself.
 */
#include "llm/template/template.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "llm/folder.h"
#include "wire/gguf.h"
#include "wire/json.h"

#define STEPS      ((size_t)1000000)
#define VALUES     ((size_t)7 << 20)
#define OUTPUT     ((size_t)3 << 20)
#define MOST_INPUT ((size_t)64 << 20)

static const char *const token_names[POME__TEMPLATE_TOKENS] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

/* ---- opening ---- */

static pome_status new_template(const pome_allocator *allocator, const char *path,
                                pome_template **out, pome_error *error) {
  pome_template *chat = pome__alloc_zero(allocator, sizeof *chat);
  if (chat == NULL) return pome__fail_memory(error, "a template");
  chat->allocator = allocator;
  pome__arena_init(&chat->arena, allocator, 0);
  chat->path = pome__arena_string(&chat->arena, path, strlen(path));
  for (size_t i = 0; i < POME__TEMPLATE_TOKENS; i++) chat->tokens[i].variable = token_names[i];
  if (chat->path == NULL) {
    pome_template_close(chat);
    return pome__fail_memory(error, "a template");
  }
  *out = chat;
  return POME_OK;
}

void pome_template_close(pome_template *chat) {
  if (chat == NULL) return;
  pome__arena_free(&chat->arena);
  pome__free(chat->allocator, chat, sizeof *chat);
}

pome_status pome__template_set(pome_template *chat, const char *text, size_t size,
                               pome_error *error) {
  chat->size = size;
  pome_status status = pome__t_parse(text, size, &chat->arena, &chat->body, error);
  if (status != POME_OK && chat->path[0] != '\0') pome__error_at_file(error, chat->path);
  return status;
}

pome_status pome_template_parse(const char *text, size_t size, const pome_allocator *allocator,
                                pome_template **out, pome_error *error) {
  pome_template *chat = NULL;
  POME__TRY(new_template(allocator, "", &chat, error));
  pome_status status = pome__template_set(chat, text, size, error);
  if (status == POME_OK) *out = chat;
  else pome_template_close(chat);
  return status;
}

/* ---- special tokens ---- */

/* A token stands as a text, or as an object with the text as `content`. */
static const json_t *token_text(const json_t *config, const char *name) {
  const json_t *token = json_object_get(config, name);
  if (json_is_object(token)) token = json_object_get(token, "content");
  return json_is_string(token) ? token : NULL;
}

static pome_status read_tokens(pome_template *chat, const json_t *config, pome_error *error) {
  for (size_t i = 0; i < POME__TEMPLATE_TOKENS; i++) {
    const json_t *token = token_text(config, token_names[i]);
    if (token == NULL) continue;
    size_t size = json_string_length(token);
    char *text = pome__arena_string(&chat->arena, json_string_value(token), size);
    if (text == NULL) return pome__fail_memory(error, "a template");
    chat->tokens[i].text = (pome_string){text, size};
  }
  return POME_OK;
}

/* ---- where a template comes from ---- */

/* The text of `chat_template`: itself, or the one of that name in a list. */
static pome_status pick(const json_t *config, const char *name, const json_t **text,
                        pome_error *error) {
  const json_t *value = json_object_get(config, "chat_template");
  const char *wanted = name == NULL ? "default" : name;
  *text = json_is_string(value) && name == NULL ? value : NULL;
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) {
    const char *its = json_string_value(json_object_get(item, "name"));
    if (its != NULL && strcmp(its, wanted) == 0) *text = json_object_get(item, "template");
  }
  if (*text != NULL && json_is_string(*text)) return POME_OK;
  *text = NULL;
  if (value == NULL || json_is_null(value)) return POME_OK;
  return pome__fail(error, POME_INPUT, "there is no chat template named \"%s\"", wanted);
}

static pome_status parse_json_text(pome_template *chat, const json_t *text, pome_error *error) {
  return pome__template_set(chat, json_string_value(text), json_string_length(text), error);
}

static pome_status open_config(pome_template *chat, const json_t *config, const char *name,
                               bool *found, pome_error *error) {
  const json_t *text;
  POME__TRY(pick(config, name, &text, error));
  *found = text != NULL;
  return *found ? parse_json_text(chat, text, error) : POME_OK;
}

/* JSON starts with a brace that no tag of a template starts with. */
static bool is_json(pome__bytes bytes) {
  size_t at = 0;
  while (at < bytes.size && memchr(" \t\r\n", bytes.data[at], 4) != NULL) at++;
  if (at + 1 >= bytes.size || bytes.data[at] != '{') return false;
  return memchr("{%#", bytes.data[at + 1], 3) == NULL;
}

static pome_status open_file(pome_template *chat, const char *path, const char *name,
                             pome_error *error) {
  pome__blob blob = {0};
  json_t *config = NULL;
  bool found = true;
  if (pome__gguf_is_file(path)) return pome__template_read_gguf(chat, path, name, error);
  POME__TRY(pome__blob_open(NULL, path, true, chat->allocator, &blob, error));
  pome_status status;
  if (is_json(blob.bytes)) {
    status = pome__json_parse(blob.bytes, path, &config, error);
    if (status == POME_OK) status = read_tokens(chat, config, error);
    if (status == POME_OK) status = open_config(chat, config, name, &found, error);
    if (status == POME_OK && !found)
      status = pome__fail(error, POME_INPUT, "there is no \"chat_template\" in it");
  } else {
    status = pome__template_set(chat, (const char *)blob.bytes.data, blob.bytes.size, error);
  }
  if (status != POME_OK) pome__error_at_file(error, path);
  json_decref(config);
  pome__blob_close(&blob);
  return status;
}

static bool has_added(void *context, const char *token) {
  const json_t *list = context, *item;
  size_t i;
  json_array_foreach(list, i, item) {
    const char *content = json_string_value(json_object_get(item, "content"));
    if (content != NULL && strcmp(content, token) == 0) return true;
  }
  return false;
}

pome_status pome__template_set_family(pome_template *chat,
                                      bool (*has)(void *context, const char *token), void *context,
                                      const char *place, pome_error *error) {
  const char *text = pome__template_of_family(has, context);
  if (text != NULL) return pome__template_set(chat, text, strlen(text), error);
  pome__fail(error, POME_UNSUPPORTED,
             "the model has no chat template, and its special tokens belong to no family that is "
             "known here");
  pome__error_hint(error, "give a template file, or the prompt as it is (--raw)");
  pome__error_at_file(error, place);
  return POME_UNSUPPORTED;
}

/* No template anywhere: the tokenizer's special tokens tell the family. */
static pome_status open_family(pome_template *chat, const char *folder, pome_error *error) {
  char path[POME__PATH_LIMIT];
  json_t *tokenizer = NULL;
  if (pome__file_beside(folder, "tokenizer.json", path))
    POME__TRY(pome__json_read(path, &tokenizer, error));
  pome_status status = pome__template_set_family(
      chat, has_added, json_object_get(tokenizer, "added_tokens"), folder, error);
  json_decref(tokenizer);
  return status;
}

static pome_status open_folder(pome_template *chat, const char *folder, const char *name,
                               pome_error *error) {
  char path[POME__PATH_LIMIT];
  json_t *config = NULL;
  bool found = false;
  if (pome__file_beside(folder, "tokenizer_config.json", path)) {
    POME__TRY(pome__json_read(path, &config, error));
    pome_status status = read_tokens(chat, config, error);
    if (status != POME_OK) return json_decref(config), status;
  }
  pome_status status = POME_OK;
  if (name == NULL && pome__file_beside(folder, "chat_template.jinja", path))
    status = open_file(chat, path, NULL, error), found = true;
  else if (pome__file_beside(folder, "chat_template.json", path))
    status = open_file(chat, path, name, error), found = true;
  else if (config != NULL) status = open_config(chat, config, name, &found, error);
  json_decref(config);
  if (status != POME_OK || found) return status;
  return open_family(chat, folder, error);
}

pome_status pome_template_open(const char *path, const char *name, const pome_allocator *allocator,
                               pome_template **out, pome_error *error) {
  char folder[POME__PATH_LIMIT];
  pome_template *chat = NULL;
  POME__TRY(pome__model_folder(path, folder, error));
  POME__TRY(new_template(allocator, path, &chat, error));
  pome_status status = pome__path_kind_of(path) == POME__PATH_FOLDER
                           ? open_folder(chat, folder, name, error)
                           : open_file(chat, path, name, error);
  if (status == POME_OK) *out = chat;
  else pome_template_close(chat);
  return status;
}

/* ---- rendering ---- */

static pome_status set(pome__trender *r, pome__tdict *dict, const char *name,
                       const pome__tvalue *value) {
  pome__tvalue key = pome__t_text(name, strlen(name));
  return pome__t_dict_set(r, dict, &key, value);
}

static pome_status find(pome__trender *r, const pome__tdict *dict, const char *name,
                        const pome__tvalue **value) {
  pome__tvalue key = pome__t_text(name, strlen(name));
  return pome__t_dict_find(r, dict, &key, value);
}

/* A message with `reasoning_content` has the same text as `thinking`, first. */
static pome_status add_thinking(pome__trender *r, pome__tvalue *message) {
  const pome__tvalue *reasoning, *thinking;
  pome__tdict *dict;
  if (message->kind != POME__T_DICT) return POME_OK;
  POME__TRY(find(r, message->u.dict, "reasoning_content", &reasoning));
  POME__TRY(find(r, message->u.dict, "thinking", &thinking));
  if (reasoning == NULL || thinking != NULL) return POME_OK;
  POME__TRY(pome__t_dict_new(r, message->u.dict->count + 1, &dict));
  POME__TRY(set(r, dict, "thinking", reasoning));
  for (size_t i = 0; i < message->u.dict->count; i++)
    POME__TRY(pome__t_dict_set(r, dict, &message->u.dict->pairs[i].key,
                               &message->u.dict->pairs[i].value));
  message->u.dict = dict;
  return POME_OK;
}

static pome_status prepare_messages(pome__trender *r, pome__tdict *variables) {
  const pome__tvalue *messages;
  pome__tvalue *items, list;
  POME__TRY(find(r, variables, "messages", &messages));
  if (messages == NULL || messages->kind != POME__T_LIST) return POME_OK;
  size_t count = messages->u.list.count;
  POME__TRY(pome__t_alloc(r, count, sizeof *items, &items));
  for (size_t i = 0; i < count; i++) {
    items[i] = messages->u.list.items[i];
    POME__TRY(add_thinking(r, &items[i]));
  }
  list = pome__t_list(POME__T_LIST, items, count);
  return set(r, variables, "messages", &list);
}

static pome_status add_default(pome__trender *r, pome__tdict *variables, const char *name,
                               pome__tvalue value) {
  const pome__tvalue *given;
  POME__TRY(find(r, variables, name, &given));
  return given == NULL ? set(r, variables, name, &value) : POME_OK;
}

/* Tokens of the model where the variables have none; null there means: the model has none. */
static pome_status add_tokens(pome__trender *r, const pome_template *chat, pome__tdict *variables) {
  for (size_t i = 0; i < POME__TEMPLATE_TOKENS; i++) {
    const char *name = chat->tokens[i].variable;
    pome_string text = chat->tokens[i].text;
    const pome__tvalue *given;
    POME__TRY(find(r, variables, name, &given));
    pome__tvalue value = text.data != NULL ? pome__t_text(text.data, text.size)
                                           : pome__t_undefined((pome_string){name, strlen(name)});
    if (given != NULL && given->kind == POME__T_NONE)
      value = pome__t_undefined((pome_string){name, strlen(name)});
    if (given == NULL || given->kind == POME__T_NONE) POME__TRY(set(r, variables, name, &value));
  }
  return POME_OK;
}

static pome_status read_now(pome__trender *r, const pome__tdict *variables) {
  const pome__tvalue *now;
  POME__TRY(find(r, variables, "now", &now));
  if (now == NULL) return POME_OK;
  if (now->kind == POME__T_STRING && pome__t_parse_time(now->u.text, &r->now)) return POME_OK;
  return POME__T_FAIL(r, "\"now\" must be a time like \"2025-03-09T14:05:07\"");
}

static pome_status prepare(pome__trender *r, const pome_template *chat, const char *json,
                           size_t size) {
  pome__tvalue given;
  pome__tdict *variables;
  POME__TRY(pome__t_json_read(r, json, size, &given));
  if (given.kind != POME__T_DICT)
    return POME__T_FAIL(r, "the variables of a template must be a JSON object, not a %s",
                        pome__t_type_name(&given));
  POME__TRY(read_now(r, given.u.dict));
  POME__TRY(pome__t_dict_new(r, given.u.dict->count + 16, &variables));
  for (size_t i = 0; i < given.u.dict->count; i++) {
    const pome__tpair *pair = &given.u.dict->pairs[i];
    if (!pome__t_is(pair->key.u.text, "now"))
      POME__TRY(pome__t_dict_set(r, variables, &pair->key, &pair->value));
  }
  POME__TRY(add_default(r, variables, "tools", pome__t_none()));
  POME__TRY(add_default(r, variables, "documents", pome__t_none()));
  POME__TRY(add_default(r, variables, "add_generation_prompt", pome__t_bool(false)));
  POME__TRY(add_tokens(r, chat, variables));
  POME__TRY(prepare_messages(r, variables));
  POME__TRY(pome__t_scope_new(r, NULL, &r->root));
  r->root->outer = variables;
  return POME_OK;
}

/* What is written becomes the caller's block, of its exact size. */
static pome_status hand_over(pome__trender *r, char **text, size_t *size, pome_span **given,
                             size_t *given_count) {
  POME__TRY(pome__t_mark_output(r, NULL, 0));
  size_t count = r->marks.span_count;
  char *exact = pome__alloc(r->allocator, r->out_size + 1);
  pome_span *spans = count > 0 ? pome__alloc(r->allocator, count * sizeof *spans) : NULL;
  if (exact == NULL || (count > 0 && spans == NULL)) {
    pome__free(r->allocator, exact, r->out_size + 1);
    pome__free(r->allocator, spans, count * sizeof *spans);
    return pome__fail_memory(r->error, "what a template writes");
  }
  if (count > 0) memcpy(spans, r->marks.spans, count * sizeof *spans);
  if (r->out_size > 0) memcpy(exact, r->out, r->out_size);
  exact[r->out_size] = '\0';
  *text = exact;
  *size = r->out_size;
  if (given != NULL) *given = spans, *given_count = count;
  return POME_OK;
}

static pome_status render(const pome_template *chat, const char *json, size_t json_size,
                          int64_t now, char **text, size_t *size, pome_span **given,
                          size_t *given_count, pome_error *error) {
  if (json_size > MOST_INPUT)
    return pome__fail(error, POME_INPUT, "%zu bytes of variables; at most %zu are read", json_size,
                      MOST_INPUT);
  pome__trender r = {.allocator = chat->allocator,
                     .error = error,
                     .steps = STEPS + 64 * json_size,
                     .bytes = VALUES + 32 * json_size,
                     .out_limit = OUTPUT + 8 * json_size,
                     .marks = {.wanted = given != NULL},
                     .now = now};
  pome__arena_init(&r.arena, chat->allocator, 0);
  pome_status status = prepare(&r, chat, json, json_size);
  if (status == POME_OK) {
    status = pome__t_render(&r, chat->body);
    if (status != POME_OK && chat->path[0] != '\0') pome__error_at_file(error, chat->path);
  }
  if (status == POME_OK) status = hand_over(&r, text, size, given, given_count);
  pome__free(r.allocator, r.out, r.out_room);
  pome__arena_free(&r.arena);
  return status;
}

pome_status pome_template_render(const pome_template *chat, const char *json, size_t json_size,
                                 int64_t now, char **text, size_t *size, pome_error *error) {
  return render(chat, json, json_size, now, text, size, NULL, NULL, error);
}

pome_status pome_template_render_marked(const pome_template *chat, const char *json,
                                        size_t json_size, int64_t now, char **text, size_t *size,
                                        pome_span **given, size_t *given_count, pome_error *error) {
  return render(chat, json, json_size, now, text, size, given, given_count, error);
}

void pome_template_free_text(const pome_template *chat, char *text, size_t size) {
  if (text != NULL) pome__free(chat->allocator, text, size + 1);
}

void pome_template_free_spans(const pome_template *chat, pome_span *spans, size_t count) {
  pome__free(chat->allocator, spans, count * sizeof *spans);
}
