/* Pipelines: stages joined by names, their kinds, weights, devices and errors; optional inputs;
 * lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "described_model.h"
#include "text_model.h"
#include "tiny_model.h"

#define WEIGHTS "@model_path/weights/weight.bin"

static const char *const names[] = {"first", "second", "third"};

/* x -> h -> y, the second stage with its weight in the file. */
static pome_status open_two(uint32_t number, const pome_allocator *allocator, pome_model **model,
                            pome_error *error) {
  wire weights = tiny_weights();
  wire stages[] = {adding_model("x", "h", NULL), adding_model("h", "y", WEIGHTS)};
  pome_status status = open_model(pipeline_model(number, "x", "y", stages, names, 2), &weights,
                                  allocator, model, error);
  wire_free(&weights);
  return status;
}

static pome_model *open_stages(const char *in, const char *out, wire *stages, size_t count) {
  pome_model *model = NULL;
  pome_error error;
  check_ok(
      open_model(pipeline_model(202, in, out, stages, NULL, count), NULL, NULL, &model, &error),
      &error);
  return model;
}

typedef struct steps {
  size_t calls, done, total;
} steps;

static void count_steps(void *context, size_t done_steps, size_t total) {
  steps *s = context;
  s->calls++;
  s->done = done_steps;
  s->total = total;
}

static void expect_run(pome_run *run, const char *in, const char *out, float a, float b) {
  float x[2] = {10, 20};
  pome_error error;
  pome_tensor tensor = vector_of(POME_FP32, 2, x);
  check_ok(pome_run_set_tensor(run, in, &tensor, &error), &error);
  check_ok(pome_run_predict(run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(run, out, &tensor, &error), &error);
  assert_true(((const float *)tensor.data)[0] == a && ((const float *)tensor.data)[1] == b);
}

static void three_kinds(void **state) {
  (void)state;
  static const char *const devices[] = {"ref", "cpu"};
  for (uint32_t number = 200; number <= 202; number++) {
    for (size_t d = 0; d < 2; d++) {
      pome_model *model;
      pome_plan *plan;
      pome_run *run;
      pome_error error;
      check_ok(open_two(number, NULL, &model, &error), &error);
      assert_int_equal(pome_model_function_count(model), 1);
      const pome_function *function = pome_model_find_function(model, NULL);
      assert_int_equal(pome_function_stage_count(function), 2);
      assert_string_equal(pome_function_name(pome_function_stage(function, 1)), "second");
      assert_string_equal(pome_function_type(pome_function_stage(function, 1)), "mlProgram");
      assert_string_equal(pome_function_type(function), pome_model_type(model));
      assert_null(pome_function_stage(function, 2));
      assert_int_equal(pome_function_weight_count(function), 2);
      pome_plan_options options;
      pome_plan_options_init(&options);
      options.devices = devices[d];
      check_ok(pome_plan_create(function, &options, &plan, &error), &error);
      assert_string_equal(pome_plan_device_get(plan, 0).name, devices[d]);
      assert_int_equal(pome_plan_device_get(plan, 0).operations, 2);
      assert_int_equal(pome_plan_device_get(plan, 9).operations, 0);
      steps s = {0};
      pome_run_options run_options;
      pome_run_options_init(&run_options);
      run_options.progress = count_steps;
      run_options.progress_context = &s;
      check_ok(pome_run_create(plan, &run_options, &run, &error), &error);
      assert_true(pome_run_bytes(run) > 0);
      expect_run(run, "x", "y", 12, 24);
      assert_int_equal(s.calls, 2);
      assert_int_equal(s.done, 2);
      assert_int_equal(s.total, 2);
      expect_run(run, "x", "y", 12, 24);
      pome_run_free(run);
      pome_plan_free(plan);
      pome_model_close(model);
    }
  }
}

static pome_plan *plan_of(const pome_model *model) {
  pome_plan *plan;
  pome_error error;
  check_ok(pome_plan_create(pome_model_find_function(model, NULL), NULL, &plan, &error), &error);
  return plan;
}

/* A name that is given twice means the nearest stage before: x -> x -> x adds twice, and the last
 * one is the result. */
static void nearest_stage(void **state) {
  (void)state;
  wire stages[] = {adding_model("x", "x2", NULL), adding_model("x2", "h", NULL),
                   adding_model("h", "x2", NULL)};
  pome_model *model = open_stages("x", "x2", stages, 3);
  pome_plan *plan = plan_of(model);
  pome_run *run;
  pome_error error;
  assert_string_equal(
      pome_function_name(pome_function_stage(pome_model_find_function(model, NULL), 2)), "3");
  check_ok(pome_run_create(plan, NULL, &run, &error), &error);
  expect_run(run, "x", "x2", 13, 26);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
}

/* Inputs do not stay from one prediction to the next, nor results of one that failed. */
static void nothing_is_left(void **state) {
  (void)state;
  wire stages[] = {adding_model("x", "h", NULL), adding_model("h", "y", NULL)};
  pome_model *model = open_stages("x", "y", stages, 2);
  pome_plan *plan = plan_of(model);
  pome_run *run;
  pome_error error;
  pome_tensor tensor;
  pome_value *value = NULL;
  check_ok(pome_run_create(plan, NULL, &run, &error), &error);
  assert_int_equal(pome_run_get_tensor(run, "y", &tensor, &error), POME_USAGE);
  expect_run(run, "x", "y", 12, 24);
  assert_int_equal(pome_run_predict(run, NULL, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "input \"x\" is missing"));
  assert_int_equal(pome_run_get_tensor(run, "y", &tensor, &error), POME_USAGE);
  assert_int_equal(pome_run_get_value(run, "h", &value, &error), POME_INPUT);
  float x[3] = {1, 2, 3};
  tensor = vector_of(POME_FP32, 2, x);
  assert_int_equal(pome_run_set_tensor(run, "h", &tensor, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "no input is named \"h\"; the inputs are: x"));
  tensor = vector_of(POME_FP32, 3, x);
  assert_int_equal(pome_run_set_tensor(run, "x", &tensor, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "has shape [3]; allowed is [2]"));
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
}

static void expect_no_plan(pome_model *model, pome_status wanted, const char *message) {
  pome_error error;
  pome_plan *plan = NULL;
  assert_int_equal(pome_plan_create(pome_model_find_function(model, NULL), NULL, &plan, &error),
                   wanted);
  if (strstr(error.message, message) == NULL) fail_msg("%s", error.message);
  assert_null(plan);
  pome_model_close(model);
}

static wire other_model(uint32_t number) {
  wire model = {0}, description = {0}, none = {0};
  add_port(&description, 1, "x", 5, array_type(65568));
  add_port(&description, 10, "h", 5, array_type(65568));
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, description);
  wire_message(&model, number, none);
  return model;
}

static void what_does_not_join(void **state) {
  (void)state;
  wire open_end[] = {adding_model("x", "h", NULL), adding_model("g", "y", NULL)};
  expect_no_plan(open_stages("x", "y", open_end, 2), POME_INPUT,
                 "stage 2 of the pipeline, \"2\", takes \"g\", which no stage before it gives");
  wire backwards[] = {adding_model("h", "y", NULL), adding_model("x", "h", NULL)};
  expect_no_plan(open_stages("x", "y", backwards, 2), POME_INPUT,
                 "stage 1 of the pipeline, \"1\", takes \"h\"");
  wire no_output[] = {adding_model("x", "h", NULL)};
  expect_no_plan(open_stages("x", "y", no_output, 1), POME_INPUT,
                 "has the output \"y\", which none of its stages gives");
}

static void stages_of_other_types(void **state) {
  (void)state;
  wire tree[] = {other_model(302), adding_model("h", "y", NULL)};
  expect_no_plan(open_stages("x", "y", tree, 2), POME_UNSUPPORTED,
                 "stage 1 of the pipeline, \"1\", is of type treeEnsembleRegressor, which cannot "
                 "run; ML programs, neural networks and generalized linear models can");
  wire inner[] = {adding_model("x", "h", NULL), adding_model("h", "y", NULL)};
  wire nested[] = {pipeline_model(202, "x", "y", inner, NULL, 2)};
  expect_no_plan(open_stages("x", "y", nested, 1), POME_UNSUPPORTED, "is of type pipeline");
}

static void broken_messages(void **state) {
  (void)state;
  pome_model *model = NULL;
  pome_error error;
  assert_int_equal(
      open_model(pipeline_model(202, "x", "y", NULL, NULL, 0), NULL, NULL, &model, &error),
      POME_INPUT);
  assert_non_null(strstr(error.message, "a pipeline of 0 models; 1 to 256 are read"));
  wire many[257];
  for (size_t i = 0; i < 257; i++) many[i] = other_model(500);
  assert_int_equal(
      open_model(pipeline_model(200, "x", "y", many, NULL, 257), NULL, NULL, &model, &error),
      POME_INPUT);
  wire garbage[] = {{0}};
  wire_text(&garbage[0], 3, "no model");
  assert_int_equal(
      open_model(pipeline_model(201, "x", "y", garbage, NULL, 1), NULL, NULL, &model, &error),
      POME_INPUT);
  assert_null(model);

  /* Every truncation is refused or opens; none reads outside. */
  wire stages[] = {adding_model("x", "h", NULL), adding_model("h", "y", NULL)};
  wire whole = pipeline_model(202, "x", "y", stages, names, 2);
  for (size_t size = 0; size < whole.size; size++) {
    wire part = {0};
    wire_raw(&part, whole.data, size);
    if (open_model(part, NULL, NULL, &model, &error) == POME_OK) pome_model_close(model);
  }
  wire_free(&whole);
}

static void kept_values(void **state) {
  (void)state;
  pome_model *model;
  pome_plan *plan = NULL;
  pome_error error;
  check_ok(open_two(202, NULL, &model, &error), &error);
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.keep = names;
  options.keep_count = 1;
  assert_int_equal(pome_plan_create(pome_model_find_function(model, NULL), &options, &plan, &error),
                   POME_UNSUPPORTED);
  assert_null(plan);
  pome_model_close(model);
}

/* An optional input that is not given takes its default, and again after one that was. */
static void optional_input(void **state) {
  (void)state;
  static const char text[] =
      "func main<ios16>(tensor<fp32, [2]> x, tensor<fp32, [2]> y) {\n"
      "  tensor<fp32, [2]> z = add(x = x, y = y)[name = tensor<string, []>(\"z\")];\n} -> (z);";
  wire description = {0}, array = array_type(65568), feature = {0}, port = {0};
  const uint8_t shape[] = {2};
  const float value = 2.5f;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  wire_bytes(&array, 1, shape, 1);
  wire_fixed32(&array, 51, bits);
  wire_message(&feature, 5, array);
  wire_uint(&feature, 1000, 1);
  wire_text(&port, 1, "y");
  wire_message(&port, 3, feature);
  add_port(&description, 1, "x", 5, array_type(65568));
  wire_message(&description, 1, port);
  add_port(&description, 10, "z", 5, array_type(65568));
  pome_model *model = open_described(text, description);
  pome_plan *plan = plan_of(model);
  pome_run *run;
  pome_error error;
  check_ok(pome_run_create(plan, NULL, &run, &error), &error);
  expect_run(run, "x", "z", 12.5f, 22.5f);
  float y[2] = {1, 1};
  pome_tensor tensor = vector_of(POME_FP32, 2, y);
  check_ok(pome_run_set_tensor(run, "y", &tensor, &error), &error);
  expect_run(run, "x", "z", 11, 21);
  expect_run(run, "x", "z", 12.5f, 22.5f);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
}

static pome_status whole_life(void *context, const pome_allocator *allocator, pome_error *error) {
  (void)context;
  pome_model *model = NULL;
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_plan_options plan_options;
  pome_plan_options_init(&plan_options);
  plan_options.allocator = allocator;
  pome_run_options run_options;
  pome_run_options_init(&run_options);
  run_options.allocator = allocator;
  float x[2] = {10, 20};
  pome_tensor tensor = vector_of(POME_FP32, 2, x);
  pome_status status = open_two(202, allocator, &model, error);
  if (status == POME_OK)
    status = pome_plan_create(pome_model_find_function(model, NULL), &plan_options, &plan, error);
  if (status == POME_OK) status = pome_run_create(plan, &run_options, &run, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "x", &tensor, error);
  if (status == POME_OK) status = pome_run_predict(run, NULL, error);
  if (status == POME_OK) status = pome_run_get_tensor(run, "y", &tensor, error);
  if (status == POME_OK) assert_true(((const float *)tensor.data)[1] == 24);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return status;
}

static void lack_of_memory(void **state) {
  (void)state;
  assert_true(budget_starve(whole_life, NULL, false) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(three_kinds),           cmocka_unit_test(nearest_stage),
      cmocka_unit_test(nothing_is_left),       cmocka_unit_test(what_does_not_join),
      cmocka_unit_test(stages_of_other_types), cmocka_unit_test(broken_messages),
      cmocka_unit_test(kept_values),           cmocka_unit_test(optional_input),
      cmocka_unit_test(lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
