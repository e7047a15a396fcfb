/* What number and string tokens of MIL text mean, whatever the locale is. */
#ifndef POME_SRC_WIRE_MIL_NUMBER_H
#define POME_SRC_WIRE_MIL_NUMBER_H

#include "base/bytes.h"

/* Decimal or 0x integers; false for anything else and beyond 64 bits. */
bool pome__text_integer(pome__bytes text, bool *negative, uint64_t *magnitude);

/* Hexadecimal and decimal floats, integers, nan, inf, infinity; rounded to nearest. False when it
 * is none of them. */
bool pome__text_double(pome__bytes text, double *value);

/* Undoes the escapes of a string token into `out`, which has room for text.size bytes. False for an
 * unknown escape. */
bool pome__text_unescape(pome__bytes text, char *out, size_t *size);

#endif
