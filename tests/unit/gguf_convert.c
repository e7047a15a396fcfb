/* See gguf_convert.h. Tokens that are not in the model's list are added ones; holes are padding.
 * BPE in SentencePiece's way carries scores in place of merges: minus the id of what a merge gives.
 */
#include "gguf_convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPACE "\xe2\x96\x81"

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

typedef struct token {
  const char *text;
  size_t size;
  int32_t type;
  double score;
} token;

typedef struct tokens {
  token *items;
  size_t count, room;
} tokens;

static void set(tokens *t, json_int_t id, const json_t *text, int32_t type, double score) {
  assert_true(id >= 0 && id < 10000000);
  if ((size_t)id >= t->room) {
    t->room = ((size_t)id + 1) * 2;
    t->items = realloc(t->items, t->room * sizeof *t->items);
    assert_non_null(t->items);
  }
  while (t->count <= (size_t)id) t->items[t->count++] = (token){"[PAD]", 5, UNUSED, 0};
  t->items[id] = (token){json_string_value(text), json_string_length(text), type, score};
}

static void score_merges(tokens *t, const json_t *model) {
  json_t *item;
  size_t i;
  char text[1024];
  json_array_foreach(json_object_get(model, "merges"), i, item) {
    if (json_is_string(item)) {
      const char *merge = json_string_value(item);
      size_t left = strcspn(merge, " ");
      snprintf(text, sizeof text, "%.*s%s", (int)left, merge, merge + left + 1);
    } else {
      snprintf(text, sizeof text, "%s%s", json_string_value(json_array_get(item, 0)),
               json_string_value(json_array_get(item, 1)));
    }
    const json_t *id = json_object_get(json_object_get(model, "vocab"), text);
    assert_true(json_is_integer(id) && json_integer_value(id) < (json_int_t)t->count);
    token *merged = &t->items[json_integer_value(id)];
    if (merged->score == 0) merged->score = -(double)(i + 1);
  }
}

static void read_model(tokens *t, const json_t *model, const gguf_family *family) {
  json_t *vocab = json_object_get(model, "vocab"), *item;
  const char *text;
  size_t i;
  bool pieces = strcmp(family->model, "llama") == 0;
  json_array_foreach(vocab, i, item) set(t, (json_int_t)i, json_array_get(item, 0), NORMAL,
                                         json_number_value(json_array_get(item, 1)));
  json_object_foreach(vocab, text, item) {
    json_t *string = json_string(text);
    json_int_t id = json_integer_value(item);
    bool byte = pieces && strlen(text) == 6 && memcmp(text, "<0x", 3) == 0;
    set(t, id, string, byte ? BYTE : NORMAL, 0);
    t->items[id].text = text; /* lives as long as the object */
    json_decref(string);
  }
  if (pieces) score_merges(t, model);
}

static bool is_unknown(const json_t *model, const char *text, json_int_t id) {
  const json_t *unknown = json_object_get(model, "unk_token"),
               *number = json_object_get(model, "unk_id");
  if (json_is_integer(number)) return json_integer_value(number) == id;
  return json_is_string(unknown) && strcmp(json_string_value(unknown), text) == 0;
}

/* Tokens that look like special ones are taken for such. */
static bool looks_special(const json_t *text) {
  const char *data = json_string_value(text);
  size_t size = json_string_length(text);
  return size > 4 && memcmp(data, "<|", 2) == 0 && memcmp(data + size - 2, "|>", 2) == 0;
}

static void read_added(tokens *t, const json_t *root, const gguf_family *family) {
  json_t *item, *model = json_object_get(root, "model");
  size_t i;
  bool pieces = strcmp(family->model, "llama") == 0 || strcmp(family->model, "t5") == 0;
  json_array_foreach(json_object_get(root, "added_tokens"), i, item) {
    const json_t *text = json_object_get(item, "content");
    json_int_t id = json_integer_value(json_object_get(item, "id"));
    bool special = json_is_true(json_object_get(item, "special")) || looks_special(text);
    int32_t type = special ? CONTROL : USER_DEFINED;
    if (pieces && is_unknown(model, json_string_value(text), id)) type = UNKNOWN;
    set(t, id, text, type, 0);
  }
}

/* WordPiece is spelled the other way round. */
static void put_word(gguf_writer *w, const token *t) {
  bool bracketed = t->size > 1 && t->text[0] == '[' && t->text[t->size - 1] == ']';
  if (bracketed || t->type != NORMAL) {
    gguf_put_text(w, t->text, t->size);
  } else if (t->size > 2 && memcmp(t->text, "##", 2) == 0) {
    gguf_put_text(w, t->text + 2, t->size - 2);
  } else {
    gguf_put_number(w, t->size + 3, 8);
    gguf_put(w, SPACE, 3);
    gguf_put(w, t->text, t->size);
  }
}

static void put_merges(gguf_writer *w, const json_t *merges) {
  json_t *item;
  size_t i;
  gguf_array(w, "tokenizer.ggml.merges", POME__GGUF_STRING, json_array_size(merges));
  json_array_foreach(merges, i, item) {
    if (json_is_string(item)) {
      gguf_put_text(w, json_string_value(item), json_string_length(item));
      continue;
    }
    const json_t *left = json_array_get(item, 0), *right = json_array_get(item, 1);
    gguf_put_number(w, json_string_length(left) + 1 + json_string_length(right), 8);
    gguf_put(w, json_string_value(left), json_string_length(left));
    gguf_put(w, " ", 1);
    gguf_put(w, json_string_value(right), json_string_length(right));
  }
}

/* The character map stands in Base64 in one of the normalizers. */
static const json_t *find_map(const json_t *normalizer) {
  const json_t *map = json_object_get(normalizer, "precompiled_charsmap");
  size_t i;
  json_t *part;
  json_array_foreach(json_object_get(normalizer, "normalizers"), i, part) if (map == NULL) map =
      find_map(part);
  return map;
}

static void put_map(gguf_writer *w, const char *text, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = 0;
  int held = 0;
  while (size > 0 && text[size - 1] == '=') size--;
  gguf_array(w, "tokenizer.ggml.precompiled_charsmap", POME__GGUF_INT8, size * 6 / 8);
  for (size_t i = 0; i < size; i++) {
    bits = bits << 6 | (uint32_t)(strchr(digits, text[i]) - digits);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    gguf_put_number(w, bits >> held & 0xff, 1);
  }
}

static void put_id(gguf_writer *w, const tokens *t, const char *key, const char *text) {
  for (size_t i = 0; text != NULL && i < t->count; i++) {
    if (t->items[i].size != strlen(text) || memcmp(t->items[i].text, text, t->items[i].size) != 0)
      continue;
    gguf_u32(w, key, (uint32_t)i);
    return;
  }
}

static void put_flag(gguf_writer *w, const char *key, int flag) {
  if (flag >= 0) gguf_bool(w, key, flag != 0);
}

static void put_settings(gguf_writer *w, const tokens *t, const gguf_family *f) {
  if (f->pre != NULL) gguf_string(w, "tokenizer.ggml.pre", f->pre);
  put_id(w, t, "tokenizer.ggml.bos_token_id", f->bos);
  put_id(w, t, "tokenizer.ggml.eos_token_id", f->eos);
  put_flag(w, "tokenizer.ggml.add_bos_token", f->add_bos);
  put_flag(w, "tokenizer.ggml.add_eos_token", f->add_eos);
  put_flag(w, "tokenizer.ggml.add_space_prefix", f->space_prefix);
  put_flag(w, "tokenizer.ggml.remove_extra_whitespaces", f->spaces);
}

void gguf_from_tokenizer(gguf_writer *w, const json_t *root, const gguf_family *family) {
  const json_t *model = json_object_get(root, "model"),
               *map = find_map(json_object_get(root, "normalizer"));
  bool words = strcmp(family->model, "bert") == 0;
  tokens t = {0};
  read_model(&t, model, family);
  read_added(&t, root, family);
  gguf_begin(w, 3);
  gguf_string(w, "general.architecture", "test");
  gguf_string(w, "tokenizer.ggml.model", family->model);
  gguf_array(w, "tokenizer.ggml.tokens", POME__GGUF_STRING, t.count);
  for (size_t i = 0; i < t.count; i++) {
    if (words) put_word(w, &t.items[i]);
    else gguf_put_text(w, t.items[i].text, t.items[i].size);
  }
  gguf_array(w, "tokenizer.ggml.scores", POME__GGUF_FLOAT32, t.count);
  for (size_t i = 0; i < t.count; i++) gguf_put_f32(w, (float)t.items[i].score);
  gguf_array(w, "tokenizer.ggml.token_type", POME__GGUF_INT32, t.count);
  for (size_t i = 0; i < t.count; i++) gguf_put_number(w, (uint32_t)t.items[i].type, 4);
  if (strcmp(family->model, "gpt2") == 0) put_merges(w, json_object_get(model, "merges"));
  if (json_string_length(map) > 0) put_map(w, json_string_value(map), json_string_length(map));
  put_settings(w, &t, family);
  gguf_end(w, 32, 0);
  free(t.items);
}
