/* The operators + - * / // % ** and the sign, for numbers, texts and lists. */
#include <math.h>
#include <string.h>

#include "llm/template/render.h"

#define MOST_SIZE ((size_t)1 << 40) /* keeps products in range; budgets are far below */

static const char *spelling(char op) {
  static const char *const names[] = {"f", "//", "p", "** or pow()", NULL};
  static char single[] = "+\0-\0*\0/\0%";
  for (size_t i = 0; names[i] != NULL; i += 2)
    if (names[i][0] == op) return names[i + 1];
  for (size_t i = 0; i < sizeof single; i += 2)
    if (single[i] == op) return single + i;
  return "";
}

static pome_status fail_types(pome__trender *r, char op, const pome__tvalue *a,
                              const pome__tvalue *b) {
  if (a->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, a);
  if (b->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, b);
  if (op == '+' &&
      (a->kind == POME__T_STRING || a->kind == POME__T_LIST || a->kind == POME__T_TUPLE))
    return POME__T_FAIL(r, "can only concatenate %s (not \"%s\") to %s", pome__t_type_name(a),
                        pome__t_type_name(b), pome__t_type_name(a));
  return POME__T_FAIL(r, "unsupported operand type(s) for %s: '%s' and '%s'", spelling(op),
                      pome__t_type_name(a), pome__t_type_name(b));
}

/* ---- numbers ---- */

static pome_status reals(pome__trender *r, char op, double x, double y, pome__tvalue *out) {
  if (y == 0 && (op == '/' || op == 'f' || op == '%')) return POME__T_FAIL(r, "division by zero");
  double rest = op == 'f' || op == '%' ? fmod(x, y) : 0;
  if (rest != 0 && (rest < 0) != (y < 0)) rest += y;
  switch (op) {
  case '+': *out = pome__t_real(x + y); break;
  case '-': *out = pome__t_real(x - y); break;
  case '*': *out = pome__t_real(x * y); break;
  case '/': *out = pome__t_real(x / y); break;
  case '%': *out = pome__t_real(rest == 0 ? copysign(0, y) : rest); break;
  case 'f': *out = pome__t_real(round((x - rest) / y)); break;
  default:
    if (x == 0 && y < 0) return POME__T_FAIL(r, "0.0 cannot be raised to a negative power");
    *out = pome__t_real(pow(x, y));
    if (isnan(out->u.real) && !isnan(x) && !isnan(y))
      return POME__T_FAIL(r, "a power that is no real number");
    if (isinf(out->u.real) && isfinite(x) && isfinite(y))
      return POME__T_FAIL(r, "a power that is out of range");
  }
  return POME_OK;
}

static pome_status small_integers(pome__trender *r, char op, int64_t x, int64_t y, bool *done,
                                  pome__tvalue *out) {
  int64_t result = 0;
  *done = false;
  if ((op == 'f' || op == '%') && y == 0)
    return POME__T_FAIL(r, "integer division or modulo by zero");
  if (op == '+') *done = !__builtin_add_overflow(x, y, &result);
  else if (op == '-') *done = !__builtin_sub_overflow(x, y, &result);
  else if (op == '*') *done = !__builtin_mul_overflow(x, y, &result);
  else if ((op == 'f' || op == '%') && !(x == INT64_MIN && y == -1)) {
    int64_t quotient = x / y, rest = x % y;
    if (rest != 0 && (rest < 0) != (y < 0)) rest += y, quotient--;
    result = op == 'f' ? quotient : rest;
    *done = true;
  }
  if (*done) *out = pome__t_int(result);
  return POME_OK;
}

static pome_status numbers(pome__trender *r, char op, const pome__tvalue *a, const pome__tvalue *b,
                           pome__tvalue *out) {
  if (a->kind == POME__T_FLOAT || b->kind == POME__T_FLOAT || op == '/')
    return reals(r, op, pome__t_to_real(a), pome__t_to_real(b), out);
  if (op == 'p') {
    if (pome__t_to_real(b) < 0) return reals(r, op, pome__t_to_real(a), pome__t_to_real(b), out);
    return pome__t_big_binary(r, '^', a, b, out);
  }
  bool done = false;
  if (a->kind != POME__T_BIG && b->kind != POME__T_BIG)
    POME__TRY(small_integers(r, op, a->kind == POME__T_BOOL ? a->u.truth : a->u.integer,
                             b->kind == POME__T_BOOL ? b->u.truth : b->u.integer, &done, out));
  return done ? POME_OK : pome__t_big_binary(r, op == 'f' ? '/' : op, a, b, out);
}

/* ---- texts and lists ---- */

static pome_status join_texts(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                              pome__tvalue *out) {
  pome_string x = a->u.text, y = b->u.text;
  char *text;
  POME__TRY(pome__t_alloc(r, x.size + y.size + 1, 1, &text));
  POME__TRY(pome__t_charge_bytes(r, x.size + y.size));
  if (x.size > 0) memcpy(text, x.data, x.size);
  if (y.size > 0) memcpy(text + x.size, y.data, y.size);
  POME__TRY(pome__t_mark_copy(r, text, x.data, x.size));
  POME__TRY(pome__t_mark_copy(r, text + x.size, y.data, y.size));
  *out = pome__t_text(text, x.size + y.size);
  return POME_OK;
}

/* HTML marked as safe stays safe: the other side is escaped. */
static pome_status add_texts(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                             pome__tvalue *out) {
  if (a->safe == b->safe) {
    POME__TRY(join_texts(r, a, b, out));
    out->safe = a->safe;
    return POME_OK;
  }
  size_t mark = r->out_size;
  POME__TRY(pome__t_put_escaped(r, a));
  POME__TRY(pome__t_put_escaped(r, b));
  POME__TRY(pome__t_take(r, mark, out));
  out->safe = true;
  return POME_OK;
}

static pome_status add_lists(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                             pome__tvalue *out) {
  size_t m = a->u.list.count, n = b->u.list.count;
  pome__tvalue *items;
  POME__TRY(pome__t_alloc(r, m + n, sizeof *items, &items));
  POME__TRY(pome__t_charge(r, 1 + (m + n) / 2));
  if (m > 0) memcpy(items, a->u.list.items, m * sizeof *items);
  if (n > 0) memcpy(items + m, b->u.list.items, n * sizeof *items);
  *out = pome__t_list(a->kind, items, m + n);
  return POME_OK;
}

static pome_status repeat(pome__trender *r, const pome__tvalue *v, const pome__tvalue *times,
                          pome__tvalue *out) {
  if (times->kind == POME__T_BIG && !times->u.big->negative)
    return POME__T_FAIL(r, "the template takes too much memory");
  int64_t n = times->kind == POME__T_BIG    ? 0
              : times->kind == POME__T_BOOL ? times->u.truth
                                            : times->u.integer;
  size_t size = v->kind == POME__T_STRING ? v->u.text.size : v->u.list.count;
  if (n < 0) n = 0;
  if ((uint64_t)n > MOST_SIZE || size > MOST_SIZE / ((uint64_t)n + 1))
    return POME__T_FAIL(r, "the template takes too much memory");
  size_t total = size * (size_t)n;
  if (v->kind == POME__T_STRING) {
    char *text;
    POME__TRY(pome__t_alloc(r, total + 1, 1, &text));
    POME__TRY(pome__t_charge_bytes(r, total));
    for (size_t i = 0; i < total; i += size) {
      memcpy(text + i, v->u.text.data, size);
      POME__TRY(pome__t_mark_copy(r, text + i, v->u.text.data, size));
    }
    *out = pome__t_text(text, total);
    out->safe = v->safe;
    return POME_OK;
  }
  pome__tvalue *items;
  POME__TRY(pome__t_alloc(r, total, sizeof *items, &items));
  POME__TRY(pome__t_charge(r, 1 + total / 2));
  for (size_t i = 0; i < total; i += size) memcpy(items + i, v->u.list.items, size * sizeof *items);
  *out = pome__t_list(v->kind, items, total);
  return POME_OK;
}

static bool is_sequence(const pome__tvalue *v) {
  return v->kind == POME__T_STRING || v->kind == POME__T_LIST || v->kind == POME__T_TUPLE;
}

pome_status pome__t_binary(pome__trender *r, char op, const pome__tvalue *a, const pome__tvalue *b,
                           pome__tvalue *out) {
  if (POME__T_IS_NUMBER(a) && POME__T_IS_NUMBER(b)) return numbers(r, op, a, b, out);
  if (op == '%' && a->kind == POME__T_STRING) return pome__t_percent(r, a, b, out);
  if (op == '+' && a->kind == b->kind && a->kind == POME__T_STRING) return add_texts(r, a, b, out);
  if (op == '+' && a->kind == b->kind && is_sequence(a)) return add_lists(r, a, b, out);
  if (op == '*' && is_sequence(a) && POME__T_IS_INTEGER(b)) return repeat(r, a, b, out);
  if (op == '*' && is_sequence(b) && POME__T_IS_INTEGER(a)) return repeat(r, b, a, out);
  return fail_types(r, op, a, b);
}

pome_status pome__t_negate(pome__trender *r, const pome__tvalue *a, pome__tvalue *out) {
  const pome__tvalue zero = pome__t_int(0);
  if (a->kind == POME__T_FLOAT) return *out = pome__t_real(-a->u.real), POME_OK;
  if (POME__T_IS_INTEGER(a)) return numbers(r, '-', &zero, a, out);
  if (a->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, a);
  return POME__T_FAIL(r, "bad operand type for unary -: '%s'", pome__t_type_name(a));
}
