/* See utf8.h. */
#include "utf8.h"

/* Bytes that follow a first byte, 4 for one that starts nothing. */
static size_t bytes_after(unsigned char first) {
  if (first < 0x80) return 0;
  if (first < 0xc2) return 4;
  if (first < 0xe0) return 1;
  if (first < 0xf0) return 2;
  return first < 0xf5 ? 3 : 4;
}

uint32_t utf8_next(const char *text, size_t left, size_t *length) {
  static const uint32_t lowest[4] = {0, 0x80, 0x800, 0x10000};
  const unsigned char *at = (const unsigned char *)text;
  size_t more = bytes_after(at[0]);
  *length = 1;
  if (more == 0) return at[0];
  if (more == 4 || left <= more) return UTF8_BROKEN;
  uint32_t code = at[0] & (0x3fu >> more);
  for (size_t i = 1; i <= more; i++) {
    if ((at[i] & 0xc0) != 0x80) return UTF8_BROKEN;
    code = code << 6 | (at[i] & 0x3fu);
  }
  if (code < lowest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return UTF8_BROKEN;
  *length = more + 1;
  return code;
}

size_t utf8_put(uint32_t code, char *bytes) {
  if (code < 0x80) return bytes[0] = (char)code, 1;
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  for (size_t i = more; i > 0; i--, code >>= 6) bytes[i] = (char)(0x80 | (code & 0x3f));
  bytes[0] = (char)((0xff00u >> (more + 1) & 0xff) | code);
  return more + 1;
}

size_t utf8_whole(const char *text, size_t size) {
  for (size_t back = 1; back <= 3 && back <= size; back++) {
    unsigned char byte = (unsigned char)text[size - back];
    if ((byte & 0xc0) == 0x80) continue;
    size_t more = bytes_after(byte);
    return more < 4 && more >= back ? size - back : size;
  }
  return size;
}
