/* Tests: what stands behind `is`. */
#include <string.h>

#include "llm/template/ast.h"

#define KIND_TEST(name, condition)                                                                 \
  static pome_status name(pome__tcall *c, pome__tvalue *out) {                                     \
    const pome__tvalue *v = c->self;                                                               \
    *out = pome__t_bool(condition);                                                                \
    return POME_OK;                                                                                \
  }

KIND_TEST(is_defined, v->kind != POME__T_UNDEFINED)
KIND_TEST(is_undefined, v->kind == POME__T_UNDEFINED)
KIND_TEST(is_none, v->kind == POME__T_NONE)
KIND_TEST(is_boolean, v->kind == POME__T_BOOL)
KIND_TEST(is_true, v->kind == POME__T_BOOL && v->u.truth)
KIND_TEST(is_false, v->kind == POME__T_BOOL && !v->u.truth)
KIND_TEST(is_integer, v->kind == POME__T_INT || v->kind == POME__T_BIG)
KIND_TEST(is_float, v->kind == POME__T_FLOAT)
KIND_TEST(is_number, POME__T_IS_NUMBER(v))
KIND_TEST(is_string, v->kind == POME__T_STRING)
KIND_TEST(is_mapping, v->kind == POME__T_DICT)
KIND_TEST(is_callable, (v->kind >= POME__T_FUNCTION && v->kind <= POME__T_JOINER) ||
                           v->kind == POME__T_UNDEFINED)
KIND_TEST(is_sequence, v->kind == POME__T_STRING || v->kind == POME__T_BYTES ||
                           v->kind == POME__T_LIST || v->kind == POME__T_TUPLE ||
                           v->kind == POME__T_DICT || v->kind == POME__T_RANGE ||
                           v->kind == POME__T_UNDEFINED)
KIND_TEST(is_iterable, v->kind == POME__T_STRING || v->kind == POME__T_BYTES ||
                           POME__T_HAS_LIST(v) || v->kind == POME__T_DICT ||
                           v->kind == POME__T_RANGE || v->kind == POME__T_LOOP ||
                           v->kind == POME__T_UNDEFINED)
KIND_TEST(is_escaped, v->kind == POME__T_STRING && v->safe)

/* ---- numbers ---- */

static pome_status remainder_is(pome__tcall *c, const pome__tvalue *divisor, int64_t wanted,
                                pome__tvalue *out) {
  pome__tvalue rest, expected = pome__t_int(wanted);
  bool equal;
  POME__TRY(pome__t_binary(c->r, '%', c->self, divisor, &rest));
  POME__TRY(pome__t_equal(c->r, &rest, &expected, &equal));
  *out = pome__t_bool(equal);
  return POME_OK;
}

static pome_status is_odd(pome__tcall *c, pome__tvalue *out) {
  const pome__tvalue two = pome__t_int(2);
  return remainder_is(c, &two, 1, out);
}
static pome_status is_even(pome__tcall *c, pome__tvalue *out) {
  const pome__tvalue two = pome__t_int(2);
  return remainder_is(c, &two, 0, out);
}
static pome_status is_divisible(pome__tcall *c, pome__tvalue *out) {
  return remainder_is(c, &c->bound[0], 0, out);
}

/* ---- comparisons ---- */

static pome_status compares(pome__tcall *c, const char *sign, pome__tvalue *out) {
  int order;
  POME__TRY(pome__t_order(c->r, c->self, &c->bound[0], sign, &order));
  bool number = !(order == 2 && POME__T_IS_NUMBER(c->self)), equal = sign[1] == '=' && order == 0;
  *out = pome__t_bool(number && (equal || (sign[0] == '<' ? order < 0 : order > 0)));
  return POME_OK;
}

static pome_status is_less(pome__tcall *c, pome__tvalue *out) {
  return compares(c, "<", out);
}
static pome_status is_less_or_equal(pome__tcall *c, pome__tvalue *out) {
  return compares(c, "<=", out);
}
static pome_status is_greater(pome__tcall *c, pome__tvalue *out) {
  return compares(c, ">", out);
}
static pome_status is_greater_or_equal(pome__tcall *c, pome__tvalue *out) {
  return compares(c, ">=", out);
}

static pome_status is_equal(pome__tcall *c, pome__tvalue *out) {
  bool equal;
  POME__TRY(pome__t_equal(c->r, c->self, &c->bound[0], &equal));
  return *out = pome__t_bool(equal), POME_OK;
}

static pome_status is_unequal(pome__tcall *c, pome__tvalue *out) {
  POME__TRY(is_equal(c, out));
  out->u.truth = !out->u.truth;
  return POME_OK;
}

/* The same object: what has no identity here counts by value. */
static pome_status is_same(pome__tcall *c, pome__tvalue *out) {
  const pome__tvalue *a = c->self, *b = &c->bound[0];
  if (a->kind != b->kind) return *out = pome__t_bool(false), POME_OK;
  if (POME__T_IS_NUMBER(a) || a->kind == POME__T_NONE || a->kind == POME__T_STRING)
    return is_equal(c, out);
  return *out = pome__t_bool(memcmp(&a->u, &b->u, sizeof a->u) == 0), POME_OK;
}

static pome_status is_in(pome__tcall *c, pome__tvalue *out) {
  bool found;
  POME__TRY(pome__t_contains(c->r, &c->bound[0], c->self, &found));
  return *out = pome__t_bool(found), POME_OK;
}

/* ---- text ---- */

static pome_status has_case(pome__tcall *c, const char *method, pome__tvalue *out) {
  pome__tvalue text;
  const pome__targuments none = {0};
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  return pome__t_run(
      c->r, pome__t_find_function(pome__t_text_methods, (pome_string){method, strlen(method)}),
      &text, &none, out);
}
static pome_status is_lower(pome__tcall *c, pome__tvalue *out) {
  return has_case(c, "islower", out);
}
static pome_status is_upper(pome__tcall *c, pome__tvalue *out) {
  return has_case(c, "isupper", out);
}

static pome_status is_filter(pome__tcall *c, pome__tvalue *out) {
  POME__TRY(pome__t_check_key(c->r, c->self));
  *out =
      pome__t_bool(c->self->kind == POME__T_STRING && pome__t_find_filter(c->self->u.text) != NULL);
  return POME_OK;
}
static pome_status is_test(pome__tcall *c, pome__tvalue *out) {
  POME__TRY(pome__t_check_key(c->r, c->self));
  *out =
      pome__t_bool(c->self->kind == POME__T_STRING && pome__t_find_test(c->self->u.text) != NULL);
  return POME_OK;
}

const pome__tfunction pome__t_tests[] = {
    {"defined", "", 0, is_defined},
    {"undefined", "", 0, is_undefined},
    {"none", "", 0, is_none},
    {"boolean", "", 0, is_boolean},
    {"true", "", 0, is_true},
    {"false", "", 0, is_false},
    {"integer", "", 0, is_integer},
    {"float", "", 0, is_float},
    {"number", "", 0, is_number},
    {"string", "", 0, is_string},
    {"mapping", "", 0, is_mapping},
    {"sequence", "", 0, is_sequence},
    {"iterable", "", 0, is_iterable},
    {"callable", "", 0, is_callable},
    {"escaped", "", 0, is_escaped},
    {"odd", "", 0, is_odd},
    {"even", "", 0, is_even},
    {"divisibleby", "num", 1, is_divisible},
    {"eq", "other", 1, is_equal},
    {"equalto", "other", 1, is_equal},
    {"==", "other", 1, is_equal},
    {"ne", "other", 1, is_unequal},
    {"!=", "other", 1, is_unequal},
    {"lt", "other", 1, is_less},
    {"lessthan", "other", 1, is_less},
    {"<", "other", 1, is_less},
    {"le", "other", 1, is_less_or_equal},
    {"<=", "other", 1, is_less_or_equal},
    {"gt", "other", 1, is_greater},
    {"greaterthan", "other", 1, is_greater},
    {">", "other", 1, is_greater},
    {"ge", "other", 1, is_greater_or_equal},
    {">=", "other", 1, is_greater_or_equal},
    {"sameas", "other", 1, is_same},
    {"in", "seq", 1, is_in},
    {"lower", "", 0, is_lower},
    {"upper", "", 0, is_upper},
    {"filter", "", 0, is_filter},
    {"test", "", 0, is_test},
    {0},
};
