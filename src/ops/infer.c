/* Inference that many ops share. See infer.h. */
#include "ops/infer.h"

#include <stdio.h>
#include <string.h>

#include "tensor/shape.h"

static pome_status need_output(pome__call *call, size_t index) {
  if (index < call->op->output_count) return POME_OK;
  return pome__call_fail(call, "has %zu outputs; it gives at least %zu", call->op->output_count,
                         index + 1);
}

pome_status pome__out_type(pome__call *call, size_t index, const pome__type *type) {
  POME__TRY(need_output(call, index));
  call->out_types[index] = *type;
  return POME_OK;
}

pome_status pome__out(pome__call *call, size_t index, pome_dtype dtype, int rank,
                      const int64_t *dims) {
  POME__TRY(need_output(call, index));
  if (rank > POME_MAX_RANK) {
    return pome__call_fail(call, "the result would have rank %d; at most %d is supported", rank,
                           POME_MAX_RANK);
  }
  pome__type *type = &call->out_types[index];
  memset(type, 0, sizeof(*type));
  type->kind = POME__TYPE_TENSOR;
  type->dtype = dtype;
  type->rank = rank < 0 ? -1 : rank;
  type->length = -1;
  for (int i = 0; i < rank; i++) type->dims[i] = dims[i];
  return POME_OK;
}

pome_status pome__infer_same(pome__call *call) {
  const pome__type *type = pome__type_of(call, 0, 0);
  return pome__out(call, 0, type->dtype, type->rank, type->dims);
}

pome_status pome__infer_broadcast(pome__call *call, const pome__type *a, const pome__type *b,
                                  pome_dtype dtype, size_t index) {
  if (a->rank < 0 || b->rank < 0) return pome__out(call, index, dtype, -1, NULL);
  int rank;
  int64_t shape[POME_MAX_RANK];
  if (!pome__shape_broadcast(a->rank, a->dims, b->rank, b->dims, &rank, shape)) {
    char left[POME__SHAPE_TEXT];
    char right[POME__SHAPE_TEXT];
    return pome__call_fail(call, "shapes %s and %s do not broadcast",
                           pome__shape_format(a->rank, a->dims, left, sizeof(left)),
                           pome__shape_format(b->rank, b->dims, right, sizeof(right)));
  }
  return pome__out(call, index, dtype, rank, shape);
}

const char *pome__dtypes_format(pome__dtypes dtypes, char *buffer, size_t size) {
  size_t used = 0;
  if (size > 0) buffer[0] = '\0';
  for (int i = POME_DTYPE_NONE + 1; i < POME_DTYPE_COUNT; i++) {
    if ((dtypes & ((pome__dtypes)1 << i)) == 0 || used >= size) continue;
    int n = snprintf(buffer + used, size - used, "%s%s", used > 0 ? ", " : "",
                     pome_dtype_name((pome_dtype)i));
    if (n > 0) used += (size_t)n;
  }
  return buffer;
}

pome_status pome__dtype_param(pome__call *call, const char *param, pome__dtypes allowed,
                              pome_dtype *dtype) {
  pome_string text;
  if (!pome__string_of(call, pome__schema_param(call->op->schema, param), &text)) {
    *dtype = POME_DTYPE_NONE;
    return POME_OK;
  }
  char name[16] = "";
  if (text.size < sizeof(name)) memcpy(name, text.data, text.size);
  pome_dtype found = pome_dtype_from_name(name);
  if (found == POME_DTYPE_NONE || (allowed & ((pome__dtypes)1 << found)) == 0) {
    char list[160];
    return pome__call_fail(call, "parameter '%s' is \"%.*s\"; allowed: %s", param,
                           (int)(text.size < 32 ? text.size : 32), text.data,
                           pome__dtypes_format(allowed, list, sizeof(list)));
  }
  *dtype = found;
  return POME_OK;
}

pome_status pome__axes_param(pome__call *call, const char *param, int rank, uint32_t *axes,
                             bool *known) {
  int p = pome__schema_param(call->op->schema, param);
  uint32_t all = rank >= 32 ? UINT32_MAX : ((uint32_t)1 << rank) - 1;
  if (!pome__has(call, p)) {
    *axes = all;
    *known = true;
    return POME_OK;
  }
  int64_t list[POME_MAX_RANK];
  size_t count;
  if (!pome__ints_of(call, p, list, POME_MAX_RANK, &count)) {
    if (pome__tensor_of(call, p, 0) != NULL) {
      return pome__call_fail(call, "parameter '%s' must be a list of at most %d axes", param,
                             POME_MAX_RANK);
    }
    *known = false;
    return POME_OK;
  }
  uint32_t mask = 0;
  for (size_t i = 0; i < count; i++) {
    int axis;
    POME__TRY(pome__axis(call, param, list[i], rank, &axis));
    if ((mask & ((uint32_t)1 << axis)) != 0) {
      return pome__call_fail(call, "parameter '%s' names axis %d twice", param, axis);
    }
    mask |= (uint32_t)1 << axis;
  }
  *axes = mask;
  *known = true;
  return POME_OK;
}

bool pome__dim_unify(int64_t a, int64_t b, int64_t *out) {
  if (a != POME_DIM_UNKNOWN && b != POME_DIM_UNKNOWN && a != b) return false;
  *out = a == POME_DIM_UNKNOWN ? b : a;
  return true;
}

void pome__type_widen(const pome__type *a, const pome__type *b, pome__type *out) {
  pome__type wide = *a;
  if (a->kind == POME__TYPE_TENSOR) {
    if (a->rank != b->rank) wide.rank = -1;
    for (int i = 0; i < wide.rank; i++) {
      if (a->dims[i] != b->dims[i]) wide.dims[i] = POME_DIM_UNKNOWN;
    }
  } else if (a->kind == POME__TYPE_LIST && a->length != b->length) {
    wide.length = -1;
  }
  *out = wide;
}

pome_status pome__need_rank(pome__call *call, int p, size_t i, int lowest, int highest) {
  int rank = pome__type_of(call, p, i)->rank;
  if (rank < 0 || (rank >= lowest && rank <= highest)) return POME_OK;
  const char *name = call->op->schema->params[p].name;
  if (lowest == highest)
    return pome__call_fail(call, "'%s' has rank %d; it must be %d", name, rank, lowest);
  return pome__call_fail(call, "'%s' has rank %d; allowed: %d to %d", name, rank, lowest, highest);
}
