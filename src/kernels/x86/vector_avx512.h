/* The vector operations the shared kernel bodies are written in, for AVX-512: 16 floats a vector.
 * The same names for 8 floats are in vector_avx2.h. `_n` forms touch only the first n lanes in
 * memory, 0 <= n <= LANES; lanes not loaded are zero. */
#ifndef POME_SRC_KERNELS_X86_VECTOR_AVX512_H
#define POME_SRC_KERNELS_X86_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16

/* Tiles of matrix products, weight rows by rows of x: sums, weights and palettes should fit the
 * registers. */
#define DENSE_ROWS    4
#define DENSE_COLUMNS 4
#define LUT4_ROWS     8 /* at most; fewer when more columns make LUT4_SUMS */
#define LUT4_COLUMNS  4
#define LUT4_SUMS     16

typedef __m512 vf;
typedef __m512i vi;

static inline __mmask16 first_lanes(size_t n) {
  return (__mmask16)((1u << n) - 1u);
}

static inline vf vf_zero(void) {
  return _mm512_setzero_ps();
}
static inline vf vf_set1(float x) {
  return _mm512_set1_ps(x);
}
static inline vf vf_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf x) {
  _mm512_storeu_ps(p, x);
}
static inline vf vf_load_n(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
static inline void vf_store_n(float *p, vf x, size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), x);
}

static inline vf vf_load_half(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline vf vf_load_half_n(const uint16_t *p, size_t n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
static inline __m256i to_half(vf x) {
  return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline void vf_store_half(uint16_t *p, vf x) {
  _mm256_storeu_si256((__m256i *)p, to_half(x));
}
static inline void vf_store_half_n(uint16_t *p, vf x, size_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), to_half(x));
}

static inline vf vf_add(vf a, vf b) {
  return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b) {
  return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b) {
  return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b) {
  return _mm512_div_ps(a, b);
}
/* b when either is NaN */
static inline vf vf_max(vf a, vf b) {
  return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b) {
  return _mm512_min_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_fma_n(vf a, vf b, vf c, size_t n) {
  return _mm512_mask3_fmadd_ps(a, b, c, first_lanes(n));
}
static inline vf vf_first(vf a, vf otherwise, size_t n) {
  return _mm512_mask_mov_ps(otherwise, first_lanes(n), a);
}
static inline vf vf_round(vf x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n, n whole, rounded once */
static inline vf vf_scale(vf x, vf n) {
  return _mm512_scalef_ps(x, n);
}
static inline float vf_sum(vf x) {
  return _mm512_reduce_add_ps(x);
}
static inline float vf_max_all(vf x) {
  return _mm512_reduce_max_ps(x);
}

/* Elements 0, 2, 4 ... of a followed by those of b, and 1, 3, 5 ... */
static inline vf vf_even(vf a, vf b) {
  const vi index = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_ps(a, index, b);
}
static inline vf vf_odd(vf a, vf b) {
  const vi index = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_ps(a, index, b);
}

static inline vi vi_load(const uint8_t *p) {
  return _mm512_loadu_si512(p);
}
static inline vi vi_load_bytes(const uint8_t *p, size_t bytes) {
  __mmask64 mask = bytes >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << bytes) - 1;
  return _mm512_maskz_loadu_epi8(mask, p);
}
#define vi_shift_right(x, bits) _mm512_srli_epi32((x), (bits))

/* 16 floats looked up by the low four bits of each lane; the other bits do not matter. */
typedef vf palette;

static inline palette palette_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline vf palette_at(palette table, vi index) {
  return _mm512_permutexvar_ps(index, table);
}

#endif
