/* Integers known in part before anything runs: (?, 1, 256) for concat(slice(shape(x)), [1, 256]).
 *
 * Converters write shapes like that when one size of an input is open. Inference has no value for
 * such an operand, but the program says what most of its elements are; they are found by walking
 * back from the operand over the few operations that shapes are put together with.
 */
#include <string.h>

#include "ops/args.h"
#include "ops/slice.h"
#include "tensor/element.h"

/* The walk is short in programs that mean it; a list made of slices of lists is cut off. */
#define MOST_VISITS   64
#define MOST_OPERANDS 16

typedef struct walk {
  int visits;
} walk;

/* Up to POME_MAX_RANK elements of a scalar or list; POME_DIM_UNKNOWN where not known. */
typedef struct elements {
  int64_t at[POME_MAX_RANK];
  size_t count;
} elements;

static bool find(walk *w, const pome__value *value, elements *out);

static bool is(const pome__op *op, const char *type) {
  return strcmp(op->type, type) == 0;
}

static const pome__value *argument(const pome__op *op, const char *param) {
  int p = pome__schema_param(op->schema, param);
  return p < 0 || op->by_param[p] == NULL ? NULL : op->by_param[p]->values[0];
}

static bool from_literal(const pome__literal *literal, elements *out) {
  const pome__type *type = &literal->type;
  if (type->kind != POME__TYPE_TENSOR || !pome__dtype_is_integer(type->dtype) || type->rank > 1 ||
      literal->data == NULL)
    return false;
  size_t count = type->rank == 0 ? 1 : (size_t)type->dims[0];
  if (count > POME_MAX_RANK) return false;
  pome__load_i64(literal->data, type->dtype, 0, 1, count, out->at);
  out->count = count;
  return true;
}

static bool from_shape(const pome__type *x, elements *out) {
  if (x->kind != POME__TYPE_TENSOR || x->rank < 0) return false;
  memcpy(out->at, x->dims, (size_t)x->rank * sizeof(x->dims[0]));
  out->count = (size_t)x->rank;
  return true;
}

/* Elements of a value of which only the number is known. */
static bool unknown_elements(const pome__type *type, elements *out) {
  if (type->kind != POME__TYPE_TENSOR || type->rank < 0 || type->rank > 1) return false;
  int64_t count = type->rank == 0 ? 1 : type->dims[0];
  if (count < 0 || count > POME_MAX_RANK) return false;
  for (int64_t i = 0; i < count; i++) out->at[i] = POME_DIM_UNKNOWN;
  out->count = (size_t)count;
  return true;
}

/* Of lists or scalars, one after the other. */
static bool from_concat(walk *w, const pome__op *op, elements *out) {
  const pome__arg *values = op->by_param[pome__schema_param(op->schema, "values")];
  out->count = 0;
  for (size_t i = 0; i < values->count; i++) {
    elements part;
    if (!find(w, values->values[i], &part) || part.count > POME_MAX_RANK - out->count) return false;
    memcpy(out->at + out->count, part.at, part.count * sizeof(part.at[0]));
    out->count += part.count;
  }
  return true;
}

static bool from_slice(walk *w, const pome__op *op, elements *out) {
  pome__operand operands[MOST_OPERANDS];
  pome_tensor tensors[MOST_OPERANDS];
  const pome__value *x = argument(op, "x");
  size_t count = pome__op_operand_count(op);
  elements source;
  if (count > MOST_OPERANDS || x->type.rank != 1 || !find(w, x, &source)) return false;
  for (size_t i = 0; i < count; i++) {
    const pome__value *value = pome__op_operand_value(op, i);
    operands[i] = (pome__operand){&value->type, NULL};
    if (value->literal == NULL || value->literal->data == NULL) continue;
    tensors[i] = pome__literal_tensor(value->literal);
    operands[i].tensor = &tensors[i];
  }
  pome__call call;
  pome__slice_axis axis = {0};
  pome__call_init(&call, op, NULL);
  call.operands = operands;
  if (pome__slice_solve(&call, &axis) != POME_OK || call.missed_value) return false;
  int64_t wanted = axis.squeeze ? 1 : axis.count;
  if (wanted < 0 || wanted > (int64_t)source.count) return false;
  for (int64_t i = 0; i < wanted; i++) {
    int64_t from = axis.start + i * axis.step;
    if (from < 0 || from >= (int64_t)source.count) return false;
    out->at[i] = source.at[from];
  }
  out->count = (size_t)wanted;
  return true;
}

static bool from_op(walk *w, const pome__op *op, elements *out) {
  if (op->schema == NULL || op->by_param == NULL) return false;
  if (is(op, "shape")) return from_shape(&argument(op, "x")->type, out);
  if (is(op, "concat")) return from_concat(w, op, out);
  if (is(op, "slice_by_index")) return from_slice(w, op, out);
  if (is(op, "cast") || is(op, "squeeze") || is(op, "expand_dims") || is(op, "identity"))
    return find(w, argument(op, "x"), out);
  return false;
}

static bool find(walk *w, const pome__value *value, elements *out) {
  if (++w->visits > MOST_VISITS) return false;
  if (value->literal != NULL) return from_literal(value->literal, out);
  if (value->producer != NULL && pome__dtype_is_integer(value->type.dtype) &&
      from_op(w, value->producer, out))
    return true;
  return unknown_elements(&value->type, out);
}

bool pome__partial_dims(const pome__value *value, size_t count, int64_t *dims) {
  walk w = {0};
  elements found;
  if (!find(&w, value, &found) || found.count != count) return false;
  for (size_t i = 0; i < count; i++) dims[i] = found.at[i] > 0 ? found.at[i] : POME_DIM_UNKNOWN;
  return true;
}
