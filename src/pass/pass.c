/* Running passes, and what they share: the walk over a function, and values that stand for others.
 */
#include "pass/pass.h"

#include <string.h>

#include "ops/ops.h"
#include "tensor/element.h"

/* Each round shortens some chain; real programs settle in two or three. */
#define MAX_ROUNDS 8

/* ---- for passes ---- */

bool pome__pass_replace(pome__pass_work *work, const pome__value *old, pome__value *value) {
  if (old->index >= work->value_count || work->fixed[old->index]) return false;
  if (!pome__type_equal(&old->type, &value->type)) return false;
  work->instead[old->index] = value;
  work->changes++;
  return true;
}

pome__value *pome__pass_operand(const pome__op *op, const char *param) {
  int p = pome__schema_param(op->schema, param);
  const pome__arg *arg = p < 0 ? NULL : op->by_param[p];
  return arg == NULL || arg->count != 1 ? NULL : arg->values[0];
}

void pome__pass_set_operand(pome__op *op, const char *param, pome__value *value) {
  op->by_param[pome__schema_param(op->schema, param)]->values[0] = value;
}

bool pome__pass_ints(const pome__value *value, int64_t *out, size_t capacity, size_t *count) {
  const pome__literal *literal = value == NULL ? NULL : value->literal;
  if (literal == NULL || literal->type.kind != POME__TYPE_TENSOR || literal->type.rank != 1)
    return false;
  size_t size = (size_t)literal->type.dims[0];
  if (!pome__dtype_is_integer(literal->type.dtype) || size > capacity ||
      (size > 0 && literal->data == NULL))
    return false;
  pome__load_i64(literal->data, literal->type.dtype, 0, 1, size, out);
  *count = size;
  return true;
}

/* ---- the walk ---- */

static void replace_values(const pome__pass_work *work, pome__value **values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    while (values[i]->index < work->value_count && work->instead[values[i]->index] != NULL) {
      values[i] = work->instead[values[i]->index];
    }
  }
}

static pome_status walk(pome__pass_work *work, const pome__pass *pass, pome__block *block) {
  for (size_t i = 0; i < block->op_count; i++) {
    pome__op *op = block->ops[i];
    for (size_t a = 0; a < op->arg_count; a++)
      replace_values(work, op->args[a].values, op->args[a].count);
    POME__TRY(pass->visit(work, op));
    for (size_t b = 0; b < op->block_count; b++) POME__TRY(walk(work, pass, op->blocks[b]));
  }
  replace_values(work, block->outputs, block->output_count);
  return POME_OK;
}

static bool is_asked_for(const pome__pass_request *request, const char *name) {
  for (size_t i = 0; i < request->keep_count; i++) {
    if (strcmp(request->keep[i], name) == 0) return true;
  }
  return false;
}

static void mark_fixed(pome__pass_work *work, const pome__pass_request *request) {
  const pome__block *body = work->function->body;
  for (size_t i = 0; i < body->output_count; i++) work->fixed[body->outputs[i]->index] = true;
  for (size_t i = 0; request->keep_count > 0 && i < body->op_count; i++) {
    for (size_t o = 0; o < body->ops[i]->output_count; o++) {
      const pome__value *value = body->ops[i]->outputs[o];
      if (is_asked_for(request, value->name)) work->fixed[value->index] = true;
    }
  }
}

static pome_status run_on(pome__program *program, pome__function *function, const pome__pass *pass,
                          const pome__pass_request *request, size_t *changes, pome_error *error) {
  pome__pass_work work = {.program = program,
                          .function = function,
                          .value_count = function->value_count,
                          .error = error};
  pome__arena_init(&work.scratch, program->arena.allocator, 0);
  work.instead = POME__NEW_ARRAY(&work.scratch, pome__value *, work.value_count);
  work.fixed = POME__NEW_ARRAY(&work.scratch, bool, work.value_count);
  pome_status status = POME_OK;
  if (work.instead == NULL || work.fixed == NULL) {
    status = pome__fail_memory(error, "a pass");
  } else {
    mark_fixed(&work, request);
    status = pass->whole != NULL ? pass->whole(&work) : walk(&work, pass, function->body);
  }
  pome__arena_free(&work.scratch);
  *changes += work.changes;
  return status;
}

static pome_status run_pass(pome__program *program, const pome__pass *pass,
                            const pome__pass_request *request, size_t *changes, pome_error *error) {
  size_t made = 0;
  for (size_t i = 0; i < program->function_count; i++) {
    POME__TRY(run_on(program, program->functions[i], pass, request, &made, error));
  }
  *changes += made;
  if (made == 0) return POME_OK;
  /* Indices, rows and types anew; and a pass that broke its program is found here and not at run
   * time. */
  POME__TRY(pome__program_verify(program, error));
  return pome__program_resolve(program, error);
}

pome_status pome__pass_run(pome__program *program, const pome__pass_request *request,
                           pome_error *error) {
  size_t changes = 1;
  for (int round = 0; round < MAX_ROUNDS && changes > 0; round++) {
    changes = 0;
    for (size_t i = 0; i < request->pass_count; i++) {
      POME__TRY(run_pass(program, request->passes[i], request, &changes, error));
    }
  }
  return POME_OK;
}
