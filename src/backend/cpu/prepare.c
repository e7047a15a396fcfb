/* From operations to steps: what depends on the program and not on sizes. Numbers the values,
 * follows views to the memory they share, finds last uses, expands constants that no kernel reads
 * packed, and chooses each step's kind.
 */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "tensor/element.h"

typedef struct builder {
  pome__plan *plan;
  pome__subplan *subplan;
  pome__cpu_plan *out;
  uint32_t *local_of; /* by value index */
} builder;

/* ---- locals ---- */

static uint32_t local_for(builder *b, pome__value *value) {
  uint32_t *slot = &b->local_of[value->index];
  if (*slot != POME__NO_LOCAL) return *slot;
  *slot = (uint32_t)b->out->local_count++;
  b->out->locals[*slot] = (pome__local){
      .value = value,
      .storage = pome__value_is_constant(value) ? POME__STORE_CONSTANT : POME__STORE_EXTERNAL,
      .of = *slot,
      .group = *slot,
      .made_by = POME__NO_LOCAL,
      .small_at = POME__NO_LOCAL,
  };
  return *slot;
}

static bool is_small_kind(const pome__type *type) {
  return type->kind == POME__TYPE_TENSOR &&
         (pome__dtype_is_integer(type->dtype) || type->dtype == POME_BOOL);
}

static pome_status number_values(builder *b, pome_error *error) {
  size_t values = b->plan->function->value_count;
  pome__cpu_plan *out = b->out;
  b->local_of = POME__NEW_ARRAY(&b->plan->arena, uint32_t, values);
  out->locals = POME__NEW_ARRAY(&b->plan->arena, pome__local, values);
  out->steps = POME__NEW_ARRAY(&b->plan->arena, pome__step, b->subplan->op_count);
  if (b->local_of == NULL || out->locals == NULL || out->steps == NULL)
    return pome__fail_memory(error, "a plan");
  for (size_t i = 0; i < values; i++) b->local_of[i] = POME__NO_LOCAL;
  for (size_t s = 0; s < b->subplan->op_count; s++) {
    const pome__op *op = b->subplan->ops[s];
    pome__step *step = &out->steps[out->step_count++];
    *step = (pome__step){.op = op,
                         .operand_count = pome__op_operand_count(op),
                         .x = POME__NO_LOCAL,
                         .w = POME__NO_LOCAL};
    step->operands = POME__NEW_ARRAY(&b->plan->arena, uint32_t, step->operand_count);
    step->outputs = POME__NEW_ARRAY(&b->plan->arena, uint32_t, op->output_count);
    if (step->operands == NULL || step->outputs == NULL) return pome__fail_memory(error, "a plan");
    for (size_t i = 0; i < step->operand_count; i++) {
      step->operands[i] = local_for(b, pome__op_operand_value(op, i));
      out->locals[step->operands[i]].last = s;
    }
    for (size_t o = 0; o < op->output_count; o++) {
      uint32_t local = step->outputs[o] = local_for(b, op->outputs[o]);
      out->locals[local].storage = POME__STORE_PLANNED;
      out->locals[local].made_by = (uint32_t)s;
      out->locals[local].last = s;
      if (is_small_kind(&op->outputs[o]->type))
        out->locals[local].small_at = (uint32_t)out->small_total++;
    }
    step->first_operand = out->operand_total;
    step->first_output = out->output_total;
    out->operand_total += step->operand_count;
    out->output_total += op->output_count;
  }
  for (size_t i = 0; i < b->subplan->output_count; i++) {
    pome__local *local = &out->locals[b->local_of[b->subplan->outputs[i]->index]];
    local->leaves = true;
    local->last = out->step_count;
  }
  return POME_OK;
}

/* ---- views ---- */

/* A view leaves the subplan only as a copy unless the memory behind it is the instance's own. */
static void alias_views(pome__cpu_plan *out) {
  for (size_t s = 0; s < out->step_count; s++) {
    pome__step *step = &out->steps[s];
    if (step->op->schema->kind != POME__OP_VIEW || step->op->output_count != 1 ||
        step->operand_count == 0)
      continue;
    pome__local *source = &out->locals[step->operands[0]], *view = &out->locals[step->outputs[0]];
    if (source->value->type.kind != POME__TYPE_TENSOR) continue;
    pome__local *root = &out->locals[source->of];
    if (view->leaves && root->storage != POME__STORE_PLANNED) continue;
    if (view->small_at != POME__NO_LOCAL)
      continue; /* small integers are cheap to copy, and may be wanted when binding */
    step->kind = POME__STEP_VIEW;
    view->storage = POME__STORE_ALIAS;
    view->of = source->of;
    view->group = source->group;
  }
}

/* Memory lives as long as the longest of the values that share it. */
static void extend_lifetimes(pome__cpu_plan *out) {
  for (size_t i = out->local_count; i-- > 0;) {
    const pome__local *local = &out->locals[i];
    pome__local *group = &out->locals[local->group];
    if (local->last > group->last) group->last = local->last;
  }
  for (size_t i = out->local_count; i-- > 0;) {
    const pome__local *local = &out->locals[i];
    if (local->storage != POME__STORE_ALIAS) continue;
    pome__local *root = &out->locals[local->of];
    if (out->locals[local->group].last > root->last) root->last = out->locals[local->group].last;
  }
}

/* ---- kernels ---- */

static uint32_t operand_of(const pome__step *step, const char *param) {
  const pome__op *op = step->op;
  int wanted = pome__schema_param(op->schema, param);
  size_t at = 0;
  for (int p = 0; p < wanted; p++) at += op->by_param[p] == NULL ? 0 : op->by_param[p]->count;
  return wanted < 0 || op->by_param[wanted] == NULL ? POME__NO_LOCAL : step->operands[at];
}

static bool is_type(const pome__step *step, const char *type) {
  return strcmp(step->op->type, type) == 0;
}

/* Whether an integer or bool parameter is known to have that value; one that is absent is 0. */
static bool param_is(const pome__cpu_plan *out, const pome__step *step, const char *param,
                     int64_t wanted) {
  uint32_t local = operand_of(step, param);
  if (local == POME__NO_LOCAL) return wanted == 0;
  const pome__literal *literal = out->locals[local].value->literal;
  if (literal == NULL || literal->bytes == 0) return false;
  int64_t value;
  pome__load_i64(literal->data, literal->type.dtype, 0, 1, 1, &value);
  return value == wanted;
}

static pome_status bias_floats(builder *b, uint32_t local, size_t count, const float **bias,
                               pome_error *error) {
  *bias = NULL;
  if (local == POME__NO_LOCAL) return POME_OK;
  const pome_tensor *tensor;
  POME__TRY(pome__plan_constant(b->plan, b->out->locals[local].value, &tensor, error));
  float *floats = POME__NEW_ARRAY(&b->plan->arena, float, count);
  if (floats == NULL) return pome__fail_memory(error, "a bias");
  pome__load_f32(tensor->data, tensor->dtype, 0, 1, count, floats);
  *bias = floats;
  return POME_OK;
}

/* linear, or matmul with a constant, transposed right side: on the matrix kernels. */
static pome_status choose_linear(builder *b, pome__step *step, pome_error *error) {
  bool linear = is_type(step, "linear"), matmul = is_type(step, "matmul");
  if (!linear && !(matmul && param_is(b->out, step, "transpose_y", 1) &&
                   param_is(b->out, step, "transpose_x", 0)))
    return POME_OK;
  uint32_t weight = operand_of(step, linear ? "weight" : "y"), x = operand_of(step, "x");
  const pome__type *type = &b->out->locals[x].value->type;
  if (!pome__value_is_constant(b->out->locals[weight].value) ||
      !pome__dtype_is_float(type->dtype) || type->rank < 1)
    return POME_OK;
  if (matmul && type->rank < 2) return POME_OK;
  pome__weight_matrix matrix;
  POME__TRY(pome__plan_matrix(b->plan, b->out->locals[weight].value, &matrix, error));
  if (matrix.form == POME__WEIGHT_OTHER) return POME_OK;
  uint32_t bias = linear ? operand_of(step, "bias") : POME__NO_LOCAL;
  if (bias != POME__NO_LOCAL && !pome__value_is_constant(b->out->locals[bias].value))
    return POME_OK;
  POME__TRY(bias_floats(b, bias, matrix.rows, &step->bias, error));
  step->kind = POME__STEP_LINEAR;
  step->x = x;
  step->w = weight;
  step->matrix = matrix;
  return POME_OK;
}

/* A convolution with constant filters. */
static pome_status choose_conv(builder *b, pome__step *step, pome_error *error) {
  if (!is_type(step, "conv")) return POME_OK;
  uint32_t weight = operand_of(step, "weight"), bias = operand_of(step, "bias");
  const pome__value *filters = b->out->locals[weight].value;
  const pome_tensor *tensor;
  if (!pome__value_is_constant(filters) ||
      (bias != POME__NO_LOCAL && !pome__value_is_constant(b->out->locals[bias].value)))
    return POME_OK;
  POME__TRY(pome__plan_constant(b->plan, filters, &tensor, error));
  if (tensor->dtype != POME_FP16 && tensor->dtype != POME_FP32) return POME_OK;
  POME__TRY(bias_floats(b, bias, (size_t)tensor->shape[0], &step->bias, error));
  step->kind = POME__STEP_CONV;
  step->x = operand_of(step, "x");
  return POME_OK;
}

/* Rows of a palettized table, as an embedding takes them. */
static pome_status choose_gather(builder *b, pome__step *step, pome_error *error) {
  if (!is_type(step, "gather") || !param_is(b->out, step, "axis", 0) ||
      !param_is(b->out, step, "batch_dims", 0))
    return POME_OK;
  uint32_t w = operand_of(step, "x");
  const pome__value *table = b->out->locals[w].value;
  if (table->literal != NULL || !pome__value_is_constant(table)) return POME_OK;
  pome__weight_matrix matrix;
  POME__TRY(pome__plan_matrix(b->plan, table, &matrix, error));
  if (matrix.form != POME__WEIGHT_LUT4) return POME_OK;
  step->kind = POME__STEP_GATHER_LUT;
  step->x = operand_of(step, "indices");
  step->w = w;
  step->wraps = step->op->schema->since < POME__IOS17;
  step->clamps = !step->wraps && param_is(b->out, step, "validate_indices", 0);
  step->matrix = matrix;
  return POME_OK;
}

static pome_status choose_kind(builder *b, pome__step *step, pome_error *error) {
  if (is_type(step, "read_state")) step->kind = POME__STEP_READ_STATE;
  if (is_type(step, "write_state")) step->kind = POME__STEP_WRITE_STATE;
  if (b->out->numerics == POME_NUMERICS_STRICT || step->kind != POME__STEP_EVAL) return POME_OK;
  POME__TRY(choose_linear(b, step, error));
  POME__TRY(choose_conv(b, step, error));
  return step->kind != POME__STEP_EVAL ? POME_OK : choose_gather(b, step, error);
}

/* Dense forms of the constants that remain; a palettized matrix that a kernel reads packed stays as
 * it is. */
static pome_status expand_constants(builder *b, const pome__step *step, pome_error *error) {
  for (size_t i = 0; i < step->operand_count; i++) {
    const pome__value *value = b->out->locals[step->operands[i]].value;
    const pome_tensor *tensor;
    bool packed = step->operands[i] == step->w && step->w != step->x &&
                  step->matrix.form == POME__WEIGHT_LUT4;
    if (packed || !pome__value_is_constant(value) || value->type.kind != POME__TYPE_TENSOR)
      continue;
    POME__TRY(pome__plan_constant(b->plan, value, &tensor, error));
  }
  return POME_OK;
}

pome_status pome__cpu_prepare(pome__plan *plan, pome__subplan *subplan, pome_error *error) {
  pome__cpu_plan *out = POME__NEW(&plan->arena, pome__cpu_plan);
  if (out == NULL) return pome__fail_memory(error, "a plan");
  out->plan = plan;
  out->subplan = subplan;
  out->kernels = pome__kernels_get(plan->settings.isa);
  out->numerics = plan->settings.numerics;
  builder b = {plan, subplan, out, NULL};
  POME__TRY(number_values(&b, error));
  for (size_t s = 0; s < out->step_count; s++) {
    POME__TRY(choose_kind(&b, &out->steps[s], error));
    POME__TRY(expand_constants(&b, &out->steps[s], error));
  }
  alias_views(out);
  pome__cpu_alias_states(out);
  extend_lifetimes(out);
  subplan->prepared = out;
  return POME_OK;
}
