/* Element conversions against slow and independent references: the value of a code is built with
 * ldexp from its fields, and rounding is a search for the nearest code among all of them. Sub-byte
 * streams are compared with the bytes that MIL's own blob writer gives.
 */
#include "tensor/element.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct format {
  pome_dtype dtype;
  int width, mantissa, bias;
  bool infinity;
  double codes[32768]; /* values of the finite non-negative codes, ascending */
  int count;
} format;

static format formats[] = {
    {.dtype = POME_FP16, .width = 16, .mantissa = 10, .bias = 15, .infinity = true},
    {.dtype = POME_BF16, .width = 16, .mantissa = 7, .bias = 127, .infinity = true},
    {.dtype = POME_FP8E4M3FN, .width = 8, .mantissa = 3, .bias = 7, .infinity = false},
    {.dtype = POME_FP8E5M2, .width = 8, .mantissa = 2, .bias = 15, .infinity = true},
};
#define FORMATS (sizeof formats / sizeof *formats)

static int fill_formats(void **state) {
  (void)state;
  for (size_t f = 0; f < FORMATS; f++) {
    format *m = &formats[f];
    int steps = 1 << m->mantissa, exponents = 1 << (m->width - 1 - m->mantissa);
    for (int code = 0; code < steps * exponents; code++) {
      int exponent = code / steps, fraction = code % steps;
      bool finite = m->infinity ? exponent < exponents - 1 : code < steps * exponents - 1;
      if (!finite) break;
      double hidden = exponent > 0 ? steps : 0;
      m->codes[code] =
          ldexp(hidden + fraction, (exponent > 0 ? exponent : 1) - m->bias - m->mantissa);
      m->count = code + 1;
    }
  }
  return 0;
}

/* The code nearest to |value|, ties to the even code; `count`, the first one that is not finite,
 * beyond the middle between the largest finite value and the one that would follow. */
static int nearest(const format *m, double value) {
  double magnitude = fabs(value);
  int low = 0, high = m->count;
  double largest = m->codes[m->count - 1], after = largest + (largest - m->codes[m->count - 2]);
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (m->codes[middle] <= magnitude) low = middle;
    else high = middle;
  }
  /* Both differences are exact: neighbours are within a factor of two, or the smaller is 0. */
  double below = magnitude - m->codes[low];
  double above = (high == m->count ? after : m->codes[high]) - magnitude;
  return below < above || (below == above && low % 2 == 0) ? low : high;
}

static uint32_t store_one(pome_dtype dtype, double value) {
  uint32_t code = 0;
  pome__store_f64(&code, dtype, 0, 1, 1, &value);
  return code;
}

static double load_one(pome_dtype dtype, uint32_t code) {
  double value;
  pome__load_f64(&code, dtype, 0, 1, 1, &value);
  return value;
}

static void every_code(void **state) {
  (void)state;
  for (size_t f = 0; f < FORMATS; f++) {
    const format *m = &formats[f];
    uint32_t sign = 1u << (m->width - 1);
    for (uint32_t code = 0; code < 2 * sign; code++) {
      double value = load_one(m->dtype, code);
      uint32_t magnitude = code & (sign - 1);
      assert_int_equal(!!signbit(value), code >= sign);
      if (magnitude < (uint32_t)m->count) assert_true(fabs(value) == m->codes[magnitude]);
      else if (m->infinity && magnitude == (uint32_t)m->count) assert_true(isinf(value));
      else assert_true(isnan(value));
      uint32_t back = store_one(m->dtype, value);
      if (isnan(value))
        assert_true(isnan(load_one(m->dtype, back)) &&
                    back >> (m->width - 1) == code >> (m->width - 1));
      else assert_int_equal(back, code);
    }
  }
}

static void halves_as_floats(void **state) {
  (void)state;
  for (uint32_t code = 0; code < 65536; code++) {
    float value = pome__f16_to_f32((uint16_t)code);
    double wide = load_one(POME_FP16, code);
    if (isnan(value))
      assert_true(isnan(wide) && (pome__f64_to_f16((double)value) & 0x7e00) == 0x7e00);
    else assert_true((double)value == wide && pome__f64_to_f16((double)value) == code);
  }
}

static uint64_t random_bits(void) {
  static uint64_t x = 88172645463325252u;
  x ^= x << 13;
  x ^= x >> 7;
  return x ^= x << 17;
}

static void expect_nearest(const format *m, double value) {
  uint32_t expected = (uint32_t)nearest(m, value) | (signbit(value) ? 1u << (m->width - 1) : 0);
  uint32_t got = store_one(m->dtype, value);
  if (got != expected)
    fail_msg("%a to %s: %#x, expected %#x", value, pome_dtype_name(m->dtype), got, expected);
}

static void rounding(void **state) {
  (void)state;
  for (size_t f = 0; f < FORMATS; f++) {
    const format *m = &formats[f];
    int lowest = -m->bias - m->mantissa - 4, highest = m->bias + 4;
    for (int i = 0; i < 1000000; i++) {
      uint64_t bits = random_bits();
      int exponent = lowest + (int)(random_bits() % (uint64_t)(highest - lowest));
      if (i % 2) bits &= ~(((uint64_t)1 << (random_bits() % 52)) - 1); /* short fractions: ties */
      double value = ldexp(1.0 + ldexp((double)(bits & 0xfffffffffffffu), -52), exponent);
      expect_nearest(m, bits >> 63 ? -value : value);
    }
    for (int code = 0; code < m->count; code++) {
      double value = m->codes[code];
      double after = code + 1 < m->count ? m->codes[code + 1] : 2 * value - m->codes[code - 1];
      double middle = value + (after - value) / 2;
      expect_nearest(m, middle);
      expect_nearest(m, nextafter(middle, 0));
      expect_nearest(m, nextafter(middle, INFINITY));
    }
    expect_nearest(m, 0x1p-1074);
    expect_nearest(m, -0x1.fffffffffffffp1023);
    expect_nearest(m, -0.0);
  }
  assert_int_equal(pome__f64_to_f16(65519.999999), 0x7bff);
  assert_int_equal(pome__f64_to_f16(65520.0), 0x7c00);
  assert_int_equal(store_one(POME_FP8E4M3FN, (double)INFINITY), 0x7f);
  assert_int_equal(store_one(POME_FP8E4M3FN, 464.0), 0x7e);
  assert_int_equal(store_one(POME_FP8E4M3FN, 465.0), 0x7f);
}

/* Through float first, this would round twice. */
static void one_rounding(void **state) {
  (void)state;
  double value = 1.0 + 0x1p-11 + 0x1p-40;
  assert_int_equal(pome__f64_to_f16(value), 0x3c01);
  assert_int_equal(pome__f64_to_f16((double)(float)value), 0x3c00);
}

typedef struct packing {
  pome_dtype dtype;
  size_t n;
  int64_t values[9];
  size_t size;
  uint8_t bytes[4];
} packing;

static void packed_streams(void **state) {
  (void)state;
  static const packing cases[] = {
      {POME_INT4, 5, {-8, -1, 0, 1, 7}, 3, {0xf8, 0x10, 0x07}},
      {POME_UINT3, 5, {1, 2, 3, 4, 5}, 2, {0xd1, 0x58}},
      {POME_UINT6, 5, {1, 2, 3, 63, 5}, 4, {0x81, 0x30, 0xfc, 0x05}},
      {POME_UINT2, 5, {0, 1, 2, 3, 1}, 2, {0xe4, 0x01}},
      {POME_UINT1, 9, {1, 0, 1, 1, 0, 0, 0, 1, 1}, 2, {0x8d, 0x01}},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const packing *p = &cases[c];
    size_t size;
    assert_true(pome__dtype_bytes(p->dtype, p->n, &size));
    assert_int_equal(size, p->size);
    int64_t values[9];
    pome__load_i64(p->bytes, p->dtype, 0, 1, p->n, values);
    assert_memory_equal(values, p->values, p->n * sizeof *values);
    uint8_t bytes[4] = {0};
    pome__store_i64(bytes, p->dtype, 0, 1, p->n, p->values);
    assert_memory_equal(bytes, p->bytes, p->size);
    double reals[9];
    pome__load_f64(p->bytes, p->dtype, (int64_t)p->n - 1, -1, p->n, reals);
    memset(bytes, 0xff, sizeof bytes);
    pome__store_f64(bytes, p->dtype, (int64_t)p->n - 1, -1, p->n, reals);
    pome__load_i64(bytes, p->dtype, 0, 1, p->n, values);
    assert_memory_equal(values, p->values, p->n * sizeof *values);
  }
}

/* Writing one element leaves its neighbours, and the bytes around a tight buffer, alone. */
static void neighbours(void **state) {
  (void)state;
  static const pome_dtype narrow[] = {POME_INT4,  POME_UINT1, POME_UINT2,
                                      POME_UINT3, POME_UINT4, POME_UINT6};
  for (size_t d = 0; d < sizeof narrow / sizeof *narrow; d++) {
    size_t size;
    assert_true(pome__dtype_bytes(narrow[d], 13, &size));
    uint8_t bytes[12];
    for (int at = 0; at < 13; at++) {
      memset(bytes, 0xff, sizeof bytes);
      pome__store_i64(bytes, narrow[d], at, 1, 1, &(int64_t){0});
      int64_t values[13], ones;
      pome__load_i64(bytes, narrow[d], 0, 1, 13, values);
      ones = narrow[d] == POME_INT4 ? -1 : (int64_t)1 << pome_dtype_bits(narrow[d]);
      if (ones > 0) ones--;
      for (int i = 0; i < 13; i++) assert_int_equal(values[i], i == at ? 0 : ones);
      for (size_t i = size; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0xff);
    }
  }
}

static void stores_to_integers(void **state) {
  (void)state;
  static const double in[] = {-1.9, 300.7, -129.0, 1e300, -1e300, 2147483648.0};
  int8_t bytes[6];
  pome__store_f64(bytes, POME_INT8, 0, 1, 6, in);
  assert_memory_equal(bytes, ((int8_t[]){-1, 44, 127, -1, 0, 0}), 6);
  int32_t words[6];
  pome__store_f64(words, POME_INT32, 0, 1, 6, in);
  assert_memory_equal(words, ((int32_t[]){-1, 300, -129, -1, 0, INT32_MIN}), 24);
  uint64_t wide[3];
  pome__store_f64(wide, POME_UINT64, 0, 1, 3, (double[]){0x1.8p63, 1e300, -1.0});
  assert_true(wide[0] == (uint64_t)3 << 62 && wide[1] == UINT64_MAX && wide[2] == UINT64_MAX);
  int32_t zero = 5;
  pome__store_f64(&zero, POME_INT32, 0, 1, 1, &(double){(double)NAN});
  assert_int_equal(zero, 0);
  pome__store_f32(&zero, POME_INT32, 0, 1, 1, &(float){-3.7f});
  assert_int_equal(zero, -3);
  bool flags[3];
  pome__store_f64(flags, POME_BOOL, 0, 1, 3, (double[]){0.0, -0.5, (double)NAN});
  assert_true(!flags[0] && flags[1] && flags[2]);
  int64_t exact = INT64_MAX - 1, back;
  pome__store_i64(wide, POME_INT64, 1, 1, 1, &exact);
  pome__load_i64(wide, POME_INT64, 1, 1, 1, &back);
  assert_true(back == exact);
  pome__load_i64(&(float){-2.9f}, POME_FP32, 0, 1, 1, &back);
  assert_int_equal(back, -2);
  pome__load_i64(&(float){INFINITY}, POME_FP32, 0, 1, 1, &back);
  assert_true(back == INT64_MAX);
  pome__load_i64(&(float){NAN}, POME_FP32, 0, 1, 1, &back);
  assert_int_equal(back, 0);
}

/* Every type, every carrier, strided and not, unaligned: what is stored comes back. */
static void strides_and_carriers(void **state) {
  (void)state;
  for (int d = 1; d < POME_DTYPE_COUNT; d++) {
    pome_dtype dtype = (pome_dtype)d;
    if (dtype == POME_STRING) continue;
    for (int64_t stride = -2; stride < 4; stride++) {
      if (stride == 0) continue;
      uint8_t buffer[401] = {0};
      void *data = buffer + 1;
      double reals[10], again[10];
      float singles[10], single_again[10];
      int64_t whole[10], whole_again[10];
      for (int i = 0; i < 10; i++) whole[i] = (int64_t)(reals[i] = singles[i] = (float)(i % 2));
      int64_t offset = stride < 0 ? 30 : 3;
      pome__store_f64(data, dtype, offset, stride, 10, reals);
      pome__load_f64(data, dtype, offset, stride, 10, again);
      assert_memory_equal(reals, again, sizeof reals);
      pome__load_f32(data, dtype, offset, stride, 10, single_again);
      assert_memory_equal(singles, single_again, sizeof singles);
      memset(buffer, 0, sizeof buffer);
      pome__store_f32(data, dtype, offset, stride, 10, singles);
      pome__load_i64(data, dtype, offset, stride, 10, whole_again);
      assert_memory_equal(whole, whole_again, sizeof whole);
      memset(buffer, 0, sizeof buffer);
      pome__store_i64(data, dtype, offset, stride, 10, whole);
      for (int64_t i = 0; i < 10; i++) {
        pome__load_f64(data, dtype, offset + i * stride, 1, 1, again);
        assert_true(again[0] == reals[i]);
      }
    }
  }
}

static void type_table(void **state) {
  (void)state;
  for (int d = 0; d < POME_DTYPE_COUNT; d++)
    assert_int_equal(pome_dtype_from_name(pome_dtype_name((pome_dtype)d)), d);
  assert_int_equal(pome_dtype_from_name("fp15"), POME_DTYPE_NONE);
  assert_int_equal(pome_dtype_from_name(NULL), POME_DTYPE_NONE);
  assert_string_equal(pome_dtype_name((pome_dtype)99), "none");
  assert_int_equal(pome_dtype_bits((pome_dtype)-1), 0);
  assert_int_equal(pome_dtype_bits(POME_UINT6), 6);
  assert_int_equal(pome_dtype_bits(POME_STRING), 8 * sizeof(pome_string));
  assert_true(pome__dtype_is_float(POME_BF16) && !pome__dtype_is_float(POME_BOOL));
  assert_true(pome__dtype_is_integer(POME_UINT1) && !pome__dtype_is_integer(POME_BOOL));
  assert_true(pome__dtype_is_signed(POME_INT4) && !pome__dtype_is_signed(POME_UINT8));
  double lowest, highest;
  pome__dtype_limits(POME_INT4, &lowest, &highest);
  assert_true(lowest == -8 && highest == 7);
  pome__dtype_limits(POME_UINT32, &lowest, &highest);
  assert_true(lowest == 0 && highest == 4294967295.0);
  pome__dtype_limits(POME_BOOL, &lowest, &highest);
  assert_true(lowest == 0 && highest == 1);
  size_t bytes = 7;
  assert_false(pome__dtype_bytes(POME_FP32, SIZE_MAX / 2, &bytes));
  assert_int_equal(bytes, 7);
  assert_true(pome__dtype_bytes(POME_UINT3, SIZE_MAX, &bytes));
  assert_true(bytes == SIZE_MAX / 8 * 3 + 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_code),         cmocka_unit_test(halves_as_floats),
      cmocka_unit_test(rounding),           cmocka_unit_test(one_rounding),
      cmocka_unit_test(packed_streams),     cmocka_unit_test(neighbours),
      cmocka_unit_test(stores_to_integers), cmocka_unit_test(strides_and_carriers),
      cmocka_unit_test(type_table),
  };
  return cmocka_run_group_tests(tests, fill_formats, NULL);
}
