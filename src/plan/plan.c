/* Making a plan: each operation of the function's body goes to the first link of the chain that
 * runs it; neighbours on one backend become a subplan; values used across the cut become its inputs
 * and outputs.
 */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

#define REASON 256

/* Operations that are not steps: their values are known when the plan is made. */
static bool is_constant_op(const pome__op *op) {
  return op->schema->kind == POME__OP_CONST || op->schema->kind == POME__OP_CONSTEXPR;
}

static pome_status copy_request(pome__plan *plan, const pome__plan_request *request,
                                pome_error *error) {
  const pome__function *function = request->function;
  plan->function = function;
  plan->settings = request->settings;
  plan->link_count = request->link_count;
  plan->links = POME__NEW_ARRAY(&plan->arena, pome__link, request->link_count);
  plan->constants = POME__NEW_ARRAY(&plan->arena, pome_tensor *, function->value_count);
  plan->bounds = POME__NEW_ARRAY(&plan->arena, const pome__type *, function->value_count);
  if (plan->links == NULL || plan->constants == NULL || plan->bounds == NULL)
    return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < request->link_count; i++) {
    pome__link *link = &plan->links[i];
    *link = request->links[i];
    link->name = pome__arena_string(&plan->arena, link->name, strlen(link->name));
    link->reason = pome__arena_string(&plan->arena, link->reason, strlen(link->reason));
    if (link->name == NULL || link->reason == NULL) return pome__fail_memory(error, "a plan");
  }
  for (size_t i = 0; i < function->input_count; i++) {
    if (request->bounds == NULL || request->bounds[i] == NULL) continue;
    pome__type *bound = POME__NEW(&plan->arena, pome__type);
    if (bound == NULL) return pome__fail_memory(error, "a plan");
    *bound = *request->bounds[i];
    plan->bounds[function->inputs[i]->index] = bound;
  }
  return POME_OK;
}

/* A value of the body, or an input: as the plan sees it, converted to the port's type. */
static pome__value *find_value(const pome__function *function, const char *name) {
  const pome__block *block = function->body;
  for (size_t i = 0; i < function->input_count; i++) {
    if (strcmp(function->inputs[i]->name, name) == 0) return function->inputs[i];
  }
  for (size_t i = 0; i < block->op_count; i++) {
    for (size_t o = 0; o < block->ops[i]->output_count; o++) {
      if (strcmp(block->ops[i]->outputs[o]->name, name) == 0) return block->ops[i]->outputs[o];
    }
  }
  return NULL;
}

static pome_status choose_results(pome__plan *plan, const pome__plan_request *request,
                                  pome_error *error) {
  const pome__block *body = plan->function->body;
  plan->results =
      POME__NEW_ARRAY(&plan->arena, pome__value *, body->output_count + request->keep_count);
  if (plan->results == NULL) return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < body->output_count; i++)
    plan->results[plan->result_count++] = body->outputs[i];
  for (size_t i = 0; i < request->keep_count; i++) {
    pome__value *value = find_value(plan->function, request->keep[i]);
    if (value == NULL || value->type.kind != POME__TYPE_TENSOR) {
      return pome__fail(error, POME_USAGE,
                        "no tensor named \"%s\" among the inputs or in the body of function \"%s\"",
                        request->keep[i], plan->function->name);
    }
    plan->results[plan->result_count++] = value;
  }
  for (size_t i = 0; i < plan->result_count; i++) {
    const pome_tensor *tensor;
    if (plan->results[i]->type.kind != POME__TYPE_TENSOR ||
        !pome__value_is_constant(plan->results[i]))
      continue;
    POME__TRY(pome__plan_constant(plan, plan->results[i], &tensor, error));
  }
  return POME_OK;
}

/* The first link that runs `op`; notes why earlier ones did not. */
static pome_status choose_link(pome__plan *plan, const pome__op *op, pome__link **chosen,
                               pome_error *error) {
  char reason[REASON] = "no device in the chain can be used";
  for (size_t i = 0; i < plan->link_count; i++) {
    pome__link *link = &plan->links[i];
    if (link->backend == NULL) {
      if (plan->link_count == 1)
        snprintf(reason, sizeof reason, "%s: %s", link->name, link->reason);
      continue;
    }
    char why[REASON] = "";
    if (link->backend->supports(op, &plan->settings, why, sizeof why)) {
      *chosen = link;
      return POME_OK;
    }
    snprintf(reason, sizeof reason, "%s: %.200s", link->name, why);
    if (link->reason[0] == '\0') {
      link->reason = pome__arena_string(&plan->arena, why, strlen(why));
      if (link->reason == NULL) return pome__fail_memory(error, "a plan");
    }
  }
  pome__fail(error, POME_UNSUPPORTED, "operation \"%s\" cannot run: %s", op->type, reason);
  pome__error_at_op(error, op->name);
  return POME_UNSUPPORTED;
}

/* Cuts the body into runs of operations with one backend. */
static pome_status cut(pome__plan *plan, size_t *owner, pome_error *error) {
  const pome__block *body = plan->function->body;
  pome__op **steps = POME__NEW_ARRAY(&plan->arena, pome__op *, body->op_count);
  plan->subplans = POME__NEW_ARRAY(&plan->arena, pome__subplan, body->op_count);
  if (steps == NULL || plan->subplans == NULL) return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < body->op_count; i++) {
    pome__op *op = body->ops[i];
    if (is_constant_op(op)) continue;
    pome__link *link;
    POME__TRY(choose_link(plan, op, &link, error));
    pome__subplan *current =
        plan->subplan_count == 0 ? NULL : &plan->subplans[plan->subplan_count - 1];
    if (current == NULL || current->backend != link->backend) {
      current = &plan->subplans[plan->subplan_count++];
      *current =
          (pome__subplan){.plan = plan, .backend = link->backend, .ops = &steps[plan->op_count]};
    }
    steps[plan->op_count++] = op;
    current->op_count++;
    link->operations++;
    for (size_t o = 0; o < op->output_count; o++)
      owner[op->outputs[o]->index] = plan->subplan_count;
  }
  return POME_OK;
}

/* Uses of values by one subplan. `owner`: 0 for values nested in blocks and constants, subplan + 1
 * for values of the body, INPUT for the function's inputs. */
#define INPUT SIZE_MAX
typedef struct crossing {
  pome__plan *plan;
  const size_t *owner;
  bool *is_input; /* of the subplan looked at, by value index */
  bool *crosses;  /* leaves the subplan that makes it */
  pome__subplan *subplan;
} crossing;

static void note_use(void *context, pome__value *value) {
  crossing *c = context;
  size_t self = (size_t)(c->subplan - c->plan->subplans) + 1, owner = c->owner[value->index];
  if (owner == 0 || owner == self || c->is_input[value->index]) return;
  c->is_input[value->index] = true;
  c->crosses[value->index] = true;
  if (c->subplan->inputs != NULL) c->subplan->inputs[c->subplan->input_count] = value;
  c->subplan->input_count++;
}

/* Finds the inputs of one subplan: counts them when it has no room for them yet. */
static void note_uses(crossing *c, size_t value_count) {
  memset(c->is_input, 0, value_count * sizeof *c->is_input);
  c->subplan->input_count = 0;
  for (size_t i = 0; i < c->subplan->op_count; i++)
    pome__op_for_each_use(c->subplan->ops[i], note_use, c);
}

static pome_status connect(pome__plan *plan, const size_t *owner, bool *is_input, bool *crosses,
                           pome_error *error) {
  size_t values = plan->function->value_count;
  for (size_t i = 0; i < plan->result_count; i++) crosses[plan->results[i]->index] = true;
  for (size_t s = 0; s < plan->subplan_count; s++) {
    pome__subplan *subplan = &plan->subplans[s];
    crossing c = {plan, owner, is_input, crosses, subplan};
    note_uses(&c, values);
    subplan->inputs = POME__NEW_ARRAY(&plan->arena, pome__value *, subplan->input_count);
    if (subplan->inputs == NULL) return pome__fail_memory(error, "a plan");
    note_uses(&c, values);
  }
  for (size_t s = 0; s < plan->subplan_count; s++) {
    pome__subplan *subplan = &plan->subplans[s];
    size_t made = 0;
    for (size_t i = 0; i < subplan->op_count; i++) made += subplan->ops[i]->output_count;
    subplan->outputs = POME__NEW_ARRAY(&plan->arena, pome__value *, made);
    if (subplan->outputs == NULL) return pome__fail_memory(error, "a plan");
    for (size_t i = 0; i < subplan->op_count; i++) {
      for (size_t o = 0; o < subplan->ops[i]->output_count; o++) {
        pome__value *value = subplan->ops[i]->outputs[o];
        if (crosses[value->index]) subplan->outputs[subplan->output_count++] = value;
      }
    }
  }
  return POME_OK;
}

static pome_status build(pome__plan *plan, const pome__plan_request *request, pome_error *error) {
  POME__TRY(copy_request(plan, request, error));
  POME__TRY(choose_results(plan, request, error));
  size_t values = plan->function->value_count;
  size_t *owner = POME__NEW_ARRAY(&plan->arena, size_t, values);
  bool *marks = POME__NEW_ARRAY(&plan->arena, bool, 2 * values);
  if (owner == NULL || marks == NULL) return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < plan->function->input_count; i++)
    owner[plan->function->inputs[i]->index] = INPUT;
  POME__TRY(cut(plan, owner, error));
  POME__TRY(connect(plan, owner, marks, marks + values, error));
  for (size_t s = 0; s < plan->subplan_count; s++) {
    pome__subplan *subplan = &plan->subplans[s];
    POME__TRY(subplan->backend->prepare(plan, subplan, error));
  }
  return POME_OK;
}

pome_status pome__plan_create(const pome__plan_request *request, pome__plan **out,
                              pome_error *error) {
  const pome_allocator *allocator = request->settings.allocator;
  pome__plan *plan = pome__alloc_zero(allocator, sizeof *plan);
  if (plan == NULL) return pome__fail_memory(error, "a plan");
  pome__arena_init(&plan->arena, allocator, 0);
  pome_status status = build(plan, request, error);
  if (status != POME_OK) {
    plan->settings.allocator = allocator;
    pome__plan_free(plan);
    return status;
  }
  *out = plan;
  return POME_OK;
}

void pome__plan_free(pome__plan *plan) {
  if (plan == NULL) return;
  for (size_t s = 0; s < plan->subplan_count; s++) {
    if (plan->subplans[s].prepared != NULL) plan->subplans[s].backend->release(&plan->subplans[s]);
  }
  const pome_allocator *allocator = plan->settings.allocator;
  pome__arena_free(&plan->arena);
  pome__free(allocator, plan, sizeof *plan);
}
