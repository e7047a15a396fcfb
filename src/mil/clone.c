/* Copies of functions, for those who change or cut a program: passes, and a single operation to be
 * run alone.
 *
 * A copy has values, operations and blocks of its own. Literals and the parts of types are shared,
 * since nothing ever changes them; so the source must outlive the copy. What comes out is as
 * unchecked as what a reader makes: verify and resolve it.
 */
#include "mil/mil.h"

#include <string.h>

typedef struct copier {
  pome__program *program;
  pome__function *function;
  pome__value **copies; /* by index in the source */
} copier;

static pome__value *copy_value(copier *c, const pome__value *source) {
  pome__value *value = c->copies[source->index];
  if (value != NULL) return value;
  value = pome__function_new_value(c->program, c->function, source->name, &source->type);
  if (value != NULL) value->literal = source->literal;
  c->copies[source->index] = value;
  return value;
}

/* Fills `list`, an array of `count`. */
static bool copy_values(copier *c, pome__value *const *sources, size_t count, pome__value **list) {
  for (size_t i = 0; i < count; i++) {
    list[i] = copy_value(c, sources[i]);
    if (list[i] == NULL) return false;
  }
  return true;
}

static bool copy_arg(copier *c, pome__op *op, const pome__arg *arg) {
  pome__value **values = POME__NEW_ARRAY(&c->program->arena, pome__value *, arg->count);
  return values != NULL && copy_values(c, arg->values, arg->count, values) &&
         pome__op_add_arg(c->program, op, arg->name, values, arg->count, arg->attribute);
}

static bool copy_block(copier *c, const pome__block *source, pome__block *block);

static bool copy_op(copier *c, const pome__op *source, pome__block *block) {
  pome__op *op = pome__op_new(c->program, source->type);
  if (op == NULL) return false;
  op->name = pome__arena_string(&c->program->arena, source->name, strlen(source->name));
  op->line = source->line;
  if (op->name == NULL) return false;
  for (size_t i = 0; i < source->arg_count; i++) {
    if (!copy_arg(c, op, &source->args[i])) return false;
  }
  for (size_t i = 0; i < source->block_count; i++) {
    pome__block *inner = pome__block_new(c->program, c->function, op);
    if (inner == NULL || !copy_block(c, source->blocks[i], inner) ||
        !pome__op_add_block(c->program, op, inner)) {
      return false;
    }
  }
  for (size_t i = 0; i < source->output_count; i++) {
    pome__value *output = copy_value(c, source->outputs[i]);
    if (output == NULL || !pome__op_add_output(c->program, op, output)) return false;
  }
  return pome__block_append(c->program, block, op);
}

static bool copy_ends(copier *c, const pome__block *source, pome__block *block) {
  pome__value **values = POME__NEW_ARRAY(&c->program->arena, pome__value *, source->output_count);
  return values != NULL && copy_values(c, source->outputs, source->output_count, values) &&
         pome__block_set_outputs(c->program, block, values, source->output_count);
}

static bool copy_block(copier *c, const pome__block *source, pome__block *block) {
  pome__value **inputs = POME__NEW_ARRAY(&c->program->arena, pome__value *, source->input_count);
  if (inputs == NULL || !copy_values(c, source->inputs, source->input_count, inputs) ||
      !pome__block_set_inputs(c->program, block, inputs, source->input_count)) {
    return false;
  }
  for (size_t i = 0; i < source->op_count; i++) {
    if (!copy_op(c, source->ops[i], block)) return false;
  }
  return copy_ends(c, source, block);
}

static bool copy_whole(copier *c, const pome__function *source) {
  for (size_t i = 0; i < source->input_count; i++) {
    pome__value *input = copy_value(c, source->inputs[i]);
    if (input == NULL || !pome__function_add_input(c->program, c->function, input)) return false;
  }
  for (size_t i = 0; i < source->attribute_count; i++) {
    const pome__attribute *attribute = &source->attributes[i];
    if (!pome__program_add_attribute(c->program, c->function, attribute->name, attribute->value))
      return false;
  }
  return copy_block(c, source->body, c->function->body);
}

/* ---- parts ---- */

/* Values of the body by index: made inside the part, taken by it. */
typedef struct cut {
  copier *copier;
  const bool *outer; /* by index: function inputs and values of the body */
  bool *made, *taken;
  bool failed;
} cut;

static void note_taken(cut *k, const pome__value *value) {
  if (!k->outer[value->index]) return;
  bool input = !k->made[value->index] && !k->taken[value->index];
  k->taken[value->index] = true;
  if (!input) return;
  pome__value *copy = copy_value(k->copier, value);
  k->failed |=
      copy == NULL || !pome__function_add_input(k->copier->program, k->copier->function, copy);
}

static void note_op(cut *k, const pome__op *op) {
  for (size_t a = 0; a < op->arg_count; a++) {
    for (size_t v = 0; v < op->args[a].count; v++) note_taken(k, op->args[a].values[v]);
  }
  for (size_t b = 0; b < op->block_count; b++) {
    const pome__block *block = op->blocks[b];
    for (size_t i = 0; i < block->op_count; i++) note_op(k, block->ops[i]);
    for (size_t i = 0; i < block->output_count; i++) note_taken(k, block->outputs[i]);
  }
}

static void mark_outputs(const pome__op *op, bool *marks) {
  for (size_t o = 0; o < op->output_count; o++) marks[op->outputs[o]->index] = true;
}

static bool copy_part(copier *c, const pome__function *source, const bool *wanted, bool *marks) {
  const pome__block *body = source->body;
  bool *outer = marks, *made = marks + source->value_count, *taken = made + source->value_count;
  cut k = {.copier = c, .outer = outer, .made = made, .taken = taken};
  size_t results = 0;
  for (size_t i = 0; i < source->input_count; i++) outer[source->inputs[i]->index] = true;
  for (size_t i = 0; i < body->op_count; i++) {
    const pome__op *op = body->ops[i];
    mark_outputs(op, outer);
    if (!wanted[op->index]) continue;
    note_op(&k, op);
    mark_outputs(op, made);
    results += op->output_count;
    if (k.failed || !copy_op(c, op, c->function->body)) return false;
  }
  pome__value **outputs = POME__NEW_ARRAY(&c->program->arena, pome__value *, results);
  if (outputs == NULL) return false;
  size_t count = 0;
  for (size_t i = 0; i < body->op_count; i++) {
    const pome__op *op = body->ops[i];
    for (size_t o = 0; wanted[op->index] && o < op->output_count; o++) {
      if (!taken[op->outputs[o]->index]) outputs[count++] = c->copies[op->outputs[o]->index];
    }
  }
  return pome__block_set_outputs(c->program, c->function->body, outputs, count);
}

pome__program *pome__program_clone(const pome__function *function, const bool *wanted,
                                   const pome_allocator *allocator) {
  pome__program *program = pome__program_create(allocator, 0);
  if (program == NULL) return NULL;
  pome__arena scratch;
  pome__arena_init(&scratch, allocator, 0);
  copier c = {.program = program};
  c.copies = POME__NEW_ARRAY(&scratch, pome__value *, function->value_count);
  bool *marks = POME__NEW_ARRAY(&scratch, bool, 3 * (size_t)function->value_count);
  c.function = pome__program_add_function(program, function->name, function->opset);
  bool copied =
      c.copies != NULL && marks != NULL && c.function != NULL &&
      (wanted == NULL ? copy_whole(&c, function) : copy_part(&c, function, wanted, marks));
  pome__arena_free(&scratch);
  if (copied) return program;
  pome__program_free(program);
  return NULL;
}
