/* Layers that work on elements: functions of one blob, of two that broadcast, of many.
 *
 * Conditions are floats here: what is not 0 holds, and what is found out is 1 or 0.
 */
#include "load/neural_network.h"

/* ---- one blob ---- */

void pome__nn_to_unary(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, pome__nn_unary(nn, layer->operation, pome__nn_in(nn, layer, 0)));
}

static pome__value *with(pome__nn *nn, const char *type, pome__value *x, const char *name,
                         double value) {
  return POME__OP(nn, type, POME__ARG("x", x), POME__ARG(name, pome__nn_lit_float(nn, value)));
}

/* type 1: SQRT 0, RSQRT 1, INVERSE 2, POWER 3, EXP 4, LOG 5, ABS 6, THRESHOLD 7; alpha 2, epsilon
 * 3, shift 4, scale 5. The logarithm adds epsilon too, as coremltools' tests of it have it. */
void pome__nn_to_unary_function(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  double alpha = pome__nn_float(nn, p, 2, 0), epsilon = pome__nn_float_not_0(nn, p, 3, 1e-6);
  pome__value *x = pome__nn_scaled(nn, pome__nn_in(nn, layer, 0), pome__nn_float_not_0(nn, p, 5, 1),
                                   pome__nn_float(nn, p, 4, 0));
  int64_t type = pome__nn_int(nn, p, 1, 0);
  switch (type) {
  case 0: x = pome__nn_unary(nn, "sqrt", x); break;
  case 1: x = with(nn, "rsqrt", x, "epsilon", epsilon); break;
  case 2: x = with(nn, "inverse", x, "epsilon", epsilon); break;
  case 3: x = with(nn, "pow", x, "y", alpha); break;
  case 4: x = pome__nn_unary(nn, "exp", x); break;
  case 5: x = with(nn, "log", x, "epsilon", epsilon); break;
  case 6: x = pome__nn_unary(nn, "abs", x); break;
  case 7: x = with(nn, "threshold", x, "alpha", alpha); break;
  default:
    pome__nn_fail(nn, POME_UNSUPPORTED, "the function has number %lld; 0 to 7 are known",
                  (long long)type);
  }
  pome__nn_out(nn, layer, 0, x);
}

void pome__nn_to_clip(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "clip", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("alpha", pome__nn_lit_float(nn, pome__nn_float(nn, p, 1, 0))),
                        POME__ARG("beta", pome__nn_lit_float(nn, pome__nn_float(nn, p, 2, 0)))));
}

/* ---- area functions, which the program form lacks ---- */

static pome__value *plus(pome__nn *nn, pome__value *x, double value) {
  return with(nn, "add", x, "y", value);
}

static pome__value *times(pome__nn *nn, pome__value *x, double value) {
  return with(nn, "mul", x, "y", value);
}

/* log(x) without the shift that the operation has. */
static pome__value *logarithm(pome__nn *nn, pome__value *x) {
  return with(nn, "log", x, "epsilon", 0);
}

static pome__value *squared(pome__nn *nn, pome__value *x) {
  return pome__nn_unary(nn, "square", x);
}

/* asinh x = atanh(x / sqrt(1 + x^2)) up to 1, and beyond log |x| + log(1 + sqrt(1 + 1 / x^2)) with
 * x's sign: the one keeps small numbers exact, the other large ones finite. */
static pome__value *area_sine(pome__nn *nn, pome__value *x) {
  pome__value *size = pome__nn_unary(nn, "abs", x);
  pome__value *root = pome__nn_unary(nn, "sqrt", plus(nn, squared(nn, x), 1));
  pome__value *near = pome__nn_unary(nn, "atanh", pome__nn_binary(nn, "real_div", x, root));
  pome__value *inverse = with(nn, "inverse", with(nn, "maximum", size, "y", 1), "epsilon", 0);
  root = pome__nn_unary(nn, "sqrt", plus(nn, squared(nn, inverse), 1));
  pome__value *far =
      pome__nn_binary(nn, "add", logarithm(nn, size), logarithm(nn, plus(nn, root, 1)));
  far = pome__nn_binary(nn, "mul", far, pome__nn_unary(nn, "sign", x));
  return POME__OP(nn, "select", POME__ARG("cond", with(nn, "less", size, "y", 1)),
                  POME__ARG("a", near), POME__ARG("b", far));
}

void pome__nn_to_asinh(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, area_sine(nn, pome__nn_in(nn, layer, 0)));
}

/* acosh x = 2 asinh sqrt((x - 1) / 2) */
void pome__nn_to_acosh(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = times(nn, plus(nn, pome__nn_in(nn, layer, 0), -1), 0.5);
  pome__nn_out(nn, layer, 0, times(nn, area_sine(nn, pome__nn_unary(nn, "sqrt", x)), 2));
}

/* ---- two blobs ---- */

void pome__nn_to_binary(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(
      nn, layer, 0,
      pome__nn_binary(nn, layer->operation, pome__nn_in(nn, layer, 0), pome__nn_in(nn, layer, 1)));
}

/* With one input the other side is the number alpha: in field 1 of (not) equal, else in 2. */
void pome__nn_to_compare(pome__nn *nn, const pome__nn_layer *layer) {
  bool alike = layer->operation[0] == 'e' || layer->operation[0] == 'n';
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__value *y =
      layer->in_count > 1
          ? pome__nn_in(nn, layer, 1)
          : pome__nn_lit_float(nn, pome__nn_float(nn, layer->params, alike ? 1 : 2, 0));
  pome__nn_out(nn, layer, 0, pome__nn_binary(nn, layer->operation, x, y));
}

void pome__nn_to_logical(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_truth(nn, pome__nn_in(nn, layer, 0));
  bool alone = layer->operation[sizeof "logical_" - 1] == 'n';
  if (!alone)
    x = pome__nn_binary(nn, layer->operation, x, pome__nn_truth(nn, pome__nn_in(nn, layer, 1)));
  else x = pome__nn_unary(nn, layer->operation, x);
  pome__nn_out(nn, layer, 0, x);
}

void pome__nn_to_where(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "select",
                        POME__ARG("cond", pome__nn_truth(nn, pome__nn_in(nn, layer, 0))),
                        POME__ARG("a", pome__nn_in(nn, layer, 1)),
                        POME__ARG("b", pome__nn_in(nn, layer, 2))));
}

/* ---- many blobs ---- */

static pome__value *folded(pome__nn *nn, const pome__nn_layer *layer, const char *type) {
  pome__value *sum = pome__nn_in(nn, layer, 0);
  for (size_t i = 1; i < layer->in_count; i++)
    sum = pome__nn_binary(nn, type, sum, pome__nn_in(nn, layer, i));
  return sum;
}

void pome__nn_to_fold(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, folded(nn, layer, layer->operation));
}

/* One alone goes with the number alpha 1. */
void pome__nn_to_fold_or_number(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = folded(nn, layer, layer->operation);
  if (layer->in_count == 1)
    x = with(nn, layer->operation, x, "y", pome__nn_float(nn, layer->params, 1, 0));
  pome__nn_out(nn, layer, 0, x);
}

void pome__nn_to_average(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *sum = folded(nn, layer, "add");
  double count = layer->in_count > 0 ? (double)layer->in_count : 1;
  pome__nn_out(nn, layer, 0, with(nn, "real_div", sum, "y", count));
}

/* ---- constants on the channel ---- */

/* Of a shape [1], [C], [1, H, W] or [C, H, W], which broadcasts over [.., C, H, W]. */
static pome__value *channel_constant(pome__nn *nn, pome__pb p, uint32_t shape, uint32_t data,
                                     const char *stem) {
  int64_t dims[3];
  size_t rank = pome__nn_ints(nn, p, shape, dims, 3);
  if (rank != 1 && rank != 3)
    pome__nn_fail(nn, POME_INPUT, "its %s has %zu dimensions; it must have 1 or 3", stem, rank);
  if (rank == 1) dims[1] = dims[2] = 1;
  return nn->status == POME_OK ? pome__nn_weights(nn, p, data, stem, 3, dims, 0) : NULL;
}

void pome__nn_to_bias(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 3);
  pome__nn_out(nn, layer, 0,
               pome__nn_binary(nn, "add", x, channel_constant(nn, layer->params, 1, 2, "bias")));
}

void pome__nn_to_scale(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 3);
  x = pome__nn_binary(nn, "mul", x, channel_constant(nn, layer->params, 1, 2, "scale"));
  if (pome__nn_bool(nn, layer->params, 3))
    x = pome__nn_binary(nn, "add", x, channel_constant(nn, layer->params, 4, 5, "bias"));
  pome__nn_out(nn, layer, 0, x);
}

/* ---- dot product, along the channel ---- */

static pome__value *dot(pome__nn *nn, pome__value *x, pome__value *y) {
  static const int64_t channel = -3;
  return pome__nn_reduce(nn, "reduce_sum", pome__nn_binary(nn, "mul", x, y), &channel, 1, true);
}

void pome__nn_to_dot(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_in(nn, layer, 0), *y = pome__nn_in(nn, layer, 1);
  pome__nn_need_rank(nn, x, 3);
  pome__value *product = dot(nn, x, y);
  if (pome__nn_bool(nn, layer->params, 1)) {
    pome__value *lengths = pome__nn_binary(nn, "mul", pome__nn_unary(nn, "sqrt", dot(nn, x, x)),
                                           pome__nn_unary(nn, "sqrt", dot(nn, y, y)));
    product = pome__nn_binary(nn, "real_div", product, lengths);
  }
  pome__nn_out(nn, layer, 0, product);
}
