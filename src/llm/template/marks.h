/* Whose text it is: which bytes come from the conversation and not from the template.
 *
 * Strings never change and parts of them are views, so the address of a byte tells where it came
 * from: `regions` are the addresses of the conversation's text, in order. What copies text notes
 * the copy. The output, which moves as it grows, has its marks by offset, in `spans`.
 */
#ifndef POME_SRC_LLM_TEMPLATE_MARKS_H
#define POME_SRC_LLM_TEMPLATE_MARKS_H

#include <pome/llm.h>

#include "base/error.h"

typedef struct pome__tregion {
  const char *begin, *end;
} pome__tregion;

typedef struct pome__tmarks {
  bool wanted; /* else nothing is noted */
  pome__tregion *regions;
  size_t region_count, region_room;
  pome_span *spans;
  size_t span_count, span_room;
} pome__tmarks;

struct pome__trender;

/* These bytes are the conversation's. */
pome_status pome__t_mark(struct pome__trender *r, const char *data, size_t size);
/* `size` bytes at `to` were copied from `from`. */
pome_status pome__t_mark_copy(struct pome__trender *r, const char *to, const char *from,
                              size_t size);
/* The next `size` bytes of the output are a copy of those at `from`. */
pome_status pome__t_mark_output(struct pome__trender *r, const char *from, size_t size);
/* The next `size` bytes of the output stand for the byte at `from`. */
pome_status pome__t_mark_output_as(struct pome__trender *r, const char *from, size_t size);
/* The output behind `mark` was copied to `to`, and is about to be taken off. */
pome_status pome__t_mark_taken(struct pome__trender *r, size_t mark, const char *to);

#endif
