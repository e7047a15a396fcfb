/* Control flow: branches in loops in branches, loops in loops, lists that grow in loops, and the
 * form in which a converter writes a PyTorch GRU. Every program runs on every device in all
 * numerics, several times with other data, and is compared with what plain C makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "modes.h"

static const input *inputs_of(const float *x, int64_t count, const int32_t *n) {
  static input list[3];
  list[0] = (input){"x", POME_FP32, 1, {count}, x};
  list[1] = (input){"n", POME_INT32, 0, {0}, n};
  list[2] = (input){0};
  return list;
}

static size_t predict(text_model *m, const input *inputs, float *y) {
  pome_error error;
  pome_tensor shape;
  mode_set(m, inputs);
  check_ok(pome_run_predict(m->run, NULL, &error), &error);
  return mode_result(m, "y", y, &shape);
}

/* if n > 0: while n > 0: x = x * 2 if n is odd, else x + 1; n = n - 1. Else -x. */
static const char nested[] =
    "func main<ios17>(tensor<fp32, [2]> x, tensor<int32, []> n) {"
    "  tensor<bool, []> some = greater(x = n, y = int32(0))[name = string(\"some\")];"
    "  tensor<fp32, [2]> y = cond(pred = some) {"
    "    block() {"
    "      tensor<fp32, [2]> a, tensor<int32, []> b = while_loop(loop_vars = (x, n)) {"
    "        block(tensor<fp32, [2]> u, tensor<int32, []> i) {"
    "          tensor<bool, []> go = greater(x = i, y = int32(0))[name = string(\"go\")];"
    "        } -> (go);"
    "        block(tensor<fp32, [2]> u, tensor<int32, []> i) {"
    "          tensor<int32, []> rest = mod(x = i, y = int32(2))[name = string(\"rest\")];"
    "          tensor<bool, []> odd = equal(x = rest, y = int32(1))[name = string(\"odd\")];"
    "          tensor<fp32, [2]> v = cond(pred = odd) {"
    "            block() { tensor<fp32, [2]> t = mul(x = u, y = fp32(2))[name = string(\"t\")]; } "
    "-> (t);"
    "            block() { tensor<fp32, [2]> e = add(x = u, y = fp32(1))[name = string(\"e\")]; } "
    "-> (e);"
    "          }[name = string(\"v\")];"
    "          tensor<int32, []> j = sub(x = i, y = int32(1))[name = string(\"j\")];"
    "        } -> (v, j);"
    "      }[name = string(\"loop\")];"
    "    } -> (a);"
    "    block() { tensor<fp32, [2]> m = mul(x = x, y = fp32(-1))[name = string(\"m\")]; } -> (m);"
    "  }[name = string(\"y\")];"
    "} -> (y);";

static float nested_in_c(float x, int n) {
  if (n <= 0) return -x;
  for (; n > 0; n--) x = n % 2 == 1 ? x * 2 : x + 1;
  return x;
}

static void a_branch_in_a_loop_in_a_branch(void **state) {
  (void)state;
  static const float x[2] = {3, -1};
  static const int32_t turns[] = {0, 1, 2, 7, -3, 4};
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(nested, &modes[how], NULL, 0);
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
      float y[MOST], want[2];
      for (int k = 0; k < 2; k++) want[k] = nested_in_c(x[k], turns[i]);
      assert_int_equal(predict(&m, inputs_of(x, 2, &turns[i]), y), 2);
      check_near("nested", modes[how].name, y, want, 2, 0);
    }
    free_text_model(&m);
  }
}

/* The sum of x * i * j for j < i < n: the inner loop's bound is the outer one's variable. */
static const char triangle[] =
    "func main<ios17>(tensor<fp32, [1]> x, tensor<int32, []> n) {"
    "  tensor<fp32, [1]> zero = mul(x = x, y = fp32(0))[name = string(\"zero\")];"
    "  tensor<fp32, [1]> y, tensor<int32, []> last = while_loop(loop_vars = (zero, int32(0))) {"
    "    block(tensor<fp32, [1]> s, tensor<int32, []> i) {"
    "      tensor<bool, []> go = less(x = i, y = n)[name = string(\"go\")];"
    "    } -> (go);"
    "    block(tensor<fp32, [1]> s, tensor<int32, []> i) {"
    "      tensor<fp32, [1]> t, tensor<int32, []> end = while_loop(loop_vars = (s, int32(0))) {"
    "        block(tensor<fp32, [1]> u, tensor<int32, []> j) {"
    "          tensor<bool, []> on = less(x = j, y = i)[name = string(\"on\")];"
    "        } -> (on);"
    "        block(tensor<fp32, [1]> u, tensor<int32, []> j) {"
    "          tensor<int32, []> ij = mul(x = i, y = j)[name = string(\"ij\")];"
    "          tensor<fp32, []> f = cast(x = ij, dtype = string(\"fp32\"))[name = string(\"f\")];"
    "          tensor<fp32, [1]> p = mul(x = x, y = f)[name = string(\"p\")];"
    "          tensor<fp32, [1]> v = add(x = u, y = p)[name = string(\"v\")];"
    "          tensor<int32, []> k = add(x = j, y = int32(1))[name = string(\"k\")];"
    "        } -> (v, k);"
    "      }[name = string(\"inner\")];"
    "      tensor<int32, []> h = add(x = i, y = int32(1))[name = string(\"h\")];"
    "    } -> (t, h);"
    "  }[name = string(\"outer\")];"
    "} -> (y);";

static void a_loop_in_a_loop(void **state) {
  (void)state;
  static const float x[1] = {0.5f};
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(triangle, &modes[how], NULL, 0);
    for (int32_t n = 0; n < 7; n += 3) {
      float y[MOST], want = 0;
      for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) want += x[0] * (float)(i * j);
      assert_int_equal(predict(&m, inputs_of(x, 1, &n), y), 1);
      check_near("triangle", modes[how].name, y, &want, 1, 0);
    }
    free_text_model(&m);
  }
}

/* A list without a length of its own gets i * x at place i, and is gathered as it has grown. */
static const char growing[] =
    "func main<ios17>(tensor<fp32, [2]> x, tensor<int32, []> n) {"
    "  list<tensor<fp32, [2]>, ?> l = make_list(init_length = int32(1), dynamic_length = "
    "bool(true),"
    " elem_shape = tensor<int32, [1]>([2]), dtype = string(\"fp32\"))[name = string(\"l\")];"
    "  tensor<int32, []> last, list<tensor<fp32, [2]>, ?> m = while_loop(loop_vars = (int32(0), l))"
    " {"
    "    block(tensor<int32, []> i, list<tensor<fp32, [2]>, ?> a) {"
    "      tensor<bool, []> go = less(x = i, y = n)[name = string(\"go\")];"
    "    } -> (go);"
    "    block(tensor<int32, []> i, list<tensor<fp32, [2]>, ?> a) {"
    "      tensor<fp32, []> f = cast(x = i, dtype = string(\"fp32\"))[name = string(\"f\")];"
    "      tensor<fp32, [2]> v = mul(x = x, y = f)[name = string(\"v\")];"
    "      list<tensor<fp32, [2]>, ?> b = list_write(ls = a, index = i, value = v)[name = "
    "string(\"b\")];"
    "      tensor<int32, []> j = add(x = i, y = int32(1))[name = string(\"j\")];"
    "    } -> (j, b);"
    "  }[name = string(\"loop\")];"
    "  tensor<int32, []> k = list_length(ls = m)[name = string(\"k\")];"
    "  tensor<int32, [?]> all = range_1d(start = int32(0), end = k, step = int32(1))[name = "
    "string(\"all\")];"
    "  tensor<fp32, [?, 2]> y = list_gather(ls = m, indices = all)[name = string(\"y\")];"
    "} -> (y);";

static void a_list_that_grows_in_a_loop(void **state) {
  (void)state;
  static const float x[2] = {1, -2};
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(growing, &modes[how], NULL, 0);
    for (int32_t n = 5; n > 0; n -= 2) {
      float y[MOST], want[10];
      for (int i = 0; i < 2 * n; i++) want[i] = (float)(i / 2) * x[i % 2];
      assert_int_equal(predict(&m, inputs_of(x, 2, &n), y), 2 * n);
      check_near("growing", modes[how].name, y, want, (size_t)(2 * n), 0);
    }
    free_text_model(&m);
  }
}

/* torch.nn.GRU as the converter writes it: a loop over time with gather, two linear layers and a
 * list. Three steps, one input, two units. Rows are r, z, n, and the reset follows the product. */
static const char torch_gru[] =
    "func main<ios17>(tensor<fp32, [3, 1]> x) {"
    "  tensor<fp32, [6, 1]> wi = const()[name = string(\"wi\"), val = tensor<fp32, [6, 1]>([[0.5], "
    "[-1], [0.25], [0.75], [1], [-0.5]])];"
    "  tensor<fp32, [6, 2]> wh = const()[name = string(\"wh\"), val = tensor<fp32, [6, 2]>([[0.5, "
    "-0.25], [0.25, 1], [-0.5, 0.5], [1, 0.25], [0.75, -0.5], [-0.25, 0.5]])];"
    "  tensor<fp32, [6]> bi = const()[name = string(\"bi\"), val = tensor<fp32, [6]>([0.125, "
    "-0.25, 0.5, 0, 0.25, -0.5])];"
    "  tensor<fp32, [6]> bh = const()[name = string(\"bh\"), val = tensor<fp32, [6]>([0.25, 0.125, "
    "-0.5, 0.5, 0.75, -0.125])];"
    "  tensor<fp32, [1, 2]> h0 = const()[name = string(\"h0\"), val = tensor<fp32, [1, 2]>([[0, "
    "0]])];"
    "  list<tensor<fp32, [1, 2]>, 3> l = make_list(init_length = int32(3), dynamic_length = "
    "bool(false), elem_shape = tensor<int32, [2]>([1, 2]), dtype = string(\"fp32\"))[name = "
    "string(\"l\")];"
    "  tensor<int32, []> t, list<tensor<fp32, [1, 2]>, 3> m, tensor<fp32, [1, 2]> h = "
    "while_loop(loop_vars = (int32(0), l, h0)) {"
    "    block(tensor<int32, []> i, list<tensor<fp32, [1, 2]>, 3> a, tensor<fp32, [1, 2]> s) {"
    "      tensor<bool, []> go = less(x = i, y = int32(3))[name = string(\"go\")];"
    "    } -> (go);"
    "    block(tensor<int32, []> i, list<tensor<fp32, [1, 2]>, 3> a, tensor<fp32, [1, 2]> s) {"
    "      tensor<fp32, [1]> row = gather(x = x, indices = i, axis = int32(0), batch_dims = "
    "int32(0), validate_indices = bool(false))[name = string(\"row\")];"
    "      tensor<fp32, [1, 1]> xt = expand_dims(x = row, axes = tensor<int32, [1]>([0]))[name = "
    "string(\"xt\")];"
    "      tensor<fp32, [1, 6]> gi = linear(x = xt, weight = wi, bias = bi)[name = string(\"gi\")];"
    "      tensor<fp32, [1, 6]> gh = linear(x = s, weight = wh, bias = bh)[name = string(\"gh\")];"
    "      tensor<fp32, [1, 2]> ir, tensor<fp32, [1, 2]> iz, tensor<fp32, [1, 2]> in = split(x = "
    "gi, num_splits = int32(3), axis = int32(1))[name = string(\"si\")];"
    "      tensor<fp32, [1, 2]> hr, tensor<fp32, [1, 2]> hz, tensor<fp32, [1, 2]> hn = split(x = "
    "gh, num_splits = int32(3), axis = int32(1))[name = string(\"sh\")];"
    "      tensor<fp32, [1, 2]> sr = add(x = ir, y = hr)[name = string(\"sr\")];"
    "      tensor<fp32, [1, 2]> r = sigmoid(x = sr)[name = string(\"r\")];"
    "      tensor<fp32, [1, 2]> sz = add(x = iz, y = hz)[name = string(\"sz\")];"
    "      tensor<fp32, [1, 2]> z = sigmoid(x = sz)[name = string(\"z\")];"
    "      tensor<fp32, [1, 2]> rh = mul(x = r, y = hn)[name = string(\"rh\")];"
    "      tensor<fp32, [1, 2]> sn = add(x = in, y = rh)[name = string(\"sn\")];"
    "      tensor<fp32, [1, 2]> nn = tanh(x = sn)[name = string(\"nn\")];"
    "      tensor<fp32, [1, 2]> d = sub(x = s, y = nn)[name = string(\"d\")];"
    "      tensor<fp32, [1, 2]> zd = mul(x = z, y = d)[name = string(\"zd\")];"
    "      tensor<fp32, [1, 2]> next = add(x = nn, y = zd)[name = string(\"next\")];"
    "      list<tensor<fp32, [1, 2]>, 3> b = list_write(ls = a, index = i, value = next)[name = "
    "string(\"b\")];"
    "      tensor<int32, []> j = add(x = i, y = int32(1))[name = string(\"j\")];"
    "    } -> (j, b, next);"
    "  }[name = string(\"loop\")];"
    "  tensor<fp32, [3, 1, 2]> y = list_gather(ls = m, indices = tensor<int32, [3]>([0, 1, "
    "2]))[name = string(\"y\")];"
    "} -> (y);";

static void gru_in_c(const float *x, float *y) {
  static const double wi[6] = {0.5, -1, 0.25, 0.75, 1, -0.5};
  static const double wh[6][2] = {{0.5, -0.25}, {0.25, 1},    {-0.5, 0.5},
                                  {1, 0.25},    {0.75, -0.5}, {-0.25, 0.5}};
  static const double bi[6] = {0.125, -0.25, 0.5, 0, 0.25, -0.5};
  static const double bh[6] = {0.25, 0.125, -0.5, 0.5, 0.75, -0.125};
  double h[2] = {0, 0};
  for (int t = 0; t < 3; t++) {
    double gi[6], gh[6];
    for (int g = 0; g < 6; g++) {
      gi[g] = wi[g] * x[t] + bi[g];
      gh[g] = wh[g][0] * h[0] + wh[g][1] * h[1] + bh[g];
    }
    for (int u = 0; u < 2; u++) {
      double r = 1 / (1 + exp(-gi[u] - gh[u])), z = 1 / (1 + exp(-gi[2 + u] - gh[2 + u]));
      double n = tanh(gi[4 + u] + r * gh[4 + u]);
      h[u] = (1 - z) * n + z * h[u];
      y[2 * t + u] = (float)h[u];
    }
  }
}

static void a_gru_as_a_loop_over_a_list(void **state) {
  (void)state;
  static const float series[2][3] = {{1, -2, 0.5f}, {0, 3, -1}};
  for (size_t how = 0; how < MODES; how++) {
    text_model m = mode_make(torch_gru, &modes[how], NULL, 0);
    for (int i = 0; i < 2; i++) {
      float y[MOST], want[6];
      gru_in_c(series[i], want);
      const input inputs[] = {{"x", POME_FP32, 2, {3, 1}, series[i]}, {0}};
      assert_int_equal(predict(&m, inputs, y), 6);
      check_near("torch's GRU", modes[how].name, y, want, 6, 2e-6f);
    }
    free_text_model(&m);
  }
}

/* identity hands on whatever there is: a list, which is then written without harm to the first one,
 * and the probabilities of a classifier. */
static void identity_of_lists_and_dictionaries(void **state) {
  (void)state;
  static const char text[] =
      "func main<ios17>(tensor<fp32, [2]> x, tensor<int32, []> n) {"
      "  list<tensor<fp32, [2]>, 2> l = make_list(init_length = int32(2), dynamic_length = "
      "bool(false), elem_shape = tensor<int32, [1]>([2]), dtype = string(\"fp32\"))[name = "
      "string(\"l\")];"
      "  list<tensor<fp32, [2]>, 2> m = list_write(ls = l, index = n, value = x)[name = "
      "string(\"m\")];"
      "  list<tensor<fp32, [2]>, 2> i = identity(x = m)[name = string(\"i\")];"
      "  tensor<fp32, [2]> twice = add(x = x, y = x)[name = string(\"twice\")];"
      "  list<tensor<fp32, [2]>, 2> w = list_write(ls = i, index = n, value = twice)[name = "
      "string(\"w\")];"
      "  tensor<fp32, [2]> old = list_read(ls = m, index = n)[name = string(\"old\")];"
      "  tensor<fp32, [2]> new = list_read(ls = w, index = n)[name = string(\"new\")];"
      "  tensor<fp32, [4]> y = concat(values = (old, new), axis = int32(0), interleave = "
      "bool(false))[name = string(\"y\")];"
      "  tensor<string, []> label, dict<tensor<string, []>, tensor<fp64, []>> p = "
      "classify(probabilities = x, classes = list<tensor<string, []>, 2>([\"a\", \"b\"]))[name = "
      "string(\"label\")];"
      "  dict<tensor<string, []>, tensor<fp64, []>> d = identity(x = p)[name = string(\"d\")];"
      "} -> (y, label, d);";
  static const float x[2] = {3, -1}, want[4] = {3, -1, 6, -2};
  static const int32_t n = 1;
  for (size_t how = 0; how < MODES; how++) {
    float y[MOST];
    pome_tensor shape;
    text_model m = mode_make(text, &modes[how], NULL, 0);
    for (int round = 0; round < 2; round++) {
      assert_int_equal(predict(&m, inputs_of(x, 2, &n), y), 4);
      check_near("old and new", modes[how].name, y, want, 4, 0);
      assert_int_equal(mode_result(&m, "d", y, &shape), 2);
      check_near("a dictionary", modes[how].name, y, x, 2, 0);
    }
    free_text_model(&m);
  }
}

/* Language models make shapes of numbers without dimensions; the result of concat is declared with
 * its length, with an unknown one, or with an unknown rank. */
static void shapes_from_scalars_declared_in_any_way(void **state) {
  (void)state;
  static const char *const declared[] = {"int32, [3]", "int32, [?]", "int32, ?"};
  static const float x[6] = {1, 2, 3, 4, 5, 6};
  static const int32_t n = 3;
  for (size_t d = 0; d < sizeof declared / sizeof declared[0]; d++) {
    char text[1024];
    snprintf(text, sizeof text,
             "func main<ios17>(tensor<fp32, [6]> x, tensor<int32, []> n) {"
             "  tensor<%s> s = concat(values = (int32(1), n, int32(-1)), axis = int32(0), "
             "interleave = bool(false))[name = string(\"s\")];"
             "  tensor<fp32, [?, ?, ?]> y = reshape(x = x, shape = s)[name = string(\"y\")];"
             "} -> (y);",
             declared[d]);
    for (size_t how = 0; how < MODES; how++) {
      float y[MOST];
      text_model m = mode_make(text, &modes[how], NULL, 0);
      assert_int_equal(predict(&m, inputs_of(x, 6, &n), y), 6);
      check_near(declared[d], modes[how].name, y, x, 6, 0);
      free_text_model(&m);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_branch_in_a_loop_in_a_branch),
      cmocka_unit_test(a_loop_in_a_loop),
      cmocka_unit_test(a_list_that_grows_in_a_loop),
      cmocka_unit_test(a_gru_as_a_loop_over_a_list),
      cmocka_unit_test(identity_of_lists_and_dictionaries),
      cmocka_unit_test(shapes_from_scalars_declared_in_any_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
