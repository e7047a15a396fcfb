/* Neural networks as wholes: the two mappings of arrays, images, labels, what branches and loops
 * assign, optional inputs, and what is refused.
 */
#include "network_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "described_model.h"

#define ARRAY(field, name, dims) #field ":{1:\"" name "\" 3:{5:{1:[" dims "] 2:65568}}} "
#define LAYER(in, out, type)     "1:{1:\"" out "\" 2:\"" in "\" 3:\"" out "\" " type "} "
#define EXACT                    "5:1 6:1 "

static pome_model *open_or_fail(const char *description, const char *network) {
  pome_model *model = NULL;
  pome_error error;
  if (network_open(description, network, &model, &error) != POME_OK) fail_msg("%s", error.message);
  return model;
}

static text_model make(pome_model *model, const char *device) {
  text_model m = {.model = model, .function = pome_model_find_function(model, NULL)};
  pome_error error;
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = device;
  if (pome_plan_create(m.function, &options, &m.plan, &error) != POME_OK)
    fail_msg("%s", error.message);
  check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
  return m;
}

static void discard(text_model *m) {
  pome_run_free(m->run);
  pome_plan_free(m->plan);
}

/* Gives `in` to x, and wants `out` of y, on both devices. */
static void expect(pome_model *model, const char *in, const char *out) {
  static network_tensor given, wanted;
  static float got[MOST];
  static const char *const devices[] = {"ref", "cpu"};
  network_parse_tensor(in, &given);
  network_parse_tensor(out, &wanted);
  for (int d = 0; d < 2; d++) {
    pome_error error;
    pome_tensor shape;
    text_model m = make(model, devices[d]);
    pome_tensor x = tensor_of(POME_FP32, given.rank, given.shape, given.data);
    if (pome_run_set_tensor(m.run, "x", &x, &error) != POME_OK ||
        pome_run_predict(m.run, NULL, &error) != POME_OK)
      fail_msg("%s", error.message);
    size_t count = mode_result(&m, "y", got, &shape);
    assert_int_equal(shape.rank, wanted.rank);
    assert_memory_equal(shape.shape, wanted.shape, (size_t)wanted.rank * sizeof *wanted.shape);
    check_near("y", devices[d], got, wanted.data, count, 1e-6f);
    discard(&m);
  }
}

static void run_once(const char *description, const char *network, const char *in,
                     const char *out) {
  pome_model *model = open_or_fail(description, network);
  expect(model, in, out);
  pome_model_close(model);
}

/* ---- arrays ---- */

static void arrays_of_the_older_mapping(void **state) {
  (void)state;
  /* The softmax is over the channel, which is all of [C] and the first of [C, H, W]. */
  const char *softmax = LAYER("x", "y", "175:{}");
  run_once(ARRAY(1, "x", "2") ARRAY(10, "y", "2"), softmax, "[2] 1 1", "[2] 0.5 0.5");
  run_once(ARRAY(1, "x", "2 1 2") ARRAY(10, "y", ""), softmax, "[2,1,2] 3 3 3 3",
           "[2,1,2] 0.5 0.5 0.5 0.5");
  /* A declared shape is given to what has as many elements. */
  const char *sum = LAYER("x", "y", "280:{1:0 3:2}");
  run_once(ARRAY(1, "x", "2 1 2") ARRAY(10, "y", "1 2"), sum, "[2,1,2] 1 2 3 4", "[1,2] 4 6");
  run_once(ARRAY(1, "x", "3") ARRAY(10, "y", "1"), sum, "[3] 1 2 3", "[1] 6");
}

static void sequences_of_the_older_mapping(void **state) {
  (void)state;
  const char *network = LAYER("x", "y",
                              "400:{1:1 2:1 10:{30:{}} 15:1 30:{1:F[0]} 31:{1:F[0]} 20:1 "
                              "32:{1:F[0.5]}}");
  pome_model *model = open_or_fail(ARRAY(1, "x", "1") ARRAY(10, "y", "1"), network);
  expect(model, "[3,1,1] 1 2 3", "[3,1,1,1,1] 0.46211716 0.46211716 0.46211716");
  expect(model, "[1] 1", "[1,1,1,1,1] 0.46211716");
  text_model m = make(model, "cpu");
  float batch[2] = {1, 2};
  const int64_t shape[] = {1, 2, 1};
  pome_tensor x = tensor_of(POME_FP32, 3, shape, batch);
  pome_error error;
  assert_int_equal(pome_run_set_tensor(m.run, "x", &x, &error), POME_INPUT);
  discard(&m);
  pome_model_close(model);
}

static void exact_arrays(void **state) {
  (void)state;
  run_once(ARRAY(1, "x", "2 3") ARRAY(10, "y", ""), EXACT LAYER("x", "y", "1270:{3:1}"),
           "[2,3] 1 2 3 4 5 6", "[1] 21");
  /* A number that a slice left is joined as a vector of one. */
  run_once(
      ARRAY(1, "x", "2") ARRAY(10, "y", ""),
      EXACT LAYER(
          "x", "s",
          "995:{1:[1] 2:[0] 3:[2] 4:[0] 5:[1] 6:[1]}") "1:{1:\"y\" 2:\"s\" 2:\"x\" 3:\"y\" 980:{}}",
      "[2] 5 7", "[3] 7 5 7");
  /* A range of sizes: 1 to 4 rows. */
  const char *range = "1:{1:\"x\" 3:{5:{1:[2 2] 2:65568 31:{1:{1:1 2:4} 1:{1:2 2:2}}}}} ";
  char description[400];
  snprintf(description, sizeof description, "%s%s", range, ARRAY(10, "y", ""));
  pome_model *model =
      open_or_fail(description, EXACT LAYER("x", "y", "140:{1:2 2:1 20:{1:F[1 10]}}"));
  expect(model, "[1,2] 1 2", "[1,1] 21");
  expect(model, "[3,2] 1 2 3 4 5 6", "[3,1] 21 43 65");
  pome_model_close(model);
}

static void types_of_outputs(void **state) {
  (void)state;
  pome_model *model = open_or_fail(ARRAY(1, "x", "3") "10:{1:\"y\" 3:{5:{2:131104}}}",
                                   EXACT LAYER("x", "y", "1025:{}"));
  expect(model, "[3] 1 7 2", "[1] 1");
  text_model m = make(model, "cpu");
  float data[] = {5, 1, 2};
  pome_tensor x = vector_of(POME_FP32, 3, data), y;
  pome_error error;
  check_ok(pome_run_set_tensor(m.run, "x", &x, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(m.run, "y", &y, &error), &error);
  assert_int_equal(y.dtype, POME_INT32);
  discard(&m);
  pome_model_close(model);
}

static void doubles_are_given(void **state) {
  (void)state;
  pome_model *model = open_or_fail(ARRAY(1, "x", "2") "10:{1:\"y\" 3:{5:{1:[2] 2:65600}}}",
                                   EXACT LAYER("x", "y", "230:{1:f1}"));
  text_model m = make(model, "cpu");
  double data[] = {5, 1.5};
  pome_tensor x = vector_of(POME_FP64, 2, data), y;
  pome_error error;
  check_ok(pome_run_set_tensor(m.run, "x", &x, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(m.run, "y", &y, &error), &error);
  assert_int_equal(y.dtype, POME_FP64);
  assert_true(((double *)y.data)[1] == 2.5);
  discard(&m);
  pome_model_close(model);
}

static void optional_inputs(void **state) {
  (void)state;
  pome_model *model = open_or_fail(
      ARRAY(1, "x", "2") "1:{1:\"z\" 3:{5:{1:[2] 2:65568} 1000:1}} "
                         "1:{1:\"w\" 3:{5:{1:[2] 2:65568 51:f3} 1000:1}} " ARRAY(10, "y", ""),
      EXACT "1:{2:\"x\" 2:\"z\" 2:\"w\" 3:\"y\" 230:{}}");
  expect(model, "[2] 1 2", "[2] 4 5");
  pome_model_close(model);
}

/* ---- images ---- */

static void expect_image(const char *color, const char *network, const char *out) {
  static network_tensor wanted;
  static float got[MOST];
  char description[300];
  snprintf(description, sizeof description, "1:{1:\"x\" 3:{4:{1:1 2:1 3:%s}}} %s", color,
           ARRAY(10, "y", ""));
  network_parse_tensor(out, &wanted);
  pome_model *model = open_or_fail(description, network);
  text_model m = make(model, "cpu");
  const bool gray = strcmp(color, "10") == 0;
  uint8_t pixel[] = {10, 20, 30};
  const int64_t dims[] = {1, 1, 3};
  pome_tensor pixels = tensor_of(POME_UINT8, gray ? 2 : 3, dims, pixel), shape;
  pome_value *image;
  pome_error error;
  check_ok(
      pome_value_from_image(&pixels, gray ? POME_COLOR_GRAY : POME_COLOR_RGB, NULL, &image, &error),
      &error);
  check_ok(pome_run_set_value(m.run, "x", image, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  size_t count = mode_result(&m, "y", got, &shape);
  assert_int_equal(shape.rank, wanted.rank);
  check_near("image", color, got, wanted.data, count, 1e-6f);
  pome_value_free(image);
  discard(&m);
  pome_model_close(model);
}

#define COPY LAYER("x", "y", "130:{5:{1:f1}}")

static void images_are_preprocessed(void **state) {
  (void)state;
  const char *scaled = "2:{1:\"x\" 10:{10:f2 20:f1 21:f2 22:f3 30:f4}} ";
  char network[400];
  snprintf(network, sizeof network, "%s%s%s", EXACT, scaled, COPY);
  expect_image("20", network, "[1,3,1,1] 23 42 61");
  expect_image("30", network, "[1,3,1,1] 61 42 23");
  expect_image("10", network, "[1,1,1,1] 24");
  expect_image("20", "2:{1:\"x\" 11:{1:F[1 2 3]}} " EXACT COPY, "[1,3,1,1] 9 18 27");
  /* The older mapping; preprocessing without a name is for the first image. */
  expect_image("20", "2:{10:{10:f1 22:f5}} " COPY, "[3] 15 20 30");
}

/* ---- classifiers ---- */

static void check_label(const char *labels, const char *type, bool text) {
  char description[400], network[400];
  snprintf(description, sizeof description,
           "%s10:{1:\"label\" 3:{%s:{}}} 10:{1:\"p\" 3:{6:{%s:{}}}} 11:\"label\" 12:\"p\"",
           ARRAY(1, "x", "3"), type, text ? "2" : "1");
  snprintf(network, sizeof network, "%s%s200:\"s\"", LAYER("x", "s", "175:{}"), labels);
  wire message = {NULL, 0, 0};
  wire_uint(&message, 1, 1);
  wire_message(&message, 2, network_message(description));
  wire_message(&message, 403, network_message(network));
  pome_model *model;
  pome_error error;
  if (pome_model_open_memory(message.data, message.size, NULL, 0, NULL, &model, &error) != POME_OK)
    fail_msg("%s", error.message);
  text_model m = make(model, "cpu");
  float data[] = {1, 9, 2};
  pome_tensor x = vector_of(POME_FP32, 3, data), label;
  check_ok(pome_run_set_tensor(m.run, "x", &x, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(m.run, "label", &label, &error), &error);
  if (text) assert_memory_equal(((pome_string *)label.data)->data, "b", 1);
  else assert_int_equal(*(int64_t *)label.data, -7);
  discard(&m);
  pome_model_close(model);
  wire_free(&message);
}

static void labels_are_predicted(void **state) {
  (void)state;
  check_label("100:{1:\"a\" 1:\"b\" 1:\"c\"} ", "3", true);
  check_label("101:{1:[4 m7 2]} ", "1", false);
}

/* ---- control flow ---- */

#define ADD_1_TO_X LAYER("x", "n", "230:{1:f1}") LAYER("n", "x", "600:{}")
#define IN_OUT     ARRAY(1, "x", "2") ARRAY(10, "y", "")

static void loops(void **state) {
  (void)state;
  run_once(IN_OUT, EXACT "1:{615:{1:5 4:{" ADD_1_TO_X "}}} " LAYER("x", "y", "600:{}"), "[2] 1 2",
           "[2] 6 7");
  /* While the sum is below 10, at most three times. */
  const char *test = LAYER("x", "s", "1270:{3:1}") LAYER("s", "c", "825:{2:f10}");
  char network[1000];
  snprintf(network, sizeof network, "%s1:{615:{2:\"c\" 3:{%s} 4:{%s}}} %s", EXACT, test, ADD_1_TO_X,
           LAYER("x", "y", "600:{}"));
  run_once(IN_OUT, network, "[2] 1 2", "[2] 5 6");
  snprintf(network, sizeof network, "%s1:{615:{1:3 2:\"c\" 3:{%s} 4:{%s}}} %s", EXACT, test,
           ADD_1_TO_X, LAYER("x", "y", "600:{}"));
  run_once(IN_OUT, network, "[2] 1 2", "[2] 4 5");
  run_once(IN_OUT, network, "[2] 5 6", "[2] 5 6");
  /* What grows has an open size; one loop in another. */
  const char *twice = "1:{2:\"x\" 2:\"x\" 3:\"g\" 980:{}} " LAYER("g", "x", "600:{}");
  snprintf(network, sizeof network, "%s1:{615:{1:2 4:{1:{615:{1:1 4:{%s}}}}}} %s", EXACT, twice,
           LAYER("x", "y", "1270:{3:1}"));
  run_once(IN_OUT, network, "[2] 1 2", "[1] 12");
}

/* Adds 1, and doubles unless the sum is above 10: then it leaves the turn, or the loop. */
static void turns_are_left(void **state) {
  (void)state;
  static const char *const leave[] = {"620", "625"};
  static const char *const results[] = {"[2] 11 11", "[2] 12 12"};
  for (int i = 0; i < 2; i++) {
    char network[1000];
    snprintf(network, sizeof network,
             "%s1:{615:{1:4 4:{%s%s1:{2:\"p\" 605:{1:{1:{%s:{}}}}} %s}}} %s", EXACT, ADD_1_TO_X,
             LAYER("x", "s", "1270:{3:1}") LAYER("s", "p", "830:{2:f10}"), leave[i],
             LAYER("x", "m", "231:{1:f2}") LAYER("m", "x", "600:{}"), LAYER("x", "y", "600:{}"));
    run_once(IN_OUT, network, "[2] 1 1", results[i]);
  }
  /* In the inner of two loops; what follows a break that always happens is not reached. */
  run_once(IN_OUT,
           EXACT "1:{615:{1:2 4:{1:{615:{1:5 4:{" ADD_1_TO_X
                 "1:{620:{}} 1:{500:{}}}}}}}} " LAYER("x", "y", "600:{}"),
           "[2] 1 2", "[2] 3 4");
  /* A break of the inner loop leaves the rest of the outer one's turn alone. */
  run_once(IN_OUT,
           EXACT
           "1:{615:{1:2 4:{1:{615:{1:5 4:{1:{620:{}}}}} " ADD_1_TO_X LAYER("x", "s", "1270:{3:1}")
               LAYER("s", "p", "830:{2:f100}") "1:{2:\"p\" 605:{1:{1:{625:{}}}}} " ADD_1_TO_X
                                               "}}} " LAYER("x", "y", "600:{}"),
           "[2] 1 2", "[2] 5 6");
}

static void branches(void **state) {
  (void)state;
  const char *head = EXACT LAYER("x", "p", "1270:{3:1}");
  char network[1000];
  snprintf(network, sizeof network, "%s1:{2:\"p\" 605:{1:{%s} 2:{%s}}}", head,
           LAYER("x", "y", "230:{1:f1}"), LAYER("x", "y", "231:{1:f2}"));
  run_once(IN_OUT, network, "[2] 1 2", "[2] 2 3");
  run_once(IN_OUT, network, "[2] 1 -1", "[2] 2 -2");
  /* Without the other side, what was there before stays. */
  snprintf(network, sizeof network, "%s1:{2:\"p\" 605:{1:{%s}}} %s", head, ADD_1_TO_X,
           LAYER("x", "y", "600:{}"));
  run_once(IN_OUT, network, "[2] 1 2", "[2] 2 3");
  run_once(IN_OUT, network, "[2] 1 -1", "[2] 1 -1");
}

/* ---- pipelines ---- */

static void networks_in_pipelines(void **state) {
  (void)state;
  wire network = {NULL, 0, 0};
  wire_uint(&network, 1, 4);
  wire_message(&network, 2, network_message(ARRAY(1, "h", "2") ARRAY(10, "y", "2")));
  wire_message(&network, 500, network_message(EXACT LAYER("h", "y", "231:{1:f3}")));
  wire stages[] = {adding_model("x", "h", NULL), network};
  pome_model *model;
  pome_error error;
  if (open_model(pipeline_model(202, "x", "y", stages, NULL, 2), NULL, NULL, &model, &error) !=
      POME_OK)
    fail_msg("%s", error.message);
  expect(model, "[2] 1 2", "[2] 6 12");
  pome_model_close(model);
}

/* ---- what is refused ---- */

static void refused_layers_are_named(void **state) {
  (void)state;
  static const char *const layers[] = {"500:{}", "1999:{}"};
  static const char *const names[] = {"custom", "an unknown type"};
  for (int i = 0; i < 2; i++) {
    char network[300];
    snprintf(network, sizeof network, "%s1:{1:\"odd one\" 2:\"x\" 3:\"y\" %s}", EXACT, layers[i]);
    pome_model *model = open_or_fail(IN_OUT, network);
    const pome_function *function = pome_model_find_function(model, NULL);
    assert_int_equal(pome_function_op_type_count(function), 1);
    assert_string_equal(pome_function_op_type(function, 0).type, names[i]);
    assert_non_null(pome_function_op_type(function, 0).unsupported);
    pome_plan *plan;
    pome_error error;
    assert_int_equal(pome_plan_create(function, NULL, &plan, &error), POME_UNSUPPORTED);
    assert_non_null(strstr(error.message, "odd one"));
    pome_model_close(model);
  }
}

static void broken_networks(void **state) {
  (void)state;
  static const struct {
    const char *network, *message;
  } cases[] = {
      {LAYER("h", "y", "130:{10:{}}"), "its input \"h\" is not defined before it"},
      {LAYER("x", "h", "130:{10:{}}"), "no layer gives the output \"y\""},
      {LAYER("x", "y", "140:{1:2 2:1}"), "it has no weights"},
      {LAYER("x", "y", "140:{1:2 2:1 20:{1:F[1]}}"),
       "has 1 numbers; its other parameters ask for 2"},
      {LAYER("x", "y", "140:{1:2 2:1 20:{30:x00 40:{1:8}}}"), "has 1 bytes"},
      {LAYER("x", "y", "140:{1:2 2:1 20:{30:x0000 40:{1:8 102:{1:F[1]}}}}"), "lookup table has 1"},
      {LAYER("x", "y", "140:{1:3 2:1 20:{1:F[1 2 3]}}"), "the last dimension of x is 2"},
      {LAYER("x", "y", "130:5"), "activation"},
      {LAYER("x", "y", "985:{1:[1 0 2]}"), "3 axes for an input of rank 1"},
      {LAYER("x", "y", "140:{1:9223372036854775807 2:9223372036854775807 20:{}}"), "sizes must be"},
      {LAYER("x", "e", "1125:{1:[0]}") LAYER("e", "y", "1040:{1:1048576 2:1048576 20:{1:F[1]}}"),
       "has 1 numbers; its other parameters ask for 1099511627776"},
      {LAYER("x", "e", "1125:{1:[0 2 3 4]}")
           LAYER("e", "y", "400:{1:16777216 2:16384 10:{30:{}} 30:{1:F[1]}}"),
       "has 1 numbers; its other parameters ask for 274877906944"},
      {LAYER("x", "e", "1125:{1:[0]}") LAYER("e", "y", "1320:{1:m9223372036854775807}"),
       "diagonal -9223372036854775807"},
      {LAYER("x", "e", "1125:{1:[0]}") LAYER("e", "y", "190:{1:{10:{2:4294967296}}}"),
       "a border of 4294967296"},
      {LAYER("x", "y", "615:{}"), "it has no body"},
      {"1:{2:\"x\" 3:\"\" 130:{}}", "has no name"},
      {"1:{130:{10:{}}}", "input 0 is missing"},
      {"1:{620:{}}", "it stands in no loop"},
      {"1:5", "a layer"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char network[500];
    pome_model *model = NULL;
    pome_error error;
    snprintf(network, sizeof network, "%s%s", EXACT, cases[i].network);
    pome_status status = network_open(IN_OUT, network, &model, &error);
    if (status != POME_INPUT || strstr(error.message, cases[i].message) == NULL)
      fail_msg("%s: status %d, \"%s\"", cases[i].network, (int)status, error.message);
  }
}

static void nested_without_end(void **state) {
  (void)state;
  char network[8000] = LAYER("x", "y", "130:{10:{}}");
  for (int i = 0; i < 12; i++) {
    static char inner[8000];
    memcpy(inner, network, sizeof inner);
    snprintf(network, sizeof network, "1:{615:{1:2 4:{%.7000s}}} ", inner);
  }
  pome_model *model = NULL;
  pome_error error;
  char whole[8100];
  snprintf(whole, sizeof whole, "%s%s", EXACT, network);
  check_ok(network_open(IN_OUT, whole, &model, &error), &error);
  pome_plan *plan;
  const pome_function *function = pome_model_find_function(model, NULL);
  assert_int_equal(pome_plan_create(function, NULL, &plan, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "nested more than"));
  pome_model_close(model);
}

static void nested_again_and_again(void **state) {
  (void)state;
  static char network[24000] = EXACT;
  const char *turn = "1:{2:\"x\" 3:\"x\" 600:{}} ";
  for (int i = 0; i < 8; i++) strcat(network, "1:{615:{1:2 4:{");
  for (int i = 0; i < 600; i++) strcat(network, turn);
  for (int i = 0; i < 8; i++) strcat(network, "}}} ");
  pome_model *model = NULL;
  pome_error error;
  check_ok(network_open(IN_OUT, network, &model, &error), &error);
  pome_plan *plan;
  const pome_function *function = pome_model_find_function(model, NULL);
  assert_int_equal(pome_plan_create(function, NULL, &plan, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "more than 131072 layers"));
  pome_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arrays_of_the_older_mapping),
      cmocka_unit_test(sequences_of_the_older_mapping),
      cmocka_unit_test(exact_arrays),
      cmocka_unit_test(types_of_outputs),
      cmocka_unit_test(doubles_are_given),
      cmocka_unit_test(optional_inputs),
      cmocka_unit_test(images_are_preprocessed),
      cmocka_unit_test(labels_are_predicted),
      cmocka_unit_test(loops),
      cmocka_unit_test(turns_are_left),
      cmocka_unit_test(branches),
      cmocka_unit_test(networks_in_pipelines),
      cmocka_unit_test(refused_layers_are_named),
      cmocka_unit_test(broken_networks),
      cmocka_unit_test(nested_without_end),
      cmocka_unit_test(nested_again_and_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
