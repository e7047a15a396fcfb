/* An allocator that keeps books and can refuse: at a certain call, from a certain call on, or above
 * a ceiling.
 *
 * It checks what the interface promises to allocators: that `reallocate` and `free` are told the
 * size the block has. Blocks have exactly the size asked for, so that a sanitizer sees the first
 * byte behind them. Not for several threads at once.
 */
#ifndef POME_TESTS_UNIT_BUDGET_H
#define POME_TESTS_UNIT_BUDGET_H

#include <pome/base.h>

#define BUDGET_NEVER SIZE_MAX

typedef struct budget {
  size_t refuse_at;  /* number of the call that is refused, from 0; BUDGET_NEVER */
  bool refuse_after; /* and every later one */
  size_t ceiling;    /* most bytes in use at once; 0: none */
  size_t calls;      /* allocate and reallocate */
  size_t refused;
  size_t blocks; /* not freed yet */
  size_t bytes;
  size_t peak;
  bool armed; /* by the test: counts calls, frees too, in `during` */
  size_t during;
} budget;

/* Nothing is refused. */
budget budget_unlimited(void);
pome_allocator budget_allocator(budget *b);

/* Something that takes memory and gives it all back. */
typedef pome_status (*budget_life)(void *context, const pome_allocator *allocator,
                                   pome_error *error);
/* Lives with the first allocation refused, with the second, and so on, until none is. Fails the
 * running cmocka test when a block is left, an error is not POME_MEMORY, or there is none where
 * `always` wants one. Returns how many lives ended in one. */
size_t budget_starve(budget_life life, void *context, bool always);

#endif
