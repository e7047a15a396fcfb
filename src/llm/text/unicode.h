/* UTF-8 and the classes of characters that tokenizers ask about.
 *
 * Decoding is for text known to be valid; pome__utf8_step is for bytes of any kind. Classes follow
 * Unicode's general categories, by utf8proc.
 */
#ifndef POME_SRC_LLM_TEXT_UNICODE_H
#define POME_SRC_LLM_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The character at the start of valid text, and its length. */
static inline uint32_t pome__utf8_decode(const char *text, size_t *length) {
  const unsigned char *t = (const unsigned char *)text;
  if (t[0] < 0x80) return *length = 1, t[0];
  if (t[0] < 0xe0) return *length = 2, (uint32_t)(t[0] & 0x1f) << 6 | (t[1] & 0x3f);
  if (t[0] < 0xf0)
    return *length = 3,
           (uint32_t)(t[0] & 0x0f) << 12 | (uint32_t)(t[1] & 0x3f) << 6 | (t[2] & 0x3f);
  return *length = 4, (uint32_t)(t[0] & 0x07) << 18 | (uint32_t)(t[1] & 0x3f) << 12 |
                          (uint32_t)(t[2] & 0x3f) << 6 | (t[3] & 0x3f);
}

/* Length of the character that starts with that byte, in valid text. */
static inline size_t pome__utf8_length(char first) {
  unsigned char byte = (unsigned char)first;
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

static inline bool pome__utf8_is_inside(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Writes 1 to 4 bytes. */
size_t pome__utf8_encode(uint32_t character, char *out);
/* The last character of valid text of `size` > 0 bytes, and where it starts. */
uint32_t pome__utf8_last(const char *text, size_t size, size_t *begin);

typedef enum pome__utf8_kind {
  POME__UTF8_WHOLE,     /* a character */
  POME__UTF8_BROKEN,    /* the longest wrong part: what one U+FFFD stands for */
  POME__UTF8_UNFINISHED /* a character whose end is not there */
} pome__utf8_kind;
/* What `size` > 0 bytes start with, and its length. */
pome__utf8_kind pome__utf8_step(const char *text, size_t size, size_t *length);
/* True for valid UTF-8; NUL is a character like others. */
bool pome__text_is_utf8(const char *text, size_t size);

bool pome__is_space(uint32_t character);       /* White_Space */
bool pome__is_punctuation(uint32_t character); /* ASCII punctuation and category P */
bool pome__is_numeric(uint32_t character);     /* category N */
bool pome__is_word(uint32_t character);        /* what \w stands for */
bool pome__is_mark(uint32_t character);        /* category M */
bool pome__is_nonspacing(uint32_t character);  /* category Mn */
bool pome__is_invisible(uint32_t character);   /* categories Cc, Cf and Co */
bool pome__is_ideograph(uint32_t character);   /* the blocks of Chinese characters */

#endif
