/* Tables, cutting, and the symbols that a word starts from; see bpe.h. */
#include "llm/text/bpe.h"

#include <stdio.h>
#include <string.h>

#include "llm/text/unicode.h"

#define JOIN_BITS ((size_t)1 << 20)

/* ---- tables ---- */

static size_t hash_pair(int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  key *= 0x9e3779b97f4a7c15u;
  return (size_t)(key >> 32 ^ key >> 7);
}

bool pome__bpe_init(pome__bpe *bpe, pome__arena *arena, size_t merge_count) {
  size_t slots = pome__hash_slots(merge_count);
  bpe->merge_mask = slots - 1;
  bpe->merges = POME__NEW_ARRAY(arena, pome__merge, slots);
  bpe->joins = POME__NEW_ARRAY(arena, uint64_t, JOIN_BITS / 64);
  if (bpe->merges == NULL || bpe->joins == NULL) return false;
  for (size_t i = 0; i < slots; i++) bpe->merges[i].left = -1;
  return true;
}

void pome__bpe_index_bytes(pome__bpe *bpe) {
  for (unsigned b = 0; b < 256; b++) {
    char name[8] = {(char)b};
    size_t size = 1;
    if (!bpe->bytes) size = (size_t)snprintf(name, sizeof name, "<0x%02X>", b);
    bpe->byte_ids[b] = pome__vocab_find(bpe->vocab, name, size);
    /* Unknown bytes may have to be joined with the ones before. */
    bpe->never_cut |= bpe->bytes && bpe->byte_ids[b] < 0;
  }
}

static pome__merge *merge_slot(const pome__bpe *bpe, int32_t left, int32_t right) {
  size_t at = hash_pair(left, right) & bpe->merge_mask;
  while (bpe->merges[at].left >= 0 &&
         (bpe->merges[at].left != left || bpe->merges[at].right != right)) {
    at = (at + 1) & bpe->merge_mask;
  }
  return &bpe->merges[at];
}

const pome__merge *pome__bpe_find_merge(const pome__bpe *bpe, int32_t left, int32_t right) {
  const pome__merge *merge = merge_slot(bpe, left, right);
  return merge->left < 0 ? NULL : merge;
}

/* Bits are shared by several pairs of characters: then a place is not cut that could be. */
static size_t join_bit(const pome__bpe *bpe, uint32_t left, uint32_t right) {
  if (bpe->bytes) return left << 8 | right;
  return (size_t)(((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u >> 44) & (JOIN_BITS - 1);
}

static bool is_byte_token(const pome__bpe *bpe, int32_t id) {
  pome_string piece = bpe->vocab->pieces[id];
  if (!bpe->byte_fallback || piece.size != 6 || memcmp(piece.data, "<0x", 3) != 0) return false;
  for (int b = 0; b < 256; b++) {
    if (bpe->byte_ids[b] == id) return true;
  }
  return false;
}

static void add_join(pome__bpe *bpe, int32_t left, int32_t right) {
  pome_string l = bpe->vocab->pieces[left], r = bpe->vocab->pieces[right];
  if (l.size == 0 || r.size == 0 || is_byte_token(bpe, left) || is_byte_token(bpe, right)) {
    bpe->never_cut = true;
    return;
  }
  size_t begin, length;
  uint32_t before =
      bpe->bytes ? (unsigned char)l.data[l.size - 1] : pome__utf8_last(l.data, l.size, &begin);
  uint32_t after = bpe->bytes ? (unsigned char)r.data[0] : pome__utf8_decode(r.data, &length);
  size_t bit = join_bit(bpe, before, after);
  bpe->joins[bit / 64] |= (uint64_t)1 << bit % 64;
}

void pome__bpe_add_merge(pome__bpe *bpe, pome__merge merge) {
  *merge_slot(bpe, merge.left, merge.right) = merge;
  if ((size_t)merge.rank >= bpe->rank_count) bpe->rank_count = (size_t)merge.rank + 1;
  add_join(bpe, merge.left, merge.right);
}

/* ---- cutting ---- */

static bool joins(const pome__bpe *bpe, uint32_t left, uint32_t right) {
  size_t bit = join_bit(bpe, left, right);
  return (bpe->joins[bit / 64] >> bit % 64 & 1) != 0;
}

size_t pome__bpe_cut(const pome__bpe *bpe, const char *word, size_t size) {
  if (bpe->never_cut || bpe->ignore_merges || bpe->prefix.size > 0 || bpe->suffix.size > 0)
    return size;
  if (bpe->bytes) {
    size_t at = 1;
    while (at < size && joins(bpe, (unsigned char)word[at - 1], (unsigned char)word[at])) at++;
    return at;
  }
  size_t length, at;
  uint32_t before = pome__utf8_decode(word, &at);
  for (; at < size; at += length) {
    uint32_t after = pome__utf8_decode(word + at, &length);
    /* Unknown characters may have to be joined with the one before. */
    if (!joins(bpe, before, after) && pome__vocab_find(bpe->vocab, word + at, length) >= 0)
      return at;
    before = after;
  }
  return size;
}

/* ---- symbols ---- */

typedef struct spelling {
  const pome__bpe *bpe;
  pome__symbol *symbols;
  size_t count;
  bool unknown; /* the last symbol is an unknown one that may grow */
} spelling;

static void add_symbol(spelling *s, int32_t id, size_t end) {
  s->symbols[s->count++] = (pome__symbol){id, (uint32_t)end};
}

/* The token, or when there is none the unknown one, which may grow. */
static void add_known(spelling *s, int32_t id, size_t end) {
  if (id < 0 && s->unknown && s->bpe->fuse_unknown) s->symbols[s->count - 1].end = (uint32_t)end;
  else add_symbol(s, id < 0 ? s->bpe->unknown : id, end);
  s->unknown = id < 0;
}

/* The token of one character, with the marks that its place in the word asks for. */
static int32_t find_character(const pome__bpe *bpe, const char *word, size_t size, size_t at,
                              size_t length) {
  char marked[256];
  size_t used = 0;
  bool prefixed = at > 0 && bpe->prefix.size > 0,
       suffixed = at + length == size && bpe->suffix.size > 0;
  if (!prefixed && !suffixed) return pome__vocab_find(bpe->vocab, word + at, length);
  if (bpe->prefix.size + bpe->suffix.size + length > sizeof marked) return -1;
  if (prefixed) memcpy(marked, bpe->prefix.data, used = bpe->prefix.size);
  memcpy(marked + used, word + at, length);
  used += length;
  if (suffixed) memcpy(marked + used, bpe->suffix.data, bpe->suffix.size), used += bpe->suffix.size;
  return pome__vocab_find(bpe->vocab, marked, used);
}

static bool has_bytes(const pome__bpe *bpe, const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bpe->byte_ids[(unsigned char)bytes[i]] < 0) return false;
  }
  return bpe->byte_fallback;
}

static pome_status spell_character(spelling *s, const char *word, size_t size, size_t at,
                                   size_t length, pome_error *error) {
  const pome__bpe *bpe = s->bpe;
  int32_t id = find_character(bpe, word, size, at, length);
  if (id >= 0) {
    add_known(s, id, at + length);
  } else if (has_bytes(bpe, word + at, length)) {
    for (size_t i = at; i < at + length; i++)
      add_symbol(s, bpe->byte_ids[(unsigned char)word[i]], i + 1);
    s->unknown = false;
  } else if (bpe->unknown < 0) {
    return pome__fail(error, POME_INPUT, "the vocabulary has no token for the character \"%.*s\"",
                      (int)length, word + at);
  } else {
    add_known(s, -1, at + length);
  }
  return POME_OK;
}

static pome_status spell(spelling *s, const char *word, size_t size, pome_error *error) {
  if (s->bpe->bytes) {
    for (size_t i = 0; i < size; i++) {
      int32_t id = s->bpe->byte_ids[(unsigned char)word[i]];
      if (id < 0 && s->bpe->unknown < 0)
        return pome__fail(error, POME_INPUT, "the vocabulary has no token for byte 0x%02x",
                          (unsigned)(unsigned char)word[i]);
      add_known(s, id, i + 1);
    }
    return POME_OK;
  }
  for (size_t at = 0, length; at < size; at += length) {
    length = pome__utf8_length(word[at]);
    POME__TRY(spell_character(s, word, size, at, length, error));
  }
  return POME_OK;
}

/* Shorter words are merged on the stack. */
#define SHORT_WORD 256

pome_status pome__bpe_encode(const pome__bpe *bpe, pome__word_work *work, const char *word,
                             size_t size, pome__tokens *tokens, pome_error *error) {
  pome__symbol few[SHORT_WORD];
  spelling s = {.bpe = bpe, .symbols = few};
  if (bpe->ignore_merges) {
    int32_t whole = pome__vocab_find(bpe->vocab, word, size);
    if (whole >= 0) return pome__tokens_add(tokens, whole, size), POME_OK;
  }
  if (size > SHORT_WORD)
    s.symbols = pome__scratch_get(&work->symbols, work->allocator, size * sizeof *s.symbols);
  if (s.symbols == NULL) return pome__fail_memory(error, "encoding text");
  POME__TRY(spell(&s, word, size, error));
  if (!pome__bpe_merge(bpe, work, s.symbols, &s.count))
    return pome__fail_memory(error, "encoding text");
  for (size_t i = 0; i < s.count; i++) pome__tokens_add(tokens, s.symbols[i].id, s.symbols[i].end);
  return POME_OK;
}
