/* The meaning of a whole program: every op is bound to its row, its arguments to the row's
 * parameters, and every type is inferred and compared with the declared one. What passes here
 * cannot make inference or evaluation read out of bounds.
 *
 * Files are followed where they are harmlessly loose: compile-time numbers may be of another width
 * than the row says, and unknown attributes are left alone.
 */
#include <stdio.h>
#include <string.h>

#include "ops/infer.h"
#include "ops/ops.h"
#include "tensor/element.h"

typedef struct resolver {
  pome__program *program;
  pome__function *function;
  pome__arena scratch; /* for one op at a time */
  pome_error *error;
} resolver;

/* A call that can only fail: for messages about an op before it is bound. */
static pome__call complaint(const resolver *r, const pome__op *op) {
  pome__call call = {.op = op, .error = r->error};
  return call;
}
#define FAIL(r, op, ...)                                                                           \
  do {                                                                                             \
    pome__call failing = complaint(r, op);                                                         \
    return pome__call_fail(&failing, __VA_ARGS__);                                                 \
  } while (0)

static pome_status out_of_memory(const resolver *r) {
  return pome__fail_memory(r->error, "the types of a program");
}

/* ---- rows ---- */

static pome_status unsupported(const resolver *r, const pome__op *op, const pome__schema *newer) {
  const char *opset = pome__opset_name(r->function->opset);
  if (newer != NULL) {
    pome__fail(r->error, POME_UNSUPPORTED,
               "operation '%s' exists from opset %s on; function '%s' declares %s", op->type,
               pome__opset_name(newer->since), r->function->name, opset);
  } else {
    pome__fail(r->error, POME_UNSUPPORTED, "operation '%s' (opset %s, function '%s') is not known",
               op->type, opset, r->function->name);
  }
  pome__error_at_op(r->error, op->name);
  if (op->line != 0) pome__error_at_line(r->error, op->line, 0);
  return POME_UNSUPPORTED;
}

static pome_status bind_row(resolver *r, pome__op *op) {
  op->schema = pome__schema_find(op->type, r->function->opset);
  if (op->schema == NULL) return unsupported(r, op, pome__schema_find(op->type, POME__OPSET_COUNT));
  if (op->output_count > POME__MAX_OUTPUTS) {
    FAIL(r, op, "has %zu outputs; at most %d are supported", op->output_count, POME__MAX_OUTPUTS);
  }
  if (op->output_count == 0 && op->schema->kind != POME__OP_CONTROL) FAIL(r, op, "has no output");
  return POME_OK;
}

/* ---- arguments ---- */

static bool is_wide_integer(pome_dtype dtype) {
  return pome__dtype_is_integer(dtype) && pome_dtype_bits(dtype) >= 8;
}
static bool is_wide_float(pome_dtype dtype) {
  return pome__dtype_is_float(dtype) && pome_dtype_bits(dtype) >= 16;
}

/* A compile-time number may be stored in another width. */
static bool same_class(pome_dtype a, pome_dtype b) {
  return (is_wide_integer(a) && is_wide_integer(b)) || (is_wide_float(a) && is_wide_float(b));
}

static bool is_loose(const pome__op *op, const pome__param *param) {
  return (param->flags & POME__PARAM_CONST) != 0 && op->schema->kind != POME__OP_CONSTEXPR;
}

static bool dtype_allowed(const pome__op *op, const pome__param *param, pome_dtype dtype) {
  if (param->dtypes == 0 || (param->dtypes & ((pome__dtypes)1 << dtype)) != 0) return true;
  if (!is_loose(op, param)) return false;
  for (int i = POME_DTYPE_NONE + 1; i < POME_DTYPE_COUNT; i++) {
    if ((param->dtypes & ((pome__dtypes)1 << i)) != 0 && same_class(dtype, (pome_dtype)i))
      return true;
  }
  return false;
}

static bool is_constant(const pome__value *value) {
  if (value->literal != NULL) return true;
  const pome__schema *schema = value->producer != NULL ? value->producer->schema : NULL;
  return schema != NULL && (schema->kind == POME__OP_CONSTEXPR || schema->kind == POME__OP_CONST);
}

static pome_status check_kind(const resolver *r, const pome__op *op, const pome__param *param,
                              const pome__value *value) {
  if ((param->flags & POME__PARAM_ANY) != 0) return POME_OK;
  bool list = (param->flags & POME__PARAM_LIST) != 0;
  bool state = (param->flags & POME__PARAM_STATE) != 0;
  pome__type_kind kind = list ? POME__TYPE_LIST : state ? POME__TYPE_STATE : POME__TYPE_TENSOR;
  if (value->type.kind == kind) return POME_OK;
  char text[POME__TYPE_TEXT];
  FAIL(r, op, "'%s' is %s, which is not a %s", param->name,
       pome__type_format(&value->type, text, sizeof(text)),
       list    ? "list"
       : state ? "state"
               : "tensor");
}

static pome_status check_value(const resolver *r, const pome__op *op, const pome__param *param,
                               const pome__value *value) {
  POME__TRY(check_kind(r, op, param, value));
  if ((param->flags & POME__PARAM_CONST) != 0 && !is_constant(value)) {
    FAIL(r, op, "'%s' must be known at compile time, but '%s' is computed at run time", param->name,
         value->name);
  }
  if (value->type.kind != POME__TYPE_TENSOR || dtype_allowed(op, param, value->type.dtype))
    return POME_OK;
  char list[200];
  FAIL(r, op, "'%s' is of type %s; allowed: %s", param->name, pome_dtype_name(value->type.dtype),
       pome__dtypes_format(param->dtypes, list, sizeof(list)));
}

static const char *format_params(const pome__schema *schema, char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = '\0';
  for (size_t p = 0; p < schema->param_count && used < size; p++) {
    int n = snprintf(buffer + used, size - used, "%s%s", p > 0 ? ", " : "", schema->params[p].name);
    if (n > 0) used += (size_t)n;
  }
  return buffer;
}

static pome_status bind_arg(const resolver *r, pome__op *op, pome__arg *arg) {
  int p = pome__schema_param(op->schema, arg->name);
  if (p < 0) {
    char list[300];
    if (arg->attribute) return POME_OK;
    FAIL(r, op, "has no parameter '%s'; it takes: %s", arg->name,
         format_params(op->schema, list, sizeof(list)));
  }
  const pome__param *param = &op->schema->params[p];
  if (op->by_param[p] != NULL) FAIL(r, op, "argument '%s' is given twice", arg->name);
  bool tuple = (param->flags & POME__PARAM_TUPLE) != 0;
  if (arg->count == 0 && (param->flags & POME__PARAM_OPTIONAL) != 0) return POME_OK;
  if (arg->count == 0 || (arg->count > 1 && !tuple)) {
    FAIL(r, op, "argument '%s' has %zu values; %s", arg->name, arg->count,
         tuple ? "at least one is needed" : "it takes one");
  }
  for (size_t i = 0; i < arg->count; i++) POME__TRY(check_value(r, op, param, arg->values[i]));
  op->by_param[p] = arg;
  return POME_OK;
}

/* Parameters with the same letter have the same element type. */
static pome_status check_domains(const resolver *r, const pome__op *op) {
  const pome__schema *schema = op->schema;
  for (size_t p = 0; p < schema->param_count; p++) {
    const pome__param *param = &schema->params[p];
    const pome__arg *arg = op->by_param[p];
    if (param->domain == 0 || arg == NULL) continue;
    size_t first = 0; /* the first parameter with that letter that is there */
    while (schema->params[first].domain != param->domain || op->by_param[first] == NULL) first++;
    const pome__type *model = &op->by_param[first]->values[0]->type;
    for (size_t i = 0; i < arg->count; i++) {
      const pome__type *type = &arg->values[i]->type;
      if (type->kind != POME__TYPE_TENSOR || model->kind != POME__TYPE_TENSOR ||
          type->dtype == model->dtype)
        continue;
      bool loose = is_loose(op, param) || is_loose(op, &schema->params[first]);
      if (loose && same_class(type->dtype, model->dtype)) continue;
      FAIL(r, op, "'%s' is of type %s and '%s' of type %s; they must be equal", param->name,
           pome_dtype_name(type->dtype), schema->params[first].name, pome_dtype_name(model->dtype));
    }
  }
  return POME_OK;
}

static pome_status bind_args(resolver *r, pome__op *op) {
  const pome__schema *schema = op->schema;
  op->by_param = POME__NEW_ARRAY(&r->program->arena, pome__arg *, schema->param_count + 1);
  if (op->by_param == NULL) return out_of_memory(r);
  for (size_t i = 0; i < op->arg_count; i++) POME__TRY(bind_arg(r, op, &op->args[i]));
  for (size_t p = 0; p < schema->param_count; p++) {
    if (op->by_param[p] == NULL && (schema->params[p].flags & POME__PARAM_OPTIONAL) == 0) {
      FAIL(r, op, "argument '%s' is missing", schema->params[p].name);
    }
  }
  return check_domains(r, op);
}

/* ---- types ---- */

static bool is_undeclared(const pome__type *type) {
  return type->kind == POME__TYPE_TENSOR && type->dtype == POME_DTYPE_NONE;
}

static void refine(pome__type *declared, const pome__type *inferred) {
  if (is_undeclared(declared)) {
    *declared = *inferred;
  } else if (declared->kind == POME__TYPE_TENSOR && inferred->rank >= 0) {
    if (declared->rank < 0) *declared = *inferred;
    for (int i = 0; i < declared->rank; i++) {
      if (declared->dims[i] == POME_DIM_UNKNOWN) declared->dims[i] = inferred->dims[i];
    }
  } else if (declared->kind == POME__TYPE_LIST) {
    if (declared->length < 0) declared->length = inferred->length;
    if (!pome__type_is_known(declared->elements[0])) declared->elements = inferred->elements;
  }
}

static pome_status settle_outputs(const resolver *r, pome__op *op, const pome__type *inferred) {
  for (size_t i = 0; i < op->output_count; i++) {
    pome__type *declared = &op->outputs[i]->type;
    if (!is_undeclared(declared) && !pome__type_fits(declared, &inferred[i])) {
      char left[POME__TYPE_TEXT];
      char right[POME__TYPE_TEXT];
      FAIL(r, op, "output '%s' is declared as %.150s, but the operation gives %.150s",
           op->outputs[i]->name, pome__type_format(declared, left, sizeof(left)),
           pome__type_format(&inferred[i], right, sizeof(right)));
    }
    refine(declared, &inferred[i]);
  }
  return POME_OK;
}

static pome_status infer_types(resolver *r, pome__op *op) {
  size_t count = pome__op_operand_count(op);
  pome__operand *operands = POME__NEW_ARRAY(&r->scratch, pome__operand, count + 1);
  pome_tensor *tensors = POME__NEW_ARRAY(&r->scratch, pome_tensor, count + 1);
  pome__type *types = POME__NEW_ARRAY(&r->scratch, pome__type, op->output_count + 1);
  if (operands == NULL || tensors == NULL || types == NULL) return out_of_memory(r);
  size_t next = 0;
  for (size_t p = 0; p < op->schema->param_count; p++) {
    for (size_t i = 0; op->by_param[p] != NULL && i < op->by_param[p]->count; i++, next++) {
      const pome__value *value = op->by_param[p]->values[i];
      operands[next].type = &value->type;
      if (value->literal == NULL || value->literal->type.kind != POME__TYPE_TENSOR) continue;
      operands[next].type = &value->literal->type;
      if (value->literal->data == NULL && value->literal->bytes != 0) continue;
      tensors[next] = pome__literal_tensor(value->literal);
      operands[next].tensor = &tensors[next];
    }
  }
  pome__call call;
  pome__call_init(&call, op, r->error);
  call.operands = operands;
  call.out_types = types;
  call.scratch = &r->program->arena;
  POME__TRY(pome__call_infer(&call));
  POME__TRY(settle_outputs(r, op, types));
  pome__arena_reset(&r->scratch);
  return POME_OK;
}

/* ---- blocks ---- */

static pome_status resolve_block(resolver *r, pome__block *block, int depth);

static pome_status check_block_shape(const resolver *r, const pome__op *op, size_t block,
                                     size_t inputs, size_t outputs) {
  const pome__block *b = op->blocks[block];
  if (b->input_count == inputs && b->output_count == outputs) return POME_OK;
  FAIL(r, op, "block %zu has %zu inputs and %zu outputs; it needs %zu and %zu", block,
       b->input_count, b->output_count, inputs, outputs);
}

/* The block's inputs stand for the loop variables, at the start and after each turn. */
static pome_status bind_loop(const resolver *r, const pome__op *op, const pome__arg *variables) {
  for (size_t b = 0; b < 2; b++) {
    POME__TRY(check_block_shape(r, op, b, variables->count, b == 0 ? 1 : variables->count));
    for (size_t i = 0; i < variables->count; i++) {
      pome__value *input = op->blocks[b]->inputs[i];
      const pome__type *type = &variables->values[i]->type;
      char left[POME__TYPE_TEXT];
      char right[POME__TYPE_TEXT];
      if (is_undeclared(&input->type)) input->type = *type;
      if (pome__type_fits(&input->type, type)) continue;
      FAIL(r, op, "block input '%s' is %.150s; the loop variable is %.150s", input->name,
           pome__type_format(&input->type, left, sizeof(left)),
           pome__type_format(type, right, sizeof(right)));
    }
  }
  return POME_OK;
}

static pome_status check_loop_results(const resolver *r, const pome__op *op) {
  const pome__type *go_on = &op->blocks[0]->outputs[0]->type;
  if (go_on->kind != POME__TYPE_TENSOR || go_on->dtype != POME_BOOL || go_on->rank > 1) {
    FAIL(r, op, "the condition block must give a bool");
  }
  for (size_t i = 0; i < op->blocks[1]->output_count; i++) {
    const pome__type *input = &op->blocks[1]->inputs[i]->type;
    const pome__type *result = &op->blocks[1]->outputs[i]->type;
    char left[POME__TYPE_TEXT];
    char right[POME__TYPE_TEXT];
    if (pome__type_fits(input, result)) continue;
    FAIL(r, op, "the body gives %.150s for '%s', which is %.150s",
         pome__type_format(result, right, sizeof(right)), op->blocks[1]->inputs[i]->name,
         pome__type_format(input, left, sizeof(left)));
  }
  return POME_OK;
}

static pome_status resolve_blocks(resolver *r, pome__op *op, int depth) {
  bool loop = strcmp(op->type, "while_loop") == 0;
  size_t wanted = loop || strcmp(op->type, "cond") == 0 ? 2 : 0;
  if (op->block_count != wanted)
    FAIL(r, op, "has %zu blocks; it needs %zu", op->block_count, wanted);
  if (wanted == 0) return POME_OK;
  if (depth >= POME__MAX_DEPTH) FAIL(r, op, "blocks are nested more than %d deep", POME__MAX_DEPTH);
  if (loop) {
    POME__TRY(bind_loop(r, op, op->by_param[0]));
    if (op->output_count != op->by_param[0]->count) {
      FAIL(r, op, "has %zu outputs for %zu loop variables", op->output_count,
           op->by_param[0]->count);
    }
  } else {
    for (size_t b = 0; b < 2; b++) POME__TRY(check_block_shape(r, op, b, 0, op->output_count));
  }
  for (size_t b = 0; b < 2; b++) POME__TRY(resolve_block(r, op->blocks[b], depth + 1));
  return loop ? check_loop_results(r, op) : POME_OK;
}

static pome_status resolve_block(resolver *r, pome__block *block, int depth) {
  for (size_t i = 0; i < block->op_count; i++) {
    pome__op *op = block->ops[i];
    POME__TRY(bind_row(r, op));
    POME__TRY(bind_args(r, op));
    POME__TRY(resolve_blocks(r, op, depth));
    POME__TRY(infer_types(r, op));
  }
  return POME_OK;
}

pome_status pome__op_resolve(pome__program *program, pome__function *function, pome__op *op,
                             pome_error *error) {
  resolver r = {.program = program, .function = function, .error = error};
  pome__arena_init(&r.scratch, program->arena.allocator, 0);
  pome_status status = bind_row(&r, op);
  if (status == POME_OK) status = bind_args(&r, op);
  if (status == POME_OK) status = infer_types(&r, op);
  pome__arena_free(&r.scratch);
  return status;
}

pome_status pome__program_resolve(pome__program *program, pome_error *error) {
  resolver r = {.program = program, .error = error};
  pome__arena_init(&r.scratch, program->arena.allocator, 0);
  pome_status status = POME_OK;
  for (size_t i = 0; status == POME_OK && i < program->function_count; i++) {
    r.function = program->functions[i];
    status = resolve_block(&r, r.function->body, 0);
  }
  pome__arena_free(&r.scratch);
  return status;
}
