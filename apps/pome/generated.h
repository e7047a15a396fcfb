/* Inputs made up for a function, for measuring: noise for floats and pixels, zeros (valid as any
 * index) for integers. */
#ifndef POME_APPS_GENERATED_H
#define POME_APPS_GENERATED_H

#include "inputs.h"

/* Adds an array for each port that `inputs` leaves open, at the port's default shape. */
pome_status generated_fill(struct inputs *inputs, const pome_function *function, pome_error *error);

#endif
