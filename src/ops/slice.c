/* Slices. See slice.h.
 *
 * Slicing is numpy's, with what coremltools' shape inference makes of the odd cases: an axis of
 * length 1 gives 1 element whatever begin and end are (unless they name none), and a negative end
 * counts from the back even when stride is negative, so it never reaches before the first element.
 * A single index outside the axis is an error.
 */
#include "ops/slice.h"

#include <stdio.h>

#include "ops/args.h"
#include "ops/move.h"
#include "tensor/shape.h"

/* begin and end of one axis; `given` false: not known, or masked out. */
typedef struct bound {
  int64_t value;
  bool masked, known;
} bound;

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

static pome_status outside(pome__call *call, int axis, int64_t begin, int64_t dim) {
  return pome__call_fail(
      call, "begin is %lld in dimension %d, which has %lld elements; allowed: %lld to %lld",
      (long long)begin, axis, (long long)dim, (long long)-dim, (long long)(dim - 1));
}

static pome_status solve_index(pome__call *call, int axis, int64_t dim, const bound *begin,
                               pome__slice_axis *out) {
  out->count = 1;
  out->step = 1;
  out->start = 0;
  if (dim == POME_DIM_UNKNOWN) return POME_OK;
  if (dim > 0 && (begin->masked || !begin->known)) return POME_OK;
  if (begin->value < -dim || begin->value >= dim) return outside(call, axis, begin->value, dim);
  out->start = begin->value < 0 ? begin->value + dim : begin->value;
  return POME_OK;
}

/* Sizes that follow from begin and end alone; POME_DIM_UNKNOWN when they do not. */
static int64_t size_from_bounds(const bound *begin, const bound *end, int64_t step) {
  if (begin->masked || !begin->known) return POME_DIM_UNKNOWN;
  if (end->masked) {
    return (begin->value == 0 && step < 0) || (begin->value == -1 && step > 0) ? 1
                                                                               : POME_DIM_UNKNOWN;
  }
  if (!end->known) return POME_DIM_UNKNOWN;
  int64_t span = 0;
  if (begin->value >= 0 && end->value >= 0 && step > 0) {
    span = end->value - begin->value;
  } else if (begin->value < 0 && end->value < 0 && step < 0) {
    span = begin->value - end->value;
    step = -step;
  } else {
    return POME_DIM_UNKNOWN;
  }
  int64_t size = span <= 0 ? 0 : (span + step - 1) / step;
  return size <= 1 ? size : POME_DIM_UNKNOWN;
}

static pome_status solve_range(pome__call *call, int axis, int64_t dim, bound begin, bound end,
                               pome__slice_axis *out) {
  int64_t step = out->step;
  int64_t fixed = size_from_bounds(&begin, &end, step);
  out->count = fixed;
  out->start = 0;
  if (fixed == 0 || dim == POME_DIM_UNKNOWN) return POME_OK;
  if (fixed == 1) {
    if (begin.value < -dim || begin.value >= dim) return outside(call, axis, begin.value, dim);
    out->start = begin.value < 0 ? begin.value + dim : begin.value;
    return POME_OK;
  }
  if (dim == 0) { /* nothing to clamp the bounds to */
    out->count = 0;
    return POME_OK;
  }
  if (dim == 1 && !(begin.masked && end.masked)) {
    out->count = 1;
    return POME_OK;
  }
  if ((!begin.masked && !begin.known) || (!end.masked && !end.known)) return POME_OK;
  int64_t last = step > 0 ? dim : dim - 1;
  if (begin.masked) {
    begin.value = step > 0 ? 0 : dim - 1;
  } else {
    begin.value = clamp(begin.value < 0 ? begin.value + dim : begin.value, 0, last);
  }
  if (end.masked) {
    end.value = step > 0 ? dim : -1;
  } else {
    end.value = clamp(end.value < 0 ? end.value + dim : end.value, 0, last);
  }
  int64_t span = step > 0 ? end.value - begin.value : begin.value - end.value;
  int64_t stride = step > 0 ? step : -step;
  out->count = span <= 0 ? 0 : (span - 1) / stride + 1;
  out->start = begin.value;
  return POME_OK;
}

static pome_status optional_ints(pome__call *call, const char *name, int64_t *out, size_t count) {
  return pome__arg_given(call, name) ? pome__arg_ints_exact(call, name, out, count) : POME_OK;
}

static pome_status optional_bools(pome__call *call, const char *name, bool *out, size_t count) {
  return pome__arg_given(call, name) ? pome__arg_bools_exact(call, name, out, count) : POME_OK;
}

/* A list with an element for each axis of x, which need not be known. */
static pome_status axis_list(pome__call *call, const char *name, int rank, int64_t *out,
                             bool *known) {
  const pome__type *type = pome__arg_type(call, name);
  const pome_tensor *tensor = pome__arg_tensor(call, name);
  *known = tensor != NULL;
  if (tensor != NULL) return pome__arg_ints_exact(call, name, out, (size_t)rank);
  if (type->rank < 0) return POME_OK;
  if (type->rank > 1)
    return pome__call_fail(call, "'%s' has rank %d; it must be 1", name, (int)type->rank);
  char what[32];
  snprintf(what, sizeof(what), "the length of '%s'", name);
  return pome__need_dims_equal(call, what, type->rank == 1 ? type->dims[0] : 1, "the rank of x",
                               rank);
}

pome_status pome__slice_solve(pome__call *call, pome__slice_axis *axes) {
  const pome__type *x = pome__arg_type(call, "x");
  size_t rank = (size_t)x->rank;
  int64_t begin[POME_MAX_RANK];
  int64_t end[POME_MAX_RANK];
  int64_t stride[POME_MAX_RANK];
  bool begin_mask[POME_MAX_RANK] = {false};
  bool end_mask[POME_MAX_RANK] = {false};
  bool squeeze_mask[POME_MAX_RANK] = {false};
  bool begin_known;
  bool end_known;
  for (size_t i = 0; i < rank; i++) begin[i] = end[i] = 0, stride[i] = 1;
  POME__TRY(axis_list(call, "begin", x->rank, begin, &begin_known));
  POME__TRY(axis_list(call, "end", x->rank, end, &end_known));
  POME__TRY(optional_ints(call, "stride", stride, rank));
  POME__TRY(optional_bools(call, "begin_mask", begin_mask, rank));
  POME__TRY(optional_bools(call, "end_mask", end_mask, rank));
  POME__TRY(optional_bools(call, "squeeze_mask", squeeze_mask, rank));
  for (int i = 0; i < x->rank; i++) {
    bound from = {begin[i], begin_mask[i], begin_known};
    bound to = {end[i], end_mask[i], end_known};
    axes[i].squeeze = squeeze_mask[i];
    axes[i].step = stride[i];
    if (squeeze_mask[i]) {
      POME__TRY(solve_index(call, i, x->dims[i], &from, &axes[i]));
    } else if (stride[i] == 0) {
      return pome__call_fail(call, "stride is 0 in dimension %d; it must not be", i);
    } else {
      POME__TRY(solve_range(call, i, x->dims[i], from, to, &axes[i]));
    }
  }
  return POME_OK;
}

static int result_dims(const pome__slice_axis *axes, int rank, int64_t *dims) {
  int out = 0;
  for (int i = 0; i < rank; i++) {
    if (!axes[i].squeeze) dims[out++] = axes[i].count;
  }
  return out;
}

/* Where a slice lies in a contiguous tensor: counts as shape (squeezed axes are 1), strides,
 * offset. */
static void place(const pome__slice_axis *axes, int rank, const int64_t *shape, int64_t *counts,
                  int64_t *strides, int64_t *offset) {
  pome__shape_strides(rank, shape, strides);
  *offset = 0;
  for (int i = 0; i < rank; i++) {
    counts[i] = axes[i].count;
    *offset += axes[i].start * strides[i];
    strides[i] *= axes[i].count > 1 ? axes[i].step : 0; /* a step over nothing may be of any size */
  }
}

pome_status pome__infer_slice_by_index(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  pome__slice_axis axes[POME_MAX_RANK];
  int64_t dims[POME_MAX_RANK];
  POME__TRY(pome__slice_solve(call, axes));
  return pome__out(call, 0, x->dtype, result_dims(axes, x->rank, dims), dims);
}

static void copy_slice(const pome_tensor *x, const pome__slice_axis *axes, pome_tensor *y) {
  int64_t counts[POME_MAX_RANK];
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t offset;
  place(axes, x->rank, x->shape, counts, from, &offset);
  pome__shape_strides(x->rank, counts, to);
  if (pome_tensor_count(y) == 0) return;
  pome__move(x->rank, counts, x, offset, from, y, 0, to);
}

pome_status pome__eval_slice_by_index(pome__call *call) {
  pome__slice_axis axes[POME_MAX_RANK];
  POME__TRY(pome__slice_solve(call, axes));
  copy_slice(pome__arg_tensor(call, "x"), axes, &call->outputs[0]);
  return POME_OK;
}

/* ---- slice_by_size ---- */

static pome_status solve_sizes(pome__call *call, pome__slice_axis *axes) {
  const pome__type *x = pome__arg_type(call, "x");
  int64_t begin[POME_MAX_RANK];
  int64_t size[POME_MAX_RANK];
  bool begin_known;
  bool size_known;
  POME__TRY(axis_list(call, "begin", x->rank, begin, &begin_known));
  POME__TRY(axis_list(call, "size", x->rank, size, &size_known));
  for (int i = 0; i < x->rank; i++) {
    int64_t dim = x->dims[i];
    pome__slice_axis *axis = &axes[i];
    *axis =
        (pome__slice_axis){0, 1, size_known && size[i] != -1 ? size[i] : POME_DIM_UNKNOWN, false};
    if (size_known && size[i] < -1) {
      return pome__call_fail(call, "size is %lld in dimension %d; allowed: -1 and up",
                             (long long)size[i], i);
    }
    if (!begin_known || dim == POME_DIM_UNKNOWN) continue;
    axis->start = begin[i] < 0 ? begin[i] + dim : begin[i];
    if (axis->start < 0 || axis->start > dim) return outside(call, i, begin[i], dim);
    if (size_known && size[i] == -1) axis->count = dim - axis->start;
    if (axis->count > dim - axis->start) {
      return pome__call_fail(call, "%lld elements from %lld in dimension %d, which has only %lld",
                             (long long)axis->count, (long long)axis->start, i, (long long)dim);
    }
  }
  return POME_OK;
}

pome_status pome__infer_slice_by_size(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  pome__slice_axis axes[POME_MAX_RANK];
  int64_t dims[POME_MAX_RANK];
  POME__TRY(solve_sizes(call, axes));
  return pome__out(call, 0, x->dtype, result_dims(axes, x->rank, dims), dims);
}

pome_status pome__eval_slice_by_size(pome__call *call) {
  pome__slice_axis axes[POME_MAX_RANK];
  POME__TRY(solve_sizes(call, axes));
  copy_slice(pome__arg_tensor(call, "x"), axes, &call->outputs[0]);
  return POME_OK;
}

/* ---- slice_update ---- */

pome_status pome__infer_slice_update(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  const pome__type *update = pome__arg_type(call, "update");
  if (update->rank == 0)
    return pome__call_fail(call, "'update' is a scalar; it must have the shape of the slice");
  if (x->rank >= 0) {
    pome__slice_axis axes[POME_MAX_RANK];
    int64_t dims[POME_MAX_RANK];
    POME__TRY(pome__slice_solve(call, axes));
    int rank = result_dims(axes, x->rank, dims);
    bool fits = update->rank < 0 || update->rank == rank;
    for (int i = 0; fits && i < update->rank; i++) {
      int64_t dim;
      fits = pome__dim_unify(dims[i], update->dims[i], &dim);
    }
    if (!fits) {
      char slice[POME__SHAPE_TEXT];
      char given[POME__SHAPE_TEXT];
      return pome__call_fail(call, "'update' has shape %s; the slice has shape %s",
                             pome__shape_format(update->rank, update->dims, given, sizeof(given)),
                             pome__shape_format(rank, dims, slice, sizeof(slice)));
    }
  }
  return pome__out(call, 0, x->dtype, x->rank, x->dims);
}

pome_status pome__eval_slice_update(pome__call *call) {
  const pome_tensor *x = pome__arg_tensor(call, "x");
  const pome_tensor *update = pome__arg_tensor(call, "update");
  pome_tensor *y = &call->outputs[0];
  pome__slice_axis axes[POME_MAX_RANK];
  POME__TRY(pome__slice_solve(call, axes));
  pome__move_all(x, y);
  int64_t counts[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t from[POME_MAX_RANK];
  int64_t offset;
  place(axes, x->rank, x->shape, counts, to, &offset);
  pome__shape_strides(x->rank, counts, from);
  if (pome_tensor_count(update) > 0) {
    pome__move(x->rank, counts, update, 0, from, y, offset, to);
  }
  return POME_OK;
}
