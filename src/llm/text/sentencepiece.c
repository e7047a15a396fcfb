/* Reading SentencePiece's tokenizer.model: a protobuf message with pieces, scores and two lists of
 * settings.
 *
 * It becomes the same parts that tokenizer.json has: a character map, spaces made visible, BPE or
 * Unigram. BPE models have no merges: any two neighbours whose text is a piece may merge, the best
 * score first. Control tokens are special added tokens, user-defined ones are found in the
 * normalized text. Source: sentencepiece_model.proto.
 */
#include <stdlib.h>
#include <string.h>

#include "llm/text/tokenizer.h"
#include "llm/text/unicode.h"
#include "wire/pb.h"

#define SPACE     "\xe2\x96\x81" /* U+2581 */
#define MAX_PIECE 512            /* bytes; longer ones occur in no model */

typedef enum piece_kind {
  NORMAL = 1,
  UNKNOWN = 2,
  CONTROL = 3,
  USER_DEFINED = 4,
  UNUSED = 5,
  BYTE = 6
} piece_kind;

typedef struct reader {
  pome_tokenizer *t;
  double *scores;
  uint8_t *kinds; /* piece_kind */
  uint64_t model_type, byte_fallback, suffix;
  int64_t bos, eos;
  pome__bytes unknown_text, charsmap;
  uint64_t dummy_prefix, single_spaces, escape;
} reader;

/* ---- the message ---- */

static pome_status read_piece(reader *r, pome__pb pb, size_t index, pome_error *error) {
  pome__bytes text = {(const uint8_t *)"", 0};
  uint64_t kind = NORMAL;
  float score = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number == 1) {
      POME__TRY(pome__pb_text(&pb, &field, "a piece", &text, error));
    } else if (field.number == 2) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_I32, "a score", error));
      uint32_t bits = (uint32_t)field.value;
      memcpy(&score, &bits, sizeof score);
    } else if (field.number == 3) {
      POME__TRY(pome__pb_uint(&pb, &field, "a piece's type", &kind, error));
    }
  }
  POME__TRY(pb.status);
  if (kind < NORMAL || kind > BYTE)
    return pome__fail(error, POME_INPUT, "tokenizer: piece %zu is of type %llu; 1 to 6 are known",
                      index, (unsigned long long)kind);
  if (text.size == 0 || text.size > MAX_PIECE)
    return pome__fail(error, POME_INPUT, "tokenizer: piece %zu has %zu bytes; 1 to %d are allowed",
                      index, text.size, MAX_PIECE);
  if (!(score > -1e30f && score < 1e30f))
    return pome__fail(error, POME_INPUT, "tokenizer: the score of piece %zu is no number", index);
  char *copy = pome__arena_string(&r->t->arena, (const char *)text.data, text.size);
  if (copy == NULL) return pome__fail_memory(error, "a tokenizer");
  (void)pome__vocab_place(&r->t->vocab, (int32_t)index, (pome_string){copy, text.size});
  (void)pome__vocab_index(&r->t->vocab, (int32_t)index);
  r->scores[index] = (double)score;
  r->kinds[index] = (uint8_t)kind;
  return POME_OK;
}

/* One of the two lists of settings: numbers go where `slots` says. */
typedef struct setting {
  uint32_t number;
  uint64_t *value; /* or NULL */
  pome__bytes *bytes;
} setting;

static pome_status read_settings(pome__pb pb, const setting *settings, size_t count,
                                 pome_error *error) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    for (size_t i = 0; i < count; i++) {
      if (settings[i].number != field.number) continue;
      if (settings[i].value != NULL) {
        POME__TRY(pome__pb_uint(&pb, &field, "a setting", settings[i].value, error));
      } else {
        POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a setting", error));
        *settings[i].bytes = field.bytes;
      }
    }
  }
  return pb.status;
}

static pome_status read_trainer(reader *r, pome__pb pb, pome_error *error) {
  uint64_t bos = (uint64_t)r->bos, eos = (uint64_t)r->eos;
  const setting settings[] = {
      {3, &r->model_type, NULL}, {24, &r->suffix, NULL}, {35, &r->byte_fallback, NULL},
      {41, &bos, NULL},          {42, &eos, NULL},       {44, NULL, &r->unknown_text}};
  POME__TRY(read_settings(pb, settings, sizeof settings / sizeof settings[0], error));
  r->bos = (int64_t)bos;
  r->eos = (int64_t)eos;
  return POME_OK;
}

static pome_status read_normalizer(reader *r, pome__pb pb, pome_error *error) {
  const setting settings[] = {{2, NULL, &r->charsmap},
                              {3, &r->dummy_prefix, NULL},
                              {4, &r->single_spaces, NULL},
                              {5, &r->escape, NULL}};
  return read_settings(pb, settings, sizeof settings / sizeof settings[0], error);
}

static pome_status read_denormalizer(pome__pb pb, pome_error *error) {
  pome__bytes map = {NULL, 0};
  POME__TRY(read_settings(pb, &(setting){2, NULL, &map}, 1, error));
  return map.size == 0
             ? POME_OK
             : pome__fail(error, POME_UNSUPPORTED,
                          "tokenizer: a denormalizer with a character map is not supported");
}

static pome_status read_message(reader *r, pome__bytes file, pome_error *error) {
  pome__pb pb = pome__pb_open(file);
  size_t count, index = 0;
  POME__TRY(pome__pb_count(&pb, 1, &count, error));
  if (count == 0 || count > POME__VOCAB_LIMIT)
    return pome__fail(error, POME_INPUT, "tokenizer: %zu pieces; 1 to %d are allowed", count,
                      POME__VOCAB_LIMIT);
  POME__TRY(pome__tokenizer_set_size(r->t, count, count, error));
  r->scores = POME__NEW_ARRAY(&r->t->arena, double, count);
  r->kinds = POME__NEW_ARRAY(&r->t->arena, uint8_t, count);
  if (r->scores == NULL || r->kinds == NULL) return pome__fail_memory(error, "a tokenizer");
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number != 1 && field.number != 2 && field.number != 3 && field.number != 5) continue;
    POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a part of the model", error));
    pome__pb inner = pome__pb_enter(&pb, &field);
    if (field.number == 1) POME__TRY(read_piece(r, inner, index++, error));
    if (field.number == 2) POME__TRY(read_trainer(r, inner, error));
    if (field.number == 3) POME__TRY(read_normalizer(r, inner, error));
    if (field.number == 5) POME__TRY(read_denormalizer(inner, error));
  }
  return pb.status;
}

/* ---- text before the model ---- */

static pome_status make_normalizer(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  pome__normalizer_step step = {.kind = POME__NORMALIZE_CHARSMAP};
  if (r->charsmap.size > 0) {
    char *copy = pome__arena_string(&t->arena, (const char *)r->charsmap.data, r->charsmap.size);
    if (copy == NULL) return pome__fail_memory(error, "a tokenizer");
    POME__TRY(pome__charsmap_open((pome__bytes){(const uint8_t *)copy, r->charsmap.size}, true,
                                  &step.charsmap, error));
    POME__TRY(pome__normalizer_add(&t->normalizer, &step, error));
  }
  if (r->single_spaces)
    POME__TRY(pome__normalizer_add(
        &t->normalizer, &(pome__normalizer_step){.kind = POME__NORMALIZE_SPACES}, error));
  if (r->dummy_prefix) {
    step = (pome__normalizer_step){.kind = POME__NORMALIZE_PREPEND, .content = {" ", 1}};
    POME__TRY(pome__normalizer_add(&t->normalizer, &step, error));
  }
  if (!r->escape) return POME_OK;
  step = (pome__normalizer_step){
      .kind = POME__NORMALIZE_REPLACE, .content = {SPACE, 3}, .pattern = {.string = {" ", 1}}};
  return pome__normalizer_add(&t->normalizer, &step, error);
}

static bool is_in_text(uint8_t kind) {
  return kind == NORMAL || kind == USER_DEFINED;
}

/* Words may be taken one by one when no piece reaches from one into the next. */
static pome_status make_pretokenizer(reader *r, pome_error *error) {
  const pome__vocab *vocab = &r->t->vocab;
  for (size_t id = 0; id < vocab->size; id++) {
    pome_string piece = vocab->pieces[id];
    if (is_in_text(r->kinds[id]) && piece.size > 1 &&
        memmem(piece.data + 1, piece.size - 1, SPACE, 3) != NULL)
      return POME_OK;
  }
  pome__cut cut = {.kind = POME__CUT_PATTERN,
                   .behavior = POME__CUT_WITH_NEXT,
                   .pattern = {.string = {SPACE, 3}}};
  return pome__pretokenizer_add(&r->t->pretokenizer, &cut, error);
}

static pome_status make_added(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  t->added.tokens = POME__NEW_ARRAY(&t->arena, pome__added_token, t->vocab.size);
  if (t->added.tokens == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < t->vocab.size; id++) {
    bool user = r->kinds[id] == USER_DEFINED,
         control = r->kinds[id] == CONTROL || r->kinds[id] == UNKNOWN;
    if (!user && !control) continue;
    t->added.tokens[t->added.count++] = (pome__added_token){
        .text = t->vocab.pieces[id], .id = (int32_t)id, .special = control, .normalized = user};
    if (r->kinds[id] == UNKNOWN) t->unknown = (int32_t)id;
  }
  return pome__tokenizer_index_added(t, false, error);
}

/* ---- models ---- */

typedef struct ranked {
  double score;
  int32_t id;
} ranked;

static int by_falling_score(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* Every way to put the piece together from two others. */
static size_t add_merges(reader *r, int32_t id, int32_t rank, bool count_only) {
  const pome__vocab *vocab = &r->t->vocab;
  pome_string piece = vocab->pieces[id];
  size_t found = 0;
  for (size_t at = pome__utf8_length(piece.data[0]); at < piece.size;
       at += pome__utf8_length(piece.data[at])) {
    int32_t left = pome__vocab_find(vocab, piece.data, at),
            right = pome__vocab_find(vocab, piece.data + at, piece.size - at);
    if (left < 0 || right < 0 || !is_in_text(r->kinds[left]) || !is_in_text(r->kinds[right]))
      continue;
    found++;
    if (!count_only) pome__bpe_add_merge(&r->t->bpe, (pome__merge){left, right, id, rank});
  }
  return found;
}

static pome_status make_merges(reader *r, ranked *order, pome_error *error) {
  pome_tokenizer *t = r->t;
  size_t pieces = 0, merges = 0;
  for (size_t id = 0; id < t->vocab.size; id++) {
    if (r->kinds[id] == UNUSED)
      return pome__fail(error, POME_UNSUPPORTED,
                        "tokenizer: a BPE model with unused pieces is not supported");
    if (r->kinds[id] != NORMAL) continue;
    order[pieces++] = (ranked){r->scores[id], (int32_t)id};
    merges += add_merges(r, (int32_t)id, 0, true);
  }
  qsort(order, pieces, sizeof *order, by_falling_score);
  if (!pome__bpe_init(&t->bpe, &t->arena, merges)) return pome__fail_memory(error, "a tokenizer");
  pome__bpe_index_bytes(&t->bpe);
  int32_t rank = 0;
  for (size_t i = 0; i < pieces; i++) {
    if (i > 0 && order[i].score != order[i - 1].score) rank++;
    (void)add_merges(r, order[i].id, rank, false);
  }
  return POME_OK;
}

static pome_status make_bpe(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  t->kind = POME__MODEL_BPE;
  t->bpe = (pome__bpe){.vocab = &t->vocab,
                       .byte_fallback = r->byte_fallback != 0,
                       .fuse_unknown = true,
                       .unknown = t->unknown};
  t->bpe.prefix = t->bpe.suffix = (pome_string){"", 0};
  size_t size = t->vocab.size * sizeof(ranked);
  ranked *order = pome__alloc(t->allocator, size);
  pome_status status =
      order == NULL ? pome__fail_memory(error, "a tokenizer") : make_merges(r, order, error);
  pome__free(t->allocator, order, size);
  return status;
}

static pome_status make_unigram(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  bool *hidden = POME__NEW_ARRAY(&t->arena, bool, t->vocab.size);
  if (hidden == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < t->vocab.size; id++) hidden[id] = r->kinds[id] != NORMAL;
  t->kind = POME__MODEL_UNIGRAM;
  t->unigram.unknown = t->unknown;
  t->unigram.byte_fallback = r->byte_fallback != 0;
  t->unigram.single = true;
  return pome__unigram_init(&t->unigram, &t->arena, &t->vocab, r->scores, hidden)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

static pome_status make_model(reader *r, pome_error *error) {
  if (r->suffix)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: white space as a suffix is not supported");
  if (r->model_type == 1) {
    POME__TRY(make_pretokenizer(r, error));
    return make_unigram(r, error);
  }
  if (r->model_type == 2) return make_bpe(r, error);
  return pome__fail(
      error, POME_UNSUPPORTED,
      "tokenizer: a SentencePiece model of type %llu; 1 (unigram) and 2 (BPE) are supported",
      (unsigned long long)r->model_type);
}

/* ---- text behind the model ---- */

static pome_status make_decoder(reader *r, pome_error *error) {
  pome__decoder *d = &r->t->decoder;
  pome__decode_step leading = {
      .kind = POME__DECODE_LEADING, .text = {SPACE, 3}, .every = r->single_spaces != 0};
  pome__decode_step replace = {
      .kind = POME__DECODE_REPLACE, .text = {" ", 1}, .pattern = {.string = {SPACE, 3}}};
  pome__decode_step bytes = {.kind = POME__DECODE_BYTE_FALLBACK, .each = true};
  if (r->dummy_prefix || r->single_spaces) POME__TRY(pome__decoder_add(d, &leading, error));
  if (r->escape) POME__TRY(pome__decoder_add(d, &replace, error));
  return r->byte_fallback ? pome__decoder_add(d, &bytes, error) : POME_OK;
}

static int32_t control_id(const reader *r, int64_t id) {
  return id >= 0 && (uint64_t)id < r->t->vocab.size && r->kinds[id] == CONTROL ? (int32_t)id : -1;
}

static pome_status make_parts(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  POME__TRY(make_added(r, error));
  POME__TRY(make_normalizer(r, error));
  POME__TRY(make_model(r, error));
  POME__TRY(make_decoder(r, error));
  t->unknown_text.data =
      pome__arena_string(&t->arena, (const char *)r->unknown_text.data, r->unknown_text.size);
  t->unknown_text.size = r->unknown_text.size;
  if (t->unknown_text.data == NULL) return pome__fail_memory(error, "a tokenizer");
  if (!pome__text_is_utf8(t->unknown_text.data, t->unknown_text.size))
    return pome__fail(error, POME_INPUT, "tokenizer: the text of the unknown token is not UTF-8");
  t->bos = control_id(r, r->bos);
  t->eos = control_id(r, r->eos);
  return pome__postprocessor_plain(t->bos, -1, &t->arena, &t->post, error);
}

pome_status pome__tokenizer_read_sentencepiece(pome_tokenizer *t, pome__bytes file,
                                               pome_error *error) {
  static const char unknown_text[] = " \xe2\x81\x87 "; /* U+2047 */
  reader r = {.t = t,
              .model_type = 1,
              .bos = 1,
              .eos = 2,
              .dummy_prefix = 1,
              .single_spaces = 1,
              .escape = 1};
  r.unknown_text = (pome__bytes){(const uint8_t *)unknown_text, sizeof unknown_text - 1};
  POME__TRY(read_message(&r, file, error));
  return make_parts(&r, error);
}
