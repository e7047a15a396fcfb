/* See json_scan.h. */
#include "wire/json_scan.h"

#include <string.h>

#include "wire/mil_number.h"
#include "wire/pb.h"

static pome_status fail_at(const pome__json_scan *scan, size_t at, const char *wanted,
                           pome_error *error) {
  (void)pome__fail(error, POME_INPUT, "not valid JSON here: %s is expected", wanted);
  pome__error_at_offset(error, scan->base + at);
  return POME_INPUT;
}

pome__json_scan pome__scan_part(pome__bytes text, pome__bytes part) {
  return (pome__json_scan){(const char *)part.data, part.size, 0, (size_t)(part.data - text.data)};
}

static bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

char pome__scan_peek(pome__json_scan *scan) {
  while (scan->at < scan->size && is_blank(scan->text[scan->at])) scan->at++;
  return scan->at < scan->size ? scan->text[scan->at] : '\0';
}

pome_status pome__scan_open(pome__json_scan *scan, char bracket, pome_error *error) {
  if (pome__scan_peek(scan) != bracket)
    return fail_at(scan, scan->at, bracket == '{' ? "an object" : "an array", error);
  scan->at++;
  return POME_OK;
}

pome_status pome__scan_next(pome__json_scan *scan, char bracket, bool first, bool *more,
                            pome_error *error) {
  char c = pome__scan_peek(scan), close = bracket == '{' ? '}' : ']';
  if (c == close || (c == ',' && !first)) {
    scan->at++;
    *more = c == ',';
    return POME_OK;
  }
  if (!first || c == '\0') return fail_at(scan, scan->at, "a comma or the end of the list", error);
  *more = true;
  return POME_OK;
}

pome_status pome__scan_string(pome__json_scan *scan, pome__bytes *raw, pome_error *error) {
  if (pome__scan_peek(scan) != '"') return fail_at(scan, scan->at, "a string", error);
  size_t begin = ++scan->at, from = begin;
  for (;;) {
    const char *quote = memchr(scan->text + from, '"', scan->size - from);
    if (quote == NULL) return fail_at(scan, begin - 1, "the end of the string", error);
    size_t end = (size_t)(quote - scan->text), slashes = 0;
    while (end - slashes > begin && scan->text[end - slashes - 1] == '\\') slashes++;
    from = end + 1;
    if (slashes % 2 != 0) continue;
    *raw = (pome__bytes){(const uint8_t *)scan->text + begin, end - begin};
    scan->at = end + 1;
    return POME_OK;
  }
}

pome_status pome__scan_key(pome__json_scan *scan, pome__bytes *raw, pome_error *error) {
  POME__TRY(pome__scan_string(scan, raw, error));
  if (pome__scan_peek(scan) != ':') return fail_at(scan, scan->at, "a colon", error);
  scan->at++;
  return POME_OK;
}

/* ---- strings ---- */

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits at `at`, or -1. */
static int32_t read_hex(pome__bytes raw, size_t at) {
  int32_t value = 0;
  if (raw.size < 4 || at > raw.size - 4) return -1;
  for (size_t i = 0; i < 4; i++) {
    int digit = hex_digit(raw.data[at + i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

static size_t put_utf8(uint32_t c, char *out) {
  if (c < 0x80) return out[0] = (char)c, 1;
  size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(c | (size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0));
  return size;
}

/* Behind "\u" at `*at`: one character, of one escape or of two that are surrogates. */
static bool read_unicode(pome__bytes raw, size_t *at, uint32_t *character) {
  int32_t first = read_hex(raw, *at);
  *at += 4;
  if (first < 0 || (first >= 0xdc00 && first <= 0xdfff)) return false;
  *character = (uint32_t)first;
  if (first < 0xd800 || first > 0xdbff) return true;
  if (*at + 2 > raw.size || raw.data[*at] != '\\' || raw.data[*at + 1] != 'u') return false;
  int32_t second = read_hex(raw, *at + 2);
  *at += 6;
  if (second < 0xdc00 || second > 0xdfff) return false;
  *character = 0x10000u + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
  return true;
}

static bool read_escape(pome__bytes raw, size_t *at, char *out, size_t *size) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (*at == raw.size) return false;
  char c = (char)raw.data[(*at)++];
  const char *name = c == '\0' ? NULL : strchr(names, c);
  uint32_t character;
  if (name != NULL) {
    out[(*size)++] = values[name - names];
    return true;
  }
  if (c != 'u' || !read_unicode(raw, at, &character)) return false;
  *size += put_utf8(character, out + *size);
  return true;
}

pome_status pome__scan_unescape(const pome__json_scan *scan, pome__bytes raw, char *out,
                                size_t *size, pome_error *error) {
  size_t written = 0, at = 0;
  bool ascii = true;
  while (at < raw.size) {
    uint8_t c = raw.data[at++];
    if (c < 0x20)
      return fail_at(scan, (size_t)((const char *)raw.data - scan->text) + at - 1,
                     "no control character in a string", error);
    ascii = ascii && c < 0x80;
    if (c != '\\') {
      out[written++] = (char)c;
      continue;
    }
    size_t start = at - 1;
    if (!read_escape(raw, &at, out, &written))
      return fail_at(scan, (size_t)((const char *)raw.data - scan->text) + start,
                     "an escape that stands for a character", error);
  }
  if (!ascii && !pome__utf8_valid(raw))
    return fail_at(scan, (size_t)((const char *)raw.data - scan->text), "UTF-8", error);
  *size = written;
  return POME_OK;
}

/* ---- numbers ---- */

static pome__bytes take_number(pome__json_scan *scan) {
  (void)pome__scan_peek(scan);
  size_t begin = scan->at;
  while (scan->at < scan->size && strchr("+-.0123456789eE", scan->text[scan->at]) != NULL &&
         scan->text[scan->at] != '\0')
    scan->at++;
  return (pome__bytes){(const uint8_t *)scan->text + begin, scan->at - begin};
}

pome_status pome__scan_integer(pome__json_scan *scan, int64_t *value, pome_error *error) {
  pome__bytes number = take_number(scan);
  bool negative;
  uint64_t magnitude;
  if (!pome__text_integer(number, &negative, &magnitude) || magnitude > INT64_MAX) {
    return fail_at(scan, scan->at - number.size, "an integer", error);
  }
  *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
  return POME_OK;
}

pome_status pome__scan_real(pome__json_scan *scan, double *value, pome_error *error) {
  pome__bytes number = take_number(scan);
  if (!pome__text_double(number, value))
    return fail_at(scan, scan->at - number.size, "a number", error);
  return POME_OK;
}

/* ---- any value ---- */

pome_status pome__scan_skip(pome__json_scan *scan, pome__bytes *range, pome_error *error) {
  size_t depth = 0, begin;
  char c = pome__scan_peek(scan);
  pome__bytes string;
  if (c == '\0' || c == ',' || c == '}' || c == ']')
    return fail_at(scan, scan->at, "a value", error);
  begin = scan->at;
  while (scan->at < scan->size) {
    c = scan->text[scan->at];
    if (c == '"') {
      POME__TRY(pome__scan_string(scan, &string, error));
      if (depth == 0) break;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    scan->at++;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  if (depth > 0) return fail_at(scan, scan->size, "the end of a list", error);
  *range = (pome__bytes){(const uint8_t *)scan->text + begin, scan->at - begin};
  return POME_OK;
}
