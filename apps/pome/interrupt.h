/* Signals. Ctrl-C and termination: work that can be stopped registers how; otherwise the first one
 * ends the process at once. A second one always does.
 *
 * A mapped file that another program cuts while it is read raises SIGBUS. The library looks at the
 * size before it reads, and installs no handler in a program that is not its own; here the moment
 * between is covered, and ends the process with a message instead of a signal.
 */
#ifndef POME_APPS_INTERRUPT_H
#define POME_APPS_INTERRUPT_H

#include <stdbool.h>

void interrupt_start(void);
/* From now on a signal calls stop(context), which must be safe in a signal handler; NULL: none. The
 * previous one is forgotten. */
void interrupt_with(void (*stop)(void *context), void *context);
bool interrupt_seen(void);
/* The signal that came, or 0. SIGINT is forgotten: work goes on. */
int interrupt_take(void);
/* 130 or 143 once a signal came, else `status`. */
int interrupt_exit_status(int status);

#endif
