/* Lines from a terminal.
 *
 * With libedit a line is edited, and earlier ones come back with the arrow keys; without it, or on
 * a terminal that moves no cursor, the terminal's own editing serves. A pasted text is taken as it
 * is: its lines come one by one and say that more follows. An interrupt ends the line at hand.
 */
#ifndef POME_APPS_LINE_H
#define POME_APPS_LINE_H

#include <stdbool.h>

#include "reply.h"

typedef struct lines lines;

typedef enum line_result {
  LINE_READ,
  LINE_END,         /* of the input */
  LINE_INTERRUPTED, /* see interrupt_take */
  LINE_FAILED       /* out of memory, or the terminal is gone */
} line_result;

/* NULL when out of memory. */
lines *lines_open(void);
void lines_close(lines *l);

/* Appends a line without its end. `*written`: whether anything stood on it, also when it was
 * interrupted. `*more`: a pasted text goes on. */
line_result lines_next(lines *l, const char *prompt, text_buffer *line, bool *written, bool *more);
/* Makes a line come back with the arrow keys. */
void lines_remember(lines *l, const char *line);

#endif
