/* See vocab.h. */
#include "llm/text/vocab.h"

#include <string.h>

static uint64_t mix(uint64_t a) {
  a *= 0x9e3779b97f4a7c15u;
  return a ^ a >> 29;
}

uint64_t pome__hash_bytes(const char *bytes, size_t size) {
  uint64_t hash = size * 0xd6e8feb86659fd93u, word = 0;
  for (; size >= 8; bytes += 8, size -= 8) {
    memcpy(&word, bytes, 8);
    hash = mix(hash ^ word);
  }
  word = 0;
  for (size_t i = 0; i < size; i++) word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  hash = mix(hash ^ word);
  return mix(hash);
}

size_t pome__hash_slots(size_t count) {
  size_t slots = 16;
  while (slots < count * 2) slots *= 2;
  return slots;
}

bool pome__vocab_init(pome__vocab *vocab, pome__arena *arena, size_t size, size_t count) {
  size_t slots = pome__hash_slots(count);
  vocab->size = size;
  vocab->mask = slots - 1;
  vocab->pieces = POME__NEW_ARRAY(arena, pome_string, size);
  vocab->slots = POME__NEW_ARRAY(arena, pome__vocab_slot, slots);
  if (vocab->pieces == NULL || vocab->slots == NULL) return false;
  for (size_t i = 0; i < slots; i++) vocab->slots[i].id = -1;
  return true;
}

/* The slot that holds those bytes, or the empty one where they belong. */
static pome__vocab_slot *find_slot(const pome__vocab *vocab, const char *bytes, size_t size,
                                   uint32_t hash) {
  for (size_t at = hash & vocab->mask;; at = (at + 1) & vocab->mask) {
    pome__vocab_slot *slot = &vocab->slots[at];
    if (slot->id < 0) return slot;
    if (slot->hash != hash) continue;
    pome_string piece = vocab->pieces[slot->id];
    if (piece.size == size && memcmp(piece.data, bytes, size) == 0) return slot;
  }
}

bool pome__vocab_place(pome__vocab *vocab, int32_t id, pome_string bytes) {
  if (id < 0 || (size_t)id >= vocab->size || vocab->pieces[id].data != NULL) return false;
  vocab->pieces[id] = bytes;
  return true;
}

bool pome__vocab_index(pome__vocab *vocab, int32_t id) {
  pome_string piece = vocab->pieces[id];
  uint32_t hash = (uint32_t)pome__hash_bytes(piece.data, piece.size);
  pome__vocab_slot *slot = find_slot(vocab, piece.data, piece.size, hash);
  if (slot->id >= 0) return false;
  *slot = (pome__vocab_slot){hash, id};
  return true;
}

int32_t pome__vocab_find(const pome__vocab *vocab, const char *bytes, size_t size) {
  return find_slot(vocab, bytes, size, (uint32_t)pome__hash_bytes(bytes, size))->id;
}

pome_string pome__vocab_piece(const pome__vocab *vocab, int64_t id) {
  if (id < 0 || (size_t)id >= vocab->size || vocab->pieces[id].data == NULL)
    return (pome_string){"", 0};
  return vocab->pieces[id];
}
