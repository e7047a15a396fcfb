/* Normalizers: steps that rewrite text before it is cut into words.
 *
 * A step that has nothing to change says so without copying; ASCII passes most of them that way.
 */
#ifndef POME_SRC_LLM_TEXT_NORMALIZER_H
#define POME_SRC_LLM_TEXT_NORMALIZER_H

#include <jansson.h>

#include "llm/text/buffer.h"
#include "llm/text/charsmap.h"
#include "llm/text/pattern.h"

typedef enum pome__normalizer_kind {
  POME__NORMALIZE_FORM, /* NFC, NFD, NFKC, NFKD */
  POME__NORMALIZE_LOWER,
  POME__NORMALIZE_ACCENTS,    /* leaves out marks */
  POME__NORMALIZE_NONSPACING, /* leaves out nonspacing marks: BERT's way */
  POME__NORMALIZE_STRIP,
  POME__NORMALIZE_REPLACE,
  POME__NORMALIZE_PREPEND,
  POME__NORMALIZE_CLEAN,      /* BERT: no control characters, all white space is a space */
  POME__NORMALIZE_IDEOGRAPHS, /* BERT: spaces around Chinese characters */
  POME__NORMALIZE_NMT,
  POME__NORMALIZE_CHARSMAP,
  POME__NORMALIZE_SPACES /* SentencePiece: no spaces at the ends, single ones between */
} pome__normalizer_kind;

typedef struct pome__normalizer_step {
  pome__normalizer_kind kind;
  bool compose, compatible; /* FORM */
  bool left, right;         /* STRIP */
  pome__pattern pattern;    /* REPLACE */
  pome_string content;      /* REPLACE, PREPEND */
  pome__charsmap charsmap;
} pome__normalizer_step;

#define POME__NORMALIZER_STEPS 32

typedef struct pome__normalizer {
  pome__normalizer_step steps[POME__NORMALIZER_STEPS];
  size_t count;
} pome__normalizer;

/* `value` may be null. Strings go to the arena; free the steps also on failure. */
pome_status pome__normalizer_read(const json_t *value, pome__arena *arena,
                                  pome__normalizer *normalizer, pome_error *error);
pome_status pome__normalizer_add(pome__normalizer *normalizer, const pome__normalizer_step *step,
                                 pome_error *error);
/* BERT's steps. */
typedef struct pome__bert_options {
  bool clean, ideographs, strip_accents, lower;
} pome__bert_options;
pome_status pome__normalizer_add_bert(pome__normalizer *normalizer,
                                      const pome__bert_options *options, pome_error *error);
void pome__normalizer_free(pome__normalizer *normalizer);

/* The normalized text: `in` itself, or a view of one of the buffers. */
pome_status pome__normalize(const pome__normalizer *normalizer, pome__matcher *matcher,
                            const pome__view *in, pome__buffer buffers[2], pome__view *out,
                            pome_error *error);

/* forms.c: canonical and compatible forms. False when the text is in that form already, as far as a
 * quick look tells. */
bool pome__normalize_form(const pome__view *in, bool compose, bool compatible, pome__buffer *out);

#endif
