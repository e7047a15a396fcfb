/* exp and tanh in a form that compilers turn into vector code, for the float versions of maps;
 * accurate to about two units in the last place. Strict numerics use the C library.
 */
#ifndef POME_SRC_OPS_SOFT_MATH_H
#define POME_SRC_OPS_SOFT_MATH_H

#include <math.h>
#include <stdint.h>

/* Beyond +-87 it stays at the bound, which saturates what is made of it; NaN stays. */
static inline float pome__soft_exp(float v) {
  float x = v < -87 ? -87 : v > 87 ? 87 : v;
  float magic = 12582912; /* 1.5 * 2^23: adding it rounds to a whole number */
  float whole = x * 1.44269504f + magic;
  float k = whole - magic;
  float r = x - k * 0.693359375f + k * 2.12194440e-4f; /* x - k ln 2, ln 2 in two parts */
  float p = 1.98756915e-4f;
  p = p * r + 1.39819995e-3f;
  p = p * r + 8.33345186e-3f;
  p = p * r + 4.16657962e-2f;
  p = p * r + 1.66666655e-1f;
  p = p * r + 0.5f;
  union {
    float value;
    uint32_t bits;
  } scale = {whole};
  scale.bits = (scale.bits + 127) << 23; /* 2^k: the low bits of `whole` are k */
  return (p * r * r + r + 1) * scale.value;
}

/* Near 0 the quotient loses digits, so a series stands in. */
static inline float pome__soft_tanh(float v) {
  float size = fabsf(v);
  float far = 1 - 2 / (pome__soft_exp(2 * size) + 1);
  float square = v * v;
  float series = -5.39682540e-2f + square * 2.18694885e-2f;
  series = -3.33333333e-1f + square * (1.33333333e-1f + square * series);
  float near = size + size * square * series;
  return copysignf(size < 0.25f ? near : far, v);
}

#endif
