/* What a prediction gave, copied out of the run: one entry for each output port, and states when
 * asked. */
#ifndef POME_APPS_RESULTS_H
#define POME_APPS_RESULTS_H

#include <jansson.h>

#include "base/memory.h"
#include "engine.h"
#include "wire/npz.h"

typedef struct port_result {
  const char *name; /* with the step's suffix when there is one */
  pome_feature feature;
  pome_tensor tensor; /* the values of a dictionary */
  pome_tensor keys;   /* of a dictionary */
} port_result;

struct results {
  pome__arena *arena;
  port_result *items;
  size_t count, room;
};

/* Appends every output of the last prediction, copied; `suffix` is "" or "@k". */
pome_status results_collect(struct results *results, const engine_unit *unit, const char *suffix,
                            pome_error *error);
/* Appends the states as "state:NAME". */
pome_status results_collect_states(struct results *results, const struct engine *engine,
                                   pome_error *error);
const port_result *results_find(const struct results *results, const char *name);

/* As arrays: a dictionary D becomes D.keys and D.values. */
pome_status results_arrays(const struct results *results, pome__array **items, size_t *count,
                           pome_error *error);

void results_print(const struct results *results);
/* {"NAME": {"feature", "dtype", "shape", "values", "keys"?}, ...}; without values unless `values`.
 */
json_t *results_json(const struct results *results, bool values);
int results_digits(const struct results *results);

#endif
