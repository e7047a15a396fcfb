/* Matrix products over the vector operations of a level: an includer first includes its vector
 * header, then this, and fills its table with matmul_fill(). Weights are read as they are stored.
 *
 * Vectors run along k, over a few weight rows and a few rows of x ("columns" of a tile) at once:
 * what is loaded or looked up of either serves all of the other, and the sums are independent
 * chains. With enough of both this comes close to the peak of FMA without transposing or packing
 * anything, so one row of x and hundreds share the code.
 *
 * For nibbles, a vector holds 8 in each lane: shifting it by 0, 4 ... 28 bits gives eight vectors
 * of indices, where shift s has weights s, s + 8, s + 16 ... of the block. Instead of putting
 * weights in order, x is dealt into that order once for all rows.
 */
#ifndef POME_SRC_KERNELS_X86_MATMUL_BODY_H
#define POME_SRC_KERNELS_X86_MATMUL_BODY_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/x86/unroll.h"

enum {
  NIBBLES = 8,             /* in a lane */
  BLOCK = NIBBLES * LANES, /* weights in a vector of nibbles */
  DEAL = 8192,             /* floats of x dealt at a time: 32 KiB of stack */
  MOST_COLUMNS = 8,        /* of a tile, at any level */
  CACHED_ROWS = 128,       /* of weights, used for all rows of x before the next are read */
  NEAR = 12288,            /* bytes of a tile's rows, from a sweep on Zen 4 */
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

/* Asks memory for the rows that follow a tile, in the order of their addresses whatever the order
 * of use: one sequential stream is what memory gives fastest. */
typedef struct fetcher {
  const char *row;
  size_t offset, length, stride; /* bytes: in the row, used of each row, between rows */
  bool near; /* the tile's rows leave room for as many in the first-level cache */
} fetcher;

INLINE fetcher fetch_after(const void *first_row, size_t rows, size_t length, size_t stride) {
  return (fetcher){.row = (const char *)first_row + rows * stride,
                   .length = length,
                   .stride = stride,
                   .near = rows * length <= NEAR};
}

/* The next `bytes`, at least what was used meanwhile. */
INLINE void fetch(fetcher *f, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) {
    const char *line = f->row + f->offset;
    if (f->near) _mm_prefetch(line, _MM_HINT_T0);
    else _mm_prefetch(line, _MM_HINT_T1);
    f->offset += bytes < 64 ? bytes : 64;
    if (f->offset >= f->length) {
      f->offset = 0;
      f->row += f->stride;
    }
  }
}

/* ---- dense rows ---- */

/* Outputs [m0, m0 + columns) x [row, row + rows). One column needs two chains of sums a row, more
 * have enough. */
INLINE void dot_dense_tile(const pome__matmul *a, size_t m0, size_t columns, size_t row,
                           size_t rows, weight_kind kind) {
  const size_t chains = columns == 1 ? 2 : 1, step = chains * LANES;
  size_t stride = a->k * weight_size(kind);
  const char *w = (const char *)a->w + row * stride;
  const float *x = a->x + m0 * a->x_stride;
  fetcher next = fetch_after(w, rows, stride, stride);
  vf sums[DENSE_ROWS][MOST_COLUMNS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    UNROLL for (size_t c = 0; c < columns * chains; c++) sums[r][c] = vf_zero();
  }
  size_t k = 0;
  for (; k + step <= a->k; k += step) {
    fetch(&next, rows * step * weight_size(kind));
    UNROLL for (size_t r = 0; r < rows; r++) {
      const char *p = w + r * stride;
      UNROLL for (size_t c = 0; c < chains; c++) {
        vf weight = weight_load(kind, p, k + c * LANES);
        UNROLL for (size_t j = 0; j < columns; j++) {
          vf *sum = &sums[r][c + j];
          *sum = vf_fma(weight, vf_load(x + j * a->x_stride + k + c * LANES), *sum);
        }
      }
    }
  }
  for (; k < a->k; k += LANES) {
    size_t n = a->k - k < LANES ? a->k - k : LANES;
    UNROLL for (size_t r = 0; r < rows; r++) {
      vf weight = weight_load_n(kind, w + r * stride, k, n);
      UNROLL for (size_t j = 0; j < columns; j++) {
        sums[r][j] = vf_fma(weight, vf_load_n(x + j * a->x_stride + k, n), sums[r][j]);
      }
    }
  }
  UNROLL for (size_t r = 0; r < rows; r++) {
    float start = a->bias ? a->bias[row + r] : 0.0f;
    if (chains == 2) sums[r][0] = vf_add(sums[r][0], sums[r][1]);
    UNROLL for (size_t j = 0; j < columns; j++) {
      a->y[(m0 + j) * a->y_stride + row + r] = vf_sum(sums[r][j]) + start;
    }
  }
}

INLINE void dot_dense(const pome__matmul *a, size_t m0, size_t columns, size_t n0, size_t n1,
                      weight_kind kind) {
  size_t row = n0;
  for (; row + DENSE_ROWS <= n1; row += DENSE_ROWS) {
    dot_dense_tile(a, m0, columns, row, DENSE_ROWS, kind);
  }
  for (; row < n1; row++) dot_dense_tile(a, m0, columns, row, 1, kind);
}

/* ---- nibbles ---- */

/* dealt[s * LANES + i] = x[8 * i + s] in each block, zero past `count`: three rounds of separating
 * even and odd elements. */
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

/* Columns k0 .. k0 + count - 1 of a few rows of x, dealt. */
typedef struct hand {
  const pome__matmul *a;
  size_t m0, k0, count;
  const float *x;
  size_t x_stride;
} hand;

/* Adds the product of the hand's first `columns` rows with weight rows [row, row + rows) to y. */
INLINE void dot_lut4_tile(const hand *h, size_t columns, size_t row, size_t rows) {
  const pome__matmul *a = h->a;
  size_t stride = a->k / 2;
  const uint8_t *w = (const uint8_t *)a->w + row * stride + h->k0 / 2;
  fetcher next = fetch_after(w, rows, h->count / 2, stride);
  vf sums[LUT4_ROWS][MOST_COLUMNS];
  palette tables[LUT4_ROWS];
  vi v[LUT4_ROWS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    UNROLL for (size_t j = 0; j < columns; j++) sums[r][j] = vf_zero();
    tables[r] = palette_load(a->lut + 16 * ((row + r) / a->rows_per_lut));
  }
  size_t k = 0;
#define STEP(s)                                                                                    \
  UNROLL for (size_t r = 0; r < rows; r++) {                                                       \
    vf weight = palette_at(tables[r], vi_shift_right(v[r], 4 * s));                                \
    UNROLL for (size_t j = 0; j < columns; j++) {                                                  \
      vf x = vf_load(h->x + j * h->x_stride + k + s * LANES);                                      \
      sums[r][j] = vf_fma(weight, x, sums[r][j]);                                                  \
    }                                                                                              \
  }
  for (; k + BLOCK <= h->count; k += BLOCK) {
    fetch(&next, rows * BLOCK / 2);
    UNROLL for (size_t r = 0; r < rows; r++) v[r] = vi_load(w + r * stride + k / 2);
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
  }
#undef STEP
  /* The rest, lane by lane: a palette may hold infinities, so padding must not be multiplied. */
  size_t rest = h->count - k;
#define STEP(s)                                                                                    \
  if (rest > s) {                                                                                  \
    vf weight = palette_at(tables[r], vi_shift_right(v[r], 4 * s));                                \
    UNROLL for (size_t j = 0; j < columns; j++) {                                                  \
      vf x = vf_load(h->x + j * h->x_stride + k + s * LANES);                                      \
      sums[r][j] = vf_fma_n(weight, x, sums[r][j], (rest - s + 7) / NIBBLES);                      \
    }                                                                                              \
  }
  if (rest > 0) {
    UNROLL for (size_t r = 0; r < rows; r++) {
      v[r] = vi_load_bytes(w + r * stride + k / 2, rest / 2);
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
    }
  }
#undef STEP
  UNROLL for (size_t r = 0; r < rows; r++) {
    UNROLL for (size_t j = 0; j < columns; j++) {
      a->y[(h->m0 + j) * a->y_stride + row + r] += vf_sum(sums[r][j]);
    }
  }
}

INLINE void dot_lut4(const pome__matmul *a, size_t m0, size_t columns, size_t n0, size_t n1) {
  const size_t fit = LUT4_SUMS / columns, rows = fit < LUT4_ROWS ? fit : LUT4_ROWS;
  const size_t most = (DEAL / columns - LANES) / BLOCK * BLOCK;
  size_t pieces = (a->k + most - 1) / most;
  size_t room = pieces ? (a->k / pieces + BLOCK) / BLOCK * BLOCK : 0; /* even pieces of k */
  if (room > most) room = most;
  /* Not a power of two, which would crowd a few sets of the cache. */
  const size_t apart = room + LANES;
  float dealt[DEAL];
  for (size_t j = 0; j < columns; j++) {
    float *y = a->y + (m0 + j) * a->y_stride;
    for (size_t row = n0; row < n1; row++) y[row] = a->bias ? a->bias[row] : 0.0f;
  }
  for (size_t k0 = 0; k0 < a->k; k0 += room) {
    size_t count = a->k - k0 < room ? a->k - k0 : room;
    for (size_t j = 0; j < columns; j++)
      deal(a->x + (m0 + j) * a->x_stride + k0, count, dealt + j * apart);
    hand h = {.a = a, .m0 = m0, .k0 = k0, .count = count, .x = dealt, .x_stride = apart};
    size_t row = n0;
    for (; row + rows <= n1; row += rows) dot_lut4_tile(&h, columns, row, rows);
    for (; row < n1; row++) dot_lut4_tile(&h, columns, row, 1);
  }
}

/* ---- any number of rows of x ---- */

INLINE void dot_columns(const pome__matmul *a, size_t m0, size_t columns, size_t n0, size_t n1,
                        weight_kind kind) {
  if (kind == WEIGHT_LUT4) dot_lut4(a, m0, columns, n0, n1);
  else dot_dense(a, m0, columns, n0, n1, kind);
}

/* All rows of x against a block of weight rows that stays cached. Rows of x are spread evenly over
 * groups: a last group of one or two would use each weight too little. */
INLINE void gemm(const pome__matmul *a, size_t n0, size_t n1, weight_kind kind) {
  const size_t most = kind == WEIGHT_LUT4 ? LUT4_COLUMNS : DENSE_COLUMNS;
  for (size_t row = n0; row < n1; row += CACHED_ROWS) {
    size_t end = n1 - row < CACHED_ROWS ? n1 : row + CACHED_ROWS;
    size_t columns = 0;
    for (size_t m0 = 0, groups = (a->m + most - 1) / most; groups > 0; groups--, m0 += columns) {
      columns = (a->m - m0 + groups - 1) / groups;
      switch (columns) {
#define COLUMNS(n)                                                                                 \
  case n:                                                                                          \
    if (n <= most) dot_columns(a, m0, n, row, end, kind);                                          \
    break;
        COLUMNS(1) COLUMNS(2) COLUMNS(3) COLUMNS(4) COLUMNS(5) COLUMNS(6) COLUMNS(7) COLUMNS(8)
#undef COLUMNS
      }
    }
  }
}

#define PRODUCTS(type, kind)                                                                       \
  static void vector_gemv_##type(const pome__matmul *a, size_t n0, size_t n1) {                    \
    dot_columns(a, 0, 1, n0, n1, kind);                                                            \
  }                                                                                                \
  static void vector_gemm_##type(const pome__matmul *a, size_t n0, size_t n1) {                    \
    gemm(a, n0, n1, kind);                                                                         \
  }
PRODUCTS(f32, WEIGHT_F32)
PRODUCTS(f16, WEIGHT_F16)
PRODUCTS(lut4, WEIGHT_LUT4)
#undef PRODUCTS

static inline void matmul_fill(pome__kernels *table) {
  table->gemv_f32 = vector_gemv_f32;
  table->gemm_f32 = vector_gemm_f32;
  table->gemv_f16 = vector_gemv_f16;
  table->gemm_f16 = vector_gemm_f16;
  table->gemv_lut4 = vector_gemv_lut4;
  table->gemm_lut4 = vector_gemm_lut4;
}

#endif
