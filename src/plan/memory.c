/* Where intermediate values lie: first fit over intervals of steps. The live set is kept sorted by
 * offset, so each placement is one walk over the gaps between the values alive at that step. */
#include <string.h>

#include "base/check.h"
#include "plan/plan.h"

#define ALIGNMENT ((size_t)64)

/* Drops from live[0 .. count-1] what ended before `step`; returns the new count. */
static size_t expire(const pome__interval *intervals, size_t *live, size_t count, size_t step) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (intervals[live[i]].last >= step) live[kept++] = live[i];
  }
  return kept;
}

bool pome__assign_offsets(pome__interval *intervals, size_t count, size_t *live, size_t *bytes) {
  size_t live_count = 0, peak = 0;
  for (size_t i = 0; i < count; i++) {
    pome__interval *one = &intervals[i];
    size_t size;
    if (!pome__add(one->bytes, ALIGNMENT - 1, &size)) return false;
    size &= ~(ALIGNMENT - 1);
    if (size == 0) size = ALIGNMENT;

    live_count = expire(intervals, live, live_count, one->first);
    size_t offset = 0, at = 0;
    for (; at < live_count; at++) {
      const pome__interval *other = &intervals[live[at]];
      if (other->offset - offset >= size && other->offset >= offset) break;
      size_t end = other->offset + (other->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
      if (other->bytes == 0) end = other->offset + ALIGNMENT;
      if (end > offset) offset = end;
    }
    size_t end;
    if (!pome__add(offset, size, &end)) return false;
    memmove(&live[at + 1], &live[at], (live_count - at) * sizeof *live);
    live[at] = i;
    live_count++;
    one->offset = offset;
    if (end > peak) peak = end;
  }
  *bytes = peak;
  return true;
}
