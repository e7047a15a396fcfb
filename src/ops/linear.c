/* Family linear: linear, matmul and einsum, all of them matrix products over batches. */
#include <string.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/loops.h"
#include "ops/product.h"
#include "tensor/shape.h"

#define FAMILY "linear"

/* ---- linear ---- */

static pome_status infer_linear(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *weight = pome__type_of(call, 1, 0);
  const pome__type *bias = pome__arg_type(call, "bias");
  POME__TRY(pome__need_rank(call, 0, 0, 1, POME_MAX_RANK));
  POME__TRY(pome__need_rank(call, 1, 0, 2, 2));
  int64_t outputs = weight->rank < 0 ? POME_DIM_UNKNOWN : weight->dims[0];
  if (bias != NULL && bias->rank >= 0) {
    POME__TRY(pome__need_rank(call, 2, 0, 1, 1));
    POME__TRY(pome__need_dims_equal(call, "the size of bias", bias->dims[0],
                                    "the first dimension of weight", outputs));
  }
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  if (weight->rank == 2) {
    POME__TRY(pome__need_dims_equal(call, "the last dimension of x", x->dims[x->rank - 1],
                                    "the last dimension of weight", weight->dims[1]));
  }
  int64_t dims[POME_MAX_RANK];
  memcpy(dims, x->dims, sizeof(dims));
  dims[x->rank - 1] = outputs;
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

static pome_status eval_linear(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *weight = pome__tensor_of(call, 1, 0);
  size_t k = (size_t)weight->shape[1];
  size_t n = (size_t)weight->shape[0];
  int64_t m = pome__dims_product(x->shape, 0, x->rank - 1);
  pome__product product = {
      .m = (size_t)m,
      .n = n,
      .k = k,
      .x = {x, 0, (int64_t)k, 1},
      .w = {weight, 0, (int64_t)k, 1},
      .bias = pome__arg_tensor(call, "bias"),
      .y = &call->outputs[0],
      .y_row = (int64_t)n,
      .y_column = 1,
  };
  pome__product_space space;
  POME__TRY(pome__product_prepare(call, &product, &space));
  pome__product_run(call, &product, &space);
  return POME_OK;
}

/* ---- matmul ---- */

/* The last two dimensions of an operand as rows and columns of the product, and what is before
 * them. A vector is a row on the left and a column on the right; `vector` says that this dimension
 * goes again. */
typedef struct side {
  int batch_rank;
  int64_t rows, columns;
  bool vector;
} side;

static side take_side(int rank, const int64_t *dims, bool transposed, bool left) {
  if (rank == 1) {
    side vector = {0, left ? 1 : dims[0], left ? dims[0] : 1, true};
    return vector;
  }
  side matrix = {rank - 2, dims[rank - 2], dims[rank - 1], false};
  if (transposed) {
    matrix.rows = dims[rank - 1];
    matrix.columns = dims[rank - 2];
  }
  return matrix;
}

/* Operands may differ in type when one of them is a constant; the other one's is the result's. */
static pome_dtype matmul_dtype(const pome__call *call) {
  const pome__value *x = pome__op_operand_value(call->op, call->first[0]);
  const pome__value *y = pome__op_operand_value(call->op, call->first[1]);
  bool constant_left = x->literal != NULL && y->literal == NULL;
  return pome__type_of(call, constant_left ? 1 : 0, 0)->dtype;
}

static pome_status infer_matmul(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *y = pome__type_of(call, 1, 0);
  POME__TRY(pome__need_rank(call, 0, 0, 1, POME_MAX_RANK));
  POME__TRY(pome__need_rank(call, 1, 0, 1, POME_MAX_RANK));
  pome_dtype dtype = matmul_dtype(call);
  if (x->rank < 0 || y->rank < 0) return pome__out(call, 0, dtype, -1, NULL);
  bool transpose_x = pome__arg_bool(call, "transpose_x");
  if (x->rank == 1 && transpose_x)
    return pome__call_fail(call, "'x' has rank 1 and cannot be transposed");
  side left = take_side(x->rank, x->dims, transpose_x, true);
  side right = take_side(y->rank, y->dims, pome__arg_bool(call, "transpose_y"), false);
  POME__TRY(pome__need_dims_equal(call, "the number of columns of x", left.columns,
                                  "the number of rows of y", right.rows));
  pome__type batch_x = pome__type_tensor(dtype, left.batch_rank, x->dims);
  pome__type batch_y = pome__type_tensor(dtype, right.batch_rank, y->dims);
  POME__TRY(pome__infer_broadcast(call, &batch_x, &batch_y, dtype, 0));
  int64_t dims[POME_MAX_RANK + 2];
  int rank = call->out_types[0].rank;
  memcpy(dims, call->out_types[0].dims, (size_t)rank * sizeof(dims[0]));
  if (!left.vector) dims[rank++] = left.rows;
  if (!right.vector) dims[rank++] = right.columns;
  return pome__out(call, 0, dtype, rank, dims);
}

/* One product for each index of the batch dimensions. */
static pome_status run_batches(pome__call *call, pome__product *p, const side *left,
                               const side *right) {
  const pome_tensor *x = p->x.tensor;
  const pome_tensor *w = p->w.tensor;
  int rank = 0;
  int64_t shape[POME_MAX_RANK];
  pome__shape_broadcast(left->batch_rank, x->shape, right->batch_rank, w->shape, &rank, shape);
  int64_t strides[3][POME_MAX_RANK];
  pome__shape_broadcast_strides(left->batch_rank, x->shape, rank, shape, strides[0]);
  pome__shape_broadcast_strides(right->batch_rank, w->shape, rank, shape, strides[1]);
  pome__shape_strides(rank, shape, strides[2]);
  int64_t sizes[3] = {(int64_t)(p->m * p->k), (int64_t)(p->n * p->k), (int64_t)(p->m * p->n)};
  for (int i = 0; i < 3; i++) {
    for (int d = 0; d < rank; d++) strides[i][d] *= sizes[i];
  }
  pome__product_space space;
  POME__TRY(pome__product_prepare(call, p, &space));
  pome__walk walk;
  pome__walk_begin(&walk, rank, shape);
  for (int i = 0; i < 3; i++) pome__walk_add(&walk, 0, strides[i]);
  while (pome__walk_next(&walk)) {
    for (int64_t i = 0; i < (int64_t)walk.length; i++) {
      p->x.offset = walk.offset[0] + i * walk.step[0];
      p->w.offset = walk.offset[1] + i * walk.step[1];
      p->y_offset = walk.offset[2] + i * walk.step[2];
      pome__product_run(call, p, &space);
    }
  }
  return POME_OK;
}

static pome_status eval_matmul(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *y = pome__tensor_of(call, 1, 0);
  bool transpose_x = pome__arg_bool(call, "transpose_x") && x->rank > 1;
  bool transpose_y = pome__arg_bool(call, "transpose_y") && y->rank > 1;
  side left = take_side(x->rank, x->shape, transpose_x, true);
  side right = take_side(y->rank, y->shape, transpose_y, false);
  if (!transpose_x && right.batch_rank == 0 &&
      !left.vector) { /* the batch of x is only more rows */
    left.rows *= pome__dims_product(x->shape, 0, left.batch_rank);
    left.batch_rank = 0;
  }
  pome__product product = {
      .m = (size_t)left.rows,
      .n = (size_t)right.columns,
      .k = (size_t)left.columns,
      .x = {x, 0, transpose_x ? 1 : left.columns, transpose_x ? left.rows : 1},
      .w = {y, 0, transpose_y ? right.rows : 1, transpose_y ? 1 : right.columns},
      .y = &call->outputs[0],
      .y_row = right.columns,
      .y_column = 1,
  };
  if (right.vector) product.w = (pome__matrix){y, 0, right.rows, 1};
  return run_batches(call, &product, &left, &right);
}

/* ---- einsum: the two equations that MIL knows, "nchw,nwhu->nchu" and "chw,whr->chr", under any
 * names ---- */

static pome_status read_equation(pome__call *call, int *rank) {
  pome_string text;
  if (!pome__string_of(call, pome__arg_index(call, "equation"), &text)) {
    return pome__call_fail(call, "parameter 'equation' must have a known value");
  }
  static const char *const known[2] = {"nchw,nwhu->nchu", "chw,whr->chr"};
  char packed[24] = "";
  size_t n = 0;
  for (size_t i = 0; i < text.size && n + 1 < sizeof(packed); i++) {
    if (text.data[i] != ' ') packed[n++] = text.data[i];
  }
  for (int e = 0; e < 2; e++) {
    unsigned char to[256] = {0};
    unsigned char from[256] = {0};
    bool same = strlen(known[e]) == n;
    for (size_t i = 0; same && i < n; i++) {
      unsigned char a = (unsigned char)known[e][i];
      unsigned char b = (unsigned char)packed[i];
      bool letter = a >= 'a' && a <= 'z';
      same = letter ? b != ',' && b != '-' && b != '>' && (to[a] == 0 || to[a] == b) &&
                          (from[b] == 0 || from[b] == a)
                    : a == b;
      if (letter) to[a] = b, from[b] = a;
    }
    if (same) {
      *rank = 4 - e;
      return POME_OK;
    }
  }
  return pome__call_fail(
      call,
      "equation \"%.*s\" is not supported; allowed: \"%s\", \"%s\" and these with other letters",
      (int)(text.size < 60 ? text.size : 60), text.data, known[0], known[1]);
}

static pome_status einsum_dim(pome__call *call, const char *what, int64_t a, int64_t b,
                              int64_t *out) {
  if (a == POME_DIM_UNKNOWN || b == POME_DIM_UNKNOWN) {
    *out = a > 1 ? a : b > 1 ? b : POME_DIM_UNKNOWN;
    return POME_OK;
  }
  if (a != b && a != 1 && b != 1)
    return pome__need_dims_equal(call, what, a, "that of the second value", b);
  *out = a == 1 ? b : a;
  return POME_OK;
}

static pome_status infer_einsum(pome__call *call) {
  if (pome__count(call, 0) != 2)
    return pome__call_fail(call, "takes 2 values, not %zu", pome__count(call, 0));
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *y = pome__type_of(call, 0, 1);
  int rank;
  POME__TRY(read_equation(call, &rank));
  if (x->dtype != y->dtype) {
    return pome__call_fail(call, "the values are %s and %s; they must have one element type",
                           pome_dtype_name(x->dtype), pome_dtype_name(y->dtype));
  }
  POME__TRY(pome__need_rank(call, 0, 0, rank, rank));
  POME__TRY(pome__need_rank(call, 0, 1, rank, rank));
  int64_t dims[4] = {-1, -1, -1, -1};
  if (x->rank < 0 || y->rank < 0) return pome__out(call, 0, x->dtype, rank, dims);
  const int64_t *a = x->dims + rank - 3;
  const int64_t *b = y->dims + rank - 3;
  int64_t *out = dims + rank - 3;
  POME__TRY(pome__need_dims_equal(call, "the last dimension of the first value", a[2],
                                  "the third dimension from the end of the second", b[0]));
  out[0] = a[0];
  POME__TRY(einsum_dim(call, "the second dimension from the end of the first value", a[1], b[1],
                       &out[1]));
  out[2] = b[2];
  if (rank == 4)
    POME__TRY(einsum_dim(call, "the batch of the first value", x->dims[0], y->dims[0], &dims[0]));
  return pome__out(call, 0, x->dtype, rank, dims);
}

static pome_status eval_einsum(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *y = pome__tensor_of(call, 0, 1);
  pome_tensor *z = &call->outputs[0];
  int skip = z->rank - 3;
  const int64_t *a = x->shape + skip;
  const int64_t *b = y->shape + skip;
  const int64_t *c = z->shape + skip;
  int64_t batches = skip == 1 ? z->shape[0] : 1;
  int64_t batch_x = skip == 1 && x->shape[0] > 1 ? a[0] * a[1] * a[2] : 0;
  int64_t batch_y = skip == 1 && y->shape[0] > 1 ? b[0] * b[1] * b[2] : 0;
  pome__product product = {
      .m = (size_t)a[0],
      .n = (size_t)b[2],
      .k = (size_t)a[2],
      .x = {x, 0, a[1] * a[2], 1},
      .w = {y, 0, 1, b[1] * b[2]},
      .y = z,
      .y_row = c[1] * c[2],
      .y_column = 1,
  };
  pome__product_space space;
  POME__TRY(pome__product_prepare(call, &product, &space));
  for (int64_t i = 0; i < batches; i++) {
    for (int64_t h = 0; h < c[1]; h++) {
      product.x.offset = i * batch_x + (a[1] > 1 ? h * a[2] : 0);
      product.w.offset = i * batch_y + (b[1] > 1 ? h * b[2] : 0);
      product.y_offset = i * c[0] * c[1] * c[2] + h * c[2];
      pome__product_run(call, &product, &space);
    }
  }
  return POME_OK;
}

/* ---- rows ---- */

#define CONST    POME__PARAM_CONST
#define OPTIONAL (POME__PARAM_CONST | POME__PARAM_OPTIONAL)

static const pome__param linear_15[] = {POME__P("x", 'T', POME__TFI, 0),
                                        POME__P("weight", 'T', POME__TFI, CONST),
                                        POME__P("bias", 'T', POME__TFI, OPTIONAL)};
static const pome__param linear_17[] = {POME__P("x", 'T', POME__TFI, 0),
                                        POME__P("weight", 'U', POME__TFI, CONST),
                                        POME__P("bias", 'U', POME__TFI, OPTIONAL)};
static const pome__param matmul_15[] = {
    POME__P("x", 'T', POME__TFI, 0), POME__P("y", 'T', POME__TFI, 0),
    POME__P_BOOL("transpose_x", CONST, false), POME__P_BOOL("transpose_y", CONST, false)};
static const pome__param matmul_17[] = {
    POME__P("x", 'T', POME__TFI, 0), POME__P("y", 'U', POME__TFI, 0),
    POME__P_BOOL("transpose_x", CONST, false), POME__P_BOOL("transpose_y", CONST, false)};
static const pome__param einsum_15[] = {POME__P("values", 0, POME__TF, POME__PARAM_TUPLE),
                                        POME__P("equation", 0, POME__BIT(STRING), CONST)};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("einsum", IOS13, einsum_15, infer_einsum, eval_einsum),
    PURE("linear", IOS13, linear_15, infer_linear, eval_linear),
    PURE("linear", IOS17, linear_17, infer_linear, eval_linear),
    PURE("matmul", IOS13, matmul_15, infer_matmul, eval_matmul),
    PURE("matmul", IOS17, matmul_17, infer_matmul, eval_matmul),
};

const pome__schema *pome__ops_linear(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
