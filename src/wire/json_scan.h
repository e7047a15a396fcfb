/* Reading JSON value by value, without building a tree: for the long lists of a file, whose rest
 * pome__json_parse reads.
 *
 * Nothing is allocated. Errors carry the byte offset. Skipping a value only finds its end; what is
 * in it is for who reads it.
 */
#ifndef POME_SRC_WIRE_JSON_SCAN_H
#define POME_SRC_WIRE_JSON_SCAN_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct pome__json_scan {
  const char *text;
  size_t size, at;
  size_t base; /* offset of `text` in its file, for errors */
} pome__json_scan;

/* A scan of the part of `text` that `part` is. */
pome__json_scan pome__scan_part(pome__bytes text, pome__bytes part);
/* The first character of the next value, or NUL at the end. */
char pome__scan_peek(pome__json_scan *scan);
/* Takes an opening '{' or '['. */
pome_status pome__scan_open(pome__json_scan *scan, char bracket, pome_error *error);
/* After opening (`first`) or after an element: takes the comma, or the closing bracket, and then
 * `*more` is false. */
pome_status pome__scan_next(pome__json_scan *scan, char bracket, bool first, bool *more,
                            pome_error *error);
/* A string with its escapes, between the quotes. */
pome_status pome__scan_string(pome__json_scan *scan, pome__bytes *raw, pome_error *error);
/* The key of a member and the colon behind it. */
pome_status pome__scan_key(pome__json_scan *scan, pome__bytes *raw, pome_error *error);
/* Undoes the escapes of a string into `out`, which has room for raw.size bytes; the result is valid
 * UTF-8. */
pome_status pome__scan_unescape(const pome__json_scan *scan, pome__bytes raw, char *out,
                                size_t *size, pome_error *error);
pome_status pome__scan_integer(pome__json_scan *scan, int64_t *value, pome_error *error);
pome_status pome__scan_real(pome__json_scan *scan, double *value, pome_error *error);
/* Any value; `range` is its text. */
pome_status pome__scan_skip(pome__json_scan *scan, pome__bytes *range, pome_error *error);

#endif
