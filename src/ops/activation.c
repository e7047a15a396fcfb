/* Family activation: elementwise maps with up to two numbers, per-channel ones (prelu,
 * softplus_parametric), and softmax.
 *
 * alpha and beta are constants of their own type from iOS17 on. Comparisons are written so that NaN
 * comes through.
 */
#include <math.h>

#include "kernels/kernels.h"
#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"
#include "ops/soft_math.h"

#define FAMILY "activation"

/* Maps for double and float from expressions of `v`, `a` (alpha) and `b` (beta);
 * `params` is double[2] or more. */
#define MAP(name, expression)                                                                      \
  static void name##_f64(size_t n, const double *x, double *y, const void *params) {               \
    double a = ((const double *)params)[0], b = ((const double *)params)[1];                       \
    (void)a, (void)b;                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
      double v = x[i];                                                                             \
      y[i] = expression(, double);                                                                 \
    }                                                                                              \
  }                                                                                                \
  static void name##_f32(size_t n, const float *x, float *y, const void *params) {                 \
    float a = (float)((const double *)params)[0], b = (float)((const double *)params)[1];          \
    (void)a, (void)b;                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
      float v = x[i];                                                                              \
      y[i] = expression(f, float);                                                                 \
    }                                                                                              \
  }                                                                                                \
  static const pome__unary name##_maps = {name##_f64, name##_f32, NULL};

static inline double exp_of_(double v) {
  return exp(v);
}
static inline float exp_of_f(float v) {
  return pome__soft_exp(v);
}
/* v / (1 + e^-u): the float exponential stays at its bound, which a large v would show. */
static inline double logistic_of_(double v, double u) {
  return v / (1 + exp_of_(-u));
}
static inline float logistic_of_f(float v, float u) {
  return u < -87 ? v * 0 : v / (1 + exp_of_f(-u));
}
static inline double tanh_of_(double v) {
  return tanh(v);
}
static inline float tanh_of_f(float v) {
  return pome__soft_tanh(v);
}

/* In these, `f` is the suffix of the functions for float and `T` the type of constants. */
#define LOW(x, limit)      ((x) < (limit) ? (limit) : (x))
#define HIGH(x, limit)     ((x) > (limit) ? (limit) : (x))
#define CLAMPED_RELU(f, T) HIGH(v >= 0 ? v : a * v, b)
#define ELU(f, T)          (v < 0 ? a * expm1##f(v) : v)
#define GELU_EXACT(f, T)   ((T)0.5 * v * (1 + erf##f(v * (T)0.70710678118654752440)))
#define GELU_TANH(f, T)                                                                            \
  ((T)0.5 * v * (1 + tanh_of_##f((T)0.79788456080286535588 * (v + (T)0.044715 * v * v * v))))
#define GELU_SIGMOID(f, T)     logistic_of_##f(v, (T)1.702 * v)
#define LEAKY_RELU(f, T)       (v < 0 ? a * v : v)
#define LINEAR(f, T)           (a * v + b)
#define RELU(f, T)             LOW(v, 0)
#define RELU6(f, T)            HIGH(LOW(v, 0), 6)
#define SCALED_TANH(f, T)      (a * tanh_of_##f(b * v))
#define SIGMOID(f, T)          logistic_of_##f(1, v)
#define SIGMOID_HARD(f, T)     HIGH(LOW(a *v + b, 0), 1)
#define SILU(f, T)             logistic_of_##f(v, v)
#define SOFTPLUS_OF(f, u)      (log1p##f(exp_of_##f(-fabs##f(u))) + LOW(u, 0))
#define SOFTPLUS(f, T)         SOFTPLUS_OF(f, v)
#define SOFTPLUS_PARAM(f, T)   (a * SOFTPLUS_OF(f, (b * v)))
#define SOFTSIGN(f, T)         (v / (1 + fabs##f(v)))
#define THRESHOLDED_RELU(f, T) (v < a ? 0 : v)

MAP(clamped_relu, CLAMPED_RELU)
MAP(elu, ELU)
MAP(gelu_exact, GELU_EXACT)
MAP(gelu_tanh, GELU_TANH)
MAP(gelu_sigmoid, GELU_SIGMOID)
MAP(leaky_relu, LEAKY_RELU)
MAP(linear_activation, LINEAR)
MAP(relu, RELU)
MAP(relu6, RELU6)
MAP(scaled_tanh, SCALED_TANH)
MAP(sigmoid, SIGMOID)
MAP(sigmoid_hard, SIGMOID_HARD)
MAP(silu, SILU)
MAP(softplus, SOFTPLUS)
MAP(softplus_parametric, SOFTPLUS_PARAM)
MAP(softsign, SOFTSIGN)
MAP(thresholded_relu, THRESHOLDED_RELU)

/* Reads alpha and beta as far as the row has them. */
static pome_status run_map(pome__call *call, const pome__unary *maps) {
  double numbers[2] = {0, 0};
  for (int p = 1; p < (int)call->op->schema->param_count && p <= 2; p++) {
    if (!pome__float_of(call, p, &numbers[p - 1])) {
      return pome__call_fail(call, "parameter '%s' must be a number",
                             call->op->schema->params[p].name);
    }
  }
  pome__unary_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], maps, numbers);
  return POME_OK;
}

#define EVAL(name)                                                                                 \
  static pome_status eval_##name(pome__call *call) {                                               \
    return run_map(call, &name##_maps);                                                            \
  }
EVAL(clamped_relu)
EVAL(elu)
EVAL(leaky_relu)
EVAL(linear_activation)
EVAL(relu)
EVAL(relu6)
EVAL(scaled_tanh)
EVAL(sigmoid)
EVAL(sigmoid_hard)
EVAL(softplus)
EVAL(softsign)
EVAL(thresholded_relu)

/* The kernel where there is one. */
static void silu_kernel_f32(size_t n, const float *x, float *y, const void *params) {
  ((const pome__kernels *)params)->silu_f32(n, x, y);
}

static pome_status eval_silu(pome__call *call) {
  static const pome__unary kernel_maps = {silu_f64, silu_kernel_f32, NULL};
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  if (call->kernels == NULL || !pome__use_f32(call, x)) return run_map(call, &silu_maps);
  pome__unary_blocks(call, x, &call->outputs[0], &kernel_maps, call->kernels);
  return POME_OK;
}

/* ---- gelu ---- */

static const pome__unary *gelu_of(pome__call *call) {
  pome_string mode;
  if (!pome__string_of(call, 1, &mode)) return NULL;
  if (pome__string_is(mode, "EXACT")) return &gelu_exact_maps;
  if (pome__string_is(mode, "TANH_APPROXIMATION")) return &gelu_tanh_maps;
  if (pome__string_is(mode, "SIGMOID_APPROXIMATION")) return &gelu_sigmoid_maps;
  return NULL;
}

static pome_status infer_gelu(pome__call *call) {
  if (gelu_of(call) == NULL) {
    return pome__call_fail(
        call, "unknown mode; allowed: EXACT, TANH_APPROXIMATION, SIGMOID_APPROXIMATION");
  }
  return pome__infer_same(call);
}

static pome_status eval_gelu(pome__call *call) {
  double unused[2] = {0, 0};
  pome__unary_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], gelu_of(call), unused);
  return POME_OK;
}

/* ---- per channel: axis 1 ---- */

static pome_status infer_channels(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  POME__TRY(pome__need_rank(call, 0, 0, call->op->schema->param_count == 2 ? 2 : 3, POME_MAX_RANK));
  for (int p = 1; p < (int)call->op->schema->param_count; p++) {
    const pome__type *vector = pome__type_of(call, p, 0);
    POME__TRY(pome__need_rank(call, p, 0, 1, 1));
    if (x->rank < 0 || vector->rank != 1 || vector->dims[0] == 1) continue;
    int64_t channels;
    if (!pome__dim_unify(x->dims[1], vector->dims[0], &channels)) {
      return pome__call_fail(call, "'%s' has %lld elements; x has %lld channels",
                             call->op->schema->params[p].name, (long long)vector->dims[0],
                             (long long)x->dims[1]);
    }
  }
  return pome__infer_same(call);
}

static pome_status run_channels(pome__call *call, const pome__unary *maps) {
  const pome_tensor *values[2] = {pome__tensor_of(call, 1, 0), NULL};
  if (call->op->schema->param_count > 2) values[1] = pome__tensor_of(call, 2, 0);
  pome__channel_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], 1, maps, values, 2);
  return POME_OK;
}

static pome_status eval_prelu(pome__call *call) {
  return run_channels(call, &leaky_relu_maps);
}
static pome_status eval_softplus_parametric(pome__call *call) {
  return run_channels(call, &softplus_parametric_maps);
}

/* ---- softmax ---- */

static void softmax_f64(size_t n, const double *x, double *y, const void *params) {
  (void)params;
  double highest = -INFINITY;
  for (size_t i = 0; i < n; i++) highest = x[i] > highest || x[i] != x[i] ? x[i] : highest;
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += y[i] = exp(x[i] - highest);
  for (size_t i = 0; i < n; i++) y[i] /= sum;
}

static void softmax_f32(size_t n, const float *x, float *y, const void *params) {
  const pome__kernels *kernels = params;
  if (kernels != NULL) {
    kernels->softmax_f32(n, x, y);
    return;
  }
  float highest = -INFINITY;
  for (size_t i = 0; i < n; i++) highest = x[i] > highest || x[i] != x[i] ? x[i] : highest;
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += y[i] = expf(x[i] - highest);
  for (size_t i = 0; i < n; i++) y[i] /= sum;
}

static pome_status softmax_axis(pome__call *call, int *axis) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t value;
  if (!pome__int_of(call, 1, &value)) return pome__call_fail(call, "axis must be an integer");
  return pome__axis(call, "axis", value, x->rank, axis);
}

static pome_status infer_softmax(pome__call *call) {
  int axis;
  if (pome__type_of(call, 0, 0)->rank >= 0) POME__TRY(softmax_axis(call, &axis));
  return pome__infer_same(call);
}

static pome_status eval_softmax(pome__call *call) {
  static const pome__line maps = {softmax_f64, softmax_f32};
  int axis;
  POME__TRY(softmax_axis(call, &axis));
  return pome__line_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0],
                           (uint32_t)1 << axis, &maps, call->kernels);
}

/* ---- rows ---- */

#define ALPHA(letter) POME__P("alpha", letter, POME__TF, POME__PARAM_CONST)
#define BETA(letter)  POME__P("beta", letter, POME__TF, POME__PARAM_CONST)
static const pome__param plain[] = {POME__P("x", 'T', POME__TF, 0)};
static const pome__param alpha_15[] = {POME__P("x", 'T', POME__TF, 0), ALPHA('T')};
static const pome__param alpha_17[] = {POME__P("x", 'T', POME__TF, 0), ALPHA('U')};
static const pome__param both_15[] = {POME__P("x", 'T', POME__TF, 0), ALPHA('T'), BETA('T')};
static const pome__param both_17[] = {POME__P("x", 'T', POME__TF, 0), ALPHA('U'), BETA('U')};
static const pome__param gelu_15[] = {POME__P("x", 'T', POME__TF, 0),
                                      POME__P_STRING("mode", POME__PARAM_CONST, "EXACT")};
static const pome__param softmax_15[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P_INT("axis", 0, POME__BIT(INT32), POME__PARAM_CONST, -1)};

#define ROW(name, since, params, infer)                                                            \
  POME__ROW(#name, FAMILY, since, POME__OP_PURE, params, infer, eval_##name)
#define PLAIN(name) ROW(name, POME__IOS13, plain, pome__infer_same)
#define WITH_ALPHA(name, infer)                                                                    \
  ROW(name, POME__IOS13, alpha_15, infer), ROW(name, POME__IOS17, alpha_17, infer)
#define WITH_BOTH(name, infer)                                                                     \
  ROW(name, POME__IOS13, both_15, infer), ROW(name, POME__IOS17, both_17, infer)

static const pome__schema rows[] = {
    WITH_BOTH(clamped_relu, pome__infer_same),
    WITH_ALPHA(elu, pome__infer_same),
    ROW(gelu, POME__IOS13, gelu_15, infer_gelu),
    WITH_ALPHA(leaky_relu, pome__infer_same),
    WITH_BOTH(linear_activation, pome__infer_same),
    WITH_ALPHA(prelu, infer_channels),
    PLAIN(relu),
    PLAIN(relu6),
    WITH_BOTH(scaled_tanh, pome__infer_same),
    PLAIN(sigmoid),
    WITH_BOTH(sigmoid_hard, pome__infer_same),
    PLAIN(silu),
    ROW(softmax, POME__IOS13, softmax_15, infer_softmax),
    PLAIN(softplus),
    WITH_BOTH(softplus_parametric, infer_channels),
    PLAIN(softsign),
    WITH_ALPHA(thresholded_relu, pome__infer_same),
};

const pome__schema *pome__ops_activation(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
