/* Unicode's normal forms, by utf8proc's tables.
 *
 * Text is taken in pieces that neither order nor compose across their borders: a character that
 * starts a piece and the marks behind it. Each piece knows where it came from. Runs of characters
 * that are in every form are copied.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "llm/text/normalizer.h"
#include "llm/text/unicode.h"

#define SMALL 64

typedef struct piece {
  const pome_allocator *allocator;
  utf8proc_int32_t few[SMALL], *characters;
  size_t count, room;
  bool failed;
} piece;

static void put(piece *p, utf8proc_int32_t character) {
  if (p->count == p->room) {
    size_t room = p->room * 2;
    bool small = p->characters == p->few;
    utf8proc_int32_t *grown =
        pome__realloc(p->allocator, small ? NULL : p->characters,
                      small ? 0 : p->room * sizeof *grown, room * sizeof *grown);
    if (grown == NULL) {
      p->failed = true;
      return;
    }
    if (small) memcpy(grown, p->few, sizeof p->few);
    p->characters = grown;
    p->room = room;
  }
  p->characters[p->count++] = character;
}

static int class_of(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

/* True for characters that compose with the one before or are ordered among marks. */
static bool follows(utf8proc_int32_t c) {
  return pome__is_mark((uint32_t)c) || (c >= 0x1160 && c <= 0x11ff);
}

static size_t decompose(uint32_t c, bool compatible, utf8proc_int32_t out[SMALL]) {
  int last = UTF8PROC_BOUNDCLASS_START;
  utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                  (compatible ? UTF8PROC_COMPAT : 0));
  utf8proc_ssize_t count = utf8proc_decompose_char((utf8proc_int32_t)c, out, SMALL, options, &last);
  if (count > 0 && count <= SMALL) return (size_t)count;
  out[0] = (utf8proc_int32_t)c;
  return 1;
}

/* Marks in a row go by their class, equal ones stay in order: counted, as a text may be nothing but
 * marks. */
static void order(piece *p) {
  size_t begin = 0;
  while (begin < p->count) {
    if (class_of(p->characters[begin]) == 0) {
      begin++;
      continue;
    }
    size_t end = begin, counts[257] = {0};
    bool sorted = true;
    for (int before = 0; end < p->count && class_of(p->characters[end]) != 0; end++) {
      int now = class_of(p->characters[end]);
      if (now < before) sorted = false;
      before = now;
      counts[now + 1]++;
    }
    if (!sorted) {
      size_t size = (end - begin) * sizeof *p->characters;
      utf8proc_int32_t *copy = pome__alloc(p->allocator, size);
      if (copy == NULL) {
        p->failed = true;
        return;
      }
      for (int i = 1; i < 257; i++) counts[i] += counts[i - 1];
      for (size_t i = begin; i < end; i++)
        copy[counts[class_of(p->characters[i])]++] = p->characters[i];
      memcpy(p->characters + begin, copy, size);
      pome__free(p->allocator, copy, size);
    }
    begin = end;
  }
}

/* Reads one piece from `at` on; gives where it ends. */
static size_t read_piece(piece *p, const pome__view *in, size_t at, bool compatible) {
  utf8proc_int32_t parts[SMALL];
  size_t length;
  p->count = 0;
  for (bool first = true; at < in->size; at += length, first = false) {
    uint32_t c = pome__utf8_decode(in->data + at, &length);
    size_t count = decompose(c, compatible, parts);
    if (!first && !follows(parts[0])) break;
    for (size_t i = 0; i < count; i++) put(p, parts[i]);
  }
  return at;
}

static void put_piece(piece *p, pome__origin origin, bool compose, pome__buffer *out) {
  order(p);
  if (p->failed) return;
  if (compose && p->count > 1) {
    utf8proc_ssize_t count =
        utf8proc_normalize_utf32(p->characters, (utf8proc_ssize_t)p->count,
                                 (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count >= 0) p->count = (size_t)count;
  }
  for (size_t i = 0; i < p->count; i++)
    pome__buffer_put_character(out, (uint32_t)p->characters[i], origin);
}

/* Bytes from `at` on whose characters, all but perhaps the last, stay as they are: the first byte
 * of others is at least `limit`. */
static size_t plain_run(const pome__view *in, size_t at, unsigned char limit) {
  const unsigned char *text = (const unsigned char *)in->data;
  size_t end = at;
  while (end < in->size && text[end] < limit) end++;
  return end;
}

bool pome__normalize_form(const pome__view *in, bool compose, bool compatible, pome__buffer *out) {
  /* Composed forms leave everything below U+0300 alone, others ASCII. */
  unsigned char limit = compose && !compatible ? 0xcc : 0x80;
  size_t end = plain_run(in, 0, limit), at = 0;
  if (end == in->size) return false;
  piece p = {.allocator = out->allocator, .room = SMALL};
  p.characters = p.few;
  while (at < in->size && !p.failed) {
    end = plain_run(in, at, limit);
    size_t begin = end;
    /* What follows may change the last character of the run. */
    if (end < in->size && end > at)
      (void)pome__utf8_last(in->data + at, end - at, &begin), begin += at;
    pome__buffer_copy(out, in, at, begin);
    at = begin;
    if (begin == in->size) break;
    at = read_piece(&p, in, begin, compatible);
    put_piece(&p, pome__view_origin(in, begin, at), compose, out);
  }
  if (p.failed) out->failed = true;
  if (p.characters != p.few) pome__free(p.allocator, p.characters, p.room * sizeof *p.characters);
  return true;
}
