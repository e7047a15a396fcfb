/* See wordpiece.h. */
#include "llm/text/wordpiece.h"

#include "llm/text/unicode.h"

bool pome__wordpiece_init(pome__wordpiece *w, pome__arena *arena, const pome__vocab *vocab,
                          pome_string prefix) {
  size_t bytes = 0;
  for (size_t id = 0; id < vocab->size; id++) bytes += vocab->pieces[id].size;
  if (!pome__trie_init(&w->trie, arena, bytes)) return false;
  for (size_t id = 0; id < vocab->size; id++) {
    pome_string piece = vocab->pieces[id];
    if (piece.size > 0) pome__trie_add(&w->trie, piece.data, piece.size, (int32_t)id);
  }
  w->inside = POME__TRIE_ROOT;
  for (size_t i = 0; i < prefix.size; i++) {
    w->inside = pome__trie_step(&w->trie, w->inside, prefix.data[i]);
    if (w->inside == 0) break;
  }
  w->has_inside = prefix.size == 0 || w->inside != 0;
  return true;
}

static bool is_too_long(const pome__wordpiece *w, const char *word, size_t size) {
  size_t characters = 0;
  for (size_t i = 0; i < size; i++) characters += !pome__utf8_is_inside(word[i]);
  return characters > w->longest;
}

pome_status pome__wordpiece_encode(const pome__wordpiece *w, const char *word, size_t size,
                                   pome__tokens *tokens, pome_error *error) {
  size_t before = tokens->count, at = 0;
  bool possible = !is_too_long(w, word, size);
  while (possible && at < size) {
    int32_t id = -1;
    size_t length = pome__trie_longest(&w->trie, at == 0 ? POME__TRIE_ROOT : w->inside, word + at,
                                       size - at, &id);
    possible = length > 0;
    if (!possible) break;
    possible = w->has_inside;
    at += length;
    pome__tokens_add(tokens, id, at);
  }
  if (at == size) return POME_OK;
  if (w->unknown < 0)
    return pome__fail(error, POME_INPUT, "the vocabulary has no tokens for the word \"%.*s\"",
                      (int)(size < 60 ? size : 60), word);
  tokens->count = before;
  pome__tokens_add(tokens, w->unknown, size);
  return POME_OK;
}
