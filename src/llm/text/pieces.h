/* A vocabulary of pieces with scores and kinds, as SentencePiece trains them and GGUF carries them.
 *
 * It becomes the same parts that tokenizer.json has: a character map, spaces made visible, BPE or
 * Unigram. BPE models have no merges: any two neighbours whose text is a piece may merge, the best
 * score first. Control tokens are special added tokens, user-defined ones are found in the
 * normalized text.
 */
#ifndef POME_SRC_LLM_TEXT_PIECES_H
#define POME_SRC_LLM_TEXT_PIECES_H

#include "llm/text/tokenizer.h"

#define POME__PIECE_SPACE "\xe2\x96\x81" /* U+2581, what a space looks like */

/* As in both formats. */
typedef enum pome__piece_kind {
  POME__PIECE_NORMAL = 1,
  POME__PIECE_UNKNOWN,
  POME__PIECE_CONTROL,
  POME__PIECE_USER_DEFINED,
  POME__PIECE_UNUSED,
  POME__PIECE_BYTE
} pome__piece_kind;

typedef struct pome__pieces {
  pome_tokenizer *t;
  double *scores; /* by id, as are kinds */
  uint8_t *kinds;
  bool unigram; /* else BPE */
  bool single;  /* Unigram's sums are rounded to float */
  bool byte_fallback;
  bool dummy_prefix;  /* a space in front of the text */
  bool single_spaces; /* of each run of spaces one, none at the ends */
  bool escape;        /* spaces are made visible */
  bool raw_added; /* user-defined tokens without a visible space are found before normalization */
  pome__bytes charsmap; /* size 0: none */
} pome__pieces;

/* Room for `count` pieces, which are then set one by one; those that are not have no text. */
pome_status pome__pieces_init(pome__pieces *pieces, size_t count, pome_error *error);
pome_status pome__pieces_set(pome__pieces *pieces, size_t index, pome__bytes text, uint64_t kind,
                             double score, pome_error *error);
/* Makes added tokens, normalizer, pre-tokenizer and model from what is set. */
pome_status pome__pieces_build(pome__pieces *pieces, pome_error *error);

#endif
