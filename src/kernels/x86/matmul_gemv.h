/* Products with one row of x (GEMV), over the vector operations of a level; matmul_gemm.h has the ones with
 * many rows. Both read the weights as they are stored.
 *
 * GEMV runs along k, several weight rows at once, so that the x just loaded serves all of them and their sums
 * are independent chains. For nibbles, a vector holds 8 in each lane: shifting it by 0, 4 ... 28 bits gives
 * eight vectors of indices, where shift s has weights s, s + 8, s + 16 ... of the block. Instead of putting
 * weights in order, x is dealt into that order once for all rows.
 */
#ifndef POME_SRC_KERNELS_X86_MATMUL_GEMV_H
#define POME_SRC_KERNELS_X86_MATMUL_GEMV_H

#include <stdbool.h>

#include "kernels/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
  NIBBLES = 8,             /* in a lane */
  BLOCK = NIBBLES * LANES, /* weights in a vector of nibbles */
  DEAL = 4096,             /* floats of x dealt at a time: 16 KiB of stack */
};

typedef enum weight_kind { WEIGHT_F32, WEIGHT_F16, WEIGHT_LUT4 } weight_kind;

INLINE size_t weight_size(weight_kind kind) {
  return kind == WEIGHT_F16 ? sizeof(uint16_t) : sizeof(float);
}

INLINE vf weight_load(weight_kind kind, const void *row, size_t k) {
  if (kind == WEIGHT_F16) return vf_load_half((const uint16_t *)row + k);
  return vf_load((const float *)row + k);
}

INLINE vf weight_load_n(weight_kind kind, const void *row, size_t k, size_t n) {
  if (kind == WEIGHT_F16) return vf_load_half_n((const uint16_t *)row + k, n);
  return vf_load_n((const float *)row + k, n);
}

/* ---- dense rows ---- */

INLINE void gemv_dense_rows(const pome__matmul *a, size_t row, size_t rows, weight_kind kind) {
  size_t stride = a->k * weight_size(kind);
  const char *w = (const char *)a->w + row * stride;
  vf sums[2 * DENSE_ROWS];
  UNROLL for (size_t r = 0; r < 2 * rows; r++) sums[r] = vf_zero();
  size_t k = 0;
  for (; k + 2 * LANES <= a->k; k += 2 * LANES) {
    vf x0 = vf_load(a->x + k), x1 = vf_load(a->x + k + LANES);
    UNROLL for (size_t r = 0; r < rows; r++) {
      const char *p = w + r * stride;
      sums[2 * r] = vf_fma(weight_load(kind, p, k), x0, sums[2 * r]);
      sums[2 * r + 1] = vf_fma(weight_load(kind, p, k + LANES), x1, sums[2 * r + 1]);
    }
  }
  for (; k < a->k; k += LANES) {
    size_t n = a->k - k < LANES ? a->k - k : LANES;
    vf x = vf_load_n(a->x + k, n);
    UNROLL for (size_t r = 0; r < rows; r++) {
      sums[2 * r] = vf_fma(weight_load_n(kind, w + r * stride, k, n), x, sums[2 * r]);
    }
  }
  for (size_t r = 0; r < rows; r++) {
    a->y[row + r] = vf_sum(vf_add(sums[2 * r], sums[2 * r + 1])) + (a->bias ? a->bias[row + r] : 0.0f);
  }
}

INLINE void gemv_dense(const pome__matmul *a, size_t n0, size_t n1, weight_kind kind) {
  size_t row = n0;
  for (; row + DENSE_ROWS <= n1; row += DENSE_ROWS) gemv_dense_rows(a, row, DENSE_ROWS, kind);
  for (; row < n1; row++) gemv_dense_rows(a, row, 1, kind);
}

static void vector_gemv_f32(const pome__matmul *a, size_t n0, size_t n1) {
  gemv_dense(a, n0, n1, WEIGHT_F32);
}

static void vector_gemv_f16(const pome__matmul *a, size_t n0, size_t n1) {
  gemv_dense(a, n0, n1, WEIGHT_F16);
}

/* ---- nibbles ---- */

/* dealt[s * LANES + i] = x[8 * i + s] in each block, zero past `count`: three rounds of separating even and odd
 * elements. */
static void deal(const float *x, size_t count, float *dealt) {
  for (size_t start = 0; start < count; start += BLOCK) {
    vf in[NIBBLES], out[NIBBLES];
    for (size_t j = 0; j < NIBBLES; j++) {
      size_t at = start + j * LANES;
      size_t left = at < count ? count - at : 0;
      in[j] = left >= LANES ? vf_load(x + at) : left > 0 ? vf_load_n(x + at, left) : vf_zero();
    }
    for (int round = 0; round < 3; round++) {
      UNROLL for (size_t j = 0; j < NIBBLES / 2; j++) {
        out[j] = vf_even(in[2 * j], in[2 * j + 1]);
        out[NIBBLES / 2 + j] = vf_odd(in[2 * j], in[2 * j + 1]);
      }
      UNROLL for (size_t j = 0; j < NIBBLES; j++) in[j] = out[j];
    }
    for (size_t j = 0; j < NIBBLES; j++) vf_store(dealt + start + j * LANES, in[j]);
  }
}

/* Adds the product of `count` weights of each row, w the first row's, with dealt x. */
INLINE void gemv_lut4_rows(const uint8_t *w, size_t stride, size_t rows, const float *const *luts,
                           const float *dealt, size_t count, float *y) {
  vf sums[GEMV_ROWS];
  palette tables[GEMV_ROWS];
  vi v[GEMV_ROWS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    sums[r] = vf_zero();
    tables[r] = palette_load(luts[r]);
  }
  size_t k = 0;
#define STEP(s)                                                                         \
  {                                                                                     \
    vf x = vf_load(dealt + k + s * LANES);                                              \
    UNROLL for (size_t r = 0; r < rows; r++) {                                          \
      sums[r] = vf_fma(palette_at(tables[r], vi_shift_right(v[r], 4 * s)), x, sums[r]); \
    }                                                                                   \
  }
  for (; k + BLOCK <= count; k += BLOCK) {
    UNROLL for (size_t r = 0; r < rows; r++) v[r] = vi_load(w + r * stride + k / 2);
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
  }
#undef STEP
  /* The rest, lane by lane: a palette may hold infinities, so padding must not be multiplied. */
  size_t rest = count - k;
  if (rest > 0) {
#define STEP(s)                                                                           \
  if (rest > s) {                                                                         \
    sums[r] = vf_fma_n(palette_at(tables[r], vi_shift_right(v[r], 4 * s)),                \
                       vf_load(dealt + k + s * LANES), sums[r], (rest - s + 7) / NIBBLES); \
  }
    UNROLL for (size_t r = 0; r < rows; r++) {
      v[r] = vi_load_bytes(w + r * stride + k / 2, rest / 2);
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
    }
#undef STEP
  }
  for (size_t r = 0; r < rows; r++) y[r] += vf_sum(sums[r]);
}

INLINE void gemv_lut4_at(const pome__matmul *a, size_t row, size_t rows, size_t k0,
                         const float *dealt, size_t count) {
  const float *luts[GEMV_ROWS];
  for (size_t r = 0; r < rows; r++) luts[r] = a->lut + 16 * ((row + r) / a->rows_per_lut);
  const uint8_t *w = (const uint8_t *)a->w + (row * a->k + k0) / 2;
  gemv_lut4_rows(w, a->k / 2, rows, luts, dealt, count, a->y + row);
}

static void vector_gemv_lut4(const pome__matmul *a, size_t n0, size_t n1) {
  float dealt[DEAL];
  for (size_t row = n0; row < n1; row++) a->y[row] = a->bias ? a->bias[row] : 0.0f;
  for (size_t k0 = 0; k0 < a->k; k0 += DEAL) {
    size_t count = a->k - k0 < DEAL ? a->k - k0 : DEAL;
    deal(a->x + k0, count, dealt);
    size_t row = n0;
    for (; row + GEMV_ROWS <= n1; row += GEMV_ROWS) gemv_lut4_at(a, row, GEMV_ROWS, k0, dealt, count);
    for (; row < n1; row++) gemv_lut4_at(a, row, 1, k0, dealt, count);
  }
}

#endif
