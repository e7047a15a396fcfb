/* concat, stack, split, tile, pad: runs of elements from one tensor to another. See
 * tensor_operation.h. */
#include <string.h>

#include "ops/args.h"
#include "ops/loops.h"
#include "ops/move.h"
#include "ops/tensor_operation.h"
#include "tensor/element.h"
#include "tensor/shape.h"

/* ---- concat ---- */

static pome_status same_dtypes(pome__call *call) {
  pome_dtype first = pome__type_of(call, 0, 0)->dtype;
  for (size_t i = 1; i < pome__count(call, 0); i++) {
    pome_dtype dtype = pome__type_of(call, 0, i)->dtype;
    if (dtype == first) continue;
    return pome__call_fail(call,
                           "value 0 is %s, but value %zu is %s; they must have one element type",
                           pome_dtype_name(first), i, pome_dtype_name(dtype));
  }
  return POME_OK;
}

/* The rank all values share; -1 when none is known. */
static pome_status common_rank(pome__call *call, int *rank) {
  *rank = -1;
  for (size_t i = 0; i < pome__count(call, 0); i++) {
    int got = pome__type_of(call, 0, i)->rank;
    if (got >= 0 && *rank >= 0 && got != *rank) {
      return pome__call_fail(call, "value %zu has rank %d, but others have rank %d", i, got, *rank);
    }
    if (got >= 0) *rank = got;
  }
  return POME_OK;
}

/* One dimension of all values: unified; POME_DIM_UNKNOWN when none knows it. */
static pome_status common_dim(pome__call *call, int d, int64_t *dim) {
  *dim = POME_DIM_UNKNOWN;
  for (size_t i = 0; i < pome__count(call, 0); i++) {
    const pome__type *type = pome__type_of(call, 0, i);
    if (type->rank < 0 || pome__dim_unify(*dim, type->dims[d], dim)) continue;
    return pome__call_fail(call, "value %zu has %lld in dimension %d, but others have %lld", i,
                           (long long)type->dims[d], d, (long long)*dim);
  }
  return POME_OK;
}

pome_status pome__infer_concat(pome__call *call) {
  pome_dtype dtype = pome__type_of(call, 0, 0)->dtype;
  size_t count = pome__count(call, 0);
  int rank;
  int64_t axis_value;
  POME__TRY(same_dtypes(call));
  POME__TRY(common_rank(call, &rank));
  POME__TRY(pome__arg_int(call, "axis", &axis_value));
  if (rank < 0) return pome__out(call, 0, dtype, -1, NULL);
  if (rank == 0) { /* scalars make a list */
    int64_t dim = (int64_t)count;
    return pome__out(call, 0, dtype, 1, &dim);
  }
  int axis;
  POME__TRY(pome__axis(call, "axis", axis_value, rank, &axis));
  bool interleave = pome__arg_bool(call, "interleave");
  int64_t dims[POME_MAX_RANK];
  for (int d = 0; d < rank; d++) {
    if (d != axis || interleave) POME__TRY(common_dim(call, d, &dims[d]));
  }
  if (interleave) {
    dims[axis] = pome__dim_mul(dims[axis], (int64_t)count);
    return pome__out(call, 0, dtype, rank, dims);
  }
  dims[axis] = 0;
  for (size_t i = 0; i < count && dims[axis] != POME_DIM_UNKNOWN; i++) {
    const pome__type *type = pome__type_of(call, 0, i);
    bool known = type->rank >= 0 && type->dims[axis] != POME_DIM_UNKNOWN;
    dims[axis] = known ? pome__dim_add(dims[axis], type->dims[axis]) : POME_DIM_UNKNOWN;
  }
  return pome__out(call, 0, dtype, rank, dims);
}

/* A block of [outer, width] elements from `in`, whose rows are in_width apart, to `out`, whose rows
 * are out_width apart. */
static void move_columns(const pome_tensor *in, int64_t in_offset, int64_t in_width,
                         pome_tensor *out, int64_t out_offset, int64_t out_width, int64_t outer,
                         int64_t width) {
  const int64_t shape[2] = {outer, width};
  const int64_t from[2] = {in_width, 1};
  const int64_t to[2] = {out_width, 1};
  pome__move(2, shape, in, in_offset, from, out, out_offset, to);
}

static void interleave_value(const pome_tensor *x, int axis, size_t i, size_t count,
                             pome_tensor *y) {
  int64_t outer = pome__dims_product(x->shape, 0, axis + 1);
  int64_t inner = pome__dims_product(x->shape, axis + 1, x->rank);
  move_columns(x, 0, inner, y, (int64_t)i * inner, (int64_t)count * inner, outer, inner);
}

pome_status pome__eval_concat(pome__call *call) {
  pome_tensor *y = &call->outputs[0];
  size_t count = pome__count(call, 0);
  int axis = 0;
  if (pome__tensor_of(call, 0, 0)->rank > 0)
    POME__TRY(pome__arg_axis(call, "axis", y->rank, &axis));
  bool interleave = pome__arg_bool(call, "interleave");
  int64_t outer = pome__dims_product(y->shape, 0, axis);
  int64_t out_width = pome__dims_product(y->shape, axis, y->rank);
  int64_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const pome_tensor *x = pome__tensor_of(call, 0, i);
    if (interleave && x->rank > 0) {
      interleave_value(x, axis, i, count, y);
      continue;
    }
    int64_t width = pome__dims_product(x->shape, axis < x->rank ? axis : x->rank, x->rank);
    move_columns(x, 0, width, y, at, out_width, outer, width);
    at += width;
  }
  return POME_OK;
}

/* ---- stack ---- */

pome_status pome__infer_stack(pome__call *call) {
  pome_dtype dtype = pome__type_of(call, 0, 0)->dtype;
  int rank;
  int64_t axis_value;
  int axis;
  POME__TRY(same_dtypes(call));
  POME__TRY(common_rank(call, &rank));
  POME__TRY(pome__arg_int(call, "axis", &axis_value));
  if (rank < 0) return pome__out(call, 0, dtype, -1, NULL);
  POME__TRY(pome__axis(call, "axis", axis_value, rank + 1, &axis));
  if (rank + 1 > POME_MAX_RANK) return pome__out(call, 0, dtype, rank + 1, NULL);
  int64_t dims[POME_MAX_RANK + 1];
  for (int d = 0; d < rank; d++) POME__TRY(common_dim(call, d, &dims[d < axis ? d : d + 1]));
  dims[axis] = (int64_t)pome__count(call, 0);
  return pome__out(call, 0, dtype, rank + 1, dims);
}

pome_status pome__eval_stack(pome__call *call) {
  pome_tensor *y = &call->outputs[0];
  size_t count = pome__count(call, 0);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", y->rank, &axis));
  int64_t outer = pome__dims_product(y->shape, 0, axis);
  int64_t inner = pome__dims_product(y->shape, axis + 1, y->rank);
  for (size_t i = 0; i < count; i++) {
    move_columns(pome__tensor_of(call, 0, i), 0, inner, y, (int64_t)i * inner,
                 (int64_t)count * inner, outer, inner);
  }
  return POME_OK;
}

/* ---- split ---- */

/* Sizes of the parts along the axis, as many as the op has outputs; POME_DIM_UNKNOWN where not
 * known. */
static pome_status part_sizes(pome__call *call, int64_t dim, int64_t *sizes) {
  size_t outputs = call->op->output_count;
  int64_t splits = -1;
  if (outputs > POME__MAX_OUTPUTS) {
    return pome__call_fail(call, "has %zu outputs; at most %d are supported", outputs,
                           POME__MAX_OUTPUTS);
  }
  if (pome__arg_given(call, "num_splits")) {
    POME__TRY(pome__arg_int(call, "num_splits", &splits));
    if (splits != (int64_t)outputs) {
      return pome__call_fail(call, "num_splits is %lld, but there are %zu outputs",
                             (long long)splits, outputs);
    }
  }
  if (pome__arg_given(call, "split_sizes")) {
    POME__TRY(pome__arg_ints_exact(call, "split_sizes", sizes, outputs));
    int64_t sum = 0;
    for (size_t i = 0; i < outputs; i++) {
      if (sizes[i] < 0)
        return pome__call_fail(call, "split_sizes[%zu] is %lld", i, (long long)sizes[i]);
      sum = pome__dim_add(sum, sizes[i]);
    }
    return pome__need_dims_equal(call, "the sum of split_sizes", sum, "the dimension", dim);
  }
  if (splits < 1) return pome__call_fail(call, "needs 'num_splits' or 'split_sizes'");
  if (dim != POME_DIM_UNKNOWN && dim % splits != 0) {
    return pome__call_fail(call, "num_splits is %lld, which does not divide the dimension, %lld",
                           (long long)splits, (long long)dim);
  }
  for (size_t i = 0; i < outputs; i++)
    sizes[i] = dim == POME_DIM_UNKNOWN ? POME_DIM_UNKNOWN : dim / splits;
  return POME_OK;
}

pome_status pome__infer_split(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t sizes[POME__MAX_OUTPUTS];
  int axis = 0;
  if (x->rank >= 0) POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  POME__TRY(part_sizes(call, x->rank < 0 ? POME_DIM_UNKNOWN : x->dims[axis], sizes));
  for (size_t i = 0; i < call->op->output_count; i++) {
    int64_t dims[POME_MAX_RANK];
    memcpy(dims, x->dims, sizeof(dims));
    dims[axis] = sizes[i];
    POME__TRY(pome__out(call, i, x->dtype, x->rank, dims));
  }
  return POME_OK;
}

pome_status pome__eval_split(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  int64_t outer = pome__dims_product(x->shape, 0, axis);
  int64_t in_width = pome__dims_product(x->shape, axis, x->rank);
  int64_t at = 0;
  for (size_t i = 0; i < call->op->output_count; i++) {
    pome_tensor *y = &call->outputs[i];
    int64_t width = pome__dims_product(y->shape, axis, y->rank);
    move_columns(x, at, in_width, y, 0, width, outer, width);
    at += width;
  }
  return POME_OK;
}

/* ---- tile ---- */

pome_status pome__infer_tile(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *reps_type = pome__arg_type(call, "reps");
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  int64_t dims[POME_MAX_RANK];
  for (int i = 0; i < x->rank; i++) dims[i] = POME_DIM_UNKNOWN;
  if (pome__arg_tensor(call, "reps") == NULL) {
    if (reps_type->rank == 1) {
      POME__TRY(pome__need_dims_equal(call, "the number of reps", reps_type->dims[0],
                                      "the rank of x", x->rank));
    }
    return pome__out(call, 0, x->dtype, x->rank, dims);
  }
  int64_t reps[POME_MAX_RANK];
  POME__TRY(pome__arg_ints_exact(call, "reps", reps, (size_t)x->rank));
  for (int i = 0; i < x->rank; i++) {
    if (reps[i] < 0)
      return pome__call_fail(call, "reps[%d] is %lld; it must not be negative", i,
                             (long long)reps[i]);
    dims[i] = pome__dim_mul(x->dims[i], reps[i]);
  }
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* One copy of x for each combination of repeats; repeats of a dimension of 1 are part of the copy,
 * with stride 0 in x. */
pome_status pome__eval_tile(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  if (pome_tensor_count(y) == 0) return POME_OK;
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t reps[POME_MAX_RANK];
  int64_t shape[POME_MAX_RANK];
  int64_t copies = 1;
  pome__shape_strides(x->rank, x->shape, from);
  pome__shape_strides(y->rank, y->shape, to);
  for (int i = 0; i < x->rank; i++) {
    shape[i] = x->shape[i];
    reps[i] = y->shape[i] / x->shape[i];
    if (x->shape[i] == 1) {
      shape[i] = reps[i];
      reps[i] = 1;
      from[i] = 0;
    }
    copies *= reps[i];
  }
  for (int64_t c = 0; c < copies; c++) {
    int64_t offset = 0;
    int64_t rest = c;
    for (int i = x->rank - 1; i >= 0; i--) {
      offset += rest % reps[i] * x->shape[i] * to[i];
      rest /= reps[i];
    }
    pome__move(x->rank, shape, x, 0, from, y, offset, to);
  }
  return POME_OK;
}

/* ---- pad ---- */

enum pad_mode { CONSTANT, REFLECT, REPLICATE };
static const char *const pad_modes[] = {"constant", "reflect", "replicate", NULL};

/* Amounts before and after each dimension of x, zeros for the ones in front that 'pad' does not
 * name. */
static pome_status pad_amounts(pome__call *call, const int64_t *dims, int rank, int mode,
                               int64_t *before, int64_t *after) {
  int64_t list[2 * POME_MAX_RANK];
  size_t count;
  POME__TRY(pome__arg_ints(call, "pad", list, 2 * (size_t)rank, &count));
  if (count % 2 != 0)
    return pome__call_fail(call, "'pad' has %zu numbers; it must have two for each dimension",
                           count);
  int first = rank - (int)count / 2;
  for (int i = 0; i < rank; i++) {
    before[i] = i < first ? 0 : list[2 * (i - first)];
    after[i] = i < first ? 0 : list[2 * (i - first) + 1];
    if (before[i] < 0 || after[i] < 0) {
      return pome__call_fail(call, "the padding of dimension %d is negative: %lld, %lld", i,
                             (long long)before[i], (long long)after[i]);
    }
    int64_t most = before[i] > after[i] ? before[i] : after[i];
    if (dims[i] == POME_DIM_UNKNOWN || mode == CONSTANT || most == 0) continue;
    int64_t limit = mode == REFLECT ? dims[i] - 1 : dims[i] > 0 ? INT64_MAX : 0;
    if (most > limit) {
      return pome__call_fail(
          call,
          "mode \"%s\" can pad dimension %d, which has %lld elements, by at most %lld, not %lld",
          pad_modes[mode], i, (long long)dims[i], (long long)(limit < 0 ? 0 : limit),
          (long long)most);
    }
  }
  return POME_OK;
}

pome_status pome__infer_pad(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *pad = pome__arg_type(call, "pad");
  int mode;
  POME__TRY(pome__arg_choice(call, "mode", pad_modes, &mode));
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "pad"), 0, 1, 1));
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  int64_t dims[POME_MAX_RANK];
  memcpy(dims, x->dims, sizeof(dims));
  if (pome__arg_tensor(call, "pad") == NULL) {
    int64_t named = pad->rank == 1 && pad->dims[0] >= 0 && pad->dims[0] / 2 < x->rank
                        ? pad->dims[0] / 2
                        : x->rank;
    for (int64_t i = x->rank - named; i < x->rank; i++) dims[i] = POME_DIM_UNKNOWN;
    return pome__out(call, 0, x->dtype, x->rank, dims);
  }
  int64_t before[POME_MAX_RANK];
  int64_t after[POME_MAX_RANK];
  POME__TRY(pad_amounts(call, x->dims, x->rank, mode, before, after));
  for (int i = 0; i < x->rank; i++)
    dims[i] = pome__dim_add(pome__dim_add(dims[i], before[i]), after[i]);
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* Index into x of index v - before of the padded dimension. */
static int64_t fold_index(int64_t v, int64_t dim, int mode) {
  if (mode == REFLECT) {
    if (v < 0) v = -v;
    if (v >= dim) v = 2 * (dim - 1) - v;
  } else {
    v = v < 0 ? 0 : v >= dim ? dim - 1 : v;
  }
  return v;
}

/* Row by row (along the last dimension): the middle is a run of x, the ends are single elements. */
static void pad_rows(const pome_tensor *x, pome_tensor *y, int mode, const int64_t *before) {
  int last = x->rank - 1;
  int64_t strides[POME_MAX_RANK];
  int64_t index[POME_MAX_RANK] = {0};
  int64_t width = x->shape[last];
  int64_t out_width = y->shape[last];
  pome__shape_strides(x->rank, x->shape, strides);
  int64_t rows = pome__dims_product(y->shape, 0, last);
  for (int64_t row = 0; row < rows; row++) {
    int64_t from = 0;
    for (int i = 0; i < last; i++)
      from += fold_index(index[i] - before[i], x->shape[i], mode) * strides[i];
    int64_t to = row * out_width;
    pome__move_run(x, from, y, to + before[last], width);
    for (int64_t k = 0; k < out_width; k++) {
      if (k == before[last]) k += width;
      if (k < out_width)
        pome__move_run(x, from + fold_index(k - before[last], width, mode), y, to + k, 1);
    }
    for (int i = last - 1; i >= 0 && ++index[i] == y->shape[i]; i--) index[i] = 0;
  }
}

pome_status pome__eval_pad(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t before[POME_MAX_RANK];
  int64_t after[POME_MAX_RANK];
  int mode;
  POME__TRY(pome__arg_choice(call, "mode", pad_modes, &mode));
  POME__TRY(pad_amounts(call, x->shape, x->rank, mode, before, after));
  if (x->rank == 0) {
    pome__move_all(x, y);
    return POME_OK;
  }
  if (pome_tensor_count(y) == 0) return POME_OK;
  if (mode != CONSTANT) {
    pad_rows(x, y, mode, before);
    return POME_OK;
  }
  double value;
  POME__TRY(pome__arg_float(call, "constant_val", &value));
  pome__fill(y, value);
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t offset = 0;
  pome__shape_strides(x->rank, x->shape, from);
  pome__shape_strides(y->rank, y->shape, to);
  for (int i = 0; i < x->rank; i++) offset += before[i] * to[i];
  if (pome_tensor_count(x) > 0) pome__move(x->rank, x->shape, x, 0, from, y, offset, to);
  return POME_OK;
}
