/* Text by characters: spaces, searching, upper and lower case beyond one to one, HTML escapes. */
#include "llm/template/render.h"

#include <string.h>
#include <utf8proc.h>

#include "llm/text/unicode.h"

bool pome__t_is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

size_t pome__t_count_characters(pome_string text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size; i++) count += !pome__utf8_is_inside(text.data[i]);
  return count;
}

size_t pome__t_character_offset(pome_string text, size_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size; index--) at += pome__utf8_length(text.data[at]);
  return at;
}

pome_string pome__t_strip_spaces(pome_string text, bool left, bool right) {
  size_t length;
  while (left && text.size > 0 && pome__t_is_space(pome__utf8_decode(text.data, &length))) {
    text.data += length;
    text.size -= length;
  }
  while (right && text.size > 0 && pome__t_is_space(pome__utf8_last(text.data, text.size, &length)))
    text.size = length;
  return text;
}

size_t pome__t_find(pome_string text, pome_string part, size_t from) {
  if (from > text.size) return SIZE_MAX;
  if (part.size == 0) return from;
  const char *at = text.data + from;
  const char *found = part.size == 1 ? memchr(at, part.data[0], text.size - from)
                                     : memmem(at, text.size - from, part.data, part.size);
  return found == NULL ? SIZE_MAX : (size_t)(found - text.data);
}

bool pome__t_is_printable(uint32_t c) {
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
  return c == ' ' || (category != UTF8PROC_CATEGORY_CN && category != UTF8PROC_CATEGORY_ZS &&
                      category != UTF8PROC_CATEGORY_ZL && category != UTF8PROC_CATEGORY_ZP &&
                      category != UTF8PROC_CATEGORY_CC && category != UTF8PROC_CATEGORY_CF &&
                      category != UTF8PROC_CATEGORY_CS && category != UTF8PROC_CATEGORY_CO);
}

bool pome__t_is_word(uint32_t c) {
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
  return c == '_' || (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         pome__is_numeric(c);
}

/* ---- case ---- */

static bool is_cased(uint32_t c) {
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

static bool is_case_ignorable(uint32_t c) {
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
         category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
         category == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' || c == ':' || c == 0xb7 ||
         c == 0x2019 || c == 0x2018 || c == 0x2024 || c == 0x2027;
}

static pome_status put_code(pome__trender *r, const char *from, uint32_t c) {
  char bytes[4];
  return pome__t_put_for(r, from, bytes, pome__utf8_encode(c, bytes));
}

/* What full case folding makes of it; small letters whose capital is more than one letter are those
 * that fold to more than one. */
static int fold(uint32_t c, utf8proc_int32_t out[4]) {
  int boundary = 0;
  utf8proc_ssize_t count =
      utf8proc_decompose_char((utf8proc_int32_t)c, out, 4, UTF8PROC_CASEFOLD, &boundary);
  if (count >= 1 && count <= 4) return (int)count;
  out[0] = (utf8proc_int32_t)c;
  return 1;
}

static pome_status put_upper(pome__trender *r, const char *from, uint32_t c, bool title) {
  utf8proc_int32_t code = (utf8proc_int32_t)c, parts[4];
  int count = 1;
  if (c >= 0x80 && is_cased(c) && utf8proc_category(code) != UTF8PROC_CATEGORY_LU)
    count = fold(c, parts);
  if (count == 1 || (title && utf8proc_category(utf8proc_totitle(code)) == UTF8PROC_CATEGORY_LT))
    return put_code(r, from, (uint32_t)(title ? utf8proc_totitle(code) : utf8proc_toupper(code)));
  bool done = false;
  for (int i = 0; i < count; i++) {
    POME__TRY(put_code(r, from, (uint32_t)(title && done ? parts[i] : utf8proc_toupper(parts[i]))));
    done |= is_cased((uint32_t)parts[i]);
  }
  return POME_OK;
}

/* Is the sigma at `at` the last letter of a word? */
static bool is_final_sigma(pome_string text, size_t at) {
  size_t before = at, after = at + 2, length;
  uint32_t c = 0;
  while (before > 0 && is_case_ignorable(c = pome__utf8_last(text.data, before, &length)))
    before = length;
  if (before == 0 || !is_cased(c)) return false;
  for (; after < text.size; after += length) {
    c = pome__utf8_decode(text.data + after, &length);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

static pome_status put_lower(pome__trender *r, pome_string text, size_t at, uint32_t c) {
  const char *from = text.data + at;
  if (c == 0x130) return pome__t_put_for(r, from, "i\xcc\x87", 3);
  if (c == 0x3a3) return put_code(r, from, is_final_sigma(text, at) ? 0x3c2 : 0x3c3);
  return put_code(r, from, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

static pome_status put_folded(pome__trender *r, const char *from, uint32_t c) {
  utf8proc_int32_t parts[4];
  int count = fold(c, parts);
  for (int i = 0; i < count; i++) POME__TRY(put_code(r, from, (uint32_t)parts[i]));
  return POME_OK;
}

pome_status pome__t_put_case(pome__trender *r, pome_string text, pome__tcase form) {
  bool inside = false; /* of a word */
  POME__TRY(pome__t_charge(r, text.size / 4));
  for (size_t at = 0, length; at < text.size; at += length) {
    uint32_t c = pome__utf8_decode(text.data + at, &length);
    bool up =
        form == POME__T_UPPER || (form == POME__T_TITLE && !inside) ||
        (form == POME__T_CAPITALIZE && at == 0) ||
        (form == POME__T_SWAP && utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_LL);
    bool same = form == POME__T_SWAP && !is_cased(c);
    inside =
        is_cased(c) || (inside && form == POME__T_TITLE && is_case_ignorable(c) && c >= 0x300 &&
                        utf8proc_category((utf8proc_int32_t)c) != UTF8PROC_CATEGORY_SK);
    if (form == POME__T_FOLD) POME__TRY(put_folded(r, text.data + at, c));
    else if (same) POME__TRY(pome__t_put(r, text.data + at, length));
    else if (up)
      POME__TRY(
          put_upper(r, text.data + at, c, form == POME__T_TITLE || form == POME__T_CAPITALIZE));
    else POME__TRY(put_lower(r, text, at, c));
  }
  return POME_OK;
}

/* ---- HTML and replacing ---- */

pome_status pome__t_put_escaped(pome__trender *r, const pome__tvalue *v) {
  static const char from[] = "&<>'\"";
  static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  if (v->kind == POME__T_STRING && v->safe) return pome__t_put_text(r, v);
  pome__tvalue text;
  POME__TRY(pome__t_to_text(r, v, &text));
  POME__TRY(pome__t_charge(r, text.u.text.size / 16));
  for (size_t i = 0; i < text.u.text.size; i++) {
    const char *c = text.u.text.data + i, *known = *c != '\0' ? strchr(from, *c) : NULL;
    POME__TRY(known == NULL ? pome__t_put(r, c, 1)
                            : pome__t_put_for(r, c, to[known - from], strlen(to[known - from])));
  }
  return POME_OK;
}

pome_status pome__t_put_replaced(pome__trender *r, pome_string text, pome_string old,
                                 pome_string new, int64_t most) {
  size_t at = 0;
  POME__TRY(pome__t_charge_bytes(r, text.size));
  while (most != 0) {
    size_t found = pome__t_find(text, old, at);
    if (found == SIZE_MAX) break;
    most -= most > 0;
    POME__TRY(pome__t_charge(r, 1));
    POME__TRY(pome__t_put(r, text.data + at, found - at));
    POME__TRY(pome__t_put(r, new.data, new.size));
    at = found + old.size;
    if (old.size > 0) continue;
    /* Nothing is found before each character and behind the last. */
    if (at == text.size) break;
    size_t length = pome__utf8_length(text.data[at]);
    POME__TRY(pome__t_put(r, text.data + at, length));
    at += length;
    if (at == text.size && most != 0) return pome__t_put(r, new.data, new.size);
  }
  return pome__t_put(r, text.data + at, text.size - at);
}
