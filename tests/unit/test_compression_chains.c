/* Constants that are compressed twice, as programs: palettes whose values have scales, sparse
 * palettes, sparse scaled values, scales that are compressed themselves; used by what reads
 * constants (products, convolutions, gather, arithmetic). Each program runs on every device in all
 * numerics, with its data in the text and once more from a weight file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "load/load.h"
#include "modes.h"
#include "ops/ops.h"
#include "runtime/runtime.h"
#include "stored.h"

/* Every chain makes w [2, 4] of fp16 or fp32 with these numbers. */
typedef struct chain {
  const char *what, *text;
  const char *type;
  float w[8];
} chain;

#define MASK                                                                                       \
  "tensor<uint1, [2, 4]> m = const()[name = string(\"m\"), val = tensor<uint1, [2, 4]>([[1, 0, "   \
  "0, "                                                                                            \
  "1], [0, 1, 1, 0]])];"

static const chain chains[] = {
    {"a palette of 8-bit values, scaled by block with an offset",
     "tensor<int8, [2, 4]> p = constexpr_lut_to_dense(indices = tensor<uint2, [2, 4]>([[0, 1, 2, "
     "3], [3, 2, 1, 0]]), lut = tensor<int8, [1, 1, 4, 1]>([[[[-8], [0], [4], [8]]]]))[name = "
     "string(\"p\")];tensor<fp16, [2, 4]> w = constexpr_blockwise_shift_scale(data = p, scale = "
     "tensor<fp16, [2, 2]>([[1, 0.5], [2, 0.25]]), offset = tensor<int8, [2, 2]>([[0, 2], [-2, "
     "0]]))[name = string(\"w\")];",
     "fp16",
     {-8, 0, 1, 3, 20, 12, 0, -2}},
    {"a palette of unsigned values by rows, scaled by row, without offset",
     "tensor<uint8, [2, 4]> p = constexpr_lut_to_dense(indices = tensor<uint1, [2, 4]>([[0, 1, 1, "
     "0], [1, 0, 0, 1]]), lut = tensor<uint8, [2, 1, 2, 1]>([[[[0], [200]]], [[[1], "
     "[255]]]]))[name = string(\"p\")];tensor<fp32, [2, 4]> w = "
     "constexpr_blockwise_shift_scale(data = p, scale = tensor<fp32, [2, 1]>([[0.5], [2]]))[name = "
     "string(\"w\")];",
     "fp32",
     {0, 100, 100, 0, 510, 2, 2, 510}},
    {"a vector palette of 8-bit values, scaled with a float offset",
     "tensor<int8, [2, 4]> p = constexpr_lut_to_dense(indices = tensor<uint2, [2, 2]>([[0, 1], [2, "
     "3]]), lut = tensor<int8, [1, 1, 4, 2]>([[[[1, 2], [3, 4], [5, 6], [7, 8]]]]), vector_axis = "
     "int32(1))[name = string(\"p\")];tensor<fp16, [2, 4]> w = "
     "constexpr_blockwise_shift_scale(data = p, scale = tensor<fp16, [1, 1]>([[2]]), offset = "
     "tensor<fp16, [1, 1]>([[0.5]]))[name = string(\"w\")];",
     "fp16",
     {1, 3, 5, 7, 9, 11, 13, 15}},
    {"sparse values, scaled: zeros of the mask are shifted too",
     MASK "tensor<int4, [2, 4]> d = constexpr_sparse_to_dense(nonzero_data = tensor<int4, [4]>([1, "
          "2, -3, 4]), mask = m)[name = string(\"d\")];tensor<fp16, [2, 4]> w = "
          "constexpr_blockwise_shift_scale(data = d, scale = tensor<fp16, [1, 2]>([[1, 2]]), "
          "offset = tensor<int4, [1, 2]>([[0, 1]]))[name = string(\"w\")];",
     "fp16",
     {1, 0, -2, 2, 0, -3, 6, -2}},
    {"scaled sparse values: zeros of the mask stay zeros",
     MASK "tensor<uint1, [2, 4]> k, tensor<fp16, [4]> v = "
          "constexpr_sparse_blockwise_shift_scale(data_mask = m, nonzero_data = tensor<int4, "
          "[4]>([1, 2, -3, 4]), scale = tensor<fp16, [1, 2]>([[1, 2]]), offset = tensor<int4, [1, "
          "2]>([[0, 1]]))[name = string(\"v\")];tensor<fp16, [2, 4]> w = "
          "constexpr_sparse_to_dense(nonzero_data = v, mask = k)[name = string(\"w\")];",
     "fp16",
     {1, 0, 0, 2, 0, -3, 6, 0}},
    {"a sparse palette",
     MASK
     "tensor<uint1, [2, 4]> k, tensor<fp32, [4]> v = constexpr_lut_to_sparse(indices_mask = m, "
     "indices_nonzero_data = tensor<uint2, [4]>([1, 3, 0, 2]), lut = tensor<fp32, [2, 1, 4, "
     "1]>([[[[1], [2], [3], [4]]], [[[5], [6], [7], [8]]]]))[name = string(\"v\")];tensor<fp32, "
     "[2, 4]> w = constexpr_sparse_to_dense(nonzero_data = v, mask = k)[name = string(\"w\")];",
     "fp32",
     {2, 0, 0, 4, 0, 5, 7, 0}},
    {"a sparse vector palette: the mask is expanded",
     "tensor<uint1, [2, 4]> k, tensor<fp16, [6]> v = constexpr_lut_to_sparse(indices_mask = "
     "tensor<uint1, [2, 2]>([[1, 0], [1, 1]]), indices_nonzero_data = tensor<uint1, [3]>([1, 0, "
     "1]), lut = tensor<fp16, [1, 1, 2, 2]>([[[[1, 2], [3, 4]]]]), vector_axis = int32(1))[name = "
     "string(\"v\")];tensor<fp16, [2, 4]> w = constexpr_sparse_to_dense(nonzero_data = v, mask = "
     "k)[name = string(\"w\")];",
     "fp16",
     {3, 4, 0, 0, 1, 2, 3, 4}},
    {"a sparse palette of 8-bit values, scaled, then dense: three in a row",
     MASK "tensor<uint1, [2, 4]> k, tensor<int8, [4]> v = constexpr_lut_to_sparse(indices_mask = "
          "m, indices_nonzero_data = tensor<uint1, [4]>([1, 0, 0, 1]), lut = tensor<int8, [1, 1, "
          "2, 1]>([[[[-4], [100]]]]))[name = string(\"v\")];tensor<uint1, [2, 4]> l, tensor<fp16, "
          "[4]> u = constexpr_sparse_blockwise_shift_scale(data_mask = k, nonzero_data = v, scale "
          "= tensor<fp16, [2, 1]>([[0.5], [1]]), offset = tensor<int8, [2, 1]>([[0], [4]]))[name = "
          "string(\"u\")];tensor<fp16, [2, 4]> w = constexpr_sparse_to_dense(nonzero_data = u, "
          "mask = l)[name = string(\"w\")];",
     "fp16",
     {50, 0, 0, -2, 0, -8, 96, 0}},
    {"scales that are themselves scaled",
     "tensor<fp16, [2, 2]> s = constexpr_blockwise_shift_scale(data = tensor<uint4, [2, 2]>([[1, "
     "2], [3, 4]]), scale = tensor<fp16, [1, 1]>([[0.5]]))[name = string(\"s\")];tensor<fp16, [2, "
     "4]> w = constexpr_blockwise_shift_scale(data = tensor<int4, [2, 4]>([[1, 2, 3, 4], [-1, -2, "
     "-3, -4]]), scale = s)[name = string(\"w\")];",
     "fp16",
     {0.5f, 1, 3, 4, -1.5f, -3, -6, -8}},
    {"a palette that is itself scaled",
     "tensor<fp16, [1, 1, 4, 1]> t = constexpr_blockwise_shift_scale(data = tensor<int8, [1, 1, 4, "
     "1]>([[[[-2], [-1], [1], [2]]]]), scale = tensor<fp16, [1, 1, 1, 1]>([[[[4]]]]))[name = "
     "string(\"t\")];tensor<fp16, [2, 4]> w = constexpr_lut_to_dense(indices = tensor<uint2, [2, "
     "4]>([[0, 1, 2, 3], [3, 2, 1, 0]]), lut = t)[name = string(\"w\")];",
     "fp16",
     {-8, -4, 4, 8, 8, 4, -4, -8}},
    {"halves that are cast",
     "tensor<fp32, [2, 4]> w = constexpr_cast(source_val = tensor<fp16, [2, 4]>([[1, 2, 3, 4], [5, "
     "6, 7, 8]]), output_dtype = string(\"fp32\"))[name = string(\"w\")];",
     "fp32",
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {"sparse halves that are cast",
     MASK "tensor<fp16, [2, 4]> d = constexpr_sparse_to_dense(nonzero_data = tensor<fp16, [4]>([1, "
          "2, -3, 4]), mask = m)[name = string(\"d\")];tensor<fp32, [2, 4]> w = "
          "constexpr_cast(source_val = d, output_dtype = string(\"fp32\"))[name = string(\"w\")];",
     "fp32",
     {1, 0, 0, 2, 0, -3, 4, 0}},
};
#define CHAINS (sizeof chains / sizeof chains[0])

/* What reads w; x is [1, 4] with 1, 2, 4, 8. */
typedef struct use {
  const char *what, *format; /* with the type three times */
  void (*expect)(const float *w, float *y);
  size_t count;
} use;

static const float x[4] = {1, 2, 4, 8};

static void expect_product(const float *w, float *y) {
  for (int r = 0; r < 2; r++) {
    y[r] = 0;
    for (int c = 0; c < 4; c++) y[r] += w[4 * r + c] * x[c];
  }
}

static void expect_sum(const float *w, float *y) {
  for (int i = 0; i < 8; i++) y[i] = w[i] + x[i % 4];
}

static void expect_row(const float *w, float *y) {
  for (int i = 0; i < 4; i++) y[i] = w[4 + i];
}

static void expect_itself(const float *w, float *y) {
  memcpy(y, w, 8 * sizeof *y);
}

static const use uses[] = {
    {"linear", "tensor<%s, [1, 2]> y = linear(x = x, weight = w)[name = string(\"y\")];",
     expect_product, 2},
    {"matmul",
     "tensor<%s, [1, 2]> y = matmul(x = x, y = w, transpose_x = bool(false), transpose_y = "
     "bool(true))[name = string(\"y\")];",
     expect_product, 2},
    {"add", "tensor<%s, [2, 4]> y = add(x = w, y = x)[name = string(\"y\")];", expect_sum, 8},
    {"gather",
     "tensor<%s, [1, 4]> y = gather(x = w, indices = tensor<int32, [1]>([1]), axis = int32(0), "
     "batch_dims = int32(0), validate_indices = bool(false))[name = string(\"y\")];",
     expect_row, 4},
    {"nothing between", "tensor<%s, [2, 4]> y = identity(x = w)[name = string(\"y\")];",
     expect_itself, 8},
};
#define USES (sizeof uses / sizeof uses[0])

static void run_model(const pome_model *model, const chain *c, const use *u, const mode *how) {
  text_model m = {.function = pome_model_find_function(model, NULL)};
  pome_plan_options options;
  pome_error error;
  float got[MOST], want[8];
  char what[256];
  pome_tensor shape;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  options.isa = how->isa;
  snprintf(what, sizeof what, "%s, read by %s", c->what, u->what);
  check_ok(pome_plan_create(m.function, &options, &m.plan, &error), &error);
  check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
  mode_set(&m, (input[]){{"x", POME_FP32, 2, {1, 4}, x}, {0}});
  check_ok(pome_run_predict(m.run, NULL, &error), &error);
  u->expect(c->w, want);
  assert_int_equal(mode_result(&m, "y", got, &shape), u->count);
  check_near(what, how->name, got, want, u->count, 0);
  pome_run_free(m.run);
  pome_plan_free(m.plan);
}

static void run_chain(const chain *c, const use *u) {
  char text[4096], body[512];
  snprintf(body, sizeof body, u->format, c->type);
  snprintf(text, sizeof text, "func main<ios18>(tensor<%s, [1, 4]> x) {%s%s} -> (y);", c->type,
           c->text, body);
  pome_model *model = open_text(text);
  for (size_t how = 0; how < MODES; how++) run_model(model, c, u, &modes[how]);
  assert_true(stored_mark(model->program) > 0);
  pome_model *again = stored_open(model);
  for (size_t how = 0; how < MODES; how++) run_model(again, c, u, &modes[how]);
  pome_model_close(again);
  pome_model_close(model);
}

static void all_chains_in_all_uses(void **state) {
  (void)state;
  for (size_t c = 0; c < CHAINS; c++)
    for (size_t u = 0; u < USES; u++) run_chain(&chains[c], &uses[u]);
}

/* Filters [2, 1, 4] over x as [1, 1, 4]: the same sums as the product. */
static void all_chains_as_filters(void **state) {
  (void)state;
  static const use filters = {"conv",
                              "tensor<%s, [1, 1, 4]> e = expand_dims(x = x, axes = tensor<int32, "
                              "[1]>([0]))[name = string(\"e\")];",
                              expect_product, 2};
  for (size_t c = 0; c < CHAINS; c++) {
    char text[4096], body[1024];
    const char *type = chains[c].type;
    snprintf(body, sizeof body, filters.format, type);
    snprintf(text, sizeof text,
             "func main<ios18>(tensor<%s, [1, 4]> x) {%s%stensor<%s, [2, 1, 4]> f = expand_dims(x "
             "= w, axes = tensor<int32, [1]>([1]))[name = string(\"f\")];tensor<%s, [1, 2, 1]> y = "
             "conv(x = e, weight = f, strides = tensor<int32, [1]>([1]), pad_type = "
             "string(\"valid\"), pad = tensor<int32, [2]>([0, 0]), dilations = tensor<int32, "
             "[1]>([1]), groups = int32(1))[name = string(\"y\")];} -> (y);",
             type, chains[c].text, body, type, type);
    pome_model *model = open_text(text);
    for (size_t how = 0; how < MODES; how++) run_model(model, &chains[c], &filters, &modes[how]);
    pome_model_close(model);
  }
}

/* Constants that follow from inputs are not constants. */
static void parameters_must_be_constants(void **state) {
  (void)state;
  static const char text[] =
      "program(1.3)\n{\nfunc main<ios18>(tensor<int8, [2, 4]> x) {tensor<fp16, [2, 4]> w = "
      "constexpr_blockwise_shift_scale(data = x, scale = tensor<fp16, [1, 1]>([[2]]))[name = "
      "string(\"w\")];} -> (w);\n}\n";
  pome__program *program = NULL;
  pome_error error = {0};
  pome_status status = pome__load_mil_text((pome__bytes){(const uint8_t *)text, sizeof text - 1},
                                           NULL, NULL, 0, &program, &error);
  if (status == POME_OK) status = pome__program_verify(program, &error);
  if (status == POME_OK) status = pome__program_resolve(program, &error);
  assert_int_equal(status, POME_INPUT);
  if (strstr(error.message, "'data' must be known at compile time") == NULL)
    fail_msg("%s", error.message);
  pome__program_free(program);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_chains_in_all_uses),
      cmocka_unit_test(all_chains_as_filters),
      cmocka_unit_test(parameters_must_be_constants),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
