/* The public face of tokenizers: opening, looking up, encoding, decoding. The parts are in the
 * other files of this folder. */
#include "llm/text/tokenizer.h"

#include <string.h>

#include "llm/text/alphabet.h"
#include "llm/text/unicode.h"
#include "wire/gguf.h"
#include "wire/json.h"

/* ---- making ---- */

pome_tokenizer *pome__tokenizer_new(const pome_allocator *allocator) {
  pome_tokenizer *t = pome__alloc_zero(allocator, sizeof *t);
  if (t == NULL) return NULL;
  t->allocator = allocator;
  t->unknown = t->bos = t->eos = -1;
  pome__arena_init(&t->arena, allocator, 0);
  return t;
}

void pome_tokenizer_close(pome_tokenizer *t) {
  if (t == NULL) return;
  pome__normalizer_free(&t->normalizer);
  pome__pretokenizer_free(&t->pretokenizer);
  pome__decoder_free(&t->decoder);
  pome__arena_free(&t->arena);
  pome__free(t->allocator, t, sizeof *t);
}

pome_status pome__tokenizer_set_size(pome_tokenizer *t, size_t size, size_t count,
                                     pome_error *error) {
  t->special = POME__NEW_ARRAY(&t->arena, uint8_t, size);
  return t->special != NULL && pome__vocab_init(&t->vocab, &t->arena, size, count)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

/* What an added token's text is in the vocabulary. `*foreign`: it is not spelled in the alphabet of
 * bytes, as "  " is not, and so no piece of a vocabulary that is. */
static bool vocabulary_spelling(pome_tokenizer *t, pome_string text, pome_string *spelling,
                                bool *foreign) {
  *spelling = text;
  *foreign = false;
  if (!t->pretokenizer.bytes) return true;
  char *bytes = pome__arena_alloc(&t->arena, text.size + 1, 1);
  if (bytes == NULL) return false;
  *foreign = !pome__alphabet_bytes(text.data, text.size, bytes, &spelling->size);
  spelling->data = bytes;
  return true;
}

static pome_status place_added(pome_tokenizer *t, pome__added_token *token, pome_error *error) {
  pome_string spelling;
  bool foreign;
  if (!vocabulary_spelling(t, token->text, &spelling, &foreign))
    return pome__fail_memory(error, "a tokenizer");
  int32_t known = foreign ? -1 : pome__vocab_find(&t->vocab, spelling.data, spelling.size);
  if (known >= 0) token->id = known;
  else (void)pome__vocab_place(&t->vocab, token->id, spelling);
  if (token->special) t->special[token->id] = 1;
  return POME_OK;
}

/* Copies the normalized text to the arena. */
static pome_status normalized_spelling(pome_tokenizer *t, pome_string text, pome_string *spelling,
                                       pome_error *error) {
  pome__buffer buffers[2] = {{.allocator = t->allocator}, {.allocator = t->allocator}};
  pome__matcher matcher = {NULL, NULL, 0};
  pome__view in = {text.data, text.size, NULL, 0}, out;
  pome_status status = pome__normalize(&t->normalizer, &matcher, &in, buffers, &out, error);
  if (status == POME_OK) {
    spelling->size = out.size;
    spelling->data = pome__arena_string(&t->arena, out.data, out.size);
    if (spelling->data == NULL) status = pome__fail_memory(error, "a tokenizer");
  }
  for (int i = 0; i < 2; i++) pome__buffer_free(&buffers[i]);
  pome__matcher_free(&matcher);
  return status;
}

pome_status pome__tokenizer_index_added(pome_tokenizer *t, bool normalize, pome_error *error) {
  pome_string *spellings = POME__NEW_ARRAY(&t->arena, pome_string, t->added.count);
  if (spellings == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t i = 0; i < t->added.count; i++) {
    pome__added_token *token = &t->added.tokens[i];
    spellings[i] = token->text;
    POME__TRY(place_added(t, token, error));
    if (token->normalized && normalize)
      POME__TRY(normalized_spelling(t, token->text, &spellings[i], error));
  }
  return pome__added_init(&t->added, &t->arena, spellings)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

pome_status pome__tokenizer_from_memory(pome__bytes file, const pome_allocator *allocator,
                                        pome_tokenizer **out, pome_error *error) {
  size_t at = 0;
  while (at < file.size && strchr(" \t\r\n", file.data[at]) != NULL && file.data[at] != '\0') at++;
  pome_tokenizer *t = pome__tokenizer_new(allocator);
  if (t == NULL) return pome__fail_memory(error, "a tokenizer");
  /* A SentencePiece model starts with the tag of a piece, 0x0a, which is a line end too: what
   * follows tells. */
  bool pieces = file.size > 2 && file.data[0] == 0x0a && at < file.size && file.data[at] != '{';
  pome_status status = pome__gguf_is(file) ? pome__tokenizer_read_gguf(t, file, error)
                       : pieces            ? pome__tokenizer_read_sentencepiece(t, file, error)
                                           : pome__tokenizer_read_json(t, file, error);
  if (status == POME_OK) *out = t;
  else pome_tokenizer_close(t);
  return status;
}

/* ---- opening ---- */

/* add_bos_token and add_eos_token of the tokenizer_config.json beside a SentencePiece model. */
static pome_status read_config(pome_tokenizer *t, const char *folder, pome_error *error) {
  char path[POME__PATH_LIMIT];
  json_t *root;
  if (t->bos < 0 && t->eos < 0) return POME_OK;
  if (!pome__path_join(path, sizeof path, folder, "tokenizer_config.json") ||
      pome__path_kind_of(path) != POME__PATH_FILE)
    return POME_OK;
  POME__TRY(pome__json_read(path, &root, error));
  bool bos = !json_is_false(json_object_get(root, "add_bos_token")),
       eos = json_is_true(json_object_get(root, "add_eos_token"));
  json_decref(root);
  return pome__postprocessor_plain(bos ? t->bos : -1, eos ? t->eos : -1, &t->arena, &t->post,
                                   error);
}

static pome_status open_file(const char *path, const pome_allocator *allocator,
                             pome_tokenizer **out, pome_error *error) {
  pome__blob blob = {0};
  pome_tokenizer *t;
  char folder[POME__PATH_LIMIT] = "";
  /* A GGUF file may be larger than memory: only its head is looked at. */
  POME__TRY(pome__blob_open(NULL, path, !pome__gguf_is_file(path), allocator, &blob, error));
  pome_status status = pome__blob_check(&blob, error);
  if (status == POME_OK) status = pome__tokenizer_from_memory(blob.bytes, allocator, &t, error);
  pome__blob_close(&blob);
  if (status != POME_OK) return status;
  const char *slash = strrchr(path, '/');
  if (slash != NULL && (size_t)(slash - path) < sizeof folder - 1)
    memcpy(folder, path, (size_t)(slash - path) + (slash == path));
  status = read_config(t, folder, error);
  if (status == POME_OK) *out = t;
  else pome_tokenizer_close(t);
  return status;
}

pome_status pome_tokenizer_open(const char *path, const pome_allocator *allocator,
                                pome_tokenizer **out, pome_error *error) {
  static const char *const names[] = {"tokenizer.json", "tokenizer.model"};
  char inside[POME__PATH_LIMIT];
  if (pome__path_kind_of(path) == POME__PATH_FOLDER) {
    size_t i = 0;
    while (i < 2 && !(pome__path_join(inside, sizeof inside, path, names[i]) &&
                      pome__path_kind_of(inside) == POME__PATH_FILE))
      i++;
    if (i == 2) {
      (void)pome__fail(error, POME_INPUT,
                       "no tokenizer.json and no tokenizer.model in this folder");
      pome__error_at_file(error, path);
      return POME_INPUT;
    }
    path = inside;
  }
  pome_status status = open_file(path, allocator, out, error);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}

/* ---- looking up ---- */

size_t pome_tokenizer_vocab_size(const pome_tokenizer *t) {
  return t->vocab.size;
}
pome_string pome_tokenizer_piece(const pome_tokenizer *t, int32_t id) {
  return pome__vocab_piece(&t->vocab, id);
}
bool pome_tokenizer_is_special(const pome_tokenizer *t, int32_t id) {
  return id >= 0 && (size_t)id < t->vocab.size && t->special[id] != 0;
}

int32_t pome_tokenizer_find(const pome_tokenizer *t, const char *text, size_t size) {
  for (size_t i = 0; i < t->added.count; i++) {
    if (t->added.tokens[i].text.size == size &&
        memcmp(t->added.tokens[i].text.data, text, size) == 0)
      return t->added.tokens[i].id;
  }
  return pome__vocab_find(&t->vocab, text, size);
}

/* ---- encoding ---- */

typedef struct output {
  int32_t *ids, *types;
  pome_span *spans;
  size_t capacity, count;
} output;

static void write(output *o, int32_t id, int32_t type, pome_span span) {
  size_t at = o->count++;
  if (at >= o->capacity) return;
  if (o->ids != NULL) o->ids[at] = id;
  if (o->types != NULL) o->types[at] = type;
  if (o->spans != NULL) o->spans[at] = span;
}

static const pome__template_item text_alone[] = {{POME__FIRST_TEXT, 0}};
static const pome__template_item two_texts[] = {{POME__FIRST_TEXT, 0}, {POME__SECOND_TEXT, 1}};

static void fill(const pome__template_item *items, size_t count, const pome__encoded texts[2],
                 output *o) {
  for (size_t i = 0; i < count; i++) {
    if (items[i].id >= 0) {
      write(o, items[i].id, items[i].type, (pome_span){0, 0});
      continue;
    }
    const pome__encoded *text = &texts[items[i].id == POME__SECOND_TEXT];
    for (size_t k = 0; k < text->count; k++)
      write(o, text->ids[k], items[i].type,
            text->spans != NULL ? text->spans[k] : (pome_span){0, 0});
  }
}

static pome_status encode(const pome_tokenizer *t, const pome_string *texts, size_t count,
                          unsigned flags, pome__plain plain, output *o, pome_error *error) {
  pome__encoded parts[2] = {{.allocator = t->allocator, .wants_spans = o->spans != NULL},
                            {.allocator = t->allocator, .wants_spans = o->spans != NULL}};
  if ((flags & ~(unsigned)(POME_ENCODE_SPECIAL | POME_ENCODE_PLAIN)) != 0)
    return pome__fail(error, POME_USAGE, "flags 0x%x of encoding are not known", flags);
  plain.all = (flags & POME_ENCODE_PLAIN) != 0;
  pome_status status = POME_OK;
  for (size_t i = 0; status == POME_OK && i < count; i++)
    status = pome__encode_text(t, texts[i].data, texts[i].size, &plain, &parts[i], error);
  const pome__template *template = count == 2 ? &t->post.pair : &t->post.single;
  if (status == POME_OK && (flags & POME_ENCODE_SPECIAL) != 0)
    fill(template->items, template->count, parts, o);
  else if (status == POME_OK) fill(count == 2 ? two_texts : text_alone, count, parts, o);
  for (size_t i = 0; i < 2; i++) pome__encoded_free(&parts[i]);
  return status;
}

pome_status pome_tokenizer_encode_with(const pome_tokenizer *t, const char *text, size_t size,
                                       unsigned flags, int32_t *ids, pome_span *spans,
                                       size_t capacity, size_t *count, pome_error *error) {
  output o = {.ids = ids, .spans = spans, .capacity = capacity};
  POME__TRY(encode(t, &(pome_string){text, size}, 1, flags, (pome__plain){0}, &o, error));
  *count = o.count;
  return POME_OK;
}

/* Spans in order and within the text: what finding them relies on. */
static pome_status check_spans(const pome_span *spans, size_t count, size_t size,
                               pome_error *error) {
  size_t last = 0;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].begin < last || spans[i].end < spans[i].begin || spans[i].end > size)
      return pome__fail(error, POME_USAGE,
                        "plain span %zu is %zu to %zu; they must be in order and within %zu bytes",
                        i, spans[i].begin, spans[i].end, size);
    last = spans[i].end;
  }
  return POME_OK;
}

pome_status pome_tokenizer_encode_marked(const pome_tokenizer *t, const char *text, size_t size,
                                         unsigned flags, const pome_span *plain, size_t plain_count,
                                         int32_t *ids, size_t capacity, size_t *count,
                                         pome_error *error) {
  output o = {.ids = ids, .capacity = capacity};
  POME__TRY(check_spans(plain, plain_count, size, error));
  POME__TRY(encode(t, &(pome_string){text, size}, 1, flags,
                   (pome__plain){.spans = plain, .count = plain_count}, &o, error));
  *count = o.count;
  return POME_OK;
}

pome_status pome_tokenizer_encode(const pome_tokenizer *t, const char *text, size_t size,
                                  int32_t *ids, size_t capacity, size_t *count, pome_error *error) {
  return pome_tokenizer_encode_with(t, text, size, 0, ids, NULL, capacity, count, error);
}

pome_status pome_tokenizer_encode_pair(const pome_tokenizer *t, pome_string first,
                                       pome_string second, unsigned flags, int32_t *ids,
                                       int32_t *types, size_t capacity, size_t *count,
                                       pome_error *error) {
  output o = {.ids = ids, .types = types, .capacity = capacity};
  const pome_string texts[2] = {first, second};
  POME__TRY(encode(t, texts, 2, flags, (pome__plain){0}, &o, error));
  *count = o.count;
  return POME_OK;
}

/* ---- decoding ---- */

struct pome_detokenizer {
  const pome_tokenizer *t;
  bool skip_special;
  pome__decoding decoding;
};

static pome_status add_id(const pome_tokenizer *t, pome__decoding *decoding, bool skip_special,
                          int32_t id, pome_error *error) {
  bool known = id >= 0 && (size_t)id < t->vocab.size && t->vocab.pieces[id].data != NULL;
  if (!known || (skip_special && t->special[id] != 0)) return POME_OK;
  pome_string piece =
      id == t->unknown && t->unknown_text.data != NULL ? t->unknown_text : t->vocab.pieces[id];
  return pome__decoding_add(decoding, piece, error);
}

pome_status pome_tokenizer_decode(const pome_tokenizer *t, const int32_t *ids, size_t count,
                                  unsigned flags, char *text, size_t capacity, size_t *size,
                                  pome_error *error) {
  pome__decoding decoding;
  if ((flags & ~(unsigned)POME_DECODE_SKIP_SPECIAL) != 0)
    return pome__fail(error, POME_USAGE, "flags 0x%x of decoding are not known", flags);
  pome__decoding_init(&decoding, &t->decoder, t->allocator);
  pome_status status = POME_OK;
  for (size_t i = 0; status == POME_OK && i < count; i++)
    status = add_id(t, &decoding, (flags & POME_DECODE_SKIP_SPECIAL) != 0, ids[i], error);
  if (status == POME_OK) status = pome__decoding_end(&decoding, error);
  if (status == POME_OK) {
    *size = decoding.out.size;
    size_t fits = *size < capacity ? *size : capacity;
    if (fits > 0) memcpy(text, decoding.out.data, fits);
  }
  pome__decoding_free(&decoding);
  return status;
}

pome_status pome_detokenizer_create(const pome_tokenizer *t, unsigned flags, pome_detokenizer **out,
                                    pome_error *error) {
  if ((flags & ~(unsigned)POME_DECODE_SKIP_SPECIAL) != 0)
    return pome__fail(error, POME_USAGE, "flags 0x%x of decoding are not known", flags);
  pome_detokenizer *d = pome__alloc_zero(t->allocator, sizeof *d);
  if (d == NULL) return pome__fail_memory(error, "decoding text");
  d->t = t;
  d->skip_special = (flags & POME_DECODE_SKIP_SPECIAL) != 0;
  pome__decoding_init(&d->decoding, &t->decoder, t->allocator);
  *out = d;
  return POME_OK;
}

void pome_detokenizer_free(pome_detokenizer *d) {
  if (d == NULL) return;
  pome__decoding_free(&d->decoding);
  pome__free(d->t->allocator, d, sizeof *d);
}

static pome_string certain_text(const pome_detokenizer *d) {
  const pome__buffer *out = &d->decoding.out;
  return (pome_string){out->size == 0 ? "" : out->data, out->size};
}

pome_status pome_detokenizer_add(pome_detokenizer *d, int32_t id, pome_string *text,
                                 pome_error *error) {
  pome__buffer_reset(&d->decoding.out);
  POME__TRY(add_id(d->t, &d->decoding, d->skip_special, id, error));
  *text = certain_text(d);
  return POME_OK;
}

pome_status pome_detokenizer_finish(pome_detokenizer *d, pome_string *text, pome_error *error) {
  pome__buffer_reset(&d->decoding.out);
  POME__TRY(pome__decoding_end(&d->decoding, error));
  *text = certain_text(d);
  return POME_OK;
}
