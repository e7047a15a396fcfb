/* See alphabet.h. Printable bytes of Latin-1 stand for themselves, the others for U+0100 onwards in
 * order. */
#include "llm/text/alphabet.h"

#include <string.h>

/* The others: 0 to 32, 127 to 160, and 173. */
uint32_t pome__alphabet_character(unsigned char byte) {
  if (byte <= 32) return 256u + byte;
  if (byte >= 127 && byte <= 160) return 256u + 33 + byte - 127;
  return byte == 173 ? 256u + 67 : byte;
}

static int byte_of(uint32_t character) {
  if (character < 256)
    return pome__alphabet_character((unsigned char)character) == character ? (int)character : -1;
  if (character < 256 + 33) return (int)character - 256;
  if (character < 256 + 67) return (int)character - 256 - 33 + 127;
  return character == 256 + 67 ? 173 : -1;
}

/* All characters of the alphabet have one or two bytes in UTF-8. */
bool pome__alphabet_bytes(const char *text, size_t size, char *out, size_t *count) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    unsigned char first = (unsigned char)text[at++];
    uint32_t character = first;
    if (first >= 0x80) {
      bool two = (first & 0xe0) == 0xc0 && at < size;
      character = two ? (uint32_t)(first & 0x1f) << 6 | ((unsigned char)text[at++] & 0x3f) : 0;
    }
    int byte = byte_of(character);
    if (byte < 0) {
      memcpy(out, text, size);
      *count = size;
      return false;
    }
    out[written++] = (char)byte;
  }
  *count = written;
  return true;
}
