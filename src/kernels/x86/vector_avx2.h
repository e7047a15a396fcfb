/* The vector operations the shared kernel bodies are written in, for AVX2 with FMA and F16C: 8
 * floats a vector. The same names for 16 floats are in vector_avx512.h. `_n` forms touch only the
 * first n lanes in memory, 0 <= n <= LANES; lanes not loaded are zero. Partial stores go through
 * the stack: masked stores are microcode on some processors. */
#ifndef POME_SRC_KERNELS_X86_VECTOR_AVX2_H
#define POME_SRC_KERNELS_X86_VECTOR_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LANES 8

/* Tiles of matrix products, weight rows by rows of x: sums, weights and palettes should fit the
 * registers. */
#define DENSE_ROWS    4
#define DENSE_COLUMNS 3
#define LUT4_ROWS     4 /* at most; fewer when more columns make LUT4_SUMS */
#define LUT4_COLUMNS  8
#define LUT4_SUMS     8

typedef __m256 vf;
typedef __m256i vi;

static inline vi first_lanes(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf vf_zero(void) {
  return _mm256_setzero_ps();
}
static inline vf vf_set1(float x) {
  return _mm256_set1_ps(x);
}
static inline vf vf_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf x) {
  _mm256_storeu_ps(p, x);
}
static inline vf vf_load_n(const float *p, size_t n) {
  return _mm256_maskload_ps(p, first_lanes(n));
}
static inline void vf_store_n(float *p, vf x, size_t n) {
  float lanes[LANES];
  _mm256_storeu_ps(lanes, x);
  memcpy(p, lanes, n * sizeof *p);
}

static inline vf vf_load_half(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline vf vf_load_half_n(const uint16_t *p, size_t n) {
  uint16_t lanes[LANES] = {0};
  memcpy(lanes, p, n * sizeof *p);
  return vf_load_half(lanes);
}
static inline void vf_store_half(uint16_t *p, vf x) {
  _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
static inline void vf_store_half_n(uint16_t *p, vf x, size_t n) {
  uint16_t lanes[LANES];
  vf_store_half(lanes, x);
  memcpy(p, lanes, n * sizeof *p);
}

static inline vf vf_add(vf a, vf b) {
  return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b) {
  return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b) {
  return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b) {
  return _mm256_div_ps(a, b);
}
/* b when either is NaN */
static inline vf vf_max(vf a, vf b) {
  return _mm256_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b) {
  return _mm256_min_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline vf vf_first(vf a, vf otherwise, size_t n) {
  return _mm256_blendv_ps(otherwise, a, _mm256_castsi256_ps(first_lanes(n)));
}
static inline vf vf_fma_n(vf a, vf b, vf c, size_t n) {
  return vf_first(vf_fma(a, b, c), c, n);
}
static inline vf vf_round(vf x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n, n whole and |n| < 252, in two steps so that subnormal results and those up to 2^128 come
 * out */
static inline vf vf_scale(vf x, vf n) {
  vi whole = _mm256_cvtps_epi32(n);
  vi half = _mm256_srai_epi32(whole, 1);
  vi rest = _mm256_sub_epi32(whole, half);
  const vi bias = _mm256_set1_epi32(127);
  vf a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  vf b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return vf_mul(vf_mul(x, a), b);
}
static inline float vf_sum(vf x) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
static inline float vf_max_all(vf x) {
  __m128 max = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  max = _mm_max_ps(max, _mm_movehl_ps(max, max));
  return _mm_cvtss_f32(_mm_max_ss(max, _mm_movehdup_ps(max)));
}

/* Elements 0, 2, 4 ... of a followed by those of b, and 1, 3, 5 ... */
static inline vf vf_join_quarters(vf x) { /* a b a b in pairs of floats: to a a b b */
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
}
static inline vf vf_even(vf a, vf b) {
  return vf_join_quarters(_mm256_shuffle_ps(a, b, 0x88));
}
static inline vf vf_odd(vf a, vf b) {
  return vf_join_quarters(_mm256_shuffle_ps(a, b, 0xdd));
}

static inline vi vi_load(const uint8_t *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}
static inline vi vi_load_bytes(const uint8_t *p, size_t bytes) {
  uint8_t lanes[4 * LANES] = {0};
  memcpy(lanes, p, bytes < sizeof lanes ? bytes : sizeof lanes);
  return vi_load(lanes);
}
#define vi_shift_right(x, bits) _mm256_srli_epi32((x), (bits))

/* 16 floats looked up by the low four bits of each lane; the other bits do not matter. */
typedef struct palette {
  vf low, high;
} palette;

static inline palette palette_load(const float *p) {
  return (palette){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline vf palette_at(palette table, vi index) {
  vf low = _mm256_permutevar8x32_ps(table.low, index);
  vf high = _mm256_permutevar8x32_ps(table.high, index);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

#endif
