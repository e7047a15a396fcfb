/* Names in scope: a hash table whose newest names can be taken back, as leaving a block does.
 *
 * Keys are not copied. Lookups take constant time also for names chosen to collide: the hash is
 * seeded by an address.
 */
#ifndef POME_SRC_MIL_SCOPE_H
#define POME_SRC_MIL_SCOPE_H

#include "base/memory.h"

typedef struct pome__scope {
  pome__arena *arena;
  struct pome__scope_entry *entries; /* in the order they were added */
  size_t count, capacity;
  uint32_t *buckets; /* 1 + index of the newest entry, 0: empty */
  size_t bucket_count;
  uint64_t seed;
} pome__scope;

void pome__scope_init(pome__scope *scope, pome__arena *arena);
/* NULL when the name is not in scope. */
void *pome__scope_find(const pome__scope *scope, const char *name);
/* The name must not be in scope. False when out of memory. */
bool pome__scope_add(pome__scope *scope, const char *name, void *item);
/* Takes back everything added since `count` was `mark`. */
void pome__scope_leave(pome__scope *scope, size_t mark);

#endif
