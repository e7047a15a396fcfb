/* Random operations: what can be asked of an unspecified generator. Seeded numbers are the same at
 * every prediction on every device and other for other seeds; those without a seed go on; and the
 * samples have the distributions that were asked for: range, mean, variance, chi-squared over bins,
 * no correlation of neighbours.
 *
 * Seeds are fixed, so a result does not change from run to run; the limits are those that a right
 * generator passes 999 times of 1000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "modes.h"

#define DRAWS  40000
#define BINS   16
#define LIMIT  37.70 /* chi-squared of 15 degrees of freedom, 0.999 */
#define SIGMAS 4.0

static float samples[DRAWS], others[DRAWS];

typedef struct drawing {
  text_model m;
  const mode *how;
} drawing;

/* `op`: the call, with the type in place of each %s. */
static drawing begin(const char *op, const char *type, const char *shape, const mode *how) {
  char call[512], text[1024];
  snprintf(call, sizeof call, op, type, type);
  snprintf(text, sizeof text,
           "func main<ios17>(tensor<%s, [1]> x) {"
           "  tensor<%s, %s> y = %s[name = string(\"y\")];"
           "  tensor<%s, [1]> z = add(x = x, y = x)[name = string(\"z\")];"
           "} -> (y, z);",
           type, type, shape, call, type);
  return (drawing){mode_make(text, how, NULL, 0), how};
}

static void draw(drawing *d, float *out) {
  static const float x[1] = {1};
  pome_error error;
  pome_tensor y;
  const int64_t count = DRAWS;
  mode_set(&d->m, (input[]){{"x", POME_FP32, 1, {1}, x}, {0}});
  check_ok(pome_run_predict(d->m.run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(d->m.run, "y", &y, &error), &error);
  assert_int_equal(pome_tensor_count(&y), DRAWS);
  y.rank = 1; /* as one row */
  y.shape[0] = count;
  y.strides[0] = 1;
  pome_tensor floats = tensor_of(POME_FP32, 1, &count, out);
  check_ok(pome_tensor_copy(&y, &floats, &error), &error);
}

static void draw_once(const char *op, const char *type, const char *shape, const mode *how,
                      float *out) {
  drawing d = begin(op, type, shape, how);
  draw(&d, out);
  free_text_model(&d.m);
}

/* ---- statistics ---- */

static void near(const char *what, double got, double want, double deviation) {
  if (fabs(got - want) <= SIGMAS * deviation) return;
  fail_msg("%s is %.6g; %.6g is expected, give or take %.2g", what, got, want, deviation);
}

/* Mean, variance with its fourth moment, and the correlation of neighbours. */
static void check_moments(const float *v, double mean, double variance, double fourth) {
  double sum = 0, squares = 0, products = 0;
  for (int i = 0; i < DRAWS; i++) sum += v[i] - mean;
  for (int i = 0; i < DRAWS; i++) squares += (v[i] - mean) * (v[i] - mean);
  for (int i = 1; i < DRAWS; i++) products += (v[i] - mean) * (v[i - 1] - mean);
  near("the mean", mean + sum / DRAWS, mean, sqrt(variance / DRAWS));
  near("the variance", squares / DRAWS, variance, sqrt((fourth - variance * variance) / DRAWS));
  near("the correlation", products / (DRAWS - 1) / variance, 0, sqrt(1.0 / DRAWS));
}

/* `cdf` of a sample is uniform between 0 and 1. */
static void check_bins(const float *v, double (*cdf)(double)) {
  size_t seen[BINS] = {0};
  double chi = 0, wanted = (double)DRAWS / BINS;
  for (int i = 0; i < DRAWS; i++) {
    int bin = (int)(cdf(v[i]) * BINS);
    seen[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1]++;
  }
  for (int i = 0; i < BINS; i++) chi += ((double)seen[i] - wanted) * ((double)seen[i] - wanted);
  if (chi / wanted > LIMIT) fail_msg("chi-squared is %.2f, above %.2f", chi / wanted, LIMIT);
}

#define UNIFORM                                                                                    \
  "random_uniform(shape = tensor<int32, [1]>([40000]), low = %s(-1), high = %s(3), seed = "        \
  "int32(7))"
#define NORMAL                                                                                     \
  "random_normal(shape = tensor<int32, [1]>([40000]), mean = %s(2), stddev = %s(0.5), seed = "     \
  "int32(7))"

static double uniform_cdf(double v) {
  return (v + 1) / 4;
}

static double normal_cdf(double v) {
  return 0.5 * erfc(-(v - 2) / 0.5 / sqrt(2));
}

static void uniform_numbers(void **state) {
  (void)state;
  for (size_t how = 0; how < MODES; how++) {
    draw_once(UNIFORM, "fp32", "[40000]", &modes[how], samples);
    for (int i = 0; i < DRAWS; i++) assert_true(samples[i] >= -1 && samples[i] <= 3);
    check_moments(samples, 1, 16.0 / 12, 256.0 / 80);
    check_bins(samples, uniform_cdf);
    draw_once(UNIFORM, "fp16", "[40000]", &modes[how], samples);
    check_moments(samples, 1, 16.0 / 12, 256.0 / 80);
  }
}

static void normal_numbers(void **state) {
  (void)state;
  for (size_t how = 0; how < MODES; how++) {
    draw_once(NORMAL, "fp32", "[40000]", &modes[how], samples);
    check_moments(samples, 2, 0.25, 3 * 0.0625);
    check_bins(samples, normal_cdf);
    draw_once(NORMAL, "fp16", "[40000]", &modes[how], samples);
    check_moments(samples, 2, 0.25, 3 * 0.0625);
  }
}

static void bernoulli_trials(void **state) {
  (void)state;
  for (size_t how = 0; how < MODES; how++) {
    draw_once("random_bernoulli(shape = tensor<int32, [2]>([200, 200]), prob = %s(0.25), seed = "
              "int32(3))",
              "fp32", "[200, 200]", &modes[how], samples);
    for (int i = 0; i < DRAWS; i++) assert_true(samples[i] == 0 || samples[i] == 1);
    check_moments(samples, 0.25, 0.1875, 0.1875 * (1 - 3 * 0.1875));
  }
}

/* Two rows of 20000 draws: weights 1, 0, 3, 4, and all equal. */
static void categories_of(const char *op, const mode *how) {
  static const double rows[2][4] = {{1.0 / 8, 0, 3.0 / 8, 4.0 / 8}, {0.25, 0.25, 0.25, 0.25}};
  draw_once(op, "fp32", "[2, 20000]", how, samples);
  for (int r = 0; r < 2; r++) {
    double seen[4] = {0}, chi = 0;
    for (int i = 0; i < DRAWS / 2; i++) {
      int category = (int)samples[r * DRAWS / 2 + i];
      assert_true(category >= 0 && category < 4);
      seen[category]++;
    }
    for (int c = 0; c < 4; c++) {
      double wanted = rows[r][c] * DRAWS / 2;
      if (wanted == 0) assert_true(seen[c] == 0);
      else chi += (seen[c] - wanted) * (seen[c] - wanted) / wanted;
    }
    if (chi > 16.27) fail_msg("%s: chi-squared is %.2f, above 16.27", how->name, chi);
  }
}

static void categories(void **state) {
  (void)state;
  for (size_t how = 0; how < MODES; how++) {
    categories_of("random_categorical(x = tensor<%s, [2, 4]>([[1, 0, 3, 4], [2, 2, 2, 2]]), mode = "
                  "string(\"probs\"), size = int32(20000), seed = int32(5))",
                  &modes[how]);
    categories_of("random_categorical(x = tensor<%s, [2, 4]>([[0, -100, 1.0986123, 1.3862944], [7, "
                  "7, 7, 7]]), mode = string(\"logits\"), size = int32(20000), seed = int32(11))",
                  &modes[how]);
  }
}

static bool same(const float *a, const float *b) {
  return memcmp(a, b, DRAWS * sizeof *a) == 0;
}

static void a_seed_fixes_the_numbers(void **state) {
  (void)state;
  static float again[DRAWS];
  draw_once(UNIFORM, "fp32", "[40000]", &modes[0], samples);
  for (size_t how = 0; how < MODES; how++) {
    drawing d = begin(UNIFORM, "fp32", "[40000]", &modes[how]);
    draw(&d, others);
    draw(&d, again);
    assert_true(same(others, again));
    assert_true(same(others, samples));
    free_text_model(&d.m);
  }
  draw_once(
      "random_uniform(shape = tensor<int32, [1]>([40000]), low = %s(-1), high = %s(3), seed = "
      "int32(8))",
      "fp32", "[40000]", &modes[0], others);
  double products = 0;
  for (int i = 0; i < DRAWS; i++) products += (samples[i] - 1.0) * (others[i] - 1.0);
  near("the correlation of two seeds", products / DRAWS / (16.0 / 12), 0, sqrt(1.0 / DRAWS));
}

static void without_a_seed_numbers_go_on(void **state) {
  (void)state;
  for (size_t how = 0; how < MODES; how++) {
    drawing d = begin("random_uniform(shape = tensor<int32, [1]>([40000]), low = %s(-1), high = "
                      "%s(3))",
                      "fp32", "[40000]", &modes[how]);
    draw(&d, samples);
    draw(&d, others);
    assert_false(same(samples, others));
    check_moments(samples, 1, 16.0 / 12, 256.0 / 80);
    check_moments(others, 1, 16.0 / 12, 256.0 / 80);
    free_text_model(&d.m);
  }
}

/* A constant operation may be computed ahead; drawing may not. */
static void two_operations_draw_apart(void **state) {
  (void)state;
  static const char text[] =
      "func main<ios17>(tensor<fp32, [1]> x) {"
      "  tensor<fp32, [40000]> a = random_normal(shape = tensor<int32, [1]>([40000]), mean = "
      "fp32(0), stddev = fp32(1))[name = string(\"a\")];"
      "  tensor<fp32, [40000]> b = random_normal(shape = tensor<int32, [1]>([40000]), mean = "
      "fp32(0), stddev = fp32(1))[name = string(\"b\")];"
      "  tensor<fp32, [40000]> y = mul(x = a, y = b)[name = string(\"y\")];"
      "} -> (y);";
  for (size_t how = 0; how < MODES; how++) {
    drawing d = {mode_make(text, &modes[how], NULL, 0), &modes[how]};
    draw(&d, samples);
    check_moments(samples, 0, 1, 9);
    free_text_model(&d.m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uniform_numbers),           cmocka_unit_test(normal_numbers),
      cmocka_unit_test(bernoulli_trials),          cmocka_unit_test(categories),
      cmocka_unit_test(a_seed_fixes_the_numbers),  cmocka_unit_test(without_a_seed_numbers_go_on),
      cmocka_unit_test(two_operations_draw_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
