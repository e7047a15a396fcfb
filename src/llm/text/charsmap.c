/* See charsmap.h. Layout: uint32 size of the trie in bytes, the trie, the replacements. */
#include "llm/text/charsmap.h"

#include <string.h>
#include <utf8proc.h>

#include "llm/text/unicode.h"

/* Graphemes of more bytes are looked at character by character. */
#define MAX_GRAPHEME 5

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

pome_status pome__charsmap_open(pome__bytes bytes, bool longest, pome__charsmap *map,
                                pome_error *error) {
  uint32_t trie = bytes.size < 4 ? 0 : read_u32(bytes.data);
  if (trie == 0 || trie % 4 != 0 || trie > bytes.size - 4) {
    return pome__fail(error, POME_INPUT,
                      "tokenizer: a character map of %zu bytes with a table of %u bytes",
                      bytes.size, trie);
  }
  const char *text = (const char *)bytes.data + 4 + trie;
  size_t size = bytes.size - 4 - trie;
  if (size == 0 || text[size - 1] != '\0' || !pome__text_is_utf8(text, size)) {
    return pome__fail(error, POME_INPUT,
                      "tokenizer: the replacements of a character map are not text");
  }
  *map = (pome__charsmap){bytes.data + 4, trie / 4, text, size, longest};
  return POME_OK;
}

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

pome_status pome__charsmap_decode(const char *text, size_t size, pome__arena *arena,
                                  pome__charsmap *map, pome_error *error) {
  uint8_t *bytes = pome__arena_alloc(arena, size + 1, 8);
  size_t count = 0;
  uint32_t bits = 0;
  int held = 0;
  if (bytes == NULL) return pome__fail_memory(error, "a tokenizer");
  while (size > 0 && text[size - 1] == '=') size--;
  for (size_t i = 0; i < size; i++) {
    int digit = base64_digit(text[i]);
    if (digit < 0)
      return pome__fail(error, POME_INPUT, "tokenizer: the character map is not Base64 at byte %zu",
                        i);
    bits = bits << 6 | (uint32_t)digit;
    held += 6;
    if (held >= 8) bytes[count++] = (uint8_t)(bits >> (held -= 8));
  }
  return pome__charsmap_open((pome__bytes){bytes, count}, false, map, error);
}

/* ---- looking up ---- */

static size_t offset_of(uint32_t unit) {
  return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The replacement of the shortest or longest spelling that the text starts with; NULL when there is
 * none. */
static const char *find(const pome__charsmap *map, const char *text, size_t size, size_t *length) {
  const char *found = NULL;
  size_t node = offset_of(read_u32(map->units));
  for (size_t i = 0; i < size && text[i] != '\0'; i++) {
    node ^= (unsigned char)text[i];
    if (node >= map->unit_count) break;
    uint32_t unit = read_u32(map->units + 4 * node);
    if ((unit & (1u << 31 | 0xffu)) != (unsigned char)text[i]) break;
    node ^= offset_of(unit);
    if (node >= map->unit_count) break;
    if ((unit >> 8 & 1) == 0) continue;
    uint32_t at = read_u32(map->units + 4 * node) & 0x7fffffffu;
    if (at >= map->replacement_size) break;
    found = map->replacements + at;
    *length = i + 1;
    if (!map->longest) break;
  }
  return found;
}

static bool apply_longest(const pome__charsmap *map, const pome__view *in, pome__buffer *out) {
  bool changed = false;
  for (size_t at = 0, length; at < in->size; at += length) {
    const char *found = find(map, in->data + at, in->size - at, &length);
    if (found == NULL) {
      length = pome__utf8_length(in->data[at]);
      pome__buffer_copy(out, in, at, at + length);
    } else {
      pome__buffer_put(out, found, strlen(found), pome__view_origin(in, at, at + length));
      changed = true;
    }
  }
  return changed;
}

static size_t grapheme_length(const pome__view *in, size_t at) {
  size_t length, next;
  utf8proc_int32_t state = 0;
  uint32_t before = pome__utf8_decode(in->data + at, &length);
  for (; at + length < in->size; length += next) {
    uint32_t after = pome__utf8_decode(in->data + at + length, &next);
    if (before < 0x80 && after < 0x80 && before != '\r') break;
    if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)after, &state))
      break;
    before = after;
  }
  return length;
}

/* What the map says to a spelling, or the spelling. */
static bool replace_part(const pome__charsmap *map, const pome__view *in, size_t at, size_t length,
                         bool otherwise, pome__buffer *out) {
  size_t used;
  const char *found = find(map, in->data + at, length, &used);
  if (found != NULL)
    pome__buffer_put(out, found, strlen(found), pome__view_origin(in, at, at + length));
  else if (otherwise) pome__buffer_copy(out, in, at, at + length);
  return found != NULL;
}

static bool apply_graphemes(const pome__charsmap *map, const pome__view *in, pome__buffer *out) {
  bool changed = false;
  for (size_t at = 0, length; at < in->size; at += length) {
    length = grapheme_length(in, at);
    size_t first = pome__utf8_length(in->data[at]);
    if (length > first && length <= MAX_GRAPHEME && replace_part(map, in, at, length, false, out)) {
      changed = true;
      continue;
    }
    for (size_t i = at; i < at + length; i += first) {
      first = pome__utf8_length(in->data[i]);
      if (replace_part(map, in, i, first, true, out)) changed = true;
    }
  }
  return changed;
}

bool pome__charsmap_apply(const pome__charsmap *map, const pome__view *in, pome__buffer *out) {
  return map->longest ? apply_longest(map, in, out) : apply_graphemes(map, in, out);
}
