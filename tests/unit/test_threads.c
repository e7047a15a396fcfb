/* One model and one plan, and many threads that predict at once, each with a run and a state of its
 * own: every result is the one that a single thread gets, bit for bit. Written to run under
 * ThreadSanitizer too (docs/testing.md).
 *
 * The program has what threads could get in each other's way with: a convolution and a product that
 * are shared out to the pool, a state that is changed in place, control flow and lists on the
 * interpreter, and random numbers. Plans ask for one thread or for four, of which one prediction at
 * a time gets the pool's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

#define THREADS     8
#define PREDICTIONS 4
#define CHANNELS    16
#define SIDE        16
#define PIXELS      (CHANNELS * SIDE * SIDE)
#define RESULTS     (2 * CHANNELS)

/* ---- the program ---- */

static void add(char **at, const char *format, ...) {
  va_list list;
  va_start(list, format);
  *at += vsprintf(*at, format, list);
  va_end(list);
}

/* `count` small numbers as a nested list: a bracket opens before every place that one of `sizes`,
 * ended by 0, divides, and closes behind it. */
static void add_weights(char **at, int count, const int *sizes) {
  unsigned seed = 7;
  for (int i = 0; i < count; i++) {
    seed = seed * 1103515245u + 12345u;
    for (const int *size = sizes; *size > 0; size++) add(at, "%s", i % *size == 0 ? "[" : "");
    add(at, "%g", ((double)(seed >> 20 & 255) - 128) / 1024);
    for (const int *size = sizes; *size > 0; size++)
      add(at, "%s", i % *size == *size - 1 ? "]" : "");
    add(at, "%s", i + 1 < count ? ", " : ")];");
  }
}

/* The convolution has 590 and the product 524 thousand multiply-adds: enough to be shared out. */
static char *program_text(void) {
  char *text = malloc(1 << 20), *at = text;
  assert_non_null(text);
  add(&at,
      "func main<ios18>(state<tensor<fp16, [4, %d]>> s, tensor<fp32, [1, %d, %d, %d]> x, "
      "tensor<int32, []> n) {",
      CHANNELS, CHANNELS, SIDE, SIDE);
  add(&at,
      "tensor<fp32, [%d, %d, 3, 3]> f = const()[name = string(\"f\"), val = tensor<fp32, [%d, "
      "%d, 3, 3]>(",
      CHANNELS, CHANNELS, CHANNELS, CHANNELS);
  add_weights(&at, CHANNELS * CHANNELS * 9,
              (const int[]){CHANNELS * CHANNELS * 9, CHANNELS * 9, 9, 3, 0});
  add(&at,
      "tensor<fp32, [128, %d]> w = const()[name = string(\"w\"), val = tensor<fp32, [128, %d]>(",
      CHANNELS, CHANNELS);
  add_weights(&at, 128 * CHANNELS, (const int[]){128 * CHANNELS, CHANNELS, 0});
  add(&at,
      "tensor<fp32, [1, %d, %d, %d]> c = conv(x = x, weight = f, strides = tensor<int32, [2]>([1, "
      "1]), pad_type = string(\"same\"), pad = tensor<int32, [4]>([0, 0, 0, 0]), dilations = "
      "tensor<int32, [2]>([1, 1]), groups = int32(1))[name = string(\"c\")];",
      CHANNELS, SIDE, SIDE);
  add(&at,
      "tensor<fp32, [1, %d, %d, %d]> t = transpose(x = c, perm = tensor<int32, [4]>([0, 2, 3, "
      "1]))[name = string(\"t\")];",
      SIDE, SIDE, CHANNELS);
  add(&at,
      "tensor<fp32, [1, %d, %d, 128]> l = linear(x = t, weight = w)[name = string(\"l\")];"
      "tensor<fp32, [1, %d, %d, 128]> g = gelu(x = l, mode = string(\"EXACT\"))[name = "
      "string(\"g\")];"
      "tensor<fp32, [1, 128]> m = reduce_mean(x = g, axes = tensor<int32, [2]>([1, 2]), keep_dims "
      "= "
      "bool(false))[name = string(\"m\")];",
      SIDE, SIDE, SIDE, SIDE);
  add(&at,
      "tensor<fp32, [1, %d]> a = slice_by_index(x = m, begin = tensor<int32, [2]>([0, 0]), end = "
      "tensor<int32, [2]>([1, %d]))[name = string(\"a\")];"
      "tensor<fp16, [1, %d]> h = cast(x = a, dtype = string(\"fp16\"))[name = string(\"h\")];",
      CHANNELS, CHANNELS, CHANNELS);
  add(&at,
      "tensor<int32, [1]> n1 = expand_dims(x = n, axes = tensor<int32, [1]>([0]))[name = "
      "string(\"n1\")];"
      "tensor<int32, [2]> b = concat(values = (n1, tensor<int32, [1]>([0])), axis = int32(0), "
      "interleave = bool(false))[name = string(\"b\")];"
      "tensor<int32, [1]> n2 = add(x = n1, y = int32(1))[name = string(\"n2\")];"
      "tensor<int32, [2]> e = concat(values = (n2, tensor<int32, [1]>([%d])), axis = int32(0), "
      "interleave = bool(false))[name = string(\"e\")];",
      CHANNELS);
  add(&at,
      "tensor<fp16, [4, %d]> r = read_state(input = s)[name = string(\"r\")];"
      "tensor<fp16, [4, %d]> u = slice_update(x = r, update = h, begin = b, end = e)[name = "
      "string(\"u\")];"
      "write_state(data = u, input = s)[name = string(\"ws\")];"
      "tensor<fp16, [4, %d]> q = read_state(input = s)[name = string(\"q\")];"
      "tensor<fp16, [%d]> y = reduce_sum(x = q, axes = tensor<int32, [1]>([0]), keep_dims = "
      "bool(false))[name = string(\"y\")];",
      CHANNELS, CHANNELS, CHANNELS, CHANNELS);
  add(&at,
      "list<tensor<fp16, [%d]>, 4> p = make_list(init_length = int32(4), dynamic_length = "
      "bool(false), elem_shape = tensor<int32, [1]>([%d]), dtype = string(\"fp16\"))[name = "
      "string(\"p\")];"
      "tensor<int32, []> k, list<tensor<fp16, [%d]>, 4> o = while_loop(loop_vars = (int32(0), p)) {"
      "  block(tensor<int32, []> i, list<tensor<fp16, [%d]>, 4> v) {"
      "    tensor<bool, []> on = less_equal(x = i, y = n)[name = string(\"on\")]; } -> (on);"
      "  block(tensor<int32, []> i, list<tensor<fp16, [%d]>, 4> v) {"
      "    tensor<fp16, []> fi = cast(x = i, dtype = string(\"fp16\"))[name = string(\"fi\")];"
      "    tensor<fp16, [%d]> yi = mul(x = y, y = fi)[name = string(\"yi\")];"
      "    list<tensor<fp16, [%d]>, 4> vn = list_write(ls = v, index = i, value = yi)[name = "
      "string(\"vn\")];"
      "    tensor<int32, []> j = add(x = i, y = int32(1))[name = string(\"j\")]; } -> (j, vn);"
      "}[name = string(\"loop\")];"
      "tensor<fp16, [%d]> z = list_read(ls = o, index = n)[name = string(\"z\")];",
      CHANNELS, CHANNELS, CHANNELS, CHANNELS, CHANNELS, CHANNELS, CHANNELS, CHANNELS);
  add(&at,
      "tensor<fp32, [8]> seeded = random_uniform(shape = tensor<int32, [1]>([8]), low = fp32(0), "
      "high = fp32(1), seed = int32(3))[name = string(\"seeded\")];"
      "tensor<fp32, [8]> free = random_uniform(shape = tensor<int32, [1]>([8]), low = fp32(0), "
      "high = fp32(1))[name = string(\"free\")];} -> (y, z, seeded, free);");
  return text;
}

/* ---- threads ---- */

typedef struct crowd {
  const pome_plan *plan;
  const pome_function *function;
  float (*want)[PREDICTIONS][RESULTS]; /* of each thread's inputs */
  atomic_int waiting;
} crowd;

typedef struct member {
  crowd *all;
  int number;
  pthread_t thread;
  float got[PREDICTIONS][RESULTS];
  pome_error error;
  pome_status status;
} member;

static void fill(float *x, int number, int turn) {
  for (int i = 0; i < PIXELS; i++)
    x[i] = (float)((i * 37 + number * 101 + turn * 53) % 97 - 48) / 32;
}

static pome_status get(const pome_run *run, const char *name, float *out, pome_error *error) {
  pome_tensor tensor, floats;
  const int64_t count = CHANNELS;
  pome_status status = pome_run_get_tensor(run, name, &tensor, error);
  if (status == POME_OK) status = pome_tensor_init(&floats, POME_FP32, 1, &count, out, error);
  return status == POME_OK ? pome_tensor_copy(&tensor, &floats, error) : status;
}

static pome_status predict(pome_run *run, pome_state *state, int number, int turn, float *out,
                           pome_error *error) {
  static _Thread_local float x[PIXELS];
  static const int64_t shape[4] = {1, CHANNELS, SIDE, SIDE};
  int32_t n = turn % 4;
  pome_tensor image, place;
  fill(x, number, turn);
  pome_status status = pome_tensor_init(&image, POME_FP32, 4, shape, x, error);
  if (status == POME_OK) status = pome_tensor_init(&place, POME_INT32, 0, NULL, &n, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "x", &image, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "n", &place, error);
  if (status == POME_OK) status = pome_run_predict(run, state, error);
  if (status == POME_OK) status = get(run, "y", out, error);
  return status == POME_OK ? get(run, "z", out + CHANNELS, error) : status;
}

/* One thread's whole use of the plan. cmocka's checks are for the main thread only. */
static void *work(void *context) {
  member *m = context;
  pome_run *run = NULL;
  pome_state *state = NULL;
  atomic_fetch_sub(&m->all->waiting, 1);
  while (atomic_load(&m->all->waiting) > 0) sched_yield();
  m->status = pome_run_create(m->all->plan, NULL, &run, &m->error);
  if (m->status == POME_OK)
    m->status = pome_state_create(&m->all->function, 1, NULL, &state, &m->error);
  for (int turn = 0; turn < PREDICTIONS && m->status == POME_OK; turn++)
    m->status = predict(run, state, m->number, turn, m->got[turn], &m->error);
  pome_state_free(state);
  pome_run_free(run);
  return NULL;
}

static void gather(crowd *all, int count) {
  member *members = calloc((size_t)count, sizeof *members);
  assert_non_null(members);
  atomic_store(&all->waiting, count);
  for (int i = 0; i < count; i++) {
    members[i].all = all;
    members[i].number = i;
    assert_int_equal(pthread_create(&members[i].thread, NULL, work, &members[i]), 0);
  }
  for (int i = 0; i < count; i++) assert_int_equal(pthread_join(members[i].thread, NULL), 0);
  for (int i = 0; i < count; i++) {
    check_ok(members[i].status, &members[i].error);
    if (memcmp(members[i].got, all->want[i], sizeof members[i].got) != 0)
      fail_msg("thread %d of %d has other results", i, count);
  }
  free(members);
}

/* What one thread after the other gets. */
static void alone(crowd *all) {
  for (int i = 0; i < THREADS; i++) {
    pome_error error;
    pome_run *run;
    pome_state *state;
    check_ok(pome_run_create(all->plan, NULL, &run, &error), &error);
    check_ok(pome_state_create(&all->function, 1, NULL, &state, &error), &error);
    for (int turn = 0; turn < PREDICTIONS; turn++)
      check_ok(predict(run, state, i, turn, all->want[i][turn], &error), &error);
    pome_state_free(state);
    pome_run_free(run);
  }
}

static void eight_threads_get_what_one_gets(void **state) {
  (void)state;
  static float want[THREADS][PREDICTIONS][RESULTS];
  char *text = program_text();
  pome_model *model = open_text(text);
  free(text);
  for (size_t how = 0; how < 4; how++) {
    for (int threads = 1; threads <= 4; threads += 3) {
      pome_error error;
      pome_plan *plan;
      pome_plan_options options;
      crowd all = {.function = pome_model_find_function(model, NULL), .want = want};
      pome_plan_options_init(&options);
      options.devices = modes[how].device;
      options.numerics = modes[how].numerics;
      options.threads = threads;
      check_ok(pome_plan_create(all.function, &options, &plan, &error), &error);
      all.plan = plan;
      alone(&all);
      gather(&all, THREADS);
      pome_plan_free(plan);
    }
  }
  pome_model_close(model);
}

/* ---- plans, too, are made from one model at once ---- */

typedef struct planner {
  const pome_function *function;
  pthread_t thread;
  pome_status status;
  pome_error error;
  float got[RESULTS];
} planner;

static void *plan_and_predict(void *context) {
  planner *p = context;
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_state *state = NULL;
  p->status = pome_plan_create(p->function, NULL, &plan, &p->error);
  if (p->status == POME_OK) p->status = pome_run_create(plan, NULL, &run, &p->error);
  if (p->status == POME_OK) p->status = pome_state_create(&p->function, 1, NULL, &state, &p->error);
  if (p->status == POME_OK) p->status = predict(run, state, 0, 0, p->got, &p->error);
  pome_state_free(state);
  pome_run_free(run);
  pome_plan_free(plan);
  return NULL;
}

static void plans_are_made_at_once(void **state) {
  (void)state;
  planner planners[THREADS];
  char *text = program_text();
  pome_model *model = open_text(text);
  free(text);
  for (int i = 0; i < THREADS; i++) {
    planners[i].function = pome_model_find_function(model, NULL);
    assert_int_equal(pthread_create(&planners[i].thread, NULL, plan_and_predict, &planners[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(planners[i].thread, NULL), 0);
    check_ok(planners[i].status, &planners[i].error);
    assert_memory_equal(planners[i].got, planners[0].got, sizeof planners[0].got);
  }
  pome_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(eight_threads_get_what_one_gets),
      cmocka_unit_test(plans_are_made_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
