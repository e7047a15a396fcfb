/* The program form: builder, types and literals, the verifier (which refuses each kind of
 * non-program), comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mil_programs.h"
#include "program_equal.h"

static void opsets_have_two_names(void **state) {
  (void)state;
  for (pome__opset i = POME__IOS15; i < POME__OPSET_COUNT; i++) {
    assert_int_equal(pome__opset_from_name(pome__opset_name(i)), i);
    assert_int_equal(pome__opset_from_name(pome__opset_text_name(i)), i);
  }
  assert_int_equal(pome__opset_from_name("CoreML7"), POME__IOS17);
  assert_int_equal(pome__opset_from_name(""), POME__OPSET_NONE);
  assert_int_equal(pome__opset_from_name("CoreML99"), POME__OPSET_NONE);
}

static void types_are_spelled(void **state) {
  (void)state;
  char text[POME__TYPE_TEXT], narrow[8];
  int64_t dims[2] = {1, POME_DIM_UNKNOWN};
  pome__type tensor = pome__type_tensor(POME_FP16, 2, dims);
  pome__type any = pome__type_tensor(POME_INT4, -1, NULL);
  const pome__type *parts[2] = {&tensor, &any};
  pome__type list = {.kind = POME__TYPE_LIST, .elements = parts, .element_count = 1, .length = -1};
  pome__type tuple = {.kind = POME__TYPE_TUPLE, .elements = parts, .element_count = 2};
  assert_string_equal(pome__type_format(&tensor, text, sizeof(text)), "tensor<fp16, [1, ?]>");
  assert_string_equal(pome__type_format(&any, text, sizeof(text)), "tensor<int4, ?>");
  assert_string_equal(pome__type_format(&list, text, sizeof(text)),
                      "list<tensor<fp16, [1, ?]>, ?>");
  assert_string_equal(pome__type_format(&tuple, text, sizeof(text)),
                      "tuple<tensor<fp16, [1, ?]>, tensor<int4, ?>>");
  assert_string_equal(pome__type_format(&tensor, narrow, sizeof(narrow)), "tensor<");
}

static void types_fit_when_sizes_are_open(void **state) {
  (void)state;
  int64_t open[2] = {1, POME_DIM_UNKNOWN}, known[2] = {1, 7}, other[2] = {2, 7};
  pome__type declared = pome__type_tensor(POME_FP16, 2, open);
  pome__type actual = pome__type_tensor(POME_FP16, 2, known);
  pome__type wrong = pome__type_tensor(POME_FP16, 2, other);
  pome__type any = pome__type_tensor(POME_FP16, -1, NULL);
  pome__type single = pome__type_tensor(POME_FP32, 2, known);
  assert_true(pome__type_fits(&declared, &actual));
  assert_true(pome__type_fits(&any, &actual));
  assert_false(pome__type_fits(&declared, &wrong));
  assert_false(pome__type_fits(&declared, &single));
  assert_false(pome__type_equal(&declared, &actual));
  assert_true(pome__type_equal(&actual, &actual));
  assert_true(pome__type_is_known(&actual));
  assert_false(pome__type_is_known(&declared));
  assert_false(pome__type_is_known(&any));
}

static void literals_compare_by_value(void **state) {
  (void)state;
  static const uint16_t nans[2] = {0x7e00, 0x3c00}, payload[2] = {0x7e01, 0x3c00},
                        other[2] = {0x7e00, 0x3c01};
  int64_t dims[1] = {2};
  pome__program *program = simple_program();
  pome__literal *a = pome__literal_new_tensor(program, POME_FP16, 1, dims, nans, sizeof(nans));
  pome__literal *b =
      pome__literal_new_tensor(program, POME_FP16, 1, dims, payload, sizeof(payload));
  pome__literal *c = pome__literal_new_tensor(program, POME_FP16, 1, dims, other, sizeof(other));
  pome__literal *d = pome__literal_new_tensor(program, POME_INT16, 1, dims, nans, sizeof(nans));
  assert_true(literal_equal(a, b));
  assert_false(literal_equal(a, c));
  assert_false(literal_equal(a, d));
  assert_false(literal_equal(string_literal(program, "a", 1), string_literal(program, "b", 1)));
  assert_true(literal_equal(string_literal(program, "a", 1), string_literal(program, "a", 1)));
  pome_tensor view = pome__literal_tensor(a);
  assert_int_equal(view.shape[0], 2);
  assert_int_equal(view.strides[0], 1);
  assert_ptr_equal(view.data, a->data);
  pome__program_free(program);
}

static void verify_accepts(pome__program *program) {
  pome_error error = {.status = POME_OK};
  if (pome__program_verify(program, &error) != POME_OK) fail_msg("%s", error.message);
}

static void verifier_accepts_programs_and_numbers_them(void **state) {
  (void)state;
  pome__program *simple = simple_program();
  verify_accepts(simple);
  pome__function *function = simple->functions[0];
  assert_int_equal(function->op_count, 2);
  assert_int_equal(function->value_count, 4); /* x, the literal, y, z */
  assert_int_equal(function->inputs[0]->index, 0);
  assert_int_equal(function->body->outputs[0]->index, 3);
  assert_non_null(function->body->ops[0]->outputs[0]->literal);
  assert_ptr_equal(pome__program_find_function(simple, "main"), function);
  assert_null(pome__program_find_function(simple, "other"));
  pome__program_free(simple);

  pome__program *nested = nested_program(POME__IOS17);
  verify_accepts(nested);
  assert_int_equal(nested->functions[0]->op_count, 7);
  assert_int_equal(nested->functions[0]->body->ops[1]->blocks[1]->ops[1]->blocks[1]->ops[0]->index,
                   6);
  pome__program_free(nested);

  pome__program *literals = literal_program(POME__IOS18);
  verify_accepts(literals);
  pome__program_free(literals);
}

/* ---- refusals: each function breaks a sound program in one way ---- */

static pome__op *last_op(pome__program *program) {
  pome__block *body = program->functions[0]->body;
  return body->ops[body->op_count - 1];
}

static pome__literal *y_literal(pome__program *program) {
  return (pome__literal *)(uintptr_t)program->functions[0]
      ->body->ops[0]
      ->args[0]
      .values[0]
      ->literal;
}

static void no_function(pome__program *p) {
  p->function_count = 0;
}
static void unknown_opset(pome__program *p) {
  p->functions[0]->opset = POME__OPSET_NONE;
}
static void nameless_function(pome__program *p) {
  p->functions[0]->name = "";
}
static void equal_functions(pome__program *p) {
  pome__program_add_function(p, "main", POME__IOS17);
}
static void equal_inputs(pome__program *p) {
  add_input(p, "x", &p->functions[0]->inputs[0]->type);
}
static void nameless_input(pome__program *p) {
  p->functions[0]->inputs[0]->name = "";
}
static void output_hides_input(pome__program *p) {
  last_op(p)->outputs[0]->name = "x";
}
static void output_undefined(pome__program *p) {
  set_outputs(
      p, p->functions[0]->body,
      pome__function_new_value(p, p->functions[0], "lost", &p->functions[0]->inputs[0]->type));
}
static void output_nameless(pome__program *p) {
  p->functions[0]->body->outputs[0] = NULL;
}
static void use_before_definition(pome__program *p) {
  pome__op **ops = p->functions[0]->body->ops;
  pome__op *first = ops[0];
  ops[0] = ops[1];
  ops[1] = first;
}
static void use_of_itself(pome__program *p) {
  last_op(p)->args[0].values[0] = last_op(p)->outputs[0];
}
static void use_of_namesake(pome__program *p) {
  last_op(p)->args[0].values[0] =
      pome__function_new_value(p, p->functions[0], "x", &p->functions[0]->inputs[0]->type);
}
static void argument_twice(pome__program *p) {
  last_op(p)->args[1].name = "x";
}
static void argument_nameless(pome__program *p) {
  last_op(p)->args[1].name = "";
}
static void wrong_producer(pome__program *p) {
  last_op(p)->outputs[0]->producer = NULL;
}
static void wrong_parent(pome__program *p) {
  last_op(p)->parent = NULL;
}
static void typeless_op(pome__program *p) {
  last_op(p)->type = "";
}
static void rank_too_large(pome__program *p) {
  last_op(p)->outputs[0]->type.rank = POME_MAX_RANK + 1;
}
static void negative_dimension(pome__program *p) {
  last_op(p)->outputs[0]->type.dims[0] = -2;
}
static void no_dtype(pome__program *p) {
  last_op(p)->outputs[0]->type.dtype = POME_DTYPE_NONE;
}
static void unknown_kind(pome__program *p) {
  last_op(p)->outputs[0]->type.kind = (pome__type_kind)17;
}
static void list_of_nothing(pome__program *p) {
  last_op(p)->outputs[0]->type.kind = POME__TYPE_LIST;
}
static void literal_too_short(pome__program *p) {
  y_literal(p)->bytes -= 2;
}
static void literal_without_data(pome__program *p) {
  y_literal(p)->data = NULL;
}
static void literal_of_unknown_size(pome__program *p) {
  y_literal(p)->type.dims[1] = POME_DIM_UNKNOWN;
}
static void literal_too_large(pome__program *p) {
  y_literal(p)->type.dims[0] = y_literal(p)->type.dims[1] = INT64_MAX;
}
static void literal_of_other_type(pome__program *p) {
  static const int64_t dims[1] = {4};
  y_literal(p)->type = pome__type_tensor(POME_FP16, 1, dims);
}
static void const_of_other_type(pome__program *p) {
  last_op(p)->parent->ops[0]->outputs[0]->type.dims[1] = 3;
}
static void const_without_value(pome__program *p) {
  p->functions[0]->body->ops[0]->args[0].name = "value";
}
static void tuple_too_short(pome__program *p) {
  static const pome__type text = {.kind = POME__TYPE_TENSOR, .dtype = POME_STRING};
  static const pome__type *const parts[2] = {&text, &text};
  pome__literal *literal = y_literal(p);
  literal->type = (pome__type){.kind = POME__TYPE_TUPLE, .elements = parts, .element_count = 2};
  literal->item_count = 0;
}
static void type_too_deep(pome__program *p) {
  pome__type *type = &last_op(p)->outputs[0]->type;
  const pome__type **self = POME__NEW(&p->arena, const pome__type *);
  *self = type;
  *type = (pome__type){.kind = POME__TYPE_TUPLE, .elements = self, .element_count = 1};
}
static void blocks_too_deep(pome__program *p) {
  pome__op *op = last_op(p);
  for (int i = 0; i < POME__MAX_DEPTH + 1; i++) {
    pome__block *block = pome__block_new(p, p->functions[0], op);
    pome__op_add_block(p, op, block);
    op = add_op(p, block, "cond", NULL, NULL);
  }
}
static void block_of_another(pome__program *p) {
  pome__block *block = pome__block_new(p, p->functions[0], NULL);
  pome__op_add_block(p, last_op(p), block);
  block->owner = NULL;
}
static void body_with_inputs(pome__program *p) {
  pome__value *value =
      pome__function_new_value(p, p->functions[0], "b", &p->functions[0]->inputs[0]->type);
  pome__block_set_inputs(p, p->functions[0]->body, &value, 1);
}
static void inner_value_leaks(pome__program *p) {
  pome__op *op = last_op(p);
  pome__block *block = pome__block_new(p, p->functions[0], op);
  pome__op_add_block(p, op, block);
  set_outputs(p, p->functions[0]->body,
              add_op(p, block, "relu", "inner", &op->outputs[0]->type)->outputs[0]);
}
static void inner_hides_outer(pome__program *p) {
  pome__op *op = last_op(p);
  pome__block *block = pome__block_new(p, p->functions[0], op);
  pome__op_add_block(p, op, block);
  add_op(p, block, "relu", "x", &op->outputs[0]->type);
}

static const struct refusal {
  void (*breaks)(pome__program *program);
  const char *says; /* in the message */
  const char *op;   /* named by the error */
} refusals[] = {
    {no_function, "no function", ""},
    {unknown_opset, "opset", ""},
    {nameless_function, "no name", ""},
    {equal_functions, "two functions", ""},
    {equal_inputs, "already taken", ""},
    {nameless_input, "no name", ""},
    {output_hides_input, "already taken", "z"},
    {output_undefined, "lost", ""},
    {output_nameless, "neither a name", ""},
    {use_before_definition, "not defined before", "z"},
    {use_of_itself, "not defined before", "z"},
    {use_of_namesake, "other than the one in scope", "z"},
    {argument_twice, "given twice", "z"},
    {argument_nameless, "no name", "z"},
    {wrong_producer, "not defined", "z"},
    {wrong_parent, "not its own", "z"},
    {typeless_op, "no type", "z"},
    {rank_too_large, "rank 9", "z"},
    {negative_dimension, "dimension 0 is -2", "z"},
    {no_dtype, "no element type", "z"},
    {unknown_kind, "unknown kind", "z"},
    {list_of_nothing, "element type", "z"},
    {literal_too_short, "holds 6 bytes", "y"},
    {literal_without_data, "holds 0 bytes", "y"},
    {literal_of_unknown_size, "unknown or too large", "y"},
    {literal_too_large, "unknown or too large", "y"},
    {literal_of_other_type, "other than its own", "y"},
    {const_of_other_type, "is declared", "y"},
    {const_without_value, "named val", "y"},
    {tuple_too_short, "0 items", "y"},
    {type_too_deep, "deep", "z"},
    {blocks_too_deep, "deep", ""},
    {block_of_another, "belongs to another", "z"},
    {body_with_inputs, "inputs of its own", ""},
    {inner_value_leaks, "inner", ""},
    {inner_hides_outer, "already taken", "x"},
};

static void verifier_refuses_each_kind_of_flaw(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    pome__program *program = simple_program();
    pome_error error = {.status = POME_OK};
    refusals[i].breaks(program);
    pome_status status = pome__program_verify(program, &error);
    if (status != POME_INPUT || strstr(error.message, refusals[i].says) == NULL ||
        strcmp(error.op, refusals[i].op) != 0) {
      fail_msg("flaw %zu: status %d, op \"%s\", \"%s\" does not say \"%s\"", i, (int)status,
               error.op, error.message, refusals[i].says);
    }
    pome__program_free(program);
  }
}

static void verifier_takes_many_names(void **state) {
  (void)state;
  pome__program *program = simple_program();
  pome__block *body = program->functions[0]->body;
  pome__value *last = body->outputs[0];
  for (int i = 0; i < 100000; i++) {
    char name[16];
    snprintf(name, sizeof(name), "v%d", i);
    pome__op *op = add_op(program, body, "relu", name, &last->type);
    add_arg(program, op, "x", last);
    last = op->outputs[0];
  }
  set_outputs(program, body, last);
  verify_accepts(program);
  assert_int_equal(program->functions[0]->op_count, 100002);
  pome__program_free(program);
}

static void rename_op(pome__program *p) {
  last_op(p)->name = "other";
}
static void retype_op(pome__program *p) {
  last_op(p)->type = "sub";
}
static void swap_operands(pome__program *p) {
  pome__arg *args = last_op(p)->args;
  pome__value *first = args[0].values[0];
  args[0].values[0] = args[1].values[0];
  args[1].values[0] = first;
}
static void change_literal(pome__program *p) {
  static const uint16_t twos[4] = {0x4000, 0x4000, 0x4000, 0x4000};
  y_literal(p)->data = twos;
}
static void widen_input(pome__program *p) {
  p->functions[0]->inputs[0]->type.dims[0] = POME_DIM_UNKNOWN;
}
static void raise_opset(pome__program *p) {
  p->functions[0]->opset = POME__IOS18;
}
static void add_program_attribute(pome__program *p) {
  pome__program_add_attribute(p, NULL, "a", string_literal(p, "b", 1));
}
static void make_attribute(pome__program *p) {
  last_op(p)->args[0].attribute = true;
}

static void equality_notices_each_difference(void **state) {
  (void)state;
  void (*const changes[])(pome__program *) = {
      rename_op,   retype_op,   swap_operands,         change_literal,
      widen_input, raise_opset, add_program_attribute, make_attribute};
  for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
    pome__program *a = simple_program();
    pome__program *b = simple_program();
    const char *why = NULL;
    assert_true(program_equal(a, b, &why));
    changes[i](b);
    if (program_equal(a, b, &why)) fail_msg("change %zu went unnoticed", i);
    assert_non_null(why);
    pome__program_free(a);
    pome__program_free(b);
  }
}

static void equality_ignores_the_order_of_arguments(void **state) {
  (void)state;
  pome__program *a = simple_program();
  pome__program *b = simple_program();
  pome__arg *args = last_op(b)->args;
  pome__arg first = args[0];
  args[0] = args[1];
  args[1] = first;
  assert_true(program_equal(a, b, NULL));
  pome__program_free(a);
  pome__program_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opsets_have_two_names),
      cmocka_unit_test(types_are_spelled),
      cmocka_unit_test(types_fit_when_sizes_are_open),
      cmocka_unit_test(literals_compare_by_value),
      cmocka_unit_test(verifier_accepts_programs_and_numbers_them),
      cmocka_unit_test(verifier_refuses_each_kind_of_flaw),
      cmocka_unit_test(verifier_takes_many_names),
      cmocka_unit_test(equality_notices_each_difference),
      cmocka_unit_test(equality_ignores_the_order_of_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
