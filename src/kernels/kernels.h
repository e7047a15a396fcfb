/* Loops over raw pointers. A kernel sees pointers, strides and a range of rows: never an op, a
 * tensor object, a thread or an allocation. Scalar C fills the table first, an instruction-set
 * layer overrides what it does better.
 *
 * Matrix products compute y[m, n] = sum over k of x[m, k] * w[n, k] (+ bias[n]), activations fp32,
 * accumulated in fp32: `w` has one row per output (MIL's linear, and matmul with transpose_y). Each
 * call handles output columns n0 .. n1-1 and touches no other, so callers split n between threads;
 * multiples of 32 split best. No pointer needs more alignment than its element; x and y must not
 * overlap; k may be 0.
 *
 * Palettes (LUT4): two indices a byte, low nibble first, row after row: row r starts at bit r*k*4,
 * k even. The palette of row r is lut + 16 * (r / rows_per_lut), already converted to fp32;
 * rows_per_lut > 0.
 */
#ifndef POME_SRC_KERNELS_KERNELS_H
#define POME_SRC_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

typedef struct pome__matmul {
  const float *x; /* [m, k], rows x_stride floats apart */
  size_t x_stride;
  size_t m, k;
  const void *w; /* [n, k] fp16, fp32, or packed nibbles */
  const float *lut;
  size_t rows_per_lut;
  const float *bias; /* [n] or NULL */
  float *y;          /* [m, n], rows y_stride floats apart */
  size_t y_stride;
} pome__matmul;

/* Sums of scaled rows: y[m, n] = bias[m] + sum over k of a[m, k] * b[k, n], for activations that
 * run along n, as the channels of an image do: nothing needs to be transposed. Each call handles
 * columns n0 .. n1-1 and touches no other of y. y must not overlap the rest; k may be 0. */
typedef struct pome__outer {
  const float *a; /* [m, k], rows a_stride floats apart */
  size_t a_stride;
  size_t m, k;
  const float *b; /* [k, n], rows b_stride floats apart */
  size_t b_stride;
  const float *bias; /* [m] or NULL */
  float *y;          /* [m, n], rows y_stride floats apart */
  size_t y_stride;
} pome__outer;

typedef void pome__matmul_fn(const pome__matmul *args, size_t n0, size_t n1);
typedef void pome__unary_fn(size_t n, const float *x, float *y); /* x and y may be the same */

typedef struct pome__kernels {
  /* Round to nearest even; NaNs stay NaN, made quiet. */
  void (*f16_to_f32)(size_t n, const uint16_t *x, float *y);
  void (*f32_to_f16)(size_t n, const float *x, uint16_t *y);

  pome__matmul_fn *gemv_f16; /* m == 1 */
  pome__matmul_fn *gemm_f16; /* any m */
  pome__matmul_fn *gemv_lut4;
  pome__matmul_fn *gemm_lut4;
  pome__matmul_fn *gemv_f32;
  pome__matmul_fn *gemm_f32;

  void (*outer_f32)(const pome__outer *args, size_t n0, size_t n1);
  /* y[i] = bias + sum over t of w[t] * x[t][i] */
  void (*taps_f32)(size_t n, size_t taps, const float *const *x, const float *w, float bias,
                   float *y);

  float (*dot_f32)(size_t n, const float *x, const float *y);
  /* y[i] += a * x[i] */
  void (*axpy_f32)(size_t n, float a, const float *x, float *y);
  /* z[i] = x[i] op y[i]; z may be x or y */
  void (*add_f32)(size_t n, const float *x, const float *y, float *z);
  void (*mul_f32)(size_t n, const float *x, const float *y, float *z);
  /* y = x / (1 + exp(-x)); NaN for minus infinity, as the formula says */
  pome__unary_fn *silu_f32;
  /* y = exp(x - max(x)) / sum, over n elements; all NaN when an element is NaN or plus infinity, or
   * all are minus infinity */
  pome__unary_fn *softmax_f32;
} pome__kernels;

/* The table for a level, or for the machine's own when that is lower. Static, never NULL,
 * thread-safe. */
const pome__kernels *pome__kernels_get(pome__isa isa);

/* What fills the table, one function per group and level, each in its own file with its own
 * compiler flags. A level's functions may only run on a machine that has the level. */
typedef void pome__kernels_fill(pome__kernels *table);
pome__kernels_fill pome__elementwise_scalar, pome__matmul_scalar, pome__outer_scalar;
pome__kernels_fill pome__elementwise_avx2, pome__matmul_avx2, pome__outer_avx2;
pome__kernels_fill pome__elementwise_avx512, pome__matmul_avx512, pome__outer_avx512;

#endif
