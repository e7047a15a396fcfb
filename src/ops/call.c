/* Calling an op: preparing a call, running inference, and how the rows' own code reaches operands.
 *
 * The accessors know nothing of single ops. They answer from the operand's tensor where there is
 * one, and from the parameter's default where the argument is absent.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "ops/ops.h"
#include "tensor/element.h"
#include "tensor/shape.h"

size_t pome__op_operand_count(const pome__op *op) {
  size_t count = 0;
  for (size_t p = 0; p < op->schema->param_count; p++) {
    if (op->by_param[p] != NULL) count += op->by_param[p]->count;
  }
  return count;
}

pome__value *pome__op_operand_value(const pome__op *op, size_t index) {
  for (size_t p = 0; p < op->schema->param_count; p++) {
    const pome__arg *arg = op->by_param[p];
    if (arg == NULL) continue;
    if (index < arg->count) return arg->values[index];
    index -= arg->count;
  }
  return NULL;
}

void pome__call_init(pome__call *call, const pome__op *op, pome_error *error) {
  memset(call, 0, sizeof(*call));
  call->op = op;
  call->error = error;
  size_t next = 0;
  size_t count = op->schema->param_count;
  for (size_t p = 0; p <= POME__MAX_PARAMS; p++) {
    call->first[p] = next;
    if (p < count && op->by_param[p] != NULL) next += op->by_param[p]->count;
  }
}

static pome_status check_out_type(pome__call *call, size_t index, const pome__type *type) {
  if (type->kind != POME__TYPE_TENSOR) return POME_OK;
  if (type->dtype <= POME_DTYPE_NONE || type->dtype >= POME_DTYPE_COUNT) {
    return pome__call_fail(call, "has %zu outputs; it gives only %zu", call->op->output_count,
                           index);
  }
  if (type->rank > POME_MAX_RANK) {
    return pome__call_fail(call, "output %zu would have rank %d; at most %d is supported", index,
                           (int)type->rank, POME_MAX_RANK);
  }
  size_t count = 1;
  bool empty = false;
  for (int i = 0; i < type->rank; i++) {
    int64_t dim = type->dims[i];
    if (dim == POME_DIM_UNKNOWN) continue;
    if (dim < 0) {
      return pome__call_fail(call, "output %zu would have dimension %lld in position %d", index,
                             (long long)dim, i);
    }
    if (dim == 0) {
      empty = true;
    } else if (!pome__mul(count, (size_t)dim, &count)) {
      return pome__call_fail(call, "output %zu would have more elements than can be counted",
                             index);
    }
  }
  size_t bytes;
  if (!empty && (!pome__dtype_bytes(type->dtype, count, &bytes) || bytes > PTRDIFF_MAX)) {
    return pome__call_fail(call, "output %zu would be larger than memory can be", index);
  }
  return POME_OK;
}

pome_status pome__call_infer(pome__call *call) {
  for (size_t i = 0; i < call->op->output_count; i++) {
    memset(&call->out_types[i], 0, sizeof(call->out_types[i]));
    call->out_types[i].kind = POME__TYPE_TENSOR;
    call->out_types[i].rank = -1;
    call->out_types[i].length = -1;
  }
  POME__TRY(call->op->schema->infer(call));
  for (size_t i = 0; i < call->op->output_count; i++) {
    POME__TRY(check_out_type(call, i, &call->out_types[i]));
  }
  return POME_OK;
}

bool pome__has(const pome__call *call, int p) {
  return call->first[p + 1] > call->first[p];
}

size_t pome__count(const pome__call *call, int p) {
  return call->first[p + 1] - call->first[p];
}

const pome__type *pome__type_of(const pome__call *call, int p, size_t i) {
  return call->operands[call->first[p] + i].type;
}

/* Calls are made on the stack of the caller and never const objects: noting what was missed through
 * a const pointer is allowed and keeps the rows' signatures simple. */
const pome_tensor *pome__tensor_of(const pome__call *call, int p, size_t i) {
  if (i >= pome__count(call, p)) return NULL;
  const pome_tensor *tensor = call->operands[call->first[p] + i].tensor;
  if (tensor == NULL) ((pome__call *)call)->missed_value = true;
  return tensor;
}

static const pome__default *fallback_of(const pome__call *call, int p) {
  return &call->op->schema->params[p].fallback;
}

static bool fallback_is_number(const pome__default *fallback) {
  return fallback->kind == POME__DEFAULT_INT || fallback->kind == POME__DEFAULT_FLOAT ||
         fallback->kind == POME__DEFAULT_BOOL;
}

bool pome__float_of(const pome__call *call, int p, double *value) {
  if (pome__has(call, p)) {
    const pome_tensor *tensor = pome__tensor_of(call, p, 0);
    if (tensor == NULL || tensor->dtype == POME_STRING || pome_tensor_count(tensor) == 0)
      return false;
    pome__load_f64(tensor->data, tensor->dtype, 0, 1, 1, value);
    return true;
  }
  if (!fallback_is_number(fallback_of(call, p))) return false;
  *value = fallback_of(call, p)->number;
  return true;
}

bool pome__int_of(const pome__call *call, int p, int64_t *value) {
  size_t count;
  int64_t first;
  if (pome__has(call, p)) {
    const pome_tensor *tensor = pome__tensor_of(call, p, 0);
    if (tensor == NULL || tensor->dtype == POME_STRING || pome_tensor_count(tensor) == 0)
      return false;
    pome__load_i64(tensor->data, tensor->dtype, 0, 1, 1, value);
    return true;
  }
  if (!pome__ints_of(call, p, &first, 1, &count) || count != 1) return false;
  *value = first;
  return true;
}

bool pome__bool_of(const pome__call *call, int p, bool *value) {
  int64_t number;
  if (!pome__int_of(call, p, &number)) return false;
  *value = number != 0;
  return true;
}

bool pome__string_of(const pome__call *call, int p, pome_string *value) {
  if (pome__has(call, p)) {
    const pome_tensor *tensor = pome__tensor_of(call, p, 0);
    if (tensor == NULL || tensor->dtype != POME_STRING || pome_tensor_count(tensor) == 0)
      return false;
    *value = *(const pome_string *)tensor->data;
    return true;
  }
  const pome__default *fallback = fallback_of(call, p);
  if (fallback->kind != POME__DEFAULT_STRING) return false;
  value->data = fallback->text;
  value->size = strlen(fallback->text);
  return true;
}

bool pome__string_is(pome_string s, const char *text) {
  return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

bool pome__ints_of(const pome__call *call, int p, int64_t *out, size_t capacity, size_t *count) {
  if (pome__has(call, p)) {
    const pome_tensor *tensor = pome__tensor_of(call, p, 0);
    if (tensor == NULL || tensor->dtype == POME_STRING || tensor->rank > 1) return false;
    size_t n = pome_tensor_count(tensor);
    if (n > capacity) return false;
    pome__load_i64(tensor->data, tensor->dtype, 0, 1, n, out);
    *count = n;
    return true;
  }
  const pome__default *fallback = fallback_of(call, p);
  if (fallback->kind == POME__DEFAULT_COMPUTED) {
    size_t n = fallback->ints(call, out, capacity);
    if (n > capacity) return false;
    *count = n;
    return true;
  }
  if (!fallback_is_number(fallback) || capacity == 0) return false;
  out[0] = (int64_t)fallback->number;
  *count = 1;
  return true;
}

pome_status pome__axis(pome__call *call, const char *param, int64_t axis, int64_t rank, int *out) {
  if (rank == 0 && (axis == 0 || axis == -1)) {
    return pome__call_fail(call,
                           "parameter '%s' is %lld, but the value is a scalar and has no axes",
                           param, (long long)axis);
  }
  if (axis < -rank || axis >= rank) {
    return pome__call_fail(call, "parameter '%s' is %lld; allowed for rank %lld: %lld to %lld",
                           param, (long long)axis, (long long)rank, (long long)-rank,
                           (long long)(rank - 1));
  }
  *out = (int)(axis < 0 ? axis + rank : axis);
  return POME_OK;
}

pome_status pome__call_fail(pome__call *call, const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  pome__fail(call->error, POME_INPUT, "%s: %s", call->op->type, text);
  pome__error_at_op(call->error, call->op->name);
  if (call->op->line != 0) pome__error_at_line(call->error, call->op->line, 0);
  return POME_INPUT;
}

pome_status pome__call_memory(pome__call *call) {
  pome__fail_memory(call->error, call->op->type);
  pome__error_at_op(call->error, call->op->name);
  return POME_MEMORY;
}
