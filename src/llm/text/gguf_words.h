/* How BPE vocabularies of GGUF files cut text into words.
 *
 * The file does not say it, only the name of a family under tokenizer.ggml.pre, as llama.cpp gives
 * them. This is the table from names to what the family's own tokenizer does.
 */
#ifndef POME_SRC_LLM_TEXT_GGUF_WORDS_H
#define POME_SRC_LLM_TEXT_GGUF_WORDS_H

#include <pome/tensor.h>

#include "base/error.h"

#define POME__GGUF_PATTERNS 6

typedef struct pome__gguf_words {
  const char *names; /* with spaces between */
  /* Applied one after the other, each to what the one before left in one piece: matches and what is
   * between them are words. */
  const char *patterns[POME__GGUF_PATTERNS];
  bool whole;      /* a word that is a token stays whole, whatever the merges say */
  bool bos;        /* starts with the bos token unless the file says otherwise */
  bool nfc;        /* text is composed first */
  bool characters; /* of which tokens are made, with spaces made visible; else bytes */
} pome__gguf_words;

/* POME_UNSUPPORTED for a name that is not in the table; without one (size 0) it is "default". */
pome_status pome__gguf_words_find(pome_string name, const pome__gguf_words **words,
                                  pome_error *error);

#endif
