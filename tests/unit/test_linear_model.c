/* Generalized linear models: regressors and classifiers on every device, in double; what is
 * refused; lack of memory and broken messages. The expected numbers come from Python's math.
 */
#include "network_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "budget.h"
#include "text_model.h"

#define REGRESSOR  300
#define CLASSIFIER 400

/* Ports: a double, an int64 and three doubles in, a double out. */
#define NUMBER_IN  "1:{1:\"a\" 3:{2:{}}}"
#define WHOLE_IN   "1:{1:\"n\" 3:{1:{}}}"
#define ARRAY_IN   "1:{1:\"v\" 3:{5:{1:[3] 2:65600}}}"
#define NUMBER_OUT "10:{1:\"y\" 3:{2:{}}} 11:\"y\""
#define ARRAY_OUT  "10:{1:\"y\" 3:{5:{1:[2] 2:65600}}} 11:\"y\""
#define SINGLE_OUT "10:{1:\"y\" 3:{5:{1:[1] 2:65568}}} 11:\"y\""
#define TEXT_OUT   "10:{1:\"label\" 3:{3:{}}} 10:{1:\"p\" 3:{6:{2:{}}}} 11:\"label\" 12:\"p\""
#define WHOLE_OUT  "10:{1:\"p\" 3:{6:{1:{}}}} 10:{1:\"label\" 3:{1:{}}} 11:\"label\" 12:\"p\""

typedef struct linear_case {
  const char *what;
  uint32_t type;
  const char *description, *model;
  const char *label; /* of a classifier */
  double expected[3];
  size_t count;
} linear_case;

/* a = 2, n = 3, v = [0.5, -1, 4], whichever of them there are. */
static const linear_case cases[] = {
    {"sum", REGRESSOR, NUMBER_IN WHOLE_IN NUMBER_OUT, "1:{1:D[1 2]} 2:D[0.1]", NULL, {8.1}, 1},
    {"no offset, weights one by one",
     REGRESSOR,
     ARRAY_IN NUMBER_OUT,
     "1:{1:d1 1:d2 1:d0.25}",
     NULL,
     {-0.5},
     1},
    {"logit",
     REGRESSOR,
     NUMBER_IN ARRAY_IN NUMBER_OUT,
     "1:{1:D[1 1 1 -1]} 2:D[0.25] 3:1",
     NULL,
     {0.09534946489910949},
     1},
    {"probit",
     REGRESSOR,
     NUMBER_IN NUMBER_OUT,
     "1:{1:D[1]} 2:D[-1] 3:2",
     NULL,
     {0.8413447460685429},
     1},
    {"two rows",
     REGRESSOR,
     ARRAY_IN ARRAY_OUT,
     "1:{1:D[1 2 3]} 1:{1:D[-1 0 1]} 2:D[1 0.5]",
     NULL,
     {11.5, 4},
     2},
    {"reference class",
     CLASSIFIER,
     NUMBER_IN TEXT_OUT,
     "1:{1:D[0.25]} 2:D[-1] 100:{1:\"no\" 1:\"yes\"}",
     "no",
     {0.6224593312018546, 0.3775406687981454},
     2},
    {"reference class of three",
     CLASSIFIER,
     NUMBER_IN WHOLE_OUT,
     "1:{1:D[0.25]} 1:{1:D[400]} 2:D[-1 0] 101:{1:[7 8 9]}",
     "9",
     {0, 0, 1},
     3},
    {"one against the rest",
     CLASSIFIER,
     ARRAY_IN TEXT_OUT,
     "1:{1:D[1 0 0]} 1:{1:D[0 1 0]} 1:{1:D[0 0 0.5]} 2:D[0 0 0] 4:1 "
     "100:{1:\"a\" 1:\"b\" 1:\"c\"}",
     "c",
     {0.35123580475706206, 0.15175586874890262, 0.49700832649403537},
     3},
    {"one row against the rest",
     CLASSIFIER,
     NUMBER_IN WHOLE_OUT,
     "1:{1:D[1]} 2:D[-1.5] 3:1 4:1 101:{1:[0 1]}",
     "1",
     {0.3085375387259869, 0.6914624612740131},
     2},
};

static void give_inputs(pome_run *run, const pome_function *function) {
  static double a = 2, v[] = {0.5, -1, 4};
  static int64_t n = 3;
  pome_error error;
  pome_tensor tensor;
  for (size_t i = 0; i < pome_function_port_count(function, POME_INPUT_PORT); i++) {
    const char *name = pome_function_port(function, POME_INPUT_PORT, i)->name;
    if (name[0] == 'v') tensor = vector_of(POME_FP64, 3, v);
    else if (name[0] == 'n') tensor = vector_of(POME_INT64, 1, &n);
    else tensor = vector_of(POME_FP64, 1, &a);
    check_ok(pome_run_set_tensor(run, name, &tensor, &error), &error);
  }
}

static void check_label(const linear_case *c, const pome_run *run) {
  pome_error error;
  pome_value *label;
  check_ok(pome_run_get_value(run, "label", &label, &error), &error);
  const pome_tensor *tensor = pome_value_tensor(label);
  char text[32];
  if (tensor->dtype == POME_STRING) {
    const pome_string *string = tensor->data;
    snprintf(text, sizeof text, "%.*s", (int)string->size, string->data);
  } else {
    snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)tensor->data);
  }
  assert_string_equal(text, c->label);
  pome_value_free(label);
}

static void check_case(const linear_case *c, const pome_function *function, const char *device) {
  pome_error error;
  pome_plan_options options;
  pome_plan *plan;
  pome_run *run;
  pome_value *value;
  pome_plan_options_init(&options);
  options.devices = device;
  check_ok(pome_plan_create(function, &options, &plan, &error), &error);
  check_ok(pome_run_create(plan, NULL, &run, &error), &error);
  give_inputs(run, function);
  check_ok(pome_run_predict(run, NULL, &error), &error);
  check_ok(pome_run_get_value(run, c->label != NULL ? "p" : "y", &value, &error), &error);
  const pome_tensor *tensor = pome_value_tensor(value);
  assert_int_equal(tensor->dtype, POME_FP64);
  assert_int_equal(pome_tensor_count(tensor), c->count);
  for (size_t i = 0; i < c->count; i++) {
    double got = ((const double *)tensor->data)[i], off = got - c->expected[i];
    if (!(off < 1e-15 && off > -1e-15))
      fail_msg("%s on %s: %.17g at %zu; %.17g is right", c->what, device, got, i, c->expected[i]);
  }
  pome_value_free(value);
  if (c->label != NULL) check_label(c, run);
  pome_run_free(run);
  pome_plan_free(plan);
}

static void numbers_and_classes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const linear_case *c = &cases[i];
    pome_error error;
    pome_model *model;
    check_ok(typed_open(c->type, c->description, c->model, &model, &error), &error);
    check_case(c, pome_model_find_function(model, NULL), "ref");
    check_case(c, pome_model_find_function(model, NULL), "cpu");
    pome_model_close(model);
  }
}

/* The one number that a regressor of ARRAY_IN gives, as `description` declares it, with its
 * bytes in `copy`. */
static pome_tensor only_number(const char *description, const char *body, void *copy) {
  pome_error error;
  pome_model *model;
  pome_plan *plan;
  pome_run *run;
  pome_tensor y;
  check_ok(typed_open(REGRESSOR, description, body, &model, &error), &error);
  check_ok(pome_plan_create(pome_model_find_function(model, NULL), NULL, &plan, &error), &error);
  check_ok(pome_run_create(plan, NULL, &run, &error), &error);
  give_inputs(run, pome_model_find_function(model, NULL));
  check_ok(pome_run_predict(run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(run, "y", &y, &error), &error);
  assert_int_equal(pome_tensor_count(&y), 1);
  memcpy(copy, y.data, pome_tensor_bytes(&y));
  y.data = copy;
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return y;
}

/* What coremltools' tests ask for: the nearest double, not one beside it. */
static void exact_number(void **state) {
  (void)state;
  double memory;
  pome_tensor y = only_number(ARRAY_IN NUMBER_OUT, "1:{1:D[2 1 0.5]} 2:D[0.1]", &memory);
  assert_int_equal(y.dtype, POME_FP64);
  assert_true(*(const double *)y.data == 2.1);
  y = only_number(ARRAY_IN SINGLE_OUT, "1:{1:D[2 1 0.5]} 2:D[0.1]", &memory);
  assert_int_equal(y.dtype, POME_FP32);
  assert_true(*(const float *)y.data == 2.1f);
}

static const struct {
  uint32_t type;
  const char *description, *model, *message;
} broken[] = {
    {REGRESSOR, NUMBER_IN NUMBER_OUT, "2:D[0.1]", "the model has no weights"},
    {REGRESSOR, NUMBER_OUT, "1:{1:D[1]}", "the model has no inputs"},
    {REGRESSOR, NUMBER_IN NUMBER_OUT, "1:{1:D[1 2]}",
     "the number of features is 1, but the size of a row of weights is 2"},
    {REGRESSOR, ARRAY_IN ARRAY_OUT, "1:{1:D[1 2 3]}",
     "\"y\" has another shape than [1], the number of rows of weights"},
    {REGRESSOR, ARRAY_IN ARRAY_OUT, "1:{1:D[1 2 3]} 1:{1:D[1 2]}",
     "row 2 of the weights has 2 numbers, the first has 3"},
    {REGRESSOR, NUMBER_IN NUMBER_OUT, "1:{1:D[1]} 2:D[1 2]",
     "the model has 2 offsets and 1 rows of weights"},
    {REGRESSOR, NUMBER_IN NUMBER_OUT, "1:{1:D[1]} 1:{1:D[1]}",
     "\"y\" is one number, and the weights have 2 rows"},
    {REGRESSOR, NUMBER_IN NUMBER_OUT "10:{1:\"z\" 3:{2:{}}}", "1:{1:D[1]}",
     "has 2 outputs; it gives 1"},
    {REGRESSOR, NUMBER_IN NUMBER_IN NUMBER_OUT, "1:{1:D[1 2]}", "\"a\""},
    {REGRESSOR, NUMBER_IN NUMBER_OUT, "1:{1:F[1]}", "the message ends inside a field"},
    {CLASSIFIER, NUMBER_IN TEXT_OUT, "1:{1:D[1]}", "the classifier has no labels"},
    {CLASSIFIER, NUMBER_IN TEXT_OUT, "1:{1:D[1]} 100:{1:\"a\" 1:\"b\" 1:\"c\"}",
     "the number of probabilities is 2, but the number of classes is 3"},
    {CLASSIFIER, NUMBER_IN TEXT_OUT, "1:{1:D[1]} 1:{1:D[1]} 3:1 100:{1:\"a\" 1:\"b\" 1:\"c\"}",
     "are for 2 classes, not 3"},
    {CLASSIFIER, NUMBER_IN TEXT_OUT "10:{1:\"z\" 3:{2:{}}}", "1:{1:D[1]} 100:{1:\"a\" 1:\"b\"}",
     "has 3 outputs; it gives a label and probabilities"},
    {CLASSIFIER, NUMBER_IN "10:{1:\"q\" 3:{3:{}}} 11:\"label\" 12:\"p\"",
     "1:{1:D[1]} 100:{1:\"a\" 1:\"b\"}",
     "the output \"q\" is neither the label nor the probabilities"},
};

static void refused_when_opened(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    pome_error error;
    pome_model *model = NULL;
    pome_status status =
        typed_open(broken[i].type, broken[i].description, broken[i].model, &model, &error);
    if (status != POME_INPUT || strstr(error.message, broken[i].message) == NULL)
      fail_msg("%zu: %d %s", i, (int)status, status == POME_OK ? "" : error.message);
    assert_null(model);
  }
}

/* It opens, for `inspect`; a plan says why it does not run. */
static void only_looked_at(void **state) {
  (void)state;
  static const struct {
    const char *description, *model, *message;
  } odd[] = {
      {"1:{1:\"s\" 3:{3:{}}}" NUMBER_OUT, "1:{1:D[1]}",
       "the model cannot run: input \"s\" is neither a number nor an array"},
      {NUMBER_IN "10:{1:\"s\" 3:{3:{}}}", "1:{1:D[1]}",
       "the model cannot run: output \"s\" is neither a double nor an array"},
      {NUMBER_IN "10:{1:\"y\" 3:{5:{1:[1] 2:131104}}}", "1:{1:D[1]}",
       "the model cannot run: output \"y\" is an array of int32, not of floats"},
      {NUMBER_IN NUMBER_OUT, "1:{1:D[1]} 3:7",
       "the model cannot run: postEvaluationTransform is 7; 0 to 2 are known"},
      {NUMBER_IN "10:{1:\"a\" 3:{2:{}}}", "1:{1:D[1]}",
       "the model cannot run: \"a\" is an input and an output"},
  };
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    pome_error error;
    pome_model *model;
    pome_plan *plan = NULL;
    check_ok(typed_open(REGRESSOR, odd[i].description, odd[i].model, &model, &error), &error);
    const pome_function *function = pome_model_find_function(model, NULL);
    assert_int_equal(pome_plan_create(function, NULL, &plan, &error), POME_UNSUPPORTED);
    assert_string_equal(error.message, odd[i].message);
    pome_model_close(model);
  }
}

/* What is said of a stage is kept, and freed with the file. */
static void stage_only_looked_at(void **state) {
  (void)state;
  pome_error error;
  pome_model *model;
  pome_plan *plan = NULL;
  check_ok(typed_open(202, "1:{1:\"s\" 3:{3:{}}}" NUMBER_OUT,
                      "1:{1:4 2:{1:{1:\"s\" 3:{3:{}}}" NUMBER_OUT "} 300:{1:{1:D[1]}}}", &model,
                      &error),
           &error);
  const pome_function *function = pome_model_find_function(model, NULL);
  assert_int_equal(pome_plan_create(function, NULL, &plan, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "input \"s\" is neither a number nor an array"));
  pome_model_close(model);
}

static wire message_of(const linear_case *c) {
  wire message = {0};
  wire_uint(&message, 1, 4);
  wire_message(&message, 2, network_message(c->description));
  wire_message(&message, c->type, network_message(c->model));
  return message;
}

/* Opens, plans and predicts; whatever comes of it. */
static pome_status live(void *context, const pome_allocator *allocator, pome_error *error) {
  const wire *message = context;
  pome_model *model = NULL;
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_model_options model_options;
  pome_plan_options plan_options;
  pome_run_options run_options;
  pome_model_options_init(&model_options);
  pome_plan_options_init(&plan_options);
  pome_run_options_init(&run_options);
  model_options.allocator = plan_options.allocator = run_options.allocator = allocator;
  double a = 2;
  pome_tensor tensor = vector_of(POME_FP64, 1, &a);
  pome_status status =
      pome_model_open_memory(message->data, message->size, NULL, 0, &model_options, &model, error);
  if (status == POME_OK)
    status = pome_plan_create(pome_model_find_function(model, NULL), &plan_options, &plan, error);
  if (status == POME_OK) status = pome_run_create(plan, &run_options, &run, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "a", &tensor, error);
  if (status == POME_OK) status = pome_run_predict(run, NULL, error);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return status;
}

#define REFERENCE_CLASS 5 /* in `cases` */

static void lack_of_memory(void **state) {
  (void)state;
  wire message = message_of(&cases[REFERENCE_CLASS]);
  assert_true(budget_starve(live, &message, false) > 10);
  wire_free(&message);
}

/* Cut anywhere, and with any byte changed: an answer or an error. */
static void broken_anywhere(void **state) {
  (void)state;
  wire message = message_of(&cases[REFERENCE_CLASS]);
  size_t ran = 0;
  for (size_t i = 0; i < message.size; i++) {
    wire part = {0};
    pome_error error;
    wire_raw(&part, message.data, i);
    (void)live(&part, NULL, &error);
    wire_free(&part);
    for (int bit = 0; bit < 8; bit++) {
      message.data[i] ^= (uint8_t)(1 << bit);
      ran += live(&message, NULL, &error) == POME_OK;
      message.data[i] ^= (uint8_t)(1 << bit);
    }
  }
  assert_true(ran > 100);
  wire_free(&message);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_classes),  cmocka_unit_test(exact_number),
      cmocka_unit_test(refused_when_opened),  cmocka_unit_test(only_looked_at),
      cmocka_unit_test(stage_only_looked_at), cmocka_unit_test(lack_of_memory),
      cmocka_unit_test(broken_anywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
