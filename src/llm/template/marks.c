/* See marks.h. */
#include <string.h>

#include "llm/template/render.h"

/* ---- addresses ---- */

/* Index of the first region that ends behind `at`. */
static size_t first_behind(const pome__tmarks *m, const char *at) {
  size_t low = 0, high = m->region_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if ((uintptr_t)m->regions[middle].end > (uintptr_t)at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* Mostly text is newer than all before it and lies at higher addresses; moving the rest is paid
 * for. */
static pome_status insert(pome__trender *r, size_t at, pome__tregion region) {
  pome__tmarks *m = &r->marks;
  if (m->region_count == m->region_room) {
    size_t room = m->region_room == 0 ? 16 : m->region_room * 2;
    pome__tregion *grown;
    POME__TRY(pome__t_alloc(r, room, sizeof *grown, &grown));
    if (m->region_count > 0) memcpy(grown, m->regions, m->region_count * sizeof *grown);
    m->regions = grown;
    m->region_room = room;
  }
  size_t moved = m->region_count - at;
  POME__TRY(pome__t_charge(r, moved / 4));
  if (moved > 0) memmove(m->regions + at + 1, m->regions + at, moved * sizeof *m->regions);
  m->regions[at] = region;
  m->region_count++;
  return POME_OK;
}

pome_status pome__t_mark(pome__trender *r, const char *data, size_t size) {
  pome__tmarks *m = &r->marks;
  if (!m->wanted || size == 0) return POME_OK;
  size_t at = first_behind(m, data);
  if (at > 0 && m->regions[at - 1].end == data) return m->regions[at - 1].end += size, POME_OK;
  return insert(r, at, (pome__tregion){data, data + size});
}

/* The next marked part of `size` bytes at `data`, from *at on; false when there is none. */
static bool next_part(const pome__tmarks *m, const char *data, size_t size, size_t *at,
                      size_t *end) {
  if (*at >= size) return false;
  size_t i = first_behind(m, data + *at);
  if (i == m->region_count || (uintptr_t)m->regions[i].begin >= (uintptr_t)(data + size))
    return false;
  if ((uintptr_t)m->regions[i].begin > (uintptr_t)(data + *at))
    *at = (size_t)(m->regions[i].begin - data);
  *end = (size_t)(m->regions[i].end - data);
  if (*end > size) *end = size;
  return true;
}

pome_status pome__t_mark_copy(pome__trender *r, const char *to, const char *from, size_t size) {
  if (!r->marks.wanted || r->marks.region_count == 0) return POME_OK;
  for (size_t at = 0, end; next_part(&r->marks, from, size, &at, &end); at = end) {
    POME__TRY(pome__t_charge(r, 1));
    POME__TRY(pome__t_mark(r, to + at, end - at));
  }
  return POME_OK;
}

/* ---- output ---- */

/* Drops what was marked behind the end of the output, which may have been cut since. */
static void clip(pome__trender *r, size_t end) {
  pome__tmarks *m = &r->marks;
  while (m->span_count > 0 && m->spans[m->span_count - 1].begin >= end) m->span_count--;
  if (m->span_count > 0 && m->spans[m->span_count - 1].end > end)
    m->spans[m->span_count - 1].end = end;
}

static pome_status add_span(pome__trender *r, size_t begin, size_t end) {
  pome__tmarks *m = &r->marks;
  if (m->span_count > 0 && m->spans[m->span_count - 1].end == begin)
    return m->spans[m->span_count - 1].end = end, POME_OK;
  if (m->span_count == m->span_room) {
    size_t room = m->span_room == 0 ? 16 : m->span_room * 2;
    pome_span *grown;
    POME__TRY(pome__t_alloc(r, room, sizeof *grown, &grown));
    if (m->span_count > 0) memcpy(grown, m->spans, m->span_count * sizeof *grown);
    m->spans = grown;
    m->span_room = room;
  }
  m->spans[m->span_count++] = (pome_span){begin, end};
  return POME_OK;
}

pome_status pome__t_mark_output(pome__trender *r, const char *from, size_t size) {
  if (!r->marks.wanted) return POME_OK;
  clip(r, r->out_size);
  for (size_t at = 0, end; next_part(&r->marks, from, size, &at, &end); at = end) {
    POME__TRY(pome__t_charge(r, 1));
    POME__TRY(add_span(r, r->out_size + at, r->out_size + end));
  }
  return POME_OK;
}

pome_status pome__t_mark_output_as(pome__trender *r, const char *from, size_t size) {
  size_t at = 0, end;
  if (!r->marks.wanted || size == 0) return POME_OK;
  clip(r, r->out_size);
  return next_part(&r->marks, from, 1, &at, &end) ? add_span(r, r->out_size, r->out_size + size)
                                                  : POME_OK;
}

pome_status pome__t_mark_taken(pome__trender *r, size_t mark, const char *to) {
  pome__tmarks *m = &r->marks;
  if (!m->wanted) return POME_OK;
  clip(r, r->out_size);
  size_t first = m->span_count;
  while (first > 0 && m->spans[first - 1].end > mark) first--;
  for (size_t i = first; i < m->span_count; i++) {
    size_t begin = m->spans[i].begin < mark ? mark : m->spans[i].begin;
    POME__TRY(pome__t_charge(r, 1));
    POME__TRY(pome__t_mark(r, to + (begin - mark), m->spans[i].end - begin));
  }
  clip(r, mark);
  return POME_OK;
}
