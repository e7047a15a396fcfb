/* Small changes to models: of bytes, and of program text word by word, so that many mutants still
 * load. */
#ifndef POME_TESTS_UNIT_MUTATE_H
#define POME_TESTS_UNIT_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes one to four places of the `size` bytes in place, keeping the size. */
void mutate_bytes(uint8_t *data, size_t size, uint64_t *random);

/* Changes one word, sometimes up to four: numbers to other numbers, names to other names of the
 * text, types to other types; drops, doubles and swaps statements. The text has room for `capacity`
 * bytes; returns the new size. */
size_t mutate_text(char *text, size_t size, size_t capacity, uint64_t *random);

#endif
