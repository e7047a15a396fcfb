/* The structure every later stage relies on, checked once for programs of any origin.
 *
 * Each function is walked in execution order with the names in scope at hand: a value may be used
 * after its definition, in its own block and the blocks nested there. Sibling blocks may use the
 * same names (both blocks of a while_loop usually do), but no block may hide a name that it can
 * see. What ops mean is not looked at, except that a `const` gives its literal. The walk takes time
 * linear in the program and leaves dense indices behind.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "mil/mil.h"
#include "mil/scope.h"
#include "tensor/element.h"
#include "tensor/shape.h"

typedef struct {
  pome__function *function;
  const pome__op *op; /* being looked at, or NULL */
  pome__arena scratch;
  pome__scope values;
  pome__scope names; /* of functions, or of one op's arguments */
  uint32_t next_value, next_op;
  pome_error *error;
} verifier;

static pome_status fail(verifier *v, const char *format, ...) POME__PRINTF(2, 3);

static pome_status fail(verifier *v, const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (v->op != NULL) {
    pome__fail(v->error, POME_INPUT, "%s (%s): %s", v->op->type, v->function->name, text);
    pome__error_at_op(v->error, v->op->name);
    if (v->op->line != 0) pome__error_at_line(v->error, v->op->line, 0);
  } else if (v->function != NULL) {
    pome__fail(v->error, POME_INPUT, "function %s: %s", v->function->name, text);
  } else {
    pome__fail(v->error, POME_INPUT, "%s", text);
  }
  return POME_INPUT;
}

static pome_status out_of_memory(verifier *v) {
  return pome__fail_memory(v->error, "the names of a program");
}

/* ---- types and literals ---- */

static pome_status check_tensor_type(verifier *v, const char *what, const pome__type *type) {
  if (type->dtype <= POME_DTYPE_NONE || type->dtype >= POME_DTYPE_COUNT) {
    return fail(v, "%s has no element type", what);
  }
  if (type->rank < -1 || type->rank > POME_MAX_RANK) {
    return fail(v, "%s has rank %" PRId32 "; at most %d is supported", what, type->rank,
                POME_MAX_RANK);
  }
  for (int i = 0; i < type->rank; i++) {
    if (type->dims[i] < POME_DIM_UNKNOWN) {
      return fail(v, "%s: dimension %d is %" PRId64 "; it must not be negative", what, i,
                  type->dims[i]);
    }
  }
  return POME_OK;
}

static pome_status check_type(verifier *v, const char *what, const pome__type *type, int depth) {
  if (depth > POME__MAX_DEPTH)
    return fail(v, "the type of %s is nested more than %d deep", what, POME__MAX_DEPTH);
  size_t wanted = 1;
  switch (type->kind) {
  case POME__TYPE_TENSOR: return check_tensor_type(v, what, type);
  case POME__TYPE_DICT: wanted = 2; break;
  case POME__TYPE_TUPLE: wanted = type->element_count; break;
  case POME__TYPE_LIST:
    if (type->length < -1) return fail(v, "%s is a list of length %" PRId64, what, type->length);
    break;
  case POME__TYPE_STATE: break;
  default: return fail(v, "%s has a type of unknown kind", what);
  }
  if (type->element_count != wanted) return fail(v, "the type of %s lacks its element type", what);
  if (type->kind == POME__TYPE_STATE && type->elements[0]->kind != POME__TYPE_TENSOR) {
    return fail(v, "%s is a state of something that is not a tensor", what);
  }
  for (size_t i = 0; i < type->element_count; i++)
    POME__TRY(check_type(v, what, type->elements[i], depth + 1));
  return POME_OK;
}

static pome_status check_tensor_literal(verifier *v, const char *what,
                                        const pome__literal *literal) {
  char text[POME__TYPE_TEXT];
  size_t count, bytes;
  if (!pome__shape_count(literal->type.rank, literal->type.dims, &count) ||
      !pome__dtype_bytes(literal->type.dtype, count, &bytes)) {
    return fail(v, "%s is a constant of type %s, whose size is unknown or too large", what,
                pome__type_format(&literal->type, text, sizeof(text)));
  }
  bool missing = literal->data == NULL && literal->blob_offset != POME_NO_OFFSET &&
                 literal->type.dtype != POME_STRING; /* in a weight file that is not there */
  if (literal->bytes != bytes || (bytes != 0 && literal->data == NULL && !missing)) {
    return fail(v, "%s holds %zu bytes; its type %s takes %zu", what,
                literal->data == NULL ? 0 : literal->bytes,
                pome__type_format(&literal->type, text, sizeof(text)), bytes);
  }
  if (literal->type.dtype != POME_STRING) return POME_OK;
  const pome_string *strings = literal->data;
  for (size_t i = 0; i < count; i++) {
    if (strings[i].size != 0 && strings[i].data == NULL)
      return fail(v, "%s: string %zu has no text", what, i);
  }
  return POME_OK;
}

static pome_status check_literal(verifier *v, const char *what, const pome__literal *literal,
                                 int depth);

static pome_status check_items(verifier *v, const char *what, const pome__literal *literal,
                               int depth) {
  const pome__type *type = &literal->type;
  for (size_t i = 0; i < literal->item_count; i++) {
    size_t part = type->kind == POME__TYPE_LIST ? 0 : type->kind == POME__TYPE_DICT ? i % 2 : i;
    if (literal->items[i] == NULL ||
        !pome__type_fits(type->elements[part], &literal->items[i]->type)) {
      return fail(v, "%s: item %zu does not have the type that is declared for it", what, i);
    }
    POME__TRY(check_literal(v, what, literal->items[i], depth + 1));
  }
  return POME_OK;
}

static pome_status check_literal(verifier *v, const char *what, const pome__literal *literal,
                                 int depth) {
  const pome__type *type = &literal->type;
  POME__TRY(check_type(v, what, type, depth));
  bool counted = true;
  switch (type->kind) {
  case POME__TYPE_TENSOR: return check_tensor_literal(v, what, literal);
  case POME__TYPE_LIST:
    counted = type->length < 0 || (uint64_t)type->length == literal->item_count;
    break;
  case POME__TYPE_TUPLE: counted = type->element_count == literal->item_count; break;
  case POME__TYPE_DICT: counted = literal->item_count % 2 == 0; break;
  case POME__TYPE_STATE: return fail(v, "%s is a constant state; states have no constants", what);
  }
  if (!counted) {
    return fail(v, "%s holds %zu items, not as many as its type says", what, literal->item_count);
  }
  return check_items(v, what, literal, depth);
}

static pome_status check_attributes(verifier *v, const pome__attribute *attributes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    POME__TRY(check_literal(v, attributes[i].name, attributes[i].value, 0));
  }
  return POME_OK;
}

/* ---- values ---- */

static pome_status define(verifier *v, const char *kind, pome__value *value,
                          const pome__op *producer) {
  if (value == NULL || value->name[0] == '\0') return fail(v, "%s has no name", kind);
  if (value->producer != producer)
    return fail(v, "%s is listed where it is not defined", value->name);
  if (pome__scope_find(&v->values, value->name) != NULL) {
    return fail(v, "the name %s is already taken; names must be unique within what a block can see",
                value->name);
  }
  POME__TRY(check_type(v, value->name, &value->type, 0));
  if (!pome__scope_add(&v->values, value->name, value)) return out_of_memory(v);
  value->index = v->next_value++;
  return POME_OK;
}

static pome_status use(verifier *v, const char *where, const pome__value *value) {
  if (value == NULL || value->name[0] == '\0')
    return fail(v, "%s has neither a name nor a value", where);
  const pome__value *found = pome__scope_find(&v->values, value->name);
  if (found == NULL) {
    return fail(v, "%s is %s, which is not defined before it or not in scope", where, value->name);
  }
  if (found != value) return fail(v, "%s is a %s other than the one in scope", where, value->name);
  return POME_OK;
}

static pome_status check_arg(verifier *v, const pome__arg *arg) {
  if (arg->name[0] == '\0') return fail(v, "an argument has no name");
  if (pome__scope_find(&v->names, arg->name) != NULL)
    return fail(v, "argument %s is given twice", arg->name);
  if (!pome__scope_add(&v->names, arg->name, (void *)(uintptr_t)arg)) return out_of_memory(v);
  for (size_t i = 0; i < arg->count; i++) {
    pome__value *value = arg->values[i];
    if (value == NULL || value->name[0] != '\0' || value->literal == NULL) {
      POME__TRY(use(v, arg->name, value));
      continue;
    }
    POME__TRY(check_literal(v, arg->name, value->literal, 0));
    if (!pome__type_equal(&value->type, &value->literal->type) || value->producer != NULL) {
      return fail(v, "%s: a constant in place has a type other than its own", arg->name);
    }
    value->index = v->next_value++;
  }
  return POME_OK;
}

/* A const stands for its `val`. */
static pome_status bind_const(verifier *v, const pome__op *op) {
  char declared[POME__TYPE_TEXT], actual[POME__TYPE_TEXT];
  const pome__arg *val = pome__op_find_arg(op, "val");
  if (op->output_count != 1 || val == NULL || val->count != 1 || val->values[0]->name[0] != '\0') {
    return fail(v, "a const needs one output and one constant in place named val");
  }
  pome__value *output = op->outputs[0];
  const pome__literal *literal = val->values[0]->literal;
  if (!pome__type_fits(&output->type, &literal->type)) {
    return fail(v, "%s is declared %s, but its value is %s", output->name,
                pome__type_format(&output->type, declared, sizeof(declared)),
                pome__type_format(&literal->type, actual, sizeof(actual)));
  }
  output->literal = literal;
  return POME_OK;
}

/* ---- blocks ---- */

static pome_status check_block(verifier *v, pome__block *block, const pome__op *owner, int depth);

static pome_status check_op(verifier *v, pome__op *op, const pome__block *parent, int depth) {
  v->op = op;
  if (op->type[0] == '\0') return fail(v, "an operation has no type");
  if (op->parent != parent) return fail(v, "the operation stands in a block that is not its own");
  op->index = v->next_op++;
  for (size_t i = 0; i < op->arg_count; i++) POME__TRY(check_arg(v, &op->args[i]));
  pome__scope_leave(&v->names, 0);
  for (size_t i = 0; i < op->block_count; i++) {
    POME__TRY(check_block(v, op->blocks[i], op, depth + 1));
    v->op = op;
  }
  for (size_t i = 0; i < op->output_count; i++)
    POME__TRY(define(v, "an output", op->outputs[i], op));
  return strcmp(op->type, "const") == 0 ? bind_const(v, op) : POME_OK;
}

static pome_status check_block(verifier *v, pome__block *block, const pome__op *owner, int depth) {
  if (depth > POME__MAX_DEPTH)
    return fail(v, "blocks are nested more than %d deep", POME__MAX_DEPTH);
  if (block->owner != owner || block->function != v->function) {
    return fail(v, "a block belongs to another operation or function");
  }
  size_t mark = v->values.count;
  for (size_t i = 0; i < block->input_count; i++)
    POME__TRY(define(v, "a block's input", block->inputs[i], NULL));
  for (size_t i = 0; i < block->op_count; i++) POME__TRY(check_op(v, block->ops[i], block, depth));
  v->op = owner;
  for (size_t i = 0; i < block->output_count; i++)
    POME__TRY(use(v, "a block's output", block->outputs[i]));
  pome__scope_leave(&v->values, mark);
  return POME_OK;
}

static pome_status check_function(verifier *v, pome__function *function) {
  v->function = function;
  v->op = NULL;
  v->next_value = v->next_op = 0;
  if (function->opset <= POME__OPSET_NONE || function->opset >= POME__OPSET_COUNT) {
    return fail(v, "unknown opset; CoreML5 (ios15) to CoreML9 (ios26) are supported");
  }
  POME__TRY(check_attributes(v, function->attributes, function->attribute_count));
  for (size_t i = 0; i < function->input_count; i++)
    POME__TRY(define(v, "an input", function->inputs[i], NULL));
  if (function->body->input_count != 0) return fail(v, "its body has inputs of its own");
  POME__TRY(check_block(v, function->body, NULL, 0));
  pome__scope_leave(&v->values, 0);
  function->value_count = v->next_value;
  function->op_count = v->next_op;
  return POME_OK;
}

static pome_status check_program(verifier *v, pome__program *program) {
  if (program->function_count == 0) return fail(v, "the program has no function");
  POME__TRY(check_attributes(v, program->attributes, program->attribute_count));
  for (size_t i = 0; i < program->function_count; i++) {
    const char *name = program->functions[i]->name;
    if (name[0] == '\0') return fail(v, "a function has no name");
    if (pome__scope_find(&v->names, name) != NULL)
      return fail(v, "two functions are named %s", name);
    if (!pome__scope_add(&v->names, name, program->functions[i])) return out_of_memory(v);
  }
  pome__scope_leave(&v->names, 0);
  for (size_t i = 0; i < program->function_count; i++)
    POME__TRY(check_function(v, program->functions[i]));
  return POME_OK;
}

pome_status pome__program_verify(pome__program *program, pome_error *error) {
  verifier v = {.error = error};
  pome__arena_init(&v.scratch, program->arena.allocator, 0);
  pome__scope_init(&v.values, &v.scratch);
  pome__scope_init(&v.names, &v.scratch);
  pome_status status = check_program(&v, program);
  pome__arena_free(&v.scratch);
  return status;
}
