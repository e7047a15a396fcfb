/* Family elementwise_unary: one element in, one element out, and cast.
 *
 * The maps follow numpy: round goes to even, comparisons let NaN through. An absent epsilon is the
 * default rounded to the declared type of x, as coremltools makes it: 1e-45 is 0 in fp16.
 */
#include <math.h>

#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"
#include "ops/soft_math.h"
#include "tensor/element.h"

#define FAMILY "elementwise_unary"

/* Numbers that a map needs besides x. */
typedef struct numbers {
  double a, b;
} numbers;

/* Two maps, for double and for float, from expressions of `v`, `a` and `b`. */
#define MAP(name, wide, single)                                                                    \
  static void name##_f64(size_t n, const double *x, double *y, const void *params) {               \
    double a = params != NULL ? ((const numbers *)params)->a : 0;                                  \
    double b = params != NULL ? ((const numbers *)params)->b : 0;                                  \
    (void)a, (void)b;                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
      double v = x[i];                                                                             \
      y[i] = wide;                                                                                 \
    }                                                                                              \
  }                                                                                                \
  static void name##_f32(size_t n, const float *x, float *y, const void *params) {                 \
    float a = params != NULL ? (float)((const numbers *)params)->a : 0;                            \
    float b = params != NULL ? (float)((const numbers *)params)->b : 0;                            \
    (void)a, (void)b;                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
      float v = x[i];                                                                              \
      y[i] = single;                                                                               \
    }                                                                                              \
  }

#define MAP_INT(name, whole)                                                                       \
  static void name##_i64(size_t n, const int64_t *x, int64_t *y, const void *params) {             \
    double a = params != NULL ? ((const numbers *)params)->a : 0;                                  \
    (void)a;                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                               \
      int64_t v = x[i];                                                                            \
      y[i] = whole;                                                                                \
    }                                                                                              \
  }

static pome_status run_map(pome__call *call, const pome__unary *map, const numbers *params) {
  pome__unary_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], map, params);
  return POME_OK;
}

/* An op that is a map without parameters. */
#define PLAIN(name, wide, single)                                                                  \
  MAP(name, wide, single)                                                                          \
  static pome_status eval_##name(pome__call *call) {                                               \
    static const pome__unary map = {name##_f64, name##_f32, NULL};                                 \
    return run_map(call, &map, NULL);                                                              \
  }
#define PLAIN_INT(name, wide, single, whole)                                                       \
  MAP(name, wide, single)                                                                          \
  MAP_INT(name, whole)                                                                             \
  static pome_status eval_##name(pome__call *call) {                                               \
    static const pome__unary map = {name##_f64, name##_f32, name##_i64};                           \
    return run_map(call, &map, NULL);                                                              \
  }

PLAIN_INT(abs, fabs(v), fabsf(v), v < 0 ? -v : v)
PLAIN(acos, acos(v), acosf(v))
PLAIN(asin, asin(v), asinf(v))
PLAIN(atan, atan(v), atanf(v))
PLAIN(atanh, atanh(v), atanhf(v))
PLAIN(ceil, ceil(v), ceilf(v))
PLAIN(cos, cos(v), cosf(v))
PLAIN(cosh, cosh(v), coshf(v))
PLAIN(erf, erf(v), erff(v))
PLAIN(exp, exp(v), expf(v))
PLAIN(exp2, exp2(v), exp2f(v))
PLAIN(floor, floor(v), floorf(v))
PLAIN(round, rint(v), rintf(v))
PLAIN_INT(sign, v > 0 ? 1 : v < 0 ? -1 : v, v > 0 ? 1 : v < 0 ? -1 : v, (v > 0) - (v < 0))
PLAIN(sin, sin(v), sinf(v))
PLAIN(sinh, sinh(v), sinhf(v))
PLAIN(sqrt, sqrt(v), sqrtf(v))
PLAIN_INT(square, v *v, v *v, v *v)
PLAIN(tan, tan(v), tanf(v))
PLAIN(tanh, tanh(v), pome__soft_tanh(v))

static void not_i64(size_t n, const int64_t *x, int64_t *y, const void *params) {
  (void)params;
  for (size_t i = 0; i < n; i++) y[i] = x[i] == 0;
}

static pome_status eval_logical_not(pome__call *call) {
  static const pome__unary map = {NULL, NULL, not_i64};
  return run_map(call, &map, NULL);
}

/* ---- with an epsilon ---- */

MAP(inverse, 1 / (v + a), 1 / (v + a))
MAP(log, log(v + a), logf(v + a))
MAP(rsqrt, 1 / sqrt(v + a), 1 / sqrtf(v + a))

static pome_status eval_epsilon(pome__call *call, const pome__unary *map) {
  numbers params = {0, 0};
  if (!pome__float_of(call, 1, &params.a)) return pome__call_fail(call, "epsilon has no value");
  if (!pome__has(call, 1) && pome__type_of(call, 0, 0)->dtype == POME_FP16) {
    params.a = pome__f16_to_f32(pome__f64_to_f16(params.a));
  } else {
    params.a = (float)params.a;
  }
  return run_map(call, map, &params);
}

static pome_status eval_inverse(pome__call *call) {
  static const pome__unary map = {inverse_f64, inverse_f32, NULL};
  return eval_epsilon(call, &map);
}
static pome_status eval_log(pome__call *call) {
  static const pome__unary map = {log_f64, log_f32, NULL};
  return eval_epsilon(call, &map);
}
static pome_status eval_rsqrt(pome__call *call) {
  static const pome__unary map = {rsqrt_f64, rsqrt_f32, NULL};
  return eval_epsilon(call, &map);
}

/* ---- bounds ---- */

MAP(threshold, v < a ? a : v, v < a ? a : v)
MAP_INT(threshold, (double)v < a ? (int64_t)a : v)
MAP(clip, v<a ? (a > b ? b : a) : v> b ? b : v, v<a ? (a > b ? b : a) : v> b ? b : v)

static pome_status eval_threshold(pome__call *call) {
  static const pome__unary map = {threshold_f64, threshold_f32, threshold_i64};
  numbers params = {0, 0};
  if (!pome__float_of(call, 1, &params.a)) return pome__call_fail(call, "alpha has no value");
  return run_map(call, &map, &params);
}

static pome_status eval_clip(pome__call *call) {
  static const pome__unary map = {clip_f64, clip_f32, NULL};
  numbers params = {0, 0};
  if (!pome__float_of(call, 1, &params.a) || !pome__float_of(call, 2, &params.b)) {
    return pome__call_fail(call, "alpha or beta has no value");
  }
  return run_map(call, &map, &params);
}

/* From iOS17 on the bounds are checked. */
static pome_status infer_clip(pome__call *call) {
  double alpha;
  double beta;
  if (pome__float_of(call, 1, &alpha) && pome__float_of(call, 2, &beta) && alpha >= beta) {
    return pome__call_fail(call, "alpha is %g and beta is %g; alpha must be less than beta", alpha,
                           beta);
  }
  return pome__infer_same(call);
}

/* ---- cast ---- */

static pome_status infer_cast(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  pome_dtype dtype;
  POME__TRY(pome__dtype_param(call, "dtype", call->op->schema->params[0].dtypes, &dtype));
  if (dtype == POME_DTYPE_NONE) return pome__call_fail(call, "dtype must be known");
  return pome__out(call, 0, dtype, x->rank, x->dims);
}

static void same_f64(size_t n, const double *x, double *y, const void *params) {
  (void)params;
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}
static void same_f32(size_t n, const float *x, float *y, const void *params) {
  (void)params;
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}
static void same_i64(size_t n, const int64_t *x, int64_t *y, const void *params) {
  (void)params;
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}

static pome_status eval_cast(pome__call *call) {
  static const pome__unary to_float = {same_f64, same_f32, NULL};
  static const pome__unary to_whole = {same_f64, NULL, same_i64};
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  if (x->dtype == y->dtype) {
    pome__copy_elements(x, y);
    return POME_OK;
  }
  return run_map(call, pome__dtype_is_float(y->dtype) ? &to_float : &to_whole, NULL);
}

/* ---- rows ---- */

#define CASTABLE_17                                                                                \
  (POME__TFIB | POME__BIT(INT8) | POME__BIT(UINT8) | POME__BIT(INT16) | POME__BIT(UINT16))

static const pome__param x_float[] = {POME__P("x", 'T', POME__TF, 0)};
static const pome__param x_number[] = {POME__P("x", 'T', POME__TFI, 0)};
static const pome__param x_bool[] = {POME__P("x", 0, POME__BIT(BOOL), 0)};
static const pome__param inverse_15[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'T', POME__TF, POME__PARAM_CONST, 1e-4)};
static const pome__param inverse_17[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'U', POME__TF, POME__PARAM_CONST, 1e-4)};
static const pome__param log_15[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'T', POME__TF, POME__PARAM_CONST, 1e-45)};
static const pome__param log_17[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'U', POME__TF, POME__PARAM_CONST, 1e-45)};
static const pome__param rsqrt_15[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'T', POME__TF, POME__PARAM_CONST, 1e-12)};
static const pome__param rsqrt_17[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_FLOAT("epsilon", 'U', POME__TF, POME__PARAM_CONST, 1e-12)};
static const pome__param threshold_15[] = {POME__P("x", 'T', POME__TFI, 0),
                                           POME__P("alpha", 'T', POME__TFI, POME__PARAM_CONST)};
static const pome__param clip_15[] = {POME__P("x", 'T', POME__TF, 0),
                                      POME__P("alpha", 'T', POME__TF, POME__PARAM_CONST),
                                      POME__P("beta", 'T', POME__TF, POME__PARAM_CONST)};
static const pome__param cast_15[] = {POME__P("x", 'T', POME__TFIB, 0),
                                      POME__P("dtype", 0, POME__BIT(STRING), POME__PARAM_CONST)};
static const pome__param cast_17[] = {POME__P("x", 'T', CASTABLE_17, 0),
                                      POME__P("dtype", 0, POME__BIT(STRING), POME__PARAM_CONST)};

#define ROW(name, since, params, infer, eval)                                                      \
  POME__ROW(name, FAMILY, since, POME__OP_PURE, params, infer, eval)
#define SAME(name, params, eval) ROW(name, POME__IOS13, params, pome__infer_same, eval)

static const pome__schema rows[] = {
    SAME("abs", x_number, eval_abs),
    SAME("acos", x_float, eval_acos),
    SAME("asin", x_float, eval_asin),
    SAME("atan", x_float, eval_atan),
    SAME("atanh", x_float, eval_atanh),
    ROW("cast", POME__IOS13, cast_15, infer_cast, eval_cast),
    ROW("cast", POME__IOS17, cast_17, infer_cast, eval_cast),
    SAME("ceil", x_float, eval_ceil),
    SAME("clip", clip_15, eval_clip),
    ROW("clip", POME__IOS17, clip_15, infer_clip, eval_clip),
    SAME("cos", x_float, eval_cos),
    SAME("cosh", x_float, eval_cosh),
    SAME("erf", x_float, eval_erf),
    SAME("exp", x_float, eval_exp),
    SAME("exp2", x_number, eval_exp2),
    SAME("floor", x_float, eval_floor),
    SAME("inverse", inverse_15, eval_inverse),
    ROW("inverse", POME__IOS17, inverse_17, pome__infer_same, eval_inverse),
    SAME("log", log_15, eval_log),
    ROW("log", POME__IOS17, log_17, pome__infer_same, eval_log),
    SAME("logical_not", x_bool, eval_logical_not),
    SAME("round", x_float, eval_round),
    SAME("rsqrt", rsqrt_15, eval_rsqrt),
    ROW("rsqrt", POME__IOS17, rsqrt_17, pome__infer_same, eval_rsqrt),
    SAME("sign", x_number, eval_sign),
    SAME("sin", x_float, eval_sin),
    SAME("sinh", x_float, eval_sinh),
    SAME("sqrt", x_float, eval_sqrt),
    SAME("square", x_number, eval_square),
    SAME("tan", x_float, eval_tan),
    SAME("tanh", x_float, eval_tanh),
    SAME("threshold", threshold_15, eval_threshold),
};

const pome__schema *pome__ops_elementwise_unary(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
