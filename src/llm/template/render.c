/* Budgets and output of a rendering. */
#include "llm/template/render.h"

#include <string.h>

#include "base/check.h"

#define MOST_DEPTH 800 /* of evaluation: macros within macros, expressions within them */

pome_status pome__t_charge(pome__trender *r, size_t steps) {
  if (r->steps < steps) {
    r->steps = 0;
    return POME__T_FAIL(r, "the template takes too many steps");
  }
  r->steps -= steps;
  return POME_OK;
}

pome_status pome__t_enter(pome__trender *r) {
  if (r->depth < MOST_DEPTH) return r->depth++, POME_OK;
  return POME__T_FAIL(r, "the template recurses more than %d levels deep", MOST_DEPTH);
}

pome_status pome__t_alloc(pome__trender *r, size_t count, size_t size, void *out) {
  size_t bytes;
  if (!pome__mul(count, size, &bytes) || bytes > r->bytes)
    return POME__T_FAIL(r, "the template takes too much memory");
  r->bytes -= bytes;
  void *pointer = pome__arena_alloc(&r->arena, bytes, size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : 1);
  if (pointer == NULL) return pome__fail_memory(r->error, "a template");
  memcpy(out, &pointer, sizeof pointer);
  return POME_OK;
}

static pome_status grow(pome__trender *r, size_t size) {
  if (size > r->out_limit - r->out_size)
    return POME__T_FAIL(r, "the template writes more than %zu bytes", r->out_limit);
  size_t wanted = r->out_size + size, room = r->out_room == 0 ? 4096 : r->out_room * 2;
  if (room < wanted) room = wanted;
  if (room > r->out_limit) room = r->out_limit;
  char *grown = pome__realloc(r->allocator, r->out, r->out_room, room);
  if (grown == NULL) return pome__fail_memory(r->error, "what a template writes");
  r->out = grown;
  r->out_room = room;
  return POME_OK;
}

static pome_status put(pome__trender *r, const char *data, size_t size) {
  if (size > r->out_room - r->out_size) POME__TRY(grow(r, size));
  POME__TRY(pome__t_charge(r, size / 64));
  if (size > 0) memcpy(r->out + r->out_size, data, size);
  r->out_size += size;
  return POME_OK;
}

pome_status pome__t_put(pome__trender *r, const char *data, size_t size) {
  POME__TRY(pome__t_mark_output(r, data, size));
  return put(r, data, size);
}

pome_status pome__t_put_for(pome__trender *r, const char *from, const char *data, size_t size) {
  POME__TRY(pome__t_mark_output_as(r, from, size));
  return put(r, data, size);
}

pome_status pome__t_put_repeated(pome__trender *r, char byte, size_t count) {
  POME__TRY(pome__t_mark_output(r, NULL, 0));
  if (count > r->out_room - r->out_size) POME__TRY(grow(r, count));
  POME__TRY(pome__t_charge(r, count / 64));
  if (count > 0) memset(r->out + r->out_size, byte, count);
  r->out_size += count;
  return POME_OK;
}

pome_status pome__t_take(pome__trender *r, size_t mark, pome__tvalue *out) {
  size_t size = r->out_size - mark;
  char *copy;
  POME__TRY(pome__t_alloc(r, size + 1, 1, &copy));
  POME__TRY(pome__t_charge_bytes(r, size));
  if (size > 0) memcpy(copy, r->out + mark, size);
  POME__TRY(pome__t_mark_taken(r, mark, copy));
  r->out_size = mark;
  *out = pome__t_text(copy, size);
  return POME_OK;
}
