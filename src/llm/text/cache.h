/* Words seen before in this call of encode, and their tokens: most of a text is words that come
 * again.
 *
 * A table with one place for each hash; a new word takes the place of an old one, and everything is
 * forgotten when the pools are full.
 */
#ifndef POME_SRC_LLM_TEXT_CACHE_H
#define POME_SRC_LLM_TEXT_CACHE_H

#include "llm/text/word.h"

/* Longer words are not kept. */
#define POME__CACHE_WORD 64

typedef struct pome__cache_slot {
  uint64_t hash;
  uint32_t word, word_size; /* in the pool of bytes; size 0: empty */
  uint32_t token, token_count;
} pome__cache_slot;

typedef struct pome__cache {
  const pome_allocator *allocator;
  pome__cache_slot *slots;
  size_t mask;
  char *bytes;
  size_t byte_count, byte_room;
  pome__token *tokens;
  size_t token_count, token_room;
} pome__cache;

/* For a text of `size` bytes; false when out of memory. */
bool pome__cache_init(pome__cache *cache, const pome_allocator *allocator, size_t size);
/* The tokens of the word, or NULL. */
const pome__token *pome__cache_find(const pome__cache *cache, uint64_t hash, const char *word,
                                    size_t size, size_t *count);
void pome__cache_add(pome__cache *cache, uint64_t hash, const char *word, size_t size,
                     const pome__token *tokens, size_t count);
void pome__cache_free(pome__cache *cache);

#endif
