/* Methods that make new text, or ask what kind of text it is. */
#include <string.h>
#include <utf8proc.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"

static pome_status take(pome__tcall *c, size_t mark, pome__tvalue *out) {
  POME__TRY(pome__t_take(c->r, mark, out));
  out->safe = c->self->safe;
  return POME_OK;
}

static pome_status with_case(pome__tcall *c, pome__tcase form, pome__tvalue *out) {
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_put_case(c->r, c->self->u.text, form));
  return take(c, mark, out);
}
static pome_status upper(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_UPPER, out);
}
static pome_status lower(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_LOWER, out);
}
static pome_status title(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_TITLE, out);
}
static pome_status capitalize(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_CAPITALIZE, out);
}
static pome_status swapcase(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_SWAP, out);
}
static pome_status casefold(pome__tcall *c, pome__tvalue *out) {
  return with_case(c, POME__T_FOLD, out);
}

static pome_status replace(pome__tcall *c, pome__tvalue *out) {
  pome_string old;
  pome__tvalue new = c->bound[1];
  int64_t most;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &old));
  if (new.kind != POME__T_STRING)
    return POME__T_FAIL(c->r, "replace() argument 2 must be str, not %s", pome__t_type_name(&new));
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[2], -1, &most));
  if (c->self->safe && !new.safe) {
    POME__TRY(pome__t_put_escaped(c->r, &new));
    POME__TRY(pome__t_take(c->r, mark, &new));
  }
  POME__TRY(pome__t_put_replaced(c->r, c->self->u.text, old, new.u.text, most));
  return take(c, mark, out);
}

static pome_status join(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_items(c->r, &c->bound[0], &list));
  for (size_t i = 0; i < list.u.list.count; i++) {
    const pome__tvalue *item = &list.u.list.items[i];
    if (item->kind != POME__T_STRING && !c->self->safe)
      return POME__T_FAIL(c->r, "sequence item %zu: expected str instance, %s found", i,
                          pome__t_type_name(item));
    if (i > 0) POME__TRY(pome__t_put_text(c->r, c->self));
    POME__TRY(c->self->safe ? pome__t_put_escaped(c->r, item) : pome__t_put_text(c->r, item));
  }
  return take(c, mark, out);
}

/* ---- widths ---- */

static pome_status pad(pome__tcall *c, int where, pome__tvalue *out) {
  int64_t width, count = (int64_t)pome__t_count_characters(c->self->u.text);
  pome_string fill;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 0, &width));
  POME__TRY(pome__t_text_argument(c->r, &c->bound[1], " ", &fill));
  if (pome__t_count_characters(fill) != 1)
    return POME__T_FAIL(c->r, "the fill character must be exactly one character long");
  int64_t missing = width > count ? width - count : 0;
  int64_t left = where < 0 ? 0 : where > 0 ? missing : missing / 2 + (missing & width & 1);
  if ((uint64_t)missing > c->r->out_limit)
    return POME__T_FAIL(c->r, "a width of %lld", (long long)width);
  for (int64_t i = 0; i < left; i++) POME__TRY(pome__t_put(c->r, fill.data, fill.size));
  POME__TRY(pome__t_put_text(c->r, c->self));
  for (int64_t i = left; i < missing; i++) POME__TRY(pome__t_put(c->r, fill.data, fill.size));
  POME__TRY(pome__t_charge(c->r, (size_t)missing / 8));
  return take(c, mark, out);
}

static pome_status center(pome__tcall *c, pome__tvalue *out) {
  return pad(c, 0, out);
}
static pome_status ljust(pome__tcall *c, pome__tvalue *out) {
  return pad(c, -1, out);
}
static pome_status rjust(pome__tcall *c, pome__tvalue *out) {
  return pad(c, 1, out);
}

static pome_status zfill(pome__tcall *c, pome__tvalue *out) {
  int64_t width, count = (int64_t)pome__t_count_characters(c->self->u.text);
  pome_string text = c->self->u.text;
  size_t mark = c->r->out_size,
         sign = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 0, &width));
  POME__TRY(pome__t_put(c->r, text.data, sign));
  if (width > count) POME__TRY(pome__t_put_repeated(c->r, '0', (size_t)(width - count)));
  POME__TRY(pome__t_put(c->r, text.data + sign, text.size - sign));
  return take(c, mark, out);
}

static pome_status expandtabs(pome__tcall *c, pome__tvalue *out) {
  int64_t width, column = 0;
  pome_string text = c->self->u.text;
  size_t mark = c->r->out_size;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[0], 8, &width));
  for (size_t at = 0, length; at < text.size; at += length) {
    length = pome__utf8_length(text.data[at]);
    if (text.data[at] == '\t') {
      int64_t spaces = width > 0 ? width - column % width : 0;
      POME__TRY(pome__t_put_repeated(c->r, ' ', (size_t)spaces));
      column += spaces;
      continue;
    }
    column = text.data[at] == '\n' || text.data[at] == '\r' ? 0 : column + 1;
    POME__TRY(pome__t_put(c->r, text.data + at, length));
  }
  POME__TRY(pome__t_charge(c->r, text.size / 4));
  return take(c, mark, out);
}

static pome_status encode(pome__tcall *c, pome__tvalue *out) {
  pome_string name;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], "utf-8", &name));
  if (!pome__t_is(name, "utf-8") && !pome__t_is(name, "utf8") && !pome__t_is(name, "UTF-8"))
    return POME__T_FAIL(c->r, "encode: only utf-8 is supported, not '%.*s'", POME__T_NAME(name));
  *out = *c->self;
  out->kind = POME__T_BYTES;
  return POME_OK;
}

/* ---- what kind of text ---- */

typedef bool (*character_test)(utf8proc_int32_t c);

static bool is_alpha(utf8proc_int32_t c) {
  utf8proc_category_t k = utf8proc_category(c);
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}
static bool is_decimal(utf8proc_int32_t c) {
  return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}
/* Superscripts and circled digits besides; fractions are numeric only. */
static bool is_digit(utf8proc_int32_t c) {
  return is_decimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
         (c >= 0x2460 && c <= 0x2468);
}
static bool is_numeric(utf8proc_int32_t c) {
  return pome__is_numeric((uint32_t)c);
}
static bool is_alnum(utf8proc_int32_t c) {
  return is_alpha(c) || is_numeric(c);
}
static bool is_space(utf8proc_int32_t c) {
  return pome__t_is_space((uint32_t)c);
}
static bool is_ascii(utf8proc_int32_t c) {
  return c < 0x80;
}
static bool is_printable(utf8proc_int32_t c) {
  return pome__t_is_printable((uint32_t)c);
}

static pome_status all_are(pome__tcall *c, character_test test, bool of_empty, pome__tvalue *out) {
  pome_string text = c->self->u.text;
  bool all = text.size > 0 || of_empty;
  POME__TRY(pome__t_charge(c->r, 1 + text.size / 8));
  for (size_t at = 0, length; at < text.size && all; at += length)
    all = test((utf8proc_int32_t)pome__utf8_decode(text.data + at, &length));
  return *out = pome__t_bool(all), POME_OK;
}

static pome_status isalpha_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_alpha, false, out);
}
static pome_status isdecimal_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_decimal, false, out);
}
static pome_status isdigit_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_digit, false, out);
}
static pome_status isnumeric_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_numeric, false, out);
}
static pome_status isalnum_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_alnum, false, out);
}
static pome_status isspace_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_space, false, out);
}
static pome_status isascii_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_ascii, true, out);
}
static pome_status isprintable_(pome__tcall *c, pome__tvalue *out) {
  return all_are(c, is_printable, true, out);
}

/* Some letter has the case, and none another. */
static pome_status only_case(pome__tcall *c, utf8proc_category_t wanted, pome__tvalue *out) {
  pome_string text = c->self->u.text;
  bool some = false, other = false;
  POME__TRY(pome__t_charge(c->r, 1 + text.size / 8));
  for (size_t at = 0, length; at < text.size; at += length) {
    utf8proc_category_t k =
        utf8proc_category((utf8proc_int32_t)pome__utf8_decode(text.data + at, &length));
    bool cased =
        k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
    some |= k == wanted;
    other |= cased && k != wanted;
  }
  return *out = pome__t_bool(some && !other), POME_OK;
}
static pome_status islower_(pome__tcall *c, pome__tvalue *out) {
  return only_case(c, UTF8PROC_CATEGORY_LL, out);
}
static pome_status isupper_(pome__tcall *c, pome__tvalue *out) {
  return only_case(c, UTF8PROC_CATEGORY_LU, out);
}

static pome_status istitle_(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue titled;
  bool equal, cased = false;
  size_t length;
  POME__TRY(title(c, &titled));
  POME__TRY(pome__t_equal(c->r, &titled, c->self, &equal));
  for (size_t at = 0; at < c->self->u.text.size && !cased; at += length) {
    uint32_t code = pome__utf8_decode(c->self->u.text.data + at, &length);
    cased = utf8proc_toupper((utf8proc_int32_t)code) != utf8proc_tolower((utf8proc_int32_t)code);
  }
  return *out = pome__t_bool(equal && cased), POME_OK;
}

static pome_status isidentifier_(pome__tcall *c, pome__tvalue *out) {
  pome_string text = c->self->u.text;
  bool ok = text.size > 0;
  for (size_t at = 0, length; at < text.size && ok; at += length) {
    utf8proc_int32_t code = (utf8proc_int32_t)pome__utf8_decode(text.data + at, &length);
    ok = code == '_' || is_alpha(code) || (at > 0 && is_decimal(code));
  }
  return *out = pome__t_bool(ok), POME_OK;
}

const pome__tfunction pome__t_text_methods[] = {
    {"upper", "", 0, upper},
    {"lower", "", 0, lower},
    {"title", "", 0, title},
    {"capitalize", "", 0, capitalize},
    {"swapcase", "", 0, swapcase},
    {"casefold", "", 0, casefold},
    {"replace", "old new count", 2, replace},
    {"join", "iterable", 1, join},
    {"center", "width fillchar", 1, center},
    {"ljust", "width fillchar", 1, ljust},
    {"rjust", "width fillchar", 1, rjust},
    {"zfill", "width", 1, zfill},
    {"expandtabs", "tabsize", 0, expandtabs},
    {"encode", "encoding errors", 0, encode},
    {"format", NULL, 0, pome__t_format_method},
    {"isalpha", "", 0, isalpha_},
    {"isdecimal", "", 0, isdecimal_},
    {"isdigit", "", 0, isdigit_},
    {"isnumeric", "", 0, isnumeric_},
    {"isalnum", "", 0, isalnum_},
    {"isspace", "", 0, isspace_},
    {"isascii", "", 0, isascii_},
    {"isprintable", "", 0, isprintable_},
    {"islower", "", 0, islower_},
    {"isupper", "", 0, isupper_},
    {"istitle", "", 0, istitle_},
    {"isidentifier", "", 0, isidentifier_},
    {0},
};
