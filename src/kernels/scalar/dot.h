/* A dot product in independent chains of sums: the compiler can vectorise it without reassociating,
 * and the rounding error grows with n / POME__SCALAR_LANES instead of n. */
#ifndef POME_SRC_KERNELS_SCALAR_DOT_H
#define POME_SRC_KERNELS_SCALAR_DOT_H

#include <stddef.h>

#define POME__SCALAR_LANES 8

static inline float pome__scalar_dot(size_t n, const float *x, const float *y) {
  float sums[POME__SCALAR_LANES] = {0};
  size_t i = 0;
  for (; i + POME__SCALAR_LANES <= n; i += POME__SCALAR_LANES) {
    for (size_t lane = 0; lane < POME__SCALAR_LANES; lane++)
      sums[lane] += x[i + lane] * y[i + lane];
  }
  for (size_t lane = 0; i + lane < n; lane++) sums[lane] += x[i + lane] * y[i + lane];
  for (size_t width = POME__SCALAR_LANES / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; lane++) sums[lane] += sums[lane + width];
  }
  return sums[0];
}

#endif
