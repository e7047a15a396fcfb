/* See budget.h. The size of a block stands in front of it. */
#include "budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct header {
  _Alignas(16) size_t size;
} header;

static bool refuses(budget *b, size_t more) {
  size_t call = b->calls++;
  b->during += b->armed;
  bool refused = call == b->refuse_at || (b->refuse_after && call > b->refuse_at);
  refused = refused || (b->ceiling > 0 && (more > b->ceiling || b->bytes > b->ceiling - more));
  refused = refused || more > PTRDIFF_MAX / 2;
  b->refused += refused;
  return refused;
}

static void note(budget *b, size_t more) {
  b->bytes += more;
  if (b->bytes > b->peak) b->peak = b->bytes;
}

static void *budget_take(void *context, size_t size) {
  budget *b = context;
  header *block = refuses(b, size) ? NULL : malloc(sizeof *block + size);
  if (block == NULL) return NULL;
  block->size = size;
  b->blocks++;
  note(b, size);
  return block + 1;
}

/* The block in front of `pointer`, when the caller knows its size. */
static header *block_of(void *pointer, size_t size) {
  header *block = (header *)pointer - 1;
  if (block->size == size) return block;
  fprintf(stderr, "a block of %zu bytes is given back as one of %zu\n", block->size, size);
  abort();
}

static void budget_give_back(void *context, void *pointer, size_t size) {
  budget *b = context;
  if (pointer == NULL) return;
  b->during += b->armed;
  b->blocks--;
  b->bytes -= size;
  free(block_of(pointer, size));
}

/* Always moves, so that pointers into the old block are found out. */
static void *budget_retake(void *context, void *pointer, size_t old_size, size_t new_size) {
  if (pointer == NULL) return budget_take(context, new_size);
  (void)block_of(pointer, old_size);
  void *moved = budget_take(context, new_size);
  if (moved == NULL) return NULL;
  memcpy(moved, pointer, old_size < new_size ? old_size : new_size);
  budget_give_back(context, pointer, old_size);
  return moved;
}

budget budget_unlimited(void) {
  return (budget){.refuse_at = BUDGET_NEVER};
}

pome_allocator budget_allocator(budget *b) {
  return (pome_allocator){b, budget_take, budget_retake, budget_give_back};
}

size_t budget_starve(budget_life life, void *context, bool always) {
  size_t failures = 0;
  for (size_t n = 0;; n++) {
    budget books = budget_unlimited();
    books.refuse_at = n;
    pome_allocator allocator = budget_allocator(&books);
    pome_error error;
    pome_status status = life(context, &allocator, &error);
    assert_int_equal(books.blocks, 0);
    if (status == POME_OK && books.refused == 0) return failures;
    if (status == POME_OK && always) fail_msg("it did without allocation %zu", n);
    if (status != POME_OK && (status != POME_MEMORY || books.refused == 0))
      fail_msg("with allocation %zu refused: %s", n, error.message);
    failures += status == POME_MEMORY;
  }
}
