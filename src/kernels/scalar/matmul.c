/* Matrix products in plain C, for every kind of stored weight: a stretch of one weight row is
 * expanded to fp32 in a small buffer, then multiplied with all rows of x while it is hot. Partial
 * sums of the stretches live in y. */
#include "kernels/kernels.h"
#include "kernels/scalar/dot.h"
#include "tensor/narrow.h"

#define STRETCH                                                                                    \
  512 /* weights expanded at a time, even so that it starts on a whole byte of nibbles */

/* Weights k0 .. k0 + count - 1 of `row`, as fp32: in `buffer`, or where they are. */
typedef const float *expand_fn(const pome__matmul *a, size_t row, size_t k0, size_t count,
                               float *buffer);

static const float *expand_f32(const pome__matmul *a, size_t row, size_t k0, size_t count,
                               float *buffer) {
  (void)count;
  (void)buffer;
  return (const float *)a->w + row * a->k + k0;
}

static const float *expand_f16(const pome__matmul *a, size_t row, size_t k0, size_t count,
                               float *buffer) {
  const uint16_t *w = (const uint16_t *)a->w + row * a->k + k0;
  for (size_t i = 0; i < count; i++) buffer[i] = pome__f16_to_f32(w[i]);
  return buffer;
}

static const float *expand_lut4(const pome__matmul *a, size_t row, size_t k0, size_t count,
                                float *buffer) {
  const uint8_t *w = (const uint8_t *)a->w + (row * a->k + k0) / 2;
  const float *lut = a->lut + 16 * (row / a->rows_per_lut);
  for (size_t i = 0; i < count / 2; i++) {
    buffer[2 * i] = lut[w[i] & 15];
    buffer[2 * i + 1] = lut[w[i] >> 4];
  }
  return buffer;
}

static void matmul(const pome__matmul *a, size_t n0, size_t n1, expand_fn *expand) {
  float buffer[STRETCH];
  for (size_t row = n0; row < n1; row++) {
    float start = a->bias ? a->bias[row] : 0.0f;
    for (size_t i = 0; i < a->m; i++) a->y[i * a->y_stride + row] = start;
    for (size_t k0 = 0; k0 < a->k; k0 += STRETCH) {
      size_t count = a->k - k0 < STRETCH ? a->k - k0 : STRETCH;
      const float *w = expand(a, row, k0, count, buffer);
      for (size_t i = 0; i < a->m; i++) {
        a->y[i * a->y_stride + row] += pome__scalar_dot(count, a->x + i * a->x_stride + k0, w);
      }
    }
  }
}

static void scalar_matmul_f32(const pome__matmul *args, size_t n0, size_t n1) {
  matmul(args, n0, n1, expand_f32);
}

static void scalar_matmul_f16(const pome__matmul *args, size_t n0, size_t n1) {
  matmul(args, n0, n1, expand_f16);
}

static void scalar_matmul_lut4(const pome__matmul *args, size_t n0, size_t n1) {
  matmul(args, n0, n1, expand_lut4);
}

void pome__matmul_scalar(pome__kernels *table) {
  table->gemv_f32 = table->gemm_f32 = scalar_matmul_f32;
  table->gemv_f16 = table->gemm_f16 = scalar_matmul_f16;
  table->gemv_lut4 = table->gemm_lut4 = scalar_matmul_lut4;
}
