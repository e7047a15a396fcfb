/* The functions that every template has. */
#include "llm/template/ast.h"

#define MOST_RANGE 100000

static pome_status range(pome__tcall *c, pome__tvalue *out) {
  int64_t bounds[3] = {0, 0, 1};
  const pome__targuments *a = c->arguments;
  pome__trange *range;
  if (a->count < 1 || a->count > 3 || a->named_count > 0)
    return POME__T_FAIL(c->r, "range expected 1 to 3 arguments, got %zu", a->count);
  for (size_t i = 0; i < a->count; i++)
    POME__TRY(pome__t_integer_argument(c->r, &a->items[i], 0, &bounds[i]));
  if (a->count == 1) bounds[1] = bounds[0], bounds[0] = 0;
  if (bounds[2] == 0) return POME__T_FAIL(c->r, "range() arg 3 must not be zero");
  bool up = bounds[2] > 0;
  int64_t from = up ? bounds[0] : bounds[1], to = up ? bounds[1] : bounds[0];
  uint64_t distance = from < to ? (uint64_t)to - (uint64_t)from : 0; /* fits, if unsigned */
  uint64_t step = up ? (uint64_t)bounds[2] : 0 - (uint64_t)bounds[2];
  uint64_t count = distance / step + (distance % step != 0);
  if (count > MOST_RANGE) return POME__T_FAIL(c->r, "a range of more than %d numbers", MOST_RANGE);
  POME__TRY(pome__t_alloc(c->r, 1, sizeof *range, &range));
  *range = (pome__trange){bounds[0], bounds[1], bounds[2], (size_t)count};
  *out = (pome__tvalue){.kind = POME__T_RANGE, .u.range = range};
  return POME_OK;
}

/* What dict(...) makes of a mapping or of pairs, and of named arguments. */
static pome_status fill(pome__tcall *c, pome__tdict *dict) {
  const pome__targuments *a = c->arguments;
  if (a->count > 1)
    return POME__T_FAIL(c->r, "dict expected at most 1 argument, got %zu", a->count);
  if (a->count == 1 && a->items[0].kind == POME__T_DICT) {
    const pome__tdict *from = a->items[0].u.dict;
    for (size_t i = 0; i < from->count; i++)
      POME__TRY(pome__t_dict_set(c->r, dict, &from->pairs[i].key, &from->pairs[i].value));
  } else if (a->count == 1) {
    pome__tvalue list, pair;
    POME__TRY(pome__t_items(c->r, &a->items[0], &list));
    for (size_t i = 0; i < list.u.list.count; i++) {
      POME__TRY(pome__t_items(c->r, &list.u.list.items[i], &pair));
      if (pair.u.list.count != 2) return POME__T_FAIL(c->r, "dict() needs pairs");
      POME__TRY(pome__t_dict_set(c->r, dict, &pair.u.list.items[0], &pair.u.list.items[1]));
    }
  }
  for (size_t i = 0; i < a->named_count; i++) {
    pome__tvalue key = pome__t_text(a->named[i].name.data, a->named[i].name.size);
    POME__TRY(pome__t_dict_set(c->r, dict, &key, &a->named[i].value));
  }
  return POME_OK;
}

static pome_status make_dict(pome__tcall *c, pome__tvalue *out) {
  pome__tdict *dict;
  POME__TRY(pome__t_dict_new(c->r, 0, &dict));
  POME__TRY(fill(c, dict));
  *out = (pome__tvalue){.kind = POME__T_DICT, .u.dict = dict};
  return POME_OK;
}

static pome_status make_namespace(pome__tcall *c, pome__tvalue *out) {
  pome__tnamespace *names;
  POME__TRY(pome__t_alloc(c->r, 1, sizeof *names, &names));
  POME__TRY(fill(c, &names->dict));
  for (size_t i = 0; i < names->dict.count; i++) {
    const pome__tvalue *key = &names->dict.pairs[i].key;
    if (key->kind == POME__T_STRING && key->u.text.size > 0 && key->u.text.data[0] == '_')
      return POME__T_FAIL(c->r, "a namespace takes no name that starts with an underscore: '%.*s'",
                          POME__T_NAME(key->u.text));
  }
  *out = (pome__tvalue){.kind = POME__T_NAMESPACE, .u.names = names};
  return POME_OK;
}

static pome_status make_cycler(pome__tcall *c, pome__tvalue *out) {
  pome__tcycler *cycler;
  if (c->arguments->count == 0) return POME__T_FAIL(c->r, "at least one item has to be provided");
  POME__TRY(pome__t_alloc(c->r, 1, sizeof *cycler, &cycler));
  *cycler = (pome__tcycler){c->arguments->items, c->arguments->count, 0};
  *out = (pome__tvalue){.kind = POME__T_CYCLER, .u.cycler = cycler};
  return POME_OK;
}

static pome_status make_joiner(pome__tcall *c, pome__tvalue *out) {
  pome__tcycler *joiner;
  pome__tvalue *between;
  POME__TRY(pome__t_alloc(c->r, 1, sizeof *joiner, &joiner));
  POME__TRY(pome__t_alloc(c->r, 1, sizeof *between, &between));
  *between = c->bound[0].kind == POME__T_MISSING ? POME__T_LITERAL(", ") : c->bound[0];
  *joiner = (pome__tcycler){between, 1, 0};
  *out = (pome__tvalue){.kind = POME__T_JOINER, .u.cycler = joiner};
  return POME_OK;
}

static pome_status raise_exception(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text;
  (void)out;
  POME__TRY(pome__t_to_text(c->r, &c->bound[0], &text));
  return POME__T_FAIL(c->r, "%.*s", (int)(text.u.text.size < 500 ? text.u.text.size : 500),
                      text.u.text.data);
}

static pome_status strftime_now(pome__tcall *c, pome__tvalue *out) {
  pome_string format;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &format));
  return pome__t_strftime(c->r, format, out);
}

const pome__tfunction pome__t_globals[] = {
    {"range", NULL, 0, range},
    {"dict", NULL, 0, make_dict},
    {"namespace", NULL, 0, make_namespace},
    {"cycler", NULL, 0, make_cycler},
    {"joiner", "sep", 0, make_joiner},
    {"raise_exception", "message", 1, raise_exception},
    {"strftime_now", "format", 1, strftime_now},
    {0},
};
