/* Elementwise kernels and reductions in plain C: what the other levels are tested against. Loops
 * are kept simple enough for the compiler to vectorise; sums run in several independent chains
 * (dot.h). */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/scalar/dot.h"
#include "tensor/narrow.h"

static void scalar_f16_to_f32(size_t n, const uint16_t *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = pome__f16_to_f32(x[i]);
}

static void scalar_f32_to_f16(size_t n, const float *x, uint16_t *y) {
  for (size_t i = 0; i < n; i++) y[i] = pome__f32_to_f16(x[i]);
}

static float scalar_dot_f32(size_t n, const float *x, const float *y) {
  return pome__scalar_dot(n, x, y);
}

static void scalar_axpy_f32(size_t n, float a, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void scalar_add_f32(size_t n, const float *x, const float *y, float *z) {
  for (size_t i = 0; i < n; i++) z[i] = x[i] + y[i];
}

static void scalar_mul_f32(size_t n, const float *x, const float *y, float *z) {
  for (size_t i = 0; i < n; i++) z[i] = x[i] * y[i];
}

static void scalar_silu_f32(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] / (1.0f + expf(-x[i]));
}

static void scalar_softmax_f32(size_t n, const float *x, float *y) {
  float max = -INFINITY;
  for (size_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
  float sums[POME__SCALAR_LANES] = {0};
  for (size_t i = 0; i < n; i++) {
    y[i] = expf(x[i] - max);
    sums[i % POME__SCALAR_LANES] += y[i];
  }
  float sum = 0;
  for (size_t lane = 0; lane < POME__SCALAR_LANES; lane++) sum += sums[lane];
  float scale = 1.0f / sum;
  for (size_t i = 0; i < n; i++) y[i] *= scale;
}

void pome__elementwise_scalar(pome__kernels *table) {
  table->f16_to_f32 = scalar_f16_to_f32;
  table->f32_to_f16 = scalar_f32_to_f16;
  table->dot_f32 = scalar_dot_f32;
  table->axpy_f32 = scalar_axpy_f32;
  table->add_f32 = scalar_add_f32;
  table->mul_f32 = scalar_mul_f32;
  table->silu_f32 = scalar_silu_f32;
  table->softmax_f32 = scalar_softmax_f32;
}
