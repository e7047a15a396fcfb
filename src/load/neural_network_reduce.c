/* Layers that bring dimensions together, sort them or draw from them. Indices are floats, as all
 * blobs are.
 */
#include "load/neural_network.h"

/* ---- reductions ---- */

/* axes 1, keepDims 2, reduceAll 3 */
void pome__nn_to_reduce_nd(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t axes[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, p, 1, axes, POME_MAX_RANK);
  if (pome__nn_bool(nn, p, 3)) count = 0;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_out(nn, layer, 0,
               pome__nn_reduce(nn, layer->operation, x, axes, count, pome__nn_bool(nn, p, 2)));
}

static const int64_t last_axes[] = {-3, -2, -1};

static pome__value *arg_of(pome__nn *nn, const char *type, pome__value *x, int64_t axis,
                           bool keep) {
  return pome__nn_at_least_1d(nn, POME__OP(nn, type, POME__ARG("x", x),
                                           POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                                           POME__ARG("keep_dims", pome__nn_lit_bool(nn, keep))));
}

/* mode 1, epsilon 2 (of LOGSUM), axis 3: CHW 0, HW 1, C 2, H 3, W 4. The dimensions stay, as 1. */
void pome__nn_to_reduce(pome__nn *nn, const pome__nn_layer *layer) {
  static const char *const modes[] = {
      "reduce_sum",     "reduce_mean",    "reduce_prod", "reduce_sum", "reduce_sum_square",
      "reduce_l1_norm", "reduce_l2_norm", "reduce_max",  "reduce_min", "reduce_argmax"};
  static const struct { int first, count; } ranges[] = {{0, 3}, {1, 2}, {0, 1}, {1, 1}, {2, 1}};
  enum { LOGSUM = 3, ARGMAX = 9 };
  pome__pb p = layer->params;
  int64_t mode = pome__nn_int(nn, p, 1, 0), axis = pome__nn_int(nn, p, 3, 0);
  if (mode < 0 || mode > ARGMAX || axis < 0 || axis > 4 || (mode == ARGMAX && axis < 2))
    pome__nn_fail(nn, POME_UNSUPPORTED, "mode %lld over the axes of number %lld", (long long)mode,
                  (long long)axis);
  if (nn->status != POME_OK) return;
  const int64_t *axes = last_axes + ranges[axis].first;
  pome__value *x = pome__nn_in(nn, layer, 0);
  if (mode == LOGSUM)
    x = POME__OP(
        nn, "log", POME__ARG("x", x),
        POME__ARG("epsilon", pome__nn_lit_float(nn, pome__nn_float_not_0(nn, p, 2, 1e-6))));
  x = mode == ARGMAX ? arg_of(nn, modes[mode], x, axes[0], true)
                     : pome__nn_reduce(nn, modes[mode], x, axes, (size_t)ranges[axis].count, true);
  pome__nn_out(nn, layer, 0, x);
}

void pome__nn_to_arg_reduce(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(nn, layer, 0,
               arg_of(nn, layer->operation, pome__nn_in(nn, layer, 0), pome__nn_int(nn, p, 1, 0),
                      !pome__nn_bool(nn, p, 2)));
}

/* ---- order ---- */

/* An axis that the program must know: the blob of a constant. */
static int64_t constant_axis(pome__nn *nn, const pome__value *value) {
  const pome__literal *literal = value != NULL ? value->literal : NULL;
  if (literal != NULL && literal->type.dtype == POME_FP32 && literal->bytes == sizeof(float)) {
    float number = *(const float *)literal->data;
    if (number > -POME_MAX_RANK - 1 && number < POME_MAX_RANK) return (int64_t)number;
    pome__nn_fail(nn, POME_INPUT, "axis %g", (double)number);
    return 0;
  }
  pome__nn_fail(nn, POME_UNSUPPORTED, "a parameter that is computed when the network runs");
  return 0;
}

static pome__value *sorted(pome__nn *nn, pome__value *x, int64_t axis, bool ascending) {
  return POME__OP(nn, "argsort", POME__ARG("x", x), POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                  POME__ARG("ascending", pome__nn_lit_bool(nn, ascending)));
}

/* The first k indices along an axis, with k known when the network runs. */
static pome__value *first_of(pome__nn *nn, pome__value *x, int axis, pome__value *k) {
  static const int64_t none[POME_MAX_RANK] = {0};
  int64_t unit[POME_MAX_RANK] = {0};
  bool open[POME_MAX_RANK];
  int rank = pome__nn_rank(nn, x);
  for (int d = 0; d < rank; d++) open[d] = d != axis;
  unit[axis] = 1;
  pome__value *end = pome__nn_binary(nn, "mul", k, pome__nn_lit_ints(nn, unit, (size_t)rank));
  return POME__OP(nn, "slice_by_index", POME__ARG("x", x),
                  POME__ARG("begin", pome__nn_lit_ints(nn, none, (size_t)rank)),
                  POME__ARG("end", end),
                  POME__ARG("end_mask", pome__nn_lit_bools(nn, open, (size_t)rank)));
}

static void top_of_input(pome__nn *nn, const pome__nn_layer *layer, int64_t axis, bool ascending) {
  pome__value *x = pome__nn_in(nn, layer, 0);
  int at = pome__nn_axis(nn, axis, pome__nn_rank(nn, x));
  pome__value *indices = first_of(nn, sorted(nn, x, axis, ascending), at,
                                  pome__nn_whole(nn, pome__nn_in(nn, layer, 1)));
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "gather_along_axis", POME__ARG("x", x), POME__ARG("indices", indices),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis))));
  pome__nn_out(nn, layer, 1, indices);
}

/* axis 1, K 2, useBottomK 3; k may be an input. */
void pome__nn_to_top_k(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__value *outputs[2];
  int64_t axis = pome__nn_int(nn, p, 1, 0);
  bool ascending = pome__nn_bool(nn, p, 3);
  if (layer->in_count > 1) {
    top_of_input(nn, layer, axis, ascending);
    return;
  }
  const pome__nn_arg args[] = {POME__ARG("x", pome__nn_in(nn, layer, 0)),
                               POME__ARG("k", pome__nn_lit_int(nn, pome__nn_int(nn, p, 2, 0))),
                               POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                               POME__ARG("ascending", pome__nn_lit_bool(nn, ascending)),
                               {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "topk", args, outputs, 2);
  pome__nn_out(nn, layer, 0, outputs[0]);
  pome__nn_out(nn, layer, 1, outputs[1]);
}

void pome__nn_to_arg_sort(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(
      nn, layer, 0,
      sorted(nn, pome__nn_in(nn, layer, 0), pome__nn_int(nn, p, 1, 0), !pome__nn_bool(nn, p, 2)));
}

/* axis 1, excludeFinalSum 2, reverse 3; the axis may be an input. */
void pome__nn_to_cum_sum(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t axis = layer->in_count > 1 ? constant_axis(nn, pome__nn_in(nn, layer, 1))
                                     : pome__nn_int(nn, p, 1, 0);
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "cumsum", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                        POME__ARG("exclusive", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 2))),
                        POME__ARG("reverse", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 3)))));
}

/* Inputs: boxes [B, N, 4] and scores [B, N, C]. iouThreshold 1, scoreThreshold 2, maxBoxes 3,
 * perClassSuppression 4. */
void pome__nn_to_nms(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__value *outputs[4];
  if (layer->in_count > 2)
    pome__nn_fail(nn, POME_UNSUPPORTED, "thresholds that are computed when the network runs");
  const pome__nn_arg args[] = {
      POME__ARG("boxes", pome__nn_in(nn, layer, 0)),
      POME__ARG("scores", pome__nn_in(nn, layer, 1)),
      POME__ARG("iou_threshold", pome__nn_lit_float(nn, pome__nn_float(nn, p, 1, 0))),
      POME__ARG("score_threshold", pome__nn_lit_float(nn, pome__nn_float(nn, p, 2, 0))),
      POME__ARG("max_boxes", pome__nn_lit_int(nn, pome__nn_int(nn, p, 3, 0))),
      POME__ARG("per_class_suppression", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 4))),
      {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "non_maximum_suppression", args, outputs, 4);
  for (size_t i = 0; i < 4; i++) pome__nn_out(nn, layer, i, outputs[i]);
}

/* ---- random numbers ---- */

/* The two parameters of each distribution, in fields 2 and 3. */
static pome__value *random_of(pome__nn *nn, const pome__nn_layer *layer, pome__value *shape) {
  pome__pb p = layer->params;
  char kind = layer->operation[sizeof "random_" - 1];
  bool bernoulli = kind == 'b', normal = kind == 'n';
  pome__value *first = pome__nn_lit_float(nn, pome__nn_float(nn, p, 2, 0));
  pome__value *second = bernoulli ? NULL : pome__nn_lit_float(nn, pome__nn_float(nn, p, 3, 0));
  int64_t seed = pome__nn_int(nn, p, 1, 0);
  return POME__OP(nn, layer->operation, POME__ARG("shape", shape),
                  POME__ARG(bernoulli ? "prob"
                            : normal  ? "mean"
                                      : "low",
                            first),
                  POME__ARG(normal ? "stddev" : "high", second),
                  POME__ARG("seed", pome__nn_lit_int(nn, (int32_t)seed)));
}

void pome__nn_to_random_like(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *shape = pome__nn_shape(nn, pome__nn_in(nn, layer, 0));
  pome__nn_out(nn, layer, 0, random_of(nn, layer, shape));
}

void pome__nn_to_random_static(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t dims[POME_MAX_RANK];
  bool bernoulli = layer->operation[sizeof "random_" - 1] == 'b';
  size_t rank = pome__nn_ints(nn, layer->params, bernoulli ? 3 : 4, dims, POME_MAX_RANK);
  pome__nn_out(nn, layer, 0, random_of(nn, layer, pome__nn_lit_ints(nn, dims, rank)));
}

void pome__nn_to_random_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *shape = pome__nn_whole(nn, pome__nn_in(nn, layer, 0));
  pome__nn_out(nn, layer, 0, random_of(nn, layer, shape));
}

/* seed 1, numSamples 2, isLogits 3, eps 4, temperature 5 */
void pome__nn_to_categorical(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  bool logits = pome__nn_bool(nn, p, 3);
  double temperature = pome__nn_float_not_0(nn, p, 5, 1);
  pome__value *x = pome__nn_in(nn, layer, 0);
  if (temperature != 1 && !logits)
    pome__nn_fail(nn, POME_UNSUPPORTED, "a temperature of probabilities");
  if (temperature != 1) x = pome__nn_scaled(nn, x, 1 / temperature, 0);
  pome__nn_out(
      nn, layer, 0,
      POME__OP(nn, "random_categorical", POME__ARG("x", x),
               POME__ARG("mode", pome__nn_lit_text(nn, logits ? "logits" : "probs")),
               POME__ARG("size", pome__nn_lit_int(nn, pome__nn_int(nn, p, 2, 0))),
               POME__ARG("seed", pome__nn_lit_int(nn, (int32_t)pome__nn_int(nn, p, 1, 0)))));
}
