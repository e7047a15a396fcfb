/* See unigram.h. */
#include "llm/text/unigram.h"

#include <stdio.h>

#include "llm/text/unicode.h"

#define UNKNOWN_PENALTY 10.0

bool pome__unigram_init(pome__unigram *u, pome__arena *arena, const pome__vocab *vocab,
                        double *scores, const bool *hidden) {
  size_t bytes = 0;
  double lowest = 0;
  for (size_t id = 0; id < vocab->size; id++) bytes += vocab->pieces[id].size;
  u->vocab = vocab;
  u->scores = scores;
  if (!pome__trie_init(&u->trie, arena, bytes)) return false;
  bool any = false;
  for (size_t id = 0; id < vocab->size; id++) {
    if (vocab->pieces[id].data == NULL || (hidden != NULL && hidden[id])) continue;
    if (!any || scores[id] < lowest) lowest = scores[id];
    any = true;
    if (vocab->pieces[id].size > 0)
      pome__trie_add(&u->trie, vocab->pieces[id].data, vocab->pieces[id].size, (int32_t)id);
  }
  u->unknown_score = lowest - UNKNOWN_PENALTY;
  for (unsigned b = 0; b < 256; b++) {
    char name[8];
    int size = snprintf(name, sizeof name, "<0x%02X>", b);
    u->byte_ids[b] = pome__vocab_find(vocab, name, (size_t)size);
  }
  return true;
}

/* The best way to reach a byte of the word. */
typedef struct arrival {
  double score;
  int32_t id;    /* of the token that ends there; -1: unknown */
  uint32_t from; /* where that token starts; UINT32_MAX: not reached yet */
} arrival;

static void arrive(const pome__unigram *u, arrival *at, double score, double before, int32_t id,
                   size_t from) {
  double sum = u->single ? (double)((float)score + (float)before) : score + before;
  if (at->from == UINT32_MAX || sum > at->score) *at = (arrival){sum, id, (uint32_t)from};
}

static void find_best(const pome__unigram *u, arrival *best, const char *word, size_t size) {
  for (size_t i = 1; i <= size; i++) best[i] = (arrival){.id = -1, .from = UINT32_MAX};
  best[0] = (arrival){.id = -1};
  for (size_t at = 0, length; at < size; at += length) {
    length = pome__utf8_length(word[at]);
    bool alone = false; /* the character is a token by itself */
    uint32_t node = POME__TRIE_ROOT;
    for (size_t end = at; end < size; end++) {
      node = pome__trie_step(&u->trie, node, word[end]);
      if (node == 0) break;
      int32_t id = u->trie.values[node];
      if (id < 0) continue;
      arrive(u, &best[end + 1], u->scores[id], best[at].score, id == u->unknown ? -1 : id, at);
      if (end + 1 - at == length) alone = true;
    }
    if (!alone) arrive(u, &best[at + length], u->unknown_score, best[at].score, -1, at);
  }
}

static bool add_bytes(const pome__unigram *u, const char *word, size_t begin, size_t end,
                      pome__tokens *tokens) {
  if (!u->byte_fallback) return false;
  for (size_t i = begin; i < end; i++) {
    if (u->byte_ids[(unsigned char)word[i]] < 0) return false;
  }
  for (size_t i = begin; i < end; i++)
    pome__tokens_add(tokens, u->byte_ids[(unsigned char)word[i]], i + 1);
  return true;
}

/* The ways lead back from the end: turns the chain round, so that `from` of a place tells where its
 * token ends. */
static void turn_round(arrival *best, size_t size) {
  uint32_t end = UINT32_MAX;
  int32_t id = -1;
  for (uint32_t at = (uint32_t)size;;) {
    arrival here = best[at];
    best[at].from = end;
    best[at].id = id;
    if (at == 0) break;
    end = at;
    id = here.id;
    at = here.from;
  }
}

pome_status pome__unigram_encode(const pome__unigram *u, pome__word_work *work, const char *word,
                                 size_t size, pome__tokens *tokens, pome_error *error) {
  arrival *best = pome__scratch_get(&work->symbols, work->allocator, (size + 1) * sizeof *best);
  if (best == NULL) return pome__fail_memory(error, "encoding text");
  find_best(u, best, word, size);
  turn_round(best, size);
  for (uint32_t at = 0, end; at < size; at = end) {
    int32_t id = best[at].id;
    end = best[at].from;
    if (id >= 0) {
      pome__tokens_add(tokens, id, end);
      continue;
    }
    /* Neighbouring unknown characters are one token. */
    while (end < size && best[end].id < 0) end = best[end].from;
    if (add_bytes(u, word, at, end, tokens)) continue;
    if (u->unknown < 0)
      return pome__fail(error, POME_INPUT, "the vocabulary has no token for the character \"%.*s\"",
                        (int)pome__utf8_length(word[at]), word + at);
    pome__tokens_add(tokens, u->unknown, end);
  }
  return POME_OK;
}
