/* The allocator behind everything, and arenas.
 *
 * An arena is a list of blocks; the first has 4 KiB and each next one is twice as large up to 1
 * MiB. A request that does not fit an ordinary block gets one of its own, behind the current one,
 * so that the rest of the current one stays in use. Resetting joins all blocks to one of their
 * whole size: the second run that asks for the same things finds them all in it. Under
 * AddressSanitizer what is not handed out is poisoned, and a gap follows each piece.
 */
#include "base/memory.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#endif

#ifdef ASAN
#include <sanitizer/asan_interface.h>
#define POISON(pointer, size)   __asan_poison_memory_region((pointer), (size))
#define UNPOISON(pointer, size) __asan_unpoison_memory_region((pointer), (size))
#define GAP                     ((size_t)16)
#else
#define POISON(pointer, size)   ((void)(pointer), (void)(size))
#define UNPOISON(pointer, size) ((void)(pointer), (void)(size))
#define GAP                     ((size_t)0)
#endif

#define ALIGNMENT   ((size_t)64)
#define FIRST_BLOCK ((size_t)4 << 10)
#define LAST_BLOCK  ((size_t)1 << 20)
/* Most that aligning a piece, and finding back to the old alignment after it, can cost. */
#define BLOCK_SLACK (2 * ALIGNMENT + GAP)

/* Sizes come from models, and malloc may promise what there is not: the process would end when it
 * is touched. */
static bool machine_holds(size_t size) {
  static atomic_size_t memory; /* 0: not asked yet */
  size_t whole = atomic_load_explicit(&memory, memory_order_relaxed);
  if (whole == 0) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    bool told = pages > 0 && page > 0 && pome__mul((size_t)pages, (size_t)page, &whole);
    if (!told) whole = SIZE_MAX;
    atomic_store_explicit(&memory, whole, memory_order_relaxed);
  }
  return size <= whole;
}

void *pome__alloc(const pome_allocator *allocator, size_t size) {
  if (size == 0) size = 1;
  if (allocator) return allocator->allocate(allocator->context, size);
  return machine_holds(size) ? malloc(size) : NULL;
}

void *pome__alloc_zero(const pome_allocator *allocator, size_t size) {
  if (!allocator) return machine_holds(size) ? calloc(1, size ? size : 1) : NULL;
  void *pointer = pome__alloc(allocator, size);
  if (pointer) memset(pointer, 0, size);
  return pointer;
}

void *pome__realloc(const pome_allocator *allocator, void *pointer, size_t old_size,
                    size_t new_size) {
  if (!pointer) return pome__alloc(allocator, new_size);
  if (old_size == 0) old_size = 1;
  if (new_size == 0) new_size = 1;
  if (allocator) return allocator->reallocate(allocator->context, pointer, old_size, new_size);
  return machine_holds(new_size) ? realloc(pointer, new_size) : NULL;
}

void pome__free(const pome_allocator *allocator, void *pointer, size_t size) {
  if (!pointer) return;
  if (allocator) allocator->free(allocator->context, pointer, size ? size : 1);
  else free(pointer);
}

/* The byte before an aligned block tells how far it lies behind its memory's start, 1 to 64. */
void *pome__alloc_aligned(const pome_allocator *allocator, size_t size) {
  size_t whole;
  if (!pome__add(size, ALIGNMENT, &whole)) return NULL;
  unsigned char *start = pome__alloc(allocator, whole);
  if (!start) return NULL;
  size_t shift = ALIGNMENT - ((uintptr_t)start & (ALIGNMENT - 1));
  start[shift - 1] = (unsigned char)shift;
  return start + shift;
}

void pome__free_aligned(const pome_allocator *allocator, void *pointer, size_t size) {
  if (!pointer) return;
  unsigned char *aligned = pointer;
  pome__free(allocator, aligned - aligned[-1], size + ALIGNMENT);
}

/* In front of its space; itself aligned, so that the space is. */
typedef struct pome__arena_block {
  _Alignas(64) struct pome__arena_block *next;
  size_t capacity;
  size_t used;
} block;

static unsigned char *block_space(block *b) {
  return (unsigned char *)(b + 1);
}

static size_t block_bytes(size_t capacity) {
  return sizeof(block) + capacity;
}

/* What a block costs the allocator, against the limit. */
static size_t block_cost(size_t capacity) {
  return block_bytes(capacity) + ALIGNMENT;
}

static block *block_new(pome__arena *arena, size_t capacity) {
  block *b = pome__alloc_aligned(arena->allocator, block_bytes(capacity));
  if (!b) return NULL;
  *b = (block){.capacity = capacity};
  POISON(block_space(b), capacity);
  arena->taken += block_cost(capacity);
  return b;
}

static void block_free(pome__arena *arena, block *b) {
  size_t capacity = b->capacity;
  UNPOISON(block_space(b), capacity);
  arena->taken -= block_cost(capacity);
  pome__free_aligned(arena->allocator, b, block_bytes(capacity));
}

static void *block_take(block *b, size_t size, size_t align) {
  size_t start = (b->used + align - 1) & ~(align - 1);
  if (start > b->capacity || b->capacity - start < size) return NULL;
  unsigned char *pointer = block_space(b) + start;
  size_t end = start + size + GAP;
  b->used = end < b->capacity ? end : b->capacity;
  UNPOISON(pointer, size);
  return memset(pointer, 0, size);
}

void pome__arena_init(pome__arena *arena, const pome_allocator *allocator, size_t limit) {
  *arena = (pome__arena){.allocator = allocator, .limit = limit};
}

/* The space an ordinary block has after the current one, at least `needed`, at most `room`. */
static size_t next_capacity(const pome__arena *arena, size_t needed, size_t room) {
  size_t capacity = FIRST_BLOCK - block_cost(0);
  if (arena->blocks) {
    size_t whole = block_cost(arena->blocks->capacity);
    capacity = (whole < LAST_BLOCK / 2 ? 2 * whole : LAST_BLOCK) - block_cost(0);
  }
  if (capacity > room) capacity = room & ~(ALIGNMENT - 1);
  return capacity < needed ? needed : capacity;
}

static void *take_from_new_block(pome__arena *arena, size_t size, size_t align) {
  size_t needed;
  if (!pome__add(size, BLOCK_SLACK + ALIGNMENT - 1, &needed)) return NULL;
  needed &= ~(ALIGNMENT - 1);
  if (needed > PTRDIFF_MAX - block_cost(0)) return NULL;
  size_t room = PTRDIFF_MAX - block_cost(0);
  if (arena->limit) {
    if (arena->limit < arena->taken || arena->limit - arena->taken < block_cost(needed))
      return NULL;
    room = arena->limit - arena->taken - block_cost(0);
  }
  size_t capacity = next_capacity(arena, needed, room);
  block *b = block_new(arena, capacity);
  if (!b) return NULL;
  if (arena->blocks && capacity == needed) { /* a large one goes behind the current one */
    b->next = arena->blocks->next;
    arena->blocks->next = b;
  } else {
    b->next = arena->blocks;
    arena->blocks = b;
  }
  return block_take(b, size, align);
}

void *pome__arena_alloc(pome__arena *arena, size_t size, size_t align) {
  if (align == 0 || align > ALIGNMENT) align = ALIGNMENT;
  size_t wanted = size ? size : 1;
  void *pointer = arena->blocks ? block_take(arena->blocks, wanted, align) : NULL;
  if (!pointer) pointer = take_from_new_block(arena, wanted, align);
  if (pointer) arena->used += size;
  return pointer;
}

void *pome__arena_array(pome__arena *arena, size_t count, size_t element_size, size_t align) {
  size_t size;
  return pome__mul(count, element_size, &size) ? pome__arena_alloc(arena, size, align) : NULL;
}

char *pome__arena_string(pome__arena *arena, const char *text, size_t size) {
  size_t whole;
  char *copy = pome__add(size, 1, &whole) ? pome__arena_alloc(arena, whole, 1) : NULL;
  if (copy && size > 0) memcpy(copy, text, size);
  return copy;
}

void pome__arena_reset(pome__arena *arena) {
  arena->used = 0;
  block *b = arena->blocks;
  if (!b) return;
  if (!b->next) {
    b->used = 0;
    POISON(block_space(b), b->capacity);
    return;
  }
  size_t capacity = 0;
  for (; b; b = b->next) capacity += b->capacity;
  pome__arena_free(arena);
  arena->blocks = block_new(arena, capacity);
}

void pome__arena_free(pome__arena *arena) {
  while (arena->blocks) {
    block *next = arena->blocks->next;
    block_free(arena, arena->blocks);
    arena->blocks = next;
  }
  arena->used = 0;
}
