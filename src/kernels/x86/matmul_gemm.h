/* Products with many rows of x (GEMM), over the vector operations of a level.
 *
 * A panel of PANEL weight rows times DEPTH columns is expanded to fp32 and transposed into a buffer of 16 KiB, and
 * used for all rows of x while it sits in the first-level cache: tile after tile of TILE_ROWS rows of x by PANEL outputs,
 * sums in registers, weights loaded, activations broadcast. The tile's piece of x is first copied beside it: the
 * rows of x are often a power of two apart and would fall into the same few lines of the cache.
 */
#ifndef POME_SRC_KERNELS_X86_MATMUL_GEMM_H
#define POME_SRC_KERNELS_X86_MATMUL_GEMM_H

#include <string.h>

#include "kernels/x86/matmul_gemv.h"

enum {
  PANEL = 2 * LANES,
  DEPTH = 4096 / PANEL,
};
_Static_assert(DEPTH % BLOCK == 0, "a panel holds whole blocks of nibbles");

/* The LANES weight rows of half a panel. Past the last row the last one is repeated: its results are not
 * stored. */
typedef struct strip {
  const char *rows[LANES];
  const float *luts[LANES];
} strip;

INLINE void strip_init(strip *s, const pome__matmul *a, size_t row, size_t n1, weight_kind kind) {
  size_t stride = kind == WEIGHT_LUT4 ? a->k / 2 : a->k * weight_size(kind);
  for (size_t i = 0; i < LANES; i++) {
    size_t at = row + i < n1 ? row + i : n1 - 1;
    s->rows[i] = (const char *)a->w + at * stride;
    if (kind == WEIGHT_LUT4) s->luts[i] = a->lut + 16 * (at / a->rows_per_lut);
  }
}

/* Each expand function writes columns k0 .. k0 + depth - 1: column k to buffer + (k - k0) * PANEL. */
INLINE void expand_dense(const strip *s, size_t k0, size_t depth, float *buffer, weight_kind kind) {
  for (size_t k = 0; k < depth; k += LANES) {
    size_t n = depth - k < LANES ? depth - k : LANES;
    vf row[LANES];
    for (size_t i = 0; i < LANES; i++) {
      row[i] = n == LANES ? weight_load(kind, s->rows[i], k0 + k)
                          : weight_load_n(kind, s->rows[i], k0 + k, n);
    }
    vf_transpose(row);
    for (size_t j = 0; j < n; j++) vf_store(buffer + (k + j) * PANEL, row[j]);
  }
}

/* One palette for all rows: transposed while still nibbles, eight at a time. */
static void expand_lut4(const strip *s, size_t k0, size_t depth, float *buffer) {
  palette table = palette_load(s->luts[0]);
  for (size_t k = 0; k < depth; k += BLOCK) {
    size_t n = depth - k < BLOCK ? depth - k : BLOCK;
    vf row[LANES];
    for (size_t i = 0; i < LANES; i++) {
      const uint8_t *p = (const uint8_t *)s->rows[i] + (k0 + k) / 2;
      row[i] = vf_from_bits(n == BLOCK ? vi_load(p) : vi_load_bytes(p, n / 2));
    }
    vf_transpose(row);
    for (size_t j = 0; j * NIBBLES < n; j++) {
      vi v = vi_from_bits(row[j]);
      float *out = buffer + (k + j * NIBBLES) * PANEL;
      size_t left = n - j * NIBBLES;
#define STEP(s) \
  if (s < left) vf_store(out + s * PANEL, palette_at(table, vi_shift_right(v, 4 * s)));
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
#undef STEP
    }
  }
}

/* Rows with different palettes: looked up row by row, then transposed. */
static void expand_lut4_mixed(const strip *s, size_t k0, size_t depth, float *buffer) {
  for (size_t k = 0; k < depth; k += LANES) {
    size_t n = depth - k < LANES ? depth - k : LANES;
    vf row[LANES];
    for (size_t i = 0; i < LANES; i++) {
      uint8_t bytes[LANES / 2] = {0};
      memcpy(bytes, s->rows[i] + (k0 + k) / 2, n == LANES ? LANES / 2 : n / 2);
      row[i] = palette_at(palette_load(s->luts[i]), vi_spread_nibbles(bytes));
    }
    vf_transpose(row);
    for (size_t j = 0; j < n; j++) vf_store(buffer + (k + j) * PANEL, row[j]);
  }
}

INLINE void expand(const strip *s, size_t k0, size_t depth, float *buffer, weight_kind kind) {
  if (kind != WEIGHT_LUT4) {
    expand_dense(s, k0, depth, buffer, kind);
  } else if (s->luts[0] == s->luts[LANES - 1]) {
    expand_lut4(s, k0, depth, buffer);
  } else {
    expand_lut4_mixed(s, k0, depth, buffer);
  }
}

/* What a tile reads and writes: x [rows, DEPTH] and w [depth, PANEL] are packed; sums start from `start` [PANEL],
 * or from what y holds when that is NULL. */
typedef struct tile {
  size_t depth;
  const float *x, *w, *start;
  float *y;
  size_t y_stride;
  size_t columns; /* of y, at most PANEL */
} tile;

INLINE void tile_load(const float *p, size_t columns, vf *sums) {
  bool two = columns > LANES;
  if (columns == PANEL) {
    sums[0] = vf_load(p);
    sums[1] = vf_load(p + LANES);
  } else {
    sums[0] = vf_load_n(p, two ? LANES : columns);
    sums[1] = two ? vf_load_n(p + LANES, columns - LANES) : vf_zero();
  }
}

INLINE void tile_store(float *p, size_t columns, const vf *sums) {
  bool two = columns > LANES;
  if (columns == PANEL) {
    vf_store(p, sums[0]);
    vf_store(p + LANES, sums[1]);
  } else {
    vf_store_n(p, sums[0], two ? LANES : columns);
    if (two) vf_store_n(p + LANES, sums[1], columns - LANES);
  }
}

INLINE void tile_run(const tile *t, size_t rows) {
  vf sums[TILE_ROWS][2];
  UNROLL for (size_t r = 0; r < rows; r++) {
    if (t->start) {
      sums[r][0] = vf_load(t->start);
      sums[r][1] = vf_load(t->start + LANES);
    } else {
      tile_load(t->y + r * t->y_stride, t->columns, sums[r]);
    }
  }
  const float *x = t->x, *w = t->w;
  for (size_t k = 0; k < t->depth; k++, w += PANEL) {
    vf w0 = vf_load(w), w1 = vf_load(w + LANES);
    UNROLL for (size_t r = 0; r < rows; r++) {
      vf broadcast = vf_set1(x[r * DEPTH + k]);
      sums[r][0] = vf_fma(w0, broadcast, sums[r][0]);
      sums[r][1] = vf_fma(w1, broadcast, sums[r][1]);
    }
  }
  UNROLL for (size_t r = 0; r < rows; r++) tile_store(t->y + r * t->y_stride, t->columns, sums[r]);
}

typedef void tile_fn(const tile *t);
#define TILE(rows) \
  static void tile_##rows(const tile *t) { tile_run(t, rows); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if TILE_ROWS == 12
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#endif
#undef TILE

/* By rows, from 1. */
static tile_fn *const tiles[TILE_ROWS] = {
    tile_1, tile_2, tile_3, tile_4,  tile_5,  tile_6,
#if TILE_ROWS == 12
    tile_7, tile_8, tile_9, tile_10, tile_11, tile_12,
#endif
};

/* All rows of x against one expanded piece of a panel. Rows are spread evenly over tiles: a last tile with few
 * rows would have too few independent sums. */
static void multiply_panel(const pome__matmul *a, size_t k0, tile *t, float *y) {
  float x[TILE_ROWS * DEPTH];
  t->x = x;
  size_t tiles_left = (a->m + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t row = 0; tiles_left > 0; tiles_left--) {
    size_t rows = (a->m - row + tiles_left - 1) / tiles_left;
    for (size_t r = 0; r < rows; r++) {
      const float *from = a->x + (row + r) * a->x_stride + k0;
      memcpy(x + r * DEPTH, from, t->depth * sizeof *x);
    }
    t->y = y + row * t->y_stride;
    tiles[rows - 1](t);
    row += rows;
  }
}

INLINE void gemm(const pome__matmul *a, size_t n0, size_t n1, weight_kind kind) {
  float w[PANEL * DEPTH];
  for (size_t row = n0; row < n1; row += PANEL) {
    tile t = {.w = w, .y_stride = a->y_stride};
    t.columns = n1 - row < PANEL ? n1 - row : PANEL;
    float start[PANEL] = {0};
    if (a->bias) memcpy(start, a->bias + row, t.columns * sizeof *start);
    strip strips[2];
    for (size_t i = 0; i < 2; i++) strip_init(&strips[i], a, row + i * LANES, n1, kind);
    size_t k0 = 0;
    do {
      t.depth = a->k - k0 < DEPTH ? a->k - k0 : DEPTH;
      t.start = k0 == 0 ? start : NULL;
      for (size_t i = 0; i < 2; i++) expand(&strips[i], k0, t.depth, w + i * LANES, kind);
      multiply_panel(a, k0, &t, a->y + row);
      k0 += t.depth;
    } while (k0 < a->k);
  }
}

static void vector_gemm_f32(const pome__matmul *a, size_t n0, size_t n1) {
  if (a->m == 1) vector_gemv_f32(a, n0, n1);
  else gemm(a, n0, n1, WEIGHT_F32);
}

static void vector_gemm_f16(const pome__matmul *a, size_t n0, size_t n1) {
  if (a->m == 1) vector_gemv_f16(a, n0, n1);
  else gemm(a, n0, n1, WEIGHT_F16);
}

static void vector_gemm_lut4(const pome__matmul *a, size_t n0, size_t n1) {
  if (a->m == 1) vector_gemv_lut4(a, n0, n1);
  else gemm(a, n0, n1, WEIGHT_LUT4);
}

static inline void matmul_fill(pome__kernels *table) {
  table->gemv_f32 = vector_gemv_f32;
  table->gemm_f32 = vector_gemm_f32;
  table->gemv_f16 = vector_gemv_f16;
  table->gemm_f16 = vector_gemm_f16;
  table->gemv_lut4 = vector_gemv_lut4;
  table->gemm_lut4 = vector_gemm_lut4;
}

#endif
