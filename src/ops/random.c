/* Family random: samples of distributions.
 *
 * Apple's generator is not specified, so this one is our own: numbers are splitmix64 of a counter,
 * the same on every machine. With a seed from 0 up, an op gives the same numbers at every
 * prediction; the stream of a negative seed (the default) starts from the op's place in the
 * function and goes on from prediction to prediction. A uniform number is the top 53 bits scaled to
 * [0, 1); normal numbers are Box-Muller pairs; categories are drawn by inverting the cumulative
 * distribution.
 */
#include <math.h>
#include <stdatomic.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/loops.h"
#include "tensor/element.h"

#define FAMILY "random"

typedef struct generator {
  uint64_t state;
} generator;

static uint64_t next_bits(generator *g) {
  uint64_t z = g->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static double next_uniform(generator *g) {
  return (double)(next_bits(g) >> 11) * 0x1p-53;
}

static generator start(const pome__call *call) {
  static atomic_uint_fast64_t draws; /* of ops without a seed */
  int64_t seed = -1;
  pome__int_of(call, pome__arg_index(call, "seed"), &seed);
  generator g = {(uint64_t)seed};
  if (seed < 0) {
    g.state =
        ((uint64_t)call->op->index << 40) ^ (atomic_fetch_add(&draws, 1) * 0xd1342543de82ef95u);
  }
  next_bits(&g);
  return g;
}

typedef struct distribution {
  const char *first, *second;
  void (*fill)(generator *g, size_t n, double a, double b, double *out);
} distribution;

static void fill_bernoulli(generator *g, size_t n, double prob, double unused, double *out) {
  (void)unused;
  for (size_t i = 0; i < n; i++) out[i] = next_uniform(g) < prob;
}

static void fill_uniform(generator *g, size_t n, double low, double high, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = low + (high - low) * next_uniform(g);
}

static void fill_normal(generator *g, size_t n, double mean, double deviation, double *out) {
  for (size_t i = 0; i < n; i += 2) {
    double radius = sqrt(-2 * log(1 - next_uniform(g)));
    double angle = 6.283185307179586 * next_uniform(g);
    out[i] = mean + deviation * radius * cos(angle);
    if (i + 1 < n) out[i + 1] = mean + deviation * radius * sin(angle);
  }
}

static const distribution bernoulli = {"prob", NULL, fill_bernoulli};
static const distribution uniform = {"low", "high", fill_uniform};
static const distribution normal = {"mean", "stddev", fill_normal};

static pome_status infer_distribution(pome__call *call, const distribution *d) {
  pome_dtype dtype = pome__arg_dtype(call, d->first, POME_FP32);
  if (!pome__arg_given(call, d->first) && d->second != NULL)
    dtype = pome__arg_dtype(call, d->second, POME_FP32);
  pome__shape_value shape;
  POME__TRY(pome__arg_shape(call, "shape", &shape));
  for (int i = 0; shape.known && i < shape.rank; i++) {
    if (shape.dims[i] < 0) {
      return pome__call_fail(call, "'shape' is %lld in place %d; it must not be negative",
                             (long long)shape.dims[i], i);
    }
  }
  return pome__out(call, 0, dtype, shape.rank, shape.dims);
}

static pome_status eval_distribution(pome__call *call, const distribution *d) {
  pome_tensor *y = &call->outputs[0];
  double a;
  double b = 0;
  POME__TRY(pome__arg_float(call, d->first, &a));
  if (d->second != NULL) POME__TRY(pome__arg_float(call, d->second, &b));
  generator g = start(call);
  double block[POME__BLOCK];
  size_t count = pome_tensor_count(y);
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    size_t n = count - begin < POME__BLOCK ? count - begin : POME__BLOCK;
    d->fill(&g, n, a, b, block);
    pome__store_f64(y->data, y->dtype, (int64_t)begin, 1, n, block);
  }
  return POME_OK;
}

#define DISTRIBUTION(name)                                                                         \
  static pome_status infer_##name(pome__call *call) {                                              \
    return infer_distribution(call, &name);                                                        \
  }                                                                                                \
  static pome_status eval_##name(pome__call *call) {                                               \
    return eval_distribution(call, &name);                                                         \
  }

DISTRIBUTION(bernoulli)
DISTRIBUTION(uniform)
DISTRIBUTION(normal)

/* ---- categorical ---- */

static const char *const modes[] = {"logits", "probs", NULL};

static pome_status infer_categorical(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t size;
  int mode;
  POME__TRY(pome__arg_int(call, "size", &size));
  POME__TRY(pome__arg_choice(call, "mode", modes, &mode));
  if (size < 1)
    return pome__call_fail(call, "size is %lld; it must be at least 1", (long long)size);
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  if (x->rank == 0)
    return pome__call_fail(call, "'x' is a scalar; it needs a dimension of categories");
  int64_t dims[POME_MAX_RANK];
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[i];
  dims[x->rank - 1] = size;
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* Turns weights into a cumulative distribution. False when no category can be drawn. */
static bool accumulate(double *p, size_t n, bool logits) {
  double largest = -INFINITY;
  for (size_t i = 0; i < n; i++) largest = p[i] > largest ? p[i] : largest;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double weight = logits ? exp(p[i] - largest) : p[i] > 0 ? p[i] : 0;
    sum += weight > 0 ? weight : 0;
    p[i] = sum;
  }
  return sum > 0 && isfinite(sum);
}

static pome_status eval_categorical(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int mode;
  POME__TRY(pome__arg_choice(call, "mode", modes, &mode));
  size_t draws = (size_t)y->shape[y->rank - 1];
  size_t n = (size_t)x->shape[x->rank - 1];
  size_t rows_count = pome_tensor_count(y) / draws;
  double *p = POME__SCRATCH(call, double, n);
  if (p == NULL) return pome__call_memory(call);
  generator g = start(call);
  for (size_t row = 0; row < rows_count; row++) {
    pome__load_f64(x->data, x->dtype, (int64_t)(row * n), 1, n, p);
    if (!accumulate(p, n, mode == 0)) {
      return pome__call_fail(call, "row %zu of 'x' has no category that could be drawn", row);
    }
    for (size_t i = 0; i < draws; i++) {
      double at = next_uniform(&g) * p[n - 1];
      size_t low = 0;
      for (size_t high = n - 1; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (p[middle] > at) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      double index = (double)low;
      pome__store_f64(y->data, y->dtype, (int64_t)(row * draws + i), 1, 1, &index);
    }
  }
  return POME_OK;
}

/* ---- rows ---- */

#define I32                 POME__BIT(INT32)
#define SEED                POME__P_INT("seed", 0, I32, POME__PARAM_CONST, -1)
#define NUMBER(name, value) POME__P_FLOAT(name, 'T', POME__TF, POME__PARAM_CONST, value)

static const pome__param bernoulli_params[] = {POME__P("shape", 0, I32, 0), NUMBER("prob", 0.5),
                                               SEED};
static const pome__param uniform_params[] = {POME__P("shape", 0, I32, 0), NUMBER("low", 0),
                                             NUMBER("high", 1), SEED};
static const pome__param normal_params[] = {POME__P("shape", 0, I32, 0), NUMBER("mean", 0),
                                            NUMBER("stddev", 1), SEED};
static const pome__param categorical_params[] = {
    POME__P("x", 'T', POME__TF, 0), POME__P_STRING("mode", POME__PARAM_CONST, "logits"),
    POME__P_INT("size", 0, I32, POME__PARAM_CONST, 1), SEED};

#define ROW(name, params, infer, eval)                                                             \
  POME__ROW(name, FAMILY, POME__IOS13, POME__OP_RANDOM, params, infer, eval)

static const pome__schema rows[] = {
    ROW("random_bernoulli", bernoulli_params, infer_bernoulli, eval_bernoulli),
    ROW("random_categorical", categorical_params, infer_categorical, eval_categorical),
    ROW("random_normal", normal_params, infer_normal, eval_normal),
    ROW("random_uniform", uniform_params, infer_uniform, eval_uniform),
};

const pome__schema *pome__ops_random(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
