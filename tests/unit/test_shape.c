/* Shapes and tensor views: products near overflow, broadcasting by NumPy's rules, strides, and
 * copies between layouts and types. */
#include "tensor/element.h"
#include "tensor/shape.h"

#include <pome/tensor.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define U   POME_DIM_UNKNOWN
#define BIG ((int64_t)1 << 40)

static void counts(void **state) {
  (void)state;
  size_t count = 77;
  assert_true(pome__shape_count(0, NULL, &count));
  assert_int_equal(count, 1);
  assert_true(pome__shape_count(3, (int64_t[]){2, 3, 4}, &count));
  assert_int_equal(count, 24);
  assert_true(pome__shape_count(3, (int64_t[]){2, 0, 4}, &count));
  assert_int_equal(count, 0);
  count = 77;
  assert_false(pome__shape_count(2, (int64_t[]){2, -1}, &count));
  assert_false(pome__shape_count(2, (int64_t[]){0, -3}, &count));
  assert_false(pome__shape_count(2, (int64_t[]){BIG, BIG}, &count));
  assert_false(pome__shape_count(3, (int64_t[]){BIG, 0, BIG}, &count));
  assert_int_equal(count, 77);
}

static void expect_broadcast(int rank_a, const int64_t *a, int rank_b, const int64_t *b,
                             const char *expected) {
  for (int swap = 0; swap < 2; swap++) {
    int rank = -7;
    int64_t shape[POME_MAX_RANK];
    char text[POME__SHAPE_TEXT];
    bool fits = swap ? pome__shape_broadcast(rank_b, b, rank_a, a, &rank, shape)
                     : pome__shape_broadcast(rank_a, a, rank_b, b, &rank, shape);
    assert_int_equal(fits, expected != NULL);
    if (fits) assert_string_equal(pome__shape_format(rank, shape, text, sizeof text), expected);
    else assert_int_equal(rank, -7);
  }
}

static void broadcasting(void **state) {
  (void)state;
  expect_broadcast(0, NULL, 0, NULL, "[]");
  expect_broadcast(0, NULL, 2, (int64_t[]){2, 3}, "[2, 3]");
  expect_broadcast(2, (int64_t[]){2, 1}, 3, (int64_t[]){4, 1, 5}, "[4, 2, 5]");
  expect_broadcast(2, (int64_t[]){2, 3}, 1, (int64_t[]){2}, NULL);
  expect_broadcast(1, (int64_t[]){0}, 1, (int64_t[]){1}, "[0]");
  expect_broadcast(1, (int64_t[]){0}, 1, (int64_t[]){2}, NULL);
  expect_broadcast(1, (int64_t[]){U}, 1, (int64_t[]){1}, "[?]");
  expect_broadcast(1, (int64_t[]){U}, 1, (int64_t[]){5}, "[5]");
  expect_broadcast(1, (int64_t[]){U}, 2, (int64_t[]){3, U}, "[3, ?]");
  int64_t shape[POME_MAX_RANK] = {1, 7};
  int rank = 2;
  assert_true(pome__shape_broadcast(1, (int64_t[]){7}, rank, shape, &rank, shape));
  assert_int_equal(rank, 2);
  assert_int_equal(shape[0], 1);
}

static void strides(void **state) {
  (void)state;
  int64_t s[POME_MAX_RANK];
  pome__shape_strides(3, (int64_t[]){2, 3, 4}, s);
  assert_memory_equal(s, ((int64_t[]){12, 4, 1}), 24);
  pome__shape_strides(3, (int64_t[]){2, 0, 4}, s);
  assert_int_equal(s[2], 1);
  pome__shape_broadcast_strides(2, (int64_t[]){3, 1}, 3, (int64_t[]){2, 3, 4}, s);
  assert_memory_equal(s, ((int64_t[]){0, 1, 0}), 24);
  pome__shape_broadcast_strides(3, (int64_t[]){2, 3, 4}, 3, (int64_t[]){2, 3, 4}, s);
  assert_memory_equal(s, ((int64_t[]){12, 4, 1}), 24);
}

static void format(void **state) {
  (void)state;
  char text[POME__SHAPE_TEXT];
  assert_string_equal(pome__shape_format(3, (int64_t[]){1, U, 3}, text, sizeof text), "[1, ?, 3]");
  int64_t widest[POME_MAX_RANK];
  for (int i = 0; i < POME_MAX_RANK; i++) widest[i] = INT64_MIN;
  pome__shape_format(POME_MAX_RANK, widest, text, sizeof text);
  assert_int_equal(text[strlen(text) - 1], ']');
  memset(text, 'x', sizeof text);
  pome__shape_format(3, (int64_t[]){1, U, 3}, text, 5);
  assert_int_equal(strlen(text), 4);
  assert_int_equal(text[5], 'x');
}

static void views(void **state) {
  (void)state;
  pome_tensor t, untouched;
  memset(&t, 0x5a, sizeof t);
  untouched = t;
  pome_error error;
  assert_int_equal(pome_tensor_init(&t, POME_FP32, 9, (int64_t[9]){0}, NULL, &error), POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, POME_FP32, -1, NULL, NULL, NULL), POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, POME_FP32, 1, NULL, NULL, NULL), POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, POME_FP32, 1, (int64_t[]){-1}, NULL, &error), POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, POME_FP32, 1, (int64_t[]){PTRDIFF_MAX / 3}, NULL, NULL),
                   POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, POME_DTYPE_NONE, 0, NULL, NULL, NULL), POME_USAGE);
  assert_int_equal(pome_tensor_init(&t, (pome_dtype)1000, 0, NULL, NULL, NULL), POME_USAGE);
  assert_memory_equal(&t, &untouched, sizeof t);

  assert_int_equal(pome_tensor_init(&t, POME_UINT3, 2, (int64_t[]){3, 5}, NULL, NULL), POME_OK);
  assert_int_equal(pome_tensor_count(&t), 15);
  assert_int_equal(pome_tensor_bytes(&t), 6);
  assert_true(pome_tensor_is_contiguous(&t));
  assert_int_equal(pome_tensor_init(&t, POME_FP16, 0, NULL, NULL, NULL), POME_OK);
  assert_int_equal(pome_tensor_bytes(&t), 2);
  assert_true(pome_tensor_is_contiguous(&t));
  assert_int_equal(pome_tensor_init(&t, POME_FP16, 3, (int64_t[]){4, 1, 6}, NULL, NULL), POME_OK);
  t.strides[1] = 999;
  assert_true(pome_tensor_is_contiguous(&t));
  t.strides[0] = 7;
  assert_false(pome_tensor_is_contiguous(&t));
}

static void copy_layouts(void **state) {
  (void)state;
  int32_t from[2 * 3 * 300], to[300 * 3 * 2];
  for (int i = 0; i < 2 * 3 * 300; i++) from[i] = i;
  pome_tensor source, target;
  assert_int_equal(pome_tensor_init(&target, POME_INT32, 3, (int64_t[]){300, 3, 2}, to, NULL),
                   POME_OK);
  assert_int_equal(pome_tensor_init(&source, POME_INT32, 3, (int64_t[]){300, 3, 2}, from, NULL),
                   POME_OK);
  source.strides[0] = 1;
  source.strides[1] = 300;
  source.strides[2] = 900;
  assert_int_equal(pome_tensor_copy(&source, &target, NULL), POME_OK);
  for (int i = 0; i < 300; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 2; k++) assert_int_equal(to[(i * 3 + j) * 2 + k], k * 900 + j * 300 + i);

  int32_t mirrored[4];
  assert_int_equal(pome_tensor_init(&source, POME_INT32, 1, (int64_t[]){4}, from + 3, NULL),
                   POME_OK);
  source.strides[0] = -1;
  assert_int_equal(pome_tensor_init(&target, POME_INT32, 1, (int64_t[]){4}, mirrored, NULL),
                   POME_OK);
  assert_int_equal(pome_tensor_copy(&source, &target, NULL), POME_OK);
  assert_memory_equal(mirrored, ((int32_t[]){3, 2, 1, 0}), 16);
}

static void copy_one(pome_dtype from, const void *source, pome_dtype to, void *target) {
  pome_tensor a, b;
  assert_int_equal(pome_tensor_init(&a, from, 0, NULL, (void *)(uintptr_t)source, NULL), POME_OK);
  assert_int_equal(pome_tensor_init(&b, to, 0, NULL, target, NULL), POME_OK);
  assert_int_equal(pome_tensor_copy(&a, &b, NULL), POME_OK);
}

static int64_t from_double(double value, pome_dtype to) {
  int64_t bits = 0, result;
  copy_one(POME_FP64, &value, to, &bits);
  pome__load_i64(&bits, to, 0, 1, 1, &result);
  return result;
}

static void copy_conversions(void **state) {
  (void)state;
  assert_int_equal(from_double(-1.9, POME_INT8), -1);
  assert_int_equal(from_double(300.0, POME_INT8), 127);
  assert_int_equal(from_double(-1e30, POME_INT8), -128);
  assert_int_equal(from_double(-5.0, POME_UINT8), 0);
  assert_int_equal(from_double(7.9, POME_INT4), 7);
  assert_int_equal(from_double(-9.0, POME_INT4), -8);
  assert_int_equal(from_double(99.0, POME_UINT6), 63);
  assert_int_equal(from_double((double)NAN, POME_INT32), 0);
  assert_int_equal(from_double((double)INFINITY, POME_INT64), INT64_MAX);
  assert_int_equal(from_double(-(double)INFINITY, POME_INT64), INT64_MIN);
  assert_int_equal(from_double(1e30, POME_UINT64), -1); /* as bits */
  assert_int_equal(from_double(0x1p63, POME_UINT64), INT64_MIN);
  assert_int_equal(from_double(0.25, POME_BOOL), 1);
  assert_int_equal(from_double((double)NAN, POME_BOOL), 1);

  int8_t narrow;
  copy_one(POME_INT32, &(int32_t){300}, POME_INT8, &narrow);
  assert_int_equal(narrow, 44);
  copy_one(POME_INT32, &(int32_t){256}, POME_BOOL, &narrow);
  assert_int_equal(narrow, 1);
  uint64_t wide;
  copy_one(POME_INT8, &(int8_t){-1}, POME_UINT64, &wide);
  assert_true(wide == UINT64_MAX);
  double real;
  copy_one(POME_UINT64, &(uint64_t){UINT64_MAX}, POME_FP64, &real);
  assert_true(real == 0x1p64);
  copy_one(POME_INT64, &(int64_t){INT64_MIN}, POME_FP64, &real);
  assert_true(real == -0x1p63);

  /* Just above a tie of the float, below half a step of the double: one rounding goes up, two go
   * down. */
  float single;
  uint64_t above = ((uint64_t)1 << 62) + ((uint64_t)1 << 38) + 1;
  copy_one(POME_INT64, &above, POME_FP32, &single);
  assert_true(single == 0x1.000002p62f);
  copy_one(POME_UINT64, &above, POME_FP32, &single);
  assert_true(single == 0x1.000002p62f);
  uint16_t brain;
  above = ((uint64_t)1 << 62) + ((uint64_t)1 << 54) + 1;
  copy_one(POME_INT64, &above, POME_BF16, &brain);
  copy_one(POME_BF16, &brain, POME_FP32, &single);
  assert_true(single == 0x1.02p62f);
  copy_one(POME_INT64, &(int64_t){-(int64_t)above}, POME_BF16, &brain);
  copy_one(POME_BF16, &brain, POME_FP32, &single);
  assert_true(single == -0x1.02p62f);
}

static void copy_refusals(void **state) {
  (void)state;
  float data[6] = {0};
  pome_string strings[6] = {{"a", 1}, {"bc", 2}}, copied[6];
  pome_tensor a, b;
  pome_error error;
  pome_tensor_init(&a, POME_FP32, 2, (int64_t[]){2, 3}, data, NULL);
  pome_tensor_init(&b, POME_FP32, 2, (int64_t[]){3, 2}, data, NULL);
  assert_int_equal(pome_tensor_copy(&a, &b, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "[2, 3]"));
  pome_tensor_init(&b, POME_STRING, 2, (int64_t[]){2, 3}, copied, NULL);
  assert_int_equal(pome_tensor_copy(&a, &b, &error), POME_USAGE);
  assert_non_null(strstr(error.message, "string"));
  pome_tensor_init(&a, POME_STRING, 2, (int64_t[]){2, 3}, strings, NULL);
  a.strides[0] = 0;
  assert_int_equal(pome_tensor_copy(&a, &b, &error), POME_OK);
  assert_ptr_equal(copied[3].data, strings[0].data);
  assert_int_equal(copied[4].size, 2);
  pome_tensor_init(&a, POME_FP32, 2, (int64_t[]){2, 0}, NULL, NULL);
  pome_tensor_init(&b, POME_INT8, 2, (int64_t[]){2, 0}, NULL, NULL);
  assert_int_equal(pome_tensor_copy(&a, &b, NULL), POME_OK);
  pome_tensor_init(&a, POME_FP32, 1, (int64_t[]){2}, NULL, NULL);
  pome_tensor_init(&b, POME_INT8, 1, (int64_t[]){2}, data, NULL);
  assert_int_equal(pome_tensor_copy(&a, &b, NULL), POME_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts),
      cmocka_unit_test(broadcasting),
      cmocka_unit_test(strides),
      cmocka_unit_test(format),
      cmocka_unit_test(views),
      cmocka_unit_test(copy_layouts),
      cmocka_unit_test(copy_conversions),
      cmocka_unit_test(copy_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
