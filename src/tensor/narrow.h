/* Floats of 8 and 16 bits, in integer arithmetic, exact: one description per format, one decoder,
 * one encoder.
 *
 * A code is sign, exponent, mantissa. All magnitudes from `top` on are not finite: `top` is the
 * infinity in the IEEE-like formats and the only NaN in fp8e4m3fn, which has no infinity, so that
 * overflow gives `top` in both. The encoder starts from a double and rounds once, to nearest, ties
 * to even; NaNs keep the top of their payload and become quiet, as the processor's conversions do.
 */
#ifndef POME_SRC_TENSOR_NARROW_H
#define POME_SRC_TENSOR_NARROW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct pome__narrow {
  int width;    /* bits */
  int mantissa; /* bits, without the hidden one */
  int bias;
  uint32_t top;
} pome__narrow;

#define POME__NARROW_F16      ((pome__narrow){16, 10, 15, 0x7c00})
#define POME__NARROW_BF16     ((pome__narrow){16, 7, 127, 0x7f80})
#define POME__NARROW_F8E4M3FN ((pome__narrow){8, 3, 7, 0x7f})
#define POME__NARROW_F8E5M2   ((pome__narrow){8, 2, 15, 0x7c})

static inline bool pome__narrow_has_infinity(pome__narrow format) {
  return (format.top & ((1u << format.mantissa) - 1)) == 0;
}

static inline float pome__narrow_to_f32(pome__narrow format, uint32_t code) {
  int up = 23 - format.mantissa;
  uint32_t magnitude = code & ((1u << (format.width - 1)) - 1);
  uint32_t exponent = magnitude >> format.mantissa, bits;
  if (magnitude >= format.top) {
    bool infinite = magnitude == format.top && pome__narrow_has_infinity(format);
    bits = infinite ? 0x7f800000u : 0x7fc00000u | (magnitude << up & 0x3fffffu);
  } else if (exponent > 0) {
    bits = (magnitude << up) + ((uint32_t)(127 - format.bias) << 23);
  } else if (format.bias == 127) {
    bits = magnitude << up; /* as narrow in range as a float: its subnormals are a float's */
  } else {
    uint32_t unit_bits = (uint32_t)(127 + 1 - format.bias - format.mantissa) << 23;
    float unit; /* the smallest subnormal; a normal float, and so is each multiple */
    memcpy(&unit, &unit_bits, sizeof unit);
    float value = (float)magnitude * unit;
    memcpy(&bits, &value, sizeof bits);
  }
  bits |= code >> (format.width - 1) << 31;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

static inline uint32_t pome__narrow_from_f64(pome__narrow format, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t sign = (uint32_t)(bits >> 63) << (format.width - 1);
  uint64_t magnitude = bits & 0x7fffffffffffffffu;
  int exponent = (int)(magnitude >> 52) - 1023, lowest = 1 - format.bias;
  int drop = 52 - format.mantissa; /* bits of a normal number to round away */
  if (exponent == 1024) {
    bool nan = magnitude != (uint64_t)0x7ff << 52 && pome__narrow_has_infinity(format);
    uint32_t payload = (uint32_t)(magnitude >> drop) & ((1u << format.mantissa) - 1);
    return sign | format.top | (nan ? 1u << (format.mantissa - 1) | payload : 0);
  }
  if (exponent > format.bias + 1) return sign | format.top;
  uint64_t mantissa = (magnitude & 0xfffffffffffffu) | (uint64_t)1 << 52;
  if (exponent < lowest) {
    drop += lowest - exponent;
    exponent = lowest;
    if (drop > 53) return sign; /* less than half the smallest subnormal */
  }
  uint64_t half = (uint64_t)1 << (drop - 1), rest = mantissa & (2 * half - 1);
  uint64_t kept = mantissa >> drop;
  kept += rest > half || (rest == half && (kept & 1));
  /* The hidden bit counts as one step of the exponent, and so does a carry out of the mantissa. */
  uint64_t code = ((uint64_t)(exponent - lowest) << format.mantissa) + kept;
  return sign | (code < format.top ? (uint32_t)code : format.top);
}

/* Halves and floats meet most often, so between them the way is without branches, which makes loops
 * vector code. Here the exponent moves by a multiplication, which is exact and gives subnormals
 * their value; what is not finite gets its exponent by bits, and NaNs become quiet. */
static inline float pome__f16_to_f32(uint16_t half) {
  uint32_t magnitude = half & 0x7fffu, bits = magnitude << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;
  memcpy(&bits, &value, sizeof bits);
  bits |= magnitude >= 0x7c00u ? 0x7f800000u : 0;
  bits |= magnitude > 0x7c00u ? 0x400000u : 0;
  bits |= (uint32_t)(half & 0x8000u) << 16;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* And here adding 0.5 rounds what is subnormal: the sum's last bit is worth 2^-24. */
static inline uint16_t pome__f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t magnitude = bits & 0x7fffffffu, tiny;
  float sum;
  memcpy(&sum, &magnitude, sizeof sum);
  sum += 0.5f;
  memcpy(&tiny, &sum, sizeof tiny);
  uint32_t code = (magnitude - ((127u - 15u) << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  code = magnitude < 0x38800000u ? tiny - 0x3f000000u : code; /* 2^-14, the smallest normal half */
  code = magnitude >= 0x477ff000u ? 0x7c00u : code; /* 65520, half way past the largest half */
  code = magnitude > 0x7f800000u ? 0x7e00u | (magnitude >> 13 & 0x3ffu) : code;
  return (uint16_t)(bits >> 16 & 0x8000u) | (uint16_t)code;
}

static inline uint16_t pome__f64_to_f16(double value) {
  return (uint16_t)pome__narrow_from_f64(POME__NARROW_F16, value);
}

#endif
