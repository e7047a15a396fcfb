/* See postprocess.h. */
#include "llm/text/postprocess.h"

#include <string.h>

#define MAX_ITEMS 256
#define MAX_DEPTH 8

typedef struct reading {
  size_t vocab_size;
  pome__arena *arena;
  pome__postprocessor *post;
  bool seen; /* one that adds tokens */
} reading;

static pome_status make(pome__arena *arena, const pome__template_item *items, size_t count,
                        pome__template *out, pome_error *error) {
  out->items = POME__NEW_ARRAY(arena, pome__template_item, count);
  if (out->items == NULL) return pome__fail_memory(error, "a tokenizer");
  memcpy(out->items, items, count * sizeof *items);
  out->count = count;
  return POME_OK;
}

pome_status pome__postprocessor_plain(int32_t before, int32_t behind, pome__arena *arena,
                                      pome__postprocessor *post, pome_error *error) {
  pome__template_item items[6];
  size_t count = 0;
  for (int text = 0; text < 2; text++) {
    if (before >= 0) items[count++] = (pome__template_item){before, text};
    items[count++] = (pome__template_item){text == 0 ? POME__FIRST_TEXT : POME__SECOND_TEXT, text};
    if (behind >= 0) items[count++] = (pome__template_item){behind, text};
    POME__TRY(make(arena, items, count, text == 0 ? &post->single : &post->pair, error));
  }
  return POME_OK;
}

static pome_status check_id(const reading *r, const json_t *id, int32_t *out, pome_error *error) {
  if (!json_is_integer(id) || json_integer_value(id) < 0 ||
      (size_t)json_integer_value(id) >= r->vocab_size) {
    return pome__fail(error, POME_INPUT,
                      "tokenizer: a post-processor adds a token that the vocabulary lacks");
  }
  *out = (int32_t)json_integer_value(id);
  return POME_OK;
}

/* One element of a template, which may be several tokens. */
static pome_status read_item(const reading *r, const json_t *item, const json_t *special,
                             pome__template_item *items, size_t *count, pome_error *error) {
  const json_t *sequence = json_object_get(item, "Sequence"),
               *token = json_object_get(item, "SpecialToken");
  const char *name = json_string_value(json_object_get(sequence != NULL ? sequence : token, "id"));
  json_int_t type =
      json_integer_value(json_object_get(sequence != NULL ? sequence : token, "type_id"));
  if (name == NULL || type < 0 || type > 1000)
    return pome__fail(error, POME_INPUT, "tokenizer: an element of a template has no id");
  const json_t *ids = json_object_get(json_object_get(special, name), "ids");
  if (sequence == NULL && json_array_size(ids) == 0)
    return pome__fail(error, POME_INPUT, "tokenizer: a template's token \"%.60s\" has no ids",
                      name);
  size_t wanted = sequence != NULL ? 1 : json_array_size(ids);
  if (wanted > MAX_ITEMS - *count)
    return pome__fail(error, POME_INPUT, "tokenizer: a template of more than %d tokens", MAX_ITEMS);
  for (size_t i = 0; i < wanted; i++) {
    int32_t id = strcmp(name, "B") == 0 ? POME__SECOND_TEXT : POME__FIRST_TEXT;
    if (sequence == NULL) POME__TRY(check_id(r, json_array_get(ids, i), &id, error));
    items[(*count)++] = (pome__template_item){id, (int32_t)type};
  }
  return POME_OK;
}

static size_t count_text(const pome__template_item *items, size_t count, int32_t text) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += items[i].id == text;
  return found;
}

static pome_status read_template(const reading *r, const json_t *list, const json_t *special,
                                 pome__template *out, pome_error *error) {
  pome__template_item items[MAX_ITEMS];
  size_t count = 0, i;
  bool pair = out == &r->post->pair;
  json_t *item;
  json_array_foreach(list, i, item) POME__TRY(read_item(r, item, special, items, &count, error));
  if (count_text(items, count, POME__FIRST_TEXT) != 1 ||
      count_text(items, count, POME__SECOND_TEXT) != pair) {
    return pome__fail(error, POME_INPUT, "tokenizer: the template for %s does not hold %s once",
                      pair ? "a pair" : "one text", pair ? "both texts" : "it");
  }
  return make(r->arena, items, count, out, error);
}

pome_status pome__postprocessor_bert(int32_t cls, int32_t sep, bool roberta, pome__arena *arena,
                                     pome__postprocessor *post, pome_error *error) {
  pome__template_item items[7] = {{cls, 0}, {POME__FIRST_TEXT, 0}, {sep, 0}};
  POME__TRY(make(arena, items, 3, &post->single, error));
  size_t count = 3;
  if (roberta) items[count++] = (pome__template_item){sep, 0};
  items[count++] = (pome__template_item){POME__SECOND_TEXT, !roberta};
  items[count++] = (pome__template_item){sep, !roberta};
  return make(arena, items, count, &post->pair, error);
}

static pome_status read_bert(const reading *r, const json_t *value, bool roberta,
                             pome_error *error) {
  int32_t cls, sep;
  POME__TRY(check_id(r, json_array_get(json_object_get(value, "cls"), 1), &cls, error));
  POME__TRY(check_id(r, json_array_get(json_object_get(value, "sep"), 1), &sep, error));
  return pome__postprocessor_bert(cls, sep, roberta, r->arena, r->post, error);
}

static pome_status read_nested(reading *r, const json_t *value, int depth, pome_error *error) {
  const char *type = json_string_value(json_object_get(value, "type"));
  if (type == NULL)
    return pome__fail(error, POME_INPUT, "tokenizer: a post-processor without a type");
  if (strcmp(type, "ByteLevel") == 0) return POME_OK; /* trims offsets, which are told whole here */
  if (strcmp(type, "Sequence") == 0) {
    size_t i;
    json_t *part;
    if (depth == MAX_DEPTH)
      return pome__fail(error, POME_INPUT, "tokenizer: post-processors nested more than %d deep",
                        MAX_DEPTH);
    json_array_foreach(json_object_get(value, "processors"), i, part)
        POME__TRY(read_nested(r, part, depth + 1, error));
    return POME_OK;
  }
  if (r->seen)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a second post-processor that adds tokens (\"%.60s\")", type);
  r->seen = true;
  if (strcmp(type, "BertProcessing") == 0) return read_bert(r, value, false, error);
  if (strcmp(type, "RobertaProcessing") == 0) return read_bert(r, value, true, error);
  if (strcmp(type, "TemplateProcessing") != 0)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a post-processor \"%.60s\" is not supported", type);
  const json_t *special = json_object_get(value, "special_tokens");
  POME__TRY(read_template(r, json_object_get(value, "single"), special, &r->post->single, error));
  const json_t *pair = json_object_get(value, "pair");
  return pair == NULL ? POME_OK : read_template(r, pair, special, &r->post->pair, error);
}

pome_status pome__postprocessor_read(const json_t *value, size_t vocab_size, pome__arena *arena,
                                     pome__postprocessor *post, pome_error *error) {
  reading r = {.vocab_size = vocab_size, .arena = arena, .post = post};
  POME__TRY(pome__postprocessor_plain(-1, -1, arena, post, error));
  return value == NULL || json_is_null(value) ? POME_OK : read_nested(&r, value, 0, error);
}
