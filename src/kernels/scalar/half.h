/* IEEE binary16 in integer arithmetic, exact: every half is a float, and floats round to the
 * nearest half, ties to even. NaNs keep their sign and top payload bits and become quiet, as the
 * F16C instructions do. */
#ifndef POME_SRC_KERNELS_SCALAR_HALF_H
#define POME_SRC_KERNELS_SCALAR_HALF_H

#include <stdint.h>
#include <string.h>

static inline float pome__half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t magnitude = half & 0x7fffu;
  uint32_t bits;
  if (magnitude >= 0x7c00u) {
    bits = 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0);
  } else if (magnitude >= 0x400u) {
    bits = (magnitude << 13) + ((127u - 15u) << 23);
  } else { /* subnormal: magnitude * 2^-24 is a normal float or zero */
    float value = (float)magnitude * 0x1p-24f;
    memcpy(&bits, &value, sizeof bits);
  }
  bits |= sign;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

static inline uint16_t pome__half_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t sign = bits >> 16 & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) { /* 65520, half way past the largest half */
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) { /* 2^-14, the smallest normal half */
    uint32_t odd = magnitude >> 13 & 1u;
    half = (magnitude - ((127u - 15u) << 23) + 0xfffu + odd) >> 13;
  } else if (magnitude > 0x33000000u) { /* above 2^-25, half of the smallest subnormal */
    uint32_t shift = 126u - (magnitude >> 23);
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t odd = mantissa >> shift & 1u;
    half = (mantissa + (1u << (shift - 1)) - 1u + odd) >> shift;
  } else {
    half = 0;
  }
  return (uint16_t)(sign | half);
}

#endif
