/* Building programs in memory: what readers of every form, and tests, make programs with.
 *
 * All of it allocates from the program's arena and returns NULL or false when that is out of
 * memory. Lists that grow have a capacity that follows from their length (the next power of two),
 * so no struct needs to store it.
 */
#include "mil/mil.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static char *copy_name(pome__program *program, const char *name) {
  return pome__arena_string(&program->arena, name, strlen(name));
}

/* Makes room for one more element in an array of `count`. The old array stays in the arena. */
static void *grow(pome__arena *arena, void *array, size_t count, size_t element_size) {
  if (count != 0 && (count & (count - 1)) != 0) return array;
  size_t capacity;
  if (!pome__mul(count == 0 ? 1 : count, count == 0 ? 1 : 2, &capacity)) return NULL;
  void *larger = pome__arena_array(arena, capacity, element_size, _Alignof(max_align_t));
  if (larger != NULL && count != 0) memcpy(larger, array, count * element_size);
  return larger;
}

#define GROW(program, array, count)                                                                \
  grow(&(program)->arena, (void *)(array), (count), sizeof(*(array)))

static pome__value **copy_values(pome__program *program, pome__value *const *values, size_t count) {
  pome__value **copy = POME__NEW_ARRAY(&program->arena, pome__value *, count);
  if (copy != NULL && count != 0) memcpy(copy, values, count * sizeof(*copy));
  return copy;
}

pome__program *pome__program_create(const pome_allocator *allocator, size_t limit) {
  pome__program *program = pome__alloc_zero(allocator, sizeof(*program));
  if (program == NULL) return NULL;
  pome__arena_init(&program->arena, allocator, limit);
  program->version = 1;
  return program;
}

void pome__program_free(pome__program *program) {
  if (program == NULL) return;
  const pome_allocator *allocator = program->arena.allocator;
  pome__arena_free(&program->arena);
  pome__free(allocator, program, sizeof(*program));
}

pome__function *pome__program_add_function(pome__program *program, const char *name,
                                           pome__opset opset) {
  pome__function **functions = GROW(program, program->functions, program->function_count);
  pome__function *function = POME__NEW(&program->arena, pome__function);
  char *copy = copy_name(program, name);
  if (functions == NULL || function == NULL || copy == NULL) return NULL;
  function->name = copy;
  function->opset = opset;
  function->body = pome__block_new(program, function, NULL);
  if (function->body == NULL) return NULL;
  program->functions = functions;
  program->functions[program->function_count++] = function;
  return function;
}

pome__value *pome__function_new_value(pome__program *program, pome__function *function,
                                      const char *name, const pome__type *type) {
  pome__value *value = POME__NEW(&program->arena, pome__value);
  if (value == NULL) return NULL;
  value->name = name[0] == '\0' ? "" : copy_name(program, name);
  if (value->name == NULL) return NULL;
  value->type = *type;
  value->index = function->value_count++;
  return value;
}

pome__value *pome__function_new_literal(pome__program *program, pome__function *function,
                                        const pome__literal *literal) {
  pome__value *value = pome__function_new_value(program, function, "", &literal->type);
  if (value != NULL) value->literal = literal;
  return value;
}

bool pome__function_add_input(pome__program *program, pome__function *function,
                              pome__value *value) {
  pome__value **inputs = GROW(program, function->inputs, function->input_count);
  if (inputs == NULL) return false;
  function->inputs = inputs;
  function->inputs[function->input_count++] = value;
  return true;
}

pome__block *pome__block_new(pome__program *program, pome__function *function, pome__op *owner) {
  pome__block *block = POME__NEW(&program->arena, pome__block);
  if (block == NULL) return NULL;
  block->function = function;
  block->owner = owner;
  return block;
}

pome__op *pome__op_new(pome__program *program, const char *type) {
  pome__op *op = POME__NEW(&program->arena, pome__op);
  if (op == NULL) return NULL;
  op->type = copy_name(program, type);
  op->name = "";
  return op->type != NULL ? op : NULL;
}

static int compare_args(const void *left, const void *right) {
  const pome__arg *a = left, *b = right;
  return a->attribute != b->attribute ? a->attribute - b->attribute : strcmp(a->name, b->name);
}

bool pome__block_append(pome__program *program, pome__block *block, pome__op *op) {
  if (block->op_count == block->op_capacity) {
    size_t capacity;
    if (!pome__mul(block->op_capacity == 0 ? 4 : block->op_capacity, 2, &capacity)) return false;
    pome__op **ops = POME__NEW_ARRAY(&program->arena, pome__op *, capacity);
    if (ops == NULL) return false;
    if (block->op_count != 0) memcpy(ops, block->ops, block->op_count * sizeof(*ops));
    block->ops = ops;
    block->op_capacity = capacity;
  }
  block->ops[block->op_count++] = op;
  if (op->arg_count > 1) qsort(op->args, op->arg_count, sizeof(*op->args), compare_args);
  op->parent = block;
  op->index = block->function->op_count++;
  if (op->name[0] == '\0' && op->output_count != 0) op->name = op->outputs[0]->name;
  return true;
}

bool pome__op_add_arg(pome__program *program, pome__op *op, const char *name,
                      pome__value *const *values, size_t count, bool attribute) {
  pome__arg *args = GROW(program, op->args, op->arg_count);
  char *copy = copy_name(program, name);
  pome__value **list = copy_values(program, values, count);
  if (args == NULL || copy == NULL || list == NULL) return false;
  op->args = args;
  op->args[op->arg_count++] =
      (pome__arg){.name = copy, .values = list, .count = count, .attribute = attribute};
  return true;
}

bool pome__op_add_output(pome__program *program, pome__op *op, pome__value *value) {
  pome__value **outputs = GROW(program, op->outputs, op->output_count);
  if (outputs == NULL) return false;
  op->outputs = outputs;
  op->outputs[op->output_count++] = value;
  value->producer = op;
  return true;
}

bool pome__op_add_block(pome__program *program, pome__op *op, pome__block *block) {
  pome__block **blocks = GROW(program, op->blocks, op->block_count);
  if (blocks == NULL) return false;
  op->blocks = blocks;
  op->blocks[op->block_count++] = block;
  block->owner = op;
  return true;
}

bool pome__block_set_inputs(pome__program *program, pome__block *block, pome__value *const *values,
                            size_t count) {
  pome__value **copy = copy_values(program, values, count);
  if (copy == NULL) return false;
  block->inputs = copy;
  block->input_count = count;
  return true;
}

bool pome__block_set_outputs(pome__program *program, pome__block *block, pome__value *const *values,
                             size_t count) {
  pome__value **copy = copy_values(program, values, count);
  if (copy == NULL) return false;
  block->outputs = copy;
  block->output_count = count;
  return true;
}

bool pome__program_add_attribute(pome__program *program, pome__function *function, const char *name,
                                 const pome__literal *value) {
  pome__attribute **list = function != NULL ? &function->attributes : &program->attributes;
  size_t *count = function != NULL ? &function->attribute_count : &program->attribute_count;
  pome__attribute *attributes = GROW(program, *list, *count);
  char *copy = copy_name(program, name);
  if (attributes == NULL || copy == NULL) return false;
  attributes[*count] = (pome__attribute){.name = copy, .value = value};
  *list = attributes;
  *count += 1;
  return true;
}

pome__literal *pome__literal_new_tensor(pome__program *program, pome_dtype dtype, int rank,
                                        const int64_t *dims, const void *data, size_t bytes) {
  pome__literal *literal = POME__NEW(&program->arena, pome__literal);
  void *copy = pome__arena_alloc(&program->arena, bytes, 64);
  if (literal == NULL || copy == NULL) return NULL;
  if (data != NULL && bytes != 0) memcpy(copy, data, bytes);
  literal->type = pome__type_tensor(dtype, rank, dims);
  literal->data = copy;
  literal->bytes = bytes;
  literal->blob_offset = POME_NO_OFFSET;
  return literal;
}

const pome__arg *pome__op_find_arg(const pome__op *op, const char *name) {
  for (size_t i = 0; i < op->arg_count; i++) {
    if (strcmp(op->args[i].name, name) == 0) return &op->args[i];
  }
  return NULL;
}

pome__function *pome__program_find_function(const pome__program *program, const char *name) {
  for (size_t i = 0; i < program->function_count; i++) {
    if (strcmp(program->functions[i]->name, name) == 0) return program->functions[i];
  }
  return NULL;
}
