/* Family tensor_transformation: the same elements in another shape or order.
 *
 * Views (reshape, expand_dims, squeeze, reshape_like) keep the order, so their evaluation is a
 * plain copy. Everything else is one copy between two sets of strides; the rearrangements between
 * channels, space and batch are transposes of a tensor seen with the blocks as dimensions of their
 * own. Slices are in slice.c.
 */
#include <string.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/move.h"
#include "ops/slice.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "tensor_transformation"

static pome_status eval_view(pome__call *call) {
  pome__move_all(pome__tensor_of(call, 0, 0), &call->outputs[0]);
  return POME_OK;
}

static pome_status out_unknown(pome__call *call) {
  return pome__out(call, 0, pome__type_of(call, 0, 0)->dtype, -1, NULL);
}

/* ---- reshape ---- */

static pome_status shapes_differ(pome__call *call, const pome__type *x, int rank,
                                 const int64_t *dims) {
  char from[POME__SHAPE_TEXT];
  char to[POME__SHAPE_TEXT];
  return pome__call_fail(call, "%s cannot become %s: the numbers of elements differ",
                         pome__shape_format(x->rank, x->dims, from, sizeof(from)),
                         pome__shape_format(rank, dims, to, sizeof(to)));
}

/* 0 takes the dimension of x: in the same place (and the ranks must agree) up to iOS16, counted
 * from the right from iOS17 on, where a place that x does not have becomes 1. */
static pome_status replace_zeros(pome__call *call, const pome__type *x, pome__shape_value *shape) {
  bool right = call->op->schema->since >= POME__IOS17;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dims[i] != 0) continue;
    if (x->rank < 0) {
      shape->dims[i] = POME_DIM_UNKNOWN;
      continue;
    }
    if (!right && x->rank != shape->rank) {
      return pome__call_fail(
          call,
          "'shape' has a 0 and %d numbers; with a 0 it must have as many as x has dimensions, %d",
          shape->rank, (int)x->rank);
    }
    int from = right ? i + x->rank - shape->rank : i;
    shape->dims[i] = from >= 0 ? x->dims[from] : 1;
  }
  return POME_OK;
}

static pome_status infer_reshape(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  pome__shape_value shape;
  POME__TRY(pome__arg_shape(call, "shape", &shape));
  if (!shape.known) return pome__out(call, 0, x->dtype, shape.rank, shape.dims);
  int open = -1;
  for (int i = 0; i < shape.rank; i++) {
    if (shape.dims[i] >= 0) continue;
    if (shape.dims[i] < -1 || open >= 0) {
      return pome__call_fail(
          call, "'shape' is %lld in place %d; allowed: numbers from 0 up and at most one -1",
          (long long)shape.dims[i], i);
    }
    open = i;
  }
  POME__TRY(replace_zeros(call, x, &shape));
  int64_t count = pome__type_count(x);
  if (open >= 0 && count >= 0) {
    shape.dims[open] = 1;
    int64_t rest = pome__dims_product(shape.dims, 0, shape.rank);
    shape.dims[open] = POME_DIM_UNKNOWN;
    if (rest > 0 && count % rest == 0) shape.dims[open] = count / rest;
    if (rest == 0 && count == 0) shape.dims[open] = 0;
    if (rest >= 0 && shape.dims[open] < 0) return shapes_differ(call, x, shape.rank, shape.dims);
  }
  int64_t result = pome__dims_product(shape.dims, 0, shape.rank);
  if (count >= 0 && result >= 0 && count != result)
    return shapes_differ(call, x, shape.rank, shape.dims);
  return pome__out(call, 0, x->dtype, shape.rank, shape.dims);
}

/* ---- reshape_like ---- */

static pome_status tuple_int(pome__call *call, const char *name, size_t i, int64_t *value) {
  const pome_tensor *tensor = pome__tensor_of(call, pome__arg_index(call, name), i);
  if (tensor == NULL || tensor->dtype == POME_STRING || pome_tensor_count(tensor) != 1) {
    return pome__call_fail(
        call, "'%s' must hold single numbers that are known before the program runs", name);
  }
  pome__load_i64(tensor->data, tensor->dtype, 0, 1, 1, value);
  return POME_OK;
}

static int64_t python_bound(int64_t v, int rank) {
  if (v < 0) v += rank;
  return v < 0 ? 0 : v > rank ? rank : v;
}

static pome_status infer_reshape_like(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int refs = pome__arg_index(call, "ref_tensors");
  size_t count = pome__count(call, refs);
  static const char *const lists[] = {"begins", "ends", "end_masks"};
  for (int i = 0; i < 3; i++) {
    size_t n = pome__count(call, pome__arg_index(call, lists[i]));
    if (n != count) {
      return pome__call_fail(call, "'%s' has %zu values, but 'ref_tensors' has %zu", lists[i], n,
                             count);
    }
  }
  int rank = 0;
  int64_t dims[POME_MAX_RANK];
  for (size_t i = 0; i < count; i++) {
    const pome__type *ref = pome__type_of(call, refs, i);
    int64_t begin;
    int64_t end;
    int64_t mask;
    POME__TRY(tuple_int(call, "begins", i, &begin));
    POME__TRY(tuple_int(call, "ends", i, &end));
    POME__TRY(tuple_int(call, "end_masks", i, &mask));
    if (ref->rank < 0) return out_unknown(call);
    end = mask != 0 ? ref->rank : python_bound(end, ref->rank);
    for (int64_t d = python_bound(begin, ref->rank); d < end; d++) {
      if (rank == POME_MAX_RANK)
        return pome__call_fail(call, "the result has more than %d dimensions", POME_MAX_RANK);
      dims[rank++] = ref->dims[d];
    }
  }
  int64_t from = pome__type_count(x);
  int64_t to = pome__dims_product(dims, 0, rank);
  if (from >= 0 && to >= 0 && from != to) return shapes_differ(call, x, rank, dims);
  return pome__out(call, 0, x->dtype, rank, dims);
}

/* ---- expand_dims, squeeze ---- */

static pome_status infer_expand_dims(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t axes[POME_MAX_RANK];
  size_t count;
  POME__TRY(pome__arg_ints(call, "axes", axes, POME_MAX_RANK, &count));
  if (x->rank < 0) return out_unknown(call);
  int rank = x->rank + (int)count;
  if (rank > POME_MAX_RANK) return pome__out(call, 0, x->dtype, rank, NULL);
  bool added[POME_MAX_RANK] = {false};
  for (size_t i = 0; i < count; i++) {
    int axis;
    POME__TRY(pome__axis(call, "axes", axes[i], rank, &axis));
    if (added[axis]) return pome__call_fail(call, "parameter 'axes' names axis %d twice", axis);
    added[axis] = true;
  }
  int64_t dims[POME_MAX_RANK];
  int from = 0;
  for (int i = 0; i < rank; i++) dims[i] = added[i] ? 1 : x->dims[from++];
  return pome__out(call, 0, x->dtype, rank, dims);
}

/* Only dimensions of 1 go. Whether an unknown dimension goes is not known, and so the rank is not.
 */
static pome_status infer_squeeze(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  if (x->rank < 0) return out_unknown(call);
  uint32_t axes;
  bool known;
  POME__TRY(pome__axes_param(call, "axes", x->rank, &axes, &known));
  if (!known) return out_unknown(call);
  int rank = 0;
  int64_t dims[POME_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    bool named = (axes >> i & 1) != 0;
    if (named && x->dims[i] == POME_DIM_UNKNOWN) return out_unknown(call);
    if (!named || x->dims[i] != 1) dims[rank++] = x->dims[i];
  }
  return pome__out(call, 0, x->dtype, rank, dims);
}

/* ---- transpose, reverse ---- */

static pome_status permutation(pome__call *call, int rank, int *perm) {
  int64_t list[POME_MAX_RANK];
  POME__TRY(pome__arg_ints_exact(call, "perm", list, (size_t)rank));
  uint32_t seen = 0;
  for (int i = 0; i < rank; i++) {
    POME__TRY(pome__axis(call, "perm", list[i], rank, &perm[i]));
    if ((seen >> perm[i] & 1) != 0)
      return pome__call_fail(call, "parameter 'perm' names axis %d twice", perm[i]);
    seen |= (uint32_t)1 << perm[i];
  }
  return POME_OK;
}

static pome_status infer_transpose(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  if (x->rank < 0) return out_unknown(call);
  int perm[POME_MAX_RANK];
  int64_t dims[POME_MAX_RANK];
  POME__TRY(permutation(call, x->rank, perm));
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[perm[i]];
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* y is x with dimension i taken from dimension perm[i]; x seen with `shape`. */
static void transpose(const pome_tensor *x, int rank, const int64_t *shape, const int *perm,
                      pome_tensor *y) {
  int64_t strides[POME_MAX_RANK];
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t dims[POME_MAX_RANK];
  pome__shape_strides(rank, shape, strides);
  for (int i = 0; i < rank; i++) {
    dims[i] = shape[perm[i]];
    from[i] = strides[perm[i]];
  }
  pome__shape_strides(rank, dims, to);
  pome__move(rank, dims, x, 0, from, y, 0, to);
}

static pome_status eval_transpose(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int perm[POME_MAX_RANK];
  POME__TRY(permutation(call, x->rank, perm));
  transpose(x, x->rank, x->shape, perm, &call->outputs[0]);
  return POME_OK;
}

static pome_status infer_reverse(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  uint32_t axes;
  bool known;
  if (x->rank >= 0) POME__TRY(pome__axes_param(call, "axes", x->rank, &axes, &known));
  return pome__infer_same(call);
}

static pome_status eval_reverse(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  uint32_t axes;
  bool known;
  POME__TRY(pome__axes_param(call, "axes", x->rank, &axes, &known));
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  int64_t offset = 0;
  pome__shape_strides(x->rank, x->shape, from);
  pome__shape_strides(x->rank, x->shape, to);
  for (int i = 0; i < x->rank; i++) {
    if ((axes >> i & 1) == 0) continue;
    offset += from[i] * (x->shape[i] - 1);
    from[i] = -from[i];
  }
  if (pome_tensor_count(x) > 0)
    pome__move(x->rank, x->shape, x, offset, from, &call->outputs[0], 0, to);
  return POME_OK;
}

/* ---- reverse_sequence ---- */

static pome_status sequence_axes(pome__call *call, int rank, int *sequence, int *batch) {
  POME__TRY(pome__arg_axis(call, "seq_axis", rank, sequence));
  return pome__arg_axis(call, "batch_axis", rank, batch);
}

static pome_status infer_reverse_sequence(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *lengths = pome__arg_type(call, "lengths");
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "lengths"), 0, 1, 1));
  if (x->rank >= 0) {
    int sequence;
    int batch;
    POME__TRY(sequence_axes(call, x->rank, &sequence, &batch));
    if (lengths->rank == 1) {
      POME__TRY(pome__need_dims_equal(call, "the number of lengths", lengths->dims[0],
                                      "the batch dimension of x", x->dims[batch]));
    }
  }
  return pome__infer_same(call);
}

static pome_status eval_reverse_sequence(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *lengths = pome__arg_tensor(call, "lengths");
  pome_tensor *y = &call->outputs[0];
  int sequence;
  int batch;
  POME__TRY(sequence_axes(call, x->rank, &sequence, &batch));
  int64_t strides[POME_MAX_RANK];
  int64_t shape[POME_MAX_RANK];
  pome__shape_strides(x->rank, x->shape, strides);
  memcpy(shape, x->shape, sizeof(shape));
  pome__move_all(x, y);
  shape[batch] = 1;
  for (int64_t b = 0; b < x->shape[batch]; b++) {
    int64_t length;
    pome__load_i64(lengths->data, lengths->dtype, b, 1, 1, &length);
    if (length < 0 || length > x->shape[sequence]) {
      return pome__call_fail(call, "lengths[%lld] is %lld; allowed: 0 to %lld", (long long)b,
                             (long long)length, (long long)x->shape[sequence]);
    }
    if (length == 0 || batch == sequence) continue;
    int64_t from[POME_MAX_RANK];
    memcpy(from, strides, sizeof(from));
    shape[sequence] = length;
    from[sequence] = -strides[sequence];
    int64_t begin = b * strides[batch];
    pome__move(x->rank, shape, x, begin + (length - 1) * strides[sequence], from, y, begin,
               strides);
  }
  return POME_OK;
}

/* ---- sliding_windows ---- */

static pome_status window(pome__call *call, int rank, int *axis, int64_t *size, int64_t *stride) {
  POME__TRY(pome__arg_axis(call, "axis", rank, axis));
  POME__TRY(pome__arg_int(call, "size", size));
  POME__TRY(pome__arg_int(call, "stride", stride));
  if (*size >= 1 && *stride >= 1) return POME_OK;
  return pome__call_fail(call, "size is %lld and stride %lld; both must be at least 1",
                         (long long)*size, (long long)*stride);
}

static pome_status infer_sliding_windows(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  if (x->rank < 0) return out_unknown(call);
  int axis;
  int64_t size;
  int64_t stride;
  POME__TRY(window(call, x->rank, &axis, &size, &stride));
  if (x->rank + 1 > POME_MAX_RANK) return pome__out(call, 0, x->dtype, x->rank + 1, NULL);
  int64_t dims[POME_MAX_RANK + 1];
  for (int i = 0; i < x->rank; i++) dims[i < axis ? i : i + 1] = x->dims[i];
  dims[axis] = POME_DIM_UNKNOWN;
  dims[axis + 1] = size;
  if (x->dims[axis] >= 0) {
    if (x->dims[axis] < size) {
      return pome__call_fail(call, "size is %lld, but the dimension has only %lld elements",
                             (long long)size, (long long)x->dims[axis]);
    }
    dims[axis] = (x->dims[axis] - size) / stride + 1;
  }
  return pome__out(call, 0, x->dtype, x->rank + 1, dims);
}

static pome_status eval_sliding_windows(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int axis;
  int64_t size;
  int64_t stride;
  POME__TRY(window(call, x->rank, &axis, &size, &stride));
  int64_t strides[POME_MAX_RANK];
  int64_t from[POME_MAX_RANK + 1];
  int64_t to[POME_MAX_RANK];
  pome__shape_strides(x->rank, x->shape, strides);
  for (int i = 0; i < x->rank; i++) from[i < axis ? i : i + 1] = strides[i];
  from[axis + 1] = strides[axis];
  from[axis] = y->shape[axis] > 1 ? strides[axis] * stride : 0;
  pome__shape_strides(y->rank, y->shape, to);
  pome__move(y->rank, y->shape, x, 0, from, y, 0, to);
  return POME_OK;
}

/* ---- channels, space and batch ----
 *
 * Each of these sees x as six dimensions with the blocks apart and transposes them. */

typedef struct rearrangement {
  const char *factor;
  bool to_depth;      /* space into channels, else channels into space */
  bool channel_first; /* channels outside the block (pixel_*), else inside (depth_to_space,
                         space_to_depth) */
} rearrangement;

static const rearrangement depth_to_space = {"block_size", false, false};
static const rearrangement space_to_depth = {"block_size", true, false};
static const rearrangement pixel_shuffle = {"upscale_factor", false, true};
static const rearrangement pixel_unshuffle = {"downscale_factor", true, true};

static pome_status divide_dim(pome__call *call, const char *what, int64_t dim, int64_t by,
                              int64_t *out) {
  if (dim == POME_DIM_UNKNOWN) {
    *out = POME_DIM_UNKNOWN;
    return POME_OK;
  }
  if (dim % by != 0) {
    return pome__call_fail(call, "%s is %lld, which %lld does not divide", what, (long long)dim,
                           (long long)by);
  }
  *out = dim / by;
  return POME_OK;
}

static pome_status block_factor(pome__call *call, const rearrangement *r, int64_t *factor) {
  POME__TRY(pome__arg_int(call, r->factor, factor));
  if (*factor >= 1 && *factor <= INT32_MAX) return POME_OK;
  return pome__call_fail(call, "parameter '%s' is %lld; it must be at least 1", r->factor,
                         (long long)*factor);
}

static pome_status infer_rearrangement(pome__call *call, const rearrangement *r) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t f;
  POME__TRY(pome__need_rank(call, 0, 0, 4, 4));
  POME__TRY(block_factor(call, r, &f));
  if (x->rank < 0) {
    const int64_t unknown[4] = {-1, -1, -1, -1};
    return pome__out(call, 0, x->dtype, 4, unknown);
  }
  int64_t dims[4] = {x->dims[0], x->dims[1], x->dims[2], x->dims[3]};
  if (r->to_depth) {
    dims[1] = pome__dim_mul(dims[1], f * f);
    POME__TRY(divide_dim(call, "the height of x", dims[2], f, &dims[2]));
    POME__TRY(divide_dim(call, "the width of x", dims[3], f, &dims[3]));
  } else {
    POME__TRY(divide_dim(call, "the number of channels", dims[1], f * f, &dims[1]));
    dims[2] = pome__dim_mul(dims[2], f);
    dims[3] = pome__dim_mul(dims[3], f);
  }
  return pome__out(call, 0, x->dtype, 4, dims);
}

static pome_status eval_rearrangement(pome__call *call, const rearrangement *r) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t f;
  POME__TRY(block_factor(call, r, &f));
  if (pome_tensor_count(y) == 0) return POME_OK;
  if (r->to_depth) {
    const int64_t shape[6] = {x->shape[0], x->shape[1], y->shape[2], f, y->shape[3], f};
    static const int channel[6] = {0, 1, 3, 5, 2, 4};
    static const int block[6] = {0, 3, 5, 1, 2, 4};
    transpose(x, 6, shape, r->channel_first ? channel : block, y);
  } else if (r->channel_first) {
    const int64_t shape[6] = {x->shape[0], y->shape[1], f, f, x->shape[2], x->shape[3]};
    static const int perm[6] = {0, 1, 4, 2, 5, 3};
    transpose(x, 6, shape, perm, y);
  } else {
    const int64_t shape[6] = {x->shape[0], f, f, y->shape[1], x->shape[2], x->shape[3]};
    static const int perm[6] = {0, 3, 4, 1, 5, 2};
    transpose(x, 6, shape, perm, y);
  }
  return POME_OK;
}

#define REARRANGEMENT(name)                                                                        \
  static pome_status infer_##name(pome__call *call) {                                              \
    return infer_rearrangement(call, &name);                                                       \
  }                                                                                                \
  static pome_status eval_##name(pome__call *call) {                                               \
    return eval_rearrangement(call, &name);                                                        \
  }

REARRANGEMENT(depth_to_space)
REARRANGEMENT(space_to_depth)
REARRANGEMENT(pixel_shuffle)
REARRANGEMENT(pixel_unshuffle)

/* block[2] and margins[2][2] of space_to_batch (paddings) and batch_to_space (crops). */
static pome_status batch_blocks(pome__call *call, const char *margin_name, int64_t *block,
                                int64_t *margins) {
  POME__TRY(pome__arg_ints_exact(call, "block_shape", block, 2));
  const pome_tensor *tensor = pome__arg_tensor(call, margin_name);
  if (tensor == NULL || tensor->rank != 2 || tensor->shape[0] != 2 || tensor->shape[1] != 2) {
    return pome__call_fail(call, "parameter '%s' must be a known value of shape [2, 2]",
                           margin_name);
  }
  pome__load_i64(tensor->data, tensor->dtype, 0, 1, 4, margins);
  for (int i = 0; i < 4; i++) {
    if (margins[i] < 0 || block[i / 2] < 1) {
      return pome__call_fail(call, "'%s' must not be negative and 'block_shape' not below 1",
                             margin_name);
    }
  }
  return POME_OK;
}

static pome_status infer_batch(pome__call *call, bool to_batch) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t block[2];
  int64_t margins[4];
  POME__TRY(pome__need_rank(call, 0, 0, 4, 4));
  POME__TRY(batch_blocks(call, to_batch ? "paddings" : "crops", block, margins));
  int64_t dims[4] = {-1, -1, -1, -1};
  if (x->rank >= 0) memcpy(dims, x->dims, sizeof(dims));
  int64_t blocks = pome__dim_mul(block[0], block[1]);
  if (to_batch) {
    dims[0] = pome__dim_mul(dims[0], blocks);
  } else {
    POME__TRY(divide_dim(call, "the batch dimension", dims[0], blocks, &dims[0]));
  }
  for (int i = 0; i < 2; i++) {
    int64_t *dim = &dims[2 + i];
    if (to_batch) {
      *dim = pome__dim_add(*dim, margins[2 * i] + margins[2 * i + 1]);
      POME__TRY(divide_dim(call, "a padded spatial dimension", *dim, block[i], dim));
    } else {
      *dim = pome__dim_add(pome__dim_mul(*dim, block[i]), -(margins[2 * i] + margins[2 * i + 1]));
      if (*dim < 0 && x->rank >= 0 && x->dims[2 + i] >= 0)
        return pome__call_fail(call, "'crops' leave nothing");
      if (*dim < 0) *dim = POME_DIM_UNKNOWN;
    }
  }
  return pome__out(call, 0, x->dtype, 4, dims);
}

/* Elements of one block position (i, j): every block[0]-th row and block[1]-th column of the large
 * image. */
static void batch_part(const pome_tensor *x, pome_tensor *y, bool to_batch, const int64_t *block,
                       const int64_t *margins, int64_t i, int64_t j) {
  const pome_tensor *wide = to_batch ? x : y;
  const pome_tensor *packed = to_batch ? y : x;
  const int64_t place[2] = {i, j};
  int64_t wide_strides[4];
  int64_t packed_strides[4];
  pome__shape_strides(4, wide->shape, wide_strides);
  pome__shape_strides(4, packed->shape, packed_strides);
  int64_t shape[4] = {wide->shape[0], wide->shape[1], 0, 0};
  int64_t wide_offset = 0;
  int64_t packed_offset = (i * block[1] + j) * wide->shape[0] * packed_strides[0];
  for (int d = 0; d < 2; d++) {
    /* packed index p is wide index p * block + place - margin; only the ones inside count. */
    int64_t first = (margins[2 * d] - place[d] + block[d] - 1) / block[d];
    if (margins[2 * d] <= place[d]) first = 0;
    int64_t at = first * block[d] + place[d] - margins[2 * d];
    if (at >= wide->shape[2 + d]) return;
    int64_t count = (wide->shape[2 + d] - 1 - at) / block[d] + 1;
    int64_t room = packed->shape[2 + d] - first;
    if (room <= 0) return;
    shape[2 + d] = count < room ? count : room;
    wide_offset += at * wide_strides[2 + d];
    packed_offset += first * packed_strides[2 + d];
    wide_strides[2 + d] *= block[d];
  }
  if (to_batch) {
    pome__move(4, shape, x, wide_offset, wide_strides, y, packed_offset, packed_strides);
  } else {
    pome__move(4, shape, x, packed_offset, packed_strides, y, wide_offset, wide_strides);
  }
}

static pome_status eval_batch(pome__call *call, bool to_batch) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t block[2];
  int64_t margins[4];
  POME__TRY(batch_blocks(call, to_batch ? "paddings" : "crops", block, margins));
  if (pome_tensor_count(y) == 0) return POME_OK;
  if (to_batch) memset(y->data, 0, pome_tensor_bytes(y));
  for (int64_t i = 0; i < block[0]; i++) {
    for (int64_t j = 0; j < block[1]; j++) batch_part(x, y, to_batch, block, margins, i, j);
  }
  return POME_OK;
}

static pome_status infer_space_to_batch(pome__call *call) {
  return infer_batch(call, true);
}
static pome_status eval_space_to_batch(pome__call *call) {
  return eval_batch(call, true);
}
static pome_status infer_batch_to_space(pome__call *call) {
  return infer_batch(call, false);
}
static pome_status eval_batch_to_space(pome__call *call) {
  return eval_batch(call, false);
}

/* ---- rows ---- */

#define INDEX17  (POME__BIT(INT8) | POME__BIT(INT16) | POME__BIT(INT32))
#define I32      POME__BIT(INT32)
#define CONST    POME__PARAM_CONST
#define OPTIONAL (POME__PARAM_CONST | POME__PARAM_OPTIONAL)

/* The parameters of an op in its two versions: element types of x, and of numbers that grew as
 * well. */
#define VERSIONS(name, ...)                                                                        \
  static const pome__param name##_15[] = {POME__P("x", 'T', POME__TFIB, 0), __VA_ARGS__};          \
  static const pome__param name##_17[] = {POME__P("x", 'T', POME__T17, 0), __VA_ARGS__}

#define SLICE(domain, type_bits)                                                                   \
  POME__P("begin", domain, type_bits, 0), POME__P("end", domain, type_bits, 0),                    \
      POME__P("stride", domain, type_bits, OPTIONAL),                                              \
      POME__P("begin_mask", 0, POME__BIT(BOOL), OPTIONAL),                                         \
      POME__P("end_mask", 0, POME__BIT(BOOL), OPTIONAL),                                           \
      POME__P("squeeze_mask", 0, POME__BIT(BOOL), OPTIONAL)

VERSIONS(expand_dims, POME__P("axes", 0, I32, CONST));
VERSIONS(squeeze, POME__P("axes", 0, I32, OPTIONAL));
VERSIONS(reverse, POME__P("axes", 0, I32, OPTIONAL));
VERSIONS(transpose, POME__P("perm", 0, I32, CONST));
VERSIONS(reshape_like, POME__P("ref_tensors", 0, 0, POME__PARAM_TUPLE),
         POME__P("begins", 0, 0, POME__PARAM_TUPLE), POME__P("ends", 0, 0, POME__PARAM_TUPLE),
         POME__P("end_masks", 0, 0, POME__PARAM_TUPLE));
static const pome__param reshape_15[] = {POME__P("x", 'T', POME__TFIB, 0),
                                         POME__P("shape", 0, I32, 0)};
static const pome__param reshape_17[] = {POME__P("x", 'T', POME__T17, 0),
                                         POME__P("shape", 'U', INDEX17, 0)};
static const pome__param reverse_sequence_15[] = {
    POME__P("x", 'T', POME__TFIB, 0), POME__P("lengths", 0, I32, 0),
    POME__P_INT("seq_axis", 0, I32, CONST, 0), POME__P_INT("batch_axis", 0, I32, CONST, 0)};
static const pome__param reverse_sequence_17[] = {
    POME__P("x", 'T', POME__T17, 0), POME__P("lengths", 'U', INDEX17, 0),
    POME__P_INT("seq_axis", 0, I32, CONST, 0), POME__P_INT("batch_axis", 0, I32, CONST, 0)};
static const pome__param slice_by_index_15[] = {POME__P("x", 'T', POME__TFIB, 0), SLICE(0, I32)};
static const pome__param slice_by_index_17[] = {POME__P("x", 'T', POME__T17, 0),
                                                SLICE('U', INDEX17)};
static const pome__param slice_by_size_15[] = {
    POME__P("x", 'T', POME__TFIB, 0), POME__P("begin", 0, I32, 0), POME__P("size", 0, I32, 0)};
static const pome__param slice_by_size_17[] = {POME__P("x", 'T', POME__T17, 0),
                                               POME__P("begin", 'U', INDEX17, 0),
                                               POME__P("size", 'U', INDEX17, 0)};
static const pome__param slice_update_18[] = {
    POME__P("x", 'T', POME__T17, 0), POME__P("update", 'T', POME__T17, 0), SLICE('U', INDEX17)};
static const pome__param sliding_windows_15[] = {
    POME__P("x", 'T', POME__TFI, 0), POME__P("axis", 0, I32, CONST), POME__P("size", 0, I32, CONST),
    POME__P_INT("stride", 0, I32, CONST, 1)};
static const pome__param sliding_windows_17[] = {
    POME__P("x", 'T', POME__T17, 0), POME__P("axis", 0, I32, CONST), POME__P("size", 0, I32, CONST),
    POME__P_INT("stride", 0, I32, CONST, 1)};
static const pome__param block_size[] = {POME__P("x", 'T', POME__TF, 0),
                                         POME__P("block_size", 0, I32, CONST)};
static const pome__param upscale_factor[] = {POME__P("x", 'T', POME__TF, 0),
                                             POME__P("upscale_factor", 0, I32, CONST)};
static const pome__param downscale_factor[] = {
    POME__P("x", 'T', POME__TF, 0), POME__P("downscale_factor", 0, POME__BIT(UINT32), CONST)};
static const pome__param to_batch_params[] = {POME__P("x", 'T', POME__TF, 0),
                                              POME__P("block_shape", 0, I32, CONST),
                                              POME__P("paddings", 0, I32, CONST)};
static const pome__param from_batch_params[] = {POME__P("x", 'T', POME__TF, 0),
                                                POME__P("block_shape", 0, I32, CONST),
                                                POME__P("crops", 0, I32, CONST)};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)
#define VIEW(name, since, params, infer)                                                           \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_VIEW, params, infer, eval_view)

static const pome__schema rows[] = {
    PURE("batch_to_space", IOS13, from_batch_params, infer_batch_to_space, eval_batch_to_space),
    PURE("depth_to_space", IOS13, block_size, infer_depth_to_space, eval_depth_to_space),
    VIEW("expand_dims", IOS13, expand_dims_15, infer_expand_dims),
    VIEW("expand_dims", IOS17, expand_dims_17, infer_expand_dims),
    PURE("pixel_shuffle", IOS13, upscale_factor, infer_pixel_shuffle, eval_pixel_shuffle),
    PURE("pixel_unshuffle", IOS16, downscale_factor, infer_pixel_unshuffle, eval_pixel_unshuffle),
    VIEW("reshape", IOS13, reshape_15, infer_reshape),
    VIEW("reshape", IOS17, reshape_17, infer_reshape),
    VIEW("reshape_like", IOS16, reshape_like_15, infer_reshape_like),
    VIEW("reshape_like", IOS17, reshape_like_17, infer_reshape_like),
    PURE("reverse", IOS13, reverse_15, infer_reverse, eval_reverse),
    PURE("reverse", IOS17, reverse_17, infer_reverse, eval_reverse),
    PURE("reverse_sequence", IOS13, reverse_sequence_15, infer_reverse_sequence,
         eval_reverse_sequence),
    PURE("reverse_sequence", IOS17, reverse_sequence_17, infer_reverse_sequence,
         eval_reverse_sequence),
    PURE("slice_by_index", IOS13, slice_by_index_15, pome__infer_slice_by_index,
         pome__eval_slice_by_index),
    PURE("slice_by_index", IOS17, slice_by_index_17, pome__infer_slice_by_index,
         pome__eval_slice_by_index),
    PURE("slice_by_size", IOS13, slice_by_size_15, pome__infer_slice_by_size,
         pome__eval_slice_by_size),
    PURE("slice_by_size", IOS17, slice_by_size_17, pome__infer_slice_by_size,
         pome__eval_slice_by_size),
    PURE("slice_update", IOS18, slice_update_18, pome__infer_slice_update, pome__eval_slice_update),
    PURE("sliding_windows", IOS13, sliding_windows_15, infer_sliding_windows, eval_sliding_windows),
    PURE("sliding_windows", IOS17, sliding_windows_17, infer_sliding_windows, eval_sliding_windows),
    PURE("space_to_batch", IOS13, to_batch_params, infer_space_to_batch, eval_space_to_batch),
    PURE("space_to_depth", IOS13, block_size, infer_space_to_depth, eval_space_to_depth),
    VIEW("squeeze", IOS13, squeeze_15, infer_squeeze),
    VIEW("squeeze", IOS17, squeeze_17, infer_squeeze),
    PURE("transpose", IOS13, transpose_15, infer_transpose, eval_transpose),
    PURE("transpose", IOS17, transpose_17, infer_transpose, eval_transpose),
};

const pome__schema *pome__ops_tensor_transformation(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
