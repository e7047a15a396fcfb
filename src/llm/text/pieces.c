/* See pieces.h. */
#include "llm/text/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "llm/text/unicode.h"

#define MAX_PIECE 512 /* bytes; longer ones occur in no model */

/* ---- pieces ---- */

pome_status pome__pieces_init(pome__pieces *p, size_t count, pome_error *error) {
  pome_tokenizer *t = p->t;
  if (count == 0 || count > POME__VOCAB_LIMIT)
    return pome__fail(error, POME_INPUT, "tokenizer: %zu pieces; 1 to %d are allowed", count,
                      POME__VOCAB_LIMIT);
  POME__TRY(pome__tokenizer_set_size(t, count, count, error));
  p->scores = POME__NEW_ARRAY(&t->arena, double, count);
  p->kinds = POME__NEW_ARRAY(&t->arena, uint8_t, count);
  return p->scores == NULL || p->kinds == NULL ? pome__fail_memory(error, "a tokenizer") : POME_OK;
}

pome_status pome__pieces_set(pome__pieces *p, size_t index, pome__bytes text, uint64_t kind,
                             double score, pome_error *error) {
  pome_tokenizer *t = p->t;
  if (kind < POME__PIECE_NORMAL || kind > POME__PIECE_BYTE)
    return pome__fail(error, POME_INPUT, "tokenizer: piece %zu is of type %llu; 1 to 6 are known",
                      index, (unsigned long long)kind);
  if (text.size == 0 || text.size > MAX_PIECE)
    return pome__fail(error, POME_INPUT, "tokenizer: piece %zu has %zu bytes; 1 to %d are allowed",
                      index, text.size, MAX_PIECE);
  if (!(score > -1e30 && score < 1e30))
    return pome__fail(error, POME_INPUT, "tokenizer: the score of piece %zu is no number", index);
  char *copy = pome__arena_string(&t->arena, (const char *)text.data, text.size);
  if (copy == NULL) return pome__fail_memory(error, "a tokenizer");
  (void)pome__vocab_place(&t->vocab, (int32_t)index, (pome_string){copy, text.size});
  (void)pome__vocab_index(&t->vocab, (int32_t)index);
  p->scores[index] = score;
  p->kinds[index] = (uint8_t)kind;
  return POME_OK;
}

/* ---- text before the model ---- */

static pome_status make_normalizer(pome__pieces *p, pome_error *error) {
  pome_tokenizer *t = p->t;
  pome__normalizer_step step = {.kind = POME__NORMALIZE_CHARSMAP};
  if (p->charsmap.size > 0) {
    char *copy = pome__arena_string(&t->arena, (const char *)p->charsmap.data, p->charsmap.size);
    if (copy == NULL) return pome__fail_memory(error, "a tokenizer");
    POME__TRY(pome__charsmap_open((pome__bytes){(const uint8_t *)copy, p->charsmap.size}, true,
                                  &step.charsmap, error));
    POME__TRY(pome__normalizer_add(&t->normalizer, &step, error));
  }
  if (p->single_spaces)
    POME__TRY(pome__normalizer_add(
        &t->normalizer, &(pome__normalizer_step){.kind = POME__NORMALIZE_SPACES}, error));
  if (p->dummy_prefix) {
    step = (pome__normalizer_step){.kind = POME__NORMALIZE_PREPEND, .content = {" ", 1}};
    POME__TRY(pome__normalizer_add(&t->normalizer, &step, error));
  }
  if (!p->escape) return POME_OK;
  step = (pome__normalizer_step){.kind = POME__NORMALIZE_REPLACE,
                                 .content = {POME__PIECE_SPACE, 3},
                                 .pattern = {.string = {" ", 1}}};
  return pome__normalizer_add(&t->normalizer, &step, error);
}

static bool is_in_text(uint8_t kind) {
  return kind == POME__PIECE_NORMAL || kind == POME__PIECE_USER_DEFINED;
}

/* Words may be taken one by one when no piece reaches from one into the next. */
static pome_status make_pretokenizer(pome__pieces *p, pome_error *error) {
  const pome__vocab *vocab = &p->t->vocab;
  for (size_t id = 0; id < vocab->size; id++) {
    pome_string piece = vocab->pieces[id];
    if (is_in_text(p->kinds[id]) && piece.size > 1 &&
        memmem(piece.data + 1, piece.size - 1, POME__PIECE_SPACE, 3) != NULL)
      return POME_OK;
  }
  pome__cut cut = {.kind = POME__CUT_PATTERN,
                   .behavior = POME__CUT_WITH_NEXT,
                   .pattern = {.string = {POME__PIECE_SPACE, 3}}};
  return pome__pretokenizer_add(&p->t->pretokenizer, &cut, error);
}

static bool is_added(uint8_t kind) {
  return kind == POME__PIECE_USER_DEFINED || kind == POME__PIECE_CONTROL ||
         kind == POME__PIECE_UNKNOWN;
}

static pome_status make_added(pome__pieces *p, pome_error *error) {
  pome_tokenizer *t = p->t;
  size_t count = 0;
  for (size_t id = 0; id < t->vocab.size; id++) count += is_added(p->kinds[id]);
  t->added.tokens = POME__NEW_ARRAY(&t->arena, pome__added_token, count);
  if (t->added.tokens == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < t->vocab.size; id++) {
    if (!is_added(p->kinds[id])) continue;
    pome_string text = t->vocab.pieces[id];
    bool user = p->kinds[id] == POME__PIECE_USER_DEFINED;
    bool raw =
        !user || (p->raw_added && memmem(text.data, text.size, POME__PIECE_SPACE, 3) == NULL);
    t->added.tokens[t->added.count++] =
        (pome__added_token){.text = text, .id = (int32_t)id, .special = !user, .normalized = !raw};
    if (p->kinds[id] == POME__PIECE_UNKNOWN) t->unknown = (int32_t)id;
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
static size_t add_merges(pome__pieces *p, int32_t id, int32_t rank, bool count_only) {
  const pome__vocab *vocab = &p->t->vocab;
  pome_string piece = vocab->pieces[id];
  size_t found = 0;
  for (size_t at = pome__utf8_length(piece.data[0]); at < piece.size;
       at += pome__utf8_length(piece.data[at])) {
    int32_t left = pome__vocab_find(vocab, piece.data, at),
            right = pome__vocab_find(vocab, piece.data + at, piece.size - at);
    if (left < 0 || right < 0 || !is_in_text(p->kinds[left]) || !is_in_text(p->kinds[right]))
      continue;
    found++;
    if (!count_only) pome__bpe_add_merge(&p->t->bpe, (pome__merge){left, right, id, rank});
  }
  return found;
}

static pome_status make_merges(pome__pieces *p, ranked *order, pome_error *error) {
  pome_tokenizer *t = p->t;
  size_t pieces = 0, merges = 0;
  for (size_t id = 0; id < t->vocab.size; id++) {
    if (p->kinds[id] == POME__PIECE_UNUSED && t->vocab.pieces[id].data != NULL)
      return pome__fail(error, POME_UNSUPPORTED,
                        "tokenizer: a BPE model with unused pieces is not supported");
    if (p->kinds[id] != POME__PIECE_NORMAL) continue;
    order[pieces++] = (ranked){p->scores[id], (int32_t)id};
    merges += add_merges(p, (int32_t)id, 0, true);
  }
  qsort(order, pieces, sizeof *order, by_falling_score);
  if (!pome__bpe_init(&t->bpe, &t->arena, merges)) return pome__fail_memory(error, "a tokenizer");
  pome__bpe_index_bytes(&t->bpe);
  int32_t rank = 0;
  for (size_t i = 0; i < pieces; i++) {
    if (i > 0 && order[i].score != order[i - 1].score) rank++;
    (void)add_merges(p, order[i].id, rank, false);
  }
  return POME_OK;
}

static pome_status make_bpe(pome__pieces *p, pome_error *error) {
  pome_tokenizer *t = p->t;
  t->kind = POME__MODEL_BPE;
  t->bpe = (pome__bpe){.vocab = &t->vocab,
                       .byte_fallback = p->byte_fallback,
                       .fuse_unknown = true,
                       .unknown = t->unknown};
  t->bpe.prefix = t->bpe.suffix = (pome_string){"", 0};
  size_t size = t->vocab.size * sizeof(ranked);
  ranked *order = pome__alloc(t->allocator, size);
  pome_status status =
      order == NULL ? pome__fail_memory(error, "a tokenizer") : make_merges(p, order, error);
  pome__free(t->allocator, order, size);
  return status;
}

static pome_status make_unigram(pome__pieces *p, pome_error *error) {
  pome_tokenizer *t = p->t;
  bool *hidden = POME__NEW_ARRAY(&t->arena, bool, t->vocab.size);
  if (hidden == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < t->vocab.size; id++) hidden[id] = p->kinds[id] != POME__PIECE_NORMAL;
  t->kind = POME__MODEL_UNIGRAM;
  t->unigram.unknown = t->unknown;
  t->unigram.byte_fallback = p->byte_fallback;
  t->unigram.single = p->single;
  return pome__unigram_init(&t->unigram, &t->arena, &t->vocab, p->scores, hidden)
             ? POME_OK
             : pome__fail_memory(error, "a tokenizer");
}

pome_status pome__pieces_build(pome__pieces *p, pome_error *error) {
  POME__TRY(make_added(p, error));
  POME__TRY(make_normalizer(p, error));
  if (!p->unigram) return make_bpe(p, error);
  POME__TRY(make_pretokenizer(p, error));
  return make_unigram(p, error);
}
