/* Family elementwise_binary: arithmetic, comparison and logic on two broadcast operands.
 *
 * Integers wrap. Division by zero gives 0 for integers, as numpy does, and real_div of integers
 * truncates. floor_div and mod take the sign of the divisor. maximum and minimum let NaN through.
 */
#include <math.h>

#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"

#define FAMILY "elementwise_binary"

/* Three maps (double, float, integer) and the evaluation, from expressions of `a` and `b`. */
#define OP(name, wide, single, whole)                                                              \
  static void name##_f64(size_t n, const double *x, const double *y, double *z) {                  \
    for (size_t i = 0; i < n; i++) {                                                               \
      double a = x[i], b = y[i];                                                                   \
      z[i] = wide;                                                                                 \
    }                                                                                              \
  }                                                                                                \
  static void name##_f32(size_t n, const float *x, const float *y, float *z) {                     \
    for (size_t i = 0; i < n; i++) {                                                               \
      float a = x[i], b = y[i];                                                                    \
      z[i] = single;                                                                               \
    }                                                                                              \
  }                                                                                                \
  static void name##_i64(size_t n, const int64_t *x, const int64_t *y, int64_t *z) {               \
    for (size_t i = 0; i < n; i++) {                                                               \
      int64_t a = x[i], b = y[i];                                                                  \
      z[i] = whole;                                                                                \
    }                                                                                              \
  }                                                                                                \
  static pome_status eval_##name(pome__call *call) {                                               \
    static const pome__binary maps = {name##_f64, name##_f32, name##_i64};                         \
    pome__binary_blocks(call, pome__tensor_of(call, 0, 0), pome__tensor_of(call, 1, 0),            \
                        &call->outputs[0], &maps);                                                 \
    return POME_OK;                                                                                \
  }
#define SAME_FOR_ALL(name, expression) OP(name, expression, expression, expression)

/* ---- division ---- */

static double mod_f64_of(double a, double b) {
  double rest = fmod(a, b);
  if (rest == 0) return copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* The remainder is exact, so the quotient of what is left is all but whole: rounding it cannot go
 * wrong. */
static double floor_div_f64_of(double a, double b) {
  if (b == 0) return a / b;
  double rest = fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  return quotient == 0 ? copysign(0.0, a / b) : floor(quotient + 0.5);
}

static int64_t floor_div_of(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return (int64_t)(0 - (uint64_t)a);
  int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

static int64_t mod_of(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int64_t true_div_of(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

/* Wraps; a negative exponent truncates the true result to 0, 1 or -1. */
static int64_t pow_of(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    return base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  }
  uint64_t result = 1;
  uint64_t factor = (uint64_t)base;
  for (uint64_t left = (uint64_t)exponent; left > 0; left >>= 1) {
    if ((left & 1) != 0) result *= factor;
    factor *= factor;
  }
  return (int64_t)result;
}

SAME_FOR_ALL(add, a + b)
SAME_FOR_ALL(sub, a - b)
OP(mul, a *b, a *b, (int64_t)((uint64_t)a *(uint64_t)b))
OP(real_div, a / b, a / b, true_div_of(a, b))
OP(floor_div, floor_div_f64_of(a, b), (float)floor_div_f64_of(a, b), floor_div_of(a, b))
OP(mod, mod_f64_of(a, b), (float)mod_f64_of(a, b), mod_of(a, b))
OP(pow, pow(a, b), powf(a, b), pow_of(a, b))
OP(maximum, a > b || a != a ? a : b, a > b || a != a ? a : b, a > b ? a : b)
OP(minimum, a < b || a != a ? a : b, a < b || a != a ? a : b, a < b ? a : b)
SAME_FOR_ALL(equal, a == b)
SAME_FOR_ALL(not_equal, a != b)
SAME_FOR_ALL(greater, a > b)
SAME_FOR_ALL(greater_equal, a >= b)
SAME_FOR_ALL(less, a < b)
SAME_FOR_ALL(less_equal, a <= b)
SAME_FOR_ALL(logical_and, a != 0 && b != 0)
SAME_FOR_ALL(logical_or, a != 0 || b != 0)
SAME_FOR_ALL(logical_xor, (a != 0) != (b != 0))

static pome_status infer_arithmetic(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  return pome__infer_broadcast(call, x, pome__type_of(call, 1, 0), x->dtype, 0);
}

static pome_status infer_truth(pome__call *call) {
  return pome__infer_broadcast(call, pome__type_of(call, 0, 0), pome__type_of(call, 1, 0),
                               POME_BOOL, 0);
}

static const pome__param numbers[] = {POME__P("x", 'T', POME__TFI, 0),
                                      POME__P("y", 'T', POME__TFI, 0)};
static const pome__param bools[] = {POME__P("x", 'T', POME__BIT(BOOL), 0),
                                    POME__P("y", 'T', POME__BIT(BOOL), 0)};

#define ROW(name, params, infer)                                                                   \
  POME__ROW(#name, FAMILY, POME__IOS13, POME__OP_PURE, params, infer, eval_##name)

static const pome__schema rows[] = {
    ROW(add, numbers, infer_arithmetic),       ROW(equal, numbers, infer_truth),
    ROW(floor_div, numbers, infer_arithmetic), ROW(greater, numbers, infer_truth),
    ROW(greater_equal, numbers, infer_truth),  ROW(less, numbers, infer_truth),
    ROW(less_equal, numbers, infer_truth),     ROW(logical_and, bools, infer_truth),
    ROW(logical_or, bools, infer_truth),       ROW(logical_xor, bools, infer_truth),
    ROW(maximum, numbers, infer_arithmetic),   ROW(minimum, numbers, infer_arithmetic),
    ROW(mod, numbers, infer_arithmetic),       ROW(mul, numbers, infer_arithmetic),
    ROW(not_equal, numbers, infer_truth),      ROW(pow, numbers, infer_arithmetic),
    ROW(real_div, numbers, infer_arithmetic),  ROW(sub, numbers, infer_arithmetic),
};

const pome__schema *pome__ops_elementwise_binary(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
