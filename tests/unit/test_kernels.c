/* Every kernel of every level this machine has, against references in double precision or against
 * the scalar level.
 *
 * All arrays end at a page that may not be touched, so reading or writing past an end stops the
 * test; what lies between and before the elements is filled with NaN (inputs) or a pattern that
 * must survive (outputs). Half the matrix products use small integers, for which fp32 arithmetic is
 * exact in any order: the results must be equal. The others must lie within the worst case of k
 * roundings, k * 2^-24 * sum |x| |w|.
 *
 * `test_kernels --bench` measures instead: speed is not judged here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/kernels.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EPSILON      0x1p-24
#define FILLER       0xa5

/* ---- data ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32);
}

static size_t random_below(size_t limit) {
  return random_bits() % limit;
}

/* Normal-ish in size, both signs, with some zeros and tiny values. */
static float random_float(void) {
  uint32_t kind = random_bits() % 16;
  if (kind == 0) return 0.0f;
  float value = ((float)(random_bits() >> 8) * 0x1p-23f - 1.0f) * 2.0f;
  return kind == 1 ? value * 0x1p-130f : value;
}

static float random_small_integer(void) {
  return (float)((int)random_below(17) - 8);
}

/* `size` bytes that end where access ends, filled with FILLER; freed together at the end of a test.
 */
typedef struct fence {
  uint8_t *map;
  size_t map_size;
  uint8_t *data;
  size_t size;
} fence;

static fence fences[64];
static size_t fence_count;

static void *fenced(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t body = (size + 64 + page - 1) / page * page;
  assert_true(fence_count < COUNT(fences));
  fence *f = &fences[fence_count++];
  f->map_size = body + page;
  f->map = mmap(NULL, f->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(f->map != MAP_FAILED);
  assert_int_equal(mprotect(f->map + body, page, PROT_NONE), 0);
  memset(f->map, FILLER, body);
  f->data = f->map + body - size;
  f->size = size;
  return f->data;
}

static float *fenced_floats(size_t count) {
  return fenced(count * sizeof(float));
}

/* Also checks that nothing before the arrays was written. */
static void release_fences(void) {
  for (size_t i = 0; i < fence_count; i++) {
    fence *f = &fences[i];
    for (const uint8_t *p = f->map; p < f->data; p++) assert_int_equal(*p, FILLER);
    assert_int_equal(munmap(f->map, f->map_size), 0);
  }
  fence_count = 0;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const float specials[] = {
    0.0f,      -0.0f,      1.0f,       -1.0f,        INFINITY, -INFINITY, NAN,
    0x1p-149f, -0x1p-149f, 0x1p-126f,  -0x1.8p-127f, 3.4e38f,  -3.4e38f,  88.0f,
    89.0f,     -88.0f,     -89.0f,     -104.0f,      65504.0f, 65519.0f,  65520.0f,
    0x1p-24f,  0x1p-25f,   0x1.8p-25f, 100.0f,       -1e30f,   1e30f,
};

/* Mostly ordinary values, with special ones strewn in. */
static float random_hostile(void) {
  if (random_below(4) == 0) return specials[random_below(COUNT(specials))];
  return random_float() * 8.0f;
}

static void assert_close(double got, double want, double bound, const char *what, size_t index) {
  if (isnan(want) ? isnan(got) : isinf(want) ? got == want : fabs(got - want) <= bound) return;
  fail_msg("%s: element %zu is %.9g, expected %.9g within %.3g", what, index, got, want, bound);
}

#define FOR_LEVELS(level, table)                                                                   \
  for (int level = 0; level <= (int)pome__cpu_isa(); level++)                                      \
    for (const pome__kernels *table = pome__kernels_get((pome__isa)level), *once = table; once;    \
         once = NULL)

/* ---- table ---- */

static void test_table(void **state) {
  (void)state;
  const pome__kernels *best = pome__kernels_get(pome__cpu_isa());
  for (int level = 0; level <= POME__ISA_COUNT; level++) {
    const pome__kernels *table = pome__kernels_get((pome__isa)level);
    assert_non_null(table);
    assert_ptr_equal(table, pome__kernels_get((pome__isa)level));
    /* The table is nothing but function pointers: each must be there. */
    void (*const *slots)(void) = (void (*const *)(void))(const void *)table;
    for (size_t i = 0; i < sizeof *table / sizeof *slots; i++) assert_non_null(slots[i]);
    if (level >= (int)pome__cpu_isa()) assert_memory_equal(table, best, sizeof *table);
  }
}

/* ---- fp16 ---- */

static double half_value(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                    : ldexp(fraction, -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

static void test_f16_to_f32_all(void **state) {
  (void)state;
  enum { ALL = 65536 };
  uint16_t *x = fenced(ALL * sizeof *x);
  float *truth = fenced_floats(ALL), *y = fenced_floats(ALL);
  for (size_t i = 0; i < ALL; i++) x[i] = (uint16_t)i;
  pome__kernels_get(POME__ISA_SCALAR)->f16_to_f32(ALL, x, truth);
  for (size_t i = 0; i < ALL; i++)
    assert_close(truth[i], half_value((uint16_t)i), 0, "f16_to_f32", i);
  FOR_LEVELS(level, table) {
    table->f16_to_f32(ALL, x, y);
    for (size_t i = 0; i < ALL; i++) assert_int_equal(bits_of(y[i]), bits_of(truth[i]));
  }
  release_fences();
}

/* Between two neighbouring halves: just below, at and just above the middle. */
static void test_f32_to_f16_rounding(void **state) {
  (void)state;
  const pome__kernels *scalar = pome__kernels_get(POME__ISA_SCALAR);
  for (uint32_t half = 0; half < 0x7c00; half++) {
    double low = half_value((uint16_t)half);
    double high = half + 1 == 0x7c00 ? 65536.0 : half_value((uint16_t)(half + 1));
    float middle = (float)((low + high) / 2);
    float x[4] = {(float)low, nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
    uint16_t want[4] = {(uint16_t)half, (uint16_t)half, (uint16_t)(half + (half & 1)),
                        (uint16_t)(half + 1)};
    uint16_t y[4];
    FOR_LEVELS(level, table) {
      table->f32_to_f16(4, x, y);
      for (int i = 0; i < 4; i++) assert_int_equal(y[i], want[i]);
    }
    for (int i = 0; i < 4; i++) x[i] = -x[i];
    scalar->f32_to_f16(4, x, y);
    for (int i = 0; i < 4; i++) assert_int_equal(y[i], want[i] | 0x8000);
  }
}

static void test_f32_to_f16_bits(void **state) {
  (void)state;
  enum { N = 200003 };
  float *x = fenced_floats(N);
  uint16_t *truth = fenced(N * sizeof *truth), *y = fenced(N * sizeof *y);
  for (size_t i = 0; i < N; i++) x[i] = i % 8 ? from_bits(random_bits()) : random_hostile();
  pome__kernels_get(POME__ISA_SCALAR)->f32_to_f16(N, x, truth);
  FOR_LEVELS(level, table) {
    table->f32_to_f16(N, x, y);
    for (size_t i = 0; i < N; i++) {
      if (y[i] != truth[i])
        fail_msg("level %d: %a gives %04x, not %04x", level, x[i], y[i], truth[i]);
    }
  }
  release_fences();
}

/* ---- elementwise, every length across the vector widths ---- */

enum { LENGTHS = 140 };

static void check_conversions(const pome__kernels *table, size_t n) {
  const pome__kernels *scalar = pome__kernels_get(POME__ISA_SCALAR);
  float *x = fenced_floats(n), *wide = fenced_floats(n), *wide_truth = fenced_floats(n);
  uint16_t *half = fenced(n * sizeof *half), *half_truth = fenced(n * sizeof *half);
  for (size_t i = 0; i < n; i++) x[i] = random_hostile();
  table->f32_to_f16(n, x, half);
  scalar->f32_to_f16(n, x, half_truth);
  assert_memory_equal(half, half_truth, n * sizeof *half);
  table->f16_to_f32(n, half, wide);
  scalar->f16_to_f32(n, half, wide_truth);
  assert_memory_equal(wide, wide_truth, n * sizeof *wide);
  release_fences();
}

static void check_binary(const pome__kernels *table, size_t n) {
  float *x = fenced_floats(n), *y = fenced_floats(n), *z = fenced_floats(n);
  for (size_t i = 0; i < n; i++) {
    x[i] = random_hostile();
    y[i] = random_hostile();
  }
  table->add_f32(n, x, y, z);
  for (size_t i = 0; i < n; i++) assert_close(z[i], x[i] + y[i], 0, "add", i);
  table->mul_f32(n, x, y, z);
  for (size_t i = 0; i < n; i++) assert_close(z[i], x[i] * y[i], 0, "mul", i);
  memcpy(z, x, n * sizeof *z);
  table->add_f32(n, z, y, z);
  for (size_t i = 0; i < n; i++) assert_close(z[i], x[i] + y[i], 0, "add in place", i);
  memcpy(z, y, n * sizeof *z);
  table->mul_f32(n, x, z, z);
  for (size_t i = 0; i < n; i++) assert_close(z[i], x[i] * y[i], 0, "mul in place", i);
  release_fences();
}

static void check_dot_axpy(const pome__kernels *table, size_t n) {
  float *x = fenced_floats(n), *y = fenced_floats(n), *z = fenced_floats(n);
  double sum = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = random_float();
    y[i] = z[i] = random_float();
    sum += (double)x[i] * y[i];
    size += fabs((double)x[i] * y[i]);
  }
  double bound = ((double)n + 1) * (EPSILON * size + 0x1p-149);
  assert_close(table->dot_f32(n, x, y), sum, bound, "dot", n);
  float a = random_float();
  table->axpy_f32(n, a, x, y);
  for (size_t i = 0; i < n; i++) {
    double want = (double)a * x[i] + z[i];
    assert_close(y[i], want, 2 * EPSILON * (fabs((double)a * x[i]) + fabs(want)) + 0x1p-148, "axpy",
                 i);
  }
  if (n > 0) {
    x[random_below(n)] = NAN;
    assert_true(isnan(table->dot_f32(n, x, y)));
  }
  release_fences();
}

/* Up to 4 units in the last place; below -88.7 exp(-x) overflows and the result is zero, off by
 * 2^-120. */
static void check_silu(const pome__kernels *table, size_t n) {
  float *x = fenced_floats(n), *y = fenced_floats(n);
  for (size_t i = 0; i < n; i++) x[i] = random_hostile();
  table->silu_f32(n, x, y);
  for (size_t i = 0; i < n; i++) {
    double want = x[i] / (1.0 + exp(-(double)x[i]));
    assert_close(y[i], want, 8 * EPSILON * fabs(want) + 0x1p-120, "silu", i);
  }
  float *z = fenced_floats(n);
  memcpy(z, x, n * sizeof *z);
  table->silu_f32(n, z, z);
  assert_memory_equal(z, y, n * sizeof *z);
  release_fences();
}

/* The error of x - max, at most EPSILON * |x - max|, becomes a relative error of exp. */
static void check_softmax(const pome__kernels *table, size_t n, float scale) {
  float *x = fenced_floats(n), *y = fenced_floats(n);
  double max = -INFINITY, sum = 0, total = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = random_below(9) ? random_float() * scale : n > 1 && i ? -INFINITY : 0.0f;
    max = fmax(max, x[i]);
  }
  for (size_t i = 0; i < n; i++) sum += exp(x[i] - max);
  table->softmax_f32(n, x, y);
  for (size_t i = 0; i < n; i++) {
    double want = exp(x[i] - max) / sum;
    double relative = isinf(x[i]) ? 0 : fabs(x[i] - max) + (double)n / 8 + 24;
    assert_close(y[i], want, EPSILON * relative * want + 0x1p-148, "softmax", i);
    total += y[i];
  }
  if (n > 0) assert_close(total, 1, EPSILON * ((double)n + 200), "softmax sum", n);
  if (n > 0) {
    static const float poison[] = {NAN, INFINITY};
    for (size_t p = 0; p < COUNT(poison); p++) {
      memcpy(y, x, n * sizeof *y);
      y[random_below(n)] = poison[p];
      table->softmax_f32(n, y, y);
      for (size_t i = 0; i < n; i++) assert_true(isnan(y[i]));
    }
  }
  release_fences();
}

static void test_elementwise(void **state) {
  (void)state;
  FOR_LEVELS(level, table) {
    for (size_t n = 0; n < LENGTHS; n++) {
      check_conversions(table, n);
      check_binary(table, n);
      check_dot_axpy(table, n);
      check_silu(table, n);
      check_softmax(table, n, 3.0f);
      check_softmax(table, n, 60.0f);
    }
    check_dot_axpy(table, 5000);
    check_softmax(table, 5003, 10.0f);
    check_silu(table, 100001);
  }
}

/* ---- sums of scaled rows ---- */

/* Only columns n0 .. n1-1 may change. */
static void check_outer(const pome__kernels *table, size_t m, size_t n, size_t k, bool bias) {
  size_t a_stride = k + random_below(3), b_stride = n + random_below(3), y_stride = n + 2;
  size_t n0 = random_below(n + 1), n1 = n0 + random_below(n - n0 + 1);
  float *a = fenced_floats(m * a_stride), *b = fenced_floats(k * b_stride), *c = fenced_floats(m);
  float *y = fenced_floats(m * y_stride);
  for (size_t i = 0; i < m * a_stride; i++) a[i] = random_float();
  for (size_t i = 0; i < k * b_stride; i++) b[i] = random_float();
  for (size_t i = 0; i < m; i++) c[i] = random_float();
  for (size_t i = 0; i < m * y_stride; i++) y[i] = from_bits(0x12345678);
  pome__outer args = {a, a_stride, m, k, b, b_stride, bias ? c : NULL, y, y_stride};
  table->outer_f32(&args, n0, n1);
  for (size_t i = 0; i < m * y_stride; i++) {
    size_t row = i / y_stride, column = i % y_stride;
    if (column < n0 || column >= n1) {
      assert_int_equal(bits_of(y[i]), 0x12345678);
      continue;
    }
    double sum = bias ? (double)c[row] : 0, size = fabs(sum);
    for (size_t p = 0; p < k; p++) {
      double term = (double)a[row * a_stride + p] * b[p * b_stride + column];
      sum += term;
      size += fabs(term);
    }
    assert_close(y[i], sum, ((double)k + 2) * (EPSILON * size + 0x1p-149), "outer", i);
  }
  release_fences();
}

static void check_taps(const pome__kernels *table, size_t n, size_t taps) {
  const float *x[32];
  float w[32], *y = fenced_floats(n), bias = random_float();
  for (size_t t = 0; t < taps; t++) {
    float *row = fenced_floats(n);
    for (size_t i = 0; i < n; i++) row[i] = random_float();
    x[t] = row;
    w[t] = random_float();
  }
  table->taps_f32(n, taps, x, w, bias, y);
  for (size_t i = 0; i < n; i++) {
    double sum = bias, size = fabs(sum);
    for (size_t t = 0; t < taps; t++) {
      sum += (double)w[t] * x[t][i];
      size += fabs((double)w[t] * x[t][i]);
    }
    assert_close(y[i], sum, ((double)taps + 2) * (EPSILON * size + 0x1p-149), "taps", i);
  }
  release_fences();
}

static void test_outer(void **state) {
  (void)state;
  FOR_LEVELS(level, table) {
    for (size_t m = 0; m < 20; m++) {
      for (size_t i = 0; i < 12; i++)
        check_outer(table, m, random_below(70), random_below(20), i % 2 == 0);
    }
    check_outer(table, 9, 600, 300, true);
    for (size_t n = 0; n < 140; n++) check_taps(table, n, random_below(26));
  }
}

/* ---- matrix products ---- */

typedef enum weight_kind { F32, F16, LUT4, KINDS } weight_kind;

static const char *const kind_names[KINDS] = {"f32", "f16", "lut4"};

typedef struct problem {
  weight_kind kind;
  size_t m, n, k, x_stride, y_stride, rows_per_lut;
  bool exact, biased;
} problem;

typedef struct operands {
  pome__matmul args;
  float *w; /* [n, k], what the stored weights stand for */
} operands;

static float random_value(bool exact) {
  return exact ? random_small_integer() : random_float();
}

/* Palette entry 0 is a NaN that no weight refers to: padding must not be looked up and multiplied.
 */
static void store_lut4(const problem *p, operands *o) {
  size_t palettes = (p->n + p->rows_per_lut - 1) / p->rows_per_lut;
  float *lut = fenced_floats(16 * palettes);
  for (size_t i = 0; i < 16 * palettes; i++) lut[i] = i % 16 ? random_value(p->exact) : NAN;
  uint8_t *packed = fenced(p->n * p->k / 2);
  for (size_t i = 0; i < p->n * p->k; i += 2) {
    size_t low = 1 + random_below(15), high = 1 + random_below(15);
    packed[i / 2] = (uint8_t)(low | high << 4);
    const float *own = lut + 16 * (i / p->k / p->rows_per_lut);
    o->w[i] = own[low];
    o->w[i + 1] = own[high];
  }
  o->args.lut = lut;
  o->args.rows_per_lut = p->rows_per_lut;
  o->args.w = packed;
}

static void store_f16(const problem *p, operands *o) {
  size_t count = p->n * p->k;
  uint16_t *half = fenced(count * sizeof *half);
  const pome__kernels *scalar = pome__kernels_get(POME__ISA_SCALAR);
  for (size_t i = 0; i < count; i++) o->w[i] = random_value(p->exact);
  scalar->f32_to_f16(count, o->w, half);
  scalar->f16_to_f32(count, half, o->w);
  o->args.w = half;
}

static void make_operands(const problem *p, operands *o) {
  size_t count = p->n * p->k;
  o->args = (pome__matmul){.m = p->m, .k = p->k, .x_stride = p->x_stride, .y_stride = p->y_stride};
  o->w = fenced_floats(count);
  switch (p->kind) {
  case LUT4: store_lut4(p, o); break;
  case F16: store_f16(p, o); break;
  default:
    for (size_t i = 0; i < count; i++) o->w[i] = random_value(p->exact);
    o->args.w = o->w;
  }
  /* The last row ends where it ends, without its stride. */
  size_t x_count = p->m ? (p->m - 1) * p->x_stride + p->k : 0;
  size_t y_count = p->m ? (p->m - 1) * p->y_stride + p->n : 0;
  float *x = fenced_floats(x_count);
  for (size_t i = 0; i < x_count; i++) {
    x[i] = p->x_stride && i % p->x_stride < p->k ? random_value(p->exact) : NAN;
  }
  o->args.x = x;
  o->args.y = fenced_floats(y_count);
  if (p->biased) {
    float *bias = fenced_floats(p->n);
    for (size_t i = 0; i < p->n; i++) bias[i] = random_value(p->exact);
    o->args.bias = bias;
  }
}

static void check_output(const problem *p, const operands *o, size_t row, size_t column,
                         const char *what) {
  const pome__matmul *a = &o->args;
  const float *x = a->x + row * p->x_stride, *w = o->w + column * p->k;
  double sum = a->bias ? a->bias[column] : 0, size = fabs(sum);
  for (size_t k = 0; k < p->k; k++) {
    double term = (double)x[k] * w[k];
    sum += term;
    size += fabs(term);
  }
  double bound = p->exact ? 0 : ((double)p->k + 4) * (EPSILON * size + 0x1p-149);
  assert_close(a->y[row * p->y_stride + column], sum, bound, what, row * p->n + column);
}

/* Columns outside the range and the gaps between rows keep their filling. */
static void check_products(const problem *p, const operands *o, size_t n0, size_t n1,
                           const char *what) {
  uint32_t filler;
  memset(&filler, FILLER, sizeof filler);
  for (size_t row = 0; row < p->m; row++) {
    size_t width = row + 1 < p->m ? p->y_stride : p->n;
    for (size_t column = 0; column < width; column++) {
      if (column >= n0 && column < n1) {
        check_output(p, o, row, column, what);
      } else if (bits_of(o->args.y[row * p->y_stride + column]) != filler) {
        fail_msg("%s: wrote row %zu column %zu, outside %zu..%zu", what, row, column, n0, n1);
      }
    }
  }
}

static pome__matmul_fn *product_of(const pome__kernels *table, weight_kind kind, bool gemv) {
  switch (kind) {
  case F32: return gemv ? table->gemv_f32 : table->gemm_f32;
  case F16: return gemv ? table->gemv_f16 : table->gemm_f16;
  default: return gemv ? table->gemv_lut4 : table->gemm_lut4;
  }
}

static void check_problem(const problem *p) {
  operands o;
  make_operands(p, &o);
  size_t y_bytes = p->m ? ((p->m - 1) * p->y_stride + p->n) * sizeof(float) : 0;
  size_t n0 = random_below(2) ? 0 : random_below(p->n + 1);
  size_t n1 = random_below(2) ? p->n : n0 + random_below(p->n - n0 + 1);
  FOR_LEVELS(level, table) {
    for (int gemv = 0; gemv <= (p->m == 1); gemv++) {
      char what[160];
      snprintf(what, sizeof what,
               "level %d %s %s m %zu n %zu k %zu rows_per_lut %zu columns %zu..%zu", level,
               gemv ? "gemv" : "gemm", kind_names[p->kind], p->m, p->n, p->k, p->rows_per_lut, n0,
               n1);
      memset(o.args.y, FILLER, y_bytes);
      product_of(table, p->kind, gemv)(&o.args, n0, n1);
      check_products(p, &o, n0, n1, what);
    }
  }
  release_fences();
}

static void test_products(void **state) {
  (void)state;
  static const size_t ms[] = {1, 1, 2, 3, 5, 6, 7, 11, 12, 13, 14, 25};
  static const size_t ns[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 70};
  static const size_t ks[] = {0,   1,   2,   3,   4,   6,   7,   8,   9,   10,  14,  15,
                              16,  17,  18,  30,  31,  32,  33,  34,  48,  62,  63,  64,
                              65,  66,  100, 126, 127, 128, 129, 130, 190, 192, 194, 254,
                              255, 256, 257, 258, 300, 386, 511, 512, 514, 1026};
  static const size_t rows_per_lut[] = {1, 3, 4, 8, 16, 20, 32, 1000};
  for (weight_kind kind = 0; kind < KINDS; kind++) {
    for (size_t i = 0; i < COUNT(ks); i++) {
      for (size_t j = 0; j < COUNT(ms); j++) {
        problem p = {.kind = kind, .m = ms[j], .k = ks[i], .n = ns[random_below(COUNT(ns))]};
        if (kind == LUT4 && p.k % 2) continue;
        p.rows_per_lut = rows_per_lut[random_below(COUNT(rows_per_lut))];
        p.x_stride = p.k + (random_below(2) ? random_below(9) : 0);
        p.y_stride = p.n + (random_below(2) ? random_below(9) : 0);
        p.exact = random_below(2);
        p.biased = random_below(2);
        check_problem(&p);
      }
    }
  }
}

/* More than one stretch of dealt x, a power-of-two stride, all tile heights. */
static void test_products_large(void **state) {
  (void)state;
  for (weight_kind kind = 0; kind < KINDS; kind++) {
    for (size_t k = 4094; k <= 4098; k += 2) {
      problem p = {.kind = kind,
                   .m = 1,
                   .n = 21,
                   .k = k,
                   .x_stride = k,
                   .y_stride = 21,
                   .rows_per_lut = 7,
                   .exact = true,
                   .biased = true};
      check_problem(&p);
    }
    for (size_t m = 0; m <= 40; m++) {
      problem p = {.kind = kind,
                   .m = m,
                   .n = 45,
                   .k = 258,
                   .x_stride = 1024,
                   .y_stride = 48,
                   .rows_per_lut = 64,
                   .exact = true};
      check_problem(&p);
    }
  }
}

/* One NaN in x reaches every output of its row and no other row; one infinite weight only its
 * column. */
static void test_products_specials(void **state) {
  (void)state;
  static const size_t ks[] = {2, 16, 18, 128, 130, 300};
  for (weight_kind kind = 0; kind < KINDS; kind++) {
    for (size_t i = 0; i < COUNT(ks); i++) {
      for (size_t m = 1; m <= 13; m += 3) {
        problem p = {.kind = kind,
                     .m = m,
                     .n = 37,
                     .k = ks[i],
                     .x_stride = ks[i],
                     .y_stride = 37,
                     .rows_per_lut = 1,
                     .exact = true};
        operands o;
        make_operands(&p, &o);
        size_t bad_row = random_below(m), bad_column = random_below(p.n), at = random_below(p.k);
        for (size_t row = 0; row < m; row++) ((float *)o.args.x)[row * p.k + at] = 1.0f;
        ((float *)o.args.x)[bad_row * p.k + random_below(p.k)] = NAN;
        if (kind == F32) o.w[bad_column * p.k + at] = INFINITY;
        if (kind == F16) ((uint16_t *)o.args.w)[bad_column * p.k + at] = 0x7c00;
        if (kind == LUT4) {
          uint8_t index = ((const uint8_t *)o.args.w)[(bad_column * p.k + at) / 2];
          ((float *)o.args.lut)[16 * bad_column + (at % 2 ? index >> 4 : index & 15)] = -INFINITY;
        }
        FOR_LEVELS(level, table) {
          product_of(table, kind, false)(&o.args, 0, p.n);
          for (size_t row = 0; row < m; row++) {
            for (size_t column = 0; column < p.n; column++) {
              float y = o.args.y[row * p.n + column];
              if (row == bad_row) assert_true(isnan(y));
              else if (column == bad_column) assert_false(isfinite(y));
              else assert_true(isfinite(y));
            }
          }
        }
        release_fences();
      }
    }
  }
}

/* ---- bench ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Best time of a call, repeated for about a fifth of a second. */
#define BENCH(seconds, CALL)                                                                       \
  do {                                                                                             \
    (seconds) = 1e30;                                                                              \
    double begin = now();                                                                          \
    for (int run = 0; run < 3 || now() - begin < 0.2; run++) {                                     \
      double start = now();                                                                        \
      CALL;                                                                                        \
      double time = now() - start;                                                                 \
      if (time < (seconds)) (seconds) = time;                                                      \
    }                                                                                              \
  } while (0)

static void *bench_alloc(size_t size) {
  void *p = aligned_alloc(64, (size + 63) / 64 * 64);
  if (!p) abort();
  memset(p, 0x31, size); /* fp16 0.16, fp32 2.6e-9 */
  return p;
}

static void bench_product(const pome__kernels *table, const char *level, weight_kind kind, size_t m,
                          size_t n, size_t k, size_t rows_per_lut) {
  static const double bytes_per_weight[KINDS] = {4, 2, 0.5};
  size_t w_bytes = (size_t)((double)(n * k) * bytes_per_weight[kind]);
  void *w = bench_alloc(w_bytes);
  float *x = bench_alloc(m * k * sizeof *x), *y = bench_alloc(m * n * sizeof *y);
  float *lut = bench_alloc(16 * n * sizeof *lut);
  pome__matmul a = {.x = x,
                    .x_stride = k,
                    .m = m,
                    .k = k,
                    .w = w,
                    .lut = lut,
                    .rows_per_lut = rows_per_lut,
                    .y = y,
                    .y_stride = n};
  double seconds;
  BENCH(seconds, product_of(table, kind, m == 1)(&a, 0, n));
  printf(
      "%-7s %s %-4s m %3zu n %6zu k %5zu palettes %5zu: %6.1f GB/s of weights %7.1f GFLOP/s %6.2f "
      "Gweights/s\n",
      level, m == 1 ? "gemv" : "gemm", kind_names[kind], m, n, k,
      kind == LUT4 ? (n + rows_per_lut - 1) / rows_per_lut : 0, (double)w_bytes / seconds * 1e-9,
      2.0 * (double)(m * n * k) / seconds * 1e-9, (double)(n * k) / seconds * 1e-9);
  free(w), free(x), free(y), free(lut);
}

static void bench_elementwise(const pome__kernels *table, const char *level) {
  enum { N = 2048 };
  float *x = bench_alloc(N * sizeof *x), *y = bench_alloc(N * sizeof *y);
  uint16_t *half = bench_alloc(N * sizeof *half);
  volatile float sink = 0;
  double seconds;
#define REPORT(name, bytes, CALL)                                                                  \
  BENCH(seconds, for (int i = 0; i < 100; i++) CALL);                                              \
  printf("%-7s %-10s %7.1f GB/s %7.2f elements/ns\n", level, name,                                 \
         100.0 * N * (bytes) / seconds * 1e-9, 100.0 * N / seconds * 1e-9)
  REPORT("f16_to_f32", 6, table->f16_to_f32(N, half, x));
  REPORT("f32_to_f16", 6, table->f32_to_f16(N, x, half));
  REPORT("dot_f32", 8, sink = table->dot_f32(N, x, y));
  REPORT("axpy_f32", 12, table->axpy_f32(N, 1e-3f, x, y));
  REPORT("add_f32", 12, table->add_f32(N, x, y, y));
  REPORT("mul_f32", 12, table->mul_f32(N, x, x, y));
  REPORT("silu_f32", 8, table->silu_f32(N, x, y));
  REPORT("softmax", 8, table->softmax_f32(N, x, y));
#undef REPORT
  (void)sink;
  free(x), free(y), free(half);
}

static void bench(void) {
  FOR_LEVELS(level, table) {
    const char *name = pome__isa_name((pome__isa)level);
    bench_elementwise(table, name);
    for (weight_kind kind = 0; kind < KINDS; kind++) {
      bench_product(table, name, kind, 1, 896, 896, 896);      /* second-level cache */
      bench_product(table, name, kind, 1, 65536, 2048, 65536); /* memory */
      static const size_t ms[] = {2, 3, 4, 5, 8, 9, 12, 64, 256};
      for (size_t i = 0; i < COUNT(ms); i++)
        bench_product(table, name, kind, ms[i], 4864, 896, 4864);
      bench_product(table, name, kind, 64, 2048, 2048, 2048);
      bench_product(table, name, kind, 64, 896, 4864, 896);
    }
    bench_product(table, name, LUT4, 1, 4864, 896, 1);
    bench_product(table, name, LUT4, 1, 4864, 896, 4864);
    bench_product(table, name, LUT4, 1, 896, 4864, 896);
    bench_product(table, name, LUT4, 64, 4864, 896, 1);
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
    bench();
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_f16_to_f32_all),
      cmocka_unit_test(test_f32_to_f16_rounding),
      cmocka_unit_test(test_f32_to_f16_bits),
      cmocka_unit_test(test_elementwise),
      cmocka_unit_test(test_outer),
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_products_large),
      cmocka_unit_test(test_products_specials),
  };
  return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
