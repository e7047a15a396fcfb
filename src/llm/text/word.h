/* What turning a word into tokens gives and needs: token lists, and scratch memory that lives as
 * long as one call of encode. */
#ifndef POME_SRC_LLM_TEXT_WORD_H
#define POME_SRC_LLM_TEXT_WORD_H

#include "base/error.h"
#include "base/memory.h"

/* Tokens of a word follow each other: each starts where the one before ends. */
typedef struct pome__token {
  int32_t id;
  uint32_t end; /* in bytes of the word */
} pome__token;

typedef struct pome__tokens {
  const pome_allocator *allocator;
  pome__token *items;
  size_t count, room;
  bool failed; /* out of memory: nothing more is taken */
} pome__tokens;

bool pome__tokens_grow(pome__tokens *tokens);
static inline void pome__tokens_add(pome__tokens *tokens, int32_t id, size_t end) {
  if (tokens->count == tokens->room && !pome__tokens_grow(tokens)) return;
  tokens->items[tokens->count++] = (pome__token){id, (uint32_t)end};
}
void pome__tokens_free(pome__tokens *tokens);

/* A block that only grows. */
typedef struct pome__scratch {
  void *data;
  size_t size;
} pome__scratch;
/* The block with at least `size` bytes; what it held is lost. NULL when out of memory. */
void *pome__scratch_get(pome__scratch *scratch, const pome_allocator *allocator, size_t size);
/* The same, but what it held stays. */
void *pome__scratch_keep(pome__scratch *scratch, const pome_allocator *allocator, size_t size);

typedef struct pome__word_work {
  const pome_allocator *allocator;
  pome__scratch symbols;                       /* of a word */
  pome__scratch links, entries, buckets, heap; /* of merging a long word */
} pome__word_work;
void pome__word_work_free(pome__word_work *work);

#endif
