/* The processor backend against the interpreter: programs that cross between the two, look at
 * memory that is not theirs, or learn sizes only while they run. Strict results must be the
 * interpreter's, bit for bit; wide and fast ones near them.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "modes.h"
#include "tiny_model.h"

/* ---- programs with one or more outputs ---- */

typedef struct program {
  const char *what, *text;
  input inputs[4];
  const char *outputs[3];
  int64_t count; /* of the first output; its values follow */
  float values[16];
  const char *error; /* instead: part of the message of POME_INPUT */
} program;

static const float six[6] = {1, -2, 3, -4, 5, -6};
static const float four[4] = {0.5f, 0, -1.5f, 2};
static const int32_t three = 3, zero = 0, one = 1, minus = -1;

static const float special[4] = {1, NAN, INFINITY, -1};

#define X6                                                                                         \
  { "x", POME_FP32, 1, {6}, six }
#define X4                                                                                         \
  { "x", POME_FP32, 1, {4}, four }
#define XS                                                                                         \
  { "x", POME_FP32, 1, {4}, special }
#define INT(name, data)                                                                            \
  { name, POME_INT32, 0, {0}, data }
#define V1(a) "tensor<int32, [1]>([" a "])"

static const program programs[] = {
    {.what = "an input, a view of it and a constant leave",
     .text =
         "func main<ios17>(tensor<fp16, [6]> x) {"
         "  tensor<fp16, [2]> c = const()[name = string(\"c\"), val = tensor<fp16, [2]>([7, 8])];"
         "  tensor<fp16, [2, 3]> v = reshape(x = x, shape = tensor<int32, [2]>([2, 3]))[name = "
         "string(\"v\")];"
         "} -> (v, x, c);",
     .inputs = {X6},
     .outputs = {"v", "x", "c"},
     .count = 6,
     .values = {1, -2, 3, -4, 5, -6}},
    {.what = "a value leaves twice, as itself and as a view of a view",
     .text = "func main<ios17>(tensor<fp32, [6]> x) {"
             "  tensor<fp32, [6]> d = add(x = x, y = x)[name = string(\"d\")];"
             "  tensor<fp32, [2, 3]> v = reshape(x = d, shape = tensor<int32, [2]>([2, 3]))[name = "
             "string(\"v\")];"
             "  tensor<fp32, [1, 2, 3]> w = expand_dims(x = v, axes = " V1(
                 "0") ")[name = string(\"w\")];"
                      "  tensor<fp32, [6]> noise = mul(x = x, y = x)[name = string(\"noise\")];"
                      "  tensor<fp32, [6]> z = sub(x = noise, y = noise)[name = string(\"z\")];"
                      "} -> (w, d, z);",
     .inputs = {X6},
     .outputs = {"w", "d", "z"},
     .count = 6,
     .values = {2, -4, 6, -8, 10, -12}},
    {.what = "a branch between tensor operations: processor, interpreter, processor",
     .text =
         "func main<ios17>(tensor<fp16, [6]> x, tensor<bool, []> p) {"
         "  tensor<fp16, [6]> d = add(x = x, y = x)[name = string(\"d\")];"
         "  tensor<fp16, [6]> b = cond(pred = p) {"
         "    block() { tensor<fp16, [6]> t = mul(x = d, y = d)[name = string(\"t\")]; } -> (t);"
         "    block() { tensor<fp16, [6]> e = relu(x = d)[name = string(\"e\")]; } -> (e);"
         "  }[name = string(\"b\")];"
         "  tensor<fp16, [6]> y = add(x = b, y = x)[name = string(\"y\")];"
         "} -> (y);",
     .inputs = {X6, INT("p", &one)},
     .outputs = {"y"},
     .count = 6,
     .values = {5, 14, 39, 60, 105, 138}},
    {.what = "a branch that gives an outer value or a constant",
     .text = "func main<ios17>(tensor<fp16, [4]> x, tensor<bool, []> p) {"
             "  tensor<fp16, [4]> d = add(x = x, y = x)[name = string(\"d\")];"
             "  tensor<fp16, [4]> c = const()[name = string(\"c\"), val = tensor<fp16, [4]>([1, 2, "
             "3, 4])];"
             "  tensor<fp16, [4]> b = cond(pred = p) { block() { } -> (c); block() { } -> (d); "
             "}[name = string(\"b\")];"
             "  tensor<fp16, [4]> y = sub(x = b, y = d)[name = string(\"y\")];"
             "} -> (y, b);",
     .inputs = {X4, INT("p", &one)},
     .outputs = {"y", "b"},
     .count = 4,
     .values = {0, 2, 6, 0}},
    {.what = "a loop between tensor operations that swaps its variables",
     .text = "func main<ios17>(tensor<fp16, [4]> x, tensor<int32, []> n) {"
             "  tensor<fp16, [4]> d = add(x = x, y = fp16(1))[name = string(\"d\")];"
             "  tensor<int32, []> k, tensor<fp16, [4]> a, tensor<fp16, [4]> b = "
             "while_loop(loop_vars = (n, x, d)) {"
             "    block(tensor<int32, []> i, tensor<fp16, [4]> u, tensor<fp16, [4]> v) {"
             "      tensor<bool, []> go = greater(x = i, y = int32(0))[name = string(\"go\")]; } "
             "-> (go);"
             "    block(tensor<int32, []> i, tensor<fp16, [4]> u, tensor<fp16, [4]> v) {"
             "      tensor<int32, []> j = sub(x = i, y = int32(1))[name = string(\"j\")]; } -> (j, "
             "v, u);"
             "  }[name = string(\"l\")];"
             "  tensor<fp16, [4]> y = sub(x = a, y = b)[name = string(\"y\")];"
             "} -> (y, k);",
     .inputs = {X4, INT("n", &three)},
     .outputs = {"y", "k"},
     .count = 4,
     .values = {1, 1, 1, 1}},
    {.what = "lists: one written, the old one read, elements stored differently gathered",
     .text = "func main<ios17>(tensor<fp16, [4]> x, tensor<int32, []> i) {"
             "  tensor<fp16, [4]> d = mul(x = x, y = fp16(3))[name = string(\"d\")];"
             "  list<tensor<fp16, [4]>, 3> l = make_list(init_length = int32(3), dynamic_length = "
             "bool(false), "
             "elem_shape = " V1(
                 "4") ", dtype = string(\"fp16\"))[name = string(\"l\")];"
                      "  tensor<fp16, [4]> c = const()[name = string(\"c\"), val = tensor<fp16, "
                      "[4]>([1, 2, 3, 4])];"
                      "  list<tensor<fp16, [4]>, 3> m = list_write(ls = l, index = i, value = "
                      "d)[name = string(\"m\")];"
                      "  list<tensor<fp16, [4]>, 3> n = list_write(ls = m, index = int32(0), value "
                      "= c)[name = string(\"n\")];"
                      "  tensor<fp16, [3, 4]> g = list_gather(ls = n, indices = tensor<int32, "
                      "[3]>([0, 1, 2]))[name = string(\"g\")];"
                      "  tensor<fp16, [4]> old = list_read(ls = m, index = int32(0))[name = "
                      "string(\"old\")];"
                      "  tensor<fp16, [3, 4]> y = add(x = g, y = old)[name = string(\"y\")];"
                      "  tensor<int32, []> k = list_length(ls = n)[name = string(\"k\")];"
                      "} -> (y, k);",
     .inputs = {X4, INT("i", &one)},
     .outputs = {"y", "k"},
     .count = 12,
     .values = {1, 2, 3, 4, 1.5f, 0, -4.5f, 6, 0, 0, 0, 0}},
    {.what = "an index outside a list",
     .text = "func main<ios17>(tensor<fp16, [4]> x, tensor<int32, []> i) {"
             "  list<tensor<fp16, [4]>, 2> l = make_list(init_length = int32(2), dynamic_length = "
             "bool(false), "
             "elem_shape = " V1("4") ", dtype = string(\"fp16\"))[name = string(\"l\")];"
                                     "  list<tensor<fp16, [4]>, 2> m = list_write(ls = l, index = "
                                     "i, value = x)[name = string(\"m\")];"
                                     "  tensor<fp16, [4]> y = list_read(ls = m, index = "
                                     "int32(0))[name = string(\"y\")];"
                                     "} -> (y);",
     .inputs = {X4, INT("i", &three)},
     .error = "outside of a list of 2"},
    {.what = "sizes that depend on data feed further operations",
     .text = "func main<ios17>(tensor<fp16, [4]> x) {"
             "  tensor<int32, [?, 1]> n = non_zero(x = x)[name = string(\"n\")];"
             "  tensor<int32, [?]> f = squeeze(x = n, axes = " V1(
                 "1") ")[name = string(\"f\")];"
                      "  tensor<fp16, [?]> g = gather(x = x, indices = f, axis = int32(0), "
                      "batch_dims = int32(0), "
                      "validate_indices = bool(true))[name = string(\"g\")];"
                      "  tensor<fp16, [?, 1]> c = expand_dims(x = g, axes = " V1(
                          "1") ")[name = string(\"c\")];"
                               "  tensor<fp16, [?, 1]> y = add(x = c, y = c)[name = string(\"y\")];"
                               "  tensor<fp16, [1]> s = reduce_sum(x = g, axes = " V1(
                                   "0") ", keep_dims = bool(true))[name = string(\"s\")];"
                                        "} -> (y, s, n);",
     .inputs = {X4},
     .outputs = {"y", "s", "n"},
     .count = 3,
     .values = {1, -3, 4}},
    {.what = "views of declared size on a value whose size depends on data",
     .text =
         "func main<ios17>(tensor<fp16, [6]> x) {"
         "  tensor<int32, [?, 1]> n = non_zero(x = x)[name = string(\"n\")];"
         "  tensor<int32, [?]> f = squeeze(x = n, axes = " V1(
             "1") ")[name = string(\"f\")];"
                  "  tensor<fp16, [?]> g = gather(x = x, indices = f, axis = int32(0), batch_dims "
                  "= int32(0), "
                  "validate_indices = bool(false))[name = string(\"g\")];"
                  "  tensor<fp16, [2, 3]> v = reshape(x = g, shape = tensor<int32, [2]>([2, "
                  "3]))[name = string(\"v\")];"
                  "  tensor<fp16, [1, 2, 3]> w = expand_dims(x = v, axes = " V1(
                      "0") ")[name = string(\"w\")];"
                           "  tensor<fp16, [1, 2, 3]> y = add(x = w, y = w)[name = string(\"y\")];"
                           "} -> (y, v);",
     .inputs = {X6},
     .outputs = {"y", "v"},
     .count = 6,
     .values = {2, -4, 6, -8, 10, -12}},
    {.what = "a slice by runtime values that comes out as declared",
     .text = "func main<ios17>(tensor<fp16, [6]> x, tensor<int32, []> n) {"
             "  tensor<int32, [1]> e = expand_dims(x = n, axes = " V1(
                 "0") ")[name = string(\"e\")];"
                      "  tensor<fp16, [3]> y = slice_by_index(x = x, begin = " V1(
                          "0") ", end = e)[name = string(\"y\")];"
                               "  tensor<fp16, [3]> z = add(x = y, y = y)[name = string(\"z\")];"
                               "} -> (z, y);",
     .inputs = {X6, INT("n", &three)},
     .outputs = {"z", "y"},
     .count = 3,
     .values = {2, -4, 6}},
    {.what = "a slice by runtime values that comes out otherwise",
     .text = "func main<ios17>(tensor<fp16, [6]> x, tensor<int32, []> n) {"
             "  tensor<int32, [1]> e = expand_dims(x = n, axes = " V1(
                 "0") ")[name = string(\"e\")];"
                      "  tensor<fp16, [5]> y = slice_by_index(x = x, begin = " V1(
                          "0") ", end = e)[name = string(\"y\")];"
                               "} -> (y);",
     .inputs = {X6, INT("n", &three)},
     .error = "is declared tensor<fp16, [5]> but comes out as tensor<fp16, [3]>"},
    {.what = "tensors without elements",
     .text = "func main<ios17>(tensor<fp16, [6]> x) {"
             "  tensor<fp16, [0]> e = slice_by_index(x = x, begin = " V1("2") ", end = " V1(
                 "2") ")[name = string(\"e\")];"
                      "  tensor<fp16, [0]> d = add(x = e, y = e)[name = string(\"d\")];"
                      "  tensor<fp16, [0, 1]> v = expand_dims(x = d, axes = " V1(
                          "1") ")[name = string(\"v\")];"
                               "  tensor<fp16, [6]> y = concat(values = (d, x), axis = int32(0), "
                               "interleave = bool(false))[name = string(\"y\")];"
                               "} -> (y, e, v);",
     .inputs = {X6},
     .outputs = {"y", "e", "v"},
     .count = 6,
     .values = {1, -2, 3, -4, 5, -6}},
    {.what = "numbers without dimensions",
     .text = "func main<ios17>(tensor<int32, []> n, tensor<fp16, [4]> x) {"
             "  tensor<fp16, []> f = cast(x = n, dtype = string(\"fp16\"))[name = string(\"f\")];"
             "  tensor<fp16, []> g = add(x = f, y = f)[name = string(\"g\")];"
             "  tensor<fp16, [4]> y = mul(x = x, y = g)[name = string(\"y\")];"
             "} -> (y, g, n);",
     .inputs = {INT("n", &three), X4},
     .outputs = {"y", "g", "n"},
     .count = 4,
     .values = {3, 0, -9, 12}},
    /* What docs/numerics.md says of special values. */
    {.what = "extremes let NaN through",
     .text = "func main<ios17>(tensor<fp16, [4]> x) {"
             "  tensor<fp16, [4]> m = maximum(x = x, y = fp16(0))[name = string(\"m\")];"
             "  tensor<fp16, [4]> r = relu(x = x)[name = string(\"r\")];"
             "  tensor<fp16, [1]> e = reduce_max(x = x, axes = " V1(
                 "0") ", keep_dims = bool(true))[name = string(\"e\")];"
                      "  tensor<int32, [1]> a = reduce_argmax(x = x, axis = int32(0), keep_dims = "
                      "bool(true))[name = string(\"a\")];"
                      "  tensor<fp16, [1]> f = cast(x = a, dtype = string(\"fp16\"))[name = "
                      "string(\"f\")];"
                      "  tensor<fp16, [10]> y = concat(values = (m, r, e, f), axis = int32(0), "
                      "interleave = bool(false))[name = string(\"y\")];"
                      "} -> (y);",
     .inputs = {XS},
     .outputs = {"y"},
     .count = 10,
     .values = {1, NAN, INFINITY, 0, 1, NAN, INFINITY, 0, NAN, 1}},
    {.what = "comparisons with NaN, its place in an order, softmax of it",
     .text =
         "func main<ios17>(tensor<fp16, [4]> x) {"
         "  tensor<bool, [4]> g = greater(x = x, y = fp16(0))[name = string(\"g\")];"
         "  tensor<bool, [4]> n = not_equal(x = x, y = x)[name = string(\"n\")];"
         "  tensor<int32, [4]> o = argsort(x = x, axis = int32(0), ascending = bool(true))[name = "
         "string(\"o\")];"
         "  tensor<fp16, [4]> s = softmax(x = x, axis = int32(0))[name = string(\"s\")];"
         "  tensor<fp16, [4]> gf = cast(x = g, dtype = string(\"fp16\"))[name = string(\"gf\")];"
         "  tensor<fp16, [4]> nf = cast(x = n, dtype = string(\"fp16\"))[name = string(\"nf\")];"
         "  tensor<fp16, [4]> of = cast(x = o, dtype = string(\"fp16\"))[name = string(\"of\")];"
         "  tensor<fp16, [16]> y = concat(values = (gf, nf, of, s), axis = int32(0), interleave = "
         "bool(false))[name = string(\"y\")];"
         "} -> (y);",
     .inputs = {XS},
     .outputs = {"y"},
     .count = 16,
     .values = {1, 0, 1, 0, 0, 1, 0, 0, 3, 0, 2, 1, NAN, NAN, NAN, NAN}},
    {.what = "whole numbers",
     .text =
         "func main<ios17>(tensor<int32, []> n, tensor<fp16, [4]> x) {"
         "  tensor<int32, []> q = floor_div(x = n, y = int32(0))[name = string(\"q\")];"
         "  tensor<int32, []> w = mul(x = n, y = int32(1431655766))[name = string(\"w\")];" /* 3
                                                                                               times
                                                                                               that
                                                                                               is
                                                                                               2^32
                                                                                               + 2
                                                                                             */
         "  tensor<int32, [4]> c = cast(x = x, dtype = string(\"int32\"))[name = string(\"c\")];"
         "  tensor<int32, [2]> s = stack(values = (q, w), axis = int32(0))[name = string(\"s\")];"
         "  tensor<int32, [6]> y = concat(values = (s, c), axis = int32(0), interleave = "
         "bool(false))[name = string(\"y\")];"
         "} -> (y);",
     .inputs = {INT("n", &three), X4},
     .outputs = {"y"},
     .count = 6,
     .values = {0, 2, 0, 0, -1, 2}},
};
#define PROGRAMS (sizeof programs / sizeof programs[0])

static void run_program(const program *p, const mode *how, const mode *oracle) {
  static float got[MOST], want[MOST];
  text_model m = mode_make(p->text, how, NULL, 0), o = mode_make(p->text, oracle, NULL, 0);
  pome_error error;
  for (int round = 0; round < 2; round++) {
    mode_set(&m, p->inputs);
    mode_set(&o, p->inputs);
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_ok(pome_run_predict(o.run, NULL, &error), &error);
    for (size_t i = 0; i < 3 && p->outputs[i] != NULL; i++) {
      pome_tensor shape, other;
      size_t count = mode_result(&m, p->outputs[i], got, &shape);
      if (mode_result(&o, p->outputs[i], want, &other) != count)
        fail_msg("%s (%s): %s has another size", p->what, how->name, p->outputs[i]);
      check_near(p->what, how->name, got, want, count,
                 how->numerics == POME_NUMERICS_STRICT ? 0 : 2e-3f);
      if (i > 0) continue;
      if (count != (size_t)p->count) fail_msg("%s (%s): %zu elements", p->what, how->name, count);
      check_near(p->what, how->name, got, p->values, count, 0);
    }
  }
  free_text_model(&o);
  free_text_model(&m);
}

static void fail_program(const program *p, const mode *how) {
  text_model m = mode_make(p->text, how, NULL, 0);
  pome_error error = {0};
  mode_set(&m, p->inputs);
  pome_status status = pome_run_predict(m.run, NULL, &error);
  if (status != POME_INPUT || strstr(error.message, p->error) == NULL) {
    fail_msg("%s (%s): %s, \"%s\"", p->what, how->name, pome_status_text(status), error.message);
  }
  free_text_model(&m);
}

static void programs_agree(void **context) {
  (void)context;
  for (size_t i = 0; i < PROGRAMS; i++) {
    for (size_t how = 0; how < MODES; how++) {
      if (programs[i].error != NULL) fail_program(&programs[i], &modes[how]);
      else run_program(&programs[i], &modes[how], &modes[0]);
    }
  }
}

/* The other side of a branch, a loop that never runs, other data sizes: the same plan and run
 * again. */
static void runs_follow_their_data(void **context) {
  (void)context;
  static const float full[4] = {1, 2, 3, 4}, empty[4] = {0};
  pome_error error;
  for (size_t how = 0; how < MODES; how++) {
    float got[16];
    pome_tensor shape;
    const program *p = &programs[7];
    text_model m = mode_make(p->text, &modes[how], NULL, 0);
    const float *data[] = {four, full, empty, four};
    const size_t counts[] = {3, 4, 0, 3};
    for (int i = 0; i < 4; i++) {
      mode_set(&m, (input[]){{"x", POME_FP32, 1, {4}, data[i]}, {0}});
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      assert_int_equal(mode_result(&m, "y", got, &shape), counts[i]);
    }
    free_text_model(&m);
    m = mode_make(programs[2].text, &modes[how], NULL, 0);
    const float either[2][6] = {{5, 14, 39, 60, 105, 138}, {3, -2, 9, -4, 15, -6}};
    for (int i = 0; i < 4; i++) {
      mode_set(&m, (input[]){X6, INT("p", i % 2 ? &zero : &one), {0}});
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      check_near("a branch", modes[how].name, got, either[i % 2], mode_result(&m, "y", got, &shape),
                 0);
    }
    free_text_model(&m);
    m = mode_make(programs[9].text, &modes[how], NULL, 0); /* fails, then works */
    mode_set(&m, (input[]){X6, INT("n", &one), {0}});
    assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_INPUT);
    assert_int_equal(pome_run_get_tensor(m.run, "z", &shape, &error), POME_USAGE);
    mode_set(&m, (input[]){X6, INT("n", &three), {0}});
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_near("after a failure", modes[how].name, got, programs[9].values,
               mode_result(&m, "z", got, &shape), 0);
    free_text_model(&m);
  }
}

/* Results stay what they are while the next inputs are set, whatever they were made of. */
static void results_outlive_inputs(void **context) {
  (void)context;
  pome_error error;
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(programs[0].text, &modes[how], NULL, 0);
    float x[6], other[6] = {9, 9, 9, 9, 9, 9}, got[16];
    pome_tensor shape;
    memcpy(x, six, sizeof x);
    mode_set(&m, (input[]){{"x", POME_FP32, 1, {6}, x}, {0}});
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    memset(x, 0, sizeof x);
    mode_set(&m, (input[]){{"x", POME_FP32, 1, {6}, other}, {0}});
    check_near("the input itself", modes[how].name, got, six, mode_result(&m, "x", got, &shape), 0);
    check_near("a view of the input", modes[how].name, got, six, mode_result(&m, "v", got, &shape),
               0);
    free_text_model(&m);
  }
}

/* Values of every kind can be kept: small integers, views, what crosses to the interpreter,
 * constants. */
static void anything_can_be_kept(void **context) {
  (void)context;
  const char *const keep[] = {"d", "t0", "n", "c"};
  static const char text[] =
      "func main<ios17>(tensor<fp16, [6]> x, tensor<bool, []> p) {"
      "  tensor<fp16, [2]> c = const()[name = string(\"c\"), val = tensor<fp16, [2]>([7, 8])];"
      "  tensor<fp16, [6]> d = add(x = x, y = x)[name = string(\"d\")];"
      "  tensor<fp16, [3, 2]> t0 = reshape(x = d, shape = tensor<int32, [2]>([3, 2]))[name = "
      "string(\"t0\")];"
      "  tensor<int32, [2]> n = shape(x = t0)[name = string(\"n\")];"
      "  tensor<fp16, [6]> b = cond(pred = p) { block() { } -> (d); block() { } -> (x); }[name = "
      "string(\"b\")];"
      "  tensor<fp16, [6]> y = exp(x = b)[name = string(\"y\")];"
      "} -> (y);";
  const float doubled[6] = {2, -4, 6, -8, 10, -12}, sizes[2] = {3, 2}, constant[2] = {7, 8};
  pome_error error;
  for (size_t how = 0; how < MODES; how++) {
    float got[16];
    pome_tensor shape;
    text_model m = mode_make(text, &modes[how], keep, 4);
    mode_set(&m, (input[]){X6, INT("p", &zero), {0}});
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_near("kept d", modes[how].name, got, doubled, mode_result(&m, "d", got, &shape), 0);
    check_near("kept t0", modes[how].name, got, doubled, mode_result(&m, "t0", got, &shape), 0);
    check_near("kept n", modes[how].name, got, sizes, mode_result(&m, "n", got, &shape), 0);
    check_near("kept c", modes[how].name, got, constant, mode_result(&m, "c", got, &shape), 0);
    free_text_model(&m);
  }
}

/* ---- states ---- */

static void states_must_fit(void **context) {
  (void)context;
  static const char text[] = "func main<ios18>(state<tensor<fp16, [%d]>> s, tensor<fp16, [1]> x) {"
                             "  tensor<fp16, [%d]> r = read_state(input = s)[name = string(\"r\")];"
                             "  tensor<fp16, [%d]> y = add(x = r, y = x)[name = string(\"y\")];"
                             "} -> (y);";
  char small[512], large[512];
  float x = 1;
  pome_error error;
  pome_state *state;
  snprintf(small, sizeof small, text, 2, 2, 2);
  snprintf(large, sizeof large, text, 64, 64, 64);
  text_model a = mode_make(small, &modes[2], NULL, 0), b = mode_make(large, &modes[2], NULL, 0);
  check_ok(pome_state_create(&a.function, 1, NULL, &state, &error), &error);
  mode_set(&b, (input[]){{"x", POME_FP32, 1, {1}, &x}, {0}});
  assert_int_equal(pome_run_predict(b.run, state, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "tensor<fp16, [64]>"));
  mode_set(&a, (input[]){{"x", POME_FP32, 1, {1}, &x}, {0}});
  check_ok(pome_run_predict(a.run, state, &error), &error);
  pome_state_free(state);
  free_text_model(&a);
  free_text_model(&b);
}

/* The update is the state itself, turned round: it must be read before it is overwritten. */
static void update_from_the_same_state(void **context) {
  (void)context;
  static const char text[] =
      "func main<ios18>(state<tensor<fp16, [4]>> s, tensor<fp16, [4]> x) {"
      "  tensor<fp16, [4]> r = read_state(input = s)[name = string(\"r\")];"
      "  tensor<fp16, [4]> r2 = read_state(input = s)[name = string(\"r2\")];"
      "  tensor<fp16, [4]> u = slice_update(x = r, update = r2, begin = tensor<int32, [1]>([3]), "
      "end = tensor<int32, [1]>([0]), "
      "stride = tensor<int32, [1]>([-1]), begin_mask = tensor<bool, [1]>([true]), end_mask = "
      "tensor<bool, [1]>([true]))[name = string(\"u\")];"
      "  write_state(data = u, input = s)[name = string(\"w\")];"
      "  tensor<fp16, [4]> q = read_state(input = s)[name = string(\"q\")];"
      "  tensor<fp16, [4]> y = add(x = q, y = x)[name = string(\"y\")];"
      "} -> (y);";
  const float start[4] = {1, 2, 3, 4}, nothing[4] = {0}, turned[4] = {4, 3, 2, 1};
  pome_error error;
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(text, &modes[how], NULL, 0);
    pome_state *state;
    pome_tensor shape, given = vector_of(POME_FP32, 4, (void *)start);
    float got[4];
    check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
    check_ok(pome_state_write(state, "s", &given, &error), &error);
    mode_set(&m, (input[]){{"x", POME_FP32, 1, {4}, nothing}, {0}});
    check_ok(pome_run_predict(m.run, state, &error), &error);
    check_near("a state turned round", modes[how].name, got, turned,
               mode_result(&m, "y", got, &shape), 0);
    pome_state_free(state);
    free_text_model(&m);
  }
}

/* ---- numbers at the boundary ---- */

static void numbers_keep_their_value(void **context) {
  (void)context;
  text_model m = mode_make(programs[12].text, &modes[0], NULL, 0);
  pome_error error;
  uint64_t huge = UINT64_MAX;
  pome_tensor n = tensor_of(POME_UINT64, 0, NULL, &huge);
  assert_int_equal(pome_run_set_tensor(m.run, "n", &n, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "18446744073709551615"));
  int64_t negative = minus;
  n = tensor_of(POME_INT64, 0, NULL, &negative);
  check_ok(pome_run_set_tensor(m.run, "n", &n, &error), &error);
  double half = 0.5;
  n = tensor_of(POME_FP64, 0, NULL, &half);
  assert_int_equal(pome_run_set_tensor(m.run, "n", &n, &error), POME_INPUT);
  free_text_model(&m);
}

/* ---- inputs that may be left out ---- */

/* fp32 [size], 1.5 when it is not given; 0: of no shape. */
static wire optional_port(const char *name, int size) {
  wire array = {0}, type = {0}, feature = {0};
  const uint8_t shape[] = {(uint8_t)size};
  const double number = 1.5;
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  if (size > 0) wire_bytes(&array, 1, shape, sizeof shape);
  wire_uint(&array, 2, 65568);
  wire_fixed64(&array, 61, bits);
  wire_message(&type, 5, array);
  wire_uint(&type, 1000, 1);
  wire_text(&feature, 1, name);
  wire_message(&feature, 3, type);
  return feature;
}

/* y = x + c, and x itself as a second result; c is [1, 2]. */
static pome_model *optional_model(int described) {
  wire block = tiny_add_block(false), description = {0}, model = {0};
  wire_text(&block, 2, "x");
  wire_message(&description, 1, optional_port("x", described));
  wire_message(&description, 10, optional_port("y", 2));
  wire_message(&description, 10, optional_port("x", 2));
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, description);
  wire_message(&model, 502, tiny_program(block));
  pome_model_options options;
  pome_model_options_init(&options);
  options.copy = true;
  pome_model *opened = NULL;
  pome_error error = {0};
  pome_status status =
      pome_model_open_memory(model.data, model.size, NULL, 0, &options, &opened, &error);
  if (described != 3) check_ok(status, &error);
  else assert_true(status == POME_OK || status == POME_INPUT);
  wire_free(&model);
  return opened;
}

static void inputs_left_out(void **context) {
  (void)context;
  const float defaults[2] = {1.5f, 1.5f}, sums[2] = {2.5f, 3.5f}, given[2] = {7, 8},
              others[2] = {8, 10};
  pome_error error;
  float got[2];
  pome_tensor shape;
  pome_model *model = optional_model(2);
  for (size_t how = 0; how < MODES; how++) {
    pome_plan_options options;
    pome_plan_options_init(&options);
    options.devices = modes[how].device;
    options.numerics = modes[how].numerics;
    text_model m = {.function = pome_model_find_function(model, NULL)};
    check_ok(pome_plan_create(m.function, &options, &m.plan, &error), &error);
    check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
    for (int round = 0; round < 2; round++) {
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      double doubles[2] = {7, 8}; /* converted into the run's own memory, where the default was */
      pome_tensor x = vector_of(POME_FP64, 2, doubles);
      check_ok(pome_run_set_tensor(m.run, "x", &x, &error), &error);
      check_near("a default", modes[how].name, got, defaults, mode_result(&m, "x", got, &shape), 0);
      check_near("from a default", modes[how].name, got, sums, mode_result(&m, "y", got, &shape),
                 0);
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      check_near("what was given", modes[how].name, got, given, mode_result(&m, "x", got, &shape),
                 0);
      check_near("from what was given", modes[how].name, got, others,
                 mode_result(&m, "y", got, &shape), 0);
    }
    free_text_model(&m);
  }
  pome_model_close(model);
  model = optional_model(3); /* described with another size than the program has */
  if (model == NULL) return;
  text_model m = {.model = model, .function = pome_model_find_function(model, NULL)};
  check_ok(pome_plan_create(m.function, NULL, &m.plan, &error), &error);
  check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_INPUT);
  free_text_model(&m);
}

/* What is described with a default and no shape has nothing to fill with it. */
static void input_left_out_of_no_shape(void **context) {
  (void)context;
  pome_error error;
  pome_model *model = optional_model(0);
  text_model m = {.model = model, .function = pome_model_find_function(model, NULL)};
  check_ok(pome_plan_create(m.function, NULL, &m.plan, &error), &error);
  check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "input \"x\" is missing"));
  free_text_model(&m);
}

/* ---- what callers and programs may do to us ---- */

/* Kernels read whole elements: an input that lies across them is copied. */
static void inputs_may_lie_anywhere(void **context) {
  (void)context;
  char memory[sizeof six + 1];
  pome_error error;
  memcpy(memory + 1, six, sizeof six);
  for (size_t how = 0; how < MODES; how++) {
    float got[16];
    pome_tensor shape;
    text_model m = mode_make(programs[1].text, &modes[how], NULL, 0);
    mode_set(&m, (input[]){{"x", POME_FP32, 1, {6}, memory + 1}, {0}});
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_near("an input at an odd address", modes[how].name, got, programs[1].values,
               mode_result(&m, "w", got, &shape), 0);
    free_text_model(&m);
  }
}

static void *cancel_soon(void *run) {
  for (int i = 0; i < 50; i++) {
    usleep(10000);
    pome_run_cancel(run);
  }
  return NULL;
}

/* A loop without a single operation must hear a cancel too. */
static void empty_loops_end(void **context) {
  (void)context;
  static const char text[] = "func main<ios17>(tensor<bool, []> p) {"
                             "  tensor<bool, []> y = while_loop(loop_vars = (p)) {"
                             "    block(tensor<bool, []> q) { } -> (q);"
                             "    block(tensor<bool, []> q) { } -> (q);"
                             "  }[name = string(\"l\")];"
                             "} -> (y);";
  text_model m = mode_make(text, &modes[0], NULL, 0);
  pome_error error;
  pthread_t thread;
  mode_set(&m, (input[]){INT("p", &one), {0}});
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, m.run), 0);
  assert_int_equal(pome_run_predict(m.run, NULL, &error), POME_CANCELLED);
  pthread_join(thread, NULL);
  mode_set(&m, (input[]){INT("p", &zero), {0}});
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  free_text_model(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(programs_agree),           cmocka_unit_test(runs_follow_their_data),
      cmocka_unit_test(results_outlive_inputs),   cmocka_unit_test(anything_can_be_kept),

      cmocka_unit_test(states_must_fit),          cmocka_unit_test(update_from_the_same_state),
      cmocka_unit_test(numbers_keep_their_value),

      cmocka_unit_test(inputs_left_out),          cmocka_unit_test(input_left_out_of_no_shape),
      cmocka_unit_test(inputs_may_lie_anywhere),  cmocka_unit_test(empty_loops_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
