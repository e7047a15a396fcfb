/* Normalizations and activations. The channel is the third dimension from the end; what stands
 * before it is the batch.
 */
#include <string.h>

#include "load/neural_network.h"

static const int64_t spatial[] = {-2, -1}, channel_and_spatial[] = {-3, -2, -1};

/* ---- normalization ---- */

/* (x - mean) / sqrt(variance + epsilon) over those axes; without the division when not `scaled`. */
static pome__value *centred(pome__nn *nn, pome__value *x, const int64_t *axes, size_t count,
                            bool scaled, double epsilon) {
  pome__value *mean = pome__nn_reduce(nn, "reduce_mean", x, axes, count, true);
  pome__value *rest = pome__nn_binary(nn, "sub", x, mean);
  if (!scaled) return rest;
  pome__value *square = pome__nn_unary(nn, "square", rest);
  pome__value *variance = pome__nn_reduce(nn, "reduce_mean", square, axes, count, true);
  variance = pome__nn_binary(nn, "add", variance, pome__nn_lit_float(nn, epsilon));
  return pome__nn_binary(nn, "real_div", rest, pome__nn_unary(nn, "sqrt", variance));
}

void pome__nn_to_batchnorm(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t batch[] = {0, 2, 3};
  pome__pb p = layer->params;
  const int64_t channels = pome__nn_int(nn, p, 1, 0);
  const int64_t broad[] = {channels, 1, 1};
  double epsilon = pome__nn_float_not_0(nn, p, 10, 1e-5);
  bool computed = pome__nn_bool(nn, p, 5), instance = pome__nn_bool(nn, p, 6);
  pome__value *x = pome__nn_in(nn, layer, 0), *y = pome__nn_fold(nn, x, 3);
  if (computed) {
    y = centred(nn, y, instance ? spatial : batch, instance ? 2 : 3, true, epsilon);
    pome__value *gamma = pome__nn_weights_or_none(nn, p, 15, "gamma", 3, broad);
    pome__value *beta = pome__nn_weights_or_none(nn, p, 16, "beta", 3, broad);
    if (gamma != NULL) y = pome__nn_binary(nn, "mul", y, gamma);
    if (beta != NULL) y = pome__nn_binary(nn, "add", y, beta);
  } else {
    y = POME__OP(nn, "batch_norm", POME__ARG("x", y),
                 POME__ARG("mean", pome__nn_weights(nn, p, 17, "mean", 1, &channels, 0)),
                 POME__ARG("variance", pome__nn_weights(nn, p, 18, "variance", 1, &channels, 0)),
                 POME__ARG("gamma", pome__nn_weights_or_none(nn, p, 15, "gamma", 1, &channels)),
                 POME__ARG("beta", pome__nn_weights_or_none(nn, p, 16, "beta", 1, &channels)),
                 POME__ARG("epsilon", pome__nn_lit_float(nn, epsilon)));
  }
  pome__nn_out(nn, layer, 0, pome__nn_unfold(nn, y, x, 3));
}

void pome__nn_to_mvn(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  bool across = pome__nn_bool(nn, p, 1);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 3);
  pome__nn_out(nn, layer, 0,
               centred(nn, x, across ? channel_and_spatial : spatial, across ? 3 : 2,
                       pome__nn_bool(nn, p, 2), pome__nn_float_not_0(nn, p, 3, 1e-6)));
}

void pome__nn_to_l2_normalize(pome__nn *nn, const pome__nn_layer *layer) {
  double epsilon = pome__nn_float_not_0(nn, layer->params, 1, 1e-6);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 3);
  pome__value *sum = pome__nn_reduce(nn, "reduce_sum_square", x, channel_and_spatial, 3, true);
  sum = pome__nn_binary(nn, "add", sum, pome__nn_lit_float(nn, epsilon));
  pome__nn_out(nn, layer, 0, pome__nn_binary(nn, "real_div", x, pome__nn_unary(nn, "sqrt", sum)));
}

static pome__value *softmax(pome__nn *nn, pome__value *x, int64_t axis) {
  return POME__OP(nn, "softmax", POME__ARG("x", x), POME__ARG("axis", pome__nn_lit_int(nn, axis)));
}

void pome__nn_to_softmax(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, softmax(nn, pome__nn_in(nn, layer, 0), -3));
}

void pome__nn_to_softmax_nd(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axis = pome__nn_int(nn, layer->params, 1, 0);
  pome__nn_out(nn, layer, 0, softmax(nn, pome__nn_in(nn, layer, 0), axis));
}

void pome__nn_to_lrn(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__value *x = pome__nn_in(nn, layer, 0), *folded = pome__nn_fold(nn, x, 3);
  pome__value *y =
      POME__OP(nn, "local_response_norm", POME__ARG("x", folded),
               POME__ARG("size", pome__nn_lit_int(nn, pome__nn_int(nn, p, 3, 0))),
               POME__ARG("alpha", pome__nn_lit_float(nn, pome__nn_float(nn, p, 1, 0))),
               POME__ARG("beta", pome__nn_lit_float(nn, pome__nn_float(nn, p, 2, 0))),
               POME__ARG("k", pome__nn_lit_float(nn, pome__nn_float_not_0(nn, p, 4, 1))));
  pome__nn_out(nn, layer, 0, pome__nn_unfold(nn, y, x, 3));
}

void pome__nn_to_layer_norm(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t shape[POME_MAX_RANK], axes[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, p, 1, shape, POME_MAX_RANK);
  for (size_t i = 0; i < count; i++) axes[i] = (int64_t)i - (int64_t)count;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, (int)count);
  if (count == 0) pome__nn_fail(nn, POME_INPUT, "it normalises over no dimension");
  pome__value *gamma = pome__nn_weights_or_none(nn, p, 3, "gamma", (int)count, shape);
  pome__value *beta = pome__nn_weights_or_none(nn, p, 4, "beta", (int)count, shape);
  pome__value *y = centred(nn, x, axes, count, true, pome__nn_float(nn, p, 2, 0));
  if (gamma != NULL) y = pome__nn_binary(nn, "mul", y, gamma);
  if (beta != NULL) y = pome__nn_binary(nn, "add", y, beta);
  pome__nn_out(nn, layer, 0, y);
}

/* ---- activations ---- */

static pome__value *with_alpha(pome__nn *nn, const char *type, pome__value *x, double alpha) {
  return POME__OP(nn, type, POME__ARG("x", x), POME__ARG("alpha", pome__nn_lit_float(nn, alpha)));
}

static pome__value *with_both(pome__nn *nn, const char *type, pome__value *x, double alpha,
                              double beta) {
  return POME__OP(nn, type, POME__ARG("x", x), POME__ARG("alpha", pome__nn_lit_float(nn, alpha)),
                  POME__ARG("beta", pome__nn_lit_float(nn, beta)));
}

/* A parameter with one number, or one for each channel: [C, 1, 1] or [1, 1, 1]. */
static pome__value *per_channel(pome__nn *nn, pome__pb p, uint32_t number, const char *stem) {
  const int64_t dims[] = {(int64_t)pome__nn_weight_count(nn, p, number), 1, 1};
  return pome__nn_weights(nn, p, number, stem, 3, dims, 0);
}

static pome__value *prelu(pome__nn *nn, pome__pb p, pome__value *x) {
  const int64_t count = (int64_t)pome__nn_weight_count(nn, p, 1);
  pome__nn_need_rank(nn, x, 3);
  if (count > 1) {
    pome__value *y =
        POME__OP(nn, "prelu", POME__ARG("x", pome__nn_fold(nn, x, 3)),
                 POME__ARG("alpha", pome__nn_weights(nn, p, 1, "alpha", 1, &count, 0)));
    return pome__nn_unfold(nn, y, x, 3);
  }
  pome__value *zero = pome__nn_lit_float(nn, 0);
  pome__value *above = pome__nn_binary(nn, "maximum", x, zero);
  pome__value *below = pome__nn_binary(nn, "minimum", x, zero);
  below = pome__nn_binary(nn, "mul", below, per_channel(nn, p, 1, "alpha"));
  return pome__nn_binary(nn, "add", above, below);
}

static pome__value *parametric_softplus(pome__nn *nn, pome__pb p, pome__value *x) {
  pome__nn_need_rank(nn, x, 3);
  x = pome__nn_binary(nn, "mul", x, per_channel(nn, p, 2, "beta"));
  x = pome__nn_unary(nn, "softplus", x);
  return pome__nn_binary(nn, "mul", x, per_channel(nn, p, 1, "alpha"));
}

/* An activation with a plain operation; parameters alpha 1 and beta 2 where it has them. */
static const struct {
  uint32_t number;
  const char *operation;
  int parameters;
} activations[] = {
    {5, "linear_activation", 2}, {10, "relu", 0},         {15, "leaky_relu", 1},
    {20, "thresholded_relu", 1}, {30, "tanh", 0},         {31, "scaled_tanh", 2},
    {40, "sigmoid", 0},          {41, "sigmoid_hard", 2}, {50, "elu", 1},
    {60, "softsign", 0},         {70, "softplus", 0},
};

pome__value *pome__nn_activate(pome__nn *nn, pome__pb message, pome__value *x) {
  pome__pb p;
  for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
    if (!pome__nn_message(nn, message, activations[i].number, &p)) continue;
    const char *operation = activations[i].operation;
    if (activations[i].parameters == 0) return pome__nn_unary(nn, operation, x);
    double alpha = pome__nn_float(nn, p, 1, 0);
    if (activations[i].parameters == 1) return with_alpha(nn, operation, x, alpha);
    return with_both(nn, operation, x, alpha, pome__nn_float(nn, p, 2, 0));
  }
  if (pome__nn_message(nn, message, 25, &p)) return prelu(nn, p, x);
  if (pome__nn_message(nn, message, 71, &p)) return parametric_softplus(nn, p, x);
  pome__nn_fail(nn, POME_UNSUPPORTED, "an activation of a kind that is not known");
  return NULL;
}

void pome__nn_to_activation(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, pome__nn_activate(nn, layer->params, pome__nn_in(nn, layer, 0)));
}

void pome__nn_to_clamped_relu(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(nn, layer, 0,
               with_both(nn, "clamped_relu", pome__nn_in(nn, layer, 0), pome__nn_float(nn, p, 1, 0),
                         pome__nn_float(nn, p, 2, 0)));
}

void pome__nn_to_gelu(pome__nn *nn, const pome__nn_layer *layer) {
  static const char *const modes[] = {"EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"};
  int64_t mode = pome__nn_int(nn, layer->params, 1, 0);
  if (mode < 0 || mode > 2) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "mode %lld", (long long)mode);
    return;
  }
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "gelu", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("mode", pome__nn_lit_text(nn, modes[mode]))));
}
