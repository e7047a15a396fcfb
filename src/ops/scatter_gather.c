/* Family scatter_gather: elements of a tensor by index.
 *
 * Indices are data and may be anything. Up to iOS16 a negative index counts from the end, and one
 * that is still outside is an error. From iOS17 on a negative index is outside as well; with
 * validate_indices that is an error, without it a gather takes the nearest element that exists and
 * a scatter leaves the update out: no memory outside is ever touched.
 */

#include "ops/args.h"
#include "ops/families.h"
#include "ops/move.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "scatter_gather"

/* ---- indices ---- */

typedef struct index_rule {
  pome__call *call;
  const pome_tensor *indices;
  bool wrap;   /* negative from the end; outside is an error */
  bool strict; /* outside is an error */
} index_rule;

static index_rule rule_of(pome__call *call) {
  bool wrap = call->op->schema->since < POME__IOS17;
  index_rule rule = {call, pome__arg_tensor(call, "indices"), wrap,
                     wrap || pome__arg_bool(call, "validate_indices")};
  return rule;
}

/* Index number `at` for a dimension of `dim`. *inside is false when it was outside and `*index` is
 * the nearest (0 when dim is 0). */
static pome_status take_index(const index_rule *rule, int64_t at, int64_t dim, int64_t *index,
                              bool *inside) {
  int64_t v;
  pome__load_i64(rule->indices->data, rule->indices->dtype, at, 1, 1, &v);
  int64_t given = v;
  if (rule->wrap && v < 0) v += dim;
  *inside = v >= 0 && v < dim;
  *index = v < 0 || dim == 0 ? 0 : v >= dim ? dim - 1 : v;
  if (*inside || !rule->strict) return POME_OK;
  return pome__call_fail(rule->call, "indices[%lld] is %lld; allowed: %lld to %lld", (long long)at,
                         (long long)given, rule->wrap ? (long long)-dim : 0LL,
                         (long long)(dim - 1));
}

/* A gather needs an element to take. */
static pome_status take_element(const index_rule *rule, int64_t at, int64_t dim, int64_t *index) {
  bool inside;
  POME__TRY(take_index(rule, at, dim, index, &inside));
  if (dim > 0) return POME_OK;
  return pome__call_fail(rule->call, "there is nothing to take: the dimension has no elements");
}

/* ---- inference ---- */

static pome_status batch_dims_of(pome__call *call, int64_t *batch) {
  *batch = 0;
  if (pome__arg_index(call, "batch_dims") < 0) return POME_OK;
  POME__TRY(pome__arg_int(call, "batch_dims", batch));
  if (*batch >= 0 && *batch <= POME_MAX_RANK) return POME_OK;
  return pome__call_fail(call, "batch_dims is %lld; it must not be negative or larger than a rank",
                         (long long)*batch);
}

static pome_status equal_batches(pome__call *call, const pome__type *x, const pome__type *indices,
                                 int64_t batch) {
  for (int64_t i = 0; i < batch; i++) {
    POME__TRY(pome__need_dims_equal(call, "a batch dimension of x", x->dims[i], "that of indices",
                                    indices->dims[i]));
  }
  return POME_OK;
}

/* out = a + b + c, where each is a run of dimensions. */
typedef struct dims_builder {
  int rank;
  int64_t dims[3 * POME_MAX_RANK];
} dims_builder;

static void append_dims(dims_builder *b, const pome__type *type, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; i++) b->dims[b->rank++] = type->dims[i];
}

static pome_status infer_gather(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  const pome__type *indices = pome__arg_type(call, "indices");
  int64_t batch;
  int axis;
  POME__TRY(batch_dims_of(call, &batch));
  if (x->rank < 0 || indices->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  if (batch > axis || batch > indices->rank) {
    return pome__call_fail(
        call, "batch_dims is %lld; it may be at most the axis, %d, and the rank of indices, %d",
        (long long)batch, axis, (int)indices->rank);
  }
  POME__TRY(equal_batches(call, x, indices, batch));
  dims_builder out = {0, {0}};
  append_dims(&out, x, 0, axis);
  append_dims(&out, indices, batch, indices->rank);
  append_dims(&out, x, axis + 1, x->rank);
  return pome__out(call, 0, x->dtype, out.rank, out.dims);
}

static pome_status infer_gather_along_axis(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  const pome__type *indices = pome__arg_type(call, "indices");
  if (x->rank >= 0 && indices->rank >= 0) {
    int axis;
    POME__TRY(pome__need_rank(call, pome__arg_index(call, "indices"), 0, x->rank, x->rank));
    POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
    for (int i = 0; i < x->rank; i++) {
      if (i == axis) continue;
      POME__TRY(pome__need_dims_equal(call, "a dimension of x", x->dims[i], "that of indices",
                                      indices->dims[i]));
    }
  }
  return pome__out(call, 0, x->dtype, indices->rank, indices->dims);
}

/* The length of an index tuple: the last dimension of indices. */
static pome_status tuple_length(pome__call *call, const pome__type *x, const pome__type *indices,
                                int64_t batch, int64_t *length) {
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "indices"), 0, 1, POME_MAX_RANK));
  *length = indices->rank < 0 ? POME_DIM_UNKNOWN : indices->dims[indices->rank - 1];
  if (x->rank < 0 || *length <= x->rank - batch) return POME_OK;
  return pome__call_fail(
      call, "the last dimension of indices is %lld; the tensor has only %lld dimensions to index",
      (long long)*length, (long long)(x->rank - batch));
}

static pome_status infer_gather_nd(pome__call *call) {
  const pome__type *x = pome__arg_type(call, "x");
  const pome__type *indices = pome__arg_type(call, "indices");
  int64_t batch;
  int64_t length;
  POME__TRY(batch_dims_of(call, &batch));
  POME__TRY(tuple_length(call, x, indices, batch, &length));
  if (x->rank < 0 || length == POME_DIM_UNKNOWN) return pome__out(call, 0, x->dtype, -1, NULL);
  if (batch >= indices->rank) {
    return pome__call_fail(call, "batch_dims is %lld; it must be less than the rank of indices, %d",
                           (long long)batch, (int)indices->rank);
  }
  POME__TRY(equal_batches(call, x, indices, batch));
  dims_builder out = {0, {0}};
  append_dims(&out, indices, 0, indices->rank - 1);
  append_dims(&out, x, batch + length, x->rank);
  return pome__out(call, 0, x->dtype, out.rank, out.dims);
}

static pome_status check_updates(pome__call *call, const dims_builder *want) {
  const pome__type *updates = pome__arg_type(call, "updates");
  if (updates->rank < 0) return POME_OK;
  bool fits = updates->rank == want->rank;
  for (int i = 0; fits && i < want->rank; i++) {
    int64_t dim;
    fits = pome__dim_unify(updates->dims[i], want->dims[i], &dim);
  }
  if (fits) return POME_OK;
  char got[POME__SHAPE_TEXT];
  char text[POME__SHAPE_TEXT];
  return pome__call_fail(call, "'updates' has shape %s; it must be %s",
                         pome__shape_format(updates->rank, updates->dims, got, sizeof(got)),
                         pome__shape_format(want->rank, want->dims, text, sizeof(text)));
}

static const char *const modes[] = {"update", "add", "sub", "mul", "div", "max", "min", NULL};
enum mode { UPDATE, ADD, SUB, MUL, DIV, MAX, MIN };

static pome_status infer_scatter(pome__call *call) {
  const pome__type *data = pome__arg_type(call, "data");
  const pome__type *indices = pome__arg_type(call, "indices");
  int mode;
  POME__TRY(pome__arg_choice(call, "mode", modes, &mode));
  if (data->rank >= 0 && indices->rank >= 0) {
    int axis;
    POME__TRY(pome__arg_axis(call, "axis", data->rank, &axis));
    dims_builder want = {0, {0}};
    append_dims(&want, data, 0, axis);
    append_dims(&want, indices, 0, indices->rank);
    append_dims(&want, data, axis + 1, data->rank);
    POME__TRY(check_updates(call, &want));
  }
  return pome__infer_same(call);
}

static pome_status infer_scatter_along_axis(pome__call *call) {
  const pome__type *data = pome__arg_type(call, "data");
  const pome__type *indices = pome__arg_type(call, "indices");
  int mode;
  POME__TRY(pome__arg_choice(call, "mode", modes, &mode));
  if (data->rank >= 0 && indices->rank >= 0) {
    int axis;
    POME__TRY(pome__need_rank(call, pome__arg_index(call, "indices"), 0, data->rank, data->rank));
    POME__TRY(pome__arg_axis(call, "axis", data->rank, &axis));
    for (int i = 0; i < data->rank; i++) {
      if (i == axis) continue;
      POME__TRY(pome__need_dims_equal(call, "a dimension of data", data->dims[i], "that of indices",
                                      indices->dims[i]));
    }
    dims_builder want = {0, {0}};
    append_dims(&want, indices, 0, indices->rank);
    POME__TRY(check_updates(call, &want));
  }
  return pome__infer_same(call);
}

static pome_status infer_scatter_nd(pome__call *call) {
  const pome__type *data = pome__arg_type(call, "data");
  const pome__type *indices = pome__arg_type(call, "indices");
  int mode;
  int64_t length;
  POME__TRY(pome__arg_choice(call, "mode", modes, &mode));
  POME__TRY(tuple_length(call, data, indices, 0, &length));
  if (data->rank >= 0 && length != POME_DIM_UNKNOWN) {
    dims_builder want = {0, {0}};
    append_dims(&want, indices, 0, indices->rank - 1);
    append_dims(&want, data, length, data->rank);
    POME__TRY(check_updates(call, &want));
  }
  return pome__infer_same(call);
}

/* ---- gathering ---- */

/* x is [batch, middle, dim, inner], indices [batch, count], y [batch, middle, count, inner]. */
static pome_status eval_gather(pome__call *call) {
  const pome_tensor *x = pome__arg_tensor(call, "x");
  pome_tensor *y = &call->outputs[0];
  index_rule rule = rule_of(call);
  int64_t batch_dims;
  int axis;
  POME__TRY(batch_dims_of(call, &batch_dims));
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  int64_t batch = pome__dims_product(x->shape, 0, (int)batch_dims);
  int64_t middle = pome__dims_product(x->shape, (int)batch_dims, axis);
  int64_t dim = x->shape[axis];
  int64_t inner = pome__dims_product(x->shape, axis + 1, x->rank);
  int64_t count = pome__dims_product(rule.indices->shape, (int)batch_dims, rule.indices->rank);
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t i = 0; i < count; i++) {
      int64_t index;
      if (pome_tensor_count(y) == 0) return POME_OK;
      POME__TRY(take_element(&rule, b * count + i, dim, &index));
      const int64_t shape[2] = {middle, inner};
      const int64_t from[2] = {dim * inner, 1};
      const int64_t to[2] = {count * inner, 1};
      pome__move(2, shape, x, (b * middle * dim + index) * inner, from, y,
                 (b * middle * count + i) * inner, to);
    }
  }
  return POME_OK;
}

/* Element `at` of indices lies on a line along the axis; where that line begins in the tensor that
 * is indexed. */
static int64_t line_begin(const pome_tensor *indices, const pome_tensor *x, int axis, int64_t at,
                          int64_t *step) {
  int64_t inner = pome__dims_product(indices->shape, axis + 1, indices->rank);
  *step = inner;
  return at / inner / indices->shape[axis] * x->shape[axis] * inner + at % inner;
}

static pome_status eval_gather_along_axis(pome__call *call) {
  const pome_tensor *x = pome__arg_tensor(call, "x");
  pome_tensor *y = &call->outputs[0];
  index_rule rule = rule_of(call);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  int64_t count = (int64_t)pome_tensor_count(y);
  for (int64_t i = 0; i < count; i++) {
    int64_t index;
    int64_t step;
    POME__TRY(take_element(&rule, i, x->shape[axis], &index));
    int64_t begin = line_begin(rule.indices, x, axis, i, &step);
    pome__move_run(x, begin + index * step, y, i, 1);
  }
  return POME_OK;
}

/* Where the tuple number `tuple` points to, in elements of a tensor whose indexed dimensions begin
 * at `first`. */
static pome_status tuple_offset(const index_rule *rule, const pome_tensor *x, int first,
                                int64_t length, int64_t tuple, bool gather, int64_t *offset,
                                bool *inside) {
  int64_t strides[POME_MAX_RANK];
  pome__shape_strides(x->rank, x->shape, strides);
  *offset = 0;
  *inside = true;
  for (int64_t k = 0; k < length; k++) {
    int64_t index;
    bool in = true;
    int64_t dim = x->shape[first + k];
    if (gather) {
      POME__TRY(take_element(rule, tuple * length + k, dim, &index));
    } else {
      POME__TRY(take_index(rule, tuple * length + k, dim, &index, &in));
    }
    *inside = *inside && in;
    *offset += index * strides[first + k];
  }
  return POME_OK;
}

static pome_status eval_gather_nd(pome__call *call) {
  const pome_tensor *x = pome__arg_tensor(call, "x");
  pome_tensor *y = &call->outputs[0];
  index_rule rule = rule_of(call);
  int64_t batch_dims;
  POME__TRY(batch_dims_of(call, &batch_dims));
  int64_t length = rule.indices->shape[rule.indices->rank - 1];
  int first = (int)batch_dims;
  int64_t batch = pome__dims_product(x->shape, 0, first);
  int64_t batch_size = pome__dims_product(x->shape, first, x->rank);
  int64_t tuples = pome__dims_product(rule.indices->shape, first, rule.indices->rank - 1);
  int64_t inner = pome__dims_product(x->shape, first + (int)length, x->rank);
  if (pome_tensor_count(y) == 0) return POME_OK;
  for (int64_t t = 0; t < batch * tuples; t++) {
    int64_t offset;
    bool inside;
    POME__TRY(tuple_offset(&rule, x, first, length, t, true, &offset, &inside));
    pome__move_run(x, t / tuples * batch_size + offset, y, t * inner, inner);
  }
  return POME_OK;
}

/* ---- scattering ---- */

static double combine_f64(double a, double b, int mode) {
  switch (mode) {
  case ADD: return a + b;
  case SUB: return a - b;
  case MUL: return a * b;
  case DIV: return a / b;
  case MAX: return b > a ? b : a;
  case MIN: return b < a ? b : a;
  default: return b;
  }
}

static int64_t combine_i64(int64_t a, int64_t b, int mode) {
  switch (mode) {
  case ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
  case SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
  case MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
  case DIV: return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
  case MAX: return b > a ? b : a;
  case MIN: return b < a ? b : a;
  default: return b;
  }
}

/* y[to .. to+n-1] = y op updates[from ..] */
static void combine_run(pome_tensor *y, int64_t to, const pome_tensor *updates, int64_t from,
                        int64_t n, int mode) {
  if (mode == UPDATE) {
    pome__move_run(updates, from, y, to, n);
    return;
  }
  bool floating = pome__dtype_is_float(y->dtype);
  for (int64_t i = 0; i < n; i++) {
    if (floating) {
      double a;
      double b;
      pome__load_f64(y->data, y->dtype, to + i, 1, 1, &a);
      pome__load_f64(updates->data, updates->dtype, from + i, 1, 1, &b);
      a = combine_f64(a, b, mode);
      pome__store_f64(y->data, y->dtype, to + i, 1, 1, &a);
    } else {
      int64_t a;
      int64_t b;
      pome__load_i64(y->data, y->dtype, to + i, 1, 1, &a);
      pome__load_i64(updates->data, updates->dtype, from + i, 1, 1, &b);
      a = combine_i64(a, b, mode);
      pome__store_i64(y->data, y->dtype, to + i, 1, 1, &a);
    }
  }
}

typedef struct scatter {
  const pome_tensor *updates;
  pome_tensor *y;
  index_rule rule;
  int mode;
} scatter;

/* The output begins as a copy of data. */
static pome_status begin_scatter(pome__call *call, scatter *s) {
  s->updates = pome__arg_tensor(call, "updates");
  s->y = &call->outputs[0];
  s->rule = rule_of(call);
  pome__move_all(pome__arg_tensor(call, "data"), s->y);
  return pome__arg_choice(call, "mode", modes, &s->mode);
}

static pome_status eval_scatter(pome__call *call) {
  scatter s;
  int axis;
  POME__TRY(begin_scatter(call, &s));
  POME__TRY(pome__arg_axis(call, "axis", s.y->rank, &axis));
  int64_t outer = pome__dims_product(s.y->shape, 0, axis);
  int64_t dim = s.y->shape[axis];
  int64_t inner = pome__dims_product(s.y->shape, axis + 1, s.y->rank);
  int64_t count = (int64_t)pome_tensor_count(s.rule.indices);
  for (int64_t i = 0; i < count; i++) {
    int64_t index;
    bool inside;
    POME__TRY(take_index(&s.rule, i, dim, &index, &inside));
    for (int64_t o = 0; inside && o < outer; o++) {
      combine_run(s.y, (o * dim + index) * inner, s.updates, (o * count + i) * inner, inner,
                  s.mode);
    }
  }
  return POME_OK;
}

static pome_status eval_scatter_along_axis(pome__call *call) {
  scatter s;
  int axis;
  POME__TRY(begin_scatter(call, &s));
  POME__TRY(pome__arg_axis(call, "axis", s.y->rank, &axis));
  int64_t count = (int64_t)pome_tensor_count(s.updates);
  for (int64_t i = 0; i < count; i++) {
    int64_t index;
    int64_t step;
    bool inside;
    POME__TRY(take_index(&s.rule, i, s.y->shape[axis], &index, &inside));
    int64_t begin = line_begin(s.rule.indices, s.y, axis, i, &step);
    if (inside) combine_run(s.y, begin + index * step, s.updates, i, 1, s.mode);
  }
  return POME_OK;
}

static pome_status eval_scatter_nd(pome__call *call) {
  scatter s;
  POME__TRY(begin_scatter(call, &s));
  const pome_tensor *indices = s.rule.indices;
  int64_t length = indices->shape[indices->rank - 1];
  int64_t tuples = pome__dims_product(indices->shape, 0, indices->rank - 1);
  int64_t inner = pome__dims_product(s.y->shape, (int)length, s.y->rank);
  for (int64_t t = 0; t < tuples; t++) {
    int64_t offset;
    bool inside;
    POME__TRY(tuple_offset(&s.rule, s.y, 0, length, t, false, &offset, &inside));
    if (inside) combine_run(s.y, offset, s.updates, t * inner, inner, s.mode);
  }
  return POME_OK;
}

/* ---- rows ---- */

#define I32        POME__BIT(INT32)
#define CONST      POME__PARAM_CONST
#define I16        (I32 | POME__BIT(UINT16) | POME__BIT(INT16))
#define I17        (I16 | POME__BIT(INT8) | POME__BIT(UINT8))
#define X17        (POME__TFI | I17)
#define AXIS       POME__P_INT("axis", 0, I32, CONST, 0)
#define BATCH_DIMS POME__P_INT("batch_dims", 0, I32, CONST, 0)
#define VALIDATE   POME__P_BOOL("validate_indices", CONST, false)
#define SOURCE(x_types, index_types)                                                               \
  POME__P("x", 'T', x_types, 0), POME__P("indices", 'I', index_types, 0)
#define TARGET                                                                                     \
  POME__P("data", 'T', POME__TFI, 0), POME__P("indices", 0, I32, 0),                               \
      POME__P("updates", 'T', POME__TFI, 0)
#define MODE POME__P_STRING("mode", CONST, "add")

static const pome__param gather_15[] = {SOURCE(POME__TFI, I32), AXIS};
static const pome__param gather_16[] = {SOURCE(POME__TFI, I16), AXIS, BATCH_DIMS};
static const pome__param gather_17[] = {SOURCE(X17, I17), AXIS, BATCH_DIMS, VALIDATE};
static const pome__param along_15[] = {SOURCE(POME__TFI, I32), AXIS};
static const pome__param along_16[] = {SOURCE(POME__TFI, I16), AXIS};
static const pome__param along_17[] = {SOURCE(X17, I17), AXIS, VALIDATE};
static const pome__param nd_15[] = {SOURCE(POME__TFI, I32)};
static const pome__param nd_16[] = {SOURCE(POME__TFI, I16), BATCH_DIMS};
static const pome__param nd_17[] = {SOURCE(X17, I17), BATCH_DIMS, VALIDATE};
static const pome__param scatter_15[] = {TARGET, AXIS, MODE};
static const pome__param scatter_17[] = {TARGET, AXIS, MODE, VALIDATE};
static const pome__param scatter_nd_15[] = {TARGET, MODE};
static const pome__param scatter_nd_17[] = {TARGET, MODE, VALIDATE};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("gather", IOS13, gather_15, infer_gather, eval_gather),
    PURE("gather", IOS16, gather_16, infer_gather, eval_gather),
    PURE("gather", IOS17, gather_17, infer_gather, eval_gather),
    PURE("gather_along_axis", IOS13, along_15, infer_gather_along_axis, eval_gather_along_axis),
    PURE("gather_along_axis", IOS16, along_16, infer_gather_along_axis, eval_gather_along_axis),
    PURE("gather_along_axis", IOS17, along_17, infer_gather_along_axis, eval_gather_along_axis),
    PURE("gather_nd", IOS13, nd_15, infer_gather_nd, eval_gather_nd),
    PURE("gather_nd", IOS16, nd_16, infer_gather_nd, eval_gather_nd),
    PURE("gather_nd", IOS17, nd_17, infer_gather_nd, eval_gather_nd),
    PURE("scatter", IOS13, scatter_15, infer_scatter, eval_scatter),
    PURE("scatter", IOS17, scatter_17, infer_scatter, eval_scatter),
    PURE("scatter_along_axis", IOS13, scatter_15, infer_scatter_along_axis,
         eval_scatter_along_axis),
    PURE("scatter_along_axis", IOS17, scatter_17, infer_scatter_along_axis,
         eval_scatter_along_axis),
    PURE("scatter_nd", IOS13, scatter_nd_15, infer_scatter_nd, eval_scatter_nd),
    PURE("scatter_nd", IOS17, scatter_nd_17, infer_scatter_nd, eval_scatter_nd),
};

const pome__schema *pome__ops_scatter_gather(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
