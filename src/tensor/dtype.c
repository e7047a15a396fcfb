/* Element types: one table, and what follows from it.
 *
 * The table itself is in the public header; a type's kind letter and width answer every question
 * here.
 */
#include <pome/tensor.h>

#include "base/check.h"
#include "tensor/element.h"

#include <math.h>
#include <string.h>

static const struct {
  const char *name;
  uint8_t bits;
  char kind;
} dtypes[POME_DTYPE_COUNT] = {
#define X(name, text, bits, kind) [POME_##name] = {text, bits, kind},
    POME_DTYPE_TABLE(X)
#undef X
        [POME_DTYPE_NONE] = {"none", 0, 0},
};

/* What a value from outside stands for. */
static pome_dtype known(pome_dtype dtype) {
  return (unsigned)dtype < POME_DTYPE_COUNT ? dtype : POME_DTYPE_NONE;
}

const char *pome_dtype_name(pome_dtype dtype) {
  return dtypes[known(dtype)].name;
}

pome_dtype pome_dtype_from_name(const char *name) {
  for (int i = 1; name && i < POME_DTYPE_COUNT; i++) {
    if (strcmp(name, dtypes[i].name) == 0) return (pome_dtype)i;
  }
  return POME_DTYPE_NONE;
}

unsigned pome_dtype_bits(pome_dtype dtype) {
  return dtypes[known(dtype)].bits;
}

bool pome__dtype_is_float(pome_dtype dtype) {
  return dtypes[known(dtype)].kind == 'f';
}

bool pome__dtype_is_integer(pome_dtype dtype) {
  char kind = dtypes[known(dtype)].kind;
  return kind == 'i' || kind == 'u';
}

bool pome__dtype_is_signed(pome_dtype dtype) {
  char kind = dtypes[known(dtype)].kind;
  return kind == 'i' || kind == 'f';
}

void pome__dtype_limits(pome_dtype dtype, double *lowest, double *highest) {
  int bits = (int)pome_dtype_bits(dtype);
  switch (dtypes[known(dtype)].kind) {
  case 'i':
    *lowest = -ldexp(1.0, bits - 1);
    *highest = ldexp(1.0, bits - 1) - 1.0;
    break;
  case 'u':
    *lowest = 0.0;
    *highest = ldexp(1.0, bits) - 1.0;
    break;
  default:
    *lowest = 0.0;
    *highest = 1.0;
    break;
  }
}

bool pome__dtype_bytes(pome_dtype dtype, size_t count, size_t *bytes) {
  size_t bits = pome_dtype_bits(dtype);
  if (bits >= 8) return pome__mul(count, bits / 8, bytes);
  *bytes = count / 8 * bits + (count % 8 * bits + 7) / 8;
  return true;
}
