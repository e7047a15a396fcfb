/* Floating-point numbers as program text has them: hexadecimal, "0x1.8p+1", normalised, so that
 * nothing is lost. Independent of the locale. */
#ifndef POME_SRC_MIL_HEXFLOAT_H
#define POME_SRC_MIL_HEXFLOAT_H

#include <stddef.h>

#define POME__HEXFLOAT_TEXT 32

/* "0x1.8p+1", "-0x0p+0", "nan", "-nan", "inf", "-inf". Returns the length. */
size_t pome__hexfloat_format(double value, char text[POME__HEXFLOAT_TEXT]);

#endif
