/* Floating-point numbers in hexadecimal, taken from the bits of the double. Subnormal doubles are
 * normalised too. */
#include "mil/hexfloat.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FRACTION_BITS 52
#define EXPONENT_MASK 0x7ff
#define EXPONENT_BIAS 1023

static size_t copy(const char *sign, const char *word, char text[POME__HEXFLOAT_TEXT]) {
  return (size_t)snprintf(text, POME__HEXFLOAT_TEXT, "%s%s", sign, word);
}

size_t pome__hexfloat_format(double value, char text[POME__HEXFLOAT_TEXT]) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  const char *sign = bits >> 63 != 0 ? "-" : "";
  uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);
  int exponent = (int)(bits >> FRACTION_BITS) & EXPONENT_MASK;
  if (exponent == EXPONENT_MASK) return copy(sign, fraction != 0 ? "nan" : "inf", text);
  if (exponent == 0 && fraction == 0) return copy(sign, "0x0p+0", text);
  if (exponent == 0) {
    exponent = 1;
    while ((fraction >> FRACTION_BITS) == 0) {
      fraction <<= 1;
      exponent--;
    }
    fraction &= ((uint64_t)1 << FRACTION_BITS) - 1;
  }
  exponent -= EXPONENT_BIAS;
  if (fraction == 0)
    return (size_t)snprintf(text, POME__HEXFLOAT_TEXT, "%s0x1p%+d", sign, exponent);
  int digits = FRACTION_BITS / 4;
  for (; (fraction & 0xf) == 0; digits--) fraction >>= 4;
  return (size_t)snprintf(text, POME__HEXFLOAT_TEXT, "%s0x1.%0*" PRIx64 "p%+d", sign, digits,
                          fraction, exponent);
}
