/* The tokenizer from inside: the parts that a file describes, in the order in which text passes
 * them. */
#ifndef POME_SRC_LLM_TEXT_TOKENIZER_H
#define POME_SRC_LLM_TEXT_TOKENIZER_H

#include <pome/llm.h>

#include "base/bytes.h"
#include "llm/text/added.h"
#include "llm/text/bpe.h"
#include "llm/text/decoder.h"
#include "llm/text/normalizer.h"
#include "llm/text/postprocess.h"
#include "llm/text/pretokenizer.h"
#include "llm/text/unigram.h"
#include "llm/text/wordpiece.h"

typedef enum pome__model_kind {
  POME__MODEL_BPE,
  POME__MODEL_UNIGRAM,
  POME__MODEL_WORDPIECE
} pome__model_kind;

struct pome_tokenizer {
  const pome_allocator *allocator;
  pome__arena arena;
  pome__vocab vocab; /* pieces as they are decoded */
  pome__added added;
  uint8_t *special; /* by id: 1 for special tokens */
  pome__normalizer normalizer;
  pome__pretokenizer pretokenizer;
  pome__model_kind kind;
  pome__bpe bpe;
  pome__unigram unigram;
  pome__wordpiece wordpiece;
  pome__postprocessor post;
  pome__decoder decoder;
  pome_string unknown_text; /* what the unknown token decodes to; data NULL: its piece */
  int32_t unknown;          /* or -1 */
  int32_t bos, eos;         /* of SentencePiece models; or -1 */
};

/* An empty tokenizer with its arena, or NULL. */
pome_tokenizer *pome__tokenizer_new(const pome_allocator *allocator);
/* Room for ids below `size` and `count` pieces of the vocabulary. */
pome_status pome__tokenizer_set_size(pome_tokenizer *tokenizer, size_t size, size_t count,
                                     pome_error *error);
/* Makes what is in `added` findable: tokens of the vocabulary get its ids, others their piece.
 * `normalize`: tokens that are looked for in normalized text are normalized themselves. */
pome_status pome__tokenizer_index_added(pome_tokenizer *tokenizer, bool normalize,
                                        pome_error *error);

/* json_reader.c, sentencepiece.c, gguf_vocabulary.c: from the bytes of a file; the tokenizer is
 * fresh. */
pome_status pome__tokenizer_read_json(pome_tokenizer *tokenizer, pome__bytes file,
                                      pome_error *error);
pome_status pome__tokenizer_read_sentencepiece(pome_tokenizer *tokenizer, pome__bytes file,
                                               pome_error *error);
pome_status pome__tokenizer_read_gguf(pome_tokenizer *tokenizer, pome__bytes file,
                                      pome_error *error);
/* The same, told apart by content. For fuzzers and tests. */
pome_status pome__tokenizer_from_memory(pome__bytes file, const pome_allocator *allocator,
                                        pome_tokenizer **tokenizer, pome_error *error);

/* encode.c: the ids of one text without those of the post-processor. */
typedef struct pome__encoded {
  const pome_allocator *allocator;
  int32_t *ids;
  pome_span *spans; /* NULL unless wanted */
  size_t count, room;
  bool wants_spans;
} pome__encoded;
pome_status pome__encode_text(const pome_tokenizer *tokenizer, const char *text, size_t size,
                              const pome__plain *plain, pome__encoded *out, pome_error *error);
void pome__encoded_free(pome__encoded *encoded);

#endif
