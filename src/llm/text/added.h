/* Added tokens: texts that are tokens wherever they stand, found before anything else is done to
 * the text, or (`normalized`) after it has been normalized. The leftmost, and there the longest, is
 * taken.
 */
#ifndef POME_SRC_LLM_TEXT_ADDED_H
#define POME_SRC_LLM_TEXT_ADDED_H

#include <pome/llm.h>

#include "llm/text/buffer.h"
#include "llm/text/trie.h"

typedef struct pome__added_token {
  pome_string text;
  int32_t id;
  bool special;
  bool normalized;  /* found in normalized text */
  bool left, right; /* takes the white space on that side */
  bool single_word; /* not within a word */
} pome__added_token;

typedef struct pome__added {
  pome__added_token *tokens;
  size_t count;
  pome__trie raw, normalized;
} pome__added;

/* Builds the two tries; `spellings[i]` is what token i looks like where it is looked for. False
 * when out of memory. */
bool pome__added_init(pome__added *added, pome__arena *arena, const pome_string *spellings);

/* Where special tokens are text: everywhere, or where they reach into a span of the original
 * text. */
typedef struct pome__plain {
  bool all;
  const pome_span *spans; /* in order, apart from each other */
  size_t count;
} pome__plain;

/* The next added token as begin .. end, with the white space that it takes from `from` on; NULL
 * when there is none. It is looked for from *scan on, which then is its own end: white space that
 * it took may begin the next one. */
const pome__added_token *pome__added_next(const pome__added *added, bool normalized,
                                          const pome__plain *plain, const pome__view *view,
                                          size_t from, size_t *scan, size_t *begin, size_t *end);

#endif
