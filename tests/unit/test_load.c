/* Programs from protobuf: literals in every encoding, structure, agreement with the description,
 * and every sample model held against what coremltools reads in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "fake_weights.h"
#include "load/load.h"
#include "ops/ops.h"
#include "program_digest.h"
#include "tensor/element.h"
#include "tiny_model.h"

static pome_status no_file(void *context, pome__bytes name, pome__bytes *bytes, pome_error *error) {
  (void)name;
  pome__bytes *given = context;
  if (!given) return pome__fail(error, POME_INPUT, "no weight file here");
  *bytes = *given;
  return POME_OK;
}

/* Programs point into their messages, so these stay until the test ends. */
static wire kept[256];
static size_t kept_count;

static int drop_messages(void **state) {
  (void)state;
  while (kept_count > 0) wire_free(&kept[--kept_count]);
  return 0;
}

/* Reads and verifies; takes `message` over. */
static pome_status read_program(wire message, pome__bytes *weights, pome__program **program,
                                pome_error *error) {
  pome__blob_source blobs = {weights, no_file};
  *error = (pome_error){0};
  *program = NULL;
  assert_true(kept_count < sizeof(kept) / sizeof(kept[0]));
  kept[kept_count++] = message;
  pome_status status = pome__load_mil_proto(wire_view(&message), &blobs, NULL, 0, program, error);
  if (status == POME_OK) status = pome__program_verify(*program, error);
  if (status != POME_OK) {
    pome__program_free(*program);
    *program = NULL;
  }
  return status;
}

/* ---- literals ---- */

static wire packed(const char *bytes, size_t size) {
  wire list = {0};
  wire_bytes(&list, 1, bytes, size);
  return list;
}

static wire program_with(wire type, wire value) {
  wire block = {0};
  wire_message(&block, 3, tiny_const("c", type, value));
  return tiny_program(block);
}

typedef struct literal_case {
  int type;
  int64_t count;
  uint32_t list; /* field of TensorValue */
  const char *values;
  size_t size;
  pome_status status;
  double expected[4];
} literal_case;

enum { FLOATS = 1, INTS, BOOLS, STRINGS, LONG_INTS, DOUBLES, BYTES };
#define IS(text) (text), sizeof(text) - 1

static const literal_case literals[] = {
    {MIL_FP32, 2, FLOATS, IS("\0\0\x80\x3f\0\0\0\xc0"), POME_OK, {1, -2}},
    {MIL_FP16, 2, FLOATS, IS("\0\0\x80\x3f\0\0\0\xc0"), POME_OK, {1, -2}},
    {MIL_FP64, 1, DOUBLES, IS("\0\0\0\0\0\0\xf8\x3f"), POME_OK, {1.5}},
    {MIL_FP16, 2, BYTES, IS("\x00\x3c\x00\xc0"), POME_OK, {1, -2}},
    {MIL_FP32, 1, BYTES, IS("\0\0\x80\x3f"), POME_OK, {1}},
    {MIL_BOOL, 3, BOOLS, IS("\x01\x00\x02"), POME_OK, {1, 0, 1}},
    {MIL_INT32,
     3,
     INTS,
     IS("\x01\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
     POME_OK,
     {1, 128, -1}},
    {MIL_INT16, 1, INTS, IS("\xff\xff\x01"), POME_OK, {32767}},
    {MIL_INT16, 1, INTS, IS("\x80\x80\x02"), POME_INPUT, {0}},
    {MIL_UINT16, 1, INTS, IS("\xff\xff\x03"), POME_OK, {65535}},
    {MIL_UINT16, 1, INTS, IS("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), POME_INPUT, {0}},
    {MIL_UINT32, 1, INTS, IS("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), POME_OK, {4294967295.0}},
    {MIL_UINT32, 1, BYTES, IS("\xff\xff\xff\xff"), POME_OK, {4294967295.0}},
    {MIL_INT64, 1, LONG_INTS, IS("\x80\x80\x80\x80\x80\x01"), POME_OK, {34359738368.0}},
    {MIL_UINT64, 1, LONG_INTS, IS("\x05"), POME_OK, {5}},
    {MIL_INT8, 2, BYTES, IS("\x7f\x80"), POME_OK, {127, -128}},
    {MIL_INT8, 2, INTS, IS("\x7f\x05"), POME_OK, {127, 5}},
    {MIL_UINT8, 2, BYTES, IS("\x7f\x80"), POME_OK, {127, 128}},
    {MIL_INT4, 3, BYTES, IS("\xf8\x07"), POME_OK, {-8, -1, 7}},
    {MIL_UINT4, 3, BYTES, IS("\xf8\x07"), POME_OK, {8, 15, 7}},
    {MIL_UINT1, 4, BYTES, IS("\x0d"), POME_OK, {1, 0, 1, 1}},
    {MIL_INT4, 1, INTS, IS("\x07"), POME_OK, {7}},
    {MIL_INT4, 1, INTS, IS("\x08"), POME_INPUT, {0}},
    {MIL_FP32, 0, FLOATS, IS(""), POME_OK, {0}},
    /* too few, too many, the wrong list */
    {MIL_FP32, 2, FLOATS, IS("\0\0\x80\x3f"), POME_INPUT, {0}},
    {MIL_FP32, 1, FLOATS, IS("\0\0\x80\x3f\0\0\0\xc0"), POME_INPUT, {0}},
    {MIL_FP32, 1, FLOATS, IS("\0\0\x80"), POME_INPUT, {0}},
    {MIL_FP32, 1, INTS, IS("\x01"), POME_INPUT, {0}},
    {MIL_INT32, 1, FLOATS, IS("\0\0\x80\x3f"), POME_INPUT, {0}},
    {MIL_INT32, 1, INTS, IS("\x80"), POME_INPUT, {0}},
    {MIL_BOOL, 1, BYTES, IS("\x01"), POME_INPUT, {0}},
    {MIL_STRING, 1, BYTES, IS("x"), POME_INPUT, {0}},
    {MIL_STRING, 1, STRINGS, IS("\xff"), POME_INPUT, {0}},
    {MIL_INT4, 3, BYTES, IS("\xf8\x07\x00"), POME_INPUT, {0}},
    {MIL_FP16, 2, BYTES, IS("\x00\x3c\x00"), POME_INPUT, {0}},
    {MIL_FP32, (int64_t)1 << 62, FLOATS, IS("\0\0\x80\x3f"), POME_INPUT, {0}},
    {MIL_FP32, -1, FLOATS, IS("\0\0\x80\x3f"), POME_INPUT, {0}},
    {99, 1, FLOATS, IS("\0\0\x80\x3f"), POME_UNSUPPORTED, {0}},
    {0, 1, FLOATS, IS("\0\0\x80\x3f"), POME_UNSUPPORTED, {0}},
};

static void literals_in_every_list(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
    const literal_case *c = &literals[i];
    pome__program *program;
    pome_error error;
    wire value =
        tiny_value(tiny_tensor_type(c->type, 1, &c->count), c->list, packed(c->values, c->size));
    pome_status status = read_program(program_with(tiny_tensor_type(c->type, 1, &c->count), value),
                                      NULL, &program, &error);
    if (status != c->status) print_error("literal %zu: %s\n", i, error.message);
    assert_int_equal(status, c->status);
    if (status != POME_OK) continue;
    const pome__op *op = program->functions[0]->body->ops[0];
    const pome__literal *literal = op->outputs[0]->literal;
    double values[4] = {0};
    pome__load_f64(literal->data, literal->type.dtype, 0, 1, (size_t)c->count, values);
    for (int64_t k = 0; k < c->count; k++)
      if (values[k] != c->expected[k]) fail_msg("literal %zu[%d] is %g", i, (int)k, values[k]);
    assert_string_equal(op->name, "c");
    assert_true(pome__op_find_arg(op, "val")->attribute);
    assert_null(pome__op_find_arg(op, "name"));
    pome__program_free(program);
  }
}

/* Repeated scalars may also stand one by one, or in several pieces. */
static void unpacked_literals(void **state) {
  (void)state;
  const int64_t three[] = {3};
  wire ints = {0}, floats = {0};
  wire_uint(&ints, 1, 7);
  wire_bytes(&ints, 1, "\x08", 1);
  wire_uint(&ints, 1, 9);
  wire_fixed32(&floats, 1, 0x3f800000u);
  wire_bytes(&floats, 1, "\0\0\0\x40\0\0\x40\x40", 8);
  wire block = {0};
  wire type = tiny_tensor_type(MIL_INT32, 1, three);
  wire_message(
      &block, 3,
      tiny_const("i", type, tiny_value(tiny_tensor_type(MIL_INT32, 1, three), INTS, ints)));
  type = tiny_tensor_type(MIL_FP32, 1, three);
  wire_message(
      &block, 3,
      tiny_const("f", type, tiny_value(tiny_tensor_type(MIL_FP32, 1, three), FLOATS, floats)));
  pome__program *program;
  pome_error error;
  if (read_program(tiny_program(block), NULL, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  const pome__block *body = program->functions[0]->body;
  assert_memory_equal(body->ops[0]->outputs[0]->literal->data, ((const int32_t[]){7, 8, 9}), 12);
  assert_memory_equal(body->ops[1]->outputs[0]->literal->data, ((const float[]){1, 2, 3}), 12);
  pome__program_free(program);
}

static void weights_in_a_file(void **state) {
  (void)state;
  wire file = tiny_weights();
  pome__bytes view = wire_view(&file);
  pome__program *program;
  pome_error error;
  if (read_program(tiny_program(tiny_add_block(true)), &view, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  const pome__literal *literal = program->functions[0]->body->ops[0]->outputs[0]->literal;
  assert_ptr_equal(literal->data, file.data + 128);
  assert_int_equal(literal->bytes, 8);
  assert_int_equal(literal->blob_offset, 64);
  assert_null(literal->blob_path);
  pome__program_free(program);

  file.data[68] = 14; /* int32 */
  assert_int_equal(read_program(tiny_program(tiny_add_block(true)), &view, &program, &error),
                   POME_INPUT);
  assert_string_equal(error.op, "c");
  assert_int_equal(error.offset, 64);
  assert_string_equal(error.file, "@model_path/weights/weight.bin");
  file.data[68] = 2;
  file.data[72] = 4; /* one element */
  assert_int_equal(read_program(tiny_program(tiny_add_block(true)), &view, &program, &error),
                   POME_INPUT);
  assert_non_null(strstr(error.message, "1 fp32"));
  assert_int_equal(read_program(tiny_program(tiny_add_block(true)), NULL, &program, &error),
                   POME_INPUT);
  wire_free(&file);
}

/* ---- structure ---- */

static wire string_type(void) {
  return tiny_tensor_type(MIL_STRING, 0, NULL);
}

static wire in_list(uint32_t number, wire item) {
  wire list = {0};
  wire_message(&list, number, item);
  return list;
}

/* Lists, tuples and dictionaries in a literal, and as an argument in place. */
static void aggregates(void **state) {
  (void)state;
  wire tuple = {0}, dict = {0}, pair = {0}, type = {0}, value = {0}, immediate = {0}, op = {0},
       block = {0};
  wire_message(&dict, 1, string_type());
  wire_message(&dict, 2, string_type());
  wire_message(&tuple, 1, string_type());
  wire_message(&tuple, 1, in_list(4, dict)); /* dictionaryType */
  wire_message(&type, 3, tuple);
  wire_message(&pair, 1, tiny_string_value("key"));
  wire_message(&pair, 2, tiny_string_value("value"));
  wire dict_type = {0}, dict_value = {0}, items = {0};
  wire_message(&dict_type, 1, string_type());
  wire_message(&dict_type, 2, string_type());
  wire_message(&dict_value, 2, in_list(4, dict_type));
  wire_message(&dict_value, 3, in_list(4, in_list(1, pair)));
  wire_message(&items, 1, tiny_string_value("text"));
  wire_message(&items, 1, dict_value);
  wire_message(&immediate, 2, items);
  wire_message(&value, 2, type);
  wire_message(&value, 3, immediate);
  wire_text(&op, 1, "anything");
  wire_message(&op, 2, tiny_entry("in_place", in_list(1, in_list(2, value))));
  wire_message(&block, 3, op);
  pome__program *program;
  pome_error error;
  if (read_program(tiny_program(block), NULL, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  const pome__arg *arg = pome__op_find_arg(program->functions[0]->body->ops[0], "in_place");
  assert_int_equal(arg->count, 1);
  assert_false(arg->attribute);
  const pome__value *literal = arg->values[0];
  assert_string_equal(literal->name, "");
  assert_int_equal(literal->type.kind, POME__TYPE_TUPLE);
  assert_int_equal(literal->literal->item_count, 2);
  const pome__literal *inner = literal->literal->items[1];
  assert_true(inner->type.kind == POME__TYPE_DICT && inner->item_count == 2);
  const pome_string *text = inner->items[1]->data;
  assert_memory_equal(text->data, "value", 5);
  pome__program_free(program);
}

static void types_and_states(void **state) {
  (void)state;
  const int64_t open[] = {-1, 3};
  wire function = {0}, program_message = {0}, block = {0}, list = {0}, any = {0}, variadic = {0};
  wire_message(&list, 1, string_type());
  wire_uint(&any, 1, MIL_FP16);
  wire_uint(&any, 2, (uint64_t)-1);
  wire_uint(&variadic, 1, 1);
  wire_message(&any, 3, in_list(2, variadic));
  wire_message(&function, 1, tiny_named_type("open", tiny_tensor_type(MIL_FP32, 2, open)));
  wire_message(&function, 1, tiny_named_type("any", in_list(1, any)));
  wire_message(&function, 1, tiny_named_type("list", in_list(2, list)));
  wire_message(
      &function, 1,
      tiny_named_type("cache",
                      in_list(5, in_list(1, tiny_tensor_type(MIL_FP16, 2, (int64_t[]){4, 8})))));
  wire_text(&function, 2, "CoreML8");
  wire_text(&block, 2, "open");
  wire_message(&function, 3, tiny_entry("CoreML8", block));
  wire_message(&program_message, 2, tiny_entry("main", function));
  pome__program *program;
  pome_error error;
  if (read_program(program_message, NULL, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  pome__value **inputs = program->functions[0]->inputs;
  assert_int_equal(program->functions[0]->opset, POME__IOS18);
  assert_true(inputs[0]->type.rank == 2 && inputs[0]->type.dims[0] == POME_DIM_UNKNOWN &&
              inputs[0]->type.dims[1] == 3);
  assert_int_equal(inputs[1]->type.rank, -1);
  assert_true(inputs[2]->type.kind == POME__TYPE_LIST && inputs[2]->type.length == -1);
  assert_true(inputs[3]->type.kind == POME__TYPE_STATE &&
              inputs[3]->type.elements[0]->dims[1] == 8);
  pome__program_free(program);
}

/* The outer `x` is visible inside, names from inside are gone outside, and the op's fields may come
 * in any order. */
static void nested_blocks(void **state) {
  (void)state;
  wire inner = {0}, op = {0}, block = {0}, other = {0};
  wire_text(&inner, 2, "inside");
  wire_message(&inner, 3, tiny_add("inside", "x", "in"));
  wire_message(&inner, 1, tiny_named_type("in", tiny_tensor_type(MIL_FP32, 1, (int64_t[]){2})));
  wire_message(&op, 3, tiny_named_type("y", tiny_tensor_type(MIL_FP32, 1, (int64_t[]){2})));
  wire_message(&op, 4, inner);
  tiny_op_input(&op, "pred", "x");
  wire_text(&op, 1, "cond");
  wire_text(&block, 2, "y");
  wire_message(&block, 3, op);
  pome__program *program;
  pome_error error;
  wire copy = {0};
  wire_raw(&copy, block.data, block.size);
  if (read_program(tiny_program(block), NULL, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  const pome__op *cond = program->functions[0]->body->ops[0];
  assert_string_equal(cond->name, "y");
  assert_int_equal(cond->block_count, 1);
  assert_int_equal(cond->blocks[0]->input_count, 1);
  assert_string_equal(cond->blocks[0]->ops[0]->outputs[0]->name, "inside");
  assert_ptr_equal(pome__op_find_arg(cond->blocks[0]->ops[0], "x")->values[0],
                   program->functions[0]->inputs[0]);
  pome__program_free(program);

  wire_raw(&other, copy.data, copy.size);
  wire_message(&other, 3, tiny_add("z", "inside", "x"));
  assert_int_equal(read_program(tiny_program(other), NULL, &program, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "inside"));
  assert_string_equal(error.op, "z");
  wire_free(&copy);
}

static wire broken_block(int which) {
  const int64_t two[] = {2};
  wire block = {0}, op = {0}, binding = {0};
  switch (which) {
  case 0: wire_message(&block, 3, tiny_add("y", "x", "nowhere")); break;
  case 1: wire_message(&block, 3, tiny_add("x", "x", "x")); break; /* defined twice */
  case 2:
    wire_message(&block, 3, tiny_add("y", "x", "x"));
    wire_message(&block, 3, tiny_add("y", "x", "x"));
    break;
  case 3: wire_message(&block, 3, tiny_add("y", "y", "x")); break; /* used by itself */
  case 4: wire_text(&block, 2, "nowhere"); break;
  case 5: /* an argument twice */
    op = tiny_add("y", "x", "x");
    tiny_op_input(&op, "x", "x");
    wire_message(&block, 3, op);
    break;
  case 6: /* no type */
    wire_message(&op, 3, tiny_named_type("y", tiny_tensor_type(MIL_FP32, 1, two)));
    wire_message(&block, 3, op);
    break;
  case 7: /* a binding of nothing */
    wire_text(&op, 1, "add");
    wire_message(&op, 2, tiny_entry("x", in_list(1, binding)));
    wire_message(&block, 3, op);
    break;
  case 8: /* name and value */
    wire_text(&op, 1, "add");
    wire_text(&binding, 1, "x");
    wire_message(&binding, 2, tiny_string_value("x"));
    wire_message(&op, 2, tiny_entry("x", in_list(1, binding)));
    wire_message(&block, 3, op);
    break;
  case 9: /* an op's name that is a number */
    wire_text(&op, 1, "add");
    wire_message(&op, 5,
                 tiny_entry("name", tiny_value(tiny_tensor_type(MIL_INT32, 0, NULL), INTS,
                                               packed("\x01", 1))));
    wire_message(&block, 3, op);
    break;
  case 10: /* a const whose value does not fit its type */
    wire_message(
        &block, 3,
        tiny_const("c", tiny_tensor_type(MIL_FP32, 1, two),
                   tiny_value(tiny_tensor_type(MIL_INT32, 0, NULL), INTS, packed("\x01", 1))));
    break;
  case 11: wire_uint(&block, 3, 1); break; /* an operation that is a number */
  case 12: wire_text(&block, 2, "x\xff"); break;
  default: /* an output without a name */
    wire_text(&op, 1, "add");
    wire_message(&op, 3, tiny_named_type("", tiny_tensor_type(MIL_FP32, 1, two)));
    wire_message(&block, 3, op);
    break;
  }
  return block;
}

static void refuses_broken_structure(void **state) {
  (void)state;
  for (int which = 0; which <= 13; which++) {
    pome__program *program;
    pome_error error;
    pome_status status = read_program(tiny_program(broken_block(which)), NULL, &program, &error);
    if (status != POME_INPUT) fail_msg("case %d: %s", which, error.message);
    if (error.offset == POME_NO_OFFSET && error.op[0] == '\0')
      fail_msg("case %d has no place", which);
  }
}

static void opsets(void **state) {
  (void)state;
  static const struct {
    const char *opset, *key;
    pome_status status;
  } cases[] = {{"CoreML5", "CoreML5", POME_OK},
               {"CoreML9", "CoreML9", POME_OK},
               {"CoreML99", "CoreML99", POME_UNSUPPORTED},
               {"", "", POME_UNSUPPORTED},
               {"CoreML7", "CoreML6", POME_INPUT}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    wire function = {0}, message = {0}, block = {0};
    wire_message(&function, 1, tiny_named_type("x", tiny_tensor_type(MIL_FP32, 0, NULL)));
    wire_text(&function, 2, cases[i].opset);
    wire_text(&block, 2, "x");
    wire_message(&function, 3, tiny_entry(cases[i].key[0] ? cases[i].key : "-", block));
    wire_message(&message, 2, tiny_entry("main", function));
    pome__program *program;
    pome_error error;
    assert_int_equal(read_program(message, NULL, &program, &error), cases[i].status);
    pome__program_free(program);
  }
}

/* ---- agreement with the description ---- */

static pome_status load(wire model, pome_error *error) {
  pome__package *package = NULL;
  pome__program *program = NULL;
  *error = (pome_error){0};
  pome_status status =
      pome__package_open_memory(wire_view(&model), (pome__bytes){NULL, 0}, NULL, &package, error);
  if (status == POME_OK) status = pome__load_program(package, NULL, 0, &program, error);
  pome__program_free(program);
  pome__package_close(package);
  wire_free(&model);
  return status;
}

static wire other_names(const char *input, const char *output) {
  wire function = {0}, program = {0}, block = {0};
  wire_message(&function, 1, tiny_named_type(input, tiny_tensor_type(MIL_FP32, 1, (int64_t[]){2})));
  wire_text(&function, 2, "CoreML7");
  wire_text(&block, 2, output);
  wire_message(&block, 3, tiny_add(output, input, input));
  wire_message(&function, 3, tiny_entry("CoreML7", block));
  wire_message(&program, 2, tiny_entry("main", function));
  return program;
}

static void description_and_program_agree(void **state) {
  (void)state;
  pome_error error;
  if (load(tiny_model(other_names("x", "y")), &error) != POME_OK) fail_msg("%s", error.message);
  assert_int_equal(load(tiny_model(other_names("other", "y")), &error), POME_INPUT);
  assert_non_null(strstr(error.message, "\"x\""));
  assert_int_equal(load(tiny_model(other_names("x", "other")), &error), POME_INPUT);
  assert_non_null(strstr(error.message, "\"y\""));
  wire description = {0}, model = {0};
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, description);
  wire_message(&model, 502, other_names("x", "y"));
  assert_int_equal(load(model, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "\"x\""));
}

static void other_types_are_named(void **state) {
  (void)state;
  pome_error error;
  wire model = {0}, none = {0};
  wire_uint(&model, 1, 4);
  wire_message(&model, 2, none);
  wire_message(&model, 402, none);
  assert_int_equal(load(model, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "treeEnsembleClassifier"));
}

/* ---- samples ---- */

static const struct sample {
  const char *path;
  size_t ops, outputs;
  bool weights;
  uint64_t hash;
} samples[] = {
#include "load_table.h"
};

static pome_status package_file(void *context, pome__bytes name, pome__bytes *bytes,
                                pome_error *error) {
  return pome__package_weights(context, name, bytes, error);
}

static void check_sample(const char *root, const struct sample *sample) {
  char path[1024];
  pome_error error = {0};
  pome__package *package = NULL;
  pome__program *program = NULL;
  pome__bytes fake = {NULL, 0};
  snprintf(path, sizeof(path), "%s/%s", root, sample->path);
  if (pome__package_open(path, NULL, &package, &error) != POME_OK)
    fail_msg("%s: %s", sample->path, error.message);
  pome__blob_source blobs = {package, package_file};
  if (!sample->weights) {
    assert_true(fake_weights_make(package->program, &fake));
    blobs = (pome__blob_source){&fake, no_file};
  }
  pome_status status =
      pome__load_mil_proto(package->program, &blobs, NULL,
                           4 * package->spec.bytes.size + ((size_t)64 << 20), &program, &error);
  if (status != POME_OK) fail_msg("%s: %s (%s)", sample->path, error.message, error.op);
  program_digest digest = program_digest_of(program, sample->weights);
  if (digest.hash != sample->hash || digest.ops != sample->ops || digest.outputs != sample->outputs)
    fail_msg("%s: %zu operations, %zu outputs, digest %llx", sample->path, digest.ops,
             digest.outputs, (unsigned long long)digest.hash);
  status = pome__program_verify(program, &error);
  if (status == POME_OK) status = pome__program_resolve(program, &error);
  if (status != POME_OK) fail_msg("%s: %s (%s)", sample->path, error.message, error.op);
  pome__program_free(program);
  pome__package_close(package);
  fake_weights_free(&fake);
}

static void samples_read_as_coremltools_does(void **state) {
  (void)state;
  const char *root = tiny_shared();
  if (!root) skip();
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) check_sample(root, &samples[i]);
}

/* Everything: resolved, and in agreement with the description. */
static void samples_load(void **state) {
  (void)state;
  const char *root = tiny_shared();
  if (!root) skip();
  size_t failed = 0;
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
    char path[1024];
    pome_error error = {0};
    pome__package *package = NULL;
    pome__program *program = NULL;
    if (!samples[i].weights) continue;
    snprintf(path, sizeof(path), "%s/%s", root, samples[i].path);
    char *inside = strstr(path, "/Data/com.apple.CoreML/");
    if (inside) *inside = '\0';
    pome_status status = pome__package_open(path, NULL, &package, &error);
    if (status == POME_OK) status = pome__load_program(package, NULL, 0, &program, &error);
    if (status != POME_OK) {
      print_error("%s: %s (%s)\n", path, error.message, error.op);
      failed++;
    }
    pome__program_free(program);
    pome__package_close(package);
  }
  assert_int_equal(failed, 0);
}

static size_t bundles, bad_bundles;

static int load_bundle(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)walk;
  size_t length = strlen(path);
  char inside[2048];
  struct stat found;
  snprintf(inside, sizeof(inside), "%s/coremldata.bin", path);
  if (kind != FTW_D || length < 9 || strcmp(path + length - 9, ".mlmodelc") != 0 ||
      stat(inside, &found) != 0)
    return 0;
  pome_error error = {0};
  pome__package *package = NULL;
  pome__program *program = NULL;
  bundles++;
  pome_status status = pome__package_open(path, NULL, &package, &error);
  if (status == POME_OK) status = pome__load_program(package, NULL, 0, &program, &error);
  bool told = status == POME_OK && package->description.specification_version >= 6 &&
              package->description.functions[0].input_count > 0;
  if (!told) {
    print_error("%s: %s (%s)\n", path, error.message, error.op);
    bad_bundles++;
  }
  pome__program_free(program);
  pome__package_close(package);
  return 0;
}

static void compiled_samples_load(void **state) {
  (void)state;
  const char *root = tiny_shared();
  char path[1024];
  if (!root) skip();
  snprintf(path, sizeof(path), "%s/models", root);
  assert_int_equal(nftw(path, load_bundle, 16, FTW_PHYS), 0);
  print_message("%zu compiled bundles\n", bundles);
  assert_true(bundles > 0);
  assert_int_equal(bad_bundles, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(literals_in_every_list, drop_messages),
      cmocka_unit_test_teardown(unpacked_literals, drop_messages),
      cmocka_unit_test_teardown(weights_in_a_file, drop_messages),
      cmocka_unit_test_teardown(aggregates, drop_messages),
      cmocka_unit_test_teardown(types_and_states, drop_messages),
      cmocka_unit_test_teardown(nested_blocks, drop_messages),
      cmocka_unit_test_teardown(refuses_broken_structure, drop_messages),
      cmocka_unit_test_teardown(opsets, drop_messages),
      cmocka_unit_test(description_and_program_agree),
      cmocka_unit_test(other_types_are_named),
      cmocka_unit_test(samples_read_as_coremltools_does),
      cmocka_unit_test(samples_load),
      cmocka_unit_test(compiled_samples_load),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
