/* Sums of scaled rows over the vector operations of a level: an includer first includes its vector
 * header, then this, and fills its table with outer_fill().
 *
 * Vectors run along n. A tile is a few rows of y by two vectors: each vector of b serves all rows
 * of the tile, each number of a both vectors, and the sums stay in registers over all of k.
 */
#ifndef POME_SRC_KERNELS_X86_OUTER_BODY_H
#define POME_SRC_KERNELS_X86_OUTER_BODY_H

#include "kernels/kernels.h"
#include "kernels/x86/unroll.h"

enum { OUTER_ROWS = LANES == 16 ? 8 : 6, OUTER_VECTORS = 2 };

/* rows and vectors are constants; with `part`, only that many lanes of the last vector exist. */
INLINE void outer_tile(const pome__outer *a, size_t row, size_t rows, size_t column, size_t vectors,
                       size_t part) {
  const float *weights = a->a + row * a->a_stride;
  const float *b = a->b + column;
  vf sums[OUTER_ROWS][OUTER_VECTORS];
  UNROLL for (size_t r = 0; r < rows; r++) {
    vf bias = vf_set1(a->bias ? a->bias[row + r] : 0.0f);
    UNROLL for (size_t v = 0; v < vectors; v++) sums[r][v] = bias;
  }
  for (size_t k = 0; k < a->k; k++, b += a->b_stride) {
    vf values[OUTER_VECTORS];
    UNROLL for (size_t v = 0; v < vectors; v++) {
      values[v] = part ? vf_load_n(b, part) : vf_load(b + v * LANES);
    }
    UNROLL for (size_t r = 0; r < rows; r++) {
      vf weight = vf_set1(weights[r * a->a_stride + k]);
      UNROLL for (size_t v = 0; v < vectors; v++) {
        sums[r][v] = vf_fma(weight, values[v], sums[r][v]);
      }
    }
  }
  UNROLL for (size_t r = 0; r < rows; r++) {
    float *y = a->y + (row + r) * a->y_stride + column;
    UNROLL for (size_t v = 0; v < vectors; v++) {
      if (part) vf_store_n(y, sums[r][v], part);
      else vf_store(y + v * LANES, sums[r][v]);
    }
  }
}

INLINE void outer_columns(const pome__outer *a, size_t row, size_t rows, size_t n0, size_t n1) {
  size_t column = n0;
  for (; column + OUTER_VECTORS * LANES <= n1; column += OUTER_VECTORS * LANES)
    outer_tile(a, row, rows, column, OUTER_VECTORS, 0);
  for (; column + LANES <= n1; column += LANES) outer_tile(a, row, rows, column, 1, 0);
  if (column < n1) outer_tile(a, row, rows, column, 1, n1 - column);
}

static void vector_outer_f32(const pome__outer *a, size_t n0, size_t n1) {
  size_t row = 0;
  for (; row + OUTER_ROWS <= a->m; row += OUTER_ROWS) outer_columns(a, row, OUTER_ROWS, n0, n1);
  for (; row + 2 <= a->m; row += 2) outer_columns(a, row, 2, n0, n1);
  if (row < a->m) outer_columns(a, row, 1, n0, n1);
}

INLINE void taps_tile(size_t taps, const float *const *x, const float *w, float bias, size_t i,
                      size_t vectors, size_t part, float *y) {
  vf sums[4];
  UNROLL for (size_t v = 0; v < vectors; v++) sums[v] = vf_set1(bias);
  for (size_t t = 0; t < taps; t++) {
    vf weight = vf_set1(w[t]);
    UNROLL for (size_t v = 0; v < vectors; v++) {
      vf value = part ? vf_load_n(x[t] + i, part) : vf_load(x[t] + i + v * LANES);
      sums[v] = vf_fma(weight, value, sums[v]);
    }
  }
  UNROLL for (size_t v = 0; v < vectors; v++) {
    if (part) vf_store_n(y + i, sums[v], part);
    else vf_store(y + i + v * LANES, sums[v]);
  }
}

static void vector_taps_f32(size_t n, size_t taps, const float *const *x, const float *w,
                            float bias, float *y) {
  size_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) taps_tile(taps, x, w, bias, i, 4, 0, y);
  for (; i + LANES <= n; i += LANES) taps_tile(taps, x, w, bias, i, 1, 0, y);
  if (i < n) taps_tile(taps, x, w, bias, i, 1, n - i, y);
}

static inline void outer_fill(pome__kernels *table) {
  table->outer_f32 = vector_outer_f32;
  table->taps_f32 = vector_taps_f32;
}

#endif
