/* See unicode.h. */
#include "llm/text/unicode.h"

#include <utf8proc.h>

size_t pome__utf8_encode(uint32_t c, char *out) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

uint32_t pome__utf8_last(const char *text, size_t size, size_t *begin) {
  size_t length;
  *begin = size - 1;
  while (*begin > 0 && pome__utf8_is_inside(text[*begin])) (*begin)--;
  return pome__utf8_decode(text + *begin, &length);
}

/* Bytes that a first byte asks for, and the range of the second: Unicode's table of well-formed
 * sequences. 0: not a first byte. */
static size_t expected(unsigned char first, unsigned char *lowest, unsigned char *highest) {
  *lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  *highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

pome__utf8_kind pome__utf8_step(const char *text, size_t size, size_t *length) {
  unsigned char lowest, highest;
  size_t want = expected((unsigned char)text[0], &lowest, &highest);
  *length = 1;
  if (want == 0) return POME__UTF8_BROKEN;
  for (; *length < want; (*length)++) {
    if (*length == size) return POME__UTF8_UNFINISHED;
    unsigned char byte = (unsigned char)text[*length];
    if (byte < lowest || byte > highest) return POME__UTF8_BROKEN;
    lowest = 0x80;
    highest = 0xbf;
  }
  return POME__UTF8_WHOLE;
}

bool pome__text_is_utf8(const char *text, size_t size) {
  for (size_t at = 0, length; at < size; at += length) {
    uint64_t eight;
    if (size - at >= 8 && (memcpy(&eight, text + at, 8), (eight & 0x8080808080808080u) == 0)) {
      length = 8;
    } else if (pome__utf8_step(text + at, size - at, &length) != POME__UTF8_WHOLE) {
      return false;
    }
  }
  return true;
}

/* ---- classes ---- */

static utf8proc_category_t category(uint32_t c) {
  return utf8proc_category((utf8proc_int32_t)c);
}

bool pome__is_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
  if (c < 0x1680) return c == 0x85 || c == 0xa0;
  return c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

bool pome__is_punctuation(uint32_t c) {
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool pome__is_numeric(uint32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

/* Letters, marks, decimal digits, connectors, and what Unicode lists as alphabetic or joining
 * besides. */
bool pome__is_word(uint32_t c) {
  if (c < 0x80)
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  utf8proc_category_t kind = category(c);
  if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NL) return true;
  if (kind == UTF8PROC_CATEGORY_PC) return true;
  if (c == 0x200c || c == 0x200d || (c >= 0x24b6 && c <= 0x24e9)) return true;
  return (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

bool pome__is_mark(uint32_t c) {
  if (c < 0x300) return false;
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool pome__is_nonspacing(uint32_t c) {
  return c >= 0x300 && category(c) == UTF8PROC_CATEGORY_MN;
}

bool pome__is_invisible(uint32_t c) {
  utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_CO;
}

bool pome__is_ideograph(uint32_t c) {
  static const struct {
    uint32_t first, last;
  } blocks[] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                {0x2b740, 0x2b81f}, {0x2b820, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
    if (c >= blocks[i].first && c <= blocks[i].last) return true;
  }
  return false;
}
