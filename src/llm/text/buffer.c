/* See buffer.h. */
#include "llm/text/buffer.h"

#include <string.h>

#include "base/check.h"
#include "llm/text/unicode.h"

static bool make_room(pome__buffer *b, size_t more) {
  size_t wanted;
  if (b->failed) return false;
  if (!pome__add(b->size, more, &wanted) || wanted > POME__TEXT_LIMIT)
    return b->failed = true, false;
  if (wanted <= b->room) return true;
  size_t room = b->room * 2 > wanted ? b->room * 2 : wanted < 256 ? 256 : wanted;
  char *data = pome__realloc(b->allocator, b->data, b->room, room);
  if (data == NULL) return b->failed = true, false;
  b->data = data;
  if (b->tracked) {
    pome__origin *origins =
        pome__realloc(b->allocator, b->origins, b->room * sizeof *origins, room * sizeof *origins);
    if (origins == NULL) {
      /* `room` says how long both blocks are. */
      pome__free(b->allocator, b->data, room);
      pome__free(b->allocator, b->origins, b->room * sizeof *origins);
      *b = (pome__buffer){.allocator = b->allocator, .tracked = true, .failed = true};
      return false;
    }
    b->origins = origins;
  }
  b->room = room;
  return true;
}

pome__view pome__buffer_view(const pome__buffer *b, uint32_t base) {
  return (pome__view){b->data == NULL ? "" : b->data, b->size, b->size == 0 ? NULL : b->origins,
                      base};
}

void pome__buffer_put(pome__buffer *b, const char *data, size_t size, pome__origin origin) {
  if (size == 0 || !make_room(b, size)) return;
  memcpy(b->data + b->size, data, size);
  if (b->tracked) {
    for (size_t i = 0; i < size; i++) b->origins[b->size + i] = origin;
  }
  b->size += size;
}

void pome__buffer_put_character(pome__buffer *b, uint32_t character, pome__origin origin) {
  char bytes[4];
  size_t size = pome__utf8_encode(character, bytes);
  pome__buffer_put(b, bytes, size, origin);
}

void pome__buffer_copy(pome__buffer *b, const pome__view *view, size_t begin, size_t end) {
  if (begin == end || !make_room(b, end - begin)) return;
  memcpy(b->data + b->size, view->data + begin, end - begin);
  if (b->tracked && view->origins != NULL) {
    memcpy(b->origins + b->size, view->origins + begin, (end - begin) * sizeof *view->origins);
  } else if (b->tracked) {
    for (size_t i = begin; i < end; i++)
      b->origins[b->size + i - begin] = pome__view_origin(view, i, i + 1);
  }
  b->size += end - begin;
}

void pome__buffer_free(pome__buffer *b) {
  pome__free(b->allocator, b->data, b->room);
  if (b->tracked) pome__free(b->allocator, b->origins, b->room * sizeof *b->origins);
  *b = (pome__buffer){.allocator = b->allocator, .tracked = b->tracked};
}
