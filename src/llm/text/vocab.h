/* A vocabulary: the bytes of each token by id, and the id of each string of bytes. */
#ifndef POME_SRC_LLM_TEXT_VOCAB_H
#define POME_SRC_LLM_TEXT_VOCAB_H

#include <pome/tensor.h>

#include "base/memory.h"

#define POME__VOCAB_LIMIT 4000000

typedef struct pome__vocab_slot {
  uint32_t hash;
  int32_t id; /* -1: empty */
} pome__vocab_slot;

typedef struct pome__vocab {
  pome_string *pieces; /* by id; data NULL where there is none */
  size_t size;
  pome__vocab_slot *slots; /* open addressing */
  size_t mask;
} pome__vocab;

uint64_t pome__hash_bytes(const char *bytes, size_t size);
/* Slots, a power of two, for `count` entries of an open-addressing table. */
size_t pome__hash_slots(size_t count);

/* Room for ids below `size` and `count` pieces that can be found, from the arena. */
bool pome__vocab_init(pome__vocab *vocab, pome__arena *arena, size_t size, size_t count);
/* False when the id is out of range or taken. The bytes must outlive the vocabulary. */
bool pome__vocab_place(pome__vocab *vocab, int32_t id, pome_string bytes);
/* Makes the piece of that id findable; false when another one has the same bytes. */
bool pome__vocab_index(pome__vocab *vocab, int32_t id);
/* -1 when there is none. */
int32_t pome__vocab_find(const pome__vocab *vocab, const char *bytes, size_t size);
/* Empty for ids outside. */
pome_string pome__vocab_piece(const pome__vocab *vocab, int64_t id);

#endif
