/* Tokenizers from Hugging Face's tokenizer.json: byte-level BPE.
 *
 * Text is first cut at added tokens (`<|endoftext|>`), the rest into words by the pre-tokenizer's
 * patterns, each word is encoded by BPE. Vocabularies spell bytes with the alphabet of GPT-2, where
 * every byte is a printable character; it is undone once, when the file is read, so that everything
 * after works on plain bytes. What the file asks for and this reader does not know is refused by
 * name. Source: the tokenizers library's description of the format.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pome/llm.h>
#include <string.h>

#include "base/bytes.h"
#include "llm/bpe.h"
#include "wire/json.h"
#include "wire/pb.h"

#define MAX_PATTERNS 8
#define MAX_VOCAB    4000000

/* The words of GPT-2: contractions, letters, digits and other marks with the space before them, and
 * runs of spaces. */
static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef struct added_token {
  pome_string text;
  int32_t id;
  bool special;
} added_token;

struct pome_tokenizer {
  const pome_allocator *allocator;
  pome__arena arena;
  pome__bpe bpe;
  added_token *added;
  size_t added_count;
  bool added_starts[256]; /* bytes that an added token starts with */
  pcre2_code *
      patterns[MAX_PATTERNS]; /* applied one after the other, each to the words of the one before */
  size_t pattern_count;
  bool add_prefix_space;
  bool ignore_merges; /* a word that is a token as a whole stays whole */
};

/* ---- GPT-2's alphabet ---- */

static bool is_printable_byte(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         (byte >= 174 && byte <= 255);
}

/* The byte that a character of the alphabet stands for, or -1: printable bytes are themselves, the
 * others are U+0100 onwards in order. */
static int byte_of_character(uint32_t character) {
  if (character < 256) return is_printable_byte((int)character) ? (int)character : -1;
  uint32_t wanted = character - 256, seen = 0;
  for (int byte = 0; byte < 256; byte++) {
    if (!is_printable_byte(byte) && seen++ == wanted) return byte;
  }
  return -1;
}

/* Decodes one or two-byte UTF-8, all that the alphabet needs; 0 when it is anything else. */
static uint32_t next_character(const char *text, size_t size, size_t *at) {
  unsigned char first = (unsigned char)text[(*at)++];
  if (first < 0x80) return first;
  if ((first & 0xe0) != 0xc0 || *at == size || ((unsigned char)text[*at] & 0xc0) != 0x80) return 0;
  return (uint32_t)(first & 0x1f) << 6 | ((unsigned char)text[(*at)++] & 0x3f);
}

/* The bytes that a vocabulary entry spells; the text itself when it uses other characters (added
 * tokens). */
static pome_string plain_bytes(pome__arena *arena, const char *text, size_t size) {
  char *bytes = pome__arena_alloc(arena, size + 1, 1);
  size_t count = 0;
  if (bytes == NULL) return (pome_string){NULL, 0};
  for (size_t at = 0; at < size;) {
    int byte = byte_of_character(next_character(text, size, &at));
    if (byte < 0) {
      memcpy(bytes, text, size);
      return (pome_string){bytes, size};
    }
    bytes[count++] = (char)byte;
  }
  return (pome_string){bytes, count};
}

/* ---- reading ---- */

static pome_status unsupported(pome_error *error, const char *what, const json_t *value) {
  const char *text = json_is_string(value) ? json_string_value(value) : "of this kind";
  return pome__fail(error, POME_UNSUPPORTED, "tokenizer: a %s \"%.60s\" is not supported", what,
                    text);
}

static const char *type_of(const json_t *object) {
  const char *type = json_string_value(json_object_get(object, "type"));
  return type == NULL ? "" : type;
}

static pome_status read_vocab(pome_tokenizer *t, const json_t *model, const json_t *added,
                              size_t merges, pome_error *error) {
  json_t *vocab = json_object_get(model, "vocab");
  json_int_t highest = -1;
  const char *key;
  json_t *value;
  size_t i;
  json_object_foreach(vocab, key, value) {
    if (json_integer_value(value) > highest) highest = json_integer_value(value);
  }
  json_array_foreach(added, i, value) {
    json_int_t id = json_integer_value(json_object_get(value, "id"));
    if (id > highest) highest = id;
  }
  if (highest < 0 || highest >= MAX_VOCAB)
    return pome__fail(error, POME_INPUT, "tokenizer: the largest id is %lld; 0 to %d are allowed",
                      (long long)highest, MAX_VOCAB - 1);
  if (!pome__bpe_init(&t->bpe, &t->arena, (size_t)highest + 1, merges))
    return pome__fail_memory(error, "a tokenizer");
  json_object_foreach(vocab, key, value) {
    if (!json_is_integer(value))
      return pome__fail(error, POME_INPUT, "tokenizer: the id of \"%.60s\" is not a number", key);
    pome_string bytes = plain_bytes(&t->arena, key, strlen(key));
    json_int_t id = json_integer_value(value);
    if (bytes.data == NULL) return pome__fail_memory(error, "a tokenizer");
    if (id < 0 || !pome__bpe_add_piece(&t->bpe, (int32_t)id, bytes)) {
      return pome__fail(error, POME_INPUT, "tokenizer: id %lld is used twice or negative",
                        (long long)id);
    }
  }
  return POME_OK;
}

/* Flags that make an added token take more or less of the text than itself. */
static pome_status check_added(const json_t *item, pome_error *error) {
  static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    if (json_is_true(json_object_get(item, flags[i]))) {
      return pome__fail(error, POME_UNSUPPORTED,
                        "tokenizer: an added token with \"%s\" is not supported", flags[i]);
    }
  }
  return POME_OK;
}

static pome_status read_added(pome_tokenizer *t, const json_t *added, pome_error *error) {
  size_t i;
  json_t *item;
  t->added = POME__NEW_ARRAY(&t->arena, added_token, json_array_size(added));
  if (t->added == NULL) return pome__fail_memory(error, "a tokenizer");
  json_array_foreach(added, i, item) {
    const json_t *content = json_object_get(item, "content");
    json_int_t id = json_integer_value(json_object_get(item, "id"));
    size_t size = json_string_length(content);
    if (size == 0 || id < 0 || (size_t)id >= t->bpe.vocab_size)
      return pome__fail(error, POME_INPUT, "tokenizer: added token %zu has no text or no id", i);
    POME__TRY(check_added(item, error));
    char *text = pome__arena_string(&t->arena, json_string_value(content), size);
    if (text == NULL) return pome__fail_memory(error, "a tokenizer");
    t->added_starts[(unsigned char)text[0]] = true;
    added_token token = {{text, size}, (int32_t)id, json_is_true(json_object_get(item, "special"))};
    (void)pome__bpe_add_piece(&t->bpe, token.id,
                              token.text); /* usually in the vocabulary already */
    t->added[t->added_count++] = token;
  }
  return POME_OK;
}

/* "left right", or ["left", "right"]. */
static bool split_merge(const json_t *merge, pome_string *left, pome_string *right) {
  if (json_is_array(merge) && json_array_size(merge) == 2) {
    const json_t *l = json_array_get(merge, 0), *r = json_array_get(merge, 1);
    *left = (pome_string){json_string_value(l), json_string_length(l)};
    *right = (pome_string){json_string_value(r), json_string_length(r)};
    return left->data != NULL && right->data != NULL;
  }
  const char *text = json_string_value(merge), *space = text == NULL ? NULL : strchr(text, ' ');
  if (space == NULL) return false;
  *left = (pome_string){text, (size_t)(space - text)};
  *right = (pome_string){space + 1, strlen(space + 1)};
  return true;
}

static pome_status read_merge(pome_tokenizer *t, const json_t *merge, size_t rank,
                              pome_error *error) {
  pome_string left, right;
  if (!split_merge(merge, &left, &right))
    return pome__fail(error, POME_INPUT, "tokenizer: merge %zu is not a pair", rank);
  left = plain_bytes(&t->arena, left.data, left.size);
  right = plain_bytes(&t->arena, right.data, right.size);
  char *both = pome__arena_alloc(&t->arena, left.size + right.size, 1);
  if (left.data == NULL || right.data == NULL || both == NULL)
    return pome__fail_memory(error, "a tokenizer");
  memcpy(both, left.data, left.size);
  memcpy(both + left.size, right.data, right.size);
  int32_t a = pome__bpe_find(&t->bpe, left.data, left.size),
          b = pome__bpe_find(&t->bpe, right.data, right.size);
  int32_t merged = pome__bpe_find(&t->bpe, both, left.size + right.size);
  if (a < 0 || b < 0 || merged < 0)
    return pome__fail(error, POME_INPUT,
                      "tokenizer: merge %zu names a token that the vocabulary lacks", rank);
  pome__bpe_add_merge(&t->bpe, a, b, merged, (int32_t)rank);
  return POME_OK;
}

/* What would change the answers and is not understood here. */
static pome_status check_model(const json_t *model, pome_error *error) {
  static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const json_t *value = json_object_get(model, texts[i]);
    if (json_string_length(value) > 0) return unsupported(error, texts[i], value);
  }
  if (json_number_value(json_object_get(model, "dropout")) != 0)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: dropout is not supported");
  if (json_is_true(json_object_get(model, "byte_fallback")))
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: byte fallback is not supported");
  return POME_OK;
}

static pome_status read_model(pome_tokenizer *t, const json_t *root, pome_error *error) {
  const json_t *model = json_object_get(root, "model"),
               *added = json_object_get(root, "added_tokens");
  const json_t *merges = json_object_get(model, "merges"), *merge;
  bool untyped = json_object_get(model, "type") == NULL &&
                 json_is_array(merges); /* older files: the kind shows in the fields */
  if (!untyped && strcmp(type_of(model), "BPE") != 0)
    return unsupported(error, "model type", json_object_get(model, "type"));
  POME__TRY(check_model(model, error));
  POME__TRY(read_vocab(t, model, added, json_array_size(merges), error));
  POME__TRY(read_added(t, added, error));
  t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
  pome__bpe_index_bytes(&t->bpe);
  size_t rank;
  json_array_foreach(merges, rank, merge) POME__TRY(read_merge(t, merge, rank, error));
  return POME_OK;
}

static pome_status add_pattern(pome_tokenizer *t, const char *pattern, pome_error *error) {
  int code;
  PCRE2_SIZE offset;
  if (t->pattern_count == MAX_PATTERNS)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: more than %d split patterns",
                      MAX_PATTERNS);
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
  if (compiled == NULL && code == PCRE2_ERROR_HEAP_FAILED)
    return pome__fail_memory(error, "a tokenizer");
  if (compiled == NULL)
    return pome__fail(error, POME_INPUT, "tokenizer: the split pattern is wrong at character %zu",
                      (size_t)offset);
  (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  t->patterns[t->pattern_count++] = compiled;
  return POME_OK;
}

static pome_status read_pre_tokenizer(pome_tokenizer *t, const json_t *pre, int depth,
                                      pome_error *error) {
  const char *type = type_of(pre);
  if (strcmp(type, "Sequence") == 0 && depth == 0) {
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(pre, "pretokenizers"), i, part)
        POME__TRY(read_pre_tokenizer(t, part, 1, error));
    return POME_OK;
  }
  if (strcmp(type, "ByteLevel") == 0) {
    t->add_prefix_space = json_is_true(json_object_get(pre, "add_prefix_space"));
    if (t->add_prefix_space && t->pattern_count > 0) {
      return pome__fail(error, POME_UNSUPPORTED,
                        "tokenizer: a space before every word of a split is not supported");
    }
    return json_is_false(json_object_get(pre, "use_regex")) ? POME_OK
                                                            : add_pattern(t, gpt2_pattern, error);
  }
  if (strcmp(type, "Split") == 0) {
    const char *pattern =
        json_string_value(json_object_get(json_object_get(pre, "pattern"), "Regex"));
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));
    bool isolated = behavior != NULL && strcmp(behavior, "Isolated") == 0 &&
                    !json_is_true(json_object_get(pre, "invert"));
    if (pattern == NULL || !isolated)
      return pome__fail(error, POME_UNSUPPORTED,
                        "tokenizer: only isolating splits on a pattern are supported");
    return add_pattern(t, pattern, error);
  }
  return unsupported(error, "pre-tokenizer", json_object_get(pre, "type"));
}

static pome_status read_tokenizer(pome_tokenizer *t, const json_t *root, pome_error *error) {
  const json_t *normalizer = json_object_get(root, "normalizer"),
               *decoder = json_object_get(root, "decoder");
  if (json_is_object(normalizer))
    return unsupported(error, "normalizer", json_object_get(normalizer, "type"));
  if (strcmp(type_of(decoder), "ByteLevel") != 0)
    return unsupported(error, "decoder", json_object_get(decoder, "type"));
  POME__TRY(read_model(t, root, error));
  return read_pre_tokenizer(t, json_object_get(root, "pre_tokenizer"), 0, error);
}

pome_status pome_tokenizer_open(const char *path, const pome_allocator *allocator,
                                pome_tokenizer **out, pome_error *error) {
  json_t *root;
  POME__TRY(pome__json_read(path, &root, error));
  pome_tokenizer *t = pome__alloc_zero(allocator, sizeof *t);
  pome_status status;
  if (t == NULL) {
    status = pome__fail_memory(error, "a tokenizer");
  } else {
    t->allocator = allocator;
    pome__arena_init(&t->arena, allocator, 0);
    status = read_tokenizer(t, root, error);
  }
  json_decref(root);
  if (status == POME_OK) {
    *out = t;
  } else {
    pome__error_at_file(error, path);
    pome_tokenizer_close(t);
  }
  return status;
}

void pome_tokenizer_close(pome_tokenizer *t) {
  if (t == NULL) return;
  for (size_t i = 0; i < t->pattern_count; i++) pcre2_code_free(t->patterns[i]);
  pome__arena_free(&t->arena);
  pome__free(t->allocator, t, sizeof *t);
}

/* ---- encoding ---- */

typedef struct encoder {
  const pome_tokenizer *t;
  pome__bpe_work work;
  int32_t *ids;
  size_t capacity, count;
  int32_t *word_ids; /* room for one word */
  size_t word_capacity;
  pcre2_match_data *matches[MAX_PATTERNS];
  pome_error *error;
} encoder;

static void emit(encoder *e, const int32_t *ids, size_t count) {
  for (size_t i = 0; i < count; i++, e->count++) {
    if (e->count < e->capacity) e->ids[e->count] = ids[i];
  }
}

static pome_status encode_word(encoder *e, const char *word, size_t size) {
  int32_t whole = e->t->ignore_merges ? pome__bpe_find(&e->t->bpe, word, size) : -1;
  size_t count;
  if (whole >= 0) {
    emit(e, &whole, 1);
    return POME_OK;
  }
  if (size > e->word_capacity) {
    int32_t *grown = pome__realloc(e->t->allocator, e->word_ids, e->word_capacity * sizeof *grown,
                                   size * sizeof *grown);
    if (grown == NULL) return pome__fail_memory(e->error, "encoding text");
    e->word_ids = grown;
    e->word_capacity = size;
  }
  POME__TRY(pome__bpe_encode(&e->t->bpe, &e->work, word, size, e->word_ids, &count, e->error));
  emit(e, e->word_ids, count);
  return POME_OK;
}

/* The next match of pattern `at` from `from` on that is not empty, as `*begin` .. `*end`; *end is 0
 * when there is none. The text is known to be valid, which PCRE2 would otherwise check to its end
 * at every call. */
static pome_status next_match(encoder *e, const char *text, size_t size, size_t at, size_t from,
                              size_t *begin, size_t *end) {
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(e->matches[at]);
  *begin = *end = 0;
  while (from < size) {
    int found = pcre2_match(e->t->patterns[at], (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK,
                            e->matches[at], NULL);
    if (found == PCRE2_ERROR_NOMATCH) return POME_OK;
    if (found == PCRE2_ERROR_NOMEMORY) return pome__fail_memory(e->error, "encoding text");
    if (found < 0)
      return pome__fail(e->error, POME_INPUT, "the text is too hard for the tokenizer's pattern");
    if (range[1] > range[0]) {
      *begin = range[0];
      *end = range[1];
      return POME_OK;
    }
    for (from = range[1] + 1; from < size && ((unsigned char)text[from] & 0xc0) == 0x80;) from++;
  }
  return POME_OK;
}

/* Cuts with pattern `at` and the ones after it; what lies between matches is a word too. */
static pome_status split(encoder *e, const char *text, size_t size, size_t at) {
  if (size == 0) return POME_OK;
  if (at == e->t->pattern_count) return encode_word(e, text, size);
  for (size_t done = 0; done < size;) {
    size_t begin, end;
    POME__TRY(next_match(e, text, size, at, done, &begin, &end));
    if (end == 0) return split(e, text + done, size - done, at + 1);
    POME__TRY(split(e, text + done, begin - done, at + 1));
    POME__TRY(split(e, text + begin, end - begin, at + 1));
    done = end;
  }
  return POME_OK;
}

static pome_status encode_plain(encoder *e, const char *text, size_t size) {
  if (size == 0 || !e->t->add_prefix_space || text[0] == ' ') return split(e, text, size, 0);
  char *spaced = pome__alloc(e->t->allocator, size + 1);
  if (spaced == NULL) return pome__fail_memory(e->error, "encoding text");
  spaced[0] = ' ';
  memcpy(spaced + 1, text, size);
  pome_status status = split(e, spaced, size + 1, 0);
  pome__free(e->t->allocator, spaced, size + 1);
  return status;
}

/* The longest added token that the text starts with, or NULL. */
static const added_token *added_at(const pome_tokenizer *t, const char *text, size_t size) {
  const added_token *best = NULL;
  for (size_t i = 0; i < t->added_count; i++) {
    const added_token *token = &t->added[i];
    if (token->text.size > size || memcmp(text, token->text.data, token->text.size) != 0) continue;
    if (best == NULL || token->text.size > best->text.size) best = token;
  }
  return best;
}

/* The added token that starts first in the text; NULL when there is none. */
static const added_token *find_added(const pome_tokenizer *t, const char *text, size_t size,
                                     size_t *start) {
  for (size_t i = 0; i < size; i++) {
    const added_token *token =
        t->added_starts[(unsigned char)text[i]] ? added_at(t, text + i, size - i) : NULL;
    if (token == NULL) continue;
    *start = i;
    return token;
  }
  return NULL;
}

static pome_status encode_text(encoder *e, const char *text, size_t size) {
  while (size > 0) {
    size_t start = size;
    const added_token *token = find_added(e->t, text, size, &start);
    POME__TRY(encode_plain(e, text, token == NULL ? size : start));
    if (token == NULL) break;
    emit(e, &token->id, 1);
    text += start + token->text.size;
    size -= start + token->text.size;
  }
  return POME_OK;
}

/* Texts may hold NUL, which the shared check takes for an error. */
static bool is_utf8(const char *text, size_t size) {
  while (size > 0) {
    const char *nul = memchr(text, '\0', size);
    size_t run = nul == NULL ? size : (size_t)(nul - text), step = nul == NULL ? size : run + 1;
    if (!pome__utf8_valid((pome__bytes){(const uint8_t *)text, run})) return false;
    text += step;
    size -= step;
  }
  return true;
}

static pome_status open_encoder(encoder *e) {
  for (size_t i = 0; i < e->t->pattern_count; i++) {
    e->matches[i] = pcre2_match_data_create(1, NULL);
    if (e->matches[i] == NULL) return pome__fail_memory(e->error, "encoding text");
  }
  return POME_OK;
}

static void close_encoder(encoder *e) {
  for (size_t i = 0; i < e->t->pattern_count; i++) pcre2_match_data_free(e->matches[i]);
  pome__bpe_work_free(&e->work);
  pome__free(e->t->allocator, e->word_ids, e->word_capacity * sizeof *e->word_ids);
}

pome_status pome_tokenizer_encode(const pome_tokenizer *t, const char *text, size_t size,
                                  int32_t *ids, size_t capacity, size_t *count, pome_error *error) {
  encoder e = {.t = t,
               .work = {.allocator = t->allocator},
               .ids = ids,
               .capacity = capacity,
               .error = error};
  if (!is_utf8(text, size)) return pome__fail(error, POME_INPUT, "the text is not valid UTF-8");
  pome_status status = open_encoder(&e);
  if (status == POME_OK) status = encode_text(&e, text, size);
  close_encoder(&e);
  if (status == POME_OK) *count = e.count;
  return status;
}

/* ---- looking up ---- */

size_t pome_tokenizer_vocab_size(const pome_tokenizer *t) {
  return t->bpe.vocab_size;
}

pome_string pome_tokenizer_piece(const pome_tokenizer *t, int32_t id) {
  if (id < 0 || (size_t)id >= t->bpe.vocab_size || t->bpe.pieces[id].data == NULL)
    return (pome_string){"", 0};
  return t->bpe.pieces[id];
}

bool pome_tokenizer_is_special(const pome_tokenizer *t, int32_t id) {
  for (size_t i = 0; i < t->added_count; i++) {
    if (t->added[i].id == id) return t->added[i].special;
  }
  return false;
}

int32_t pome_tokenizer_find(const pome_tokenizer *t, const char *text, size_t size) {
  for (size_t i = 0; i < t->added_count; i++) {
    if (t->added[i].text.size == size && memcmp(t->added[i].text.data, text, size) == 0)
      return t->added[i].id;
  }
  return pome__bpe_find(&t->bpe, text, size);
}
