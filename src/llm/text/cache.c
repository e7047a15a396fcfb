/* See cache.h. */
#include "llm/text/cache.h"

#include <string.h>

#define MIN_SLOTS ((size_t)64)
#define MAX_SLOTS ((size_t)1 << 15)
#define ROOM      16 /* bytes, and tokens, for each slot */

bool pome__cache_init(pome__cache *c, const pome_allocator *allocator, size_t size) {
  size_t slots = MIN_SLOTS;
  while (slots < MAX_SLOTS && slots < size / 16) slots *= 2;
  *c = (pome__cache){.allocator = allocator,
                     .mask = slots - 1,
                     .byte_room = slots * ROOM,
                     .token_room = slots * ROOM};
  c->slots = pome__alloc_zero(allocator, slots * sizeof *c->slots);
  c->bytes = pome__alloc(allocator, c->byte_room);
  c->tokens = pome__alloc(allocator, c->token_room * sizeof *c->tokens);
  if (c->slots != NULL && c->bytes != NULL && c->tokens != NULL) return true;
  pome__cache_free(c);
  return false;
}

const pome__token *pome__cache_find(const pome__cache *c, uint64_t hash, const char *word,
                                    size_t size, size_t *count) {
  const pome__cache_slot *slot = &c->slots[hash & c->mask];
  if (slot->hash != hash || slot->word_size != size ||
      memcmp(c->bytes + slot->word, word, size) != 0)
    return NULL;
  *count = slot->token_count;
  return c->tokens + slot->token;
}

void pome__cache_add(pome__cache *c, uint64_t hash, const char *word, size_t size,
                     const pome__token *tokens, size_t count) {
  if (size == 0 || size > c->byte_room || count > c->token_room) return;
  if (size > c->byte_room - c->byte_count || count > c->token_room - c->token_count) {
    memset(c->slots, 0, (c->mask + 1) * sizeof *c->slots);
    c->byte_count = c->token_count = 0;
  }
  memcpy(c->bytes + c->byte_count, word, size);
  memcpy(c->tokens + c->token_count, tokens, count * sizeof *tokens);
  c->slots[hash & c->mask] = (pome__cache_slot){hash, (uint32_t)c->byte_count, (uint32_t)size,
                                                (uint32_t)c->token_count, (uint32_t)count};
  c->byte_count += size;
  c->token_count += count;
}

void pome__cache_free(pome__cache *c) {
  if (c->slots != NULL) pome__free(c->allocator, c->slots, (c->mask + 1) * sizeof *c->slots);
  if (c->bytes != NULL) pome__free(c->allocator, c->bytes, c->byte_room);
  if (c->tokens != NULL) pome__free(c->allocator, c->tokens, c->token_room * sizeof *c->tokens);
  c->slots = NULL;
  c->bytes = NULL;
  c->tokens = NULL;
}
