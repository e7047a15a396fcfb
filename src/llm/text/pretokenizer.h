/* Pre-tokenizers: steps that cut text into words, each applied to the words of the one before.
 *
 * Words are handed on as they are found, depth first: no list of words is kept. Steps that change
 * their words (a space in front, the printable spelling of bytes) have a buffer each.
 */
#ifndef POME_SRC_LLM_TEXT_PRETOKENIZER_H
#define POME_SRC_LLM_TEXT_PRETOKENIZER_H

#include <jansson.h>

#include "llm/text/buffer.h"
#include "llm/text/pattern.h"

typedef enum pome__cut_kind {
  POME__CUT_PATTERN,
  POME__CUT_CLASS, /* at characters of a class */
  POME__CUT_WORDS, /* Whitespace: runs of word characters, runs of others, no white space */
  POME__CUT_BERT,  /* at white space, and punctuation by itself */
  POME__CUT_METASPACE,
  POME__CUT_BYTES, /* ByteLevel */
  POME__CUT_SPELL  /* no cut: spells bytes in GPT-2's alphabet, for the steps behind ByteLevel */
} pome__cut_kind;

typedef enum pome__cut_behavior {
  POME__CUT_ISOLATED,
  POME__CUT_REMOVED,
  POME__CUT_WITH_PREVIOUS,
  POME__CUT_WITH_NEXT,
  POME__CUT_CONTIGUOUS
} pome__cut_behavior;

typedef enum pome__cut_prefix {
  POME__PREFIX_NEVER,
  POME__PREFIX_FIRST,
  POME__PREFIX_ALWAYS
} pome__cut_prefix;

typedef struct pome__cut {
  pome__cut_kind kind;
  pome__cut_behavior behavior;
  bool inverted;
  pome__pattern pattern;
  bool (*is_in)(uint32_t character); /* CLASS */
  pome_string replacement;           /* METASPACE */
  pome__cut_prefix prefix;           /* METASPACE; BYTES: a space in front, always or never */
  bool whole;                        /* METASPACE, BYTES: the word is not cut */
} pome__cut;

#define POME__CUTS 16

/* The words of GPT-2: contractions, letters, digits and other marks with the space before them, and
 * runs of spaces. */
#define POME__GPT2_WORDS                                                                           \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

typedef struct pome__pretokenizer {
  pome__cut cuts[POME__CUTS];
  size_t count;
  bool bytes;   /* words are bytes: the vocabulary is spelled in GPT-2's alphabet */
  bool spelled; /* the last steps see that alphabet too: it is undone for each word */
} pome__pretokenizer;

/* `value` may be null. Free also on failure. */
pome_status pome__pretokenizer_read(const json_t *value, pome__arena *arena,
                                    pome__pretokenizer *pretokenizer, pome_error *error);
pome_status pome__pretokenizer_add(pome__pretokenizer *pretokenizer, const pome__cut *cut,
                                   pome_error *error);
void pome__pretokenizer_free(pome__pretokenizer *pretokenizer);

typedef struct pome__cutting {
  const pome__pretokenizer *pretokenizer;
  pome__matcher *matcher;
  pome__buffer buffers[POME__CUTS + 1];
  /* Receives each word, as bytes of the vocabulary. */
  pome_status (*word)(void *context, const pome__view *word, pome_error *error);
  void *context;
} pome__cutting;
/* `first`: the view is the start of the whole text. */
pome_status pome__pretokenize(pome__cutting *cutting, const pome__view *view, bool first,
                              pome_error *error);

#endif
