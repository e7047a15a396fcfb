/* Compile-time values: literals as they lie in the file, constexpr operations expanded once when a
 * backend asks for the dense form, and matrices described as their file packs them, for kernels
 * that never expand them.
 */
#include <string.h>

#include "plan/plan.h"

#include "ops/ops.h"
#include "tensor/element.h"

bool pome__value_is_constant(const pome__value *value) {
  if (value->literal != NULL) return true;
  const pome__op *op = value->producer;
  return op != NULL && op->schema != NULL && op->schema->kind == POME__OP_CONSTEXPR;
}

static pome_status expand(pome__plan *plan, const pome__value *value, int depth, pome_error *error);

/* Fills operands with the constants an operation takes. */
static pome_status constant_operands(pome__plan *plan, const pome__op *op, pome__operand *operands,
                                     size_t count, int depth, pome_error *error) {
  for (size_t i = 0; i < count; i++) {
    const pome__value *value = pome__op_operand_value(op, i);
    POME__TRY(expand(plan, value, depth + 1, error));
    operands[i] = (pome__operand){&value->type, plan->constants[value->index]};
  }
  return POME_OK;
}

static pome_status evaluate(pome__plan *plan, const pome__op *op, int depth, pome_error *error) {
  pome__call call;
  pome__call_init(&call, op, error);
  size_t count = pome__op_operand_count(op);
  pome__operand *operands = POME__NEW_ARRAY(&plan->arena, pome__operand, count);
  pome__type *types = POME__NEW_ARRAY(&plan->arena, pome__type, op->output_count);
  pome_tensor *outputs = POME__NEW_ARRAY(&plan->arena, pome_tensor, op->output_count);
  if (operands == NULL || types == NULL || outputs == NULL)
    return pome__fail_memory(error, "a plan");
  POME__TRY(constant_operands(plan, op, operands, count, depth, error));
  call.operands = operands;
  call.out_types = types;
  call.outputs = outputs;
  call.numerics = POME_NUMERICS_STRICT;
  POME__TRY(pome__call_infer(&call));
  for (size_t o = 0; o < op->output_count; o++) {
    if (types[o].kind != POME__TYPE_TENSOR || !pome__type_is_known(&types[o])) {
      pome__fail(error, POME_INPUT, "a constant expression whose shape is not known");
      pome__error_at_op(error, op->name);
      return POME_INPUT;
    }
    POME__TRY(
        pome_tensor_init(&outputs[o], types[o].dtype, types[o].rank, types[o].dims, NULL, error));
    outputs[o].data = pome__arena_alloc(&plan->arena, pome_tensor_bytes(&outputs[o]), 64);
    if (outputs[o].data == NULL) return pome__fail_memory(error, "an expanded constant");
  }
  pome__arena scratch;
  pome__arena_init(&scratch, plan->settings.allocator, 0);
  call.scratch = &scratch;
  pome_status status = op->schema->eval(&call);
  pome__arena_free(&scratch);
  if (status != POME_OK) return status;
  for (size_t o = 0; o < op->output_count; o++)
    plan->constants[op->outputs[o]->index] = &outputs[o];
  return POME_OK;
}

static pome_status expand(pome__plan *plan, const pome__value *value, int depth,
                          pome_error *error) {
  if (plan->constants[value->index] != NULL) return POME_OK;
  if (value->literal != NULL) {
    pome_tensor *tensor = POME__NEW(&plan->arena, pome_tensor);
    if (tensor == NULL) return pome__fail_memory(error, "a plan");
    *tensor = pome__literal_tensor(value->literal);
    plan->constants[value->index] = tensor;
    return POME_OK;
  }
  const pome__op *op = value->producer;
  if (!pome__value_is_constant(value) || op->schema->eval == NULL || depth > POME__MAX_DEPTH) {
    pome__fail(error, POME_UNSUPPORTED, "\"%s\" is not a constant that can be computed here",
               value->name);
    if (op != NULL) pome__error_at_op(error, op->name);
    return POME_UNSUPPORTED;
  }
  return evaluate(plan, op, depth, error);
}

pome_status pome__plan_constant(pome__plan *plan, const pome__value *value,
                                const pome_tensor **tensor, pome_error *error) {
  POME__TRY(expand(plan, value, 0, error));
  *tensor = plan->constants[value->index];
  return POME_OK;
}

pome_status pome__plan_list(pome__plan *plan, const pome__value *value, pome_error *error) {
  const pome__literal *list = value->literal;
  const pome__type *element = value->type.elements[0];
  bool scalars = element->kind == POME__TYPE_TENSOR && element->rank == 0 &&
                 pome_dtype_bits(element->dtype) >= 8;
  if (plan->constants[value->index] != NULL || !scalars) return POME_OK;
  int64_t count = (int64_t)list->item_count;
  pome_tensor *tensor = POME__NEW(&plan->arena, pome_tensor);
  if (tensor == NULL) return pome__fail_memory(error, "a plan");
  POME__TRY(pome_tensor_init(tensor, element->dtype, 1, &count, NULL, error));
  char *data = pome__arena_alloc(&plan->arena, pome_tensor_bytes(tensor), 16);
  if (data == NULL) return pome__fail_memory(error, "a list");
  size_t size = pome_dtype_bits(element->dtype) / 8;
  for (size_t i = 0; i < list->item_count; i++) {
    if (list->items[i]->bytes != size)
      return pome__fail(error, POME_INPUT, "element %zu of a list is not one %s", i,
                        pome_dtype_name(element->dtype));
    memcpy(data + i * size, list->items[i]->data, size);
  }
  tensor->data = data;
  plan->constants[value->index] = tensor;
  return POME_OK;
}

/* ---- matrices ---- */

static const pome__literal *literal_of(const pome__op *op, const char *param) {
  int p = pome__schema_param(op->schema, param);
  const pome__arg *arg = p < 0 ? NULL : op->by_param[p];
  return arg == NULL || arg->count != 1 ? NULL : arg->values[0]->literal;
}

/* The palette's rows as floats; NULL when out of memory. */
static float *palette_floats(pome__plan *plan, const pome__literal *lut, size_t count) {
  float *floats = POME__NEW_ARRAY(&plan->arena, float, count);
  if (floats != NULL) pome__load_f32(lut->data, lut->type.dtype, 0, 1, count, floats);
  return floats;
}

/* constexpr_lut_to_dense with 16 scalar entries: iOS18 (indices uint4 of the matrix's shape,
 * palette [groups, 1, 16, 1]) and iOS16 (indices packed in uint8, one palette, the shape beside
 * it). */
static pome_status lut_matrix(pome__plan *plan, const pome__value *value,
                              pome__weight_matrix *matrix, pome_error *error) {
  const pome__op *op = value->producer;
  const pome__literal *indices = literal_of(op, "indices"), *lut = literal_of(op, "lut");
  const pome__type *type = &value->type;
  if (indices == NULL || lut == NULL || !pome__dtype_is_float(lut->type.dtype)) return POME_OK;
  int64_t rows = type->dims[0], columns = type->dims[1], groups = 1;
  if (columns % 2 != 0) return POME_OK;
  if (op->schema->since >= POME__IOS18) {
    if (indices->type.dtype != POME_UINT4 || literal_of(op, "vector_axis") != NULL ||
        lut->type.rank != 4 || lut->type.dims[1] != 1 || lut->type.dims[2] != 16 ||
        lut->type.dims[3] != 1) {
      return POME_OK;
    }
    groups = lut->type.dims[0];
  } else if (lut->type.rank != 1 || lut->type.dims[0] != 16) {
    return POME_OK;
  }
  if (groups <= 0 || rows % groups != 0) return POME_OK;
  float *floats = palette_floats(plan, lut, (size_t)groups * 16);
  if (floats == NULL) return pome__fail_memory(error, "a palette");
  *matrix = (pome__weight_matrix){POME__WEIGHT_LUT4, (size_t)rows, (size_t)columns,
                                  indices->data,     floats,       (size_t)(rows / groups)};
  return POME_OK;
}

pome_status pome__plan_matrix(pome__plan *plan, const pome__value *value,
                              pome__weight_matrix *matrix, pome_error *error) {
  *matrix = (pome__weight_matrix){0};
  const pome__type *type = &value->type;
  if (type->kind != POME__TYPE_TENSOR || type->rank != 2 || type->dims[0] < 1 || type->dims[1] < 1)
    return POME_OK;
  if (value->literal == NULL) {
    const pome__op *op = value->producer;
    bool lut = pome__value_is_constant(value) && strcmp(op->type, "constexpr_lut_to_dense") == 0;
    if (lut) POME__TRY(lut_matrix(plan, value, matrix, error));
    if (lut && matrix->form != POME__WEIGHT_OTHER) return POME_OK;
    if (!pome__value_is_constant(value)) return POME_OK;
  }
  if (type->dtype != POME_FP16 && type->dtype != POME_FP32) return POME_OK;
  const pome_tensor *tensor;
  POME__TRY(pome__plan_constant(plan, value, &tensor, error));
  *matrix = (pome__weight_matrix){type->dtype == POME_FP16 ? POME__WEIGHT_F16 : POME__WEIGHT_F32,
                                  (size_t)type->dims[0],
                                  (size_t)type->dims[1],
                                  tensor->data,
                                  NULL,
                                  0};
  return POME_OK;
}
