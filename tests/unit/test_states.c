/* States in place: the cpu backend must answer as the interpreter does whether it aliases the state
 * or copies, and it must alias where that is allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/cpu.h"
#include "runtime/runtime.h"
#include "text_model.h"

#define STATE "state<tensor<fp16, [2, 4]>> s"
#define CONSTANTS                                                                                  \
  "tensor<int32, [2]> b0 = const()[name = string(\"b0\"), val = tensor<int32, [2]>([0, 0])];"      \
  "tensor<int32, [2]> e0 = const()[name = string(\"e0\"), val = tensor<int32, [2]>([1, 4])];"      \
  "tensor<int32, [2]> b1 = const()[name = string(\"b1\"), val = tensor<int32, [2]>([1, 1])];"      \
  "tensor<int32, [2]> e1 = const()[name = string(\"e1\"), val = tensor<int32, [2]>([2, 3])];"

/* Each program takes x [1, 4] and z [1, 2] and answers y; `in_place` is how many slice_updates may
 * write into the state, `aliases` how many reads may be the state's own memory. */
typedef struct program {
  const char *what, *body;
  size_t in_place, aliases;
} program;

static const program programs[] = {
    {"read, update, write, read: all in place",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> q = read_state(input = s)[name = string(\"q\")];"
     "tensor<fp16, [2, 4]> y = add(x = q, y = q)[name = string(\"y\")];",
     1, 2},
    {"two layers of one state, one after the other",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> q = read_state(input = s)[name = string(\"q\")];"
     "tensor<fp16, [2, 4]> v = slice_update(x = q, update = z, begin = b1, end = e1)[name = "
     "string(\"v\")];"
     "write_state(data = v, input = s)[name = string(\"w2\")];"
     "tensor<fp16, [2, 4]> p = read_state(input = s)[name = string(\"p\")];"
     "tensor<fp16, [2, 4]> y = mul(x = p, y = p)[name = string(\"y\")];",
     2, 3},
    {"the updated value itself is used after the write",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> y = add(x = u, y = u)[name = string(\"y\")];",
     1, 1},
    {"the old value is needed after the write: copied",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> y = sub(x = u, y = r)[name = string(\"y\")];",
     0, 0},
    {"an earlier read is needed after the write: that one is copied",
     "tensor<fp16, [2, 4]> o = read_state(input = s)[name = string(\"o\")];"
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> q = read_state(input = s)[name = string(\"q\")];"
     "tensor<fp16, [2, 4]> y = sub(x = q, y = o)[name = string(\"y\")];",
     1, 2},
    {"the state is read between update and write: the update copies",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "tensor<fp16, [2, 4]> q = read_state(input = s)[name = string(\"q\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> y = sub(x = u, y = q)[name = string(\"y\")];",
     0, 1},
    {"an update that is never written",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "tensor<fp16, [2, 4]> q = read_state(input = s)[name = string(\"q\")];"
     "tensor<fp16, [2, 4]> y = sub(x = u, y = q)[name = string(\"y\")];",
     0, 2},
    {"what was read leaves as the result: copied",
     "tensor<fp16, [2, 4]> y = read_state(input = s)[name = string(\"y\")];"
     "tensor<fp16, [2, 4]> u = slice_update(x = y, update = x, begin = b0, end = e0)[name = "
     "string(\"u\")];"
     "write_state(data = u, input = s)[name = string(\"w\")];",
     0, 0},
    {"the state is written with something else altogether",
     "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
     "tensor<fp16, [2, 4]> d = add(x = r, y = x)[name = string(\"d\")];"
     "write_state(data = d, input = s)[name = string(\"w\")];"
     "tensor<fp16, [2, 4]> y = read_state(input = s)[name = string(\"y\")];",
     0, 1},
};

static text_model make(const program *p, const char *device) {
  char text[4096];
  snprintf(text, sizeof text,
           "func main<ios18>(tensor<fp16, [1, 4]> x, tensor<fp16, [1, 2]> z, " STATE
           ") { " CONSTANTS "%s } -> (y);",
           p->body);
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = device;
  return make_text_model(text, &options, NULL);
}

/* Three predictions on one state; y and the state after each go to `out`. */
static void run_program(const program *p, const char *device, float out[3][2][8]) {
  text_model m = make(p, device);
  pome_error error;
  pome_state *state;
  check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
  for (int step = 0; step < 3; step++) {
    float x[4] = {1.0f + (float)step, 2, -3, 4.5f}, z[2] = {-1, 10.0f * (float)step};
    pome_tensor tx = tensor_of(POME_FP32, 2, (int64_t[]){1, 4}, x),
                tz = tensor_of(POME_FP32, 2, (int64_t[]){1, 2}, z), y, s;
    check_ok(pome_run_set_tensor(m.run, "x", &tx, &error), &error);
    check_ok(pome_run_set_tensor(m.run, "z", &tz, &error), &error);
    check_ok(pome_run_predict(m.run, state, &error), &error);
    check_ok(pome_run_get_tensor(m.run, "y", &y, &error), &error);
    check_ok(pome_state_read(state, "s", &s, &error), &error);
    pome_tensor ty = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, out[step][0]),
                ts = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, out[step][1]);
    check_ok(pome_tensor_copy(&y, &ty, &error), &error);
    check_ok(pome_tensor_copy(&s, &ts, &error), &error);
  }
  pome_state_free(state);
  free_text_model(&m);
}

static void cpu_answers_as_ref(void **context) {
  (void)context;
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    float ref[3][2][8], cpu[3][2][8];
    run_program(&programs[i], "ref", ref);
    run_program(&programs[i], "cpu", cpu);
    if (memcmp(ref, cpu, sizeof ref) != 0) fail_msg("differs: %s", programs[i].what);
    for (int step = 0; step < 3; step++) {
      if (i == 0) assert_float_equal(ref[step][1][0], 1.0f + (float)step, 0);
    }
  }
}

static void cpu_aliases_where_allowed(void **context) {
  (void)context;
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    text_model m = make(&programs[i], "cpu");
    assert_int_equal(m.plan->plan->subplan_count, 1);
    const pome__cpu_plan *plan = m.plan->plan->subplans[0].prepared;
    size_t in_place = 0, aliases = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
      in_place += plan->steps[s].kind == POME__STEP_UPDATE_STATE;
      aliases += plan->steps[s].kind == POME__STEP_READ_STATE &&
                 plan->locals[plan->steps[s].outputs[0]].storage == POME__STORE_ALIAS;
    }
    if (in_place != programs[i].in_place || aliases != programs[i].aliases) {
      fail_msg("%s: %zu in place (expected %zu), %zu aliased reads (expected %zu)",
               programs[i].what, in_place, programs[i].in_place, aliases, programs[i].aliases);
    }
    free_text_model(&m);
  }
}

static void state_objects(void **context) {
  (void)context;
  text_model m = make(&programs[0], NULL);
  pome_error error;
  pome_state *state, *clone;
  check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
  assert_int_equal(pome_state_count(state), 1);
  assert_int_equal(pome_state_bytes(state), 16);
  assert_string_equal(pome_state_name(state, 0), "s");
  float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  pome_tensor given = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, values), seen;
  check_ok(pome_state_write(state, "s", &given, &error), &error);
  check_ok(pome_state_clone(state, &clone, &error), &error);
  check_ok(pome_state_reset(state, &error), &error);
  check_ok(pome_state_read(state, "s", &seen, &error), &error);
  assert_int_equal(((uint16_t *)seen.data)[7], 0);
  check_ok(pome_state_read(clone, "s", &seen, &error), &error);
  assert_int_equal(((uint16_t *)seen.data)[7], 0x4800); /* 8.0 */
  assert_int_equal(pome_state_read(state, "t", &seen, &error), POME_INPUT);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_USAGE);
  pome_state_free(clone);
  pome_state_free(state);
  free_text_model(&m);
}

typedef struct meddler {
  pome_state *state;
  size_t steps;
} meddler;

/* In the middle of a prediction, on its thread. */
static void meddle(void *context, size_t done, size_t total) {
  meddler *m = context;
  pome_error error = {0};
  pome_state *clone = NULL;
  float values[8] = {9};
  pome_tensor given = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, values);
  (void)total;
  m->steps = done;
  assert_int_equal(pome_state_write(m->state, "s", &given, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "in use"));
  assert_int_equal(pome_state_reset(m->state, &error), POME_USAGE);
  assert_int_equal(pome_state_clone(m->state, &clone, &error), POME_USAGE);
  assert_null(clone);
}

/* A state that a prediction uses is refused to everybody else, and free again afterwards. */
static void a_state_in_use_is_left_alone(void **context) {
  (void)context;
  for (int device = 0; device < 2; device++) {
    meddler m = {NULL, 0};
    pome_run_options run_options;
    pome_plan_options plan_options;
    pome_run_options_init(&run_options);
    pome_plan_options_init(&plan_options);
    plan_options.devices = device == 0 ? "ref" : "cpu";
    run_options.progress = meddle;
    run_options.progress_context = &m;
    text_model t =
        make_text_model("func main<ios18>(" STATE ", tensor<fp16, [2, 4]> x) {"
                        "  write_state(data = x, input = s)[name = string(\"w\")];"
                        "  tensor<fp16, [2, 4]> y = read_state(input = s)[name = string(\"y\")];"
                        "} -> (y);",
                        &plan_options, &run_options);
    pome_error error;
    check_ok(pome_state_create(&t.function, 1, NULL, &m.state, &error), &error);
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, got[8];
    pome_tensor given = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, x), y, state;
    pome_tensor floats = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, got);
    check_ok(pome_run_set_tensor(t.run, "x", &given, &error), &error);
    check_ok(pome_run_predict(t.run, m.state, &error), &error);
    assert_true(m.steps >= 2);
    check_ok(pome_run_get_tensor(t.run, "y", &y, &error), &error);
    check_ok(pome_tensor_copy(&y, &floats, &error), &error);
    assert_memory_equal(got, x, sizeof x);
    check_ok(pome_state_reset(m.state, &error), &error);
    check_ok(pome_state_read(m.state, "s", &state, &error), &error);
    assert_int_equal(((uint16_t *)state.data)[7], 0);
    pome_state_free(m.state);
    free_text_model(&t);
  }
}

/* Where the slice lies, and so how large it is, comes with the inputs: only the prediction can tell
 * that the update does not fit. */
static void an_update_must_fit_its_slice(void **context) {
  (void)context;
  static const char text[] =
      "func main<ios18>(" STATE
      ", tensor<fp16, [1, 4]> x, tensor<int32, [2]> b, tensor<int32, [2]> e) {"
      "tensor<fp16, [2, 4]> r = read_state(input = s)[name = string(\"r\")];"
      "tensor<fp16, [2, 4]> u = slice_update(x = r, update = x, begin = b, end = e)[name = "
      "string(\"u\")];"
      "write_state(data = u, input = s)[name = string(\"w\")];"
      "} -> (u);";
  static const char *const devices[] = {"ref", "cpu"};
  for (int d = 0; d < 2; d++) {
    pome_plan_options options;
    pome_plan_options_init(&options);
    options.devices = devices[d];
    text_model m = make_text_model(text, &options, NULL);
    pome_state *state;
    pome_error error;
    check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
    for (int rows = 2; rows >= 1; rows--) {
      uint16_t numbers[4] = {0};
      int32_t begin[2] = {0, 0}, end[2] = {rows, 4};
      pome_tensor x = tensor_of(POME_FP16, 2, (int64_t[]){1, 4}, numbers),
                  b = vector_of(POME_INT32, 2, begin);
      pome_tensor e = vector_of(POME_INT32, 2, end);
      check_ok(pome_run_set_tensor(m.run, "x", &x, &error), &error);
      check_ok(pome_run_set_tensor(m.run, "b", &b, &error), &error);
      check_ok(pome_run_set_tensor(m.run, "e", &e, &error), &error);
      assert_int_equal(pome_run_predict(m.run, state, &error), rows == 1 ? POME_OK : POME_INPUT);
    }
    pome_state_free(state);
    free_text_model(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cpu_answers_as_ref),
      cmocka_unit_test(cpu_aliases_where_allowed),
      cmocka_unit_test(state_objects),
      cmocka_unit_test(a_state_in_use_is_left_alone),
      cmocka_unit_test(an_update_must_fit_its_slice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
