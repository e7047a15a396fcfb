/* See trie.h. */
#include "llm/text/trie.h"

#include "llm/text/vocab.h"

#define MAX_NODES ((size_t)1 << 24)

bool pome__trie_init(pome__trie *trie, pome__arena *arena, size_t bytes) {
  *trie = (pome__trie){.room = bytes + 1, .count = 1};
  if (trie->room > MAX_NODES) return false;
  size_t slots = pome__hash_slots(trie->room);
  trie->mask = slots - 1;
  trie->edges = POME__NEW_ARRAY(arena, pome__trie_edge, slots);
  trie->values = POME__NEW_ARRAY(arena, int32_t, trie->room);
  if (trie->edges == NULL || trie->values == NULL) return false;
  trie->values[0] = -1;
  return true;
}

static uint32_t add_edge(pome__trie *trie, uint32_t node, char byte) {
  uint32_t fresh = (uint32_t)trie->count, key = node << 8 | (unsigned char)byte;
  size_t at = key * 0x9e3779b1u >> 7 & trie->mask;
  while (trie->edges[at].node != 0) at = (at + 1) & trie->mask;
  trie->edges[at] = (pome__trie_edge){key, fresh};
  if (node == POME__TRIE_ROOT) trie->first[(unsigned char)byte] = fresh;
  trie->values[fresh] = -1;
  trie->count++;
  return fresh;
}

void pome__trie_add(pome__trie *trie, const char *text, size_t size, int32_t value) {
  uint32_t node = POME__TRIE_ROOT;
  for (size_t i = 0; i < size; i++) {
    uint32_t next = pome__trie_step(trie, node, text[i]);
    node = next != 0 ? next : add_edge(trie, node, text[i]);
  }
  trie->values[node] = value;
}

size_t pome__trie_longest(const pome__trie *trie, uint32_t node, const char *text, size_t size,
                          int32_t *value) {
  size_t longest = 0;
  for (size_t i = 0; i < size; i++) {
    node = pome__trie_step(trie, node, text[i]);
    if (node == 0) break;
    if (trie->values[node] < 0) continue;
    *value = trie->values[node];
    longest = i + 1;
  }
  return longest;
}
