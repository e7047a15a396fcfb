/* Names in scope. Entries stand in one array in the order they were added, so that taking the
 * newest ones back only moves bucket heads: an entry is always the head of its bucket when it is
 * the newest. */
#include "mil/scope.h"

#include <string.h>

struct pome__scope_entry {
  const char *name;
  void *item;
  uint64_t hash;
  uint32_t next; /* in the bucket, as in `buckets` */
};

typedef struct pome__scope_entry entry;

void pome__scope_init(pome__scope *scope, pome__arena *arena) {
  *scope = (pome__scope){.arena = arena, .seed = (uint64_t)(uintptr_t)arena * 0x9e3779b97f4a7c15u};
}

static uint64_t hash_of(const pome__scope *scope, const char *name) {
  uint64_t hash = scope->seed;
  for (const char *at = name; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 0x9fb21c651e98df25u;
    hash ^= hash >> 32;
  }
  return hash;
}

static void link_entry(pome__scope *scope, size_t index) {
  uint32_t *bucket = &scope->buckets[scope->entries[index].hash & (scope->bucket_count - 1)];
  scope->entries[index].next = *bucket;
  *bucket = (uint32_t)(index + 1);
}

static bool make_room(pome__scope *scope) {
  if (scope->count < scope->capacity) return true;
  size_t capacity = scope->capacity == 0 ? 64 : scope->capacity * 2;
  if (capacity > UINT32_MAX / 2) return false;
  entry *entries = POME__NEW_ARRAY(scope->arena, entry, capacity);
  uint32_t *buckets = POME__NEW_ARRAY(scope->arena, uint32_t, capacity);
  if (entries == NULL || buckets == NULL) return false;
  if (scope->count != 0) memcpy(entries, scope->entries, scope->count * sizeof(*entries));
  scope->entries = entries;
  scope->capacity = capacity;
  scope->buckets = buckets;
  scope->bucket_count = capacity;
  for (size_t i = 0; i < scope->count; i++) link_entry(scope, i);
  return true;
}

void *pome__scope_find(const pome__scope *scope, const char *name) {
  if (scope->bucket_count == 0) return NULL;
  uint64_t hash = hash_of(scope, name);
  uint32_t at = scope->buckets[hash & (scope->bucket_count - 1)];
  while (at != 0) {
    const entry *candidate = &scope->entries[at - 1];
    if (candidate->hash == hash && strcmp(candidate->name, name) == 0) return candidate->item;
    at = candidate->next;
  }
  return NULL;
}

bool pome__scope_add(pome__scope *scope, const char *name, void *item) {
  if (!make_room(scope)) return false;
  scope->entries[scope->count] = (entry){.name = name, .item = item, .hash = hash_of(scope, name)};
  link_entry(scope, scope->count++);
  return true;
}

void pome__scope_leave(pome__scope *scope, size_t mark) {
  while (scope->count > mark) {
    const entry *newest = &scope->entries[--scope->count];
    scope->buckets[newest->hash & (scope->bucket_count - 1)] = newest->next;
  }
}
