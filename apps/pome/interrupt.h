/* Ctrl-C and termination. Work that can be stopped registers how; otherwise the first signal ends
 * the process at once. A second signal always does.
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
