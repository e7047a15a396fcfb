/* See added.h. */
#include "llm/text/added.h"

#include "llm/text/unicode.h"

bool pome__added_init(pome__added *added, pome__arena *arena, const pome_string *spellings) {
  size_t bytes[2] = {0, 0};
  for (size_t i = 0; i < added->count; i++) bytes[added->tokens[i].normalized] += spellings[i].size;
  if (!pome__trie_init(&added->raw, arena, bytes[0]) ||
      !pome__trie_init(&added->normalized, arena, bytes[1]))
    return false;
  for (size_t i = 0; i < added->count; i++) {
    pome__trie *trie = added->tokens[i].normalized ? &added->normalized : &added->raw;
    if (spellings[i].size > 0)
      pome__trie_add(trie, spellings[i].data, spellings[i].size, (int32_t)i);
  }
  return true;
}

/* True when neither neighbour continues a word. */
static bool stands_alone(const pome__view *view, size_t begin, size_t end) {
  size_t at, length;
  if (begin > 0 && pome__is_word(pome__utf8_last(view->data, begin, &at))) return false;
  return end == view->size || !pome__is_word(pome__utf8_decode(view->data + end, &length));
}

/* Does this part of the original text reach into a plain span? */
static bool is_plain(const pome__plain *plain, pome__origin part) {
  size_t low = 0, high = plain->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (plain->spans[middle].end > part.begin) high = middle;
    else low = middle + 1;
  }
  return plain->all || (low < plain->count && plain->spans[low].begin < part.end);
}

/* The longest token at `at` that may be one there: its length, or 0, and then in *skipped how far
 * there is none. */
static size_t longest_at(const pome__added *added, const pome__trie *trie, const pome__plain *plain,
                         const pome__view *view, size_t at, const pome__added_token **token,
                         size_t *skipped) {
  size_t size = view->size - at;
  for (bool first = true;; first = false) {
    int32_t index;
    size = pome__trie_longest(trie, POME__TRIE_ROOT, view->data + at, size, &index);
    if (size == 0) break;
    *token = &added->tokens[index];
    bool alone = !(*token)->single_word || stands_alone(view, at, at + size);
    bool text = (*token)->special && is_plain(plain, pome__view_origin(view, at, at + size));
    if (alone && !text) return size;
    if (first) *skipped = text && !plain->all ? 1 : size;
    if (!text || plain->all) break;
    size--; /* a shorter one may end before the span */
  }
  return 0;
}

const pome__added_token *pome__added_next(const pome__added *added, bool normalized,
                                          const pome__plain *plain, const pome__view *view,
                                          size_t from, size_t *scan, size_t *begin, size_t *end) {
  const pome__trie *trie = normalized ? &added->normalized : &added->raw;
  if (trie->count <= 1) return NULL;
  for (size_t at = *scan; at < view->size; at++) {
    const pome__added_token *token;
    size_t skipped = 1;
    if (trie->first[(unsigned char)view->data[at]] == 0) continue;
    size_t size = longest_at(added, trie, plain, view, at, &token, &skipped);
    if (size == 0) {
      at += skipped - 1;
      continue;
    }
    *scan = at + size;
    if (token->left && *scan <= from) { /* nothing is left of it */
      at += size - 1;
      continue;
    }
    *begin = at > from ? at : from;
    *end = *scan > from ? *scan : from;
    size_t last, length;
    while (token->left && *begin > from &&
           pome__is_space(pome__utf8_last(view->data + from, *begin - from, &last)))
      *begin = from + last;
    while (token->right && *end < view->size &&
           pome__is_space(pome__utf8_decode(view->data + *end, &length)))
      *end += length;
    return token;
  }
  return NULL;
}
