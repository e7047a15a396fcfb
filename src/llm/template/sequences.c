/* Filters for many values: choosing, sorting, grouping, joining. */
#include <string.h>

#include "llm/template/ast.h"

/* An array that will hold at most `room` values. */
typedef struct gathered {
  pome__tvalue *items;
  size_t count;
} gathered;

static pome_status start(pome__tcall *c, pome__tvalue *list, gathered *g) {
  POME__TRY(pome__t_items(c->r, c->self, list));
  g->count = 0;
  return pome__t_alloc(c->r, list->u.list.count, sizeof *g->items, &g->items);
}

static pome_status iterator(const gathered *g, pome__tvalue *out) {
  *out = pome__t_list(POME__T_ITERATOR, g->items, g->count);
  return POME_OK;
}

/* Text without regard to case, as sorting and comparing filters want it by default. */
static pome_status key_of(pome__trender *r, const pome__tvalue *item, const pome__tvalue *path,
                          bool cased, pome__tvalue *key) {
  if (path->kind == POME__T_MISSING || path->kind == POME__T_NONE) *key = *item;
  else POME__TRY(pome__t_path(r, item, path, key));
  if (cased || key->kind != POME__T_STRING) return POME_OK;
  size_t mark = r->out_size;
  POME__TRY(pome__t_put_case(r, key->u.text, POME__T_LOWER));
  return pome__t_take(r, mark, key);
}

/* ---- ends, lists, joining ---- */

static pome_status first(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  *out =
      list.u.list.count > 0 ? list.u.list.items[0] : pome__t_undefined((pome_string){"first", 5});
  return POME_OK;
}

static pome_status last(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  if (c->self->kind == POME__T_ITERATOR)
    return POME__T_FAIL(c->r, "'generator' object is not reversible");
  POME__TRY(pome__t_items(c->r, c->self, &list));
  *out = list.u.list.count > 0 ? list.u.list.items[list.u.list.count - 1]
                               : pome__t_undefined((pome_string){"last", 4});
  return POME_OK;
}

static pome_status list_of(pome__tcall *c, pome__tvalue *out) {
  return pome__t_items(c->r, c->self, out);
}

static pome_status reverse(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  gathered g;
  size_t mark = c->r->out_size;
  POME__TRY(start(c, &list, &g));
  for (size_t i = list.u.list.count; i-- > 0;) g.items[g.count++] = list.u.list.items[i];
  if (c->self->kind != POME__T_STRING) return iterator(&g, out);
  for (size_t i = 0; i < g.count; i++) POME__TRY(pome__t_put_text(c->r, &g.items[i]));
  return pome__t_take(c->r, mark, out);
}

static pome_status join(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list, between = pome__t_text("", 0), item;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  if (c->bound[0].kind != POME__T_MISSING) POME__TRY(pome__t_to_text(c->r, &c->bound[0], &between));
  for (size_t i = 0; i < list.u.list.count; i++) {
    item = list.u.list.items[i];
    if (c->bound[1].kind != POME__T_MISSING && c->bound[1].kind != POME__T_NONE)
      POME__TRY(pome__t_path(c->r, &list.u.list.items[i], &c->bound[1], &item));
    if (i > 0) POME__TRY(pome__t_put(c->r, between.u.text.data, between.u.text.size));
    POME__TRY(pome__t_put_text(c->r, &item));
  }
  return pome__t_take(c->r, mark, out);
}

static pome_status items(pome__tcall *c, pome__tvalue *out) {
  if (c->self->kind == POME__T_UNDEFINED)
    return *out = pome__t_list(POME__T_ITERATOR, NULL, 0), POME_OK;
  if (c->self->kind != POME__T_DICT)
    return POME__T_FAIL(c->r, "Can only get item pairs from a mapping.");
  const pome__targuments none = {0};
  POME__TRY(pome__t_run(c->r,
                        pome__t_find_function(pome__t_dict_methods, (pome_string){"items", 5}),
                        c->self, &none, out));
  out->kind = POME__T_ITERATOR;
  return POME_OK;
}

static pome_status sum(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list, item,
      total = c->bound[1].kind == POME__T_MISSING ? pome__t_int(0) : c->bound[1];
  POME__TRY(pome__t_items(c->r, c->self, &list));
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(key_of(c->r, &list.u.list.items[i], &c->bound[0], true, &item));
    pome__tvalue before = total;
    POME__TRY(pome__t_binary(c->r, '+', &before, &item, &total));
  }
  *out = total;
  return POME_OK;
}

static pome_status extreme(pome__tcall *c, int sign, pome__tvalue *out) {
  pome__tvalue list, best = {0}, key;
  int order = 0;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  *out = pome__t_undefined((pome_string){"the best of an empty sequence", 29});
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(key_of(c->r, &list.u.list.items[i], &c->bound[1], pome__t_truth(&c->bound[0]), &key));
    if (i > 0) POME__TRY(pome__t_order(c->r, &key, &best, "<", &order));
    if (i > 0 && order * sign <= 0) continue;
    best = key;
    *out = list.u.list.items[i];
  }
  return POME_OK;
}

static pome_status max_of(pome__tcall *c, pome__tvalue *out) {
  return extreme(c, 1, out);
}
static pome_status min_of(pome__tcall *c, pome__tvalue *out) {
  return extreme(c, -1, out);
}

/* ---- map, select, reject ---- */

/* Whatever is false has no items, even what nobody could go over. */
static pome_status no_items(pome__tcall *c, pome__tvalue *out) {
  if (c->self->kind == POME__T_UNDEFINED && c->self->denied)
    return pome__t_fail_undefined(c->r, c->self);
  return *out = pome__t_list(POME__T_ITERATOR, NULL, 0), POME_OK;
}

static const pome__tvalue *named(const pome__targuments *a, const char *name) {
  static const pome__tvalue missing = {.kind = POME__T_MISSING};
  for (size_t i = 0; i < a->named_count; i++)
    if (pome__t_is(a->named[i].name, name)) return &a->named[i].value;
  return &missing;
}

static pome_status find_by_name(pome__tcall *c, const pome__tvalue *name, bool filter,
                                const pome__tfunction **f) {
  pome_string text;
  POME__TRY(pome__t_text_argument(c->r, name, NULL, &text));
  *f = filter ? pome__t_find_filter(text) : pome__t_find_test(text);
  return *f != NULL ? POME_OK : pome__t_fail_unknown(c->r, filter, text);
}

static pome_status map(pome__tcall *c, pome__tvalue *out) {
  const pome__targuments *a = c->arguments;
  const pome__tvalue *path = named(a, "attribute"), *absent = named(a, "default");
  const pome__tfunction *f = NULL;
  pome__targuments rest = {0};
  pome__tvalue list;
  gathered g;
  if (!pome__t_truth(c->self)) return no_items(c, out);
  POME__TRY(start(c, &list, &g));
  if (a->count > 0 || path->kind == POME__T_MISSING) {
    if (a->count == 0) return POME__T_FAIL(c->r, "map requires a filter argument");
    POME__TRY(find_by_name(c, &a->items[0], true, &f));
    rest = pome__t_arguments_from(a, 1);
  }
  for (size_t i = 0; i < list.u.list.count; i++) {
    pome__tvalue *item = &g.items[g.count++];
    if (f != NULL) POME__TRY(pome__t_run(c->r, f, &list.u.list.items[i], &rest, item));
    else POME__TRY(pome__t_path(c->r, &list.u.list.items[i], path, item));
    if (f == NULL && item->kind == POME__T_UNDEFINED && absent->kind != POME__T_MISSING)
      *item = *absent;
  }
  return iterator(&g, out);
}

static pome_status choose(pome__tcall *c, bool by_attribute, bool wanted, pome__tvalue *out) {
  const pome__targuments *a = c->arguments;
  size_t used = by_attribute;
  const pome__tfunction *f = NULL;
  pome__tvalue list, v, passed;
  gathered g;
  if (!pome__t_truth(c->self)) return no_items(c, out);
  if (a->count < used) return POME__T_FAIL(c->r, "the name of an attribute is missing");
  POME__TRY(start(c, &list, &g));
  if (a->count > used) POME__TRY(find_by_name(c, &a->items[used++], false, &f));
  pome__targuments rest = pome__t_arguments_from(a, used);
  for (size_t i = 0; i < list.u.list.count; i++) {
    v = list.u.list.items[i];
    if (by_attribute) POME__TRY(pome__t_path(c->r, &list.u.list.items[i], &a->items[0], &v));
    passed = v;
    if (f != NULL) POME__TRY(pome__t_run(c->r, f, &v, &rest, &passed));
    if (pome__t_truth(&passed) == wanted) g.items[g.count++] = list.u.list.items[i];
  }
  return iterator(&g, out);
}

static pome_status select_items(pome__tcall *c, pome__tvalue *out) {
  return choose(c, false, true, out);
}
static pome_status reject(pome__tcall *c, pome__tvalue *out) {
  return choose(c, false, false, out);
}
static pome_status selectattr(pome__tcall *c, pome__tvalue *out) {
  return choose(c, true, true, out);
}
static pome_status rejectattr(pome__tcall *c, pome__tvalue *out) {
  return choose(c, true, false, out);
}

/* ---- sorting and grouping ---- */

/* "a,b" sorts by a, then b: the key is a list. It is one also of a single part, as items of lists
 * that are equal need no order. */
static pome_status sort_key(pome__trender *r, const pome__tvalue *item, const pome__tvalue *paths,
                            bool cased, pome__tvalue *key) {
  pome_string rest = paths->kind == POME__T_STRING ? paths->u.text : (pome_string){"", 0};
  pome__tvalue *parts;
  size_t count = 1;
  for (size_t i = 0; i < rest.size; i++) count += rest.data[i] == ',';
  POME__TRY(pome__t_alloc(r, count, sizeof *parts, &parts));
  for (size_t i = 0; i < count; i++) {
    const char *comma = memchr(rest.data, ',', rest.size);
    size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
    pome__tvalue path = paths->kind == POME__T_STRING ? pome__t_text(rest.data, size) : *paths;
    POME__TRY(key_of(r, item, &path, cased, &parts[i]));
    if (comma != NULL) rest = (pome_string){comma + 1, rest.size - size - 1};
  }
  *key = pome__t_list(POME__T_LIST, parts, count);
  return POME_OK;
}

static pome_status sorted(pome__trender *r, const pome__tvalue *list, const pome__tvalue *path,
                          bool several, bool cased, bool backwards, pome__tvalue **keys,
                          gathered *g) {
  g->count = list->u.list.count;
  POME__TRY(pome__t_alloc(r, g->count, sizeof **keys, keys));
  POME__TRY(pome__t_alloc(r, g->count, sizeof *g->items, &g->items));
  for (size_t i = 0; i < g->count; i++) {
    g->items[i] = list->u.list.items[i];
    POME__TRY(several ? sort_key(r, &g->items[i], path, cased, &(*keys)[i])
                      : key_of(r, &g->items[i], path, cased, &(*keys)[i]));
  }
  return pome__t_sort(r, *keys, g->items, g->count, backwards);
}

static pome_status sort(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list, *keys;
  gathered g;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  POME__TRY(sorted(c->r, &list, &c->bound[2], true, pome__t_truth(&c->bound[1]),
                   pome__t_truth(&c->bound[0]), &keys, &g));
  *out = pome__t_list(POME__T_LIST, g.items, g.count);
  return POME_OK;
}

static pome_status dictsort(pome__tcall *c, pome__tvalue *out) {
  pome_string by;
  pome__tvalue pairs, *keys, path;
  gathered g;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[1], "key", &by));
  if (!pome__t_is(by, "key") && !pome__t_is(by, "value"))
    return POME__T_FAIL(c->r, "You can only sort by either \"key\" or \"value\"");
  if (c->self->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, c->self);
  if (c->self->kind != POME__T_DICT)
    return POME__T_FAIL(c->r, "'%s' object has no attribute 'items'", pome__t_type_name(c->self));
  POME__TRY(items(c, &pairs));
  path = pome__t_int(pome__t_is(by, "value"));
  POME__TRY(sorted(c->r, &pairs, &path, false, pome__t_truth(&c->bound[0]),
                   pome__t_truth(&c->bound[2]), &keys, &g));
  *out = pome__t_list(POME__T_LIST, g.items, g.count);
  return POME_OK;
}

static pome_status unique(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list, key;
  const pome__tvalue none = pome__t_none(), *seen;
  pome__tdict *keys;
  gathered g;
  POME__TRY(start(c, &list, &g));
  POME__TRY(pome__t_dict_new(c->r, 0, &keys));
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(key_of(c->r, &list.u.list.items[i], &c->bound[1], pome__t_truth(&c->bound[0]), &key));
    POME__TRY(pome__t_dict_find(c->r, keys, &key, &seen));
    if (seen != NULL) continue;
    POME__TRY(pome__t_dict_set(c->r, keys, &key, &none));
    g.items[g.count++] = list.u.list.items[i];
  }
  return iterator(&g, out);
}

static pome_status make_group(pome__trender *r, const pome__tvalue *key,
                              const pome__tvalue *members, size_t count, pome__tvalue *out) {
  pome__tvalue *pair;
  POME__TRY(pome__t_alloc(r, 2, sizeof *pair, &pair));
  pair[0] = *key;
  pair[1] = pome__t_list(POME__T_LIST, members, count);
  *out = pome__t_list(POME__T_TUPLE, pair, 2);
  out->group = true;
  return POME_OK;
}

/* The key shown is that of a group's first member, in its own case. */
static pome_status groupby(pome__tcall *c, pome__tvalue *out) {
  bool cased = pome__t_truth(&c->bound[2]), equal;
  pome__tvalue list, *keys, shown, *groups;
  gathered g;
  size_t count = 0;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  POME__TRY(sorted(c->r, &list, &c->bound[0], false, cased, false, &keys, &g));
  POME__TRY(pome__t_alloc(c->r, g.count, sizeof *groups, &groups));
  for (size_t begin = 0, end; begin < g.count; begin = end) {
    for (end = begin + 1, equal = true; end < g.count; end++) {
      POME__TRY(pome__t_equal(c->r, &keys[begin], &keys[end], &equal));
      if (!equal) break;
    }
    POME__TRY(key_of(c->r, &g.items[begin], &c->bound[0], true, &shown));
    if (shown.kind == POME__T_UNDEFINED && c->bound[1].kind != POME__T_MISSING) shown = c->bound[1];
    POME__TRY(make_group(c->r, &shown, g.items + begin, end - begin, &groups[count++]));
  }
  *out = pome__t_list(POME__T_LIST, groups, count);
  return POME_OK;
}

/* ---- parts ---- */

static pome_status batch(pome__tcall *c, pome__tvalue *out) {
  int64_t size;
  pome__tvalue list, *row;
  gathered g;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 1, &size));
  if (size < 1) return POME__T_FAIL(c->r, "batch needs a count of at least 1");
  POME__TRY(start(c, &list, &g));
  size_t left = list.u.list.count;
  for (size_t at = 0, n; left > 0; at += n, left -= n) {
    n = left < (size_t)size ? left : (size_t)size;
    const pome__tvalue *members = list.u.list.items + at;
    size_t count = n;
    if (n < (size_t)size && c->bound[1].kind != POME__T_MISSING &&
        c->bound[1].kind != POME__T_NONE) {
      count = (size_t)size;
      POME__TRY(pome__t_alloc(c->r, count, sizeof *row, &row));
      for (size_t i = 0; i < count; i++) row[i] = i < n ? members[i] : c->bound[1];
      members = row;
    }
    g.items[g.count++] = pome__t_list(POME__T_LIST, members, count);
  }
  return iterator(&g, out);
}

static pome_status slices(pome__tcall *c, pome__tvalue *out) {
  int64_t parts;
  pome__tvalue list, *rows, *row;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 1, &parts));
  POME__TRY(pome__t_items(c->r, c->self, &list));
  if (parts < 1) return POME__T_FAIL(c->r, "slice needs a count of at least 1");
  POME__TRY(pome__t_alloc(c->r, (size_t)parts, sizeof *rows, &rows));
  size_t each = list.u.list.count / (size_t)parts, more = list.u.list.count % (size_t)parts;
  bool fill = c->bound[1].kind != POME__T_MISSING && c->bound[1].kind != POME__T_NONE;
  for (size_t i = 0, at = 0; i < (size_t)parts; i++) {
    size_t n = each + (i < more);
    rows[i] = pome__t_list(POME__T_LIST, list.u.list.items + at, n);
    at += n;
    if (!fill || i < more) continue;
    POME__TRY(pome__t_alloc(c->r, n + 1, sizeof *row, &row));
    if (n > 0) memcpy(row, rows[i].u.list.items, n * sizeof *row);
    row[n] = c->bound[1];
    rows[i] = pome__t_list(POME__T_LIST, row, n + 1);
  }
  *out = pome__t_list(POME__T_ITERATOR, rows, (size_t)parts);
  return POME_OK;
}

const pome__tfunction pome__t_more_filters[] = {
    {"first", "", 0, first},
    {"last", "", 0, last},
    {"list", "", 0, list_of},
    {"reverse", "", 0, reverse},
    {"join", "d attribute", 0, join},
    {"items", "", 0, items},
    {"sum", "attribute start", 0, sum},
    {"max", "case_sensitive attribute", 0, max_of},
    {"min", "case_sensitive attribute", 0, min_of},
    {"map", NULL, 0, map},
    {"select", NULL, 0, select_items},
    {"reject", NULL, 0, reject},
    {"selectattr", NULL, 0, selectattr},
    {"rejectattr", NULL, 0, rejectattr},
    {"sort", "reverse case_sensitive attribute", 0, sort},
    {"dictsort", "case_sensitive by reverse", 0, dictsort},
    {"unique", "case_sensitive attribute", 0, unique},
    {"groupby", "attribute default case_sensitive", 1, groupby},
    {"batch", "linecount fill_with", 1, batch},
    {"slice", "slices fill_with", 1, slices},
    {0},
};
