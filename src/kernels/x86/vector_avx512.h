/* The vector operations the shared kernel bodies are written in, for AVX-512: 16 floats a vector. The same
 * names for 8 floats are in vector_avx2.h. `_n` forms touch only the first n lanes in memory, 0 <= n <= LANES;
 * lanes not loaded are zero. */
#ifndef POME_SRC_KERNELS_X86_VECTOR_AVX512_H
#define POME_SRC_KERNELS_X86_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16
#define TILE_ROWS 12 /* with two vectors a row: 24 sums, 2 weights, 1 activation of 32 registers */
#define GEMV_ROWS 8  /* of nibbles at once */
#define DENSE_ROWS 4 /* of fp16 or fp32 at once, two sums each */

typedef __m512 vf;
typedef __m512i vi;

static inline __mmask16 first_lanes(size_t n) {
  return (__mmask16)((1u << n) - 1u);
}

static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
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

static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
/* b when either is NaN */
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
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
static inline vf vf_scale(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static inline float vf_sum(vf x) { return _mm512_reduce_add_ps(x); }
static inline float vf_max_all(vf x) { return _mm512_reduce_max_ps(x); }

/* Elements 0, 2, 4 ... of a followed by those of b, and 1, 3, 5 ... */
static inline vf vf_even(vf a, vf b) {
  const vi index = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_ps(a, index, b);
}
static inline vf vf_odd(vf a, vf b) {
  const vi index = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_ps(a, index, b);
}

static inline vi vi_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
static inline vi vi_load_bytes(const uint8_t *p, size_t bytes) {
  __mmask64 mask = bytes >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << bytes) - 1;
  return _mm512_maskz_loadu_epi8(mask, p);
}
#define vi_shift_right(x, bits) _mm512_srli_epi32((x), (bits))
static inline vf vf_from_bits(vi x) { return _mm512_castsi512_ps(x); }
static inline vi vi_from_bits(vf x) { return _mm512_castps_si512(x); }

/* LANES / 2 bytes, each spread over two lanes: the low four bits of lane i are nibble i. */
static inline vi vi_spread_nibbles(const uint8_t *p) {
  vi wide = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)p));
  return _mm512_or_si512(wide, _mm512_slli_epi64(wide, 28));
}

/* 16 floats looked up by the low four bits of each lane; the other bits do not matter. */
typedef vf palette;

static inline palette palette_load(const float *p) { return _mm512_loadu_ps(p); }
static inline vf palette_at(palette table, vi index) {
  return _mm512_permutexvar_ps(index, table);
}

/* Lane j of row i becomes lane i of row j. */
static inline void vf_transpose(vf row[LANES]) {
  vf pair[LANES], quad[LANES];
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) { /* quad[i + c]: in 128-bit part p, column 4 * p + c of rows i .. i + 3 */
    for (int half = 0; half < 2; half++) {
      __m512d a = _mm512_castps_pd(pair[i + half]), b = _mm512_castps_pd(pair[i + half + 2]);
      quad[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      quad[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  for (int c = 0; c < 4; c++) {
    vf top01 = _mm512_shuffle_f32x4(quad[c], quad[4 + c], 0x44);
    vf top23 = _mm512_shuffle_f32x4(quad[c], quad[4 + c], 0xee);
    vf bottom01 = _mm512_shuffle_f32x4(quad[8 + c], quad[12 + c], 0x44);
    vf bottom23 = _mm512_shuffle_f32x4(quad[8 + c], quad[12 + c], 0xee);
    row[c] = _mm512_shuffle_f32x4(top01, bottom01, 0x88);
    row[4 + c] = _mm512_shuffle_f32x4(top01, bottom01, 0xdd);
    row[8 + c] = _mm512_shuffle_f32x4(top23, bottom23, 0x88);
    row[12 + c] = _mm512_shuffle_f32x4(top23, bottom23, 0xdd);
  }
}

#endif
