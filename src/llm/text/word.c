/* See word.h. */
#include "llm/text/word.h"

bool pome__tokens_grow(pome__tokens *tokens) {
  size_t room = tokens->room == 0 ? 64 : tokens->room * 2;
  if (tokens->failed) return false;
  pome__token *items = pome__realloc(tokens->allocator, tokens->items, tokens->room * sizeof *items,
                                     room * sizeof *items);
  if (items == NULL) return tokens->failed = true, false;
  tokens->items = items;
  tokens->room = room;
  return true;
}

void pome__tokens_free(pome__tokens *tokens) {
  pome__free(tokens->allocator, tokens->items, tokens->room * sizeof *tokens->items);
  *tokens = (pome__tokens){.allocator = tokens->allocator};
}

void *pome__scratch_keep(pome__scratch *scratch, const pome_allocator *allocator, size_t size) {
  if (scratch->data != NULL && size <= scratch->size) return scratch->data;
  size_t wanted = size < scratch->size * 2 ? scratch->size * 2 : size;
  void *data = pome__realloc(allocator, scratch->data, scratch->size, wanted);
  if (data == NULL) return NULL;
  *scratch = (pome__scratch){data, wanted};
  return data;
}

static void free_scratch(pome__scratch *scratch, const pome_allocator *allocator) {
  pome__free(allocator, scratch->data, scratch->size);
  *scratch = (pome__scratch){NULL, 0};
}

void *pome__scratch_get(pome__scratch *scratch, const pome_allocator *allocator, size_t size) {
  if (scratch->data != NULL && size <= scratch->size) return scratch->data;
  free_scratch(scratch, allocator);
  return pome__scratch_keep(scratch, allocator, size);
}

void pome__word_work_free(pome__word_work *work) {
  free_scratch(&work->symbols, work->allocator);
  free_scratch(&work->links, work->allocator);
  free_scratch(&work->entries, work->allocator);
  free_scratch(&work->buckets, work->allocator);
  free_scratch(&work->heap, work->allocator);
}
