/* Filters that write for the web, and sizes for people: urlencode, xmlattr, filesizeformat. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/template/ast.h"

/* ---- urlencode ---- */

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("_.-~", c) != NULL);
}

/* In a query a slash is quoted and a space is a plus. */
static pome_status put_quoted(pome__trender *r, const pome__tvalue *v, bool query) {
  static const char digits[] = "0123456789ABCDEF";
  pome__tvalue text;
  if (v->kind == POME__T_UNDEFINED && v->denied) return pome__t_fail_undefined(r, v);
  POME__TRY(pome__t_to_text(r, v, &text));
  POME__TRY(pome__t_charge(r, text.u.text.size / 8));
  for (size_t i = 0; i < text.u.text.size; i++) {
    const char *at = text.u.text.data + i;
    const unsigned char byte = (unsigned char)*at;
    const char quoted[] = {'%', digits[byte >> 4], digits[byte & 15]};
    if (is_unreserved(*at) || (*at == '/' && !query)) POME__TRY(pome__t_put(r, at, 1));
    else if (*at == ' ' && query) POME__TRY(pome__t_put_for(r, at, "+", 1));
    else POME__TRY(pome__t_put_for(r, at, quoted, 3));
  }
  return POME_OK;
}

static pome_status put_pair(pome__trender *r, const pome__tvalue *key, const pome__tvalue *value,
                            bool first) {
  if (!first) POME__TRY(pome__t_put(r, "&", 1));
  POME__TRY(put_quoted(r, key, true));
  POME__TRY(pome__t_put(r, "=", 1));
  return put_quoted(r, value, true);
}

static bool is_iterable(const pome__tvalue *v) {
  return POME__T_HAS_LIST(v) || v->kind == POME__T_DICT || v->kind == POME__T_RANGE ||
         v->kind == POME__T_LOOP || v->kind == POME__T_UNDEFINED;
}

static pome_status urlencode(pome__tcall *c, pome__tvalue *out) {
  size_t mark = c->r->out_size;
  pome__tvalue list, pair;
  if (!is_iterable(c->self)) {
    POME__TRY(put_quoted(c->r, c->self, false));
    return pome__t_take(c->r, mark, out);
  }
  if (c->self->kind == POME__T_DICT) {
    const pome__tdict *dict = c->self->u.dict;
    for (size_t i = 0; i < dict->count; i++)
      POME__TRY(put_pair(c->r, &dict->pairs[i].key, &dict->pairs[i].value, i == 0));
    return pome__t_take(c->r, mark, out);
  }
  POME__TRY(pome__t_items(c->r, c->self, &list));
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(pome__t_items(c->r, &list.u.list.items[i], &pair));
    if (pair.u.list.count != 2)
      return POME__T_FAIL(c->r, "urlencode needs pairs; item %zu has %zu values", i,
                          pair.u.list.count);
    POME__TRY(put_pair(c->r, &pair.u.list.items[0], &pair.u.list.items[1], i == 0));
  }
  return pome__t_take(c->r, mark, out);
}

/* ---- xmlattr ---- */

/* Attributes without a value are left out; a name that would end the attribute is refused. */
static pome_status xmlattr(pome__tcall *c, pome__tvalue *out) {
  pome__trender *r = c->r;
  bool space = c->bound[0].kind == POME__T_MISSING || pome__t_truth(&c->bound[0]), any = false;
  size_t mark = r->out_size;
  if (c->self->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, c->self);
  if (c->self->kind != POME__T_DICT)
    return POME__T_FAIL(r, "'%s' object has no attribute 'items'", pome__t_type_name(c->self));
  for (size_t i = 0; i < c->self->u.dict->count; i++) {
    const pome__tpair *pair = &c->self->u.dict->pairs[i];
    if (pair->value.kind == POME__T_NONE || pair->value.kind == POME__T_UNDEFINED) continue;
    if (pair->key.kind != POME__T_STRING)
      return POME__T_FAIL(r, "the name of an attribute must be a string, not '%s'",
                          pome__t_type_name(&pair->key));
    pome_string name = pair->key.u.text;
    for (size_t k = 0; k < name.size; k++)
      if (name.data[k] != '\0' && strchr(" \t\n\r\f\v/>=", name.data[k]) != NULL)
        return POME__T_FAIL(r, "an attribute's name cannot hold this character: '%.*s'",
                            POME__T_NAME(name));
    if (space || any) POME__TRY(pome__t_put(r, " ", 1));
    any = true;
    POME__TRY(pome__t_put_escaped(r, &pair->key));
    POME__TRY(pome__t_put(r, "=\"", 2));
    POME__TRY(pome__t_put_escaped(r, &pair->value));
    POME__TRY(pome__t_put(r, "\"", 1));
  }
  return pome__t_take(r, mark, out);
}

/* ---- filesizeformat ---- */

static pome_status to_size(pome__tcall *c, double *size) {
  const pome__tvalue *v = c->self;
  if (POME__T_IS_NUMBER(v)) return *size = pome__t_to_real(v), POME_OK;
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, v);
  if (v->kind == POME__T_STRING && pome__t_parse_real(v->u.text, size)) return POME_OK;
  return POME__T_FAIL(c->r, "filesizeformat needs a number, not '%s'", pome__t_type_name(v));
}

static pome_status filesizeformat(pome__tcall *c, pome__tvalue *out) {
  static const char prefixes[] = "kMGTPEZY";
  bool binary = pome__t_truth(&c->bound[0]);
  double size, base = binary ? 1024 : 1000, unit = base * base;
  char text[512];
  POME__TRY(to_size(c, &size));
  if (size < base && !isfinite(size))
    return POME__T_FAIL(c->r, "cannot convert float infinity to integer");
  int written;
  if (size == 1) {
    written = snprintf(text, sizeof text, "1 Byte");
  } else if (size < base) {
    written = snprintf(text, sizeof text, "%.0f Bytes", trunc(size) + 0.0);
  } else {
    size_t i = 0;
    while (prefixes[i + 1] != '\0' && !(size < unit)) unit *= base, i++;
    char letter = binary && prefixes[i] == 'k' ? 'K' : prefixes[i];
    written =
        snprintf(text, sizeof text, "%.1f %c%sB", base * size / unit, letter, binary ? "i" : "");
  }
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_put(c->r, text, (size_t)written));
  return pome__t_take(c->r, mark, out);
}

const pome__tfunction pome__t_web_filters[] = {
    {"urlencode", "", 0, urlencode},
    {"xmlattr", "autospace", 0, xmlattr},
    {"filesizeformat", "binary", 0, filesizeformat},
    {0},
};
