/* Byte-pair encoding over ids.
 *
 * A word starts as one symbol for each byte or character; the pair of neighbours with the lowest
 * rank is merged, leftmost first, until no pair has a rank. Before that, the word is cut where no
 * merge can ever reach across, which keeps words short even where a file has no pre-tokenizer;
 * bpe_merge.c merges what remains.
 */
#ifndef POME_SRC_LLM_TEXT_BPE_H
#define POME_SRC_LLM_TEXT_BPE_H

#include "llm/text/vocab.h"
#include "llm/text/word.h"

typedef struct pome__merge {
  int32_t left, right; /* left -1: empty slot */
  int32_t merged, rank;
} pome__merge;

typedef struct pome__bpe {
  const pome__vocab *vocab;
  pome__merge *merges; /* open addressing on the pair */
  size_t merge_mask;
  size_t rank_count; /* ranks are below this */
  uint64_t *joins; /* a bit for each pair of neighbouring symbols that some merge reaches across */
  bool bytes;      /* symbols are bytes; else characters */
  bool never_cut;  /* merges that `joins` does not tell about */
  bool byte_fallback; /* characters that the vocabulary lacks become byte tokens */
  bool fuse_unknown;  /* neighbouring unknown characters become one token */
  bool ignore_merges; /* a word that is a token stays whole */
  int32_t unknown;    /* or -1 */
  int32_t
      byte_ids[256];  /* the token of each byte: as it is, or <0xNN> for byte_fallback; -1: none */
  pome_string prefix; /* of symbols that do not start a word */
  pome_string suffix; /* of symbols that end one */
} pome__bpe;

/* Room for `merge_count` merges, from the arena; the other fields are the caller's to fill. */
bool pome__bpe_init(pome__bpe *bpe, pome__arena *arena, size_t merge_count);
/* Fills byte_ids: with the tokens of single bytes, or with those named <0xNN>. */
void pome__bpe_index_bytes(pome__bpe *bpe);
/* A later merge of the same pair replaces an earlier one. */
void pome__bpe_add_merge(pome__bpe *bpe, pome__merge merge);
const pome__merge *pome__bpe_find_merge(const pome__bpe *bpe, int32_t left, int32_t right);

/* Appends the tokens of a word. POME_INPUT names a byte or character that the vocabulary lacks. */
pome_status pome__bpe_encode(const pome__bpe *bpe, pome__word_work *work, const char *word,
                             size_t size, pome__tokens *tokens, pome_error *error);
/* Bytes from `from` on up to the next place where the word may be cut. */
size_t pome__bpe_cut(const pome__bpe *bpe, const char *word, size_t size);

/* A symbol of a word while it is merged. */
typedef struct pome__symbol {
  int32_t id;
  uint32_t end; /* in bytes of the word */
} pome__symbol;
/* Merges in place; false when out of memory. */
bool pome__bpe_merge(const pome__bpe *bpe, pome__word_work *work, pome__symbol *symbols,
                     size_t *count);

#endif
