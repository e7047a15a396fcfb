/* Programs that several tests start from. */
#include "mil_programs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/element.h"

static const int64_t four[1] = {4};

pome__value *add_input(pome__program *program, const char *name, const pome__type *type) {
  pome__function *function = program->functions[0];
  pome__value *value = pome__function_new_value(program, function, name, type);
  assert_non_null(value);
  assert_true(pome__function_add_input(program, function, value));
  return value;
}

pome__op *add_op(pome__program *program, pome__block *block, const char *type, const char *output,
                 const pome__type *output_type) {
  pome__op *op = pome__op_new(program, type);
  assert_non_null(op);
  if (output != NULL) {
    pome__value *value = pome__function_new_value(program, block->function, output, output_type);
    assert_non_null(value);
    assert_true(pome__op_add_output(program, op, value));
  }
  assert_true(pome__block_append(program, block, op));
  return op;
}

void add_arg(pome__program *program, pome__op *op, const char *name, pome__value *value) {
  assert_true(pome__op_add_arg(program, op, name, &value, 1, false));
}

pome__op *add_const(pome__program *program, pome__block *block, const char *name,
                    const pome__literal *literal) {
  assert_non_null(literal);
  pome__op *op = add_op(program, block, "const", name, &literal->type);
  pome__value *value = pome__function_new_literal(program, block->function, literal);
  assert_non_null(value);
  assert_true(pome__op_add_arg(program, op, "val", &value, 1, true));
  return op;
}

void set_outputs(pome__program *program, pome__block *block, pome__value *value) {
  assert_true(pome__block_set_outputs(program, block, &value, 1));
}

pome__literal *string_literal(pome__program *program, const char *text, size_t size) {
  pome_string string = {pome__arena_string(&program->arena, text, size), size};
  pome__literal *literal =
      pome__literal_new_tensor(program, POME_STRING, 0, NULL, &string, sizeof(string));
  assert_non_null(literal);
  return literal;
}

static pome__program *start_program(pome__opset opset) {
  pome__program *program = pome__program_create(NULL, 0);
  assert_non_null(program);
  assert_non_null(pome__program_add_function(program, "main", opset));
  return program;
}

pome__program *simple_program(void) {
  static const int64_t dims[2] = {1, 4};
  static const uint16_t ones[4] = {0x3c00, 0x3c00, 0x3c00, 0x3c00};
  pome__program *program = start_program(POME__IOS17);
  pome__block *body = program->functions[0]->body;
  pome__type type = pome__type_tensor(POME_FP16, 2, dims);
  pome__value *x = add_input(program, "x", &type);
  pome__op *y =
      add_const(program, body, "y",
                pome__literal_new_tensor(program, POME_FP16, 2, dims, ones, sizeof(ones)));
  pome__op *z = add_op(program, body, "add", "z", &type);
  add_arg(program, z, "x", x);
  add_arg(program, z, "y", y->outputs[0]);
  set_outputs(program, body, z->outputs[0]);
  return program;
}

/* A block of `owner` with the two loop inputs, when `with_inputs`. */
static pome__block *add_block(pome__program *program, pome__op *owner, bool with_inputs,
                              pome__value *inputs[2]) {
  pome__function *function = program->functions[0];
  pome__type number = pome__type_tensor(POME_INT32, 0, NULL);
  pome__type vector = pome__type_tensor(POME_FP16, 1, four);
  pome__block *block = pome__block_new(program, function, owner);
  assert_non_null(block);
  if (with_inputs) {
    inputs[0] = pome__function_new_value(program, function, "n_x0", &number);
    inputs[1] = pome__function_new_value(program, function, "x_x0", &vector);
    assert_true(pome__block_set_inputs(program, block, inputs, 2));
  }
  assert_true(pome__op_add_block(program, owner, block));
  return block;
}

/* The body: next = sub(n, one); sum = cond(go) { add(x, x) } { x }. */
static void fill_loop_body(pome__program *program, pome__op *loop, pome__value *one,
                           pome__value *flag) {
  pome__type number = pome__type_tensor(POME_INT32, 0, NULL);
  pome__type vector = pome__type_tensor(POME_FP16, 1, four);
  pome__value *inputs[2];
  pome__block *body = add_block(program, loop, true, inputs);
  pome__op *next = add_op(program, body, "sub", "next", &number);
  add_arg(program, next, "x", inputs[0]);
  add_arg(program, next, "y", one);
  pome__op *cond = add_op(program, body, "cond", "sum", &vector);
  add_arg(program, cond, "pred", flag);
  pome__block *then_block = add_block(program, cond, false, NULL);
  pome__op *twice = add_op(program, then_block, "add", "branch", &vector);
  add_arg(program, twice, "x", inputs[1]);
  add_arg(program, twice, "y", inputs[1]);
  set_outputs(program, then_block, twice->outputs[0]);
  pome__block *else_block = add_block(program, cond, false, NULL);
  pome__op *same = add_op(program, else_block, "identity", "branch", &vector);
  add_arg(program, same, "x", inputs[1]);
  set_outputs(program, else_block, same->outputs[0]);
  pome__value *outputs[2] = {next->outputs[0], cond->outputs[0]};
  assert_true(pome__block_set_outputs(program, body, outputs, 2));
}

pome__program *nested_program(pome__opset opset) {
  static const int32_t one = 1;
  pome__program *program = start_program(opset);
  pome__function *function = program->functions[0];
  pome__type number = pome__type_tensor(POME_INT32, 0, NULL);
  pome__type flag = pome__type_tensor(POME_BOOL, 0, NULL);
  pome__type vector = pome__type_tensor(POME_FP16, 1, four);
  pome__value *n = add_input(program, "n", &number);
  pome__value *x = add_input(program, "x", &vector);
  pome__value *f = add_input(program, "flag", &flag);
  pome__op *unit =
      add_const(program, function->body, "one",
                pome__literal_new_tensor(program, POME_INT32, 0, NULL, &one, sizeof(one)));
  pome__op *loop = add_op(program, function->body, "while_loop", "left", &number);
  pome__value *y = pome__function_new_value(program, function, "y", &vector);
  assert_true(pome__op_add_output(program, loop, y));
  pome__value *vars[2] = {n, x};
  assert_true(pome__op_add_arg(program, loop, "loop_vars", vars, 2, false));
  pome__value *inputs[2];
  pome__block *condition = add_block(program, loop, true, inputs);
  pome__op *go = add_op(program, condition, "greater_equal", "go", &flag);
  add_arg(program, go, "x", inputs[0]);
  add_arg(program, go, "y", unit->outputs[0]);
  set_outputs(program, condition, go->outputs[0]);
  fill_loop_body(program, loop, unit->outputs[0], f);
  set_outputs(program, function->body, y);
  return program;
}

/* Every bit pattern of the narrow floats; arbitrary ones, padded with zero bits, of the other
 * types. */
static pome__literal *sample_of(pome__program *program, pome_dtype dtype) {
  unsigned bits = pome_dtype_bits(dtype);
  size_t count = pome__dtype_is_float(dtype) && bits <= 16 ? (size_t)1 << bits : 130;
  size_t bytes;
  int64_t dims[1] = {(int64_t)count};
  assert_true(pome__dtype_bytes(dtype, count, &bytes));
  uint8_t *data = calloc(bytes, 1);
  assert_non_null(data);
  uint32_t state = 1;
  for (size_t i = 0; i < bytes; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (uint8_t)(dtype == POME_BOOL ? state >> 31 : state >> 24);
    if (count > 130) data[i] = (uint8_t)(bits == 8 ? i : i % 2 == 0 ? i / 2 : i / 2 >> 8);
  }
  if ((count * bits) % 8 != 0) data[bytes - 1] &= (uint8_t)((1u << (count * bits % 8)) - 1);
  pome__literal *literal = pome__literal_new_tensor(program, dtype, 1, dims, data, bytes);
  free(data);
  return literal;
}

static void add_special_floats(pome__program *program, pome__block *block) {
  static const uint32_t singles[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0xffc00000, 1,          0x7f7fffff, 0x00800000, 0x3eaaaaab};
  static const uint64_t doubles[] = {
      0, 0x8000000000000000u, 0x7ff0000000000000u, 0xfff0000000000000u,
      1, 0x7fefffffffffffffu, 0x0010000000000000u, 0x3fd5555555555555u};
  int64_t dims[2] = {5, 2};
  add_const(program, block, "singles",
            pome__literal_new_tensor(program, POME_FP32, 2, dims, singles, sizeof(singles)));
  dims[0] = 4;
  add_const(program, block, "doubles",
            pome__literal_new_tensor(program, POME_FP64, 2, dims, doubles, sizeof(doubles)));
}

/* tuple<string, list<tensor<int32, [?]>, ?>>, with lists of different lengths, as
 * FlexibleShapeInformation has. */
static const pome__literal *aggregate(pome__program *program) {
  static const int32_t numbers[3] = {-1, 0, INT32_MAX};
  static const int64_t open[1] = {POME_DIM_UNKNOWN};
  pome__arena *arena = &program->arena;
  pome__type *types = POME__NEW_ARRAY(arena, pome__type, 3);
  const pome__type **parts = POME__NEW_ARRAY(arena, const pome__type *, 3);
  pome__literal *literals = POME__NEW_ARRAY(arena, pome__literal, 2);
  const pome__literal **items = POME__NEW_ARRAY(arena, const pome__literal *, 4);
  types[0] = pome__type_tensor(POME_STRING, 0, NULL);
  types[1] = pome__type_tensor(POME_INT32, 1, open);
  types[2] = (pome__type){
      .kind = POME__TYPE_LIST, .elements = &parts[0], .element_count = 1, .length = -1};
  parts[0] = &types[1];
  parts[1] = &types[0];
  parts[2] = &types[2];
  int64_t lengths[2] = {1, 3};
  for (int i = 0; i < 2; i++) {
    items[i] = pome__literal_new_tensor(program, POME_INT32, 1, &lengths[i], numbers,
                                        sizeof(int32_t) * (size_t)lengths[i]);
  }
  literals[0] = (pome__literal){
      .type = types[2], .items = items, .item_count = 2, .blob_offset = POME_NO_OFFSET};
  items[2] = string_literal(program, "q\"\\\n\t\x01\x7f\xc3\xa4", 9);
  items[3] = &literals[0];
  literals[1].type =
      (pome__type){.kind = POME__TYPE_TUPLE, .elements = &parts[1], .element_count = 2};
  literals[1].items = &items[2];
  literals[1].item_count = 2;
  literals[1].blob_offset = POME_NO_OFFSET;
  return &literals[1];
}

/* dict<string, string> in order. */
static const pome__literal *dictionary(pome__program *program) {
  pome__type *text = POME__NEW(&program->arena, pome__type);
  const pome__type **parts = POME__NEW_ARRAY(&program->arena, const pome__type *, 2);
  const pome__literal **items = POME__NEW_ARRAY(&program->arena, const pome__literal *, 4);
  pome__literal *literal = POME__NEW(&program->arena, pome__literal);
  *text = pome__type_tensor(POME_STRING, 0, NULL);
  parts[0] = parts[1] = text;
  items[0] = string_literal(program, "key", 3);
  items[1] = string_literal(program, "a\0b", 3);
  items[2] = string_literal(program, "", 0);
  items[3] = string_literal(program, "{{", 2);
  *literal =
      (pome__literal){.type = {.kind = POME__TYPE_DICT, .elements = parts, .element_count = 2},
                      .items = items,
                      .item_count = 4,
                      .blob_offset = POME_NO_OFFSET};
  return literal;
}

static void add_states(pome__program *program) {
  pome__type *inner = POME__NEW(&program->arena, pome__type);
  const pome__type **part = POME__NEW(&program->arena, const pome__type *);
  *inner = pome__type_tensor(POME_FP16, 1, four);
  *part = inner;
  pome__type state = {.kind = POME__TYPE_STATE, .elements = part, .element_count = 1};
  pome__value *cache = add_input(program, "cache", &state);
  pome__block *body = program->functions[0]->body;
  pome__op *read = add_op(program, body, "read_state", "kept", inner);
  add_arg(program, read, "input", cache);
  pome__op *write = add_op(program, body, "write_state", NULL, NULL);
  add_arg(program, write, "data", read->outputs[0]);
  add_arg(program, write, "input", cache);
}

pome__program *literal_program(pome__opset opset) {
  static const char *const odd[] = {"x:0",    "9lives", "nan",  "inf",    "infinity",
                                    "tensor", "block",  "true", "a b\"\\"};
  pome__program *program = start_program(opset);
  pome__function *function = program->functions[0];
  int64_t empty[3] = {3, 0, 2};
  pome__type any = pome__type_tensor(POME_FP32, -1, NULL);
  assert_true(pome__program_add_attribute(program, NULL, "buildInfo", dictionary(program)));
  assert_true(pome__program_add_attribute(program, function, "Shapes", aggregate(program)));
  pome__value *x = add_input(program, "any", &any);
  for (pome_dtype dtype = POME_BOOL; dtype < POME_DTYPE_COUNT; dtype++) {
    if (dtype != POME_STRING)
      add_const(program, function->body, pome_dtype_name(dtype), sample_of(program, dtype));
  }
  add_special_floats(program, function->body);
  add_const(program, function->body, "none",
            pome__literal_new_tensor(program, POME_INT8, 3, empty, NULL, 0));
  add_const(program, function->body, "tuple", aggregate(program));
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    pome__op *op = add_op(program, function->body, "relu", odd[i], &any);
    add_arg(program, op, "x", x);
    x = op->outputs[0];
  }
  add_states(program);
  pome__op *op = add_op(program, function->body, "custom:op", "end", &any);
  pome__value *mixed[2] = {
      x, pome__function_new_literal(program, function, string_literal(program, "s", 1))};
  assert_true(pome__op_add_arg(program, op, "none", NULL, 0, false));
  assert_true(pome__op_add_arg(program, op, "values", mixed, 2, false));
  assert_true(pome__op_add_arg(program, op, "zeta", &mixed[1], 1, true));
  set_outputs(program, function->body, op->outputs[0]);
  return program;
}

pome_status append_text(void *context, const char *text, size_t size) {
  text_buffer *buffer = context;
  if (buffer->size + size + 1 > buffer->capacity) {
    buffer->capacity = (buffer->size + size + 1) * 2;
    buffer->text = realloc(buffer->text, buffer->capacity);
    if (buffer->text == NULL) return POME_MEMORY;
  }
  memcpy(buffer->text + buffer->size, text, size);
  buffer->size += size;
  buffer->text[buffer->size] = '\0';
  return POME_OK;
}

text_buffer print_program(const pome__program *program) {
  text_buffer buffer = {NULL, 0, 0};
  pome_error error = {.status = POME_OK};
  if (pome__program_print(program, append_text, &buffer, &error) != POME_OK)
    fail_msg("%s", error.message);
  return buffer;
}

static pome__bytes weights_bytes(void) {
  static _Alignas(64) uint8_t file[192];
  static const uint16_t elements[3] = {0x3c00, 0x4000, 0x4200};
  static const uint32_t header[2] = {1, 2};
  static const uint32_t record[2] = {0xdeadbeef, 1};
  static const uint64_t place[2] = {sizeof(elements), 128};
  memcpy(file, header, sizeof(header));
  memcpy(file + 64, record, sizeof(record));
  memcpy(file + 72, place, sizeof(place));
  memcpy(file + 128, elements, sizeof(elements));
  return (pome__bytes){file, sizeof(file)};
}

pome_status tiny_weights_file(void *context, pome__bytes name, pome__bytes *bytes,
                              pome_error *error) {
  (void)context;
  (void)name;
  (void)error;
  *bytes = weights_bytes();
  return POME_OK;
}
