/* Shapes: counting, broadcasting, strides, text.
 *
 * Products are bounded as if empty dimensions were 1: so every stride and every product of some of
 * the dimensions fits, and code behind a successful count multiplies without checks.
 */
#include "tensor/shape.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool pome__shape_count(int rank, const int64_t *shape, size_t *count) {
  int64_t product = 1;
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    if (shape[i] < 0) return false;
    if (shape[i] == 0) empty = true;
    else if (!pome__mul_i64(product, shape[i], &product)) return false;
  }
  if ((uint64_t)product > PTRDIFF_MAX) return false;
  *count = empty ? 0 : (size_t)product;
  return true;
}

bool pome__shape_equal(int rank_a, const int64_t *a, int rank_b, const int64_t *b) {
  if (rank_a != rank_b) return false;
  for (int i = 0; i < rank_a; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

static bool broadcast_dimension(int64_t a, int64_t b, int64_t *result) {
  if (a == b || b == 1) *result = a;
  else if (a == 1 || a == POME_DIM_UNKNOWN) *result = b;
  else if (b == POME_DIM_UNKNOWN) *result = a;
  else return false;
  return true;
}

bool pome__shape_broadcast(int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank,
                           int64_t *shape) {
  int longer = rank_a > rank_b ? rank_a : rank_b;
  if (longer > POME_MAX_RANK) return false;
  int64_t result[POME_MAX_RANK];
  for (int i = 0; i < longer; i++) {
    int at_a = i - (longer - rank_a), at_b = i - (longer - rank_b);
    if (!broadcast_dimension(at_a < 0 ? 1 : a[at_a], at_b < 0 ? 1 : b[at_b], &result[i]))
      return false;
  }
  for (int i = 0; i < longer; i++) shape[i] = result[i];
  *rank = longer;
  return true;
}

void pome__shape_strides(int rank, const int64_t *shape, int64_t *strides) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    int64_t size = shape[i];
    strides[i] = stride;
    if (size > 1) stride *= size;
  }
}

void pome__shape_broadcast_strides(int from_rank, const int64_t *from, int to_rank,
                                   const int64_t *to, int64_t *strides) {
  int64_t stride = 1;
  for (int i = to_rank - 1; i >= 0; i--) {
    int at = i - (to_rank - from_rank);
    int64_t size = at < 0 ? 1 : from[at];
    strides[i] = size == 1 && to[i] != 1 ? 0 : stride;
    if (size > 1) stride *= size;
  }
}

const char *pome__shape_format(int rank, const int64_t *shape, char *buffer, size_t size) {
  if (size == 0) return buffer;
  size_t at = 0;
  buffer[0] = '\0';
  for (int i = 0; i < rank; i++) {
    char dimension[24];
    if (shape[i] == POME_DIM_UNKNOWN) memcpy(dimension, "?", 2);
    else (void)snprintf(dimension, sizeof dimension, "%" PRId64, shape[i]);
    int length = snprintf(buffer + at, size - at, "%s%s", i == 0 ? "[" : ", ", dimension);
    if (length < 0 || (size_t)length >= size - at) return buffer;
    at += (size_t)length;
  }
  (void)snprintf(buffer + at, size - at, "%s", rank > 0 ? "]" : "[]");
  return buffer;
}
