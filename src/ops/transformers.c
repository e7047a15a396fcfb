/* Family transformers: scaled_dot_product_attention.
 *
 *   softmax(query . key^T / sqrt(E) + mask) . value, for each batch and row of query
 *
 * A row of scores is made at a time, so nothing of the size [L, S] is kept. Positions whose weight
 * is exactly 0 (masked ones) do not touch the result.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/args.h"
#include "ops/families.h"
#include "ops/product.h"
#include "tensor/element.h"
#include "tensor/shape.h"

enum operand { QUERY, KEY, VALUE, MASK };

/* The mask must broadcast to [batch ..., L, S]. */
static pome_status check_mask(pome__call *call, const int64_t *target, int rank) {
  const pome__type *mask = pome__type_of(call, MASK, 0);
  if (mask->rank < 0) return POME_OK;
  POME__TRY(pome__need_rank(call, MASK, 0, 1, rank));
  for (int i = 0; i < mask->rank; i++) {
    int64_t have = mask->dims[i];
    int64_t want = target[rank - mask->rank + i];
    if (have == 1) continue;
    POME__TRY(
        pome__need_dims_equal(call, "a dimension of attn_mask", have, "that of the scores", want));
  }
  return POME_OK;
}

static pome_status infer_attention(pome__call *call) {
  const pome__type *query = pome__type_of(call, QUERY, 0);
  const pome__type *key = pome__type_of(call, KEY, 0);
  const pome__type *value = pome__type_of(call, VALUE, 0);
  for (int p = QUERY; p <= VALUE; p++) POME__TRY(pome__need_rank(call, p, 0, 3, POME_MAX_RANK));
  int rank = query->rank >= 0 ? query->rank : key->rank >= 0 ? key->rank : value->rank;
  if (rank < 0) return pome__out(call, 0, query->dtype, -1, NULL);
  int64_t dims[3][POME_MAX_RANK];
  for (int p = QUERY; p <= VALUE; p++) {
    const pome__type *type = pome__type_of(call, p, 0);
    POME__TRY(pome__need_rank(call, p, 0, rank, rank));
    for (int i = 0; i < rank; i++) dims[p][i] = type->rank < 0 ? POME_DIM_UNKNOWN : type->dims[i];
  }
  int64_t out[POME_MAX_RANK];
  for (int i = 0; i < rank - 2; i++) {
    POME__TRY(pome__need_dims_equal(call, "a batch dimension of query", dims[QUERY][i],
                                    "that of key", dims[KEY][i]));
    POME__TRY(pome__need_dims_equal(call, "a batch dimension of query", dims[QUERY][i],
                                    "that of value", dims[VALUE][i]));
    out[i] = dims[QUERY][i];
  }
  POME__TRY(pome__need_dims_equal(call, "the last dimension of query", dims[QUERY][rank - 1],
                                  "that of key", dims[KEY][rank - 1]));
  POME__TRY(pome__need_dims_equal(call, "the length of key", dims[KEY][rank - 2], "that of value",
                                  dims[VALUE][rank - 2]));
  out[rank - 2] = dims[QUERY][rank - 2];
  if (pome__has(call, MASK)) {
    out[rank - 1] = dims[KEY][rank - 2];
    POME__TRY(check_mask(call, out, rank));
  }
  out[rank - 1] = dims[VALUE][rank - 1];
  return pome__out(call, 0, query->dtype, rank, out);
}

typedef struct attention {
  pome__call *call;
  pome_tensor operands[3]; /* in the type that sums are made in */
  const pome_tensor *mask;
  int64_t mask_strides[POME_MAX_RANK]; /* over [batch ..., L, S] */
  size_t length, keys, width, value_width;
  void *query, *scores, *sum;
} attention;

static pome_status begin(pome__call *call, attention *a) {
  const pome_tensor *query = pome__tensor_of(call, QUERY, 0);
  const pome_tensor *value = pome__tensor_of(call, VALUE, 0);
  int rank = query->rank;
  memset(a, 0, sizeof(*a));
  a->call = call;
  a->length = (size_t)query->shape[rank - 2];
  a->width = (size_t)query->shape[rank - 1];
  a->keys = (size_t)value->shape[rank - 2];
  a->value_width = (size_t)value->shape[rank - 1];
  for (int p = QUERY; p <= VALUE; p++)
    POME__TRY(pome__product_operand(call, pome__tensor_of(call, p, 0), &a->operands[p]));
  a->query = POME__SCRATCH(call, double, a->width + 1);
  a->scores = POME__SCRATCH(call, double, a->keys + 1);
  a->sum = POME__SCRATCH(call, double, a->value_width + 1);
  if (a->query == NULL || a->scores == NULL || a->sum == NULL) return pome__call_memory(call);
  if (!pome__has(call, MASK)) return POME_OK;
  a->mask = pome__tensor_of(call, MASK, 0);
  int64_t target[POME_MAX_RANK];
  memcpy(target, query->shape, sizeof(target));
  target[rank - 1] = (int64_t)a->keys;
  pome__shape_broadcast_strides(a->mask->rank, a->mask->shape, rank, target, a->mask_strides);
  return POME_OK;
}

/* Where the mask of row `row` of batch `batch` begins. */
static int64_t mask_offset(const attention *a, int64_t batch, int64_t row) {
  int rank = a->operands[QUERY].rank;
  const int64_t *shape = a->operands[QUERY].shape;
  int64_t offset = row * a->mask_strides[rank - 2];
  for (int i = rank - 3; i >= 0; i--) {
    offset += batch % shape[i] * a->mask_strides[i];
    batch /= shape[i];
  }
  return offset;
}

#define MASK_BLOCK 256

/* Adds the mask to scores begin .. begin+n-1: floats are added, false is minus infinity. */
static void load_mask(const attention *a, int64_t offset, size_t begin, size_t n, double *out) {
  int64_t step = a->mask_strides[a->operands[QUERY].rank - 1];
  pome__load_f64(a->mask->data, a->mask->dtype, offset + (int64_t)begin * step, step, n, out);
  if (a->mask->dtype != POME_BOOL) return;
  for (size_t i = 0; i < n; i++) out[i] = out[i] != 0 ? 0 : -INFINITY;
}

static void row_f64(const attention *a, int64_t batch, int64_t row) {
  const double *query = (const double *)a->operands[QUERY].data +
                        (batch * (int64_t)a->length + row) * (int64_t)a->width;
  const double *key = (const double *)a->operands[KEY].data + batch * (int64_t)(a->keys * a->width);
  const double *value =
      (const double *)a->operands[VALUE].data + batch * (int64_t)(a->keys * a->value_width);
  double *scores = a->scores;
  double *sum = a->sum;
  double scale = 1 / sqrt((double)a->width);
  double largest = -INFINITY;
  for (size_t s = 0; s < a->keys; s++)
    scores[s] = pome__dot_f64(a->width, query, key + s * a->width) * scale;
  for (size_t s = 0; a->mask != NULL && s < a->keys; s += MASK_BLOCK) {
    double mask[MASK_BLOCK];
    size_t n = a->keys - s < MASK_BLOCK ? a->keys - s : MASK_BLOCK;
    load_mask(a, mask_offset(a, batch, row), s, n, mask);
    for (size_t i = 0; i < n; i++) scores[s + i] += mask[i];
  }
  for (size_t s = 0; s < a->keys; s++) largest = scores[s] > largest ? scores[s] : largest;
  double total = 0;
  for (size_t s = 0; s < a->keys; s++) total += scores[s] = exp(scores[s] - largest);
  for (size_t i = 0; i < a->value_width; i++) sum[i] = 0;
  for (size_t s = 0; s < a->keys; s++) {
    double weight = scores[s] / total;
    if (weight == 0) continue;
    for (size_t i = 0; i < a->value_width; i++) sum[i] += weight * value[s * a->value_width + i];
  }
}

static void row_f32(const attention *a, int64_t batch, int64_t row) {
  const pome__kernels *kernels = pome__call_kernels(a->call);
  const float *from = (const float *)a->operands[QUERY].data +
                      (batch * (int64_t)a->length + row) * (int64_t)a->width;
  const float *key = (const float *)a->operands[KEY].data + batch * (int64_t)(a->keys * a->width);
  const float *value =
      (const float *)a->operands[VALUE].data + batch * (int64_t)(a->keys * a->value_width);
  float *query = a->query;
  float *scores = a->scores;
  float *sum = a->sum;
  float scale = (float)(1 / sqrt((double)a->width));
  for (size_t i = 0; i < a->width; i++) query[i] = from[i] * scale;
  for (size_t s = 0; s < a->keys; s++)
    scores[s] = kernels->dot_f32(a->width, query, key + s * a->width);
  for (size_t s = 0; a->mask != NULL && s < a->keys; s += MASK_BLOCK) {
    double mask[MASK_BLOCK];
    size_t n = a->keys - s < MASK_BLOCK ? a->keys - s : MASK_BLOCK;
    load_mask(a, mask_offset(a, batch, row), s, n, mask);
    for (size_t i = 0; i < n; i++) scores[s + i] += (float)mask[i];
  }
  if (a->keys > 0) kernels->softmax_f32(a->keys, scores, scores);
  for (size_t i = 0; i < a->value_width; i++) sum[i] = 0;
  for (size_t s = 0; s < a->keys; s++) {
    if (scores[s] != 0)
      kernels->axpy_f32(a->value_width, scores[s], value + s * a->value_width, sum);
  }
}

static pome_status eval_attention(pome__call *call) {
  attention a;
  pome_tensor *y = &call->outputs[0];
  if (pome_tensor_count(y) == 0) return POME_OK;
  POME__TRY(begin(call, &a));
  int64_t batches = pome__dims_product(y->shape, 0, y->rank - 2);
  bool wide = a.operands[QUERY].dtype == POME_FP64;
  for (int64_t batch = 0; batch < batches; batch++) {
    for (int64_t row = 0; row < (int64_t)a.length; row++) {
      int64_t to = (batch * (int64_t)a.length + row) * (int64_t)a.value_width;
      if (wide) {
        row_f64(&a, batch, row);
        pome__store_f64(y->data, y->dtype, to, 1, a.value_width, a.sum);
      } else {
        row_f32(&a, batch, row);
        pome__store_f32(y->data, y->dtype, to, 1, a.value_width, a.sum);
      }
    }
  }
  return POME_OK;
}

static const pome__param attention_params[] = {
    POME__P("query", 'T', POME__TF, 0), POME__P("key", 'T', POME__TF, 0),
    POME__P("value", 'T', POME__TF, 0),
    POME__P("attn_mask", 'M', POME__TF | POME__BIT(BOOL), POME__PARAM_OPTIONAL)};

static const pome__schema rows[] = {
    POME__ROW("scaled_dot_product_attention", "transformers", POME__IOS18, POME__OP_PURE,
              attention_params, infer_attention, eval_attention),
};

const pome__schema *pome__ops_transformers(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
