/* Convolutions with constant filters as the cpu device runs them: strips, channels read in place,
 * padded copies for taps; odd sizes, strides, padding, groups, dilation, one to three dimensions;
 * against the reference's sums in double, in every mode, with any number of threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/cpu.h"
#include "modes.h"
#include "runtime/runtime.h"

/* Lists of numbers are program text. */
typedef struct conv {
  const char *what;
  int rank; /* spatial dimensions */
  int x[5], weight[5];
  const char *strides, *dilations, *pad_type, *pad;
  int groups;
} conv;

static const conv convs[] = {
    {"in place", 2, {1, 5, 7, 9}, {11, 5, 1, 1}, "1, 1", "1, 1", "valid", "0, 0, 0, 0", 1},
    {"in place, a batch in groups",
     2,
     {3, 6, 5, 3},
     {8, 3, 1, 1},
     "1, 1",
     "1, 1",
     "valid",
     "0, 0, 0, 0",
     2},
    {"one element with stride",
     2,
     {2, 4, 9, 8},
     {6, 4, 1, 1},
     "2, 3",
     "1, 1",
     "valid",
     "0, 0, 0, 0",
     1},
    {"one element with padding",
     2,
     {1, 3, 4, 5},
     {2, 3, 1, 1},
     "1, 1",
     "1, 1",
     "custom",
     "1, 0, 2, 3",
     1},
    {"3 by 3", 2, {1, 3, 17, 19}, {10, 3, 3, 3}, "1, 1", "1, 1", "same", "0, 0, 0, 0", 1},
    {"3 by 3, many channels: shared",
     2,
     {1, 64, 9, 7},
     {40, 64, 3, 3},
     "1, 1",
     "1, 1",
     "same",
     "0, 0, 0, 0",
     1},
    {"first layer", 2, {1, 3, 33, 31}, {8, 3, 3, 3}, "2, 2", "1, 1", "custom", "1, 1, 1, 1", 1},
    {"dilated, uneven", 2, {2, 2, 12, 15}, {5, 2, 3, 2}, "1, 2", "3, 4", "custom", "3, 2, 0, 5", 1},
    {"same_lower", 2, {1, 2, 8, 8}, {3, 2, 4, 2}, "3, 2", "1, 1", "same_lower", "0, 0, 0, 0", 1},
    {"groups", 2, {1, 12, 6, 7}, {9, 4, 3, 3}, "1, 1", "1, 1", "same", "0, 0, 0, 0", 3},
    {"depthwise", 2, {2, 7, 13, 21}, {7, 1, 3, 3}, "1, 1", "1, 1", "same", "0, 0, 0, 0", 7},
    {"depthwise with stride",
     2,
     {1, 6, 14, 23},
     {6, 1, 3, 3},
     "2, 2",
     "1, 1",
     "custom",
     "0, 1, 0, 1",
     6},
    {"depthwise, stride 3, dilated",
     2,
     {1, 3, 20, 29},
     {6, 1, 5, 4},
     "2, 3",
     "1, 2",
     "custom",
     "2, 2, 4, 1",
     3},
    {"depthwise beside the image",
     2,
     {1, 2, 2, 2},
     {2, 1, 2, 2},
     "1, 1",
     "1, 1",
     "custom",
     "5, 4, 3, 6",
     2},
    {"depthwise, much of a row unread",
     2,
     {1, 2, 5, 40},
     {2, 1, 1, 2},
     "1, 7",
     "1, 1",
     "valid",
     "0, 0, 0, 0",
     2},
    {"line", 1, {2, 5, 40}, {7, 5, 5}, "2", "3", "custom", "4, 1", 1},
    {"line, depthwise", 1, {1, 9, 70}, {9, 1, 7}, "1", "1", "same", "0, 0", 9},
    {"space",
     3,
     {1, 3, 5, 6, 7},
     {4, 3, 3, 2, 3},
     "1, 2, 1",
     "2, 1, 1",
     "custom",
     "1, 1, 0, 1, 2, 1",
     1},
    {"space, depthwise",
     3,
     {1, 4, 5, 6, 7},
     {4, 1, 2, 3, 3},
     "2, 1, 2",
     "1, 2, 1",
     "custom",
     "1, 0, 2, 1, 1, 2",
     4},
};
#define CONVS (sizeof convs / sizeof convs[0])

static unsigned next(unsigned *seed) {
  return *seed = *seed * 1664525u + 1013904223u, *seed >> 16;
}

static size_t count_of(const int *dims, int rank) {
  size_t count = 1;
  for (int i = 0; i < rank + 2; i++) count *= (size_t)dims[i];
  return count;
}

static void put_type(char *out, const char *dtype, const int *dims, int rank, bool open) {
  out += sprintf(out, "tensor<%s, [", dtype);
  for (int i = 0; i < rank + 2; i++) {
    if (open && i != 1) out += sprintf(out, "%s?", i ? ", " : "");
    else out += sprintf(out, "%s%d", i ? ", " : "", dims[i]);
  }
  sprintf(out, "]>");
}

/* Nested brackets around numbers in multiples of 1/8. */
static char *put_values(char *out, const int *dims, int rank, unsigned *seed) {
  *out++ = '[';
  for (int i = 0; i < dims[0]; i++) {
    if (i > 0) *out++ = ',';
    if (rank > 1) out = put_values(out, dims + 1, rank - 1, seed);
    else out += sprintf(out, "%g", (double)((int)(next(seed) % 33) - 16) / 8);
  }
  *out++ = ']';
  return out;
}

static char *conv_text(const conv *c, const char *dtype, bool bias) {
  char *text = malloc(count_of(c->weight, c->rank) * 12 + 4096), *at = text;
  char x[128], w[128], y[128], given[32] = "";
  unsigned seed = 7;
  assert_non_null(text);
  put_type(x, dtype, c->x, c->rank, false);
  put_type(w, dtype, c->weight, c->rank, false);
  put_type(y, dtype, (int[]){1, c->weight[0], 1, 1, 1}, c->rank, true);
  at += sprintf(at, "func main<ios17>(%s x) {\n%s w = const()[name = string(\"w\"), val = %s(", x,
                w, w);
  at = put_values(at, c->weight, c->rank + 2, &seed);
  at += sprintf(at, ")];\n");
  if (bias) {
    at += sprintf(at, "tensor<%s, [%d]> b = const()[name = string(\"b\"), val = tensor<%s, [%d]>(",
                  dtype, c->weight[0], dtype, c->weight[0]);
    at = put_values(at, c->weight, 1, &seed);
    at += sprintf(at, ")];\n");
    strcpy(given, "bias = b, ");
  }
  sprintf(at,
          "%s y = conv(x = x, weight = w, %sstrides = tensor<int32, [%d]>([%s]), dilations = "
          "tensor<int32, [%d]>([%s]), pad_type = string(\"%s\"), pad = tensor<int32, [%d]>([%s]), "
          "groups = int32(%d))[name = string(\"y\")];\n} -> (y);",
          y, given, c->rank, c->strides, c->rank, c->dilations, c->pad_type, 2 * c->rank, c->pad,
          c->groups);
  return text;
}

static void fill(const conv *c, float *x, input *in) {
  unsigned seed = 3;
  size_t count = count_of(c->x, c->rank);
  for (size_t i = 0; i < count; i++) x[i] = (float)((int)(next(&seed) % 17) - 8) / 4;
  *in = (input){"x", POME_FP32, c->rank + 2, {0}, x};
  for (int i = 0; i < c->rank + 2; i++) in->shape[i] = c->x[i];
}

static bool is_conv_step(const text_model *m) {
  const pome__cpu_plan *plan = m->plan->plan->subplans[0].prepared;
  for (size_t s = 0; s < plan->step_count; s++) {
    if (plan->steps[s].kind == POME__STEP_CONV) return true;
  }
  return false;
}

static void check_conv(const conv *c, const char *dtype, bool bias) {
  static float want[MOST], got[MOST], x[16384];
  char *text = conv_text(c, dtype, bias);
  size_t expected = 0;
  assert_true(count_of(c->x, c->rank) <= 16384);
  for (size_t how = 0; how < MODES; how++) {
    pome_error error;
    pome_tensor shape;
    input inputs[2] = {{0}};
    text_model m = mode_make(text, &modes[how], NULL, 0);
    fill(c, x, &inputs[0]);
    mode_set(&m, inputs);
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    size_t count = mode_result(&m, "y", how == 0 ? want : got, &shape);
    if (how == 0) expected = count;
    assert_int_equal(count, expected);
    if (how > 0)
      check_near(c->what, modes[how].name, got, want, count, dtype[2] == '1' ? 1e-3f : 1e-6f);
    if (strcmp(modes[how].device, "cpu") == 0)
      assert_int_equal(is_conv_step(&m), modes[how].numerics != POME_NUMERICS_STRICT);
    free_text_model(&m);
  }
  free(text);
}

static void convolutions_agree(void **state) {
  (void)state;
  for (size_t i = 0; i < CONVS; i++) {
    check_conv(&convs[i], "fp16", i % 2 == 0);
    check_conv(&convs[i], "fp32", i % 2 == 1);
  }
}

/* Each sum is made by one thread, in the order of the weights, wherever the output is cut. */
static void threads_change_nothing(void **state) {
  (void)state;
  static float first[MOST], got[MOST], x[16384];
  for (size_t i = 0; i < CONVS; i++) {
    char *text = conv_text(&convs[i], "fp32", true);
    pome_model *model = open_text(text);
    for (int threads = 1; threads <= 5; threads++) {
      pome_error error;
      pome_tensor shape;
      pome_plan_options options;
      input inputs[2] = {{0}};
      pome_plan_options_init(&options);
      options.devices = "cpu";
      options.threads = threads;
      text_model m = {.function = pome_model_find_function(model, NULL)};
      check_ok(pome_plan_create(m.function, &options, &m.plan, &error), &error);
      check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
      fill(&convs[i], x, &inputs[0]);
      for (size_t k = 0; k < count_of(convs[i].x, convs[i].rank); k++) x[k] *= 0.37f;
      mode_set(&m, inputs);
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      size_t count = mode_result(&m, "y", threads == 1 ? first : got, &shape);
      if (threads > 1) assert_memory_equal(got, first, count * sizeof *got);
      free_text_model(&m);
    }
    pome_model_close(model);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(convolutions_agree),
      cmocka_unit_test(threads_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
