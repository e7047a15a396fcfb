/* Post-processors: the tokens that a model wants around one text or between two. */
#ifndef POME_SRC_LLM_TEXT_POSTPROCESS_H
#define POME_SRC_LLM_TEXT_POSTPROCESS_H

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"

#define POME__FIRST_TEXT  (-1)
#define POME__SECOND_TEXT (-2)

typedef struct pome__template_item {
  int32_t id; /* a token, or one of the texts */
  int32_t type;
} pome__template_item;

typedef struct pome__template {
  pome__template_item *items;
  size_t count;
} pome__template;

typedef struct pome__postprocessor {
  pome__template single, pair;
} pome__postprocessor;

/* `value` may be null. Ids must be below `vocab_size`. Lists come from the arena. */
pome_status pome__postprocessor_read(const json_t *value, size_t vocab_size, pome__arena *arena,
                                     pome__postprocessor *post, pome_error *error);
/* The texts with optional tokens (-1: none) before and behind: what tokenizers without a
 * post-processor have. */
pome_status pome__postprocessor_plain(int32_t before, int32_t behind, pome__arena *arena,
                                      pome__postprocessor *post, pome_error *error);
/* BERT: [CLS] A [SEP] B [SEP]; RoBERTa: <s> A </s> </s> B </s>, all of type 0. */
pome_status pome__postprocessor_bert(int32_t cls, int32_t sep, bool roberta, pome__arena *arena,
                                     pome__postprocessor *post, pome_error *error);

#endif
