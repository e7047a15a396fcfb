/* Filters for single values: text, numbers, defaults, JSON. */
#include <math.h>
#include <string.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"
#include "wire/mil_number.h"

/* ---- text ---- */

/* Result of building text for a value: HTML marked as safe stays so. */
static pome_status take_like(pome__trender *r, size_t mark, const pome__tvalue *like,
                             pome__tvalue *out) {
  POME__TRY(pome__t_take(r, mark, out));
  out->safe = like->kind == POME__T_STRING && like->safe;
  return POME_OK;
}

static pome_status with_case(pome__tcall *c, pome__tcase form, pome__tvalue *out) {
  pome__tvalue text;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  POME__TRY(pome__t_put_case(c->r, text.u.text, form));
  return take_like(c->r, mark, &text, out);
}

static pome_status upper(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_UPPER, out);
}
static pome_status lower(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_LOWER, out);
}
static pome_status capitalize(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_CAPITALIZE, out);
}

/* Unlike the method, words begin behind blanks, dashes and opening brackets only. */
static pome_status title(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text;
  size_t mark = c->r->out_size, at = 0;
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  pome_string t = text.u.text;
  while (at < t.size) {
    size_t begin = at;
    while (at < t.size && strchr("- \t\n\r\f\v({[<", t.data[at]) == NULL) at++;
    size_t first = begin;
    if (begin < at) {
      first += pome__t_character_offset((pome_string){t.data + begin, at - begin}, 1);
      POME__TRY(
          pome__t_put_case(c->r, (pome_string){t.data + begin, first - begin}, POME__T_UPPER));
      POME__TRY(pome__t_put_case(c->r, (pome_string){t.data + first, at - first}, POME__T_LOWER));
    }
    for (begin = at; at < t.size && strchr("- \t\n\r\f\v({[<", t.data[at]) != NULL; at++) continue;
    POME__TRY(pome__t_put(c->r, t.data + begin, at - begin));
  }
  return take_like(c->r, mark, &text, out);
}

static pome_status trim(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text;
  pome__targuments arguments = {.items = c->bound, .count = c->bound[0].kind != POME__T_MISSING};
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  return pome__t_run(c->r, pome__t_find_function(pome__t_string_methods, (pome_string){"strip", 5}),
                     &text, &arguments, out);
}

static pome_status string(pome__tcall *c, pome__tvalue *out) {
  return pome__t_to_text(c->r, c->self, out);
}

static pome_status safe(pome__tcall *c, pome__tvalue *out) {
  POME__TRY(pome__t_to_text(c->r, c->self, out));
  out->safe = true;
  return POME_OK;
}

static pome_status force_escape(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  text.safe = false;
  POME__TRY(pome__t_put_escaped(c->r, &text));
  POME__TRY(pome__t_take(c->r, mark, out));
  out->safe = true;
  return POME_OK;
}

static pome_status escape(pome__tcall *c, pome__tvalue *out) {
  if (c->self->kind == POME__T_STRING && c->self->safe) return *out = *c->self, POME_OK;
  return force_escape(c, out);
}

static pome_status replace(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text, old, new;
  int64_t most;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  POME__TRY(pome__t_to_text(c->r, &c->bound[0], &old));
  POME__TRY(pome__t_to_text(c->r, &c->bound[1], &new));
  if (c->bound[2].kind == POME__T_NONE) c->bound[2].kind = POME__T_MISSING;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[2], -1, &most));
  POME__TRY(pome__t_put_replaced(c->r, text.u.text, old.u.text, new.u.text, most));
  return pome__t_take(c->r, mark, out);
}

static pome_status center(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text, width = c->bound[0].kind == POME__T_MISSING ? pome__t_int(80) : c->bound[0];
  pome__targuments arguments = {.items = &width, .count = 1};
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  return pome__t_run(c->r, pome__t_find_function(pome__t_text_methods, (pome_string){"center", 6}),
                     &text, &arguments, out);
}

/* The end of the line at `at`, and in *next the start of the one behind. */
static size_t line_end(pome_string text, size_t at, size_t *next) {
  while (at < text.size && text.data[at] != '\n' && text.data[at] != '\r') at++;
  *next = at + 1 + (at + 1 < text.size && text.data[at] == '\r' && text.data[at + 1] == '\n');
  if (at == text.size) *next = at;
  return at;
}

static pome_status put_indent(pome__trender *r, const pome__tvalue *width) {
  if (width->kind == POME__T_STRING) return pome__t_put(r, width->u.text.data, width->u.text.size);
  int64_t count;
  POME__TRY(pome__t_integer_argument(r, width, 4, &count));
  return count > 0 ? pome__t_put_repeated(r, ' ', (size_t)count) : POME_OK;
}

static pome_status indent(pome__tcall *c, pome__tvalue *out) {
  pome_string t;
  bool first = pome__t_truth(&c->bound[1]), blank = pome__t_truth(&c->bound[2]);
  size_t mark = c->r->out_size, next;
  POME__TRY(pome__t_text_argument(c->r, c->self, NULL, &t));
  if (first) POME__TRY(put_indent(c->r, &c->bound[0]));
  for (size_t at = 0;; at = next) {
    size_t end = line_end(t, at, &next);
    if (at > 0 && (end > at || blank)) POME__TRY(put_indent(c->r, &c->bound[0]));
    POME__TRY(pome__t_put(c->r, t.data + at, end - at));
    if (end == t.size) break;
    POME__TRY(pome__t_put(c->r, "\n", 1));
    POME__TRY(pome__t_charge(c->r, 1));
  }
  return take_like(c->r, mark, c->self, out);
}

static pome_status wordcount(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text;
  int64_t count = 0;
  bool inside = false;
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  POME__TRY(pome__t_charge(c->r, text.u.text.size / 8));
  for (size_t at = 0, length; at < text.u.text.size; at += length) {
    bool word = pome__t_is_word(pome__utf8_decode(text.u.text.data + at, &length));
    count += word && !inside;
    inside = word;
  }
  return *out = pome__t_int(count), POME_OK;
}

static pome_status truncate(pome__tcall *c, pome__tvalue *out) {
  pome_string text = c->self->u.text;
  int64_t length, leeway;
  size_t size;
  pome_string end;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 255, &length));
  POME__TRY(pome__t_text_argument(c->r, &c->bound[2], "...", &end));
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[3], 5, &leeway));
  POME__TRY(pome__t_length(c->r, c->self, &size));
  int64_t count = (int64_t)size, kept = length - (int64_t)pome__t_count_characters(end);
  if (kept < 0) return POME__T_FAIL(c->r, "truncate: length %lld is too small", (long long)length);
  if (count <= length || count - length <= leeway) return *out = *c->self, POME_OK;
  if (c->self->kind != POME__T_STRING)
    return POME__T_FAIL(c->r, "only a string can be cut, not '%s'", pome__t_type_name(c->self));
  pome_string head = {text.data, pome__t_character_offset(text, (size_t)kept)};
  if (!pome__t_truth(&c->bound[1])) {
    size_t space = head.size;
    while (space > 0 && head.data[space - 1] != ' ') space--;
    if (space > 0) head.size = space - 1;
  }
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_put(c->r, head.data, head.size));
  POME__TRY(pome__t_put(c->r, end.data, end.size));
  return pome__t_take(c->r, mark, out);
}

static pome_status format(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue text,
      arguments = pome__t_list(POME__T_TUPLE, c->arguments->items, c->arguments->count);
  POME__TRY(pome__t_to_text(c->r, c->self, &text));
  if (c->arguments->named_count > 0) {
    pome__tdict *dict;
    if (c->arguments->count > 0)
      return POME__T_FAIL(c->r, "can't handle positional and keyword arguments at the same time");
    POME__TRY(pome__t_dict_new(c->r, c->arguments->named_count, &dict));
    for (size_t i = 0; i < c->arguments->named_count; i++) {
      pome_string name = c->arguments->named[i].name;
      pome__tvalue key = pome__t_text(name.data, name.size);
      POME__TRY(pome__t_dict_set(c->r, dict, &key, &c->arguments->named[i].value));
    }
    arguments = (pome__tvalue){.kind = POME__T_DICT, .u.dict = dict};
  }
  return pome__t_percent(c->r, &text, &arguments, out);
}

/* ---- numbers ---- */

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* int(text, base), with its prefix and underscores; false when it is none. */
static pome_status parse_integer(pome__trender *r, pome_string text, int base, bool *ok,
                                 pome__tvalue *out) {
  char *digits;
  size_t count = 0, at = 0;
  *ok = false;
  text = pome__t_strip_spaces(text, true, true);
  bool negative = text.size > 0 && text.data[0] == '-';
  if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) at = 1;
  char letter = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0';
  if (letter != '\0' && text.size - at > 2 && text.data[at] == '0' &&
      (text.data[at + 1] | 0x20) == letter)
    at += 2;
  POME__TRY(pome__t_alloc(r, text.size + 1, 1, &digits));
  for (bool wanted = true; at < text.size; at++) {
    if (text.data[at] == '_' && !wanted && at + 1 < text.size) {
      wanted = true;
      continue;
    }
    if (digit_of(text.data[at]) >= base) return POME_OK;
    digits[count++] = text.data[at];
    wanted = false;
  }
  if (count == 0) return POME_OK;
  *ok = true;
  return pome__t_big_parse(r, digits, count, base, negative, out);
}

bool pome__t_parse_real(pome_string text, double *real) {
  text = pome__t_strip_spaces(text, true, true);
  if (text.size > 0 && text.data[0] == '+') text.data++, text.size--;
  if (text.size > 1 && (text.data[1] | 0x20) == 'x') return false;
  return text.size > 0 &&
         pome__text_double((pome__bytes){(const uint8_t *)text.data, text.size}, real);
}

static pome_status to_int(pome__tcall *c, pome__tvalue *out) {
  int64_t base;
  double real;
  bool ok = true;
  const pome__tvalue *v = c->self;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[1], 10, &base));
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, v);
  if (v->kind == POME__T_INT || v->kind == POME__T_BIG) return *out = *v, POME_OK;
  if (v->kind == POME__T_BOOL) return *out = pome__t_int(v->u.truth), POME_OK;
  if (v->kind == POME__T_STRING) {
    if (base < 2 || base > 36) return POME__T_FAIL(c->r, "int() base must be 2 to 36");
    POME__TRY(parse_integer(c->r, v->u.text, (int)base, &ok, out));
    if (ok) return POME_OK;
  }
  ok = v->kind == POME__T_FLOAT ||
       (v->kind == POME__T_STRING && pome__t_parse_real(v->u.text, &real));
  if (v->kind == POME__T_FLOAT) real = v->u.real;
  if (ok && isfinite(real)) return pome__t_big_from_real(c->r, real, out);
  *out = c->bound[0].kind == POME__T_MISSING ? pome__t_int(0) : c->bound[0];
  return POME_OK;
}

static pome_status to_float(pome__tcall *c, pome__tvalue *out) {
  double real;
  if (c->self->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, c->self);
  if (POME__T_IS_NUMBER(c->self)) return *out = pome__t_real(pome__t_to_real(c->self)), POME_OK;
  if (c->self->kind == POME__T_STRING && pome__t_parse_real(c->self->u.text, &real))
    return *out = pome__t_real(real), POME_OK;
  *out = c->bound[0].kind == POME__T_MISSING ? pome__t_real(0) : c->bound[0];
  return POME_OK;
}

static pome_status absolute(pome__tcall *c, pome__tvalue *out) {
  const pome__tvalue *v = c->self;
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, v);
  if (!POME__T_IS_NUMBER(v))
    return POME__T_FAIL(c->r, "bad operand type for abs(): '%s'", pome__t_type_name(v));
  if (v->kind == POME__T_FLOAT) return *out = pome__t_real(fabs(v->u.real)), POME_OK;
  if (v->kind == POME__T_BOOL) return *out = pome__t_int(v->u.truth), POME_OK;
  bool negative = v->kind == POME__T_INT ? v->u.integer < 0 : v->u.big->negative;
  return negative ? pome__t_negate(c->r, v, out) : (*out = *v, POME_OK);
}

/* An integer to tens, hundreds and so on; beyond 64 bits it is as precise as a float. */
static pome_status round_integer(pome__trender *r, const pome__tvalue *v, int64_t zeros,
                                 pome__tvalue *out) {
  if (v->kind == POME__T_BIG || zeros > 18) {
    double scale = pow(10, (double)zeros);
    if (isinf(scale)) return *out = pome__t_int(0), POME_OK;
    return pome__t_big_from_real(r, nearbyint(pome__t_to_real(v) / scale) * scale, out);
  }
  int64_t whole = v->kind == POME__T_BOOL ? v->u.truth : v->u.integer, scale = 1, rounded;
  for (int64_t i = 0; i < zeros; i++) scale *= 10;
  int64_t down = whole / scale - (whole % scale < 0);
  int64_t rest = whole % scale + (whole % scale < 0 ? scale : 0);
  down += 2 * rest > scale || (2 * rest == scale && down % 2 != 0);
  if (__builtin_mul_overflow(down, scale, &rounded))
    return pome__t_big_from_real(r, (double)down * (double)scale, out);
  return *out = pome__t_int(rounded), POME_OK;
}

/* Rounds to even at the half, as Python's round does. */
static pome_status round_number(pome__tcall *c, pome__tvalue *out) {
  int64_t precision;
  pome_string method;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 0, &precision));
  POME__TRY(pome__t_text_argument(c->r, &c->bound[1], "common", &method));
  if (c->self->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(c->r, c->self);
  if (!POME__T_IS_NUMBER(c->self))
    return POME__T_FAIL(c->r, "type %s doesn't define __round__ method",
                        pome__t_type_name(c->self));
  if (precision < -300 || precision > 300)
    return POME__T_FAIL(c->r, "round: a precision out of range");
  double real = pome__t_to_real(c->self), scale = pow(10, (double)precision);
  if (POME__T_IS_INTEGER(c->self) && pome__t_is(method, "common") && precision >= 0)
    return c->self->kind == POME__T_BOOL ? (*out = pome__t_int(c->self->u.truth), POME_OK)
                                         : (*out = *c->self, POME_OK);
  if (POME__T_IS_INTEGER(c->self) && pome__t_is(method, "common"))
    return round_integer(c->r, c->self, -precision, out);
  if (pome__t_is(method, "common")) real = nearbyint(real * scale) / scale;
  else if (pome__t_is(method, "ceil")) real = ceil(real * scale) / scale;
  else if (pome__t_is(method, "floor")) real = floor(real * scale) / scale;
  else return POME__T_FAIL(c->r, "method must be common, ceil or floor");
  *out = pome__t_real(real);
  return POME_OK;
}

/* ---- values of any kind ---- */

static pome_status fallback(pome__tcall *c, pome__tvalue *out) {
  bool replaced = c->self->kind == POME__T_UNDEFINED ||
                  (pome__t_truth(&c->bound[1]) && !pome__t_truth(c->self));
  *out = !replaced                             ? *c->self
         : c->bound[0].kind == POME__T_MISSING ? pome__t_text("", 0)
                                               : c->bound[0];
  return POME_OK;
}

static pome_status length(pome__tcall *c, pome__tvalue *out) {
  size_t count;
  POME__TRY(pome__t_length(c->r, c->self, &count));
  *out = pome__t_int((int64_t)count);
  return POME_OK;
}

static pome_status attribute(pome__tcall *c, pome__tvalue *out) {
  pome_string name;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &name));
  if (c->self->kind == POME__T_DICT) return *out = pome__t_undefined(name), POME_OK; /* no keys */
  return pome__t_attribute(c->r, c->self, name, out);
}

static pome_status json_separators(pome__trender *r, const pome__tvalue *v,
                                   pome__tjson_form *form) {
  if (v->kind == POME__T_MISSING || v->kind == POME__T_NONE) return POME_OK;
  pome__tvalue list;
  POME__TRY(pome__t_items(r, v, &list));
  if (list.u.list.count != 2) return POME__T_FAIL(r, "separators must be two strings");
  POME__TRY(pome__t_text_argument(r, &list.u.list.items[0], NULL, &form->item));
  return pome__t_text_argument(r, &list.u.list.items[1], NULL, &form->key);
}

static pome_status json_indent(pome__trender *r, const pome__tvalue *v, pome__tjson_form *form) {
  if (v->kind == POME__T_MISSING || v->kind == POME__T_NONE) return POME_OK;
  form->indented = true;
  form->item = (pome_string){",", 1};
  if (v->kind == POME__T_STRING) return form->indent = v->u.text, POME_OK;
  pome__tvalue spaces;
  int64_t count;
  size_t mark = r->out_size;
  POME__TRY(pome__t_integer_argument(r, v, 0, &count));
  if (count > 0) POME__TRY(pome__t_put_repeated(r, ' ', (size_t)count));
  POME__TRY(pome__t_take(r, mark, &spaces));
  form->indent = spaces.u.text;
  return POME_OK;
}

static pome_status tojson(pome__tcall *c, pome__tvalue *out) {
  pome__tjson_form form = {.ascii = pome__t_truth(&c->bound[0]),
                           .sorted = pome__t_truth(&c->bound[3]),
                           .item = {", ", 2},
                           .key = {": ", 2}};
  POME__TRY(json_indent(c->r, &c->bound[1], &form));
  POME__TRY(json_separators(c->r, &c->bound[2], &form));
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_json_put(c->r, c->self, &form));
  return pome__t_take(c->r, mark, out);
}

const pome__tfunction pome__t_filters[] = {
    {"upper", "", 0, upper},
    {"lower", "", 0, lower},
    {"capitalize", "", 0, capitalize},
    {"title", "", 0, title},
    {"trim", "chars", 0, trim},
    {"string", "", 0, string},
    {"safe", "", 0, safe},
    {"e", "", 0, escape},
    {"escape", "", 0, escape},
    {"forceescape", "", 0, force_escape},
    {"replace", "old new count", 2, replace},
    {"center", "width", 0, center},
    {"indent", "width first blank", 0, indent},
    {"wordcount", "", 0, wordcount},
    {"truncate", "length killwords end leeway", 0, truncate},
    {"format", NULL, 0, format},
    {"int", "default base", 0, to_int},
    {"float", "default", 0, to_float},
    {"abs", "", 0, absolute},
    {"round", "precision method", 0, round_number},
    {"default", "default_value boolean", 0, fallback},
    {"d", "default_value boolean", 0, fallback},
    {"length", "", 0, length},
    {"count", "", 0, length},
    {"attr", "name", 1, attribute},
    {"tojson", "ensure_ascii indent separators sort_keys", 0, tojson},
    {0},
};
