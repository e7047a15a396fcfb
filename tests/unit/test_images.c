/* Images at the edge of a program: channel orders, alpha, strides, element types, sizes, and back
 * to pixels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "described_model.h"
#include "tensor/element.h"
#include "text_model.h"

enum { GRAY = 10, RGB = 20, BGR = 30, HALF = 40 };

/* What a program is given comes out as a tensor; the layout of a port is all that differs. */
static const char hand_on_color[] = "func main<ios16>(tensor<fp16, [1, 3, 2, 3]> in) {\n"
                                    "  tensor<fp16, [1, 3, 2, 3]> out = identity(x = in)[name = "
                                    "tensor<string, []>(\"out\")];\n} -> (out);";
static const char hand_on_gray[] = "func main<ios16>(tensor<fp32, [1, 1, 2, 3]> in) {\n"
                                   "  tensor<fp32, [1, 1, 2, 3]> out = identity(x = in)[name = "
                                   "tensor<string, []>(\"out\")];\n} -> (out);";

typedef struct ready {
  pome_model *model;
  pome_plan *plan;
  pome_run *run;
} ready;

static ready prepare(pome_model *model, const char *device, const pome_allocator *allocator) {
  ready r = {.model = model};
  pome_error error;
  pome_plan_options plan;
  pome_plan_options_init(&plan);
  plan.devices = device;
  pome_run_options run;
  pome_run_options_init(&run);
  run.allocator = allocator;
  check_ok(pome_plan_create(pome_model_find_function(model, NULL), &plan, &r.plan, &error), &error);
  check_ok(pome_run_create(r.plan, &run, &r.run, &error), &error);
  return r;
}

static void done(ready *r) {
  pome_run_free(r->run);
  pome_plan_free(r->plan);
  pome_model_close(r->model);
}

/* An image port `in` and an array or image port `out`. */
static pome_model *model_of(const char *text, wire in, uint32_t out_kind, wire out) {
  wire description = {0};
  add_port(&description, 1, "in", 4, in);
  add_port(&description, 10, "out", out_kind, out);
  return open_described(text, description);
}

static pome_model *taking(const char *text, wire in) {
  return model_of(text, in, 5, array_type(65568));
}

static pome_status give(pome_run *run, pome_dtype dtype, int rank, const int64_t *shape, void *data,
                        pome_color color, pome_error *error) {
  pome_tensor pixels = tensor_of(dtype, rank, shape, data);
  pome_value *value;
  check_ok(pome_value_from_image(&pixels, color, NULL, &value, error), error);
  pome_status status = pome_run_set_value(run, "in", value, error);
  pome_value_free(value);
  return status;
}

static void expect_planes(pome_run *run, size_t count, const double *expected) {
  pome_error error;
  pome_tensor out;
  check_ok(pome_run_predict(run, NULL, &error), &error);
  check_ok(pome_run_get_tensor(run, "out", &out, &error), &error);
  assert_int_equal(pome_tensor_count(&out), count);
  for (size_t i = 0; i < count; i++) {
    double value;
    pome__load_f64(out.data, out.dtype, (int64_t)i, 1, 1, &value);
    assert_true(value == expected[i]);
  }
}

static uint8_t colors[2 * 3 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 255};
static const double red_first[18] = {1,  4,  7,  10, 13, 16, 2,  5,  8,
                                     11, 14, 17, 3,  6,  9,  12, 15, 255};
static const double blue_first[18] = {3,  6,  9,  12, 15, 255, 2,  5,  8,
                                      11, 14, 17, 1,  4,  7,   10, 13, 16};

static void channel_orders(void **state) {
  (void)state;
  static const int64_t shape[] = {2, 3, 3}, with_alpha[] = {2, 3, 4};
  static const char *const devices[] = {"ref", "cpu"};
  uint8_t rgba[24];
  for (size_t i = 0; i < 6; i++)
    memcpy(rgba + 4 * i, colors + 3 * i, 3), rgba[4 * i + 3] = (uint8_t)(100 + i);
  for (size_t d = 0; d < 2; d++) {
    for (int layout = RGB; layout <= BGR; layout += 10) {
      ready r =
          prepare(taking(hand_on_color, image_type(3, 2, (uint64_t)layout)), devices[d], NULL);
      const double *as_is = layout == RGB ? red_first : blue_first,
                   *turned = layout == RGB ? blue_first : red_first;
      pome_error error;
      check_ok(give(r.run, POME_UINT8, 3, shape, colors, POME_COLOR_RGB, &error), &error);
      expect_planes(r.run, 18, as_is);
      check_ok(give(r.run, POME_UINT8, 3, shape, colors, POME_COLOR_BGR, &error), &error);
      expect_planes(r.run, 18, turned);
      check_ok(give(r.run, POME_UINT8, 3, with_alpha, rgba, POME_COLOR_RGB, &error), &error);
      expect_planes(r.run, 18, as_is);
      done(&r);
    }
  }
}

/* A window into a larger picture, upside down. */
static void strided_pixels(void **state) {
  (void)state;
  ready r = prepare(taking(hand_on_gray, image_type(3, 2, GRAY)), NULL, NULL);
  uint8_t picture[4 * 5];
  for (size_t i = 0; i < sizeof picture; i++) picture[i] = (uint8_t)i;
  pome_tensor window = tensor_of(POME_UINT8, 2, (const int64_t[]){2, 3}, picture + 2 * 5 + 1);
  window.strides[0] = -5;
  pome_value *value;
  pome_error error;
  check_ok(pome_value_from_image(&window, POME_COLOR_GRAY, NULL, &value, &error), &error);
  check_ok(pome_run_set_value(r.run, "in", value, &error), &error);
  pome_value_free(value);
  expect_planes(r.run, 6, (const double[]){11, 12, 13, 6, 7, 8});
  done(&r);
}

static void gray_of_both_kinds(void **state) {
  (void)state;
  static const int64_t shape[] = {2, 3};
  uint8_t bytes[6] = {0, 1, 2, 100, 200, 255};
  float floats[6] = {0, -1, 0.5f, 0.25f, 300, 2};
  pome_error error;
  ready r = prepare(taking(hand_on_gray, image_type(3, 2, HALF)), NULL, NULL);
  check_ok(give(r.run, POME_UINT8, 2, shape, bytes, POME_COLOR_GRAY, &error), &error);
  expect_planes(r.run, 6, (const double[]){0, 1, 2, 100, 200, 255});
  check_ok(give(r.run, POME_FP32, 2, shape, floats, POME_COLOR_GRAY_FP16, &error), &error);
  expect_planes(r.run, 6, (const double[]){0, -1, 0.5, 0.25, 300, 2});
  done(&r);
  r = prepare(taking(hand_on_gray, image_type(3, 2, GRAY)), NULL, NULL);
  assert_int_equal(give(r.run, POME_FP32, 2, shape, floats, POME_COLOR_GRAY_FP16, &error),
                   POME_INPUT);
  assert_non_null(strstr(error.message, "takes a gray image, not a gray image of floats"));
  done(&r);
}

static void what_is_no_image(void **state) {
  (void)state;
  pome_error error;
  pome_value *value = NULL;
  uint8_t data[64] = {0};
  static const int64_t cube[] = {2, 3, 2}, flat[] = {2, 3}, color[] = {2, 3, 3};
  pome_tensor two_channels = tensor_of(POME_UINT8, 3, cube, data),
              gray = tensor_of(POME_UINT8, 2, flat, data);
  pome_tensor numbers = tensor_of(POME_INT32, 2, flat, data);
  assert_int_equal(pome_value_from_image(&two_channels, POME_COLOR_RGB, NULL, &value, &error),
                   POME_USAGE);
  assert_int_equal(pome_value_from_image(&gray, POME_COLOR_RGB, NULL, &value, &error), POME_USAGE);
  assert_int_equal(pome_value_from_image(&numbers, POME_COLOR_GRAY, NULL, &value, &error),
                   POME_USAGE);
  assert_int_equal(pome_value_from_image(&gray, POME_COLOR_NONE, NULL, &value, &error), POME_USAGE);
  assert_null(value);
  ready r = prepare(taking(hand_on_color, image_type(3, 2, RGB)), NULL, NULL);
  assert_int_equal(give(r.run, POME_UINT8, 2, flat, data, POME_COLOR_GRAY, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "input \"in\" takes a color image, not a gray image"));
  done(&r);
  wire description = {0};
  add_port(&description, 1, "in", 5, array_type(65568));
  add_port(&description, 10, "out", 5, array_type(65568));
  r = prepare(open_described(hand_on_color, description), NULL, NULL);
  assert_int_equal(give(r.run, POME_UINT8, 3, color, data, POME_COLOR_RGB, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "takes a tensor, not an image"));
  done(&r);
}

/* ---- sizes ---- */

static const char any_size[] = "func main<ios16>(tensor<fp32, [1, 1, ?, ?]> in) {\n"
                               "  tensor<fp32, [1, 1, ?, ?]> out = identity(x = in)[name = "
                               "tensor<string, []>(\"out\")];\n} -> (out);";

static void try_size(pome_run *run, int64_t width, int64_t height, const char *refusal) {
  static uint8_t pixels[64 * 64];
  pome_error error = {0};
  pome_status status =
      give(run, POME_UINT8, 2, (const int64_t[]){height, width}, pixels, POME_COLOR_GRAY, &error);
  if (refusal == NULL) {
    check_ok(status, &error);
    pome_tensor out;
    check_ok(pome_run_predict(run, NULL, &error), &error);
    check_ok(pome_run_get_tensor(run, "out", &out, &error), &error);
    assert_int_equal(out.shape[2], height);
    assert_int_equal(out.shape[3], width);
    return;
  }
  assert_int_equal(status, POME_INPUT);
  if (strstr(error.message, refusal) == NULL) fail_msg("%s", error.message);
}

static void sizes(void **state) {
  (void)state;
  static const int64_t allowed[][2] = {{8, 4}, {16, 8}, {3, 5}};
  static const char *const devices[] = {"ref", "cpu"};
  for (size_t d = 0; d < 2; d++) {
    wire image = image_type(3, 2, GRAY);
    ready r = prepare(taking(hand_on_gray, image), devices[d], NULL);
    try_size(r.run, 3, 2, NULL);
    try_size(r.run, 2, 3, "the image is 2 x 3 (width x height); allowed is 3 x 2");
    done(&r);

    image = image_type(8, 4, GRAY);
    add_image_sizes(&image, allowed, 3);
    r = prepare(taking(any_size, image), devices[d], NULL);
    for (size_t i = 3; i-- > 0;) try_size(r.run, allowed[i][0], allowed[i][1], NULL);
    try_size(r.run, 4, 8,
             "the image is 4 x 8 (width x height); allowed is 8 x 4 or 16 x 8 or 3 x 5");
    done(&r);

    image = image_type(8, 4, GRAY);
    add_image_range(&image, 2, 20, 4, -1);
    r = prepare(taking(any_size, image), devices[d], NULL);
    try_size(r.run, 2, 40, NULL);
    try_size(r.run, 20, 4, NULL);
    try_size(r.run, 21, 4, "the image is 21 x 4 (width x height); allowed is 2..20 x (4 or more)");
    try_size(r.run, 8, 3, "the image is 8 x 3");
    done(&r);
  }
}

/* The tensor that the program takes may be given too, of the sizes that the port allows. */
static void tensor_for_an_image(void **state) {
  (void)state;
  wire image = image_type(8, 4, GRAY);
  add_image_range(&image, 2, 4, 2, 4);
  ready r = prepare(taking(any_size, image), NULL, NULL);
  float values[25] = {1, 2, 3, 4};
  pome_error error;
  pome_tensor tensor = tensor_of(POME_FP32, 4, (const int64_t[]){1, 1, 2, 2}, values);
  check_ok(pome_run_set_tensor(r.run, "in", &tensor, &error), &error);
  expect_planes(r.run, 4, (const double[]){1, 2, 3, 4});
  tensor = tensor_of(POME_FP32, 4, (const int64_t[]){1, 1, 5, 5}, values);
  assert_int_equal(pome_run_set_tensor(r.run, "in", &tensor, &error), POME_INPUT);
  done(&r);
}

/* A description that the program does not keep to. */
static void disagreement(void **state) {
  (void)state;
  uint8_t pixels[64] = {0};
  pome_error error;
  ready r = prepare(taking(hand_on_color, image_type(4, 4, RGB)), NULL, NULL);
  assert_int_equal(
      give(r.run, POME_UINT8, 3, (const int64_t[]){4, 4, 3}, pixels, POME_COLOR_RGB, &error),
      POME_INPUT);
  assert_non_null(strstr(
      error.message,
      "described as an image of 3 x 4 x 4, but the program takes tensor<fp16, [1, 3, 2, 3]>"));
  done(&r);
}

/* ---- out ---- */

static pome_value *run_to_value(pome_run *run, const char *input, pome_tensor *tensor) {
  pome_error error;
  pome_value *value;
  check_ok(pome_run_set_tensor(run, input, tensor, &error), &error);
  check_ok(pome_run_predict(run, NULL, &error), &error);
  check_ok(pome_run_get_value(run, "out", &value, &error), &error);
  return value;
}

static pome_model *giving(const char *text, wire out) {
  wire description = {0};
  add_port(&description, 1, "in", 5, array_type(65568));
  add_port(&description, 10, "out", 4, out);
  return open_described(text, description);
}

static void pixels_out(void **state) {
  (void)state;
  for (int layout = RGB; layout <= BGR; layout += 10) {
    ready r = prepare(giving(hand_on_color, image_type(3, 2, (uint64_t)layout)), NULL, NULL);
    float planes[18];
    for (size_t i = 0; i < 18; i++) planes[i] = (float)(layout == RGB ? red_first : blue_first)[i];
    pome_tensor tensor = tensor_of(POME_FP32, 4, (const int64_t[]){1, 3, 2, 3}, planes);
    pome_value *value = run_to_value(r.run, "in", &tensor);
    assert_int_equal(pome_value_feature(value), POME_FEATURE_IMAGE);
    const pome_tensor *pixels = pome_value_tensor(value);
    assert_int_equal(pixels->dtype, POME_UINT8);
    assert_int_equal(pixels->rank, 3);
    assert_memory_equal(pixels->data, colors, sizeof colors);
    pome_value_free(value);
    done(&r);
  }
}

/* Nearest level, ties to even, clipped; not a number is black. */
static void levels(void **state) {
  (void)state;
  float planes[6] = {0.5f, 1.5f, -3, 300, NAN, 254.6f};
  pome_tensor tensor = tensor_of(POME_FP32, 4, (const int64_t[]){1, 1, 2, 3}, planes);
  ready r = prepare(giving(hand_on_gray, image_type(3, 2, GRAY)), NULL, NULL);
  pome_value *value = run_to_value(r.run, "in", &tensor);
  assert_int_equal(pome_value_tensor(value)->rank, 2);
  assert_memory_equal(pome_value_tensor(value)->data, ((const uint8_t[]){0, 2, 0, 255, 0, 255}), 6);
  pome_value_free(value);
  done(&r);
  r = prepare(giving(hand_on_gray, image_type(3, 2, HALF)), NULL, NULL);
  value = run_to_value(r.run, "in", &tensor);
  assert_int_equal(pome_value_tensor(value)->dtype, POME_FP16);
  const uint16_t *halves = pome_value_tensor(value)->data;
  assert_true(pome__f16_to_f32(halves[2]) == -3 && pome__f16_to_f32(halves[3]) == 300);
  pome_value_free(value);
  done(&r);
  r = prepare(giving(hand_on_gray, image_type(3, 2, RGB)), NULL, NULL);
  pome_error error;
  check_ok(pome_run_set_tensor(r.run, "in", &tensor, &error), &error);
  check_ok(pome_run_predict(r.run, NULL, &error), &error);
  value = NULL;
  assert_int_equal(pome_run_get_value(r.run, "out", &value, &error), POME_INPUT);
  assert_non_null(
      strstr(error.message,
             "described as a color image, but the program gives a tensor of shape [1, 1, 2, 3]"));
  assert_null(value);
  done(&r);
}

static void lack_of_memory(void **state) {
  (void)state;
  budget books = budget_unlimited();
  pome_allocator allocator = budget_allocator(&books);
  ready r = prepare(model_of(hand_on_color, image_type(3, 2, RGB), 4, image_type(3, 2, RGB)), NULL,
                    &allocator);
  pome_error error;
  size_t failures = 0;
  for (size_t n = 0;; n++) {
    books.refuse_at = books.calls + n;
    pome_value *value = NULL;
    pome_status status =
        give(r.run, POME_UINT8, 3, (const int64_t[]){2, 3, 3}, colors, POME_COLOR_RGB, &error);
    if (status == POME_OK) status = pome_run_predict(r.run, NULL, &error);
    if (status == POME_OK) status = pome_run_get_value(r.run, "out", &value, &error);
    if (status == POME_OK)
      assert_memory_equal(pome_value_tensor(value)->data, colors, sizeof colors);
    pome_value_free(value);
    if (books.calls <= books.refuse_at) break;
    assert_int_equal(status, POME_MEMORY);
    failures++;
  }
  assert_true(failures >= 2);
  done(&r);
  assert_int_equal(books.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(channel_orders),
      cmocka_unit_test(strided_pixels),
      cmocka_unit_test(gray_of_both_kinds),
      cmocka_unit_test(what_is_no_image),
      cmocka_unit_test(sizes),
      cmocka_unit_test(tensor_for_an_image),
      cmocka_unit_test(disagreement),
      cmocka_unit_test(pixels_out),
      cmocka_unit_test(levels),
      cmocka_unit_test(lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
