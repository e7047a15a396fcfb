/* Merges on their way into a BPE model, written as two texts side by side. */
#ifndef POME_SRC_LLM_TEXT_MERGES_H
#define POME_SRC_LLM_TEXT_MERGES_H

#include "base/error.h"
#include "llm/text/bpe.h"

typedef struct pome__merge_list {
  pome__bpe *bpe;
  bool ambiguous;     /* two ids may have the same bytes */
  int32_t merged;     /* what the last merge gave */
  char *text;         /* of one merge: both halves, one behind the other */
  size_t left, right; /* their sizes */
} pome__merge_list;

/* Takes "left right" of `size` bytes in `text` apart; false when that is no pair. */
bool pome__merges_split(pome__merge_list *list, size_t size);
/* Adds the pair in `text`, which is changed, with its place in the list as rank. Byte-level texts
 * are in GPT-2's alphabet. POME_INPUT when a token is not in the vocabulary. */
pome_status pome__merges_add(pome__merge_list *list, size_t index, pome_error *error);

#endif
