/* Inputs from the command line and from archives: -i NAME=FILE|VALUE, --inputs FILE.npz, steps
 * NAME@0, NAME@1, ...
 *
 * Gathered as named arrays, split into steps, and bound to a run as the kind of value each port
 * wants.
 */
#ifndef POME_APPS_INPUTS_H
#define POME_APPS_INPUTS_H

#include <pome/run.h>

#include "base/memory.h"
#include "options.h"
#include "wire/npz.h"

/* Arrays by name, in an arena. */
struct inputs {
  pome__arena *arena;
  pome__array *items;
  size_t count;
  size_t steps;  /* at least 1; more when names end in @k */
  bool sequence; /* any name ended in @k */
};

/* Reads all inputs that the options name. */
pome_status inputs_gather(const struct options *options, const pome_function *function,
                          pome__arena *arena, struct inputs *inputs, pome_error *error);
/* Takes arrays as they are, as one step. */
void inputs_from_arrays(const pome__arrays *arrays, pome__arena *arena, struct inputs *inputs);

/* "NAME@12": the length of NAME and 12. False for a name without a step, or one that is a port
 * itself. */
bool inputs_split_name(const pome_function *function, const char *name, size_t *length,
                       size_t *step);

/* What a step's binding borrows; release it after the prediction. */
typedef struct bound_values {
  pome_value **items;
  size_t count;
} bound_values;

pome_status inputs_bind(const struct inputs *inputs, size_t step, pome_run *run,
                        const pome_function *function, bound_values *values, pome_error *error);
void inputs_release(bound_values *values);

#endif
