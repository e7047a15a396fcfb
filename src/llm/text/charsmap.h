/* Precompiled character maps of SentencePiece: a double-array trie from spellings to replacements.
 *
 * The bytes come from files: every index is checked where it is used.
 */
#ifndef POME_SRC_LLM_TEXT_CHARSMAP_H
#define POME_SRC_LLM_TEXT_CHARSMAP_H

#include "base/bytes.h"
#include "base/error.h"
#include "llm/text/buffer.h"

typedef struct pome__charsmap {
  const uint8_t *units; /* 32 bits each, little-endian */
  size_t unit_count;
  const char *replacements; /* each ends with NUL */
  size_t replacement_size;
  bool longest; /* longest spelling first, as SentencePiece does; else grapheme by grapheme, as the
                   tokenizers library does */
} pome__charsmap;

/* The bytes must outlive the map. POME_INPUT when they are no map. */
pome_status pome__charsmap_open(pome__bytes bytes, bool longest, pome__charsmap *map,
                                pome_error *error);
/* The same from Base64 text, decoded into the arena. */
pome_status pome__charsmap_decode(const char *text, size_t size, pome__arena *arena,
                                  pome__charsmap *map, pome_error *error);
/* False when nothing changes. */
bool pome__charsmap_apply(const pome__charsmap *map, const pome__view *in, pome__buffer *out);

#endif
