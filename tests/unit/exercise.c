/* See exercise.h. */
#include "exercise.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "budget.h"
#include "tensor/element.h"

#define MAX_ELEMENTS 65536 /* of a generated input */

static void give_up(const char *what, const pome_error *error) {
  char text[1024] = "";
  if (error != NULL) pome_error_format(error, text, sizeof text);
  fprintf(stderr, "exercise: %s: %s\n", what, text);
  abort();
}

uint64_t exercise_random(uint64_t *state) {
  uint64_t x = *state ? *state : 1;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(exercise *e, uint64_t limit) {
  return exercise_random(&e->random) % limit;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note_time(exercise *e, double start) {
  double took = milliseconds() - start;
  if (took > e->slowest) e->slowest = took;
}

/* A failure is fine, an internal error is not. */
static bool succeeded(pome_status status, const pome_error *error, const char *what) {
  if (status == POME_INTERNAL) give_up(what, error);
  if (status != POME_OK && error->status != status) give_up("status and error differ", error);
  return status == POME_OK;
}

/* ---- a watchdog for one prediction ---- */

typedef struct watchdog {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  pome_run *run;
  struct timespec deadline;
  bool done;
} watchdog;

static void add_milliseconds(struct timespec *time, unsigned more) {
  time->tv_nsec += (long)(more % 1000) * 1000000;
  time->tv_sec += more / 1000 + time->tv_nsec / 1000000000;
  time->tv_nsec %= 1000000000;
}

/* A cancel before the prediction starts is forgotten by it, hence more than one. */
static void *watch(void *context) {
  watchdog *w = context;
  pthread_mutex_lock(&w->mutex);
  while (!w->done) {
    if (pthread_cond_timedwait(&w->ended, &w->mutex, &w->deadline) == 0) continue;
    pome_run_cancel(w->run);
    add_milliseconds(&w->deadline, 5);
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

static pome_status predict_watched(exercise *e, pome_run *run, pome_state *state,
                                   pome_error *error) {
  watchdog w = {.run = run};
  pthread_mutex_init(&w.mutex, NULL);
  pthread_cond_init(&w.ended, NULL);
  clock_gettime(CLOCK_REALTIME, &w.deadline);
  add_milliseconds(&w.deadline, e->milliseconds);
  if (pthread_create(&w.thread, NULL, watch, &w) != 0) give_up("no thread", NULL);
  double start = milliseconds();
  pome_status status = pome_run_predict(run, state, error);
  note_time(e, start);
  pthread_mutex_lock(&w.mutex);
  w.done = true;
  pthread_cond_signal(&w.ended);
  pthread_mutex_unlock(&w.mutex);
  pthread_join(w.thread, NULL);
  pthread_cond_destroy(&w.ended);
  pthread_mutex_destroy(&w.mutex);
  return status;
}

/* ---- inputs ---- */

static int64_t choose_dim(exercise *e, const pome_port *port, int d) {
  if (port->flexibility != POME_SHAPE_RANGE) {
    return port->shape[d] == POME_DIM_UNKNOWN ? (int64_t)below(e, 5) : port->shape[d];
  }
  int64_t low = port->lower[d] < 0 ? 0 : port->lower[d], high = port->upper[d];
  if (high < low || high - low > 7) high = low < INT64_MAX - 7 ? low + 7 : low;
  return low + (int64_t)below(e, (uint64_t)(high - low) + 1);
}

static void choose_shape(exercise *e, const pome_port *port, pome_tensor *tensor) {
  tensor->rank = port->rank < 0 ? (int32_t)below(e, 4) : port->rank;
  if (port->flexibility == POME_SHAPE_ENUMERATED && port->shape_count > 0) {
    const int64_t *shape = port->shapes[below(e, port->shape_count)];
    for (int d = 0; d < tensor->rank; d++) tensor->shape[d] = shape[d];
    return;
  }
  for (int d = 0; d < tensor->rank; d++)
    tensor->shape[d] = port->rank < 0 ? (int64_t)below(e, 5) : choose_dim(e, port, d);
}

static double choose_number(exercise *e) {
  static const double odd[] = {
      0, -0.0, 1, -1, 2, 127, -128, 1e-30, -1e30, 65504, 2147483647.0, -2147483648.0, 9e18, -9e18};
  switch (below(e, 8)) {
  case 0: return odd[below(e, sizeof odd / sizeof odd[0])];
  case 1: return below(e, 2) ? (double)NAN : (double)INFINITY;
  case 2:
  case 3: return (double)below(e, 4);
  default: return (double)(int64_t)below(e, 2001) / 100 - 10;
  }
}

/* One input in memory of exactly its size; freed by the caller. Whole numbers where they must be
 * converted without loss. */
static bool make_input(exercise *e, const pome_port *port, pome_tensor *tensor) {
  pome_dtype dtype = port->dtype == POME_DTYPE_NONE ? POME_FP32 : port->dtype;
  pome_tensor wanted = {0};
  choose_shape(e, port, &wanted);
  if (pome_tensor_init(tensor, dtype, wanted.rank, wanted.shape, NULL, NULL) != POME_OK)
    return false;
  size_t count = pome_tensor_count(tensor), bytes = pome_tensor_bytes(tensor);
  if (count > MAX_ELEMENTS) return false;
  tensor->data = calloc(1, bytes > 0 ? bytes : 1);
  if (tensor->data == NULL) give_up("no memory", NULL);
  bool small = below(e, 2) == 0;
  for (size_t i = 0; i < count; i++) {
    if (dtype == POME_STRING) {
      ((pome_string *)tensor->data)[i] = (pome_string){"text", (size_t)below(e, 5)};
      continue;
    }
    double number = small ? (double)below(e, 4) : choose_number(e);
    pome__store_f64(tensor->data, dtype, (int64_t)i, 1, 1, &number);
  }
  return true;
}

typedef struct inputs {
  pome_tensor *tensors;
  size_t count;
} inputs;

static void free_inputs(inputs *all) {
  for (size_t i = 0; i < all->count; i++) free(all->tensors[i].data);
  free(all->tensors);
}

/* False when an input cannot be given: a port that contradicts its program, or is too large. */
static bool set_inputs(exercise *e, pome_run *run, const pome_function *function, inputs *all) {
  size_t count = pome_function_port_count(function, POME_INPUT_PORT);
  *all = (inputs){calloc(count + 1, sizeof(pome_tensor)), 0};
  if (all->tensors == NULL) give_up("no memory", NULL);
  for (size_t i = 0; i < count; i++) {
    const pome_port *port = pome_function_port(function, POME_INPUT_PORT, i);
    pome_error error = {0};
    if (port->optional && below(e, 2) == 0) continue;
    if (!make_input(e, port, &all->tensors[all->count])) return false;
    pome_status status = pome_run_set_tensor(run, port->name, &all->tensors[all->count++], &error);
    if (!succeeded(status, &error, "setting an input")) return false;
  }
  return true;
}

/* ---- results ---- */

static uint64_t read_all(const void *data, size_t bytes) {
  const unsigned char *at = data;
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes; i++) sum = sum * 31 + at[i];
  return sum;
}

static volatile uint64_t sink;

static void read_tensor(const pome_tensor *tensor) {
  if (!pome_tensor_is_contiguous(tensor)) give_up("a result is not contiguous", NULL);
  sink += read_all(tensor->data, pome_tensor_bytes(tensor));
  const pome_string *strings = tensor->data;
  for (size_t i = 0; tensor->dtype == POME_STRING && i < pome_tensor_count(tensor); i++)
    sink += read_all(strings[i].data, strings[i].size);
}

static void read_results(const pome_run *run, const pome_function *function) {
  for (size_t i = 0; i < pome_function_port_count(function, POME_OUTPUT_PORT); i++) {
    const pome_port *port = pome_function_port(function, POME_OUTPUT_PORT, i);
    pome_tensor tensor;
    pome_value *value = NULL;
    pome_error error = {0};
    pome_status status = pome_run_get_tensor(run, port->name, &tensor, &error);
    if (!succeeded(status, &error, "a result"))
      give_up("a result that the description promises is missing", &error);
    read_tensor(&tensor);
    if (succeeded(pome_run_get_value(run, port->name, &value, &error), &error,
                  "a result as a value"))
      read_tensor(pome_value_tensor(value));
    pome_value_free(value);
  }
}

/* ---- plans and runs ---- */

static void run_plan(exercise *e, const pome_plan *plan, const pome_function *function,
                     const pome_allocator *allocator) {
  pome_run_options options;
  pome_run_options_init(&options);
  options.allocator = allocator;
  pome_error error = {0};
  pome_state *state = NULL;
  pome_run *run = NULL;
  bool ready = succeeded(pome_run_create(plan, &options, &run, &error), &error, "creating a run") &&
               succeeded(pome_state_create(&function, 1, allocator, &state, &error), &error,
                         "creating a state");
  for (int i = 0; ready && i < e->predictions; i++) {
    inputs all;
    if (set_inputs(e, run, function, &all)) {
      error = (pome_error){0};
      pome_status status = predict_watched(e, run, state, &error);
      e->cancelled += status == POME_CANCELLED;
      if (succeeded(status, &error, "predicting")) {
        read_results(run, function);
        e->predictions_done++;
      } else {
        e->predictions_failed++;
      }
    }
    free_inputs(&all);
  }
  pome_state_free(state);
  pome_run_free(run);
}

static void exercise_plan(exercise *e, const pome_function *function, const char *device,
                          pome_numerics numerics) {
  budget b = budget_unlimited();
  b.ceiling = e->memory;
  pome_allocator allocator = budget_allocator(&b);
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.allocator = &allocator;
  options.devices = device;
  options.numerics = numerics;
  options.threads = 1;
  pome_error error = {0};
  pome_plan *plan = NULL;
  double start = milliseconds();
  pome_status status = pome_plan_create(function, &options, &plan, &error);
  note_time(e, start);
  if (succeeded(status, &error, "planning")) {
    e->plans++;
    run_plan(e, plan, function, &allocator);
    pome_plan_free(plan);
  } else {
    e->refused_plans++;
    if (plan != NULL) give_up("an output was touched on failure", &error);
  }
  if (b.blocks != 0) give_up("memory is left", NULL);
}

void exercise_model(exercise *e, const pome_model *model) {
  for (size_t i = 0; i < pome_model_function_count(model); i++) {
    const pome_function *function = pome_model_function(model, i);
    exercise_plan(e, function, "ref", POME_NUMERICS_STRICT);
    exercise_plan(e, function, "cpu", POME_NUMERICS_STRICT);
    exercise_plan(e, function, "cpu", POME_NUMERICS_FAST);
    exercise_plan(e, function, "ref", POME_NUMERICS_WIDE);
  }
}
