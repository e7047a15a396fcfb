/* The operations of a function as its users see them, kept values and inputs, and single operations
 * as models of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "budget.h"
#include "seeds.h"
#include "text_model.h"

/* A constant, one written in place, a palette, a branch that takes a value from outside, a random
 * number. */
static const char text[] =
    "func main<ios18>(tensor<fp16, [4]> x, state<tensor<fp16, [4]>> memory) {"
    "  tensor<fp16, [4]> w = const()[name = string(\"w\"), val = tensor<fp16, [4]>([1, 2, 3, 4])];"
    "  tensor<fp16, [4]> a = mul(x = x, y = w)[name = string(\"a\")];"
    "  tensor<fp16, [4]> b = add(x = a, y = fp16(1))[name = string(\"b\")];"
    "  tensor<fp16, [4]> old = read_state(input = memory)[name = string(\"old\")];"
    "  tensor<bool, []> yes = const()[name = string(\"yes\"), val = bool(true)];"
    "  tensor<fp16, [4]> c = cond(pred = yes) {"
    "    block() { tensor<fp16, [4]> d = mul(x = b, y = b)[name = string(\"d\")]; } -> (d);"
    "    block() { tensor<fp16, [4]> e = add(x = old, y = old)[name = string(\"e\")]; } -> (e);"
    "  }[name = string(\"c\")];"
    "  tensor<fp16, [?]> r = random_uniform(shape = tensor<int32, [1]>([4]), low = fp16(0), high = "
    "fp16(1), seed = int32(-1))"
    "[name = string(\"r\")];"
    "  tensor<fp16, [4]> y = add(x = c, y = old)[name = string(\"y\")];"
    "} -> (y);";

static const pome_operation *find(const pome_function *function, const char *name, size_t *index) {
  for (size_t i = 0; i < pome_function_operation_count(function); i++) {
    const pome_operation *operation = pome_function_operation(function, i);
    *index = i;
    if (strcmp(operation->name, name) == 0) return operation;
  }
  fail_msg("no operation %s", name);
  return NULL;
}

static const pome_operation_value *find_input(const pome_operation *operation, const char *name) {
  for (size_t i = 0; i < operation->input_count; i++) {
    if (strcmp(operation->inputs[i].name, name) == 0) return &operation->inputs[i];
  }
  fail_msg("%s does not take %s", operation->name, name);
  return NULL;
}

static void operations_are_listed(void **context) {
  (void)context;
  pome_model *model = open_text(text);
  const pome_function *function = pome_model_find_function(model, NULL);
  size_t index;
  assert_int_equal(pome_function_operation_count(function), 8);
  assert_null(pome_function_operation(function, 8));
  const pome_operation *a = find(function, "a", &index), *b = find(function, "b", &index);
  assert_string_equal(a->type, "mul");
  assert_int_equal(a->input_count, 2);
  assert_false(a->constant);
  assert_true(a->isolable && find(function, "w", &index)->constant);
  const pome_operation_value *w = find_input(a, "w"), *x = find_input(a, "x");
  assert_true(w->constant && w->literal.data != NULL && !x->constant && x->literal.data == NULL);
  assert_int_equal(x->dtype, POME_FP16);
  assert_int_equal(x->rank, 1);
  assert_int_equal(x->shape[0], 4);
  assert_true(find_input(b, "")->constant);
  assert_int_equal(find_input(b, "")->literal.rank, 0);
  const pome_operation *c = find(function, "c", &index);
  assert_int_equal(c->input_count, 3); /* yes, b once, old once */
  assert_true(find_input(c, "yes")->constant);
  assert_false(find_input(c, "b")->constant || find_input(c, "old")->constant);
  assert_true(c->isolable);
  assert_false(find(function, "old", &index)->isolable || find(function, "r", &index)->isolable);
  assert_false(find_input(find(function, "old", &index), "memory")->tensor);
  pome_model_close(model);
}

static void check_floats(const pome_run *run, const char *name, const float *want) {
  pome_tensor tensor;
  float got[4];
  pome_error error;
  check_ok(pome_run_get_tensor(run, name, &tensor, &error), &error);
  pome_tensor target = vector_of(POME_FP32, 4, got);
  check_ok(pome_tensor_copy(&tensor, &target, &error), &error);
  assert_memory_equal(got, want, sizeof got);
}

/* b of the whole function is kept; c alone, given b, makes what the function's c is. */
static void operations_run_alone(void **context) {
  (void)context;
  float x[4] = {1, 2, 3, 4}, b[4] = {2, 5, 10, 17}, old[4] = {0}, c[4] = {4, 25, 100, 289};
  const char *keep[] = {"x", "b", "c", "w"};
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.keep = keep;
  options.keep_count = 4;
  text_model m = make_text_model(text, &options, NULL);
  pome_state *state;
  pome_error error;
  check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
  pome_tensor given = vector_of(POME_FP32, 4, x);
  check_ok(pome_run_set_tensor(m.run, "x", &given, &error), &error);
  check_ok(pome_run_predict(m.run, state, &error), &error);
  check_floats(m.run, "x", x);
  check_floats(m.run, "w", x);
  check_floats(m.run, "b", b);
  check_floats(m.run, "c", c);

  size_t index;
  find(m.function, "c", &index);
  text_model alone = {0};
  check_ok(pome_operation_isolate(m.function, index, &alone.model, &error), &error);
  alone.function = pome_model_find_function(alone.model, NULL);
  assert_int_equal(pome_function_port_count(alone.function, POME_INPUT_PORT), 2);
  assert_int_equal(pome_function_port_count(alone.function, POME_OUTPUT_PORT), 1);
  check_ok(pome_plan_create(alone.function, NULL, &alone.plan, &error), &error);
  check_ok(pome_run_create(alone.plan, NULL, &alone.run, &error), &error);
  pome_tensor given_b = vector_of(POME_FP32, 4, b), given_old = vector_of(POME_FP32, 4, old);
  check_ok(pome_run_set_tensor(alone.run, "b", &given_b, &error), &error);
  check_ok(pome_run_set_tensor(alone.run, "old", &given_old, &error), &error);
  check_ok(pome_run_predict(alone.run, NULL, &error), &error);
  check_floats(alone.run, "c", c);
  free_text_model(&alone);

  pome_model *none;
  find(m.function, "r", &index);
  assert_int_equal(pome_operation_isolate(m.function, index, &none, &error), POME_UNSUPPORTED);
  assert_int_equal(pome_operation_isolate(m.function, 99, &none, &error), POME_USAGE);
  pome_state_free(state);
  free_text_model(&m);
}

/* Memory refused at every allocation: POME_MEMORY, and nothing is left. */
static void isolate_starved(const pome_function *function, size_t index, budget *b) {
  for (size_t place = 0;; place++) {
    size_t blocks = b->blocks;
    b->calls = 0;
    b->refuse_at = place;
    pome_model *alone = NULL;
    pome_error error = {0};
    pome_status status = pome_operation_isolate(function, index, &alone, &error);
    b->refuse_at = BUDGET_NEVER;
    if (status == POME_OK && b->calls <= place) {
      pome_model_close(alone);
      assert_int_equal(b->blocks, blocks);
      return;
    }
    pome_model_close(alone);
    if (status != POME_OK) {
      assert_int_equal(status, POME_MEMORY);
      assert_null(alone);
    }
    assert_int_equal(b->blocks, blocks);
  }
}

static void isolating_survives_lack_of_memory(void **context) {
  (void)context;
  size_t count, isolated = 0;
  seed *seeds = seeds_read(&count);
  for (size_t i = 0; i < count; i++) {
    budget b = budget_unlimited();
    pome_allocator allocator = budget_allocator(&b);
    pome_model_options options;
    pome_model_options_init(&options);
    options.allocator = &allocator;
    char path[512];
    snprintf(path, sizeof path, "tests/fuzz/corpus/run/%s", seeds[i].name);
    pome_model *model;
    if (pome_model_open(path, &options, &model, NULL) != POME_OK) continue;
    const pome_function *function = pome_model_find_function(model, NULL);
    for (size_t k = 0; k < pome_function_operation_count(function); k++) {
      if (!pome_function_operation(function, k)->isolable) continue;
      isolate_starved(function, k, &b);
      isolated++;
    }
    pome_model_close(model);
    assert_int_equal(b.blocks, 0);
  }
  seeds_free(seeds, count);
  assert_true(isolated > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_are_listed),
      cmocka_unit_test(operations_run_alone),
      cmocka_unit_test(isolating_survives_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
