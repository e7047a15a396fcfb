/* Products and gathers with constant matrices, whatever form the matrix has in the file: against
 * sums made here, in every mode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "modes.h"

typedef enum weights { HALF, SINGLE, PALETTE, GROUPS } weights;

static unsigned next(unsigned *seed) {
  return *seed = *seed * 1664525u + 1013904223u, *seed >> 16;
}

static size_t put_comma(char *text, bool comma) {
  return comma ? (size_t)sprintf(text, ", ") : 0;
}

static size_t put(char *text, size_t at, const char *format, double value, bool comma) {
  at += (size_t)sprintf(text + at, format, value);
  return at + put_comma(text + at, comma);
}

/* Constant "w" [n, k] of that form as program text; its values go to `w`. Multiples of 1/8 are
 * exact in every type. */
static size_t put_weights(char *text, weights form, int n, int k, float *w, unsigned seed) {
  int groups = form == GROUPS ? 2 : 1;
  float lut[32];
  bool packed = form == PALETTE || form == GROUPS;
  const char *type = packed ? "uint4" : form == HALF ? "fp16" : "fp32";
  for (int i = 0; i < 32; i++) lut[i] = (float)((int)(next(&seed) % 33) - 16) / 8;
  size_t at = (size_t)sprintf(
      text, "tensor<%s, [%d, %d]> %s = const()[name = string(\"%s\"), val = tensor<%s, [%d, %d]>([",
      type, n, k, packed ? "ix" : "w", packed ? "ix" : "w", type, n, k);
  for (int i = 0; i < n; i++) {
    at += (size_t)sprintf(text + at, "[");
    for (int j = 0; j < k; j++) {
      unsigned index = next(&seed) % 16;
      w[i * k + j] = lut[i / (n / groups) * 16 + (int)index];
      at = put(text, at, "%g", packed ? index : (double)w[i * k + j], j + 1 < k);
    }
    at += (size_t)sprintf(text + at, "]");
    at += put_comma(text + at, i + 1 < n);
  }
  at += (size_t)sprintf(text + at, "])];\n");
  if (!packed) return at;
  at += (size_t)sprintf(text + at,
                        "tensor<fp16, [%d, 1, 16, 1]> lut = const()[name = string(\"lut\"), val = "
                        "tensor<fp16, [%d, 1, 16, 1]>([",
                        groups, groups);
  for (int g = 0; g < groups; g++) {
    at += (size_t)sprintf(text + at, "[[");
    for (int i = 0; i < 16; i++) at = put(text, at, "[%g]", (double)lut[16 * g + i], i < 15);
    at += (size_t)sprintf(text + at, "]]");
    at += put_comma(text + at, g + 1 < groups);
  }
  return at + (size_t)sprintf(text + at,
                              "])];\ntensor<fp16, [%d, %d]> w = constexpr_lut_to_dense(indices = "
                              "ix, lut = lut)[name = string(\"w\")];\n",
                              n, k);
}

/* y = x w' + w[.., 0] as bias: exact in fp32 and, rounded once, in fp16. */
static void check_product(weights form, int m, int n, int k, bool matmul) {
  char *text = malloc((size_t)n * (size_t)k * 24 + 4096);
  assert_non_null(text);
  float *w = malloc((size_t)n * (size_t)k * sizeof *w),
        *x = malloc((size_t)m * (size_t)k * sizeof *x),
        *y = malloc((size_t)m * (size_t)n * sizeof *y);
  unsigned seed = (unsigned)(m * 1000 + n * 10 + k);
  const char *type = form == SINGLE ? "fp32" : "fp16";
  size_t at = (size_t)sprintf(text, "func main<ios18>(tensor<%s, [%d, %d]> x) {\n", type, m, k);
  at += put_weights(text + at, form, n, k, w, seed);
  const char *product =
      matmul ? "matmul(x = x, y = w, transpose_x = bool(false), transpose_y = bool(true))"
             : "linear(x = x, weight = w)";
  sprintf(text + at, "tensor<%s, [%d, %d]> y = %s[name = string(\"y\")];\n} -> (y);", type, m, n,
          product);
  for (int i = 0; i < m * k; i++) x[i] = (float)((int)(next(&seed) % 17) - 8) / 4;
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int p = 0; p < k; p++) sum += (double)x[i * k + p] * (double)w[j * k + p];
      y[i * n + j] = (float)sum;
    }
  }
  pome_error error;
  for (size_t how = 0; how < MODES; how++) {
    static float got[MOST];
    char what[64];
    pome_tensor shape;
    text_model model = mode_make(text, &modes[how], NULL, 0);
    mode_set(&model, (input[]){{"x", POME_FP32, 2, {m, k}, x}, {0}});
    check_ok(pome_run_predict(model.run, NULL, &error), &error);
    snprintf(what, sizeof what, "form %d, %d x %d x %d", form, m, n, k);
    check_near(what, modes[how].name, got, y, mode_result(&model, "y", got, &shape),
               form == SINGLE ? 1e-6f : 1e-3f);
    free_text_model(&model);
  }
  free(text);
  free(w);
  free(x);
  free(y);
}

static void products_agree(void **context) {
  (void)context;
  static const int sizes[][3] = {{1, 1, 2},   {1, 5, 7},    {1, 34, 62}, {2, 6, 10},
                                 {3, 18, 33}, {7, 46, 130}, {17, 10, 4}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const int *s = sizes[i];
    for (weights form = HALF; form <= GROUPS; form++) {
      if (form == GROUPS && s[1] % 2 != 0) continue;
      check_product(form, s[0], s[1], s[2], false);
      check_product(form, s[0], s[1], s[2], true);
    }
  }
}

/* Each sum is made by one thread, and in the same order wherever the columns are cut. */
static void threads_change_nothing(void **context) {
  (void)context;
  static float first[MOST], got[MOST], x[17 * 131], w[150 * 131];
  char *text = malloc(150 * 131 * 24 + 4096);
  assert_non_null(text);
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = 0.37f * (float)(i % 23) - 3;
  for (int rows = 1; rows <= 17; rows += 8) {
    for (weights form = HALF; form <= PALETTE; form++) {
      int k = form == PALETTE ? 130 : 131;
      size_t at = (size_t)sprintf(text, "func main<ios18>(tensor<fp32, [%d, %d]> x) {\n", rows, k);
      at += put_weights(text + at, form, 150, k, w, 3);
      sprintf(
          text + at,
          "tensor<fp32, [%d, 150]> y = linear(x = x, weight = w)[name = string(\"y\")];\n} -> (y);",
          rows);
      pome_model *model = open_text(text);
      for (int threads = 1; threads <= 5; threads++) {
        pome_error error;
        pome_tensor shape;
        pome_plan_options options;
        pome_plan_options_init(&options);
        options.threads = threads;
        text_model m = {.function = pome_model_find_function(model, NULL)};
        check_ok(pome_plan_create(m.function, &options, &m.plan, &error), &error);
        check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
        mode_set(&m, (input[]){{"x", POME_FP32, 2, {rows, k}, x}, {0}});
        check_ok(pome_run_predict(m.run, NULL, &error), &error);
        size_t count = mode_result(&m, "y", threads == 1 ? first : got, &shape);
        if (threads > 1 && memcmp(first, got, count * sizeof *got) != 0)
          fail_msg("form %d, %d rows, %d threads", form, rows, threads);
        free_text_model(&m);
      }
      pome_model_close(model);
    }
  }
  free(text);
}

/* Activations that are an expanded constant: what is read must be the dense form. */
static void product_of_constants(void **context) {
  (void)context;
  char text[4096];
  float w[4 * 6], y[16], got[16];
  pome_error error;
  size_t at = (size_t)sprintf(text, "func main<ios18>(tensor<fp16, [1]> x) {\n");
  at += put_weights(text + at, PALETTE, 4, 6, w, 5);
  sprintf(text + at,
          "tensor<fp16, [4, 4]> p = linear(x = w, weight = w)[name = string(\"p\")];\n"
          "tensor<fp16, [4, 4]> y = mul(x = p, y = x)[name = string(\"y\")];\n} -> (y);");
  for (int i = 0; i < 16; i++) {
    y[i] = 0;
    for (int k = 0; k < 6; k++) y[i] += w[i / 4 * 6 + k] * w[i % 4 * 6 + k];
  }
  for (size_t how = 0; how < MODES; how++) {
    float x = 1;
    pome_tensor shape;
    text_model m = mode_make(text, &modes[how], NULL, 0);
    mode_set(&m, (input[]){{"x", POME_FP32, 1, {1}, &x}, {0}});
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_near("a constant times itself", modes[how].name, got, y,
               mode_result(&m, "y", got, &shape), 1e-3f);
    free_text_model(&m);
  }
}

/* ---- rows of a palettized table ---- */

static void check_gather(const char *opset, const char *extra, const int32_t *indices,
                         const int *rows) {
  char text[4096];
  float w[8 * 6], want[18], got[18];
  pome_error error;
  size_t at = (size_t)sprintf(text, "func main<%s>(tensor<int32, [3]> i) {\n", opset);
  at += put_weights(text + at, GROUPS, 8, 6, w, 77);
  sprintf(text + at,
          "tensor<fp16, [3, 6]> y = gather(x = w, indices = i, axis = int32(0)%s)[name = "
          "string(\"y\")];\n} -> (y);",
          extra);
  for (int i = 0; rows != NULL && i < 18; i++) want[i] = w[rows[i / 6] * 6 + i % 6];
  for (size_t how = 0; how < MODES; how++) {
    pome_tensor shape;
    text_model m = mode_make(text, &modes[how], NULL, 0);
    mode_set(&m, (input[]){{"i", POME_INT32, 1, {3}, indices}, {0}});
    pome_status status = pome_run_predict(m.run, NULL, &error);
    if (rows == NULL) {
      assert_int_equal(status, POME_INPUT);
    } else {
      check_ok(status, &error);
      check_near("gather", modes[how].name, got, want, mode_result(&m, "y", got, &shape), 0);
    }
    free_text_model(&m);
  }
}

static void gathers_agree(void **context) {
  (void)context;
  const char *checked = ", batch_dims = int32(0), validate_indices = bool(true)";
  check_gather("ios18", checked, (int32_t[]){7, 0, 3}, (int[]){7, 0, 3});
  check_gather("ios18", checked, (int32_t[]){7, 8, 3}, NULL);
  check_gather("ios18", checked, (int32_t[]){7, -1, 3}, NULL);
  check_gather("ios18", ", batch_dims = int32(0), validate_indices = bool(false)",
               (int32_t[]){INT32_MAX, -1, 3}, (int[]){7, 0, 3});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_agree),
      cmocka_unit_test(product_of_constants),
      cmocka_unit_test(gathers_agree),
      cmocka_unit_test(threads_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
