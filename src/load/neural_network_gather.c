/* Layers that pick elements by index, or put them there. Indices are floats and become whole
 * numbers.
 */
#include "load/neural_network.h"

void pome__nn_to_gather(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axis = pome__nn_int(nn, layer->params, 1, 0);
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, layer->operation, POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("indices", pome__nn_whole(nn, pome__nn_in(nn, layer, 1))),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis))));
}

void pome__nn_to_gather_nd(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "gather_nd", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("indices", pome__nn_whole(nn, pome__nn_in(nn, layer, 1)))));
}

static const char *mode_of(pome__nn *nn, pome__pb p, uint32_t number) {
  static const char *const modes[] = {"update", "add", "sub", "mul", "div", "max", "min"};
  int64_t mode = pome__nn_int(nn, p, number, 0);
  if (mode >= 0 && mode < 7) return modes[mode];
  pome__nn_fail(nn, POME_UNSUPPORTED, "mode %lld", (long long)mode);
  return modes[0];
}

void pome__nn_to_scatter(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axis = pome__nn_int(nn, layer->params, 1, 0);
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, layer->operation, POME__ARG("data", pome__nn_in(nn, layer, 0)),
                        POME__ARG("indices", pome__nn_whole(nn, pome__nn_in(nn, layer, 1))),
                        POME__ARG("updates", pome__nn_in(nn, layer, 2)),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                        POME__ARG("mode", pome__nn_lit_text(nn, mode_of(nn, layer->params, 2)))));
}

void pome__nn_to_scatter_nd(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "scatter_nd", POME__ARG("data", pome__nn_in(nn, layer, 0)),
                        POME__ARG("indices", pome__nn_whole(nn, pome__nn_in(nn, layer, 1))),
                        POME__ARG("updates", pome__nn_in(nn, layer, 2)),
                        POME__ARG("mode", pome__nn_lit_text(nn, mode_of(nn, layer->params, 1)))));
}

void pome__nn_to_where_non_zero(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, pome__nn_unary(nn, "non_zero", pome__nn_in(nn, layer, 0)));
}

/* oneHotVectorSize 1, axis 2, onValue 3, offValue 4; the size may be an input. */
void pome__nn_to_one_hot(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t none = 0;
  pome__pb p = layer->params;
  pome__value *size = pome__nn_lit_int(nn, pome__nn_int(nn, p, 1, 0));
  if (layer->in_count > 1) {
    size = pome__nn_whole(nn, pome__nn_in(nn, layer, 1));
    if (pome__nn_rank(nn, size) != 0) size = pome__nn_reshape(nn, size, 0, &none);
  }
  pome__nn_out(
      nn, layer, 0,
      POME__OP(nn, "one_hot", POME__ARG("indices", pome__nn_whole(nn, pome__nn_in(nn, layer, 0))),
               POME__ARG("one_hot_vector_size", size),
               POME__ARG("axis", pome__nn_lit_int(nn, pome__nn_int(nn, p, 2, 0))),
               POME__ARG("on_value", pome__nn_lit_float(nn, pome__nn_float(nn, p, 3, 0))),
               POME__ARG("off_value", pome__nn_lit_float(nn, pome__nn_float(nn, p, 4, 0)))));
}

/* ---- bands of matrices ---- */

static pome__value *band(pome__nn *nn, pome__value *x, int64_t lower, int64_t upper) {
  return POME__OP(nn, "band_part", POME__ARG("x", x),
                  POME__ARG("lower", pome__nn_lit_int(nn, lower)),
                  POME__ARG("upper", pome__nn_lit_int(nn, upper)));
}

/* x where the band is not. */
static pome__value *outside(pome__nn *nn, pome__value *x, int64_t lower, int64_t upper) {
  pome__value *ones = POME__OP(nn, "fill_like", POME__ARG("ref_tensor", x),
                               POME__ARG("value", pome__nn_lit_float(nn, 1)));
  pome__value *within = pome__nn_truth(nn, band(nn, ones, lower, upper));
  return POME__OP(nn, "select", POME__ARG("cond", within),
                  POME__ARG("a", pome__nn_lit_float(nn, 0)), POME__ARG("b", x));
}

void pome__nn_to_band_part(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(
      nn, layer, 0,
      band(nn, pome__nn_in(nn, layer, 0), pome__nn_int(nn, p, 1, 0), pome__nn_int(nn, p, 2, 0)));
}

static int64_t diagonal_of(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t k = pome__nn_int(nn, layer->params, 1, 0);
  if (k > -INT32_MAX && k < INT32_MAX) return k;
  pome__nn_fail(nn, POME_INPUT, "diagonal %lld; 32 bits are allowed", (long long)k);
  return 0;
}

/* Keeps column - row <= k. */
void pome__nn_to_lower_triangular(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t k = diagonal_of(nn, layer);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_out(nn, layer, 0, k >= 0 ? band(nn, x, -1, k) : outside(nn, x, -k - 1, -1));
}

/* Keeps column - row >= k. */
void pome__nn_to_upper_triangular(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t k = diagonal_of(nn, layer);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_out(nn, layer, 0, k <= 0 ? band(nn, x, -k, -1) : outside(nn, x, -1, k - 1));
}
