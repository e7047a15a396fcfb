/* The reference interpreter: walks the verified program, one operation at a time, in the declared
 * types, with the evaluation that `ops` defines. It is the oracle for every pass, plan and backend.
 * Each result gets memory of its own and is let go after its last use; nothing is fused, reordered
 * or kept narrower or wider than `strict` and `wide` numerics say.
 */
#include "backend/ref/ref.h"

#include <stdio.h>

#include "backend/backends.h"
#include "base/check.h"
#include "tensor/element.h"

/* ---- what it runs ---- */

static bool supports(const pome__op *op, const pome__settings *settings, char *reason,
                     size_t size) {
  const pome__schema *schema = op->schema;
  bool known = schema->kind == POME__OP_CONTROL
                   ? pome__ref_has_control(op->type)
                   : schema->kind == POME__OP_CONST || schema->eval != NULL;
  if (!known) {
    snprintf(reason, size, "operation \"%s\" is not evaluated yet", op->type);
    return false;
  }
  for (size_t b = 0; b < op->block_count; b++) {
    for (size_t i = 0; i < op->blocks[b]->op_count; i++) {
      if (!supports(op->blocks[b]->ops[i], settings, reason, size)) return false;
    }
  }
  return true;
}

/* ---- preparing ---- */

/* Expands the constant behind a value, lists of scalars too; other literals that are no tensors are
 * read in place. */
static pome_status expand(pome__plan *plan, const pome__value *value, pome_error *error) {
  const pome_tensor *tensor;
  if (!pome__value_is_constant(value)) return POME_OK;
  if (value->type.kind == POME__TYPE_LIST && value->literal != NULL)
    return pome__plan_list(plan, value, error);
  if (value->type.kind != POME__TYPE_TENSOR) return POME_OK;
  return pome__plan_constant(plan, value, &tensor, error);
}

/* Expands every constant that `op` uses, and measures it. */
static pome_status visit(pome__ref_plan *prepared, const pome__op *op, pome_error *error) {
  if (op->schema->kind == POME__OP_CONST || op->schema->kind == POME__OP_CONSTEXPR) return POME_OK;
  size_t operands = pome__op_operand_count(op);
  if (operands > prepared->max_operands) prepared->max_operands = operands;
  if (op->output_count > prepared->max_outputs) prepared->max_outputs = op->output_count;
  for (size_t i = 0; i < operands; i++)
    POME__TRY(expand(prepared->plan, pome__op_operand_value(op, i), error));
  for (size_t b = 0; b < op->block_count; b++) {
    const pome__block *block = op->blocks[b];
    for (size_t i = 0; i < block->op_count; i++) POME__TRY(visit(prepared, block->ops[i], error));
    for (size_t i = 0; i < block->output_count; i++)
      POME__TRY(expand(prepared->plan, block->outputs[i], error));
  }
  return POME_OK;
}

static pome_status prepare(pome__plan *plan, pome__subplan *subplan, pome_error *error) {
  size_t values = plan->function->value_count;
  pome__ref_plan *prepared = POME__NEW(&plan->arena, pome__ref_plan);
  const pome__op **last = POME__NEW_ARRAY(&plan->arena, const pome__op *, values);
  const pome__block **home = POME__NEW_ARRAY(&plan->arena, const pome__block *, values);
  if (prepared == NULL || last == NULL || home == NULL) return pome__fail_memory(error, "a plan");
  *prepared = (pome__ref_plan){.plan = plan, .subplan = subplan, .last = last};
  for (size_t i = 0; i < subplan->op_count; i++) POME__TRY(visit(prepared, subplan->ops[i], error));
  pome__last_users(plan->function->body, home, last);
  for (size_t i = 0; i < subplan->output_count; i++) last[subplan->outputs[i]->index] = NULL;
  for (size_t i = 0; i < subplan->input_count; i++) last[subplan->inputs[i]->index] = NULL;
  subplan->prepared = prepared;
  return POME_OK;
}

static void release(pome__subplan *subplan) {
  subplan->prepared = NULL;
}

/* ---- instances ---- */

static void close_instance(void *instance) {
  pome__ref *ref = instance;
  if (ref == NULL) return;
  pome__arena_free(&ref->scratch);
  const pome__ref_plan *prepared = ref->prepared;
  pome__free(ref->allocator, ref->operands, prepared->max_operands * sizeof *ref->operands);
  pome__free(ref->allocator, ref->operand_types,
             prepared->max_operands * sizeof *ref->operand_types);
  pome__free(ref->allocator, ref->out_types, prepared->max_outputs * sizeof *ref->out_types);
  pome__free(ref->allocator, ref->outputs, prepared->max_outputs * sizeof *ref->outputs);
  pome__free(ref->allocator, ref, sizeof *ref);
}

static pome_status open_instance(const pome__subplan *subplan, const pome_allocator *allocator,
                                 void **instance, pome_error *error) {
  const pome__ref_plan *prepared = subplan->prepared;
  pome__ref *ref = pome__alloc_zero(allocator, sizeof *ref);
  if (ref == NULL) return pome__fail_memory(error, "a run");
  ref->prepared = prepared;
  ref->allocator = allocator;
  pome__arena_init(&ref->scratch, allocator, 0);
  size_t operands = prepared->max_operands, outputs = prepared->max_outputs;
  ref->operands = pome__alloc(allocator, operands * sizeof *ref->operands);
  ref->operand_types = pome__alloc(allocator, operands * sizeof *ref->operand_types);
  ref->out_types = pome__alloc(allocator, outputs * sizeof *ref->out_types);
  ref->outputs = pome__alloc(allocator, outputs * sizeof *ref->outputs);
  if (ref->operands == NULL || ref->operand_types == NULL || ref->out_types == NULL ||
      ref->outputs == NULL) {
    close_instance(ref);
    return pome__fail_memory(error, "a run");
  }
  *instance = ref;
  return POME_OK;
}

static size_t instance_bytes(const void *instance) {
  const pome__ref *ref = instance;
  return sizeof *ref + ref->scratch.taken;
}

/* ---- running ---- */

pome_status pome__ref_tensor(const pome__ref *ref, const pome__value *value,
                             const pome_tensor **tensor, pome_error *error) {
  const pome_tensor *constant = ref->prepared->plan->constants[value->index];
  const pome__slot *slot = pome__ref_slot(ref, value);
  if (constant == NULL && slot->kind != POME__SLOT_TENSOR) {
    return pome__fail(error, POME_INTERNAL, "value \"%s\" has no tensor", value->name);
  }
  *tensor = constant != NULL ? constant : &slot->tensor;
  return POME_OK;
}

/* Operands as they are now: every tensor known, types concrete. Lists and dictionaries pass as
 * their declared types. */
static pome_status gather_operands(pome__ref *ref, const pome__op *op, pome_error *error) {
  size_t count = pome__op_operand_count(op);
  for (size_t i = 0; i < count; i++) {
    const pome__value *value = pome__op_operand_value(op, i);
    if (value->type.kind != POME__TYPE_TENSOR) {
      ref->operands[i] = (pome__operand){&value->type, NULL};
      continue;
    }
    const pome_tensor *tensor;
    POME__TRY(pome__ref_tensor(ref, value, &tensor, error));
    ref->operand_types[i] = pome__type_tensor(value->type.dtype, tensor->rank, tensor->shape);
    ref->operands[i] = (pome__operand){&ref->operand_types[i], tensor};
  }
  return POME_OK;
}

static pome_status allocate_outputs(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome_numerics numerics = pome__ref_numerics(ref);
  for (size_t o = 0; o < op->output_count; o++) {
    const pome__type *type = &ref->out_types[o];
    if (type->kind != POME__TYPE_TENSOR || !pome__type_is_known(type)) {
      return pome__fail(error, POME_INTERNAL, "the shape of \"%s\" is not known",
                        op->outputs[o]->name);
    }
    const pome__type *declared = &op->outputs[o]->type;
    if (!pome__type_fits(declared, type)) {
      char planned[POME__TYPE_TEXT], found[POME__TYPE_TEXT];
      return pome__fail(error, POME_INPUT, "\"%s\" is declared %s but comes out as %s",
                        op->outputs[o]->name, pome__type_format(declared, planned, sizeof planned),
                        pome__type_format(type, found, sizeof found));
    }
    pome__slot *slot = pome__ref_slot(ref, op->outputs[o]);
    POME__TRY(pome__slot_alloc(slot, ref->allocator, pome__stored_dtype(type->dtype, numerics),
                               type->rank, type->dims, error));
    ref->outputs[o] = slot->tensor;
  }
  return POME_OK;
}

static pome_status run_pure(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__call call;
  pome__call_init(&call, op, error);
  POME__TRY(gather_operands(ref, op, error));
  call.operands = ref->operands;
  call.out_types = ref->out_types;
  call.outputs = ref->outputs;
  call.numerics = pome__ref_numerics(ref);
  call.scratch = &ref->scratch;
  call.cancel = ref->exec->cancel;
  POME__TRY(pome__call_infer(&call));
  POME__TRY(allocate_outputs(ref, op, error));
  pome_status status = op->schema->eval(&call);
  pome__arena_reset(&ref->scratch);
  return status;
}

typedef struct dying {
  pome__ref *ref;
  const pome__op *op;
} dying;

static void drop_if_last(void *context, pome__value *value) {
  const dying *d = context;
  if (d->ref->prepared->last[value->index] == d->op)
    pome__slot_clear(pome__ref_slot(d->ref, value));
}

/* identity alone of the other operations hands on lists and dictionaries too. */
static bool gives_tensors(const pome__op *op) {
  return op->output_count == 0 || op->outputs[0]->type.kind == POME__TYPE_TENSOR;
}

static pome_status run_op(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__op_kind kind = op->schema->kind;
  if (kind == POME__OP_CONST || kind == POME__OP_CONSTEXPR) return POME_OK;
  POME__TRY(pome__check_cancel(ref->exec, error));
  bool control = kind == POME__OP_CONTROL || !gives_tensors(op);
  pome_status status = control ? pome__ref_run_control(ref, op, error) : run_pure(ref, op, error);
  if (status != POME_OK) pome__error_at_op(error, op->name);
  pome__op_for_each_use(op, drop_if_last, &(dying){ref, op});
  return status;
}

pome_status pome__ref_run_block(pome__ref *ref, const pome__block *block, pome_error *error) {
  for (size_t i = 0; i < block->op_count; i++) POME__TRY(run_op(ref, block->ops[i], error));
  return POME_OK;
}

static pome_status submit(void *instance, const pome__exec *exec, pome_error *error) {
  pome__ref *ref = instance;
  const pome__subplan *subplan = ref->prepared->subplan;
  ref->exec = exec;
  for (size_t i = 0; i < subplan->op_count; i++) {
    POME__TRY(run_op(ref, subplan->ops[i], error));
    if (exec->step_done != NULL) exec->step_done(exec->context);
  }
  return pome__check_cancel(exec, error); /* the last operation may have left early */
}

const pome__backend pome__backend_ref = {
    .name = "ref",
    .supports = supports,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .close = close_instance,
    .bytes = instance_bytes,
    .submit = submit,
};
