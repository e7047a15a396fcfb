/* Family classic: what models of the classic types compute and MIL has no operation for.
 *
 * generalized_linear takes the features one after the other, as one vector x of doubles, and gives
 * for each row w of the weights with its offset b the number g(w . x + b), all of it in double. g
 * is the identity, the logistic function, or the distribution function of the normal distribution.
 *
 * The numbers become probabilities of classes in one of two ways. With a reference class, the
 * first, each other class has a row: under the logistic function the classes share out e^(w . x +
 * b), where the reference counts as 1; under the normal distribution there are two classes. One
 * against the rest has a row for each class, whose numbers are divided by their sum, or one row for
 * the second of two classes. Where all numbers are 0 the classes are equally likely.
 *
 * Source: coremltools mlmodel/format/GLMRegressor.proto and GLMClassifier.proto; scikit-learn's
 * LogisticRegression for one against the rest.
 */
#include <math.h>

#include "ops/args.h"
#include "ops/families.h"
#include "tensor/element.h"

#define FAMILY "classic"
#define BLOCK  256

enum { VALUES, WEIGHTS, OFFSET };
enum { IDENTITY, LOGIT, PROBIT };
enum { NO_CLASSES, REFERENCE, ONE_VS_REST };

static pome_status read_choices(pome__call *call, int *link, int *kind) {
  static const char *const links[] = {"identity", "logit", "probit", NULL};
  static const char *const kinds[] = {"none", "reference", "one_vs_rest", NULL};
  POME__TRY(pome__arg_choice(call, "link", links, link));
  return pome__arg_choice(call, "classes", kinds, kind);
}

static pome_status infer_generalized_linear(pome__call *call) {
  int link, kind;
  POME__TRY(read_choices(call, &link, &kind));
  POME__TRY(pome__need_rank(call, WEIGHTS, 0, 2, 2));
  POME__TRY(pome__need_rank(call, OFFSET, 0, 1, 1));
  const int64_t *weights = pome__type_of(call, WEIGHTS, 0)->dims;
  int64_t features = 0, rows = weights[0];
  for (size_t i = 0; i < pome__count(call, VALUES); i++)
    features = pome__dim_add(features, pome__type_count(pome__type_of(call, VALUES, i)));
  POME__TRY(pome__need_dims_equal(call, "the number of features", features,
                                  "the size of a row of weights", weights[1]));
  POME__TRY(pome__need_dims_equal(call, "the number of offsets",
                                  pome__type_of(call, OFFSET, 0)->dims[0], "the number of rows",
                                  rows));
  if (rows < 1) return pome__call_fail(call, "weights have no row; 1 or more are allowed");
  if (kind != NO_CLASSES && link == IDENTITY)
    return pome__call_fail(call, "classes need link \"logit\" or \"probit\"");
  if (kind == REFERENCE && link == PROBIT && rows > 1)
    return pome__call_fail(call,
                           "link \"probit\" and a reference class are for 2 classes, not %lld",
                           (long long)rows + 1);
  bool one_more = kind == REFERENCE || (kind == ONE_VS_REST && rows == 1);
  const int64_t count = pome__dim_add(rows, one_more);
  return pome__out(call, 0, POME_FP64, 1, &count);
}

static double linked(int link, double score) {
  if (link == LOGIT) return 1 / (1 + exp(-score));
  if (link == PROBIT) return erfc(-score * M_SQRT1_2) / 2;
  return score;
}

/* w . x for the features in order, where w begins at element `next` of the weights. */
static double score_of(const pome__call *call, int64_t next) {
  const pome_tensor *weights = pome__tensor_of(call, WEIGHTS, 0);
  double x[BLOCK], w[BLOCK], sum = 0;
  for (size_t i = 0; i < pome__count(call, VALUES); i++) {
    const pome_tensor *part = pome__tensor_of(call, VALUES, i);
    size_t count = pome_tensor_count(part);
    for (size_t at = 0; at < count; at += BLOCK) {
      size_t n = count - at < BLOCK ? count - at : BLOCK;
      pome__load_f64(part->data, part->dtype, (int64_t)at, 1, n, x);
      pome__load_f64(weights->data, weights->dtype, next, 1, n, w);
      for (size_t j = 0; j < n; j++) sum += w[j] * x[j];
      next += (int64_t)n;
    }
  }
  return sum;
}

/* e^score of each class, less the largest score so that none overflows; the reference's is 0. */
static void share_out(double *p, size_t count) {
  double most = 0;
  p[0] = 0;
  for (size_t k = 1; k < count; k++) most = fmax(most, p[k]);
  for (size_t k = 0; k < count; k++) p[k] = exp(p[k] - most);
}

static void divide_by_sum(double *p, size_t count) {
  double sum = 0;
  for (size_t k = 0; k < count; k++) sum += p[k];
  for (size_t k = 0; k < count; k++) p[k] = sum == 0 ? 1 / (double)count : p[k] / sum;
}

static pome_status eval_generalized_linear(pome__call *call) {
  int link, kind;
  POME__TRY(read_choices(call, &link, &kind));
  const pome_tensor *weights = pome__tensor_of(call, WEIGHTS, 0);
  const pome_tensor *offsets = pome__tensor_of(call, OFFSET, 0);
  double *p = call->outputs[0].data;
  size_t rows = (size_t)weights->shape[0];
  size_t count = (size_t)call->outputs[0].shape[0], first = count - rows;
  bool shared = kind == REFERENCE && link == LOGIT && rows > 1;
  for (size_t r = 0; r < rows && !pome__call_stopped(call); r++) {
    double offset, score = score_of(call, (int64_t)r * weights->shape[1]);
    pome__load_f64(offsets->data, offsets->dtype, (int64_t)r, 1, 1, &offset);
    p[first + r] = shared ? score + offset : linked(link, score + offset);
  }
  if (shared) share_out(p, count);
  else if (first == 1) p[0] = 1 - p[1];
  if (kind != NO_CLASSES && rows > 1) divide_by_sum(p, count);
  return POME_OK;
}

#define NUMBERS                                                                                    \
  (POME__BIT(FP16) | POME__BIT(FP32) | POME__BIT(FP64) | POME__BIT(INT32) | POME__BIT(INT64))
static const pome__param generalized_linear[] = {
    POME__P("values", 0, NUMBERS, POME__PARAM_TUPLE),
    POME__P("weights", 0, POME__BIT(FP64), POME__PARAM_CONST),
    POME__P("offset", 0, POME__BIT(FP64), POME__PARAM_CONST),
    POME__P_STRING("link", POME__PARAM_CONST, "identity"),
    POME__P_STRING("classes", POME__PARAM_CONST, "none"),
};

static const pome__schema rows[] = {
    POME__ROW("generalized_linear", FAMILY, POME__IOS13, POME__OP_PURE, generalized_linear,
              infer_generalized_linear, eval_generalized_linear),
};

const pome__schema *pome__ops_classic(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
