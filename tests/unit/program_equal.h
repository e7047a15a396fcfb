/* Whether two programs are the same in everything the text form shows: names, types, arguments,
 * literals, order. */
#ifndef POME_TESTS_PROGRAM_EQUAL_H
#define POME_TESTS_PROGRAM_EQUAL_H

#include "mil/mil.h"

/* On false `*why` (may be NULL) gets a short text. */
bool program_equal(const pome__program *a, const pome__program *b, const char **why);

/* Bit for bit, but that one NaN is as good as another: text does not show payloads. */
bool literal_equal(const pome__literal *a, const pome__literal *b);

#endif
