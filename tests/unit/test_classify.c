/* Classifiers: the label and the probabilities by label, as strings and as numbers, on every
 * device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "described_model.h"
#include "text_model.h"

static const char by_text[] = "func main<ios16>(tensor<fp32, [1, 3]> p) {\n"
                              "  tensor<string, []> label, dict<tensor<string, []>, tensor<fp64, "
                              "[]>> label_probs = classify(classes = "
                              "list<tensor<string, []>, 3>([\"cat\", \"\", \"b\\\"d\"]), "
                              "probabilities = p)[name = tensor<string, []>(\"label\")];\n"
                              "} -> (label, label_probs);";
static const char by_number[] = "func main<ios16>(tensor<fp32, [3]> p) {\n"
                                "  tensor<int64, []> label, dict<tensor<int64, []>, tensor<fp64, "
                                "[]>> label_probs = classify(classes = "
                                "list<tensor<int64, []>, 3>([7, -9007199254740993, 0]), "
                                "probabilities = p)[name = tensor<string, []>(\"label\")];\n"
                                "} -> (label, label_probs);";

static wire description_of(uint32_t label_kind, uint32_t key_field) {
  wire description = {0}, key = {0}, dictionary = {0}, none = {0};
  wire_message(&dictionary, key_field, key);
  add_port(&description, 1, "p", 5, array_type(65568));
  add_port(&description, 10, "label", label_kind, none);
  add_port(&description, 10, "label_probs", 6, dictionary);
  wire_text(&description, 11, "label");
  wire_text(&description, 12, "label_probs");
  return description;
}

typedef struct ready {
  pome_model *model;
  pome_plan *plan;
  pome_run *run;
} ready;

static ready prepare(pome_model *model, const char *device, pome_numerics numerics) {
  ready r = {.model = model};
  pome_error error;
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = device;
  options.numerics = numerics;
  check_ok(pome_plan_create(pome_model_find_function(model, NULL), &options, &r.plan, &error),
           &error);
  check_ok(pome_run_create(r.plan, NULL, &r.run, &error), &error);
  return r;
}

static void done(ready *r) {
  pome_run_free(r->run);
  pome_plan_free(r->plan);
  pome_model_close(r->model);
}

static void predict(pome_run *run, int rank, float *p) {
  pome_error error;
  pome_tensor tensor = tensor_of(POME_FP32, rank, (const int64_t[]){rank == 1 ? 3 : 1, 3}, p);
  check_ok(pome_run_set_tensor(run, "p", &tensor, &error), &error);
  check_ok(pome_run_predict(run, NULL, &error), &error);
}

static pome_value *value_of(const pome_run *run, const char *name, pome_feature feature) {
  pome_error error;
  pome_value *value;
  check_ok(pome_run_get_value(run, name, &value, &error), &error);
  assert_int_equal(pome_value_feature(value), feature);
  return value;
}

static void expect_text(const pome_run *run, const char *expected) {
  pome_value *value = value_of(run, "label", POME_FEATURE_STRING);
  const pome_string *text = pome_value_tensor(value)->data;
  assert_int_equal(text->size, strlen(expected));
  assert_memory_equal(text->data, expected, text->size);
  pome_value_free(value);
}

static void text_labels(void **state) {
  (void)state;
  static const char *const devices[] = {"ref", "cpu"};
  for (size_t d = 0; d < 2; d++) {
    for (int numerics = POME_NUMERICS_FAST; numerics <= POME_NUMERICS_WIDE; numerics++) {
      ready r = prepare(open_described(by_text, description_of(3, 2)), devices[d],
                        (pome_numerics)numerics);
      assert_string_equal(pome_function_predicted_feature(pome_plan_function(r.plan)), "label");
      predict(r.run, 2, (float[]){0.25f, 0.125f, 0.5f});
      expect_text(r.run, "b\"d");
      pome_value *value = value_of(r.run, "label_probs", POME_FEATURE_DICTIONARY);
      const pome_tensor *values = pome_value_tensor(value), *keys = pome_value_keys(value);
      assert_int_equal(values->dtype, POME_FP64);
      assert_int_equal(values->rank, 1);
      assert_memory_equal(values->data, ((const double[]){0.25, 0.125, 0.5}), 24);
      assert_int_equal(keys->dtype, POME_STRING);
      assert_int_equal(keys->shape[0], 3);
      assert_memory_equal(((const pome_string *)keys->data)[0].data, "cat", 3);
      assert_int_equal(((const pome_string *)keys->data)[1].size, 0);
      /* The value is the caller's own: it outlives the run's next prediction. */
      predict(r.run, 2, (float[]){0.25f, 0.75f, 0.5f});
      expect_text(r.run, "");
      assert_memory_equal(values->data, ((const double[]){0.25, 0.125, 0.5}), 24);
      pome_value_free(value);
      pome_tensor tensor;
      pome_error error;
      check_ok(pome_run_get_tensor(r.run, "label_probs", &tensor, &error), &error);
      assert_memory_equal(tensor.data, ((const double[]){0.25, 0.75, 0.5}), 24);
      done(&r);
    }
  }
}

static void number_labels(void **state) {
  (void)state;
  ready r = prepare(open_described(by_number, description_of(1, 1)), NULL, POME_NUMERICS_FAST);
  predict(r.run, 1, (float[]){0.25f, 0.5f, 0.125f});
  pome_value *value = value_of(r.run, "label", POME_FEATURE_INT64);
  assert_true(*(const int64_t *)pome_value_tensor(value)->data == -9007199254740993);
  pome_value_free(value);
  value = value_of(r.run, "label_probs", POME_FEATURE_DICTIONARY);
  assert_int_equal(pome_value_keys(value)->dtype, POME_INT64);
  assert_memory_equal(pome_value_keys(value)->data, ((const int64_t[]){7, -9007199254740993, 0}),
                      24);
  pome_value_free(value);
  done(&r);
}

/* Of equals the first; what is not a number only when all are not. */
static void ties_and_nan(void **state) {
  (void)state;
  ready r = prepare(open_described(by_text, description_of(3, 2)), NULL, POME_NUMERICS_FAST);
  predict(r.run, 2, (float[]){0.5f, 0.5f, 0.5f});
  expect_text(r.run, "cat");
  predict(r.run, 2, (float[]){NAN, 0.1f, 0.2f});
  expect_text(r.run, "b\"d");
  predict(r.run, 2, (float[]){NAN, NAN, NAN});
  expect_text(r.run, "cat");
  predict(r.run, 2, (float[]){-INFINITY, NAN, -3});
  expect_text(r.run, "b\"d");
  done(&r);
}

/* A shape that is known only at run time may miss the number of classes. */
static void too_few(void **state) {
  (void)state;
  static const char text[] = "func main<ios16>(tensor<fp32, [?]> p) {\n"
                             "  tensor<string, []> label, dict<tensor<string, []>, tensor<fp64, "
                             "[]>> label_probs = classify(classes = "
                             "list<tensor<string, []>, 2>([\"a\", \"b\"]), probabilities = p)[name "
                             "= tensor<string, []>(\"label\")];\n"
                             "} -> (label, label_probs);";
  text_model m = make_text_model(text, NULL, NULL);
  float p[3] = {1, 2, 3};
  pome_error error;
  pome_tensor tensor = vector_of(POME_FP32, 3, p);
  check_ok(pome_run_set_tensor(m.run, "p", &tensor, &error), &error);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "3 probabilities for 2 classes"));
  tensor = vector_of(POME_FP32, 2, p);
  check_ok(pome_run_set_tensor(m.run, "p", &tensor, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  expect_text(m.run, "b");
  free_text_model(&m);
}

static void lack_of_memory(void **state) {
  (void)state;
  budget books = budget_unlimited();
  pome_allocator allocator = budget_allocator(&books);
  pome_model *model = open_described(by_text, description_of(3, 2));
  float p[3] = {0.25f, 0.125f, 0.5f};
  pome_tensor tensor = tensor_of(POME_FP32, 2, (const int64_t[]){1, 3}, p);
  size_t failures = 0;
  for (size_t n = 0;; n++) {
    books.refuse_at = books.calls + n;
    pome_plan_options plan_options;
    pome_plan_options_init(&plan_options);
    plan_options.allocator = &allocator;
    pome_run_options run_options;
    pome_run_options_init(&run_options);
    run_options.allocator = &allocator;
    pome_plan *plan = NULL;
    pome_run *run = NULL;
    pome_value *value = NULL;
    pome_error error;
    pome_status status =
        pome_plan_create(pome_model_find_function(model, NULL), &plan_options, &plan, &error);
    if (status == POME_OK) status = pome_run_create(plan, &run_options, &run, &error);
    if (status == POME_OK) status = pome_run_set_tensor(run, "p", &tensor, &error);
    if (status == POME_OK) status = pome_run_predict(run, NULL, &error);
    if (status == POME_OK) status = pome_run_get_value(run, "label_probs", &value, &error);
    bool refused = books.calls > books.refuse_at;
    pome_value_free(value);
    pome_run_free(run);
    pome_plan_free(plan);
    assert_int_equal(books.blocks, 0);
    if (!refused) {
      check_ok(status, &error);
      break;
    }
    assert_true(status == POME_MEMORY || status == POME_OK);
    failures += status == POME_MEMORY;
  }
  assert_true(failures > 5);
  pome_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_labels),    cmocka_unit_test(number_labels),
      cmocka_unit_test(ties_and_nan),   cmocka_unit_test(too_few),
      cmocka_unit_test(lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
