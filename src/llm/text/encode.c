/* Encoding: added tokens are cut out, what lies between is normalized and cut into words, each word
 * goes to the model. */
#include <string.h>

#include "llm/text/cache.h"
#include "llm/text/tokenizer.h"
#include "llm/text/unicode.h"

/* Words up to this length are not looked at for places to cut. */
#define UNCUT_WORD 32

typedef struct encoder {
  const pome_tokenizer *t;
  pome__plain plain;
  pome__encoded *out;
  pome__matcher matcher;
  pome__buffer normalized[2];
  pome__cutting cutting;
  pome__word_work work;
  pome__tokens tokens; /* of one word */
  pome__cache cache;
} encoder;

/* ---- results ---- */

static bool grow(pome__encoded *out, size_t more) {
  size_t room = out->room * 2 > out->count + more ? out->room * 2 : out->count + more + 64;
  int32_t *ids =
      pome__realloc(out->allocator, out->ids, out->room * sizeof *ids, room * sizeof *ids);
  if (ids == NULL) return false;
  out->ids = ids;
  if (out->wants_spans) {
    pome_span *spans =
        pome__realloc(out->allocator, out->spans, out->room * sizeof *spans, room * sizeof *spans);
    if (spans == NULL) {
      /* Both blocks are as long as `room` says. */
      pome__free(out->allocator, ids, room * sizeof *ids);
      pome__free(out->allocator, out->spans, out->room * sizeof *spans);
      *out = (pome__encoded){.allocator = out->allocator, .wants_spans = true};
      return false;
    }
    out->spans = spans;
  }
  out->room = room;
  return true;
}

void pome__encoded_free(pome__encoded *out) {
  pome__free(out->allocator, out->ids, out->room * sizeof *out->ids);
  if (out->wants_spans) pome__free(out->allocator, out->spans, out->room * sizeof *out->spans);
  *out = (pome__encoded){.allocator = out->allocator, .wants_spans = out->wants_spans};
}

static pome_status emit(encoder *e, const pome__view *word, const pome__token *tokens, size_t count,
                        pome_error *error) {
  pome__encoded *out = e->out;
  if (out->room - out->count < count && !grow(out, count))
    return pome__fail_memory(error, "encoding text");
  size_t begin = 0;
  for (size_t i = 0; i < count; i++, out->count++) {
    out->ids[out->count] = tokens[i].id;
    if (!out->wants_spans) continue;
    pome__origin origin = pome__view_origin(word, begin, tokens[i].end);
    out->spans[out->count] = (pome_span){origin.begin, origin.end};
    begin = tokens[i].end;
  }
  return POME_OK;
}

/* ---- words ---- */

static pome_status encode_fresh(encoder *e, const char *word, size_t size, pome_error *error) {
  const pome_tokenizer *t = e->t;
  pome_status status;
  e->tokens.count = 0;
  if (t->kind == POME__MODEL_BPE)
    status = pome__bpe_encode(&t->bpe, &e->work, word, size, &e->tokens, error);
  else if (t->kind == POME__MODEL_UNIGRAM)
    status = pome__unigram_encode(&t->unigram, &e->work, word, size, &e->tokens, error);
  else status = pome__wordpiece_encode(&t->wordpiece, word, size, &e->tokens, error);
  return status == POME_OK && e->tokens.failed ? pome__fail_memory(error, "encoding text") : status;
}

static pome_status encode_part(encoder *e, const pome__view *word, pome_error *error) {
  size_t count;
  if (word->size > POME__CACHE_WORD) {
    POME__TRY(encode_fresh(e, word->data, word->size, error));
    return emit(e, word, e->tokens.items, e->tokens.count, error);
  }
  uint64_t hash = pome__hash_bytes(word->data, word->size);
  const pome__token *known = pome__cache_find(&e->cache, hash, word->data, word->size, &count);
  if (known == NULL) {
    POME__TRY(encode_fresh(e, word->data, word->size, error));
    known = e->tokens.items;
    count = e->tokens.count;
    pome__cache_add(&e->cache, hash, word->data, word->size, known, count);
  }
  return emit(e, word, known, count, error);
}

static pome_status encode_word(void *context, const pome__view *word, pome_error *error) {
  encoder *e = context;
  if (e->t->kind != POME__MODEL_BPE || (e->t->bpe.bytes && word->size <= UNCUT_WORD))
    return encode_part(e, word, error);
  for (size_t at = 0, size; at < word->size; at += size) {
    size = pome__bpe_cut(&e->t->bpe, word->data + at, word->size - at);
    pome__view part = pome__view_part(word, at, at + size);
    POME__TRY(encode_part(e, &part, error));
  }
  return POME_OK;
}

/* ---- text ---- */

/* Text between added tokens. */
static pome_status encode_between(encoder *e, const pome__view *text, bool first,
                                  pome_error *error) {
  pome__view view;
  size_t begin, end, done = 0, scan = 0;
  if (text->size == 0) return POME_OK;
  POME__TRY(pome__normalize(&e->t->normalizer, &e->matcher, text, e->normalized, &view, error));
  while (scan < view.size) {
    const pome__added_token *token =
        pome__added_next(&e->t->added, true, &e->plain, &view, done, &scan, &begin, &end);
    pome__view part = pome__view_part(&view, done, token == NULL ? view.size : begin);
    bool start = first && done == 0 && pome__view_origin(&part, 0, 1).begin == 0;
    POME__TRY(pome__pretokenize(&e->cutting, &part, start, error));
    if (token == NULL) break;
    part = pome__view_part(&view, begin, end);
    POME__TRY(emit(e, &part, &(pome__token){token->id, (uint32_t)part.size}, 1, error));
    done = end;
  }
  return POME_OK;
}

static pome_status encode_all(encoder *e, const pome__view *text, pome_error *error) {
  size_t begin, end, done = 0, scan = 0;
  while (scan < text->size) {
    const pome__added_token *token =
        pome__added_next(&e->t->added, false, &e->plain, text, done, &scan, &begin, &end);
    pome__view part = pome__view_part(text, done, token == NULL ? text->size : begin);
    POME__TRY(encode_between(e, &part, done == 0, error));
    if (token == NULL) break;
    part = pome__view_part(text, begin, end);
    POME__TRY(emit(e, &part, &(pome__token){token->id, (uint32_t)part.size}, 1, error));
    done = end;
  }
  return POME_OK;
}

/* Does a step do something else at the very start of the text? It must be known then whether the
 * normalizer has left the start standing. */
static bool asks_for_start(const pome_tokenizer *t) {
  for (size_t i = 0; i < t->pretokenizer.count; i++)
    if (t->pretokenizer.cuts[i].prefix == POME__PREFIX_FIRST) return true;
  return false;
}

static bool open_encoder(encoder *e, const pome_tokenizer *t, size_t size, const pome__plain *plain,
                         pome__encoded *out) {
  const pome_allocator *allocator = t->allocator;
  bool tracked =
      out->wants_spans || plain->count > 0 || (t->normalizer.count > 0 && asks_for_start(t));
  *e = (encoder){.t = t,
                 .plain = *plain,
                 .out = out,
                 .work = {.allocator = allocator},
                 .tokens = {.allocator = allocator}};
  for (int i = 0; i < 2; i++)
    e->normalized[i] = (pome__buffer){.allocator = allocator, .tracked = tracked};
  e->cutting = (pome__cutting){
      .pretokenizer = &t->pretokenizer, .matcher = &e->matcher, .word = encode_word, .context = e};
  for (int i = 0; i <= POME__CUTS; i++)
    e->cutting.buffers[i] = (pome__buffer){.allocator = allocator, .tracked = tracked};
  return pome__cache_init(&e->cache, allocator, size);
}

static void close_encoder(encoder *e) {
  for (int i = 0; i < 2; i++) pome__buffer_free(&e->normalized[i]);
  for (int i = 0; i <= POME__CUTS; i++) pome__buffer_free(&e->cutting.buffers[i]);
  pome__matcher_free(&e->matcher);
  pome__word_work_free(&e->work);
  pome__tokens_free(&e->tokens);
  pome__cache_free(&e->cache);
}

pome_status pome__encode_text(const pome_tokenizer *t, const char *text, size_t size,
                              const pome__plain *plain, pome__encoded *out, pome_error *error) {
  encoder e;
  if (size > POME__TEXT_LIMIT)
    return pome__fail(error, POME_INPUT, "a text of %zu bytes; at most %zu are encoded at once",
                      size, POME__TEXT_LIMIT);
  if (size == 0) return POME_OK;
  if (!pome__text_is_utf8(text, size))
    return pome__fail(error, POME_INPUT, "the text is not valid UTF-8");
  if (!open_encoder(&e, t, size, plain, out)) return pome__fail_memory(error, "encoding text");
  pome__view view = {text, size, NULL, 0};
  pome_status status = encode_all(&e, &view, error);
  close_encoder(&e);
  return status;
}
