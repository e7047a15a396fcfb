/* Loops over raw pointers. A kernel sees pointers, strides and a range of rows: never an op, a tensor object, a thread or an
 * allocation. Scalar C fills the table first, an instruction-set layer overrides what it does better.
 *
 * Matrix products compute y[m, n] = sum over k of x[m, k] * w[n, k] (+ bias[n]), activations fp32, accumulated in fp32: `w` has one row per output
 * (MIL's linear, and matmul with transpose_y). Each call handles output columns n0 .. n1-1, so callers split n between threads.
 *
 * Palettes (LUT4): two indices a byte, low nibble first, row after row: row r starts at bit r*k*4, k even. The palette of row r is
 * lut + 16 * (r / rows_per_lut), already converted to fp32.
 */
#ifndef POME_SRC_KERNELS_KERNELS_H
#define POME_SRC_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

typedef struct pome__matmul {
  const float *x; /* [m, k], rows x_stride apart */
  size_t x_stride;
  size_t m, k;
  const void *w; /* [n, k] fp16, fp32, or packed nibbles */
  const float *lut;
  size_t rows_per_lut;
  const float *bias; /* [n] or NULL */
  float *y;          /* [m, n], rows y_stride apart */
  size_t y_stride;
} pome__matmul;

typedef void pome__matmul_fn(const pome__matmul *args, size_t n0, size_t n1);
typedef void pome__unary_fn(size_t n, const float *x, float *y); /* x and y may be the same */

typedef struct pome__kernels {
  void (*f16_to_f32)(size_t n, const uint16_t *x, float *y);
  void (*f32_to_f16)(size_t n, const float *x, uint16_t *y);

  pome__matmul_fn *gemv_f16;  /* m == 1 */
  pome__matmul_fn *gemm_f16;  /* any m */
  pome__matmul_fn *gemv_lut4;
  pome__matmul_fn *gemm_lut4;
  pome__matmul_fn *gemv_f32;
  pome__matmul_fn *gemm_f32;

  float (*dot_f32)(size_t n, const float *x, const float *y);
  /* y[i] += a * x[i] */
  void (*axpy_f32)(size_t n, float a, const float *x, float *y);
  /* z[i] = x[i] op y[i]; z may be x or y */
  void (*add_f32)(size_t n, const float *x, const float *y, float *z);
  void (*mul_f32)(size_t n, const float *x, const float *y, float *z);
  pome__unary_fn *silu_f32;
  /* y = exp(x - max(x)) / sum, over n elements */
  void (*softmax_f32)(size_t n, const float *x, float *y);
} pome__kernels;

/* The table for a level, no higher than the machine has. Static, never NULL. */
const pome__kernels *pome__kernels_get(pome__isa isa);

/* Layers, each in its own files with its own compiler flags. */
void pome__kernels_scalar(pome__kernels *table);
void pome__kernels_avx2(pome__kernels *table);
void pome__kernels_avx512(pome__kernels *table);

#endif
