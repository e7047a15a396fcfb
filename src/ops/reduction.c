/* Family reduction: sums, products, extremes and norms over axes, and the place of an extreme.
 *
 * Sums accumulate in double (integers: exactly, wrapping at the end). Results that are not whole
 * are truncated for integer inputs. The extreme of a group with a NaN is NaN. An empty group gives
 * the neutral element.
 */
#include <math.h>

#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"

#define FAMILY "reduction"
enum { X, AXES, KEEP_DIMS };

/* ---- folds ---- */

/* The step of a fold from `s` (state[0]) and `v`, for doubles or for integers. */
#define RUN(name, type, step)                                                                      \
  static void name(size_t n, const type *x, type state[4]) {                                       \
    type s = state[0];                                                                             \
    for (size_t i = 0; i < n; i++) {                                                               \
      type v = x[i];                                                                               \
      s = step;                                                                                    \
    }                                                                                              \
    state[0] = s;                                                                                  \
  }
RUN(sum_f64, double, s + v)
RUN(sum_i64, int64_t, (int64_t)((uint64_t)s + (uint64_t)v))
RUN(square_f64, double, s + v * v)
RUN(square_i64, int64_t, (int64_t)((uint64_t)s + (uint64_t)v * (uint64_t)v))
RUN(absolute_f64, double, s + fabs(v))
RUN(absolute_i64, int64_t, (int64_t)((uint64_t)s + (uint64_t)(v < 0 ? -v : v)))
RUN(product_f64, double, s *v)
RUN(product_i64, int64_t, (int64_t)((uint64_t)s *(uint64_t)v))
RUN(max_f64, double, v > s || v != v ? v : s)
RUN(max_i64, int64_t, v > s ? v : s)
RUN(min_f64, double, v < s || v != v ? v : s)
RUN(min_i64, int64_t, v < s ? v : s)

static double end_mean(const double state[4], size_t count) {
  return state[0] / (double)count;
}
static double end_root(const double state[4], size_t count) {
  (void)count;
  return sqrt(state[0]);
}
static double end_log(const double state[4], size_t count) {
  (void)count;
  return log(state[0]);
}

/* state: the highest value so far, and the sum of exp(x - highest). */
static void log_sum_exp_f64(size_t n, const double *x, double state[4]) {
  for (size_t i = 0; i < n; i++) {
    if (x[i] > state[0]) {
      state[1] *= exp(state[0] - x[i]);
      state[0] = x[i];
    }
    if (x[i] == state[0] || x[i] != x[i]) {
      state[1] += x[i] == x[i] ? 1 : x[i];
    } else {
      state[1] += exp(x[i] - state[0]);
    }
  }
}
static double end_log_sum_exp(const double state[4], size_t count) {
  (void)count;
  return isinf(state[0]) && state[1] == state[1] ? state[0] : state[0] + log(state[1]);
}

/* state: extreme, its index, how many came before. The first of equals wins, and the first NaN wins
 * over all. */
#define ARG(name, type, better)                                                                    \
  static void name(size_t n, const type *x, type state[4]) {                                       \
    for (size_t i = 0; i < n; i++) {                                                               \
      type v = x[i], s = state[0];                                                                 \
      if (state[2] == 0 || better) {                                                               \
        state[0] = v;                                                                              \
        state[1] = state[2];                                                                       \
      }                                                                                            \
      state[2] += 1;                                                                               \
    }                                                                                              \
  }
ARG(argmax_f64, double, v > s || (v != v && s == s))
ARG(argmax_i64, int64_t, v > s)
ARG(argmin_f64, double, v < s || (v != v && s == s))
ARG(argmin_i64, int64_t, v < s)
static double end_arg(const double state[4], size_t count) {
  (void)count;
  return state[1];
}
static int64_t end_arg_i64(const int64_t state[4], size_t count) {
  (void)count;
  return state[1];
}

/* ---- shapes ---- */

/* The axes that are reduced; `known` is false while x's rank is not known. */
static pome_status reduced_axes(pome__call *call, uint32_t *axes, bool *known) {
  int rank = pome__type_of(call, X, 0)->rank;
  *known = rank >= 0;
  if (rank < 0) return POME_OK;
  const char *name = call->op->schema->params[AXES].name;
  if (call->op->schema->params[AXES].fallback.kind == POME__DEFAULT_NONE) {
    return pome__axes_param(call, name, rank, axes, known);
  }
  int64_t value; /* reduce_arg*: a single axis */
  int axis;
  if (!pome__int_of(call, AXES, &value)) return pome__call_fail(call, "axis must be an integer");
  POME__TRY(pome__axis(call, name, value, rank, &axis));
  *axes = (uint32_t)1 << axis;
  return POME_OK;
}

static pome_status infer_shape(pome__call *call, pome_dtype dtype) {
  const pome__type *x = pome__type_of(call, X, 0);
  uint32_t axes;
  bool known;
  bool keep;
  POME__TRY(reduced_axes(call, &axes, &known));
  if (!pome__bool_of(call, KEEP_DIMS, &keep))
    return pome__call_fail(call, "keep_dims must be a bool");
  if (!known) return pome__out(call, 0, dtype, -1, NULL);
  int rank = 0;
  int64_t dims[POME_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    if ((axes >> i & 1) == 0) {
      dims[rank++] = x->dims[i];
    } else if (keep) {
      dims[rank++] = 1;
    }
  }
  return pome__out(call, 0, dtype, rank, dims);
}

static pome_status infer_axes(pome__call *call) {
  return infer_shape(call, pome__type_of(call, X, 0)->dtype);
}

/* Among no elements there is no largest one. */
static pome_status infer_place(pome__call *call, pome_dtype dtype) {
  const pome__type *x = pome__type_of(call, X, 0);
  uint32_t axes;
  bool known;
  POME__TRY(reduced_axes(call, &axes, &known));
  for (int i = 0; known && i < x->rank; i++) {
    if ((axes >> i & 1) != 0 && x->dims[i] == 0)
      return pome__call_fail(call, "x has no elements along axis %d", i);
  }
  return infer_shape(call, dtype);
}

static pome_status infer_arg_15(pome__call *call) {
  return infer_place(call, POME_INT32);
}

static pome_status infer_arg_17(pome__call *call) {
  pome_dtype dtype;
  POME__TRY(pome__dtype_param(call, "output_dtype", POME__BIT(INT32) | POME__BIT(UINT16), &dtype));
  if (dtype == POME_DTYPE_NONE) return pome__call_fail(call, "output_dtype must be known");
  return infer_place(call, dtype);
}

static pome_status run_fold(pome__call *call, const pome__fold *fold) {
  uint32_t axes;
  bool known;
  POME__TRY(reduced_axes(call, &axes, &known));
  if (!known) return pome__call_fail(call, "axes must be known");
  pome__fold_axes(call, pome__tensor_of(call, X, 0), axes, &call->outputs[0], fold);
  return POME_OK;
}

#define EVAL(name, ...)                                                                            \
  static pome_status eval_##name(pome__call *call) {                                               \
    static const pome__fold fold = {__VA_ARGS__};                                                  \
    return run_fold(call, &fold);                                                                  \
  }
EVAL(reduce_argmax, 0, argmax_f64, end_arg, 0, argmax_i64, end_arg_i64)
EVAL(reduce_argmin, 0, argmin_f64, end_arg, 0, argmin_i64, end_arg_i64)
EVAL(reduce_l1_norm, 0, absolute_f64, NULL, 0, absolute_i64, NULL)
EVAL(reduce_l2_norm, 0, square_f64, end_root, 0, NULL, NULL)
EVAL(reduce_log_sum, 0, sum_f64, end_log, 0, NULL, NULL)
EVAL(reduce_log_sum_exp, -INFINITY, log_sum_exp_f64, end_log_sum_exp, 0, NULL, NULL)
EVAL(reduce_max, -INFINITY, max_f64, NULL, INT32_MIN, max_i64, NULL)
EVAL(reduce_mean, 0, sum_f64, end_mean, 0, NULL, NULL)
EVAL(reduce_min, INFINITY, min_f64, NULL, INT32_MAX, min_i64, NULL)
EVAL(reduce_prod, 1, product_f64, NULL, 1, product_i64, NULL)
EVAL(reduce_sum, 0, sum_f64, NULL, 0, sum_i64, NULL)
EVAL(reduce_sum_square, 0, square_f64, NULL, 0, square_i64, NULL)

/* ---- rows ---- */

static const pome__param over_axes[] = {
    POME__P("x", 'T', POME__TFI, 0),
    POME__P("axes", 0, POME__BIT(INT32), POME__PARAM_CONST | POME__PARAM_OPTIONAL),
    POME__P_BOOL("keep_dims", POME__PARAM_CONST, 0),
};
static const pome__param arg_15[] = {
    POME__P("x", 'T', POME__TFI, 0),
    POME__P_INT("axis", 0, POME__BIT(INT32), POME__PARAM_CONST, -1),
    POME__P_BOOL("keep_dims", POME__PARAM_CONST, 0),
};
static const pome__param arg_17[] = {
    POME__P("x", 'T', POME__TFI, 0),
    POME__P_INT("axis", 0, POME__BIT(INT32), POME__PARAM_CONST, -1),
    POME__P_BOOL("keep_dims", POME__PARAM_CONST, 0),
    POME__P_STRING("output_dtype", POME__PARAM_CONST, "int32"),
};

#define ROW(name, since, params, infer)                                                            \
  POME__ROW(#name, FAMILY, since, POME__OP_PURE, params, infer, eval_##name)
#define OVER_AXES(name) ROW(name, POME__IOS13, over_axes, infer_axes)

static const pome__schema rows[] = {
    ROW(reduce_argmax, POME__IOS13, arg_15, infer_arg_15),
    ROW(reduce_argmax, POME__IOS17, arg_17, infer_arg_17),
    ROW(reduce_argmin, POME__IOS13, arg_15, infer_arg_15),
    ROW(reduce_argmin, POME__IOS17, arg_17, infer_arg_17),
    OVER_AXES(reduce_l1_norm),
    OVER_AXES(reduce_l2_norm),
    OVER_AXES(reduce_log_sum),
    OVER_AXES(reduce_log_sum_exp),
    OVER_AXES(reduce_max),
    OVER_AXES(reduce_mean),
    OVER_AXES(reduce_min),
    OVER_AXES(reduce_prod),
    OVER_AXES(reduce_sum),
    OVER_AXES(reduce_sum_square),
};

const pome__schema *pome__ops_reduction(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
