/* Sums of scaled rows in plain C: what the other levels are tested against. A row of y at a time,
 * in pieces that stay in the nearest cache while all of k is added to them. */
#include "kernels/kernels.h"

#define PIECE 512

static void fill_row(float *y, size_t n, float value) {
  for (size_t i = 0; i < n; i++) y[i] = value;
}

static void add_scaled(size_t n, float a, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void scalar_outer_f32(const pome__outer *a, size_t n0, size_t n1) {
  for (size_t column = n0; column < n1; column += PIECE) {
    size_t n = n1 - column < PIECE ? n1 - column : PIECE;
    for (size_t row = 0; row < a->m; row++) {
      float *y = a->y + row * a->y_stride + column;
      fill_row(y, n, a->bias ? a->bias[row] : 0.0f);
      for (size_t k = 0; k < a->k; k++)
        add_scaled(n, a->a[row * a->a_stride + k], a->b + k * a->b_stride + column, y);
    }
  }
}

static void scalar_taps_f32(size_t n, size_t taps, const float *const *x, const float *w,
                            float bias, float *y) {
  fill_row(y, n, bias);
  for (size_t t = 0; t < taps; t++) add_scaled(n, w[t], x[t], y);
}

void pome__outer_scalar(pome__kernels *table) {
  table->outer_f32 = scalar_outer_f32;
  table->taps_f32 = scalar_taps_f32;
}
