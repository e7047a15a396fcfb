/* Reading tokenizer.json.
 *
 * Vocabulary and merges make up nearly all of a file: they are read straight from its text, the
 * rest as a JSON tree in which both are null. Older files do not say the model's type: then it
 * shows in the fields.
 */
#include <string.h>

#include "llm/text/alphabet.h"
#include "llm/text/merges.h"
#include "llm/text/tokenizer.h"
#include "llm/text/unicode.h"
#include "wire/json.h"
#include "wire/json_scan.h"

#define MAX_FILE ((size_t)512 << 20)

typedef struct reader {
  pome_tokenizer *t;
  pome__bytes file;
  pome__bytes vocab, merges; /* their text; size 0: none */
  json_t *root;              /* everything else */
  const json_t *model;
  bool ambiguous; /* two ids may have the same bytes */
} reader;

static bool is_key(pome__bytes raw, const char *key) {
  return raw.size == strlen(key) && memcmp(raw.data, key, raw.size) == 0;
}

/* ---- the tree without the long lists ---- */

static pome_status find_in_model(reader *r, pome__json_scan *scan, pome_error *error) {
  pome__bytes key, value;
  bool more, first = true;
  if (pome__scan_peek(scan) != '{') return pome__scan_skip(scan, &value, error);
  POME__TRY(pome__scan_open(scan, '{', error));
  for (;; first = false) {
    POME__TRY(pome__scan_next(scan, '{', first, &more, error));
    if (!more) return POME_OK;
    POME__TRY(pome__scan_key(scan, &key, error));
    POME__TRY(pome__scan_skip(scan, &value, error));
    if (is_key(key, "vocab")) r->vocab = value;
    if (is_key(key, "merges")) r->merges = value;
  }
}

static pome_status find_lists(reader *r, pome_error *error) {
  pome__json_scan scan = {(const char *)r->file.data, r->file.size, 0, 0};
  pome__bytes key, value;
  bool more, first = true;
  POME__TRY(pome__scan_open(&scan, '{', error));
  for (;; first = false) {
    POME__TRY(pome__scan_next(&scan, '{', first, &more, error));
    if (!more) return POME_OK;
    POME__TRY(pome__scan_key(&scan, &key, error));
    if (is_key(key, "model")) POME__TRY(find_in_model(r, &scan, error));
    else POME__TRY(pome__scan_skip(&scan, &value, error));
  }
}

static size_t put(char *out, size_t at, const void *data, size_t size) {
  memcpy(out + at, data, size);
  return at + size;
}

static pome_status read_tree(reader *r, pome_error *error) {
  pome__bytes first = r->vocab, second = r->merges, file = r->file;
  if (first.data > second.data) first = r->merges, second = r->vocab;
  size_t at = 0, room = file.size + 8;
  char *text = pome__alloc(r->t->allocator, room);
  if (text == NULL) return pome__fail_memory(error, "a tokenizer");
  const uint8_t *done = file.data;
  for (int i = 0; i < 2; i++) {
    pome__bytes list = i == 0 ? first : second;
    if (list.size == 0) continue;
    at = put(text, at, done, (size_t)(list.data - done));
    at = put(text, at, "null", 4);
    done = list.data + list.size;
  }
  at = put(text, at, done, (size_t)(file.data + file.size - done));
  pome_status status =
      pome__json_parse((pome__bytes){(const uint8_t *)text, at}, NULL, &r->root, error);
  pome__free(r->t->allocator, text, room);
  return status;
}

/* ---- vocabulary ---- */

typedef struct entry {
  pome_string text;
  int64_t id;
  bool odd; /* a byte-level vocabulary spells it in other characters */
} entry;

typedef struct entries {
  entry *items;
  size_t count;
  double *scores; /* by index, of lists */
} entries;

static pome_status count_elements(const reader *r, pome__bytes list, size_t *count,
                                  pome_error *error) {
  if (list.size == 0) return *count = 0, POME_OK;
  pome__json_scan scan = pome__scan_part(r->file, list);
  char bracket = pome__scan_peek(&scan) == '{' ? '{' : '[';
  pome__bytes part;
  bool more;
  POME__TRY(pome__scan_open(&scan, bracket, error));
  for (*count = 0;; (*count)++) {
    POME__TRY(pome__scan_next(&scan, bracket, *count == 0, &more, error));
    if (!more) break;
    if (bracket == '{') POME__TRY(pome__scan_key(&scan, &part, error));
    POME__TRY(pome__scan_skip(&scan, &part, error));
  }
  return *count <= POME__VOCAB_LIMIT
             ? POME_OK
             : pome__fail(error, POME_INPUT,
                          "tokenizer: a list of %zu tokens or merges; at most %d are read", *count,
                          POME__VOCAB_LIMIT);
}

static pome_status read_piece(reader *r, pome__json_scan *scan, pome__bytes raw, char **store,
                              entry *e, pome_error *error) {
  size_t size;
  POME__TRY(pome__scan_unescape(scan, raw, *store, &size, error));
  if (r->t->pretokenizer.bytes) e->odd = !pome__alphabet_bytes(*store, size, *store, &size);
  r->ambiguous = r->ambiguous || e->odd;
  e->text = (pome_string){*store, size};
  *store += size;
  return POME_OK;
}

/* {"piece": id, ...} or [["piece", score], ...]. */
static pome_status read_entries(reader *r, bool list, entries *all, pome_error *error) {
  pome__json_scan scan = pome__scan_part(r->file, r->vocab);
  char *store = pome__arena_alloc(&r->t->arena, r->vocab.size + 1, 1);
  char bracket = list ? '[' : '{';
  pome__bytes raw;
  bool more;
  if (store == NULL) return pome__fail_memory(error, "a tokenizer");
  POME__TRY(pome__scan_open(&scan, bracket, error));
  for (bool first = true;; first = false) {
    POME__TRY(pome__scan_next(&scan, bracket, first, &more, error));
    if (!more) return POME_OK;
    entry *e = &all->items[all->count];
    e->id = (int64_t)all->count;
    if (!list) {
      POME__TRY(pome__scan_key(&scan, &raw, error));
      POME__TRY(read_piece(r, &scan, raw, &store, e, error));
      POME__TRY(pome__scan_integer(&scan, &e->id, error));
    } else {
      POME__TRY(pome__scan_open(&scan, '[', error));
      POME__TRY(pome__scan_string(&scan, &raw, error));
      POME__TRY(read_piece(r, &scan, raw, &store, e, error));
      POME__TRY(pome__scan_next(&scan, '[', false, &more, error));
      POME__TRY(pome__scan_real(&scan, &all->scores[all->count], error));
      POME__TRY(pome__scan_next(&scan, '[', false, &more, error));
      if (more)
        return pome__fail(error, POME_INPUT,
                          "tokenizer: token %zu has more than a text and a score", all->count);
    }
    all->count++;
  }
}

static int64_t highest_id(const entries *all, const json_t *added) {
  int64_t highest = -1;
  size_t i;
  json_t *item;
  for (i = 0; i < all->count; i++)
    highest = all->items[i].id > highest ? all->items[i].id : highest;
  json_array_foreach(added, i, item) {
    json_int_t id = json_integer_value(json_object_get(item, "id"));
    if (id > highest) highest = id;
  }
  return highest;
}

static pome_status place(reader *r, const entries *all, pome_error *error) {
  pome__vocab *vocab = &r->t->vocab;
  for (size_t i = 0; i < all->count; i++) {
    const entry *e = &all->items[i];
    if (e->id < 0 || e->id >= POME__VOCAB_LIMIT ||
        !pome__vocab_place(vocab, (int32_t)e->id, e->text)) {
      return pome__fail(error, POME_INPUT, "tokenizer: id %lld is used twice or negative",
                        (long long)e->id);
    }
    if (!e->odd) (void)pome__vocab_index(vocab, (int32_t)e->id);
  }
  /* Text that no byte-level word can be is found last. */
  for (size_t i = 0; i < all->count; i++) {
    if (all->items[i].odd) (void)pome__vocab_index(vocab, (int32_t)all->items[i].id);
  }
  return POME_OK;
}

/* A few ids may be missing, but a short file must not ask for long tables. */
static pome_status set_size(reader *r, const entries *all, pome_error *error) {
  const json_t *added = json_object_get(r->root, "added_tokens");
  int64_t highest = highest_id(all, added);
  size_t tokens = all->count + json_array_size(added), allowed = tokens * 8 + 65536;
  if (allowed > POME__VOCAB_LIMIT) allowed = POME__VOCAB_LIMIT;
  if (highest < 0 || (uint64_t)highest >= allowed)
    return pome__fail(error, POME_INPUT,
                      "tokenizer: the largest id of %zu tokens is %lld; 0 to %zu are allowed",
                      tokens, (long long)highest, allowed - 1);
  return pome__tokenizer_set_size(r->t, (size_t)highest + 1, all->count, error);
}

static pome_status read_vocab(reader *r, double **scores, pome_error *error) {
  bool list = r->t->kind == POME__MODEL_UNIGRAM;
  const pome_allocator *allocator = r->t->allocator;
  size_t room;
  if (r->vocab.size == 0)
    return pome__fail(error, POME_INPUT, "tokenizer: the model has no \"vocab\"");
  POME__TRY(count_elements(r, r->vocab, &room, error));
  entries all = {.items = pome__alloc_zero(allocator, room * sizeof *all.items)};
  if (all.items == NULL) return pome__fail_memory(error, "a tokenizer");
  if (list) all.scores = POME__NEW_ARRAY(&r->t->arena, double, room);
  pome_status status = list && all.scores == NULL ? pome__fail_memory(error, "a tokenizer")
                                                  : read_entries(r, list, &all, error);
  if (status == POME_OK) status = set_size(r, &all, error);
  if (status == POME_OK) status = place(r, &all, error);
  pome__free(allocator, all.items, room * sizeof *all.items);
  /* Ids of added tokens behind the list have no score and are not found by it. */
  if (status == POME_OK && list) {
    *scores = POME__NEW_ARRAY(&r->t->arena, double, r->t->vocab.size);
    if (*scores == NULL) return pome__fail_memory(error, "a tokenizer");
    memcpy(*scores, all.scores, all.count * sizeof **scores);
  }
  return status;
}

/* ---- merges ---- */

/* "left right", or ["left", "right"]: both halves, one behind the other. */
static pome_status read_merge_text(pome__json_scan *scan, size_t index, pome__merge_list *m,
                                   pome_error *error) {
  pome__bytes raw;
  bool more;
  if (pome__scan_peek(scan) == '"') {
    size_t size;
    POME__TRY(pome__scan_string(scan, &raw, error));
    POME__TRY(pome__scan_unescape(scan, raw, m->text, &size, error));
    if (!pome__merges_split(m, size))
      return pome__fail(error, POME_INPUT, "tokenizer: merge %zu is not a pair", index);
    return POME_OK;
  }
  POME__TRY(pome__scan_open(scan, '[', error));
  for (int half = 0; half < 2; half++) {
    POME__TRY(pome__scan_next(scan, '[', half == 0, &more, error));
    if (!more || pome__scan_peek(scan) != '"')
      return pome__fail(error, POME_INPUT, "tokenizer: merge %zu is not a pair", index);
    POME__TRY(pome__scan_string(scan, &raw, error));
    POME__TRY(pome__scan_unescape(scan, raw, m->text + (half == 0 ? 0 : m->left),
                                  half == 0 ? &m->left : &m->right, error));
  }
  POME__TRY(pome__scan_next(scan, '[', false, &more, error));
  return more ? pome__fail(error, POME_INPUT, "tokenizer: merge %zu is not a pair", index)
              : POME_OK;
}

static pome_status read_merges(reader *r, pome_error *error) {
  size_t room = r->merges.size + 1, count;
  bool more;
  POME__TRY(count_elements(r, r->merges, &count, error));
  if (!pome__bpe_init(&r->t->bpe, &r->t->arena, count))
    return pome__fail_memory(error, "a tokenizer");
  pome__bpe_index_bytes(&r->t->bpe);
  if (r->merges.size == 0) return POME_OK;
  pome__json_scan scan = pome__scan_part(r->file, r->merges);
  pome__merge_list m = {.bpe = &r->t->bpe, .ambiguous = r->ambiguous};
  m.text = pome__alloc(r->t->allocator, room);
  if (m.text == NULL) return pome__fail_memory(error, "a tokenizer");
  pome_status status = pome__scan_open(&scan, '[', error);
  for (size_t index = 0; status == POME_OK; index++) {
    status = pome__scan_next(&scan, '[', index == 0, &more, error);
    if (status != POME_OK || !more) break;
    status = read_merge_text(&scan, index, &m, error);
    if (status == POME_OK) status = pome__merges_add(&m, index, error);
  }
  pome__free(r->t->allocator, m.text, room);
  return status;
}

/* ---- models ---- */

static pome_status read_kind(reader *r, pome_error *error) {
  static const char *const names[] = {[POME__MODEL_BPE] = "BPE",
                                      [POME__MODEL_UNIGRAM] = "Unigram",
                                      [POME__MODEL_WORDPIECE] = "WordPiece"};
  const json_t *type = json_object_get(r->model, "type");
  if (json_is_string(type)) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp(json_string_value(type), names[i]) == 0)
        return r->t->kind = (pome__model_kind)i, POME_OK;
    }
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: a model type \"%.60s\" is not supported",
                      json_string_value(type));
  }
  bool list = r->vocab.size > 0 && r->vocab.data[0] == '[';
  if (r->merges.size > 0) r->t->kind = POME__MODEL_BPE;
  else if (list) r->t->kind = POME__MODEL_UNIGRAM;
  else if (json_object_get(r->model, "max_input_chars_per_word") != NULL)
    r->t->kind = POME__MODEL_WORDPIECE;
  else
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a model type is not given, and the fields are of no known one");
  return POME_OK;
}

static bool flag(const reader *r, const char *key) {
  return json_is_true(json_object_get(r->model, key));
}

static pome_status read_text(const reader *r, const char *key, pome_string *text,
                             pome_error *error) {
  const json_t *value = json_object_get(r->model, key);
  *text = (pome_string){"", 0};
  if (json_string_length(value) == 0) return POME_OK;
  text->data =
      pome__arena_string(&r->t->arena, json_string_value(value), json_string_length(value));
  text->size = json_string_length(value);
  return text->data == NULL ? pome__fail_memory(error, "a tokenizer") : POME_OK;
}

/* The id of the model's unknown token: by its text, or -1. */
static pome_status read_unknown(const reader *r, int32_t *id, pome_error *error) {
  const json_t *value = json_object_get(r->model, "unk_token");
  *id = -1;
  if (!json_is_string(value)) return POME_OK;
  *id = pome__vocab_find(&r->t->vocab, json_string_value(value), json_string_length(value));
  if (*id < 0)
    return pome__fail(error, POME_INPUT,
                      "tokenizer: the unknown token \"%.60s\" is not in the vocabulary",
                      json_string_value(value));
  return POME_OK;
}

static pome_status read_bpe(reader *r, pome_error *error) {
  pome__bpe *bpe = &r->t->bpe;
  *bpe = (pome__bpe){.vocab = &r->t->vocab, .bytes = r->t->pretokenizer.bytes};
  bpe->byte_fallback = flag(r, "byte_fallback");
  bpe->fuse_unknown = flag(r, "fuse_unk");
  bpe->ignore_merges = flag(r, "ignore_merges");
  POME__TRY(read_text(r, "continuing_subword_prefix", &bpe->prefix, error));
  POME__TRY(read_text(r, "end_of_word_suffix", &bpe->suffix, error));
  if (bpe->bytes && (bpe->prefix.size > 0 || bpe->suffix.size > 0)) {
    const char *text = bpe->prefix.size > 0 ? bpe->prefix.data : bpe->suffix.data;
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: byte-level words marked with \"%.60s\" are not supported", text);
  }
  if (bpe->byte_fallback && (bpe->prefix.size > 0 || bpe->suffix.size > 0))
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: byte_fallback with marked words is not supported");
  POME__TRY(read_unknown(r, &bpe->unknown, error));
  /* Bytes of the alphabet's spelling would stand for a byte that is missing: refused when met. */
  if (bpe->bytes && bpe->byte_fallback) bpe->unknown = -1;
  return read_merges(r, error);
}

static pome_status read_unigram(reader *r, double *scores, pome_error *error) {
  const json_t *unknown = json_object_get(r->model, "unk_id");
  pome_tokenizer *t = r->t;
  t->unigram.unknown = -1;
  if (json_is_integer(unknown)) {
    json_int_t id = json_integer_value(unknown);
    if (id < 0 || (size_t)id >= t->vocab.size)
      return pome__fail(error, POME_INPUT, "tokenizer: the unknown token is %lld of %zu",
                        (long long)id, t->vocab.size);
    t->unigram.unknown = (int32_t)id;
  }
  t->unigram.byte_fallback = flag(r, "byte_fallback");
  return pome__unigram_init(&t->unigram, &t->arena, &t->vocab, scores, NULL)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

static pome_status read_wordpiece(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  const json_t *longest = json_object_get(r->model, "max_input_chars_per_word");
  pome_string prefix;
  POME__TRY(read_text(r, "continuing_subword_prefix", &prefix, error));
  POME__TRY(read_unknown(r, &t->wordpiece.unknown, error));
  t->wordpiece.longest = json_is_integer(longest) && json_integer_value(longest) >= 0
                             ? (size_t)json_integer_value(longest)
                             : 100;
  return pome__wordpiece_init(&t->wordpiece, &t->arena, &t->vocab, prefix)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

static pome_status read_model(reader *r, pome_error *error) {
  double *scores = NULL;
  POME__TRY(read_kind(r, error));
  if (r->t->pretokenizer.bytes && r->t->kind != POME__MODEL_BPE)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: ByteLevel words with a model that is not BPE");
  POME__TRY(read_vocab(r, &scores, error));
  if (r->t->kind == POME__MODEL_BPE) return read_bpe(r, error);
  return r->t->kind == POME__MODEL_UNIGRAM ? read_unigram(r, scores, error)
                                           : read_wordpiece(r, error);
}

/* ---- added tokens ---- */

static pome_status read_added(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  const json_t *list = json_object_get(r->root, "added_tokens");
  size_t i;
  json_t *item;
  t->added.tokens = POME__NEW_ARRAY(&t->arena, pome__added_token, json_array_size(list));
  if (t->added.tokens == NULL) return pome__fail_memory(error, "a tokenizer");
  json_array_foreach(list, i, item) {
    const json_t *content = json_object_get(item, "content"), *id = json_object_get(item, "id");
    size_t size = json_string_length(content);
    if (size == 0 || !json_is_integer(id) || json_integer_value(id) < 0 ||
        (size_t)json_integer_value(id) >= t->vocab.size) {
      return pome__fail(error, POME_INPUT, "tokenizer: added token %zu has no text or no id", i);
    }
    char *text = pome__arena_string(&t->arena, json_string_value(content), size);
    if (text == NULL) return pome__fail_memory(error, "a tokenizer");
    t->added.tokens[t->added.count++] = (pome__added_token){
        .text = {text, size},
        .id = (int32_t)json_integer_value(id),
        .special = json_is_true(json_object_get(item, "special")),
        .normalized = json_is_true(json_object_get(item, "normalized")),
        .left = json_is_true(json_object_get(item, "lstrip")),
        .right = json_is_true(json_object_get(item, "rstrip")),
        .single_word = json_is_true(json_object_get(item, "single_word")),
    };
  }
  return pome__tokenizer_index_added(t, true, error);
}

static pome_status read_parts(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  r->model = json_object_get(r->root, "model");
  if (!json_is_object(r->model))
    return pome__fail(error, POME_INPUT, "tokenizer: there is no \"model\"");
  POME__TRY(pome__normalizer_read(json_object_get(r->root, "normalizer"), &t->arena, &t->normalizer,
                                  error));
  POME__TRY(pome__pretokenizer_read(json_object_get(r->root, "pre_tokenizer"), &t->arena,
                                    &t->pretokenizer, error));
  POME__TRY(pome__decoder_read(json_object_get(r->root, "decoder"), &t->arena, &t->decoder, error));
  if (t->pretokenizer.bytes != t->decoder.bytes) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a ByteLevel %s without a ByteLevel %s is not supported",
                      t->decoder.bytes ? "decoder" : "pre-tokenizer",
                      t->decoder.bytes ? "pre-tokenizer" : "decoder");
  }
  POME__TRY(read_model(r, error));
  POME__TRY(read_added(r, error));
  return pome__postprocessor_read(json_object_get(r->root, "post_processor"), t->vocab.size,
                                  &t->arena, &t->post, error);
}

pome_status pome__tokenizer_read_json(pome_tokenizer *t, pome__bytes file, pome_error *error) {
  reader r = {.t = t, .file = file};
  if (file.size > MAX_FILE)
    return pome__fail(error, POME_INPUT, "a tokenizer file of %zu bytes; at most %zu are read",
                      file.size, MAX_FILE);
  pome_status status = find_lists(&r, error);
  if (status == POME_OK) status = read_tree(&r, error);
  if (status == POME_OK) status = read_parts(&r, error);
  json_decref(r.root);
  return status;
}
