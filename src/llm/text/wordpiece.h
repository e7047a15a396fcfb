/* WordPiece: from the left, the longest token that fits; all but the first carry a prefix. A word
 * that does not come out is unknown. */
#ifndef POME_SRC_LLM_TEXT_WORDPIECE_H
#define POME_SRC_LLM_TEXT_WORDPIECE_H

#include "llm/text/trie.h"
#include "llm/text/vocab.h"
#include "llm/text/word.h"

typedef struct pome__wordpiece {
  pome__trie trie;
  uint32_t inside; /* node of the prefix, where later tokens start */
  bool has_inside; /* false: no token carries the prefix */
  int32_t unknown; /* or -1 */
  size_t longest;  /* word, in characters */
} pome__wordpiece;

/* Fills in `trie` and `inside`. False when out of memory. */
bool pome__wordpiece_init(pome__wordpiece *wordpiece, pome__arena *arena, const pome__vocab *vocab,
                          pome_string prefix);
pome_status pome__wordpiece_encode(const pome__wordpiece *wordpiece, const char *word, size_t size,
                                   pome__tokens *tokens, pome_error *error);

#endif
