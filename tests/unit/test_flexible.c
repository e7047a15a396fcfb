/* Models whose inputs take more than one size: at every allowed size (all of an enumeration, the
 * corners and random points of ranges) one plan and one run give what the reference gives, without
 * taking memory again; sizes that are not allowed are refused in Core ML's words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "text_model.h"
#include "tiny_model.h"

#define MOST_INPUTS 4
#define VARIABLES   2
#define RANDOM      12 /* sizes besides the corners */

#define ENDS    1u /* enumerated: nothing between low and high */
#define ORDERED 2u /* a is not more than b */
#define STEADY                                                                                     \
  4u /* no size depends on data and no list is made: no memory after the largest size */

/* `inputs`: names and dimensions, where a and b stand for sizes that vary together wherever they
 * are written. */
typedef struct flexible {
  const char *path, *inputs;
  int64_t low[VARIABLES], high[VARIABLES];
  unsigned flags;
} flexible;

#define DTLN "lpb_magnitude=a,1,257;mic_magnitude=a,1,257;states_in=a,2,128,2"
#define LLM  "inputIds=1,a;causalMask=1,1,a,b"
#define OPT  "models/fluidaudio_opt/OptimizationModels/"
#define TINY "llm/tiny_anemll/"

static const flexible models[] = {
    {"zoo/flex_conv_range_ios16_fp16/model.mlpackage",
     "image=1,3,a,b",
     {16, 16},
     {256, 256},
     STEADY},
    {OPT "TransposeEncoder.mlmodelc", "x=1,a,b", {1, 1}, {2048, 2048}, STEADY},
    {"models/dtln_aec_128_p1/DTLN_AEC_128_Part1.mlpackage", DTLN, {1, 1}, {2, 1}, 0},
    {"models/dtln_aec_128_fp16_p1/DTLN_AEC_128_Part1.mlpackage", DTLN, {1, 1}, {2, 1}, 0},
    {TINY "llama_fp16/llama_embeddings.mlpackage", "input_ids=1,a", {1, 1}, {16, 1}, ENDS | STEADY},
    {TINY "llama_lut4/llama_embeddings.mlpackage", "input_ids=1,a", {1, 1}, {16, 1}, ENDS | STEADY},
    {TINY "qwen3_fp16_argmax/qwen_embeddings.mlpackage",
     "input_ids=1,a",
     {1, 1},
     {16, 1},
     ENDS | STEADY},
    {"llm/tiny_apple_stateful/tiny_fp16.mlpackage", LLM, {1, 1}, {64, 64}, ORDERED},
    {"llm/tiny_apple_stateful/tiny_int4.mlpackage", LLM, {1, 1}, {64, 64}, ORDERED},
};

static uint64_t random_state;

static uint64_t random_next(void) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return random_state >> 33;
}

/* ---- inputs ---- */

typedef struct given {
  char name[64];
  pome_tensor tensor;
} given;

static size_t split_inputs(const flexible *model, const int64_t *sizes, given *out) {
  size_t count = 0;
  for (const char *at = model->inputs; *at != '\0'; count++) {
    given *in = &out[count];
    size_t length = strcspn(at, "=");
    int64_t shape[POME_MAX_RANK];
    int rank = 0;
    assert_true(count < MOST_INPUTS);
    snprintf(in->name, sizeof in->name, "%.*s", (int)length, at);
    for (at += length + 1; *at != '\0' && *at != ';'; at += *at == ',') {
      char *end = (char *)at + 1;
      shape[rank++] = *at == 'a' || *at == 'b' ? sizes[*at - 'a'] : strtoll(at, &end, 10);
      at = end;
    }
    at += *at == ';';
    in->tensor = tensor_of(POME_FP32, rank, shape, NULL);
  }
  return count;
}

/* Numbers up to 1, above 0 for those that are magnitudes, or small indices. */
static void fill(const pome_function *function, given *in) {
  size_t count = pome_tensor_count(&in->tensor);
  const pome_port *port = NULL;
  for (size_t i = 0; i < pome_function_port_count(function, POME_INPUT_PORT); i++) {
    const pome_port *p = pome_function_port(function, POME_INPUT_PORT, i);
    if (strcmp(p->name, in->name) == 0) port = p;
  }
  assert_non_null(port);
  bool integer = port->dtype == POME_INT32;
  void *data = calloc(count, 4);
  assert_non_null(data);
  for (size_t i = 0; i < count; i++) {
    if (integer) ((int32_t *)data)[i] = (int32_t)(random_next() % 32);
    else ((float *)data)[i] = (float)(random_next() % 1000 + 1) / 1000.0f;
  }
  in->tensor.data = data;
  in->tensor.dtype = integer ? POME_INT32 : POME_FP32;
}

/* ---- one device ---- */

typedef struct device {
  const char *name;
  pome_numerics numerics;
  pome_plan *plan;
  pome_run *run;
  pome_state *state;
  budget memory; /* of the run */
  pome_allocator allocator;
} device;

static void open_device(device *d, const pome_function *function, const char *name,
                        pome_numerics numerics) {
  pome_error error;
  pome_plan_options plan;
  pome_run_options run;
  pome_plan_options_init(&plan);
  pome_run_options_init(&run);
  *d = (device){.name = name, .numerics = numerics, .memory = budget_unlimited()};
  d->allocator = budget_allocator(&d->memory);
  plan.devices = name;
  plan.numerics = numerics;
  run.allocator = &d->allocator;
  check_ok(pome_plan_create(function, &plan, &d->plan, &error), &error);
  check_ok(pome_run_create(d->plan, &run, &d->run, &error), &error);
  if (pome_function_port_count(function, POME_STATE_PORT) > 0)
    check_ok(pome_state_create(&function, 1, NULL, &d->state, &error), &error);
}

static void close_device(device *d) {
  pome_state_free(d->state);
  pome_run_free(d->run);
  pome_plan_free(d->plan);
  assert_int_equal(d->memory.blocks, 0);
}

static void predict(device *d, const given *inputs, size_t count) {
  pome_error error;
  if (d->state) check_ok(pome_state_reset(d->state, &error), &error);
  for (size_t i = 0; i < count; i++)
    check_ok(pome_run_set_tensor(d->run, inputs[i].name, &inputs[i].tensor, &error), &error);
  check_ok(pome_run_predict(d->run, d->state, &error), &error);
}

/* ---- comparison ---- */

static float *result(const device *d, const char *name, size_t *count) {
  pome_error error;
  pome_tensor tensor;
  check_ok(pome_run_get_tensor(d->run, name, &tensor, &error), &error);
  *count = pome_tensor_count(&tensor);
  float *values = calloc(*count + 1, sizeof *values);
  assert_non_null(values);
  pome_tensor floats = tensor_of(POME_FP32, tensor.rank, tensor.shape, values);
  check_ok(pome_tensor_copy(&tensor, &floats, &error), &error);
  return values;
}

static void compare(const pome_function *function, const device *got, const device *want,
                    const int64_t *sizes) {
  float tolerance = got->numerics == POME_NUMERICS_STRICT ? 1e-5f : 2e-2f;
  for (size_t p = 0; p < pome_function_port_count(function, POME_OUTPUT_PORT); p++) {
    const char *name = pome_function_port(function, POME_OUTPUT_PORT, p)->name;
    size_t count, expected;
    float *a = result(got, name, &count), *b = result(want, name, &expected);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
      if (fabsf(a[i] - b[i]) <= tolerance * (1 + fabsf(b[i]))) continue;
      fail_msg("%s at %lld, %lld: element %zu is %g; %g is expected", name, (long long)sizes[0],
               (long long)sizes[1], i, (double)a[i], (double)b[i]);
    }
    free(a);
    free(b);
  }
}

/* The corners, the largest first, then random points. */
static void choose(const flexible *model, int step, int64_t *sizes) {
  for (int v = 0; v < VARIABLES; v++) {
    int64_t span = model->high[v] - model->low[v] + 1;
    bool random = step >= 1 << VARIABLES && !(model->flags & ENDS);
    sizes[v] = (step >> v & 1) == 0 ? model->high[v] : model->low[v];
    if (random) sizes[v] = model->low[v] + (int64_t)(random_next() % (uint64_t)span);
  }
  if ((model->flags & ORDERED) && sizes[0] > sizes[1]) sizes[0] = sizes[1];
}

static pome_model *open_shared(const flexible *model, const pome_function **function) {
  char path[1024];
  pome_model *opened;
  pome_error error;
  snprintf(path, sizeof path, "%s/%s", tiny_shared(), model->path);
  check_ok(pome_model_open(path, NULL, &opened, &error), &error);
  *function = pome_model_find_function(opened, NULL);
  return opened;
}

static void check_sizes(const flexible *model) {
  const pome_function *function;
  pome_model *opened = open_shared(model, &function);
  device devices[3];
  open_device(&devices[0], function, "ref", POME_NUMERICS_STRICT);
  open_device(&devices[1], function, "cpu", POME_NUMERICS_STRICT);
  open_device(&devices[2], function, "cpu", POME_NUMERICS_FAST);
  int steps = (1 << VARIABLES) + (model->flags & ENDS ? 0 : RANDOM);
  for (int step = 0; step < steps; step++) {
    int64_t sizes[VARIABLES];
    given inputs[MOST_INPUTS];
    choose(model, step, sizes);
    size_t count = split_inputs(model, sizes, inputs);
    for (size_t i = 0; i < count; i++) fill(function, &inputs[i]);
    for (int d = 0; d < 3; d++) {
      devices[d].memory.armed = step > 0;
      predict(&devices[d], inputs, count);
      devices[d].memory.armed = false;
      if ((model->flags & STEADY) && d > 0) assert_int_equal(devices[d].memory.during, 0);
      if (d > 0) compare(function, &devices[d], &devices[0], sizes);
    }
    for (size_t i = 0; i < count; i++) free(inputs[i].tensor.data);
  }
  print_message("%s: %d sizes\n", model->path, steps);
  for (int d = 0; d < 3; d++) close_device(&devices[d]);
  pome_model_close(opened);
}

static void every_size_through_one_run(void **state) {
  (void)state;
  if (!tiny_shared()) skip();
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) check_sizes(&models[i]);
}

/* ---- refusals ---- */

static const struct refusal {
  size_t model;
  int64_t sizes[VARIABLES];
  const char *message;
} refusals[] = {
    {0, {15, 16}, "Size (15) of dimension (2) is not in allowed range (16..256)"},
    {0, {16, 257}, "Size (257) of dimension (3) is not in allowed range (16..256)"},
    {1, {2049, 1}, "Size (2049) of dimension (1) is not in allowed range (1..2048)"},
    {1, {1, 0}, "Size (0) of dimension (2) is not in allowed range (1..2048)"},
    {2, {3, 1}, "Size (3) of dimension (0) is not in allowed range (1..2)"},
    {4, {2, 1}, "MultiArray Shape (1 x 2) was not in enumerated set of allowed shapes"},
    {5, {17, 1}, "MultiArray Shape (1 x 17) was not in enumerated set of allowed shapes"},
    {6, {15, 1}, "MultiArray Shape (1 x 15) was not in enumerated set of allowed shapes"},
    {7, {65, 65}, "Size (65) of dimension (1) is not in allowed range (1..64)"},
};

static void other_sizes_are_refused(void **state) {
  (void)state;
  if (!tiny_shared()) skip();
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    const flexible *model = &models[refusals[i].model];
    const pome_function *function;
    pome_model *opened = open_shared(model, &function);
    device cpu;
    given inputs[MOST_INPUTS];
    pome_error error;
    open_device(&cpu, function, "cpu", POME_NUMERICS_FAST);
    split_inputs(model, refusals[i].sizes, inputs);
    fill(function, &inputs[0]);
    pome_status status = pome_run_set_tensor(cpu.run, inputs[0].name, &inputs[0].tensor, &error);
    free(inputs[0].tensor.data);
    if (status != POME_INPUT || strstr(error.message, refusals[i].message) == NULL)
      fail_msg("%s: %s; expected: %s", model->path, status == POME_OK ? "accepted" : error.message,
               refusals[i].message);
    close_device(&cpu);
    pome_model_close(opened);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_size_through_one_run),
      cmocka_unit_test(other_sizes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
