/* Plans and runs through the public interface: sizes that change, nothing allocated during a
 * prediction, cancelling, threads, and what is refused.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "text_model.h"

/* ---- a guard: counts allocations while it is armed ---- */

typedef struct guard {
  bool armed;
  size_t during; /* allocations made while armed */
  size_t live;   /* blocks not yet freed */
} guard;

static void *guard_allocate(void *context, size_t size) {
  guard *g = context;
  g->during += g->armed;
  g->live++;
  return malloc(size ? size : 1);
}

static void *guard_reallocate(void *context, void *pointer, size_t old_size, size_t new_size) {
  guard *g = context;
  (void)old_size;
  g->during += g->armed;
  if (pointer == NULL) g->live++;
  return realloc(pointer, new_size ? new_size : 1);
}

static void guard_free(void *context, void *pointer, size_t size) {
  guard *g = context;
  (void)size;
  if (pointer == NULL) return;
  g->during += g->armed;
  g->live--;
  free(pointer);
}

/* ---- programs ---- */

/* Rows of x are scaled, reshaped by a shape computed from x, and summed: every size follows from
 * x's. */
static const char flexible[] =
    "func main<ios17>(tensor<fp32, [?, 4]> x) {"
    "  tensor<int32, [2]> n = shape(x = x)[name = string(\"n\")];"
    "  tensor<int32, []> zero = const()[name = string(\"zero\"), val = int32(0)];"
    "  tensor<int32, []> ax = const()[name = string(\"ax\"), val = int32(0)];"
    "  tensor<int32, []> bd = const()[name = string(\"bd\"), val = int32(0)];"
    "  tensor<bool, []> vi = const()[name = string(\"vi\"), val = bool(false)];"
    "  tensor<int32, []> rows = gather(x = n, indices = zero, axis = ax, batch_dims = bd, "
    "validate_indices = vi)[name = string(\"rows\")];"
    "  tensor<bool, []> il = const()[name = string(\"il\"), val = bool(false)];"
    "  tensor<int32, [1]> two = const()[name = string(\"two\"), val = tensor<int32, [1]>([2])];"
    "  tensor<int32, [1]> axes = const()[name = string(\"axes\"), val = tensor<int32, [1]>([0])];"
    "  tensor<int32, [1]> rows1 = expand_dims(x = rows, axes = axes)[name = string(\"rows1\")];"
    "  tensor<int32, [3]> s = concat(values = (rows1, two, two), axis = ax, interleave = il)[name "
    "= string(\"s\")];"
    "  tensor<fp32, [?, 2, 2]> r = reshape(x = x, shape = s)[name = string(\"r\")];"
    "  tensor<fp32, [?, 2, 2]> d = add(x = r, y = r)[name = string(\"d\")];"
    "  tensor<fp32, [?, 2, 2]> e = exp(x = d)[name = string(\"e\")];"
    "  tensor<int32, [1]> last = const()[name = string(\"last\"), val = tensor<int32, [1]>([2])];"
    "  tensor<bool, []> keep = const()[name = string(\"keep\"), val = bool(false)];"
    "  tensor<fp32, [?, 2]> y = reduce_sum(x = e, axes = last, keep_dims = keep)[name = "
    "string(\"y\")];"
    "} -> (y);";

static void predict_rows(text_model *m, int64_t rows, float *y, pome_error *error) {
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = 0.01f * (float)i;
  pome_tensor tx = tensor_of(POME_FP32, 2, (int64_t[]){rows, 4}, x), ty;
  check_ok(pome_run_set_tensor(m->run, "x", &tx, error), error);
  check_ok(pome_run_predict(m->run, NULL, error), error);
  check_ok(pome_run_get_tensor(m->run, "y", &ty, error), error);
  assert_int_equal(ty.shape[0], rows);
  assert_int_equal(ty.shape[1], 2);
  memcpy(y, ty.data, (size_t)rows * 2 * sizeof *y);
}

static text_model make(const char *text, const char *device, const pome_allocator *allocator) {
  pome_plan_options plan;
  pome_plan_options_init(&plan);
  plan.devices = device;
  plan.numerics = POME_NUMERICS_STRICT;
  plan.allocator = allocator;
  pome_run_options run;
  pome_run_options_init(&run);
  run.allocator = allocator;
  return make_text_model(text, &plan, &run);
}

static void sizes_change(void **context) {
  (void)context;
  pome_error error;
  text_model cpu = make(flexible, "cpu", NULL), ref = make(flexible, "ref", NULL);
  const int64_t sizes[] = {1, 7, 2, 16, 16, 3};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    float a[32], b[32];
    predict_rows(&cpu, sizes[i], a, &error);
    predict_rows(&ref, sizes[i], b, &error);
    assert_memory_equal(a, b, (size_t)sizes[i] * 2 * sizeof *a);
  }
  free_text_model(&cpu);
  free_text_model(&ref);
}

/* x has no upper bound here: the largest size is met first, then nothing may be taken or given back
 * at any size below. */
static void nothing_is_allocated(void **context) {
  (void)context;
  guard g = {0};
  pome_allocator allocator = {&g, guard_allocate, guard_reallocate, guard_free};
  pome_error error;
  float y[32];
  text_model m = make(flexible, "cpu", &allocator);
  predict_rows(&m, 16, y, &error);
  g.armed = true;
  const int64_t sizes[] = {16, 1, 5, 16, 2};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) predict_rows(&m, sizes[i], y, &error);
  g.armed = false;
  assert_int_equal(g.during, 0);
  free_text_model(&m);
  assert_int_equal(g.live, 0);
}

/* With fixed sizes, the first prediction takes nothing either. */
static void first_prediction_allocates_nothing(void **context) {
  (void)context;
  static const char fixed[] =
      "func main<ios17>(tensor<fp16, [2, 8]> x) {"
      "  tensor<fp16, [8, 8]> w = const()[name = string(\"w\"), val = tensor<fp16, [8, "
      "8]>([[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8],"
      "[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8],["
      "1,2,3,4,5,6,7,8]])];"
      "  tensor<fp16, [8]> b = const()[name = string(\"b\"), val = tensor<fp16, "
      "[8]>([0,1,2,3,4,5,6,7])];"
      "  tensor<fp16, [2, 8]> h = linear(x = x, weight = w, bias = b)[name = string(\"h\")];"
      "  tensor<fp16, [2, 8]> t = tanh(x = h)[name = string(\"t\")];"
      "  tensor<int32, []> a = const()[name = string(\"a\"), val = int32(1)];"
      "  tensor<fp16, [2, 8]> y = softmax(x = t, axis = a)[name = string(\"y\")];"
      "} -> (y);";
  for (int fast = 0; fast < 2; fast++) {
    guard g = {0};
    pome_allocator allocator = {&g, guard_allocate, guard_reallocate, guard_free};
    pome_plan_options plan;
    pome_plan_options_init(&plan);
    plan.devices = "cpu";
    plan.numerics = fast ? POME_NUMERICS_FAST : POME_NUMERICS_STRICT;
    plan.allocator = &allocator;
    pome_run_options run;
    pome_run_options_init(&run);
    run.allocator = &allocator;
    text_model m = make_text_model(fixed, &plan, &run);
    uint16_t x[16] = {0x3c00, 0x4000};
    pome_tensor tx = tensor_of(POME_FP16, 2, (int64_t[]){2, 8}, x), ty;
    pome_error error;
    g.armed = true;
    check_ok(pome_run_set_tensor(m.run, "x", &tx, &error), &error);
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_ok(pome_run_get_tensor(m.run, "y", &ty, &error), &error);
    g.armed = false;
    assert_int_equal(g.during, 0);
    free_text_model(&m);
    assert_int_equal(g.live, 0);
  }
}

/* ---- cancelling ---- */

static const char endless[] =
    "func main<ios17>(tensor<int32, []> n) {"
    "  tensor<int32, []> zero = const()[name = string(\"zero\"), val = int32(0)];"
    "  tensor<int32, []> y = while_loop(loop_vars = (n)) {"
    "    block(tensor<int32, []> i) { tensor<bool, []> go = greater(x = i, y = zero)[name = "
    "string(\"go\")]; } -> (go);"
    "    block(tensor<int32, []> i) { tensor<int32, []> j = add(x = i, y = zero)[name = "
    "string(\"j\")]; } -> (j);"
    "  }[name = string(\"loop\")];"
    "} -> (y);";

static void *cancel_soon(void *run) {
  for (int i = 0; i < 20; i++) {
    usleep(20000);
    pome_run_cancel(run);
  }
  return NULL;
}

static void cancel_from_another_thread(void **context) {
  (void)context;
  text_model m = make(endless, NULL, NULL);
  pome_error error;
  int32_t one = 1, zero = 0;
  pome_tensor n = tensor_of(POME_INT32, 0, NULL, &one), y;
  pthread_t thread;
  check_ok(pome_run_set_tensor(m.run, "n", &n, &error), &error);
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, m.run), 0);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_CANCELLED);
  pthread_join(thread, NULL);
  n.data = &zero;
  check_ok(pome_run_set_tensor(m.run, "n", &n, &error), &error);
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(m.run, "y", &y, &error), &error);
  assert_int_equal(*(int32_t *)y.data, 0);
  free_text_model(&m);
}

static void cancel_at_first_step(void *context, size_t done, size_t total) {
  assert_true(done >= 1 && done <= total);
  pome_run_cancel(*(pome_run **)context);
}

static void cancel_between_steps(void **context) {
  (void)context;
  pome_run *handle = NULL;
  pome_run_options options;
  pome_run_options_init(&options);
  options.progress = cancel_at_first_step;
  options.progress_context = &handle;
  text_model m = make_text_model(flexible, NULL, &options);
  handle = m.run;
  float x[4] = {0};
  pome_tensor tx = tensor_of(POME_FP32, 2, (int64_t[]){1, 4}, x);
  pome_error error;
  check_ok(pome_run_set_tensor(m.run, "x", &tx, &error), &error);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_CANCELLED);
  free_text_model(&m);
}

/* ---- threads ---- */

typedef struct worker {
  const pome_plan *plan;
  float y[32];
} worker;

static void *predict_many(void *context) {
  worker *w = context;
  pome_error error;
  text_model m = {.plan = NULL};
  if (pome_run_create(w->plan, NULL, &m.run, &error) != POME_OK) return context;
  for (int i = 0; i < 50; i++) predict_rows(&m, 16, w->y, &error);
  pome_run_free(m.run);
  return NULL;
}

static void one_plan_many_threads(void **context) {
  (void)context;
  text_model m = make(flexible, "cpu", NULL);
  pome_error error;
  float y[32];
  predict_rows(&m, 16, y, &error);
  worker workers[8];
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) {
    workers[i].plan = m.plan;
    assert_int_equal(pthread_create(&threads[i], NULL, predict_many, &workers[i]), 0);
  }
  for (int i = 0; i < 8; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
    assert_memory_equal(workers[i].y, y, sizeof y);
  }
  free_text_model(&m);
}

/* ---- inputs, results, devices ---- */

static void inputs_are_checked(void **context) {
  (void)context;
  text_model m = make(flexible, NULL, NULL);
  pome_error error;
  double wide[8] = {0.5, 1e300};
  float x[8] = {0};
  pome_tensor good = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, x), y;
  assert_int_equal(pome_run_set_tensor(m.run, "nope", &good, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "the inputs are: x"));
  pome_tensor bad = tensor_of(POME_FP32, 2, (int64_t[]){4, 2}, x);
  assert_int_equal(pome_run_set_tensor(m.run, "x", &bad, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "[4, 2]"));
  pome_tensor string = tensor_of(POME_STRING, 2, (int64_t[]){0, 4}, x);
  assert_int_equal(pome_run_set_tensor(m.run, "x", &string, &error), POME_INPUT);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "missing"));
  assert_int_equal(pome_run_get_tensor(m.run, "y", &y, &error), POME_USAGE);
  pome_tensor doubles =
      tensor_of(POME_FP64, 2, (int64_t[]){2, 4}, wide); /* rounds to infinity: floats may round */
  check_ok(pome_run_set_tensor(m.run, "x", &doubles, &error), &error);
  int32_t whole[8] = {1, 16777217};
  pome_tensor integers = tensor_of(POME_INT32, 2, (int64_t[]){2, 4}, whole);
  assert_int_equal(pome_run_set_tensor(m.run, "x", &integers, &error), POME_INPUT);
  whole[1] = 16777216;
  check_ok(pome_run_set_tensor(m.run, "x", &integers, &error), &error);
  /* Any strides: x as columns of a larger matrix. */
  float matrix[2][6] = {{0, 1, 2, 3, 4, 5}, {6, 7, 8, 9, 10, 11}};
  pome_tensor strided = tensor_of(POME_FP32, 2, (int64_t[]){2, 4}, &matrix[0][1]);
  strided.strides[0] = 6;
  pome_named_tensor in = {"x", strided}, out = {"y", {0}};
  check_ok(pome_predict(m.run, &in, 1, &out, 1, &error), &error);
  assert_int_equal(out.tensor.shape[0], 2);
  free_text_model(&m);
}

/* A double on the way must not hide what is lost: 2^53 + 1 would look exact after it. */
static void wide_integers_are_refused(void **context) {
  (void)context;
  static const char program[] = "func main<ios17>(tensor<fp32, [2]> x) {"
                                "  tensor<fp32, [2]> y = relu(x = x)[name = string(\"y\")];"
                                "} -> (y);";
  static const struct {
    pome_dtype dtype;
    int64_t value;
    const char *shown; /* in the refusal; NULL: taken */
  } cases[] = {
      {POME_INT64, ((int64_t)1 << 53) + 1, "9007199254740993"},
      {POME_INT64, -((int64_t)1 << 53) - 1, "-9007199254740993"},
      {POME_INT64, INT64_MAX, "9223372036854775807"},
      {POME_UINT64, -1, "18446744073709551615"},
      {POME_INT64, 16777217, "16777217"},
      {POME_INT64, (int64_t)1 << 53, NULL},
      {POME_INT64, INT64_MIN, NULL},
      {POME_UINT64, INT64_MIN, NULL},
  };
  text_model m = make(program, "ref", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pome_error error = {0};
    int64_t values[] = {1, cases[i].value};
    pome_tensor x;
    assert_int_equal(pome_tensor_init(&x, cases[i].dtype, 1, (int64_t[]){2}, values, &error), 0);
    pome_status status = pome_run_set_tensor(m.run, "x", &x, &error);
    if (status == POME_OK) status = pome_run_predict(m.run, NULL, &error);
    assert_int_equal(status, cases[i].shown ? POME_INPUT : POME_OK);
    if (cases[i].shown) assert_non_null(strstr(error.message, cases[i].shown));
  }
  free_text_model(&m);
}

static void intermediates_can_be_kept(void **context) {
  (void)context;
  const char *keep[] = {"d"};
  for (int i = 0; i < 2; i++) {
    pome_plan_options options;
    pome_plan_options_init(&options);
    options.devices = i ? "ref" : "cpu";
    options.keep = keep;
    options.keep_count = 1;
    text_model m = make_text_model(flexible, &options, NULL);
    pome_error error;
    float y[8];
    pome_tensor d;
    predict_rows(&m, 3, y, &error);
    check_ok(pome_run_get_tensor(m.run, "d", &d, &error), &error);
    assert_int_equal(d.rank, 3);
    assert_float_equal(((float *)d.data)[11], 2 * 0.11f, 1e-6);
    free_text_model(&m);
  }
}

static void devices_and_chains(void **context) {
  (void)context;
  bool cpu = false, cuda = true;
  for (size_t i = 0; i < pome_device_count(); i++) {
    pome_device device = pome_device_get(i);
    if (strcmp(device.name, "cpu") == 0) cpu = device.available;
    if (strcmp(device.name, "cuda") == 0) cuda = device.available;
    assert_true(device.available || device.reason[0] != '\0');
  }
  assert_true(cpu && !cuda);
  pome_model *model = open_text(flexible);
  const pome_function *function = pome_model_find_function(model, NULL);
  pome_plan_options options;
  pome_plan_options_init(&options);
  pome_error error;
  pome_plan *plan = NULL;
  options.devices = "cuda";
  assert_int_equal(pome_plan_create(function, &options, &plan, &error), POME_UNSUPPORTED);
  options.devices = "gpu";
  assert_int_equal(pome_plan_create(function, &options, &plan, &error), POME_USAGE);
  options.devices = "cuda,ref";
  check_ok(pome_plan_create(function, &options, &plan, &error), &error);
  assert_int_equal(pome_plan_device_count(plan), 2);
  assert_int_equal(pome_plan_device_get(plan, 0).operations, 0);
  assert_true(pome_plan_device_get(plan, 1).operations > 0);
  pome_plan_free(plan);
  options.devices = NULL;
  options.isa = "scalar";
  check_ok(pome_plan_create(function, &options, &plan, &error), &error);
  pome_plan_free(plan);
  options.isa = "sse9";
  assert_int_equal(pome_plan_create(function, &options, &plan, &error), POME_USAGE);
  pome_model_close(model);
}

/* Options are taken by the size that they say they have. */
static void options_are_checked(void **state) {
  (void)state;
  pome_model *model = open_text(flexible);
  const pome_function *function = pome_model_find_function(model, NULL);
  pome_plan *plan = NULL;
  pome_error error = {0};
  struct {
    pome_plan_options known;
    char more[16];
  } newer;
  pome_plan_options_init_sized(&newer.known, sizeof newer);
  assert_int_equal(pome_plan_create(function, &newer.known, &plan, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "options with a size of"));
  pome_plan_options empty;
  memset(&empty, 0, sizeof empty);
  assert_int_equal(pome_plan_create(function, &empty, &plan, &error), POME_USAGE);
  assert_non_null(strstr(error.hint, "_init"));
  pome_plan_options odd;
  pome_plan_options_init(&odd);
  odd.numerics = (pome_numerics)3;
  assert_int_equal(pome_plan_create(function, &odd, &plan, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "numerics 3"));
  assert_null(plan);
  pome_plan_options older; /* a header without devices: what lies there is not touched or read */
  older.devices = "gpu";
  pome_plan_options_init_sized(&older, offsetof(pome_plan_options, devices));
  assert_string_equal(older.devices, "gpu");
  assert_int_equal(older.size, offsetof(pome_plan_options, devices));
  check_ok(pome_plan_create(function, &older, &plan, &error), &error);
  pome_plan_free(plan);
  pome_model_close(model);
}

/* Who asks for a name that is not there is told the names there are. */
static void names_are_told(void **state) {
  (void)state;
  text_model m = make(flexible, "ref", NULL);
  pome_tensor tensor;
  pome_error error = {0};
  assert_int_equal(pome_run_get_tensor(m.run, "z", &tensor, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "the results are: y"));
  pome_state *nothing;
  const pome_function *function = pome_plan_function(m.plan);
  check_ok(pome_state_create(&function, 1, NULL, &nothing, &error), &error);
  assert_int_equal(pome_state_read(nothing, "cache", &tensor, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "the states are: none"));
  pome_state_free(nothing);
  free_text_model(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(names_are_told),
      cmocka_unit_test(sizes_change),
      cmocka_unit_test(nothing_is_allocated),
      cmocka_unit_test(first_prediction_allocates_nothing),
      cmocka_unit_test(cancel_from_another_thread),
      cmocka_unit_test(cancel_between_steps),
      cmocka_unit_test(one_plan_many_threads),
      cmocka_unit_test(inputs_are_checked),
      cmocka_unit_test(wide_integers_are_refused),
      cmocka_unit_test(intermediates_can_be_kept),
      cmocka_unit_test(devices_and_chains),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
