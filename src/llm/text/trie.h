/* Prefixes of a text that are tokens: a tree over bytes, its edges in one hash table. */
#ifndef POME_SRC_LLM_TEXT_TRIE_H
#define POME_SRC_LLM_TEXT_TRIE_H

#include <pome/tensor.h>

#include "base/memory.h"

typedef struct pome__trie_edge {
  uint32_t key;  /* node * 256 + byte */
  uint32_t node; /* where it leads; 0: empty slot */
} pome__trie_edge;

typedef struct pome__trie {
  pome__trie_edge *edges;
  size_t mask;
  int32_t *values; /* by node: what ends there, or -1 */
  size_t count, room;
  uint32_t first[256]; /* edges of the root */
} pome__trie;

#define POME__TRIE_ROOT 0u

/* Room for texts of so many bytes in all, from the arena; false when out of memory or over 2^24. */
bool pome__trie_init(pome__trie *trie, pome__arena *arena, size_t bytes);
/* A later value replaces an earlier one. */
void pome__trie_add(pome__trie *trie, const char *text, size_t size, int32_t value);

/* The node that `byte` leads to, or 0. */
static inline uint32_t pome__trie_step(const pome__trie *trie, uint32_t node, char byte) {
  if (node == POME__TRIE_ROOT) return trie->first[(unsigned char)byte];
  uint32_t key = node << 8 | (unsigned char)byte;
  for (size_t at = key * 0x9e3779b1u >> 7 & trie->mask;; at = (at + 1) & trie->mask) {
    if (trie->edges[at].node == 0 || trie->edges[at].key == key) return trie->edges[at].node;
  }
}

/* The longest value that the text starts with, from `node` on: its length, or 0. */
size_t pome__trie_longest(const pome__trie *trie, uint32_t node, const char *text, size_t size,
                          int32_t *value);

#endif
