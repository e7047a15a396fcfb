/* Family tensor_operation: making, measuring, counting. Joining and splitting is in joining.c,
 * sorting and selecting in sorting.c; all rows are here. */
#include "ops/tensor_operation.h"

#include <math.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/loops.h"
#include "ops/move.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "tensor_operation"

/* ---- identity, flatten2d, shape ---- */

static pome_status eval_view(pome__call *call) {
  pome__move_all(pome__tensor_of(call, 0, 0), &call->outputs[0]);
  return POME_OK;
}

static pome_status infer_identity(pome__call *call) {
  call->out_types[0] = *pome__type_of(call, 0, 0);
  return POME_OK;
}

static pome_status infer_flatten2d(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t axis;
  POME__TRY(pome__arg_int(call, "axis", &axis));
  int64_t dims[2] = {POME_DIM_UNKNOWN, POME_DIM_UNKNOWN};
  if (x->rank >= 0) {
    if (axis < -x->rank || axis > x->rank) {
      return pome__call_fail(call, "parameter 'axis' is %lld; allowed for rank %d: %d to %d",
                             (long long)axis, (int)x->rank, -(int)x->rank, (int)x->rank);
    }
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    dims[0] = pome__dims_product(x->dims, 0, at);
    dims[1] = pome__dims_product(x->dims, at, x->rank);
  }
  return pome__out(call, 0, x->dtype, 2, dims);
}

static pome_status infer_shape(pome__call *call) {
  int rank = pome__type_of(call, 0, 0)->rank;
  int64_t dim = rank < 0 ? POME_DIM_UNKNOWN : rank;
  return pome__out(call, 0, POME_INT32, 1, &dim);
}

static pome_status eval_shape(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  pome__store_i64(y->data, y->dtype, 0, 1, (size_t)x->rank, x->shape);
  return POME_OK;
}

/* ---- fill, fill_like ---- */

static pome_status infer_fill(pome__call *call) {
  pome__shape_value shape;
  POME__TRY(pome__arg_shape(call, "shape", &shape));
  for (int i = 0; shape.known && i < shape.rank; i++) {
    if (shape.dims[i] < 0) {
      return pome__call_fail(call, "'shape' is %lld in place %d; it must not be negative",
                             (long long)shape.dims[i], i);
    }
  }
  return pome__out(call, 0, pome__arg_dtype(call, "value", POME_FP32), shape.rank, shape.dims);
}

static pome_status infer_fill_like(pome__call *call) {
  const pome__type *like = pome__arg_type(call, "ref_tensor");
  return pome__out(call, 0, pome__arg_dtype(call, "value", POME_FP32), like->rank, like->dims);
}

static pome_status eval_fill(pome__call *call) {
  double value;
  POME__TRY(pome__arg_float(call, "value", &value));
  pome__fill(&call->outputs[0], value);
  return POME_OK;
}

/* ---- band_part ---- */

static pome_status infer_band_part(pome__call *call) {
  POME__TRY(pome__need_rank(call, 0, 0, 2, POME_MAX_RANK));
  return pome__infer_same(call);
}

static pome_status eval_band_part(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t lower;
  int64_t upper;
  POME__TRY(pome__arg_int(call, "lower", &lower));
  POME__TRY(pome__arg_int(call, "upper", &upper));
  int64_t columns = x->shape[x->rank - 1];
  int64_t rows = x->shape[x->rank - 2];
  int64_t all_rows = pome__dims_product(x->shape, 0, x->rank - 1);
  pome__fill(y, 0);
  for (int64_t row = 0; row < all_rows; row++) {
    int64_t m = row % rows;
    int64_t first = lower < 0 || m - lower < 0 ? 0 : m - lower;
    int64_t end = upper < 0 || m + upper + 1 > columns ? columns : m + upper + 1;
    if (first < end)
      pome__move_run(x, row * columns + first, y, row * columns + first, end - first);
  }
  return POME_OK;
}

/* ---- cumsum ---- */

typedef struct cumulation {
  bool exclusive, reverse;
} cumulation;

static void cumulate(size_t n, const double *x, double *y, const void *params) {
  const cumulation *c = params;
  double sum = 0;
  for (size_t k = 0; k < n; k++) {
    size_t i = c->reverse ? n - 1 - k : k;
    double before = sum;
    sum += x[i];
    y[i] = c->exclusive ? before : sum;
  }
}

static pome_status infer_cumsum(pome__call *call) {
  int rank = pome__type_of(call, 0, 0)->rank;
  int axis;
  if (rank >= 0) POME__TRY(pome__arg_axis(call, "axis", rank, &axis));
  return pome__infer_same(call);
}

static pome_status eval_cumsum(pome__call *call) {
  static const pome__line line = {cumulate, NULL};
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  cumulation c = {pome__arg_bool(call, "exclusive"), pome__arg_bool(call, "reverse")};
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  return pome__line_blocks(call, x, &call->outputs[0], (uint32_t)1 << axis, &line, &c);
}

/* ---- non_zero ---- */

static int64_t count_non_zero(const pome_tensor *x) {
  size_t count = pome_tensor_count(x);
  int64_t found = 0;
  double block[POME__BLOCK];
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    size_t n = count - begin < POME__BLOCK ? count - begin : POME__BLOCK;
    pome__load_f64(x->data, x->dtype, (int64_t)begin, 1, n, block);
    for (size_t i = 0; i < n; i++) found += block[i] != 0;
  }
  return found;
}

static pome_status infer_non_zero(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome_tensor *tensor = pome__tensor_of(call, 0, 0);
  int64_t dims[2] = {POME_DIM_UNKNOWN, x->rank < 0 ? POME_DIM_UNKNOWN : x->rank};
  if (tensor != NULL) dims[0] = count_non_zero(tensor);
  return pome__out(call, 0, POME_INT32, 2, dims);
}

static pome_status eval_non_zero(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t strides[POME_MAX_RANK];
  pome__shape_strides(x->rank, x->shape, strides);
  int64_t count = (int64_t)pome_tensor_count(x);
  int64_t row = 0;
  for (int64_t i = 0; i < count && row < y->shape[0]; i++) {
    double v;
    pome__load_f64(x->data, x->dtype, i, 1, 1, &v);
    if (v == 0) continue;
    for (int d = 0; d < x->rank; d++) {
      int64_t index = i / strides[d] % x->shape[d];
      pome__store_i64(y->data, y->dtype, row * x->rank + d, 1, 1, &index);
    }
    row++;
  }
  return POME_OK;
}

/* ---- one_hot: an index outside the vector gives a vector of off_value ---- */

static pome_status infer_one_hot(pome__call *call) {
  const pome__type *indices = pome__arg_type(call, "indices");
  const pome_tensor *size_tensor = pome__arg_tensor(call, "one_hot_vector_size");
  pome_dtype dtype =
      pome__arg_dtype(call, "on_value", pome__arg_dtype(call, "off_value", POME_INT32));
  int64_t size = POME_DIM_UNKNOWN;
  if (size_tensor != NULL) {
    POME__TRY(pome__arg_int(call, "one_hot_vector_size", &size));
    if (size < 0)
      return pome__call_fail(call, "one_hot_vector_size is %lld; it must not be negative",
                             (long long)size);
  }
  if (indices->rank < 0) return pome__out(call, 0, dtype, -1, NULL);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", indices->rank + 1, &axis));
  if (indices->rank + 1 > POME_MAX_RANK) return pome__out(call, 0, dtype, indices->rank + 1, NULL);
  int64_t dims[POME_MAX_RANK + 1];
  for (int i = 0; i < indices->rank; i++) dims[i < axis ? i : i + 1] = indices->dims[i];
  dims[axis] = size;
  return pome__out(call, 0, dtype, indices->rank + 1, dims);
}

static pome_status eval_one_hot(pome__call *call) {
  const pome_tensor *indices = pome__arg_tensor(call, "indices");
  pome_tensor *y = &call->outputs[0];
  double on;
  double off;
  int axis;
  POME__TRY(pome__arg_float(call, "on_value", &on));
  POME__TRY(pome__arg_float(call, "off_value", &off));
  POME__TRY(pome__arg_axis(call, "axis", y->rank, &axis));
  int64_t size = y->shape[axis];
  int64_t inner = pome__dims_product(y->shape, axis + 1, y->rank);
  int64_t count = (int64_t)pome_tensor_count(indices);
  pome__fill(y, off);
  for (int64_t i = 0; i < count; i++) {
    int64_t index;
    pome__load_i64(indices->data, indices->dtype, i, 1, 1, &index);
    if (index < 0 || index >= size) continue;
    pome__store_f64(y->data, y->dtype, (i / inner * size + index) * inner + i % inner, 1, 1, &on);
  }
  return POME_OK;
}

/* ---- range_1d ---- */

/* Rounded to the declared type, in which numpy does each step of the arithmetic. */
static double rounded(pome_dtype dtype, double v) {
  if (dtype == POME_FP16) return (double)pome__f16_to_f32(pome__f64_to_f16(v));
  return dtype == POME_FP32 ? (double)(float)v : v;
}

static pome_status infer_range_1d(pome__call *call) {
  pome_dtype dtype = pome__type_of(call, 0, 0)->dtype;
  double start;
  double end;
  double step;
  int64_t dim = POME_DIM_UNKNOWN;
  bool known = pome__float_of(call, pome__arg_index(call, "start"), &start) &&
               pome__float_of(call, pome__arg_index(call, "end"), &end) &&
               pome__float_of(call, pome__arg_index(call, "step"), &step);
  if (known) {
    double length = ceil(rounded(dtype, rounded(dtype, end - start) / step));
    if (!isfinite(length) || length > 0x1p40) {
      return pome__call_fail(call, "from %g to %g in steps of %g is not a range that can be made",
                             start, end, step);
    }
    dim = length > 0 ? (int64_t)length : 0;
  }
  return pome__out(call, 0, dtype, 1, &dim);
}

static pome_status eval_range_1d(pome__call *call) {
  pome_tensor *y = &call->outputs[0];
  double start;
  double step;
  POME__TRY(pome__arg_float(call, "start", &start));
  POME__TRY(pome__arg_float(call, "step", &step));
  for (int64_t i = 0; i < y->shape[0]; i++) {
    double v = start + (double)i * step;
    pome__store_f64(y->data, y->dtype, i, 1, 1, &v);
  }
  return POME_OK;
}

/* ---- rows ---- */

#define I32        POME__BIT(INT32)
#define CONST      POME__PARAM_CONST
#define OPTIONAL   (POME__PARAM_CONST | POME__PARAM_OPTIONAL)
#define SMALL_INTS (POME__BIT(INT8) | POME__BIT(UINT8) | POME__BIT(INT16) | POME__BIT(UINT16))
#define TOPK_TAIL                                                                                  \
  POME__P_INT("axis", 0, I32, CONST, -1), POME__P_BOOL("ascending", CONST, false),                 \
      POME__P_BOOL("sort", CONST, true), POME__P_BOOL("return_indices", CONST, true)

static const pome__param argsort_params[] = {POME__P("x", 'T', POME__TFI, 0),
                                             POME__P_INT("axis", 0, I32, CONST, -1),
                                             POME__P_BOOL("ascending", CONST, false)};
static const pome__param band_part_params[] = {POME__P("x", 'T', POME__TFIB, 0),
                                               POME__P_INT("lower", 0, I32, CONST, -1),
                                               POME__P_INT("upper", 0, I32, CONST, -1)};
static const pome__param concat_params[] = {POME__P("values", 0, 0, POME__PARAM_TUPLE),
                                            POME__P("axis", 0, I32, CONST),
                                            POME__P_BOOL("interleave", CONST, false)};
static const pome__param cumsum_params[] = {
    POME__P("x", 'T', POME__TFI, 0), POME__P_INT("axis", 0, I32, CONST, 0),
    POME__P_BOOL("exclusive", CONST, false), POME__P_BOOL("reverse", CONST, false)};
static const pome__param fill_params[] = {POME__P("shape", 0, I32, 0),
                                          POME__P_FLOAT("value", 'T', POME__TFIB, CONST, 0)};
static const pome__param fill_like_params[] = {POME__P("ref_tensor", 'T', POME__TFIB, 0),
                                               POME__P_FLOAT("value", 'U', POME__TFIB, CONST, 0)};
static const pome__param flatten2d_params[] = {POME__P("x", 'T', POME__TFIB, 0),
                                               POME__P_INT("axis", 0, I32, CONST, 1)};
static const pome__param identity_params[] = {POME__P("x", 0, 0, POME__PARAM_ANY)};
static const pome__param nms_15[] = {POME__P("boxes", 'T', POME__TF, 0),
                                     POME__P("scores", 'T', POME__TF, 0),
                                     POME__P("iou_threshold", 'T', POME__TF, CONST),
                                     POME__P("score_threshold", 'T', POME__TF, CONST),
                                     POME__P("max_boxes", 0, I32, CONST),
                                     POME__P_BOOL("per_class_suppression", CONST, false)};
static const pome__param nms_17[] = {
    POME__P("boxes", 'T', POME__TF, 0), POME__P("scores", 'T', POME__TF, 0),
    POME__P("iou_threshold", 'T', POME__TF, CONST), POME__P("max_boxes", 0, I32, CONST),
    POME__P_BOOL("per_class_suppression", CONST, false)};
static const pome__param x_any[] = {POME__P("x", 'T', POME__TFIB, 0)};
static const pome__param one_hot_params[] = {
    POME__P("indices", 0, I32, 0), POME__P("one_hot_vector_size", 0, I32, 0),
    POME__P_INT("axis", 0, I32, CONST, -1), POME__P_INT("on_value", 'T', POME__TFIB, CONST, 1),
    POME__P_INT("off_value", 'T', POME__TFIB, CONST, 0)};
static const pome__param pad_params[] = {POME__P("x", 'T', POME__TF, 0), POME__P("pad", 0, I32, 0),
                                         POME__P_STRING("mode", CONST, "constant"),
                                         POME__P_FLOAT("constant_val", 'T', POME__TF, CONST, 0)};
static const pome__param range_params[] = {POME__P("end", 'T', POME__TFI, 0),
                                           POME__P("start", 'T', POME__TFI, 0),
                                           POME__P("step", 'T', POME__TFI, 0)};
static const pome__param split_params[] = {
    POME__P("x", 'T', POME__TFIB, 0), POME__P("num_splits", 0, I32, OPTIONAL),
    POME__P("split_sizes", 0, I32, OPTIONAL), POME__P("axis", 0, I32, CONST)};
static const pome__param stack_params[] = {POME__P("values", 0, 0, POME__PARAM_TUPLE),
                                           POME__P("axis", 0, I32, CONST)};
static const pome__param tile_params[] = {POME__P("x", 'T', POME__TFIB, 0),
                                          POME__P("reps", 0, I32, 0)};
static const pome__param topk_15[] = {
    POME__P("x", 'T', POME__TFI, 0), POME__P_INT("k", 0, I32, CONST, 1),
    POME__P_INT("axis", 0, I32, CONST, -1), POME__P_BOOL("ascending", CONST, false)};
static const pome__param topk_16[] = {POME__P("x", 'T', POME__TFI, 0),
                                      POME__P_INT("k", 0, I32, CONST, 1), TOPK_TAIL};
static const pome__param topk_17[] = {
    POME__P("x", 'T', POME__TFI | SMALL_INTS, 0),
    POME__P_INT("k", 'K', POME__BIT(INT8) | POME__BIT(INT16) | I32, CONST, 1), TOPK_TAIL,
    POME__P_STRING("output_indices_dtype", CONST, "int32")};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)
#define VIEW(name, since, params, infer)                                                           \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_VIEW, params, infer, eval_view)

static const pome__schema rows[] = {
    PURE("argsort", IOS13, argsort_params, pome__infer_argsort, pome__eval_argsort),
    PURE("band_part", IOS13, band_part_params, infer_band_part, eval_band_part),
    PURE("concat", IOS13, concat_params, pome__infer_concat, pome__eval_concat),
    PURE("cumsum", IOS13, cumsum_params, infer_cumsum, eval_cumsum),
    PURE("fill", IOS13, fill_params, infer_fill, eval_fill),
    PURE("fill_like", IOS16, fill_like_params, infer_fill_like, eval_fill),
    VIEW("flatten2d", IOS13, flatten2d_params, infer_flatten2d),
    VIEW("identity", IOS13, identity_params, infer_identity),
    PURE("non_maximum_suppression", IOS13, nms_15, pome__infer_nms, pome__eval_nms),
    PURE("non_maximum_suppression", IOS17, nms_17, pome__infer_nms, pome__eval_nms),
    PURE("non_zero", IOS13, x_any, infer_non_zero, eval_non_zero),
    PURE("one_hot", IOS13, one_hot_params, infer_one_hot, eval_one_hot),
    PURE("pad", IOS13, pad_params, pome__infer_pad, pome__eval_pad),
    PURE("range_1d", IOS13, range_params, infer_range_1d, eval_range_1d),
    PURE("shape", IOS13, x_any, infer_shape, eval_shape),
    PURE("split", IOS13, split_params, pome__infer_split, pome__eval_split),
    PURE("stack", IOS13, stack_params, pome__infer_stack, pome__eval_stack),
    PURE("tile", IOS13, tile_params, pome__infer_tile, pome__eval_tile),
    PURE("topk", IOS13, topk_15, pome__infer_topk, pome__eval_topk),
    PURE("topk", IOS16, topk_16, pome__infer_topk, pome__eval_topk),
    PURE("topk", IOS17, topk_17, pome__infer_topk, pome__eval_topk),
};

const pome__schema *pome__ops_tensor_operation(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
