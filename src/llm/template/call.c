/* Calling: arguments bound to parameters, and who can be called. */
#include <string.h>

#include "llm/template/ast.h"

const pome__tfunction *pome__t_find_function(const pome__tfunction *table, pome_string name) {
  for (; table->name != NULL; table++)
    if (pome__t_is(name, table->name)) return table;
  return NULL;
}

static const pome__tfunction *const filter_tables[] = {pome__t_filters, pome__t_more_filters,
                                                       pome__t_web_filters, NULL};
static const pome__tfunction *const test_tables[] = {pome__t_tests, NULL};

const pome__tfunction *pome__t_find_filter(pome_string name) {
  const pome__tfunction *found = NULL;
  for (size_t i = 0; filter_tables[i] != NULL && found == NULL; i++)
    found = pome__t_find_function(filter_tables[i], name);
  return found;
}
const pome__tfunction *pome__t_find_test(pome_string name) {
  return pome__t_find_function(pome__t_tests, name);
}
const pome__tfunction *pome__t_find_global(pome_string name) {
  return pome__t_find_function(pome__t_globals, name);
}

#define MOST_NAME 20 /* characters of a name that another may be near */

/* Number of characters to change, add or drop. */
static size_t distance(pome_string a, const char *b) {
  size_t n = strlen(b), row[MOST_NAME + 1];
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 1; i <= a.size; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t best = corner + (a.data[i - 1] != b[j - 1]);
      corner = row[j];
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
    }
  }
  return row[n];
}

pome_status pome__t_fail_unknown(pome__trender *r, bool filter, pome_string name) {
  static const char left_out[] = " pprint random striptags urlize wordwrap ";
  const char *nearest = NULL;
  size_t least = 3;
  POME__T_FAIL(r, "no %s named '%.*s'", filter ? "filter" : "test", POME__T_NAME(name));
  if (name.size == 0 || name.size > MOST_NAME) return POME_INPUT;
  char word[MOST_NAME + 3] = " ";
  memcpy(word + 1, name.data, name.size);
  word[name.size + 1] = ' ';
  if (filter && strstr(left_out, word) != NULL) {
    pome__error_hint(r->error, "Jinja has it, but no chat needs it: it is left out here");
    return POME_INPUT;
  }
  const pome__tfunction *const *tables = filter ? filter_tables : test_tables;
  for (; *tables != NULL; tables++)
    for (const pome__tfunction *f = *tables; f->name != NULL; f++) {
      size_t d = strlen(f->name) <= MOST_NAME ? distance(name, f->name) : least;
      if (d >= least || d >= name.size) continue;
      least = d;
      nearest = f->name;
    }
  if (nearest != NULL) pome__error_hint(r->error, "did you mean '%s'?", nearest);
  return POME_INPUT;
}

/* ---- binding ---- */

/* Number `index` of the parameters, or an empty string. */
static pome_string parameter(const char *names, int index) {
  for (; names != NULL && *names != '\0'; index--) {
    size_t size = strcspn(names, " ");
    if (index == 0) return (pome_string){names, size};
    names += size + (names[size] == ' ');
  }
  return (pome_string){"", 0};
}

static pome_status bind_named(pome__tcall *c, const pome__tfunction *f,
                              const struct pome__tnamed *named) {
  for (int i = 0; i < POME__T_MOST_PARAMETERS && parameter(f->parameters, i).size > 0; i++) {
    if (!pome__t_same(parameter(f->parameters, i), named->name)) continue;
    if (c->bound[i].kind != POME__T_MISSING)
      return POME__T_FAIL(c->r, "%s() got multiple values for argument '%.*s'", f->name,
                          POME__T_NAME(named->name));
    c->bound[i] = named->value;
    return POME_OK;
  }
  return POME__T_FAIL(c->r, "%s() got an unexpected keyword argument '%.*s'", f->name,
                      POME__T_NAME(named->name));
}

static pome_status bind(pome__tcall *c, const pome__tfunction *f) {
  const pome__targuments *a = c->arguments;
  for (size_t i = 0; i < a->count; i++) {
    if (i >= POME__T_MOST_PARAMETERS || parameter(f->parameters, (int)i).size == 0)
      return POME__T_FAIL(c->r, "%s() takes at most %zu arguments (%zu given)", f->name, i,
                          a->count);
    c->bound[i] = a->items[i];
  }
  for (size_t i = 0; i < a->named_count; i++) POME__TRY(bind_named(c, f, &a->named[i]));
  for (int i = 0; i < f->required; i++) {
    if (c->bound[i].kind != POME__T_MISSING) continue;
    pome_string name = parameter(f->parameters, i);
    return POME__T_FAIL(c->r, "%s() missing required argument: '%.*s'", f->name,
                        POME__T_NAME(name));
  }
  return POME_OK;
}

pome_status pome__t_run(pome__trender *r, const pome__tfunction *f, const pome__tvalue *self,
                        const pome__targuments *arguments, pome__tvalue *out) {
  pome__tcall c = {.r = r, .self = self, .arguments = arguments};
  POME__TRY(pome__t_charge(r, 1));
  if (f->parameters != NULL) POME__TRY(bind(&c, f));
  return f->run(&c, out);
}

pome__targuments pome__t_arguments_from(const pome__targuments *a, size_t from) {
  pome__targuments rest = *a;
  rest.items += from;
  rest.count -= from;
  return rest;
}

/* ---- calling ---- */

static pome_status call_cycler(pome__trender *r, pome__tcycler *cycler, bool joiner,
                               pome__tvalue *out) {
  (void)r;
  if (joiner) {
    *out = cycler->at++ == 0 ? pome__t_text("", 0) : cycler->items[0];
    return POME_OK;
  }
  *out = cycler->items[cycler->at];
  cycler->at = (cycler->at + 1) % cycler->count;
  return POME_OK;
}

static pome_status call_loop(pome__trender *r, const pome__tvalue *callee,
                             const pome__targuments *a, pome__tvalue *out) {
  pome__tvalue list;
  if (a->count != 1 || a->named_count > 0) return POME__T_FAIL(r, "loop() takes one argument");
  POME__TRY(pome__t_items(r, &a->items[0], &list));
  return pome__t_loop_again(r, callee->u.loop, &list, out);
}

pome_status pome__t_call(pome__trender *r, const pome__tvalue *callee,
                         const pome__targuments *arguments, pome__tvalue *out) {
  POME__TRY(pome__t_enter(r));
  switch ((pome__tkind)callee->kind) {
  case POME__T_FUNCTION: POME__TRY(pome__t_run(r, callee->u.function, NULL, arguments, out)); break;
  case POME__T_METHOD:
    POME__TRY(pome__t_run(r, callee->u.method->function, &callee->u.method->self, arguments, out));
    break;
  case POME__T_MACRO: POME__TRY(pome__t_call_macro(r, callee->u.macro, arguments, out)); break;
  case POME__T_LOOP: POME__TRY(call_loop(r, callee, arguments, out)); break;
  case POME__T_CYCLER:
  case POME__T_JOINER:
    POME__TRY(call_cycler(r, callee->u.cycler, callee->kind == POME__T_JOINER, out));
    break;
  case POME__T_UNDEFINED: return pome__t_fail_undefined(r, callee);
  default: return POME__T_FAIL(r, "'%s' object is not callable", pome__t_type_name(callee));
  }
  pome__t_leave(r);
  return POME_OK;
}

/* ---- arguments ---- */

pome_status pome__t_integer_argument(pome__trender *r, const pome__tvalue *v, int64_t absent,
                                     int64_t *out) {
  if (v->kind == POME__T_MISSING) return *out = absent, POME_OK;
  if (v->kind == POME__T_INT) return *out = v->u.integer, POME_OK;
  if (v->kind == POME__T_BOOL) return *out = v->u.truth, POME_OK;
  if (v->kind == POME__T_BIG) return *out = v->u.big->negative ? INT64_MIN : INT64_MAX, POME_OK;
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  return POME__T_FAIL(r, "'%s' object cannot be interpreted as an integer", pome__t_type_name(v));
}

pome_status pome__t_text_argument(pome__trender *r, const pome__tvalue *v, const char *absent,
                                  pome_string *out) {
  if (v->kind == POME__T_MISSING && absent != NULL)
    return *out = (pome_string){absent, strlen(absent)}, POME_OK;
  if (v->kind == POME__T_STRING) return *out = v->u.text, POME_OK;
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  return POME__T_FAIL(r, "a string is needed, not '%s'", pome__t_type_name(v));
}
