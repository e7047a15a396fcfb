/* UTF-8, one code point at a time. */
#ifndef POME_APPS_UTF8_H
#define POME_APPS_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_BROKEN 0xfffdu

/* The code point at the start of `left` > 0 bytes and how many bytes it takes; a broken one is
 * UTF8_BROKEN and takes one. */
uint32_t utf8_next(const char *text, size_t left, size_t *length);
/* Writes a code point into up to four bytes; how many it took. */
size_t utf8_put(uint32_t code, char *bytes);
/* Bytes of `text` that end with a whole character: at most three fewer than there are. */
size_t utf8_whole(const char *text, size_t size);

#endif
