/* The small programs of tests/fuzz/corpus/run: what fuzzers start from, and tests that change or
 * starve models. */
#ifndef POME_TESTS_UNIT_SEEDS_H
#define POME_TESTS_UNIT_SEEDS_H

#include <stddef.h>

typedef struct seed {
  char *name;
  char *text; /* NUL-terminated */
  size_t size;
} seed;

/* All of them, sorted by name. Ends the program when there are none: tests run in the root of the
 * source tree. */
seed *seeds_read(size_t *count);
void seeds_free(seed *seeds, size_t count);

#endif
