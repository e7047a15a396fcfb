/* Loading and storing runs of elements of any type.
 *
 * One loop body per type, written once in the two tables below and stamped out for double, float
 * and int64. Each public function calls its loop twice, once with a stride the compiler knows to be
 * 1: that is the fast path for contiguous data. Elements are moved with memcpy: tensors from files
 * may lie unaligned.
 */
#include "tensor/element.h"

#include <stdint.h>
#include <string.h>

#define SPECIALIZED static inline __attribute__((always_inline))

/* Where a rounding to 53 bits would come before another, the first one must not create a tie: keep
 * 53 bits and set the last one when anything was lost ("round to odd"). */
double pome__u64_to_f64_odd(uint64_t value) {
  if (value >> 53 == 0) return (double)value;
  int drop = 11 - __builtin_clzll(value);
  uint64_t unit = (uint64_t)1 << drop;
  uint64_t kept = value >> drop | ((value & (unit - 1)) != 0);
  return (double)kept * (double)unit;
}

static double i64_to_f64_odd(int64_t value) {
  return value < 0 ? -pome__u64_to_f64_odd(-(uint64_t)value)
                   : pome__u64_to_f64_odd((uint64_t)value);
}

static int64_t truncate_i64(double value) {
  if (!(value >= -0x1p63)) return value < 0 ? INT64_MIN : 0;
  return value < 0x1p63 ? (int64_t)value : INT64_MAX;
}

/* As bits: negative values wrap. */
static uint64_t truncate_u64(double value) {
  if (!(value >= 0x1p63)) return (uint64_t)truncate_i64(value);
  return value < 0x1p64 ? (uint64_t)value : UINT64_MAX;
}

/* Element `index` of a stream of bits, least significant first. */
static uint32_t read_bits(const uint8_t *base, unsigned bits, int64_t index) {
  uint64_t position = (uint64_t)index * bits;
  const uint8_t *byte = base + (position >> 3);
  unsigned shift = (unsigned)(position & 7);
  uint32_t value = (uint32_t)byte[0] >> shift;
  if (shift + bits > 8) value |= (uint32_t)byte[1] << (8 - shift);
  return value & ((1u << bits) - 1);
}

static void write_bits(uint8_t *base, unsigned bits, int64_t index, uint32_t value) {
  uint64_t position = (uint64_t)index * bits;
  uint8_t *byte = base + (position >> 3);
  unsigned shift = (unsigned)(position & 7);
  uint32_t mask = (1u << bits) - 1;
  uint32_t wide = (value & mask) << shift;
  mask <<= shift;
  byte[0] = (uint8_t)((byte[0] & ~mask) | wide);
  if (mask > 0xff) byte[1] = (uint8_t)((byte[1] & ~(mask >> 8)) | wide >> 8);
}

static int read_int4(const uint8_t *base, int64_t index) {
  return (int)(read_bits(base, 4, index) ^ 8u) - 8;
}

/* The formatter takes these macros apart. */
/* clang-format off */

/* Runs `body` for each element: i counts, k is the element's index. */
#define EACH(body)                                                                                 \
  for (size_t i = 0; i < n; i++) {                                                                 \
    int64_t k = offset + (int64_t)i * stride;                                                      \
    body                                                                                           \
  }                                                                                                \
  break;

#define LOAD(name, stored, expression)                                                             \
  case POME_##name:                                                                                \
    EACH(stored v; memcpy(&v, base + k * (int64_t)sizeof v, sizeof v);                             \
         out[i] = (expression);)

#define LOAD_BITS(name, bits, OUT)                                                                 \
  case POME_##name:                                                                                \
    EACH(out[i] = (OUT)read_bits(base, bits, k);)

/* What each type's elements are as OUT; REAL makes that from a float or double. */
#define LOAD_TABLE(OUT, REAL)                                                                      \
  LOAD(BOOL, uint8_t, (OUT)(v != 0))                                                               \
  LOAD(FP16, uint16_t, REAL(pome__f16_to_f32(v)))\
  LOAD(FP32, float, REAL(v))                                                                       \
  LOAD(FP64, double, REAL(v))                                                                      \
  LOAD(BF16, uint16_t, REAL(pome__narrow_to_f32(POME__NARROW_BF16, v)))                            \
  LOAD(FP8E4M3FN, uint8_t, REAL(pome__narrow_to_f32(POME__NARROW_F8E4M3FN, v)))                    \
  LOAD(FP8E5M2, uint8_t, REAL(pome__narrow_to_f32(POME__NARROW_F8E5M2, v)))                        \
  LOAD(INT8, int8_t, (OUT)v)                                                                       \
  LOAD(INT16, int16_t, (OUT)v)                                                                     \
  LOAD(INT32, int32_t, (OUT)v)                                                                     \
  LOAD(INT64, int64_t, (OUT)v)                                                                     \
  LOAD(UINT8, uint8_t, (OUT)v)                                                                     \
  LOAD(UINT16, uint16_t, (OUT)v)                                                                   \
  LOAD(UINT32, uint32_t, (OUT)v)                                                                   \
  LOAD(UINT64, uint64_t, (OUT)v)                                                                   \
  case POME_INT4: EACH(out[i] = (OUT)read_int4(base, k);)                                          \
  LOAD_BITS(UINT1, 1, OUT)                                                                         \
  LOAD_BITS(UINT2, 2, OUT)                                                                         \
  LOAD_BITS(UINT3, 3, OUT)                                                                         \
  LOAD_BITS(UINT4, 4, OUT)                                                                         \
  LOAD_BITS(UINT6, 6, OUT)                                                                         \
  case POME_STRING:                                                                                \
  case POME_DTYPE_NONE:                                                                            \
  case POME_DTYPE_COUNT: break;

#define STORE(name, stored, expression)                                                            \
  case POME_##name:                                                                                \
    EACH(stored v = (stored)(expression); memcpy(base + k * (int64_t)sizeof v, &v, sizeof v);)

#define STORE_NARROW(name, stored, format, REAL)                                                   \
  STORE(name, stored, pome__narrow_from_f64(format, REAL(in[i])))

#define STORE_BITS(name, bits, WHOLE)                                                              \
  case POME_##name:                                                                                \
    EACH(write_bits(base, bits, k, (uint32_t)WHOLE(in[i]));)

/* REAL makes a double that rounds on correctly; WHOLE and WHOLE64 the 64 bits of an integer, of
 * which the low ones are kept; integers are stored as unsigned ones of their width. */
#define STORE_TABLE(REAL, WHOLE, WHOLE64)                                                          \
  STORE(BOOL, uint8_t, in[i] != 0)                                                                 \
  STORE_NARROW(FP16, uint16_t, POME__NARROW_F16, REAL)                                             \
  STORE(FP32, float, in[i])                                                                        \
  STORE(FP64, double, in[i])                                                                       \
  STORE_NARROW(BF16, uint16_t, POME__NARROW_BF16, REAL)                                            \
  STORE_NARROW(FP8E4M3FN, uint8_t, POME__NARROW_F8E4M3FN, REAL)                                    \
  STORE_NARROW(FP8E5M2, uint8_t, POME__NARROW_F8E5M2, REAL)                                        \
  STORE(INT8, uint8_t, WHOLE(in[i]))                                                               \
  STORE(INT16, uint16_t, WHOLE(in[i]))                                                             \
  STORE(INT32, uint32_t, WHOLE(in[i]))                                                             \
  STORE(INT64, uint64_t, WHOLE(in[i]))                                                             \
  STORE(UINT8, uint8_t, WHOLE(in[i]))                                                              \
  STORE(UINT16, uint16_t, WHOLE(in[i]))                                                            \
  STORE(UINT32, uint32_t, WHOLE(in[i]))                                                            \
  STORE(UINT64, uint64_t, WHOLE64(in[i]))                                                          \
  STORE_BITS(INT4, 4, WHOLE)                                                                       \
  STORE_BITS(UINT1, 1, WHOLE)                                                                      \
  STORE_BITS(UINT2, 2, WHOLE)                                                                      \
  STORE_BITS(UINT3, 3, WHOLE)                                                                      \
  STORE_BITS(UINT4, 4, WHOLE)                                                                      \
  STORE_BITS(UINT6, 6, WHOLE)                                                                      \
  case POME_STRING:                                                                                \
  case POME_DTYPE_NONE:                                                                            \
  case POME_DTYPE_COUNT: break;

#define DEFINE_LOAD(suffix, OUT, REAL)                                                             \
  SPECIALIZED void load_##suffix(const uint8_t *base, pome_dtype dtype, int64_t offset,            \
                                 int64_t stride, size_t n, OUT *out) {                             \
    switch (dtype) { LOAD_TABLE(OUT, REAL) }                                                       \
  }                                                                                                \
  void pome__load_##suffix(const void *data, pome_dtype dtype, int64_t offset, int64_t stride,     \
                           size_t n, OUT *out) {                                                   \
    if (stride == 1) load_##suffix(data, dtype, offset, 1, n, out);                                \
    else load_##suffix(data, dtype, offset, stride, n, out);                                       \
  }

#define DEFINE_STORE(suffix, IN, REAL, WHOLE, WHOLE64)                                             \
  SPECIALIZED void store_##suffix(uint8_t *base, pome_dtype dtype, int64_t offset, int64_t stride, \
                                  size_t n, const IN *in) {                                        \
    switch (dtype) { STORE_TABLE(REAL, WHOLE, WHOLE64) }                                           \
  }                                                                                                \
  void pome__store_##suffix(void *data, pome_dtype dtype, int64_t offset, int64_t stride,          \
                            size_t n, const IN *in) {                                              \
    if (stride == 1) store_##suffix(data, dtype, offset, 1, n, in);                                \
    else store_##suffix(data, dtype, offset, stride, n, in);                                       \
  }

/* clang-format on */

#define AS_F64(x)  ((double)(x))
#define AS_F32(x)  ((float)(x))
#define AS_BITS(x) ((uint64_t)(x))

DEFINE_LOAD(f64, double, AS_F64)
DEFINE_LOAD(f32, float, AS_F32)
DEFINE_LOAD(i64, int64_t, truncate_i64)
DEFINE_STORE(f64, double, AS_F64, truncate_i64, truncate_u64)
DEFINE_STORE(f32, float, AS_F64, truncate_i64, truncate_u64)
DEFINE_STORE(i64, int64_t, i64_to_f64_odd, AS_BITS, AS_BITS)
