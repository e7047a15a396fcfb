/* See merges.h. */
#include "llm/text/merges.h"

#include <string.h>

#include "llm/text/alphabet.h"

bool pome__merges_split(pome__merge_list *m, size_t size) {
  char *space = memchr(m->text, ' ', size);
  if (space == NULL) return false;
  m->left = (size_t)(space - m->text);
  m->right = size - m->left - 1;
  if (memchr(space + 1, ' ', m->right) != NULL) return false;
  memmove(space, space + 1, m->right);
  return true;
}

/* Trained vocabularies list tokens in the order of their merges: the next id is nearly always it.
 */
static int32_t find_merged(pome__merge_list *m, size_t size) {
  const pome__vocab *vocab = m->bpe->vocab;
  pome_string next = pome__vocab_piece(vocab, (int64_t)m->merged + 1);
  bool same = !m->ambiguous && next.size == size && memcmp(next.data, m->text, size) == 0;
  m->merged = same ? m->merged + 1 : pome__vocab_find(vocab, m->text, size);
  return m->merged;
}

static void undo_spelling(pome__merge_list *m) {
  size_t left = m->left;
  (void)pome__alphabet_bytes(m->text, left, m->text, &m->left);
  (void)pome__alphabet_bytes(m->text + left, m->right, m->text + left, &m->right);
  memmove(m->text + m->left, m->text + left, m->right);
}

/* The right half carries the prefix of symbols inside words, which the merged token drops. */
pome_status pome__merges_add(pome__merge_list *m, size_t index, pome_error *error) {
  pome__bpe *bpe = m->bpe;
  if (bpe->bytes) undo_spelling(m);
  int32_t left = pome__vocab_find(bpe->vocab, m->text, m->left),
          right = pome__vocab_find(bpe->vocab, m->text + m->left, m->right);
  size_t dropped = 0;
  if (bpe->prefix.size > 0 && m->right >= bpe->prefix.size &&
      memcmp(m->text + m->left, bpe->prefix.data, bpe->prefix.size) == 0) {
    dropped = bpe->prefix.size;
    memmove(m->text + m->left, m->text + m->left + dropped, m->right - dropped);
  }
  int32_t merged = find_merged(m, m->left + m->right - dropped);
  if (left < 0 || right < 0 || merged < 0)
    return pome__fail(error, POME_INPUT,
                      "tokenizer: merge %zu names a token that the vocabulary lacks", index);
  pome__bpe_add_merge(bpe, (pome__merge){left, right, merged, (int32_t)index});
  return POME_OK;
}
