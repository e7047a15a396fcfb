/* Family normalization. Moments are taken in double in two passes, whatever the numerics: they are
 * cheap beside the products around them, and a variance that is rounded too early ruins the result.
 */
#include <math.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/loops.h"
#include "tensor/element.h"

#define FAMILY "normalization"

/* An optional operand as doubles in scratch; NULL in *values when it is absent. */
static pome_status load_optional(pome__call *call, const char *name, double **values) {
  const pome_tensor *tensor = pome__arg_tensor(call, name);
  *values = NULL;
  if (tensor == NULL) return POME_OK;
  size_t count = pome_tensor_count(tensor);
  *values = POME__SCRATCH(call, double, count + 1);
  if (*values == NULL) return pome__call_memory(call);
  pome__load_f64(tensor->data, tensor->dtype, 0, 1, count, *values);
  return POME_OK;
}

/* Operands with one number for each channel of x (dimension 1). */
static pome_status infer_by_channel(pome__call *call, const char *const *names, int highest) {
  const pome__type *x = pome__type_of(call, 0, 0);
  POME__TRY(pome__need_rank(call, 0, 0, 2, highest));
  for (int i = 0; names[i] != NULL; i++) {
    const pome__type *type = pome__arg_type(call, names[i]);
    if (type == NULL || type->rank < 0) continue;
    POME__TRY(pome__need_rank(call, pome__arg_index(call, names[i]), 0, 1, 1));
    if (x->rank < 0) continue;
    POME__TRY(
        pome__need_dims_equal(call, names[i], type->dims[0], "the number of channels", x->dims[1]));
  }
  return pome__infer_same(call);
}

typedef struct channels {
  size_t planes, channels, size; /* planes: batch times channels; size: elements of a plane */
  double *gamma, *beta;
  double epsilon;
  double *row; /* a plane */
} channels;

static pome_status begin_channels(pome__call *call, channels *c) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  c->channels = (size_t)x->shape[1];
  c->planes = (size_t)x->shape[0] * c->channels;
  c->size = (size_t)pome__dims_product(x->shape, 2, x->rank);
  c->epsilon = pome__arg_epsilon(call, "epsilon");
  c->row = POME__SCRATCH(call, double, c->size + 1);
  if (c->row == NULL) return pome__call_memory(call);
  POME__TRY(load_optional(call, "gamma", &c->gamma));
  return load_optional(call, "beta", &c->beta);
}

/* (x - mean) * scale * gamma + beta for the plane in c->row, stored. */
static void finish_plane(pome__call *call, const channels *c, size_t plane, double mean,
                         double deviation) {
  pome_tensor *y = &call->outputs[0];
  size_t channel = plane % c->channels;
  double gamma = c->gamma != NULL ? c->gamma[channel] : 1;
  double beta = c->beta != NULL ? c->beta[channel] : 0;
  for (size_t i = 0; i < c->size; i++) c->row[i] = (c->row[i] - mean) / deviation * gamma + beta;
  pome__store_f64(y->data, y->dtype, (int64_t)(plane * c->size), 1, c->size, c->row);
}

/* ---- batch_norm ---- */

static pome_status infer_batch_norm(pome__call *call) {
  static const char *const names[] = {"mean", "variance", "gamma", "beta", NULL};
  POME__TRY(infer_by_channel(call, names, POME_MAX_RANK));
  /* coremltools 9.0 widens x alone where inputs cannot be fp16, and leaves the result as it was. */
  const pome__type *mean = pome__arg_type(call, "mean");
  const pome__type *declared = &call->op->outputs[0]->type;
  if (mean->dtype == declared->dtype) call->out_types[0].dtype = mean->dtype;
  return POME_OK;
}

static pome_status eval_batch_norm(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  channels c;
  double *mean;
  double *variance;
  POME__TRY(begin_channels(call, &c));
  POME__TRY(load_optional(call, "mean", &mean));
  POME__TRY(load_optional(call, "variance", &variance));
  for (size_t plane = 0; plane < c.planes; plane++) {
    size_t channel = plane % c.channels;
    pome__load_f64(x->data, x->dtype, (int64_t)(plane * c.size), 1, c.size, c.row);
    finish_plane(call, &c, plane, mean[channel], sqrt(variance[channel] + c.epsilon));
  }
  return POME_OK;
}

/* ---- moments ---- */

static void moments(size_t n, const double *x, double *mean, double *variance) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  *mean = sum / (double)n;
  double squares = 0;
  for (size_t i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
  *variance = squares / (double)n;
}

static pome_status infer_instance_norm(pome__call *call) {
  static const char *const names[] = {"gamma", "beta", NULL};
  return infer_by_channel(call, names, POME_MAX_RANK);
}

static pome_status eval_instance_norm(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  channels c;
  POME__TRY(begin_channels(call, &c));
  for (size_t plane = 0; plane < c.planes; plane++) {
    double mean;
    double variance;
    pome__load_f64(x->data, x->dtype, (int64_t)(plane * c.size), 1, c.size, c.row);
    moments(c.size, c.row, &mean, &variance);
    finish_plane(call, &c, plane, mean, sqrt(variance + c.epsilon));
  }
  return POME_OK;
}

/* ---- layer_norm, l2_norm: over lines of axes ---- */

typedef struct line_params {
  const double *gamma, *beta;
  double epsilon;
} line_params;

static pome_status infer_layer_norm(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  if (x->rank < 0) return pome__infer_same(call);
  uint32_t axes;
  bool known;
  POME__TRY(pome__axes_param(call, "axes", x->rank, &axes, &known));
  static const char *const names[] = {"gamma", "beta"};
  for (int n = 0; known && n < 2; n++) {
    const pome__type *type = pome__arg_type(call, names[n]);
    if (type == NULL || type->rank < 0) continue;
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
      if ((axes >> i & 1) == 0) continue;
      if (rank < type->rank) {
        POME__TRY(pome__need_dims_equal(call, names[n], type->dims[rank],
                                        "a normalized dimension of x", x->dims[i]));
      }
      rank++;
    }
    POME__TRY(pome__need_rank(call, pome__arg_index(call, names[n]), 0, rank, rank));
  }
  return pome__infer_same(call);
}

static void layer_norm_line(size_t n, const double *x, double *y, const void *params) {
  const line_params *p = params;
  double mean;
  double variance;
  moments(n, x, &mean, &variance);
  double deviation = sqrt(variance + p->epsilon);
  for (size_t i = 0; i < n; i++) {
    double v = (x[i] - mean) / deviation;
    if (p->gamma != NULL) v *= p->gamma[i];
    y[i] = p->beta != NULL ? v + p->beta[i] : v;
  }
}

static pome_status eval_layer_norm(pome__call *call) {
  static const pome__line line = {layer_norm_line, NULL};
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  uint32_t axes;
  bool known;
  double *gamma;
  double *beta;
  POME__TRY(pome__axes_param(call, "axes", x->rank, &axes, &known));
  POME__TRY(load_optional(call, "gamma", &gamma));
  POME__TRY(load_optional(call, "beta", &beta));
  line_params params = {gamma, beta, pome__arg_epsilon(call, "epsilon")};
  return pome__line_blocks(call, x, &call->outputs[0], axes, &line, &params);
}

static pome_status infer_l2_norm(pome__call *call) {
  POME__TRY(pome__need_rank(call, 0, 0, 3, POME_MAX_RANK));
  return pome__infer_same(call);
}

static void l2_norm_line(size_t n, const double *x, double *y, const void *params) {
  const line_params *p = params;
  double squares = 0;
  for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
  double norm = sqrt(squares + p->epsilon);
  for (size_t i = 0; i < n; i++) y[i] = x[i] / norm;
}

static pome_status eval_l2_norm(pome__call *call) {
  static const pome__line line = {l2_norm_line, NULL};
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  line_params params = {NULL, NULL, pome__arg_epsilon(call, "epsilon")};
  uint32_t last_three = (uint32_t)7 << (x->rank - 3);
  return pome__line_blocks(call, x, &call->outputs[0], last_three, &line, &params);
}

/* ---- local_response_norm: over `size` neighbouring channels ---- */

typedef struct response {
  int64_t size;
  double alpha, beta, k;
} response;

static pome_status infer_local_response_norm(pome__call *call) {
  int64_t size;
  POME__TRY(pome__need_rank(call, 0, 0, 2, POME_MAX_RANK));
  POME__TRY(pome__arg_int(call, "size", &size));
  if (size < 1)
    return pome__call_fail(call, "size is %lld; it must be at least 1", (long long)size);
  return pome__infer_same(call);
}

static void response_line(size_t n, const double *x, double *y, const void *params) {
  const response *r = params;
  int64_t count = (int64_t)n;
  for (int64_t c = 0; c < count; c++) {
    int64_t first = c - r->size / 2;
    int64_t last = c + (r->size - 1) / 2;
    double squares = 0;
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < count; i++) squares += x[i] * x[i];
    y[c] = x[c] / pow(r->k + r->alpha / (double)r->size * squares, r->beta);
  }
}

static pome_status eval_local_response_norm(pome__call *call) {
  static const pome__line line = {response_line, NULL};
  response r = {0, pome__arg_epsilon(call, "alpha"), pome__arg_epsilon(call, "beta"),
                pome__arg_epsilon(call, "k")};
  POME__TRY(pome__arg_int(call, "size", &r.size));
  return pome__line_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], 1u << 1, &line,
                           &r);
}

/* ---- rows ---- */

#define CONST    POME__PARAM_CONST
#define OPTIONAL (POME__PARAM_CONST | POME__PARAM_OPTIONAL)

/* Parameters in two versions: up to iOS16 the constants have the type of x, from iOS17 on one of
 * their own. */
#define NUMBER(name, domain, value) POME__P_FLOAT(name, domain, POME__TF, CONST, value)
#define SCALED(domain)                                                                             \
  POME__P("gamma", domain, POME__TF, OPTIONAL), POME__P("beta", domain, POME__TF, OPTIONAL)
#define X POME__P("x", 'T', POME__TF, 0)
#define BATCH(domain)                                                                              \
  {                                                                                                \
    X, POME__P("mean", domain, POME__TF, CONST), POME__P("variance", domain, POME__TF, CONST),     \
        SCALED(domain), NUMBER("epsilon", domain, 1e-5)                                            \
  }
#define INSTANCE(domain)                                                                           \
  { X, SCALED(domain), NUMBER("epsilon", domain, 1e-5) }
#define L2(domain)                                                                                 \
  { X, NUMBER("epsilon", domain, 1e-6) }
#define LAYER(domain)                                                                              \
  {                                                                                                \
    X, POME__P("axes", 0, POME__BIT(INT32), OPTIONAL), SCALED(domain),                             \
        NUMBER("epsilon", domain, 1e-5)                                                            \
  }
#define RESPONSE(domain)                                                                           \
  {                                                                                                \
    X, POME__P("size", 0, POME__BIT(INT32), CONST), NUMBER("alpha", domain, 1e-4),                 \
        NUMBER("beta", domain, 0.75), NUMBER("k", domain, 1)                                       \
  }

static const pome__param batch_15[] = BATCH('T');
static const pome__param batch_17[] = BATCH('U');
static const pome__param instance_15[] = INSTANCE('T');
static const pome__param instance_17[] = INSTANCE('U');
static const pome__param l2_15[] = L2('T');
static const pome__param l2_17[] = L2('U');
static const pome__param layer_15[] = LAYER('T');
static const pome__param layer_17[] = LAYER('U');
static const pome__param response_15[] = RESPONSE('T');
static const pome__param response_17[] = RESPONSE('U');

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("batch_norm", IOS13, batch_15, infer_batch_norm, eval_batch_norm),
    PURE("batch_norm", IOS17, batch_17, infer_batch_norm, eval_batch_norm),
    PURE("instance_norm", IOS13, instance_15, infer_instance_norm, eval_instance_norm),
    PURE("instance_norm", IOS17, instance_17, infer_instance_norm, eval_instance_norm),
    PURE("l2_norm", IOS13, l2_15, infer_l2_norm, eval_l2_norm),
    PURE("l2_norm", IOS17, l2_17, infer_l2_norm, eval_l2_norm),
    PURE("layer_norm", IOS13, layer_15, infer_layer_norm, eval_layer_norm),
    PURE("layer_norm", IOS17, layer_17, infer_layer_norm, eval_layer_norm),
    PURE("local_response_norm", IOS13, response_15, infer_local_response_norm,
         eval_local_response_norm),
    PURE("local_response_norm", IOS17, response_17, infer_local_response_norm,
         eval_local_response_norm),
};

const pome__schema *pome__ops_normalization(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
