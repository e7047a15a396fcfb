/* Constant folding: an operation whose operands are all written in the program becomes the constant
 * that it gives.
 *
 * Only what is pure, and small: a large result would cost memory that the file saved. Compressed
 * weights are not literals and stay what they are. An evaluation that fails is left to fail when,
 * and if, it runs. Floats come out rounded to their declared type, which `strict` asks for and
 * `wide` and `fast` would not do.
 */
#include <string.h>

#include "ops/ops.h"
#include "pass/pass.h"
#include "tensor/element.h"

#define MAX_BYTES ((size_t)16 << 10)

static bool is_literal(const pome__value *value) {
  const pome__literal *literal = value->literal;
  return literal != NULL && literal->type.kind == POME__TYPE_TENSOR &&
         (literal->data != NULL || literal->bytes == 0);
}

static bool can_fold(const pome__op *op) {
  const pome__schema *schema = op->schema;
  if (schema->kind != POME__OP_PURE && schema->kind != POME__OP_VIEW) return false;
  if (schema->eval == NULL || op->output_count != 1 || op->block_count != 0) return false;
  for (size_t i = 0; i < pome__op_operand_count(op); i++) {
    if (!is_literal(pome__op_operand_value(op, i))) return false;
  }
  return true;
}

/* A type whose elements a literal can hold as evaluation writes them. */
static bool is_foldable(const pome__type *type) {
  bool tensor = type->kind == POME__TYPE_TENSOR && pome__type_is_known(type);
  return tensor && type->dtype != POME_STRING && pome_dtype_bits(type->dtype) >= 8;
}

/* `*result` stays NULL when the operation cannot be evaluated here. */
static pome_status evaluate(pome__pass_work *work, const pome__op *op, pome__literal **result) {
  size_t count = pome__op_operand_count(op);
  pome__operand *operands = POME__NEW_ARRAY(&work->scratch, pome__operand, count);
  pome_tensor *tensors = POME__NEW_ARRAY(&work->scratch, pome_tensor, count);
  if (operands == NULL || tensors == NULL) return pome__fail_memory(work->error, "a constant");
  for (size_t i = 0; i < count; i++) {
    const pome__literal *literal = pome__op_operand_value(op, i)->literal;
    tensors[i] = pome__literal_tensor(literal);
    operands[i] = (pome__operand){&literal->type, &tensors[i]};
  }
  pome_error failure;
  pome__type type;
  pome_tensor output;
  pome__call call;
  pome__call_init(&call, op, &failure);
  call.operands = operands;
  call.out_types = &type;
  call.outputs = &output;
  call.numerics = POME_NUMERICS_STRICT;
  if (pome__call_infer(&call) != POME_OK || !is_foldable(&type)) return POME_OK;
  if (pome_tensor_init(&output, type.dtype, type.rank, type.dims, NULL, &failure) != POME_OK)
    return POME_OK;
  size_t bytes = pome_tensor_bytes(&output);
  if (bytes > MAX_BYTES) return POME_OK;
  pome__literal *literal =
      pome__literal_new_tensor(work->program, type.dtype, type.rank, type.dims, NULL, bytes);
  if (literal == NULL) return pome__fail_memory(work->error, "a constant");
  output.data = (void *)(uintptr_t)literal->data;
  pome__arena scratch;
  pome__arena_init(&scratch, work->program->arena.allocator, 0);
  call.scratch = &scratch;
  pome_status status = op->schema->eval(&call);
  pome__arena_free(&scratch);
  if (status == POME_OK) *result = literal;
  return POME_OK;
}

static pome_status visit(pome__pass_work *work, pome__op *op) {
  pome__literal *literal = NULL;
  if (!can_fold(op)) return POME_OK;
  POME__TRY(evaluate(work, op, &literal));
  if (literal == NULL || !pome__type_fits(&op->outputs[0]->type, &literal->type)) return POME_OK;
  pome__value *in_place = pome__function_new_literal(work->program, work->function, literal);
  char *type = pome__arena_string(&work->program->arena, "const", 5);
  if (in_place == NULL || type == NULL) return pome__fail_memory(work->error, "a constant");
  op->type = type;
  op->args = NULL;
  op->arg_count = 0;
  if (!pome__op_add_arg(work->program, op, "val", &in_place, 1, true))
    return pome__fail_memory(work->error, "a constant");
  op->outputs[0]->literal = literal;
  op->outputs[0]->type = literal->type;
  op->schema = pome__schema_find(op->type, work->function->opset);
  work->changes++;
  return POME_OK;
}

static bool takes_floats(const pome__op *op) {
  for (size_t i = 0; i < pome__op_operand_count(op); i++) {
    const pome__type *type = &pome__op_operand_value(op, i)->type;
    if (type->kind == POME__TYPE_TENSOR && pome__dtype_is_float(type->dtype)) return true;
  }
  return false;
}

static pome_status visit_whole(pome__pass_work *work, pome__op *op) {
  if (op->output_count != 1 || pome__dtype_is_float(op->outputs[0]->type.dtype) || takes_floats(op))
    return POME_OK;
  return visit(work, op);
}

const pome__pass pome__pass_fold = {"fold", visit, NULL};
const pome__pass pome__pass_fold_whole = {"fold_whole", visit_whole, NULL};
