/* Text on its way through the tokenizer: views and growing buffers that know where each byte came
 * from.
 *
 * A view without `origins` is a slice of the original text, from `base` on. A buffer keeps origins
 * only when it is asked to, so that encoding without offsets pays nothing. A buffer that ran out of
 * memory says so in `failed` and takes nothing more.
 */
#ifndef POME_SRC_LLM_TEXT_BUFFER_H
#define POME_SRC_LLM_TEXT_BUFFER_H

#include "base/memory.h"

/* Texts are at most this long, so that positions fit 32 bits. */
#define POME__TEXT_LIMIT ((size_t)INT32_MAX)

/* A range of bytes of the original text. */
typedef struct pome__origin {
  uint32_t begin, end;
} pome__origin;

typedef struct pome__view {
  const char *data;
  size_t size;
  const pome__origin *origins; /* one a byte, or NULL */
  uint32_t base;               /* without origins: where the view starts in the original text */
} pome__view;

typedef struct pome__buffer {
  const pome_allocator *allocator;
  char *data;
  size_t size, room;
  pome__origin *origins;
  bool tracked, failed;
} pome__buffer;

static inline pome__view pome__view_part(const pome__view *view, size_t begin, size_t end) {
  return (pome__view){view->data + begin, end - begin,
                      view->origins == NULL ? NULL : view->origins + begin,
                      view->base + (uint32_t)begin};
}

/* Where bytes begin .. end - 1 came from. */
static inline pome__origin pome__view_origin(const pome__view *view, size_t begin, size_t end) {
  if (view->origins == NULL)
    return (pome__origin){view->base + (uint32_t)begin, view->base + (uint32_t)end};
  if (begin < end) return (pome__origin){view->origins[begin].begin, view->origins[end - 1].end};
  uint32_t at = view->size == 0      ? view->base
                : begin < view->size ? view->origins[begin].begin
                                     : view->origins[view->size - 1].end;
  return (pome__origin){at, at};
}

static inline void pome__buffer_reset(pome__buffer *buffer) {
  buffer->size = 0;
}
pome__view pome__buffer_view(const pome__buffer *buffer, uint32_t base);
/* Appends bytes that all stand for `origin`. */
void pome__buffer_put(pome__buffer *buffer, const char *data, size_t size, pome__origin origin);
void pome__buffer_put_character(pome__buffer *buffer, uint32_t character, pome__origin origin);
/* Appends a part of a view, with its origins. */
void pome__buffer_copy(pome__buffer *buffer, const pome__view *view, size_t begin, size_t end);
void pome__buffer_free(pome__buffer *buffer);

#endif
