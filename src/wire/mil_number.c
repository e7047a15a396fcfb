/* What number and string tokens of MIL text mean.
 *
 * Weights may stand in the text as megabytes of hexadecimal floats, so those are read directly;
 * decimal floats, which compilers do not write, go through strtod.
 */
#include "wire/mil_number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXPONENT 1000000 /* beyond any double's, far from overflow */

static int digit_value(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool take_sign(pome__bytes *text) {
  if (text->size == 0 || (text->data[0] != '-' && text->data[0] != '+')) return false;
  bool negative = text->data[0] == '-';
  *text = (pome__bytes){text->data + 1, text->size - 1};
  return negative;
}

static bool take_hex_prefix(pome__bytes *text) {
  if (text->size < 2 || text->data[0] != '0' || (text->data[1] | 0x20) != 'x') return false;
  *text = (pome__bytes){text->data + 2, text->size - 2};
  return true;
}

bool pome__text_integer(pome__bytes text, bool *negative, uint64_t *magnitude) {
  bool minus = take_sign(&text);
  uint64_t base = take_hex_prefix(&text) ? 16 : 10;
  uint64_t value = 0;
  if (text.size == 0) return false;
  for (size_t i = 0; i < text.size; i++) {
    uint64_t digit = (uint64_t)digit_value(text.data[i]);
    if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
        __builtin_add_overflow(value, digit, &value)) {
      return false;
    }
  }
  *negative = minus;
  *magnitude = value;
  return true;
}

/* The exponent after its letter; saturates. */
static bool read_exponent(pome__bytes text, int64_t *exponent) {
  bool negative = take_sign(&text);
  int64_t value = 0;
  if (text.size == 0) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    if (value < MAX_EXPONENT) value = value * 10 + (text.data[i] - '0');
  }
  *exponent = negative ? -value : value;
  return true;
}

/* After "0x". The mantissa keeps 60 bits and whether anything non-zero follows, enough to round
 * once. */
static bool read_hex_float(pome__bytes text, double *value) {
  uint64_t mantissa = 0;
  int64_t exponent = 0, written = 0;
  bool point = false, any = false;
  size_t i = 0;
  for (; i < text.size; i++) {
    if (text.data[i] == '.' && !point) {
      point = true;
      continue;
    }
    int digit = digit_value(text.data[i]);
    if (digit == 16) break;
    any = true;
    if (mantissa >> 56 == 0) {
      mantissa = mantissa * 16 + (uint64_t)digit;
      if (point) exponent -= 4;
    } else {
      mantissa |= digit != 0;
      if (!point) exponent += 4;
    }
  }
  if (!any) return false;
  if (i < text.size) {
    if ((text.data[i] | 0x20) != 'p') return false;
    if (!read_exponent((pome__bytes){text.data + i + 1, text.size - i - 1}, &written)) return false;
  }
  exponent += written;
  if (exponent > MAX_EXPONENT) exponent = MAX_EXPONENT;
  if (exponent < -MAX_EXPONENT) exponent = -MAX_EXPONENT;
  *value = ldexp((double)mantissa, (int)exponent);
  return true;
}

static size_t count_digits(pome__bytes text, size_t at) {
  size_t count = 0;
  while (at + count < text.size && text.data[at + count] >= '0' && text.data[at + count] <= '9')
    count++;
  return count;
}

/* Digits with a point and exponent. strtod wants the point of the locale. */
static bool read_decimal(pome__bytes text, double *value) {
  char buffer[400];
  const char *point = localeconv()->decimal_point;
  size_t point_size = strlen(point);
  if (text.size + point_size >= sizeof(buffer)) return false;
  size_t whole = count_digits(text, 0);
  size_t at = whole, fraction = 0;
  memcpy(buffer, text.data, whole);
  size_t used = whole;
  if (at < text.size && text.data[at] == '.') {
    fraction = count_digits(text, ++at);
    memcpy(buffer + used, point, point_size);
    memcpy(buffer + used + point_size, text.data + at, fraction);
    used += point_size + fraction;
    at += fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size) {
    int64_t exponent;
    if ((text.data[at] | 0x20) != 'e') return false;
    if (!read_exponent((pome__bytes){text.data + at + 1, text.size - at - 1}, &exponent))
      return false;
    memcpy(buffer + used, text.data + at, text.size - at);
    used += text.size - at;
  }
  buffer[used] = '\0';
  *value = strtod(buffer, NULL);
  return true;
}

static bool is_word(pome__bytes text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

bool pome__text_double(pome__bytes text, double *value) {
  bool negative = take_sign(&text);
  double magnitude;
  if (is_word(text, "nan")) {
    magnitude = (double)NAN;
  } else if (is_word(text, "inf") || is_word(text, "infinity")) {
    magnitude = (double)INFINITY;
  } else if (take_hex_prefix(&text)) {
    if (!read_hex_float(text, &magnitude)) return false;
  } else if (!read_decimal(text, &magnitude)) {
    return false;
  }
  *value = negative ? -magnitude : magnitude;
  return true;
}

/* One escape, `at` behind the backslash; gives the byte and the number of characters used, or 0. */
static size_t read_escape(pome__bytes text, size_t at, char *byte) {
  static const char letters[] = "abfnrtv\\\"'?";
  static const char meanings[] = "\a\b\f\n\r\t\v\\\"'?";
  if (at >= text.size) return 0;
  if (text.data[at] == 'x') {
    if (text.size - at < 3) return 0;
    int high = digit_value(text.data[at + 1]);
    int low = digit_value(text.data[at + 2]);
    if (high == 16 || low == 16) return 0;
    *byte = (char)(high * 16 + low);
    return 3;
  }
  const char *found = text.data[at] != '\0' ? strchr(letters, text.data[at]) : NULL;
  if (found == NULL) return 0;
  *byte = meanings[found - letters];
  return 1;
}

bool pome__text_unescape(pome__bytes text, char *out, size_t *size) {
  size_t used = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] != '\\') {
      out[used++] = (char)text.data[i];
      continue;
    }
    size_t taken = read_escape(text, i + 1, &out[used]);
    if (taken == 0) return false;
    used++;
    i += taken;
  }
  *size = used;
  return true;
}
