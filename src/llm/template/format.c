/* Formats: "..." % values, and "...".format(values). Widths and precisions are bounded. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"

#define MOST_WIDTH 100000

/* [[fill]align][sign][#][0][width][.precision][type] of both kinds, as far as they agree. */
typedef struct form {
  char type, align, sign;
  char fill[4];
  size_t fill_size;
  bool alternate, grouped;
  int64_t width, precision; /* precision -1: not given */
} form;

static pome_status read_number(pome__trender *r, pome_string text, size_t *at, int64_t *number) {
  *number = 0;
  for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
    *number = *number * 10 + (text.data[*at] - '0');
    if (*number > MOST_WIDTH)
      return POME__T_FAIL(r, "a format wider than %d characters", MOST_WIDTH);
  }
  return POME_OK;
}

/* What stands behind `mark`. Nothing at all may have been written yet. */
static pome_string written(const pome__trender *r, size_t mark) {
  return (pome_string){r->out == NULL ? "" : r->out + mark, r->out_size - mark};
}

static pome_status put_padded(pome__trender *r, const form *f, size_t mark, size_t sign) {
  pome__tvalue text;
  pome_string t = written(r, mark);
  int64_t missing = f->width - (int64_t)pome__t_count_characters(t);
  if (missing <= 0) return POME_OK;
  POME__TRY(pome__t_take(r, mark, &text));
  t = text.u.text;
  int64_t left = f->align == '<' ? 0 : f->align == '^' ? missing / 2 : missing;
  if (f->align == '=') {
    POME__TRY(pome__t_put(r, t.data, sign));
    t = (pome_string){t.data + sign, t.size - sign};
  }
  for (int64_t i = 0; i < left; i++) POME__TRY(pome__t_put(r, f->fill, f->fill_size));
  POME__TRY(pome__t_put(r, t.data, t.size));
  for (int64_t i = left; i < missing; i++) POME__TRY(pome__t_put(r, f->fill, f->fill_size));
  return POME_OK;
}

static pome_status put_real(pome__trender *r, const form *f, double real) {
  char text[512], spec[16];
  if (f->precision > 100) return POME__T_FAIL(r, "a precision of more than 100 digits");
  char type = f->type == '%' ? 'f' : f->type == '\0' ? 'g' : f->type;
  if (f->type == '%') real *= 100;
  snprintf(spec, sizeof spec, "%s%%%s.*%c", f->sign == '+' && !signbit(real) ? "+" : "",
           f->alternate ? "#" : "", type);
  int size = snprintf(text, sizeof text, spec, (int)(f->precision < 0 ? 6 : f->precision), real);
  for (int i = 0; i < size && i < (int)sizeof text; i++)
    if (text[i] == ',') text[i] = '.'; /* a locale's */
  POME__TRY(pome__t_put(r, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
  return f->type == '%' ? pome__t_put(r, "%", 1) : POME_OK;
}

/* In base 16 and 8 only what fits 64 bits. */
static pome_status put_integer(pome__trender *r, const form *f, const pome__tvalue *v) {
  char text[72];
  if (f->type == 'd' || f->type == 'i' || f->type == 'u' || f->type == '\0') {
    pome__tvalue whole = v->kind == POME__T_BOOL ? pome__t_int(v->u.truth) : *v;
    if (v->kind == POME__T_FLOAT) POME__TRY(pome__t_big_from_real(r, v->u.real, &whole));
    if (f->sign == '+' && pome__t_to_real(v) >= 0) POME__TRY(pome__t_put(r, "+", 1));
    return pome__t_put_text(r, &whole);
  }
  int64_t i;
  POME__TRY(pome__t_integer_argument(r, v, 0, &i));
  if (v->kind == POME__T_BIG)
    return POME__T_FAIL(r, "an integer beyond 64 bits cannot be written in this base");
  uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
  unsigned base = f->type == 'o' ? 8 : f->type == 'b' ? 2 : 16;
  const char *digits = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  size_t at = sizeof text;
  do text[--at] = digits[magnitude % base];
  while ((magnitude /= base) > 0);
  if (f->alternate) {
    text[--at] = f->type;
    text[--at] = '0';
  }
  if (i < 0 || f->sign == '+') text[--at] = i < 0 ? '-' : '+';
  return pome__t_put(r, text + at, sizeof text - at);
}

/* Thousands apart, for integers just written behind `mark`. */
static pome_status group_digits(pome__trender *r, size_t mark) {
  pome__tvalue text;
  POME__TRY(pome__t_take(r, mark, &text));
  pome_string t = text.u.text;
  size_t digits = 0;
  while (digits < t.size && (t.data[digits] == '-' || t.data[digits] == '+')) digits++;
  size_t begin = digits;
  while (digits < t.size && t.data[digits] >= '0' && t.data[digits] <= '9') digits++;
  for (size_t i = 0; i < t.size; i++) {
    if (i > begin && i < digits && (digits - i) % 3 == 0) POME__TRY(pome__t_put(r, ",", 1));
    POME__TRY(pome__t_put(r, t.data + i, 1));
  }
  return POME_OK;
}

static pome_status put_value(pome__trender *r, const form *f, const pome__tvalue *v) {
  size_t mark = r->out_size, sign = 0;
  bool integral = f->type != '\0' && strchr("diuoxXb", f->type) != NULL;
  bool real = f->type != '\0' && strchr("eEfFgG%", f->type) != NULL;
  if (integral || real) {
    if (!POME__T_IS_NUMBER(v))
      return POME__T_FAIL(r, "format %%%c: a number is required, not %s", f->type,
                          pome__t_type_name(v));
    if (integral && v->kind == POME__T_FLOAT && !isfinite(v->u.real))
      return POME__T_FAIL(r, "cannot convert float infinity or NaN to integer");
    POME__TRY(real ? put_real(r, f, pome__t_to_real(v)) : put_integer(r, f, v));
    sign = r->out_size > mark && (r->out[mark] == '-' || r->out[mark] == '+');
    if (f->grouped) POME__TRY(group_digits(r, mark));
  } else {
    POME__TRY(f->type == 'r' || f->type == 'a' ? pome__t_put_repr(r, v) : pome__t_put_text(r, v));
    pome_string text = written(r, mark);
    if (f->precision >= 0)
      r->out_size = mark + pome__t_character_offset(text, (size_t)f->precision);
  }
  return put_padded(r, f, mark, sign);
}

/* ---- % ---- */

typedef struct arguments {
  const pome__tvalue *given;
  size_t at;
} arguments;

static pome_status next_argument(pome__trender *r, arguments *a, pome__tvalue *out) {
  size_t count = a->given->kind == POME__T_TUPLE ? a->given->u.list.count : 1;
  if (a->at >= count) return POME__T_FAIL(r, "not enough arguments for format string");
  *out = a->given->kind == POME__T_TUPLE ? a->given->u.list.items[a->at] : *a->given;
  a->at++;
  return POME_OK;
}

static pome_status named_argument(pome__trender *r, arguments *a, pome_string text, size_t *at,
                                  pome__tvalue *out) {
  size_t end = pome__t_find(text, (pome_string){")", 1}, *at);
  if (end == SIZE_MAX) return POME__T_FAIL(r, "incomplete format key");
  if (a->given->kind != POME__T_DICT) return POME__T_FAIL(r, "format requires a mapping");
  pome__tvalue key = pome__t_text(text.data + *at, end - *at);
  const pome__tvalue *value;
  POME__TRY(pome__t_dict_find(r, a->given->u.dict, &key, &value));
  if (value == NULL)
    return POME__T_FAIL(r, "no key '%.*s' for the format", POME__T_NAME(key.u.text));
  *out = *value;
  *at = end + 1;
  return POME_OK;
}

/* Behind the "%". */
static pome_status put_percent(pome__trender *r, pome_string text, size_t *at, arguments *a) {
  form f = {.align = '>', .fill = " ", .fill_size = 1, .precision = -1};
  pome__tvalue v = {0};
  if (*at < text.size && text.data[*at] == '(') {
    ++*at;
    POME__TRY(named_argument(r, a, text, at, &v));
  }
  for (; *at < text.size && strchr("-+ #0", text.data[*at]) != NULL; ++*at) {
    char c = text.data[*at];
    if (c == '-') f.align = '<';
    else if (c == '+') f.sign = '+';
    else if (c == '#') f.alternate = true;
    else if (c == '0' && f.align != '<') f.align = '=', f.fill[0] = '0';
  }
  POME__TRY(read_number(r, text, at, &f.width));
  if (*at < text.size && text.data[*at] == '.') {
    ++*at;
    POME__TRY(read_number(r, text, at, &f.precision));
  }
  if (*at == text.size) return POME__T_FAIL(r, "incomplete format");
  f.type = text.data[(*at)++];
  if (f.type == '%') return pome__t_put(r, "%", 1);
  if (f.type == '\0' || strchr("srdiuoxXeEfFgGa", f.type) == NULL)
    return POME__T_FAIL(r, "unsupported format character '%c'", f.type);
  if (f.type == 's' || f.type == 'r') f.fill[0] = ' ', f.align = f.align == '=' ? '>' : f.align;
  if (v.kind == POME__T_MISSING) POME__TRY(next_argument(r, a, &v));
  return put_value(r, &f, &v);
}

pome_status pome__t_percent(pome__trender *r, const pome__tvalue *format, const pome__tvalue *given,
                            pome__tvalue *out) {
  pome_string text = format->u.text;
  arguments a = {given, 0};
  size_t mark = r->out_size;
  POME__TRY(pome__t_charge_bytes(r, text.size));
  for (size_t at = 0; at < text.size;) {
    size_t sign = pome__t_find(text, (pome_string){"%", 1}, at);
    size_t end = sign == SIZE_MAX ? text.size : sign;
    POME__TRY(pome__t_put(r, text.data + at, end - at));
    at = end + 1;
    if (sign == SIZE_MAX) break;
    POME__TRY(pome__t_charge(r, 1));
    POME__TRY(put_percent(r, text, &at, &a));
  }
  if (given->kind != POME__T_DICT && given->kind != POME__T_LIST &&
      given->kind != POME__T_UNDEFINED &&
      a.at < (given->kind == POME__T_TUPLE ? given->u.list.count : 1))
    return POME__T_FAIL(r, "not all arguments converted during string formatting");
  POME__TRY(pome__t_take(r, mark, out));
  out->safe = format->safe;
  return POME_OK;
}

/* ---- format() ---- */

static bool is_align(char c) {
  return c == '<' || c == '>' || c == '^' || c == '=';
}

static pome_status read_spec(pome__trender *r, pome_string spec, form *f) {
  size_t at = 0, length = spec.size > 0 ? pome__utf8_length(spec.data[0]) : 0;
  if (length > 0 && length < spec.size && is_align(spec.data[length])) {
    memcpy(f->fill, spec.data, length);
    f->fill_size = length;
    f->align = spec.data[length];
    at = length + 1;
  } else if (spec.size > 0 && is_align(spec.data[0])) {
    f->align = spec.data[at++];
  }
  if (at < spec.size && (spec.data[at] == '+' || spec.data[at] == '-')) f->sign = spec.data[at++];
  if (at < spec.size && spec.data[at] == '#') f->alternate = true, at++;
  if (at < spec.size && spec.data[at] == '0') {
    if (f->align == '\0') f->align = '=', f->fill[0] = '0';
    at++;
  }
  POME__TRY(read_number(r, spec, &at, &f->width));
  if (at < spec.size && spec.data[at] == ',') f->grouped = true, at++;
  if (at < spec.size && spec.data[at] == '.') {
    at++;
    POME__TRY(read_number(r, spec, &at, &f->precision));
  }
  if (at < spec.size) f->type = spec.data[at++];
  return at == spec.size ? POME_OK
                         : POME__T_FAIL(r, "invalid format specifier '%.*s'", POME__T_NAME(spec));
}

/* The field "name.attribute[key]" of a replacement. */
static pome_status field_value(pome__tcall *c, pome_string field, size_t *automatic,
                               pome__tvalue *out) {
  pome__trender *r = c->r;
  size_t at = 0;
  while (at < field.size && field.data[at] != '.' && field.data[at] != '[') at++;
  pome_string name = {field.data, at};
  bool number = true;
  for (size_t i = 0; i < at; i++) number &= name.data[i] >= '0' && name.data[i] <= '9';
  if (number) {
    size_t digits = 0;
    int64_t index = (int64_t)*automatic;
    if (at > 0) POME__TRY(read_number(r, name, &digits, &index));
    else ++*automatic;
    if ((size_t)index >= c->arguments->count)
      return POME__T_FAIL(r, "Replacement index %lld out of range", (long long)index);
    *out = c->arguments->items[index];
  } else {
    size_t i = 0;
    while (i < c->arguments->named_count && !pome__t_same(c->arguments->named[i].name, name)) i++;
    if (i == c->arguments->named_count)
      return POME__T_FAIL(r, "no argument '%.*s'", POME__T_NAME(name));
    *out = c->arguments->named[i].value;
  }
  while (at < field.size) {
    bool bracket = field.data[at++] == '[';
    size_t begin = at;
    while (at < field.size &&
           (bracket ? field.data[at] != ']' : field.data[at] != '.' && field.data[at] != '['))
      at++;
    pome__tvalue from = *out, key = pome__t_text(field.data + begin, at - begin);
    at += bracket;
    POME__TRY(bracket ? pome__t_path(r, &from, &key, out)
                      : pome__t_attribute(r, &from, key.u.text, out));
    if (out->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, out);
  }
  return POME_OK;
}

static pome_status put_field(pome__tcall *c, pome_string field, size_t *automatic) {
  form f = {.fill = " ", .fill_size = 1, .precision = -1};
  const char *colon = field.size > 0 ? memchr(field.data, ':', field.size) : NULL;
  pome_string spec = {"", 0};
  if (colon != NULL) {
    spec = (pome_string){colon + 1, (size_t)(field.data + field.size - colon - 1)};
    field.size = (size_t)(colon - field.data);
  }
  char conversion = '\0';
  if (field.size >= 2 && field.data[field.size - 2] == '!') {
    conversion = field.data[field.size - 1];
    field.size -= 2;
  }
  pome__tvalue v;
  POME__TRY(field_value(c, field, automatic, &v));
  if (conversion != '\0') {
    size_t mark = c->r->out_size;
    POME__TRY(conversion == 's' ? pome__t_put_text(c->r, &v) : pome__t_put_repr(c->r, &v));
    POME__TRY(pome__t_take(c->r, mark, &v));
  }
  POME__TRY(read_spec(c->r, spec, &f));
  if (f.align == '\0') f.align = POME__T_IS_NUMBER(&v) && v.kind != POME__T_BOOL ? '>' : '<';
  if (f.type == '\0' && v.kind == POME__T_FLOAT && f.precision >= 0) f.type = 'g';
  if (f.type == '\0' && v.kind == POME__T_INT) f.type = 'd';
  return put_value(c->r, &f, &v);
}

pome_status pome__t_format_method(pome__tcall *c, pome__tvalue *out) {
  pome_string text = c->self->u.text;
  size_t mark = c->r->out_size, automatic = 0;
  for (size_t at = 0; at < text.size; at++) {
    const char ch = text.data[at], *from = text.data + at;
    bool doubled = at + 1 < text.size && text.data[at + 1] == ch;
    POME__TRY(pome__t_charge(c->r, 1));
    if (ch != '{' && ch != '}') {
      POME__TRY(pome__t_put(c->r, from, 1));
    } else if (doubled) {
      POME__TRY(pome__t_put(c->r, from, 1));
      at++;
    } else if (ch == '}') {
      return POME__T_FAIL(c->r, "Single '}' encountered in format string");
    } else {
      size_t end = pome__t_find(text, (pome_string){"}", 1}, at);
      if (end == SIZE_MAX) return POME__T_FAIL(c->r, "Single '{' encountered in format string");
      POME__TRY(put_field(c, (pome_string){text.data + at + 1, end - at - 1}, &automatic));
      at = end;
    }
  }
  POME__TRY(pome__t_take(c->r, mark, out));
  out->safe = c->self->safe;
  return POME_OK;
}
