/* Memory: one allocator behind everything, and arenas by lifetime.
 *
 * An arena hands out zeroed memory that is freed all at once: one for what loading makes, one for
 * what a plan makes, one for the scratch of a run. A ceiling stops hostile files from taking all
 * memory. Arenas are not thread-safe.
 */
#ifndef POME_SRC_BASE_MEMORY_H
#define POME_SRC_BASE_MEMORY_H

#include <pome/base.h>

/* NULL allocator: the C library. Size 0 gives a valid pointer. Memory is not zeroed. */
void *pome__alloc(const pome_allocator *allocator, size_t size);
void *pome__alloc_zero(const pome_allocator *allocator, size_t size);
/* On failure the old block stays valid. */
void *pome__realloc(const pome_allocator *allocator, void *pointer, size_t old_size,
                    size_t new_size);
void pome__free(const pome_allocator *allocator, void *pointer, size_t size);

/* Blocks aligned to 64 bytes, for tensors. Not zeroed. */
void *pome__alloc_aligned(const pome_allocator *allocator, size_t size);
void pome__free_aligned(const pome_allocator *allocator, void *pointer, size_t size);

typedef struct pome__arena {
  const pome_allocator *allocator;
  struct pome__arena_block *blocks; /* newest first */
  size_t used;                      /* bytes handed out */
  size_t limit;                     /* ceiling on bytes taken from the allocator; 0: none */
  size_t taken;
} pome__arena;

void pome__arena_init(pome__arena *arena, const pome_allocator *allocator, size_t limit);
/* Zeroed, aligned to `align` (a power of two, at most 64). NULL when out of memory or over the
 * limit. */
void *pome__arena_alloc(pome__arena *arena, size_t size, size_t align);
/* As above for `count` elements, checked. */
void *pome__arena_array(pome__arena *arena, size_t count, size_t element_size, size_t align);
/* NUL-terminated copy of `size` bytes. */
char *pome__arena_string(pome__arena *arena, const char *text, size_t size);
/* Forgets everything but keeps the memory, joined to one block: from the second time on, a scratch
 * arena asked for the same things takes nothing from the allocator. */
void pome__arena_reset(pome__arena *arena);
void pome__arena_free(pome__arena *arena);

#define POME__NEW(arena, type) ((type *)pome__arena_alloc((arena), sizeof(type), _Alignof(type)))
#define POME__NEW_ARRAY(arena, type, count)                                                        \
  ((type *)pome__arena_array((arena), (count), sizeof(type), _Alignof(type)))

#endif
