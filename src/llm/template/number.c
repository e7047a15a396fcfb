/* Integers of any size, up to a few thousand digits: magnitudes in base 10^9, schoolbook methods.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/template/render.h"

#define BASE       1000000000u
#define MOST_LIMBS 480 /* 4320 decimal digits, about where Python stops to print too */

/* A magnitude while it is worked on. */
typedef struct magnitude {
  uint32_t digits[2 * MOST_LIMBS + 4];
  size_t count;
} magnitude;

static void trim(magnitude *m) {
  while (m->count > 0 && m->digits[m->count - 1] == 0) m->count--;
}

static void set_u64(magnitude *m, uint64_t value) {
  for (m->count = 0; value > 0; value /= BASE) m->digits[m->count++] = (uint32_t)(value % BASE);
}

/* Magnitude and sign of any integer value. */
static bool load(const pome__tvalue *v, magnitude *m) {
  if (v->kind == POME__T_BIG) {
    m->count = v->u.big->count;
    memcpy(m->digits, v->u.big->digits, m->count * sizeof m->digits[0]);
    return v->u.big->negative;
  }
  int64_t value = v->kind == POME__T_BOOL ? v->u.truth : v->u.integer;
  set_u64(m, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
  return value < 0;
}

static pome_status store(pome__trender *r, magnitude *m, bool negative, pome__tvalue *out) {
  trim(m);
  if (m->count > MOST_LIMBS)
    return POME__T_FAIL(r, "an integer of more than %d digits", MOST_LIMBS * 9);
  uint64_t value = 0;
  bool fits = m->count <= 3;
  for (size_t i = m->count; fits && i-- > 0;)
    fits = !__builtin_mul_overflow(value, (uint64_t)BASE, &value) &&
           !__builtin_add_overflow(value, m->digits[i], &value);
  if (fits && value <= (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
    *out = pome__t_int(negative ? (int64_t)(0 - value) : (int64_t)value);
    return POME_OK;
  }
  pome__tbig *big;
  size_t words = (sizeof *big + m->count * sizeof big->digits[0] + 7) / 8;
  POME__TRY(pome__t_alloc(r, words, 8, &big));
  big->negative = negative;
  big->count = m->count;
  memcpy(big->digits, m->digits, m->count * sizeof big->digits[0]);
  *out = (pome__tvalue){.kind = POME__T_BIG, .u.big = big};
  return POME_OK;
}

/* ---- magnitudes ---- */

static int compare(const magnitude *a, const magnitude *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (size_t i = a->count; i-- > 0;)
    if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i] ? -1 : 1;
  return 0;
}

static void add(magnitude *a, const magnitude *b) {
  uint32_t carry = 0;
  for (size_t i = 0; i < b->count || carry > 0; i++) {
    if (i == a->count) a->digits[a->count++] = 0;
    uint32_t sum = a->digits[i] + (i < b->count ? b->digits[i] : 0) + carry;
    carry = sum >= BASE;
    a->digits[i] = carry ? sum - BASE : sum;
  }
}

/* a >= b. */
static void subtract(magnitude *a, const magnitude *b) {
  uint32_t borrow = 0;
  for (size_t i = 0; i < a->count && (i < b->count || borrow > 0); i++) {
    uint32_t take = (i < b->count ? b->digits[i] : 0) + borrow;
    borrow = a->digits[i] < take;
    a->digits[i] += borrow ? BASE - take : 0 - take;
  }
  trim(a);
}

/* The factors have at most MOST_LIMBS limbs. */
static void multiply(const magnitude *a, const magnitude *b, magnitude *out) {
  out->count = a->count + b->count;
  memset(out->digits, 0, out->count * sizeof out->digits[0]);
  for (size_t i = 0; i < a->count; i++) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b->count || carry > 0; j++) {
      uint64_t sum = out->digits[i + j] + carry;
      if (j < b->count) sum += (uint64_t)a->digits[i] * b->digits[j];
      out->digits[i + j] = (uint32_t)(sum % BASE);
      carry = sum / BASE;
    }
  }
  trim(out);
}

static void multiply_small(magnitude *a, uint32_t factor, uint32_t plus) {
  uint64_t carry = plus;
  for (size_t i = 0; i < a->count; i++) {
    uint64_t product = (uint64_t)a->digits[i] * factor + carry;
    a->digits[i] = (uint32_t)(product % BASE);
    carry = product / BASE;
  }
  if (carry > 0) a->digits[a->count++] = (uint32_t)carry;
}

/* quotient = a / b, a becomes the rest. Each limb of the quotient is found by halving. */
static void divide(magnitude *a, const magnitude *b, magnitude *quotient) {
  magnitude rest = {.count = 0}, part;
  quotient->count = a->count;
  for (size_t i = a->count; i-- > 0;) {
    memmove(rest.digits + 1, rest.digits, rest.count * sizeof rest.digits[0]);
    rest.digits[0] = a->digits[i];
    rest.count++;
    trim(&rest);
    uint32_t low = 0, high = BASE - 1;
    while (low < high) {
      uint32_t middle = low + (high - low + 1) / 2;
      part = *b;
      multiply_small(&part, middle, 0);
      if (compare(&part, &rest) <= 0) low = middle;
      else high = middle - 1;
    }
    part = *b;
    multiply_small(&part, low, 0);
    trim(&part);
    subtract(&rest, &part);
    quotient->digits[i] = low;
  }
  trim(quotient);
  *a = rest;
}

/* ---- with signs ---- */

static bool add_signed(magnitude *a, bool a_negative, const magnitude *b, bool b_negative) {
  if (a_negative == b_negative) {
    add(a, b);
    return a_negative;
  }
  if (compare(a, b) >= 0) {
    subtract(a, b);
    return a_negative;
  }
  magnitude difference = *b;
  subtract(&difference, a);
  *a = difference;
  return b_negative;
}

/* Rounds down, as Python does: the rest has the divisor's sign. */
static pome_status divide_signed(pome__trender *r, bool want_rest, magnitude *a, bool a_negative,
                                 magnitude *b, bool b_negative, pome__tvalue *out) {
  magnitude quotient, one;
  if (b->count == 0) return POME__T_FAIL(r, "integer division or modulo by zero");
  POME__TRY(pome__t_charge(r, 32 * a->count * (b->count + 8)));
  divide(a, b, &quotient);
  if (a_negative != b_negative && a->count > 0) {
    set_u64(&one, 1);
    add(&quotient, &one);
    magnitude rest = *b;
    subtract(&rest, a);
    *a = rest;
  }
  return want_rest ? store(r, a, b_negative, out)
                   : store(r, &quotient, a_negative != b_negative, out);
}

static pome_status power(pome__trender *r, magnitude *base, bool negative,
                         const pome__tvalue *exponent, pome__tvalue *out) {
  magnitude result, product;
  bool odd = exponent->kind == POME__T_BIG
                 ? exponent->u.big->digits[0] & 1
                 : (exponent->kind == POME__T_BOOL ? exponent->u.truth : exponent->u.integer & 1);
  if (base->count == 0 || (base->count == 1 && base->digits[0] == 1)) {
    bool zero = !pome__t_truth(exponent);
    set_u64(&result, zero ? 1 : (uint64_t)base->count);
    return store(r, &result, negative && odd, out);
  }
  if (exponent->kind == POME__T_BIG ||
      (exponent->kind == POME__T_INT && exponent->u.integer > MOST_LIMBS * 30))
    return POME__T_FAIL(r, "an integer of more than %d digits", MOST_LIMBS * 9);
  int64_t left = exponent->kind == POME__T_BOOL ? exponent->u.truth : exponent->u.integer;
  set_u64(&result, 1);
  for (; left > 0; left >>= 1) {
    POME__TRY(
        pome__t_charge(r, base->count * base->count / 4 + base->count * result.count / 4 + 1));
    if (left & 1) {
      multiply(&result, base, &product);
      result = product;
    }
    if (result.count > MOST_LIMBS || (left > 1 && base->count > MOST_LIMBS / 2 + 1))
      return POME__T_FAIL(r, "an integer of more than %d digits", MOST_LIMBS * 9);
    if (left > 1) {
      multiply(base, base, &product);
      *base = product;
    }
  }
  return store(r, &result, negative && odd, out);
}

pome_status pome__t_big_binary(pome__trender *r, char op, const pome__tvalue *a,
                               const pome__tvalue *b, pome__tvalue *out) {
  magnitude x, y, product;
  bool x_negative = load(a, &x), y_negative = load(b, &y);
  POME__TRY(pome__t_charge(r, 8 + x.count + y.count));
  switch (op) {
  case '-': y_negative = !y_negative; /* fall through */
  case '+':
    x_negative = add_signed(&x, x_negative, &y, y_negative);
    return store(r, &x, x_negative && x.count > 0, out);
  case '*':
    POME__TRY(pome__t_charge(r, x.count * y.count / 4));
    multiply(&x, &y, &product);
    return store(r, &product, x_negative != y_negative && product.count > 0, out);
  case '^': return power(r, &x, x_negative, b, out);
  default: return divide_signed(r, op == '%', &x, x_negative, &y, y_negative, out);
  }
}

int pome__t_big_compare(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b) {
  if (a->kind != POME__T_BIG && b->kind != POME__T_BIG) {
    int64_t x = a->kind == POME__T_BOOL ? a->u.truth : a->u.integer,
            y = b->kind == POME__T_BOOL ? b->u.truth : b->u.integer;
    return x < y ? -1 : x > y;
  }
  magnitude x, y;
  (void)r;
  bool x_negative = load(a, &x), y_negative = load(b, &y);
  if (x_negative != y_negative) return x_negative ? -1 : 1;
  int order = compare(&x, &y);
  return x_negative ? -order : order;
}

/* ---- to and from other forms ---- */

double pome__t_to_real(const pome__tvalue *number) {
  if (number->kind == POME__T_FLOAT) return number->u.real;
  if (number->kind == POME__T_INT) return (double)number->u.integer;
  if (number->kind == POME__T_BOOL) return number->u.truth ? 1 : 0;
  double real = 0;
  for (size_t i = number->u.big->count; i-- > 0;) real = real * BASE + number->u.big->digits[i];
  return number->u.big->negative ? -real : real;
}

pome_status pome__t_big_put(pome__trender *r, const pome__tbig *big) {
  char text[16];
  if (big->negative) POME__TRY(pome__t_put(r, "-", 1));
  for (size_t i = big->count; i-- > 0;) {
    int size =
        snprintf(text, sizeof text, i + 1 == big->count ? "%u" : "%09u", (unsigned)big->digits[i]);
    POME__TRY(pome__t_put(r, text, (size_t)size));
  }
  return POME_OK;
}

pome_status pome__t_big_parse(pome__trender *r, const char *digits, size_t size, int base,
                              bool negative, pome__tvalue *out) {
  magnitude m = {.count = 0};
  POME__TRY(pome__t_charge(r, 1 + size));
  for (size_t i = 0; i < size; i++) {
    char c = digits[i];
    uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a') + 10;
    POME__TRY(pome__t_charge(r, m.count / 8));
    multiply_small(&m, (uint32_t)base, digit);
    if (m.count > MOST_LIMBS) break;
  }
  return store(r, &m, negative && m.count > 0, out);
}

pome_status pome__t_big_from_real(pome__trender *r, double real, pome__tvalue *out) {
  magnitude m = {.count = 0};
  double rest = trunc(fabs(real));
  int exponent = 0;
  double fraction = frexp(rest, &exponent);
  if (exponent > 62) {
    set_u64(&m, (uint64_t)ldexp(fraction, 62));
    for (int i = 62; i < exponent; i++) multiply_small(&m, 2, 0);
  } else {
    set_u64(&m, (uint64_t)rest);
  }
  return store(r, &m, real < 0 && m.count > 0, out);
}
