/* The operations of a function's body, for those who look into a run: what each takes and gives,
 * and each one alone as a model of its own.
 */
#include <string.h>

#include "ops/ops.h"
#include "runtime/runtime.h"

/* ---- what each takes ---- */

typedef struct listing {
  pome_operation_value *values; /* NULL: only counts */
  size_t count;
  const bool *outer; /* by value index: inputs of the function, values of the body, literals */
  uint32_t *seen;    /* by value index: 1 + the last operation that listed it */
  uint32_t stamp;
} listing;

static pome_operation_value describe_value(const pome__value *value) {
  const pome__type *type = &value->type;
  pome_operation_value out = {
      .name = value->name, .rank = -1, .constant = pome__value_is_constant(value)};
  out.tensor = type->kind == POME__TYPE_TENSOR;
  if (!out.tensor) return out;
  out.dtype = type->dtype;
  out.rank = type->rank;
  for (int d = 0; d < type->rank; d++) out.shape[d] = type->dims[d];
  if (value->literal != NULL && value->literal->type.kind == POME__TYPE_TENSOR) {
    out.literal = pome__literal_tensor(value->literal);
  }
  return out;
}

static void list_value(listing *l, const pome__value *value) {
  if (l->values != NULL) l->values[l->count] = describe_value(value);
  l->count++;
}

static void list_use(void *context, pome__value *value) {
  listing *l = context;
  bool in_place = value->literal != NULL && value->producer == NULL;
  if ((!in_place && !l->outer[value->index]) || l->seen[value->index] == l->stamp) return;
  l->seen[value->index] = l->stamp;
  list_value(l, value);
}

static void mark_outer(const pome__function *program, bool *outer) {
  for (size_t i = 0; i < program->input_count; i++) outer[program->inputs[i]->index] = true;
  for (size_t i = 0; i < program->body->op_count; i++) {
    const pome__op *op = program->body->ops[i];
    for (size_t o = 0; o < op->output_count; o++) outer[op->outputs[o]->index] = true;
  }
}

static bool draws(const pome__op *op) {
  if (op->schema->kind == POME__OP_RANDOM) return true;
  for (size_t b = 0; b < op->block_count; b++) {
    for (size_t i = 0; i < op->blocks[b]->op_count; i++) {
      if (draws(op->blocks[b]->ops[i])) return true;
    }
  }
  return false;
}

static bool all_tensors(const pome_operation_value *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!values[i].tensor && !values[i].constant) return false;
  }
  return true;
}

static void fill(const pome__function *program, pome_operation *operations, listing *l) {
  for (size_t i = 0; i < program->body->op_count; i++) {
    const pome__op *op = program->body->ops[i];
    size_t first = l->count;
    l->stamp = (uint32_t)i + 1;
    for (size_t v = 0; v < pome__op_operand_count(op); v++)
      list_use(l, pome__op_operand_value(op, v));
    pome__op_for_each_use(op, list_use, l);
    size_t inputs = l->count - first;
    for (size_t o = 0; o < op->output_count; o++) list_value(l, op->outputs[o]);
    if (l->values == NULL) continue;
    const pome_operation_value *values = l->values + first;
    pome__op_kind kind = op->schema->kind;
    operations[i] = (pome_operation){
        .type = op->type,
        .name = op->name,
        .constant = kind == POME__OP_CONST || kind == POME__OP_CONSTEXPR,
        .isolable = op->output_count > 0 && all_tensors(values, l->count - first) && !draws(op),
        .inputs = values,
        .input_count = inputs,
        .outputs = values + inputs,
        .output_count = op->output_count,
    };
  }
}

pome_status pome__function_list(pome__arena *arena, pome_function *function, pome_error *error) {
  const pome__function *program = function->program;
  pome__arena scratch;
  pome__arena_init(&scratch, arena->allocator, 0);
  bool *outer = POME__NEW_ARRAY(&scratch, bool, program->value_count);
  uint32_t *seen = POME__NEW_ARRAY(&scratch, uint32_t, program->value_count);
  pome_operation *operations = POME__NEW_ARRAY(arena, pome_operation, program->body->op_count);
  bool room = outer != NULL && seen != NULL && operations != NULL;
  if (room) {
    listing l = {.outer = outer, .seen = seen};
    mark_outer(program, outer);
    fill(program, operations, &l);
    l.values = POME__NEW_ARRAY(arena, pome_operation_value, l.count);
    room = l.values != NULL;
    l.count = 0;
    memset(seen, 0, program->value_count * sizeof *seen);
    if (room) fill(program, operations, &l);
  }
  pome__arena_free(&scratch);
  if (!room) return pome__fail_memory(error, "the operations of a function");
  function->operations = operations;
  return POME_OK;
}

size_t pome_function_operation_count(const pome_function *function) {
  return function->program == NULL ? 0 : function->program->body->op_count;
}

const pome_operation *pome_function_operation(const pome_function *function, size_t index) {
  return index < pome_function_operation_count(function) ? &function->operations[index] : NULL;
}

/* ---- one alone ---- */

/* The operation and the constants behind it. */
static void want(const pome__op *op, bool *wanted);

static void want_constant(void *context, pome__value *value) {
  const pome__op *producer = value->producer;
  bool *wanted = context;
  if (producer == NULL || producer->parent->owner != NULL || wanted[producer->index]) return;
  if (pome__value_is_constant(value)) want(producer, wanted);
}

static void want(const pome__op *op, bool *wanted) {
  wanted[op->index] = true;
  pome__op_for_each_use(op, want_constant, wanted);
}

static pome_status make_program(const pome_function *function, const pome__op *op,
                                pome__program **out, pome_error *error) {
  const pome_allocator *allocator = function->model->allocator;
  size_t count = function->program->op_count;
  bool *wanted = pome__alloc_zero(allocator, count * sizeof *wanted);
  if (wanted == NULL) return pome__fail_memory(error, "an operation alone");
  want(op, wanted);
  pome__program *program = pome__program_clone(function->program, wanted, allocator);
  pome__free(allocator, wanted, count * sizeof *wanted);
  if (program == NULL) return pome__fail_memory(error, "an operation alone");
  program->missing_weights = function->whole->missing_weights;
  pome_status status = pome__program_verify(program, error);
  if (status == POME_OK) status = pome__program_resolve(program, error);
  if (status != POME_OK) {
    pome__program_free(program);
    return status;
  }
  *out = program;
  return POME_OK;
}

pome_status pome_operation_isolate(const pome_function *function, size_t index, pome_model **model,
                                   pome_error *error) {
  const pome_operation *operation =
      function == NULL ? NULL : pome_function_operation(function, index);
  if (operation == NULL || model == NULL) {
    return pome__fail(
        error, POME_USAGE,
        "pome_operation_isolate needs a function, one of its operations and a place for the model");
  }
  if (!operation->isolable) {
    pome__fail(error, POME_UNSUPPORTED,
               "operation \"%s\" cannot run alone: it takes or gives other things than tensors, or "
               "draws random numbers",
               operation->type);
    pome__error_at_op(error, operation->name);
    return POME_UNSUPPORTED;
  }
  pome__program *program;
  POME__TRY(make_program(function, function->program->body->ops[index], &program, error));
  return pome__model_of_program(program, function->model->allocator, model, error);
}
