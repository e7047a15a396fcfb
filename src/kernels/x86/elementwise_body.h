/* Elementwise kernels and reductions over the vector operations of a level: an includer first
 * includes its vector header, then this, and fills its table with elementwise_fill().
 *
 * exp(x) = 2^n * e^r with n = round(x / ln 2) and |r| <= ln(2)/2: r is computed in two steps so
 * that it is exact to below half an ulp, and e^r is a polynomial of degree 7. Largest error
 * measured: 1.05 units in the last place, over a dense sample of floats with a normal result.
 * Smaller results become subnormal or zero, larger ones infinity.
 */
#ifndef POME_SRC_KERNELS_X86_ELEMENTWISE_BODY_H
#define POME_SRC_KERNELS_X86_ELEMENTWISE_BODY_H

#include <math.h>

#include "kernels/kernels.h"

/* Runs BODY at i = 0, LANES, 2 * LANES ... for whole vectors, then BODY_N for the `rest` that is
 * left. */
#define FOR_VECTORS(n, BODY, BODY_N)                                                               \
  do {                                                                                             \
    size_t i = 0;                                                                                  \
    for (; i + LANES <= (n); i += LANES) BODY;                                                     \
    if (i < (n)) {                                                                                 \
      size_t rest = (n)-i;                                                                         \
      BODY_N;                                                                                      \
    }                                                                                              \
  } while (0)

static void vector_f16_to_f32(size_t n, const uint16_t *x, float *y) {
  FOR_VECTORS(n, vf_store(y + i, vf_load_half(x + i)),
              vf_store_n(y + i, vf_load_half_n(x + i, rest), rest));
}

static void vector_f32_to_f16(size_t n, const float *x, uint16_t *y) {
  FOR_VECTORS(n, vf_store_half(y + i, vf_load(x + i)),
              vf_store_half_n(y + i, vf_load_n(x + i, rest), rest));
}

static float vector_dot_f32(size_t n, const float *x, const float *y) {
  enum { CHAINS = 4 };
  vf sums[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  size_t i = 0;
  for (; i + CHAINS * LANES <= n; i += CHAINS * LANES) {
    for (size_t c = 0; c < CHAINS; c++) {
      sums[c] = vf_fma(vf_load(x + i + c * LANES), vf_load(y + i + c * LANES), sums[c]);
    }
  }
  for (; i + LANES <= n; i += LANES) sums[0] = vf_fma(vf_load(x + i), vf_load(y + i), sums[0]);
  if (i < n) sums[1] = vf_fma(vf_load_n(x + i, n - i), vf_load_n(y + i, n - i), sums[1]);
  return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}

static void vector_axpy_f32(size_t n, float a, const float *x, float *y) {
  vf factor = vf_set1(a);
  FOR_VECTORS(
      n, vf_store(y + i, vf_fma(factor, vf_load(x + i), vf_load(y + i))),
      vf_store_n(y + i, vf_fma(factor, vf_load_n(x + i, rest), vf_load_n(y + i, rest)), rest));
}

static void vector_add_f32(size_t n, const float *x, const float *y, float *z) {
  FOR_VECTORS(n, vf_store(z + i, vf_add(vf_load(x + i), vf_load(y + i))),
              vf_store_n(z + i, vf_add(vf_load_n(x + i, rest), vf_load_n(y + i, rest)), rest));
}

static void vector_mul_f32(size_t n, const float *x, const float *y, float *z) {
  FOR_VECTORS(n, vf_store(z + i, vf_mul(vf_load(x + i), vf_load(y + i))),
              vf_store_n(z + i, vf_mul(vf_load_n(x + i, rest), vf_load_n(y + i, rest)), rest));
}

static inline vf vector_exp(vf x) {
  /* Beyond these the result is zero or infinity anyway; NaN passes through, being the second
   * operand. */
  x = vf_max(vf_set1(-110.0f), vf_min(vf_set1(100.0f), x));
  vf n = vf_round(vf_mul(x, vf_set1(0x1.715476p+0f)));
  vf r = vf_fma(n, vf_set1(-0x1.62e4p-1f), x); /* ln 2 to 15 bits: n * it is exact */
  r = vf_fma(n, vf_set1(-0x1.7f7d1cp-20f), r); /* the rest of ln 2 */
  vf p = vf_set1(0x1.a01a02p-13f);             /* 1/7!, 1/6! ... of the Taylor series */
  p = vf_fma(p, r, vf_set1(0x1.6c16c2p-10f));
  p = vf_fma(p, r, vf_set1(0x1.111112p-7f));
  p = vf_fma(p, r, vf_set1(0x1.555556p-5f));
  p = vf_fma(p, r, vf_set1(0x1.555556p-3f));
  p = vf_fma(p, r, vf_set1(0.5f));
  p = vf_fma(vf_mul(p, r), r, r); /* e^r - 1 */
  return vf_scale(vf_add(p, vf_set1(1.0f)), n);
}

static inline vf vector_silu(vf x) {
  vf e = vector_exp(vf_sub(vf_zero(), x));
  return vf_div(x, vf_add(vf_set1(1.0f), e));
}

static void vector_silu_f32(size_t n, const float *x, float *y) {
  FOR_VECTORS(n, vf_store(y + i, vector_silu(vf_load(x + i))),
              vf_store_n(y + i, vector_silu(vf_load_n(x + i, rest)), rest));
}

static float vector_max(size_t n, const float *x) {
  vf max = vf_set1(-INFINITY);
  FOR_VECTORS(n, max = vf_max(max, vf_load(x + i)),
              max = vf_first(vf_max(max, vf_load_n(x + i, rest)), max, rest));
  return vf_max_all(max);
}

static void vector_softmax_f32(size_t n, const float *x, float *y) {
  vf max = vf_set1(vector_max(n, x));
  vf sum = vf_zero();
  FOR_VECTORS(
      n,
      {
        vf e = vector_exp(vf_sub(vf_load(x + i), max));
        sum = vf_add(sum, e);
        vf_store(y + i, e);
      },
      {
        vf e = vector_exp(vf_sub(vf_load_n(x + i, rest), max));
        sum = vf_first(vf_add(sum, e), sum, rest);
        vf_store_n(y + i, e, rest);
      });
  vf scale = vf_set1(1.0f / vf_sum(sum));
  FOR_VECTORS(n, vf_store(y + i, vf_mul(vf_load(y + i), scale)),
              vf_store_n(y + i, vf_mul(vf_load_n(y + i, rest), scale), rest));
}

static inline void elementwise_fill(pome__kernels *table) {
  table->f16_to_f32 = vector_f16_to_f32;
  table->f32_to_f16 = vector_f32_to_f16;
  table->dot_f32 = vector_dot_f32;
  table->axpy_f32 = vector_axpy_f32;
  table->add_f32 = vector_add_f32;
  table->mul_f32 = vector_mul_f32;
  table->silu_f32 = vector_silu_f32;
  table->softmax_f32 = vector_softmax_f32;
}

#endif
