/* Equality, order and sorting, as Python has them. */
#include <string.h>

#include "llm/template/render.h"

static pome_status equal_lists(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                               bool *equal) {
  *equal = a->u.list.count == b->u.list.count;
  for (size_t i = 0; i < a->u.list.count && *equal; i++)
    POME__TRY(pome__t_equal(r, &a->u.list.items[i], &b->u.list.items[i], equal));
  return POME_OK;
}

static pome_status equal_dicts(pome__trender *r, const pome__tdict *a, const pome__tdict *b,
                               bool *equal) {
  *equal = a->count == b->count;
  for (size_t i = 0; i < a->count && *equal; i++) {
    const pome__tvalue *other;
    POME__TRY(pome__t_dict_find(r, b, &a->pairs[i].key, &other));
    *equal = other != NULL;
    if (*equal) POME__TRY(pome__t_equal(r, &a->pairs[i].value, other, equal));
  }
  return POME_OK;
}

/* Below zero, zero, above; 2 when one is not a number. */
static int compare_numbers(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b) {
  if (a->kind == POME__T_FLOAT || b->kind == POME__T_FLOAT) {
    double x = pome__t_to_real(a), y = pome__t_to_real(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  return pome__t_big_compare(r, a, b);
}

static pome_status equal_containers(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                                    bool *equal) {
  switch ((pome__tkind)a->kind) {
  case POME__T_LIST:
  case POME__T_TUPLE:
  case POME__T_KEYS:
  case POME__T_ITEMS: return equal_lists(r, a, b, equal);
  case POME__T_DICT: return equal_dicts(r, a->u.dict, b->u.dict, equal);
  case POME__T_RANGE:
    *equal = a->u.range->count == b->u.range->count &&
             (a->u.range->count == 0 ||
              (a->u.range->start == b->u.range->start &&
               (a->u.range->count == 1 || a->u.range->step == b->u.range->step)));
    return POME_OK;
  default: *equal = memcmp(&a->u, &b->u, sizeof a->u) == 0; return POME_OK;
  }
}

pome_status pome__t_equal(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                          bool *equal) {
  POME__TRY(pome__t_charge(r, 1));
  if (POME__T_IS_NUMBER(a) && POME__T_IS_NUMBER(b))
    return *equal = compare_numbers(r, a, b) == 0, POME_OK;
  if (a->kind != b->kind) return *equal = false, POME_OK;
  if (a->kind == POME__T_STRING || a->kind == POME__T_BYTES) {
    POME__TRY(pome__t_charge(r, a->u.text.size / 64));
    return *equal = pome__t_same(a->u.text, b->u.text), POME_OK;
  }
  if (a->kind == POME__T_NONE || a->kind == POME__T_UNDEFINED) return *equal = true, POME_OK;
  POME__TRY(pome__t_enter(r));
  POME__TRY(equal_containers(r, a, b, equal));
  pome__t_leave(r);
  return POME_OK;
}

static pome_status order_lists(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                               const char *sign, int *order) {
  size_t m = a->u.list.count, n = b->u.list.count;
  POME__TRY(pome__t_enter(r));
  for (size_t i = 0; i < m && i < n; i++) {
    bool equal;
    POME__TRY(pome__t_equal(r, &a->u.list.items[i], &b->u.list.items[i], &equal));
    if (equal) continue;
    POME__TRY(pome__t_order(r, &a->u.list.items[i], &b->u.list.items[i], sign, order));
    pome__t_leave(r);
    return POME_OK;
  }
  pome__t_leave(r);
  *order = m < n ? -1 : m > n;
  return POME_OK;
}

pome_status pome__t_order(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                          const char *sign, int *order) {
  POME__TRY(pome__t_charge(r, 1));
  if (POME__T_IS_NUMBER(a) && POME__T_IS_NUMBER(b))
    return *order = compare_numbers(r, a, b), POME_OK;
  if (a->kind == POME__T_STRING && b->kind == POME__T_STRING) {
    size_t m = a->u.text.size, n = b->u.text.size, least = m < n ? m : n;
    POME__TRY(pome__t_charge(r, least / 64));
    int difference = least > 0 ? memcmp(a->u.text.data, b->u.text.data, least) : 0;
    *order = difference != 0 ? difference : m < n ? -1 : m > n;
    return POME_OK;
  }
  if (a->kind == b->kind && (a->kind == POME__T_LIST || a->kind == POME__T_TUPLE))
    return order_lists(r, a, b, sign, order);
  if (a->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, a);
  if (b->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, b);
  return POME__T_FAIL(r, "'%s' not supported between instances of '%s' and '%s'", sign,
                      pome__t_type_name(a), pome__t_type_name(b));
}

/* ---- sorting ---- */

typedef struct entry {
  pome__tvalue key, item;
} entry;

/* True when the right one goes first: only then is the order of equals changed. */
static pome_status goes_first(pome__trender *r, const entry *left, const entry *right, bool reverse,
                              bool *first) {
  int order;
  POME__TRY(reverse ? pome__t_order(r, &left->key, &right->key, "<", &order)
                    : pome__t_order(r, &right->key, &left->key, "<", &order));
  *first = order < 0;
  return POME_OK;
}

static pome_status merge(pome__trender *r, entry *to, const entry *a, size_t m, const entry *b,
                         size_t n, bool reverse) {
  while (m > 0 && n > 0) {
    bool right;
    POME__TRY(goes_first(r, a, b, reverse, &right));
    *to++ = right ? *b : *a;
    if (right) b++, n--;
    else a++, m--;
  }
  if (m > 0) memcpy(to, a, m * sizeof *a);
  if (n > 0) memcpy(to + m, b, n * sizeof *b);
  return POME_OK;
}

pome_status pome__t_sort(pome__trender *r, pome__tvalue *keys, pome__tvalue *items, size_t count,
                         bool reverse) {
  entry *from, *to;
  POME__TRY(pome__t_alloc(r, count, sizeof *from, &from));
  POME__TRY(pome__t_alloc(r, count, sizeof *to, &to));
  for (size_t i = 0; i < count; i++) from[i] = (entry){keys[i], items[i]};
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t at = 0; at < count; at += 2 * width) {
      size_t m = count - at < width ? count - at : width;
      size_t n = count - at - m < width ? count - at - m : width;
      POME__TRY(merge(r, to + at, from + at, m, from + at + m, n, reverse));
    }
    entry *other = from;
    from = to;
    to = other;
  }
  for (size_t i = 0; i < count; i++) {
    keys[i] = from[i].key;
    items[i] = from[i].item;
  }
  return POME_OK;
}
