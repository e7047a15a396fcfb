/* Unigram: the way to cut a word whose tokens have the highest sum of scores, by dynamic
 * programming over its bytes. */
#ifndef POME_SRC_LLM_TEXT_UNIGRAM_H
#define POME_SRC_LLM_TEXT_UNIGRAM_H

#include "llm/text/trie.h"
#include "llm/text/vocab.h"
#include "llm/text/word.h"

typedef struct pome__unigram {
  const pome__vocab *vocab;
  pome__trie trie;
  double *scores; /* by id */
  double unknown_score;
  int32_t unknown; /* or -1 */
  bool byte_fallback;
  bool single; /* sums are rounded to float, as SentencePiece does */
  int32_t byte_ids[256];
} pome__unigram;

/* `scores` by id; ids with `hidden` (may be NULL) are never found in text. Tables come from the
 * arena. False when out of memory. */
bool pome__unigram_init(pome__unigram *unigram, pome__arena *arena, const pome__vocab *vocab,
                        double *scores, const bool *hidden);
pome_status pome__unigram_encode(const pome__unigram *unigram, pome__word_work *work,
                                 const char *word, size_t size, pome__tokens *tokens,
                                 pome_error *error);

#endif
