/* The allowed shapes that program text notes beside its types. */
#ifndef POME_SRC_LOAD_FLEXIBLE_H
#define POME_SRC_LOAD_FLEXIBLE_H

#include <pome/model.h>

#include "mil/mil.h"

/* Gives an input's port, as its type made it, the range and the default shape that the function's
 * note has for it. */
void pome__flexible_apply(const pome__function *function, pome_port *port);

#endif
