/* Operands by the name of their parameter. See args.h. */
#include "ops/args.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tensor/element.h"

int pome__arg_index(const pome__call *call, const char *name) {
  return pome__schema_param(call->op->schema, name);
}

bool pome__arg_given(const pome__call *call, const char *name) {
  int p = pome__arg_index(call, name);
  return p >= 0 && pome__has(call, p);
}

const pome__type *pome__arg_type(const pome__call *call, const char *name) {
  return pome__arg_given(call, name) ? pome__type_of(call, pome__arg_index(call, name), 0) : NULL;
}

const pome_tensor *pome__arg_tensor(const pome__call *call, const char *name) {
  return pome__arg_given(call, name) ? pome__tensor_of(call, pome__arg_index(call, name), 0) : NULL;
}

static pome_status not_known(pome__call *call, const char *name) {
  return pome__call_fail(
      call, "parameter '%s' must have a value that is known before the program runs", name);
}

pome_status pome__arg_int(pome__call *call, const char *name, int64_t *value) {
  int p = pome__arg_index(call, name);
  if (p < 0 || !pome__int_of(call, p, value)) return not_known(call, name);
  return POME_OK;
}

pome_status pome__arg_ints(pome__call *call, const char *name, int64_t *out, size_t capacity,
                           size_t *count) {
  int p = pome__arg_index(call, name);
  if (p >= 0 && pome__ints_of(call, p, out, capacity, count)) return POME_OK;
  const pome_tensor *tensor = pome__arg_tensor(call, name);
  if (tensor == NULL) return not_known(call, name);
  return pome__call_fail(
      call, "parameter '%s' holds %zu numbers in rank %d; allowed: a list of at most %zu", name,
      pome_tensor_count(tensor), (int)tensor->rank, capacity);
}

pome_status pome__arg_ints_exact(pome__call *call, const char *name, int64_t *out, size_t count) {
  size_t n = 0;
  POME__TRY(pome__arg_ints(call, name, out, count, &n));
  if (n == count) return POME_OK;
  return pome__call_fail(call, "parameter '%s' holds %zu numbers; it must hold %zu", name, n,
                         count);
}

pome_status pome__arg_bools_exact(pome__call *call, const char *name, bool *out, size_t count) {
  int64_t numbers[2 * POME_MAX_RANK];
  POME__TRY(pome__arg_ints_exact(call, name, numbers, count));
  for (size_t i = 0; i < count; i++) out[i] = numbers[i] != 0;
  return POME_OK;
}

pome_status pome__arg_float(pome__call *call, const char *name, double *value) {
  int p = pome__arg_index(call, name);
  if (p < 0 || !pome__float_of(call, p, value)) return not_known(call, name);
  return POME_OK;
}

pome_status pome__arg_axis(pome__call *call, const char *name, int64_t rank, int *axis) {
  int64_t value;
  POME__TRY(pome__arg_int(call, name, &value));
  return pome__axis(call, name, value, rank, axis);
}

bool pome__arg_bool(const pome__call *call, const char *name) {
  int p = pome__arg_index(call, name);
  bool value = false;
  return p >= 0 && pome__bool_of(call, p, &value) && value;
}

double pome__arg_epsilon(const pome__call *call, const char *name) {
  int p = pome__arg_index(call, name);
  double value = 0;
  if (p < 0 || !pome__float_of(call, p, &value)) return 0;
  if (!pome__has(call, p)) {
    pome_dtype dtype = pome__type_of(call, 0, 0)->dtype;
    if (dtype == POME_FP16) value = (double)pome__f16_to_f32(pome__f64_to_f16(value));
    if (dtype == POME_FP32) value = (double)(float)value;
  }
  return value;
}

pome_status pome__arg_choice(pome__call *call, const char *name, const char *const *choices,
                             int *index) {
  int p = pome__arg_index(call, name);
  pome_string text;
  if (p < 0 || !pome__string_of(call, p, &text)) return not_known(call, name);
  char list[240] = "";
  size_t used = 0;
  for (int i = 0; choices[i] != NULL; i++) {
    if (pome__string_is(text, choices[i])) {
      *index = i;
      return POME_OK;
    }
    int n = snprintf(list + used, sizeof(list) - used, "%s\"%s\"", i > 0 ? ", " : "", choices[i]);
    if (n > 0 && used + (size_t)n < sizeof(list)) used += (size_t)n;
  }
  return pome__call_fail(call, "parameter '%s' is \"%.*s\"; allowed: %s", name,
                         (int)(text.size < 40 ? text.size : 40), text.data, list);
}

pome_dtype pome__arg_dtype(const pome__call *call, const char *name, pome_dtype fallback) {
  const pome__type *type = pome__arg_type(call, name);
  return type != NULL ? type->dtype : fallback;
}

/* ---- dimensions ---- */

int64_t pome__dim_add(int64_t a, int64_t b) {
  if (a == POME_DIM_UNKNOWN) return POME_DIM_UNKNOWN;
  int64_t sum;
  return pome__add_i64(a, b, &sum) ? sum : INT64_MAX;
}

int64_t pome__dim_mul(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  if (a == POME_DIM_UNKNOWN || b == POME_DIM_UNKNOWN) return POME_DIM_UNKNOWN;
  int64_t product;
  return pome__mul_i64(a, b, &product) ? product : INT64_MAX;
}

int64_t pome__dims_product(const int64_t *dims, int from, int to) {
  int64_t product = 1;
  bool unknown = false;
  for (int i = from; i < to; i++) {
    if (dims[i] == POME_DIM_UNKNOWN) {
      unknown = true;
    } else {
      product = pome__dim_mul(product, dims[i]);
    }
  }
  return unknown && product != 0 ? POME_DIM_UNKNOWN : product;
}

int64_t pome__type_count(const pome__type *type) {
  return type->rank < 0 ? POME_DIM_UNKNOWN : pome__dims_product(type->dims, 0, type->rank);
}

pome_status pome__need_dims_equal(pome__call *call, const char *what_a, int64_t a,
                                  const char *what_b, int64_t b) {
  if (a == POME_DIM_UNKNOWN || b == POME_DIM_UNKNOWN || a == b) return POME_OK;
  return pome__call_fail(call, "%s is %lld, but %s is %lld; they must be equal", what_a,
                         (long long)a, what_b, (long long)b);
}

pome_status pome__arg_shape(pome__call *call, const char *name, pome__shape_value *shape) {
  const pome__type *type = pome__arg_type(call, name);
  int p = pome__arg_index(call, name);
  size_t count = 0;
  shape->known = p >= 0 && pome__ints_of(call, p, shape->dims, POME_MAX_RANK, &count);
  shape->rank = shape->known ? (int)count : -1;
  if (shape->known || type == NULL) return POME_OK;
  const pome_tensor *tensor = pome__tensor_of(call, p, 0);
  if (type->rank > 1 || (type->rank == 1 && type->dims[0] > POME_MAX_RANK) || tensor != NULL) {
    return pome__call_fail(call, "parameter '%s' must be a list of at most %d dimensions", name,
                           POME_MAX_RANK);
  }
  if (type->rank != 1 || type->dims[0] == POME_DIM_UNKNOWN) return POME_OK;
  shape->rank = (int)type->dims[0];
  for (int i = 0; i < shape->rank; i++) shape->dims[i] = POME_DIM_UNKNOWN;
  const pome__value *value = pome__op_operand_value(call->op, call->first[p]);
  if (value != NULL) (void)pome__partial_dims(value, (size_t)shape->rank, shape->dims);
  return POME_OK;
}
