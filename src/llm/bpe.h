/* Byte-pair encoding over ids: a vocabulary as byte strings, and merges by rank.
 *
 * A word starts as one token for each byte; the pair of neighbours with the lowest rank is merged,
 * leftmost first, until no pair has a rank. A heap of candidate pairs makes this n log n in the
 * length of the word.
 */
#ifndef POME_SRC_LLM_BPE_H
#define POME_SRC_LLM_BPE_H

#include <pome/tensor.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct pome__bpe {
  pome_string *pieces; /* by id: the bytes of the token; data NULL where the vocabulary has a gap */
  size_t vocab_size;
  int32_t *id_slots; /* open addressing on the bytes: id, or -1 */
  size_t id_mask;
  int32_t byte_ids[256];      /* the token of each single byte, or -1 */
  struct pome__merge *merges; /* open addressing on the pair */
  size_t merge_mask;
} pome__bpe;

/* Room for `vocab_size` pieces and `merge_count` merges, from the arena. */
bool pome__bpe_init(pome__bpe *bpe, pome__arena *arena, size_t vocab_size, size_t merge_count);
/* The piece's bytes must outlive the table. False when the id is out of range or taken. */
bool pome__bpe_add_piece(pome__bpe *bpe, int32_t id, pome_string bytes);
/* After all pieces: fills byte_ids. */
void pome__bpe_index_bytes(pome__bpe *bpe);
void pome__bpe_add_merge(pome__bpe *bpe, int32_t left, int32_t right, int32_t merged, int32_t rank);
int32_t pome__bpe_find(const pome__bpe *bpe, const char *bytes, size_t size);

/* Room for encoding words, kept between words. */
typedef struct pome__bpe_work {
  const pome_allocator *allocator;
  struct pome__symbol *symbols;
  struct pome__candidate *heap;
  size_t capacity;
} pome__bpe_work;

/* Encodes one word; ids[0 .. *count-1] on return, at most `size` of them. POME_INPUT names a byte
 * that the vocabulary lacks. */
pome_status pome__bpe_encode(const pome__bpe *bpe, pome__bpe_work *work, const char *word,
                             size_t size, int32_t *ids, size_t *count, pome_error *error);
void pome__bpe_work_free(pome__bpe_work *work);

#endif
