/* A conversation on a terminal: messages and commands from the keyboard, replies on stdout, all
 * else on stderr. */
#ifndef POME_APPS_CONVERSATION_H
#define POME_APPS_CONVERSATION_H

#include "reply.h"

/* Until the user leaves; the exit status that leaving has. */
pome_status conversation_run(reply *r, int *exit_status, pome_error *error);

#endif
