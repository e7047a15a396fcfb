/* Layers that make blobs of constants and numbers, join blobs, and cut pieces out of them. */
#include <string.h>

#include "load/neural_network.h"

/* ---- constants ---- */

static void load_constant(pome__nn *nn, const pome__nn_layer *layer, int rank,
                          const int64_t *shape) {
  pome__nn_out(nn, layer, 0, pome__nn_weights(nn, layer->params, 2, "data", rank, shape, 0));
}

/* [C, H, W], as [1, 1, C, H, W] */
void pome__nn_to_load_constant(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[5] = {1, 1, 1, 1, 1};
  if (pome__nn_ints(nn, layer->params, 1, shape + 2, 3) != 3)
    pome__nn_fail(nn, POME_INPUT, "its shape has not 3 dimensions");
  if (nn->status == POME_OK) {
    pome__value *data = pome__nn_weights(nn, layer->params, 2, "data", 5, shape, 2);
    pome__nn_out(nn, layer, 0, data);
  }
}

void pome__nn_to_load_constant_nd(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[POME_MAX_RANK] = {1};
  size_t rank = pome__nn_ints(nn, layer->params, 1, shape, POME_MAX_RANK);
  load_constant(nn, layer, rank > 0 ? (int)rank : 1, shape);
}

static pome__value *filled(pome__nn *nn, pome__pb p, pome__value *shape) {
  return POME__OP(nn, "fill", POME__ARG("shape", shape),
                  POME__ARG("value", pome__nn_lit_float(nn, pome__nn_float(nn, p, 1, 0))));
}

void pome__nn_to_fill_like(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *shape = pome__nn_shape(nn, pome__nn_in(nn, layer, 0));
  pome__nn_out(nn, layer, 0, filled(nn, layer->params, shape));
}

void pome__nn_to_fill_static(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[POME_MAX_RANK];
  size_t rank = pome__nn_ints(nn, layer->params, 2, shape, POME_MAX_RANK);
  pome__nn_out(nn, layer, 0, filled(nn, layer->params, pome__nn_lit_ints(nn, shape, rank)));
}

void pome__nn_to_fill_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *shape = pome__nn_whole(nn, pome__nn_in(nn, layer, 0));
  pome__nn_out(nn, layer, 0, filled(nn, layer->params, shape));
}

/* ---- ranges ---- */

static pome__value *range(pome__nn *nn, pome__value *end, pome__value *start, pome__value *step) {
  return POME__OP(nn, "range_1d", POME__ARG("end", end), POME__ARG("start", start),
                  POME__ARG("step", step));
}

static pome__value *number_of(pome__nn *nn, const pome__nn_layer *layer, uint32_t field) {
  return pome__nn_lit_float(nn, pome__nn_float(nn, layer->params, field, 0));
}

void pome__nn_to_range_static(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(
      nn, layer, 0,
      range(nn, number_of(nn, layer, 1), number_of(nn, layer, 2), number_of(nn, layer, 3)));
}

static pome__value *scalar(pome__nn *nn, pome__value *x) {
  static const int64_t none = 0;
  return pome__nn_rank(nn, x) == 0 ? x : pome__nn_reshape(nn, x, 0, &none);
}

/* Inputs: end, start, step; those that are missing are parameters. */
void pome__nn_to_range_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *end = scalar(nn, pome__nn_in(nn, layer, 0));
  pome__value *start =
      layer->in_count > 1 ? scalar(nn, pome__nn_in(nn, layer, 1)) : number_of(nn, layer, 2);
  pome__value *step =
      layer->in_count > 2 ? scalar(nn, pome__nn_in(nn, layer, 2)) : number_of(nn, layer, 3);
  pome__nn_out(nn, layer, 0, range(nn, end, start, step));
}

/* ---- joining ---- */

/* With `vectors`, a number counts as a vector of one. */
static pome__value **all_inputs(pome__nn *nn, const pome__nn_layer *layer, bool vectors) {
  pome__value **values = POME__NEW_ARRAY(&nn->scratch, pome__value *, layer->in_count + 1);
  if (values == NULL) pome__nn_no_memory(nn);
  for (size_t i = 0; values != NULL && i < layer->in_count; i++) {
    pome__value *value = layer->in[i]->value;
    values[i] = vectors ? pome__nn_at_least_1d(nn, value) : value;
  }
  if (layer->in_count == 0) pome__nn_fail(nn, POME_INPUT, "it has no inputs");
  return values;
}

static void join(pome__nn *nn, const pome__nn_layer *layer, const char *type, int64_t axis,
                 bool interleave) {
  pome__value **values = all_inputs(nn, layer, strcmp(type, "concat") == 0);
  if (nn->status != POME_OK) return;
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, type, POME__LIST("values", values, layer->in_count),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis)),
                        POME__ARG("interleave", interleave ? pome__nn_lit_bool(nn, true) : NULL)));
}

/* sequenceConcat 100: along the sequence, else along the channel. */
void pome__nn_to_concat(pome__nn *nn, const pome__nn_layer *layer) {
  join(nn, layer, "concat", pome__nn_bool(nn, layer->params, 100) ? -5 : -3, false);
}

void pome__nn_to_concat_nd(pome__nn *nn, const pome__nn_layer *layer) {
  join(nn, layer, "concat", pome__nn_int(nn, layer->params, 1, 0),
       pome__nn_bool(nn, layer->params, 2));
}

void pome__nn_to_stack(pome__nn *nn, const pome__nn_layer *layer) {
  join(nn, layer, "stack", pome__nn_int(nn, layer->params, 1, 0), false);
}

/* reps 1, or an input. Where they are fewer than the dimensions they are for the last ones; where
 * they are more, the input gets dimensions in front. */
void pome__nn_to_tile(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1}, front[] = {0, 1, 2, 3, 4, 5, 6, 7};
  int64_t reps[POME_MAX_RANK], count = (int64_t)pome__nn_ints(nn, layer->params, 1, reps, 8);
  pome__value *x = pome__nn_in(nn, layer, 0), *list = NULL;
  if (layer->in_count > 1) {
    list = pome__nn_whole(nn, pome__nn_in(nn, layer, 1));
    count = pome__nn_dim(nn, list, 0);
  } else {
    list = pome__nn_lit_ints(nn, reps, (size_t)count);
  }
  int rank = pome__nn_rank(nn, x);
  if (nn->status == POME_OK && (count < 1 || count > POME_MAX_RANK))
    pome__nn_fail(nn, POME_UNSUPPORTED, "how many repetitions there are is not known");
  if (nn->status != POME_OK) return;
  if (count < rank)
    list = pome__nn_joined(nn, pome__nn_lit_ints(nn, ones, (size_t)(rank - count)), list);
  if (count > rank) x = pome__nn_expand(nn, x, front, (size_t)(count - rank));
  pome__nn_out(nn, layer, 0, POME__OP(nn, "tile", POME__ARG("x", x), POME__ARG("reps", list)));
}

/* ---- splitting ---- */

static void split(pome__nn *nn, const pome__nn_layer *layer, int64_t axis, const int64_t *sizes,
                  size_t size_count) {
  pome__value *outputs[POME__NN_MAX_BLOBS];
  size_t count = layer->out_count;
  if (count == 0) pome__nn_fail(nn, POME_INPUT, "it has no outputs");
  if (nn->status != POME_OK) return;
  const pome__nn_arg args[] = {
      POME__ARG("x", pome__nn_in(nn, layer, 0)),
      POME__ARG("num_splits", size_count == 0 ? pome__nn_lit_int(nn, (int64_t)count) : NULL),
      POME__ARG("split_sizes", size_count > 0 ? pome__nn_lit_ints(nn, sizes, size_count) : NULL),
      POME__ARG("axis", pome__nn_lit_int(nn, axis)),
      {NULL, NULL, NULL, 0}};
  pome__nn_op_many(nn, "split", args, outputs, count);
  for (size_t i = 0; i < count; i++) pome__nn_out(nn, layer, i, outputs[i]);
}

void pome__nn_to_split(pome__nn *nn, const pome__nn_layer *layer) {
  split(nn, layer, -3, NULL, 0);
}

/* axis 1, numSplits 2, splitSizes 3. Without sizes the parts are alike; when they cannot be, the
 * first ones have one more. */
void pome__nn_to_split_nd(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t sizes[64], axis = pome__nn_int(nn, layer->params, 1, 0);
  size_t count = pome__nn_ints(nn, layer->params, 3, sizes, 64), parts = layer->out_count;
  pome__value *x = pome__nn_in(nn, layer, 0);
  int at = pome__nn_axis(nn, axis, pome__nn_rank(nn, x));
  int64_t size = pome__nn_dim(nn, x, at);
  bool uneven = count == 0 && parts > 0 && parts <= 64 && size > 0 && size % (int64_t)parts != 0;
  for (size_t i = 0; uneven && i < parts; i++)
    sizes[i] = size / (int64_t)parts + ((int64_t)i < size % (int64_t)parts);
  split(nn, layer, axis, sizes, uneven ? parts : count);
}

/* ---- slices ---- */

typedef struct slice {
  pome__value *begin, *end;
  int64_t stride[POME_MAX_RANK];
  bool open[POME_MAX_RANK], close[POME_MAX_RANK], drop[POME_MAX_RANK];
  int rank;
} slice;

static pome__value *cut(pome__nn *nn, const slice *s, pome__value *x) {
  size_t rank = (size_t)s->rank;
  return POME__OP(nn, "slice_by_index", POME__ARG("x", x), POME__ARG("begin", s->begin),
                  POME__ARG("end", s->end),
                  POME__ARG("stride", pome__nn_lit_ints(nn, s->stride, rank)),
                  POME__ARG("begin_mask", pome__nn_lit_bools(nn, s->open, rank)),
                  POME__ARG("end_mask", pome__nn_lit_bools(nn, s->close, rank)),
                  POME__ARG("squeeze_mask", pome__nn_lit_bools(nn, s->drop, rank)));
}

/* An index that does not fit in 32 bits is beyond any end. */
static int64_t clamped(int64_t index) {
  return index > INT32_MAX ? INT32_MAX : index < INT32_MIN ? INT32_MIN : index;
}

/* startIndex 1, endIndex 2, stride 3, axis 4: channel 0, height 1, width 2 */
void pome__nn_to_slice(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t begin[POME_MAX_RANK] = {0}, end[POME_MAX_RANK] = {0};
  pome__value *x = pome__nn_in(nn, layer, 0);
  slice s = {.rank = pome__nn_rank(nn, x)};
  int64_t number = pome__nn_int(nn, p, 4, 0), stride = pome__nn_int(nn, p, 3, 1);
  if (number < 0 || number > 2)
    pome__nn_fail(nn, POME_INPUT, "axis number %lld; 0 to 2 are allowed", (long long)number);
  int at = nn->status == POME_OK ? pome__nn_axis(nn, number - 3, s.rank) : 0;
  for (int d = 0; d < s.rank; d++) {
    s.open[d] = s.close[d] = d != at;
    s.stride[d] = d != at || stride == 0 ? 1 : stride;
  }
  begin[at] = clamped(pome__nn_int(nn, p, 1, 0));
  end[at] = clamped(pome__nn_int(nn, p, 2, 0));
  s.begin = pome__nn_lit_ints(nn, begin, (size_t)s.rank);
  s.end = pome__nn_lit_ints(nn, end, (size_t)s.rank);
  pome__nn_out(nn, layer, 0, cut(nn, &s, x));
}

/* One number for each dimension; writers may give more than there are. */
static void read_numbers(pome__nn *nn, pome__pb p, uint32_t number, int64_t *out, int rank,
                         int64_t fallback) {
  int64_t list[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, p, number, list, POME_MAX_RANK);
  for (int d = 0; d < rank; d++) out[d] = (size_t)d < count ? list[d] : fallback;
}

static void read_flags(pome__nn *nn, pome__pb p, uint32_t number, bool *out, int rank) {
  int64_t flags[POME_MAX_RANK];
  read_numbers(nn, p, number, flags, rank, 0);
  for (int d = 0; d < rank; d++) out[d] = flags[d] != 0;
}

/* beginMasks 2, endMasks 4, strides 5, squeezeMasks 6 */
static slice read_slice(pome__nn *nn, pome__pb p, pome__value *x) {
  slice s = {.rank = pome__nn_rank(nn, x)};
  read_numbers(nn, p, 5, s.stride, s.rank, 1);
  read_flags(nn, p, 2, s.open, s.rank);
  read_flags(nn, p, 4, s.close, s.rank);
  read_flags(nn, p, 6, s.drop, s.rank);
  return s;
}

static pome__value *indices(pome__nn *nn, pome__pb p, uint32_t number, int rank) {
  int64_t list[POME_MAX_RANK];
  read_numbers(nn, p, number, list, rank, 0);
  for (int d = 0; d < rank; d++) list[d] = clamped(list[d]);
  return pome__nn_lit_ints(nn, list, (size_t)rank);
}

void pome__nn_to_slice_static(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_in(nn, layer, 0);
  slice s = read_slice(nn, layer->params, x);
  s.begin = indices(nn, layer->params, 1, s.rank);
  s.end = indices(nn, layer->params, 3, s.rank);
  pome__nn_out(nn, layer, 0, cut(nn, &s, x));
}

/* Floats as indices: what stands for "to the end" can be 2^31, which no whole number holds. */
static pome__value *index_input(pome__nn *nn, const pome__nn_layer *layer, size_t i) {
  const double far = 1 << 30;
  return pome__nn_whole(nn, POME__OP(nn, "clip", POME__ARG("x", pome__nn_in(nn, layer, i)),
                                     POME__ARG("alpha", pome__nn_lit_float(nn, -far)),
                                     POME__ARG("beta", pome__nn_lit_float(nn, far))));
}

/* Inputs: x, begin, end. Steps and masks that are inputs too are refused. */
void pome__nn_to_slice_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *x = pome__nn_in(nn, layer, 0);
  slice s = read_slice(nn, layer->params, x);
  if (layer->in_count > 3)
    pome__nn_fail(nn, POME_UNSUPPORTED, "strides or masks that are computed when it runs");
  s.begin = index_input(nn, layer, 1);
  s.end = layer->in_count > 2 ? index_input(nn, layer, 2) : indices(nn, layer->params, 3, s.rank);
  pome__nn_out(nn, layer, 0, cut(nn, &s, x));
}

/* size 2, axis 3; the second input is where it begins. */
void pome__nn_to_slice_by_size(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t unit[POME_MAX_RANK] = {0}, size[POME_MAX_RANK];
  pome__value *x = pome__nn_in(nn, layer, 0);
  int rank = pome__nn_rank(nn, x);
  int at = pome__nn_axis(nn, pome__nn_int(nn, layer->params, 3, 0), rank);
  for (int d = 0; d < rank; d++) size[d] = -1;
  unit[at] = 1;
  size[at] = pome__nn_int(nn, layer->params, 2, 0);
  pome__value *begin = pome__nn_binary(nn, "mul", pome__nn_whole(nn, pome__nn_in(nn, layer, 1)),
                                       pome__nn_lit_ints(nn, unit, (size_t)rank));
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "slice_by_size", POME__ARG("x", x), POME__ARG("begin", begin),
                        POME__ARG("size", pome__nn_lit_ints(nn, size, (size_t)rank))));
}

void pome__nn_to_sliding_windows(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "sliding_windows", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("axis", pome__nn_lit_int(nn, pome__nn_int(nn, p, 1, 0))),
                        POME__ARG("size", pome__nn_lit_int(nn, pome__nn_int(nn, p, 2, 0))),
                        POME__ARG("stride", pome__nn_lit_int(nn, pome__nn_int(nn, p, 3, 1)))));
}
