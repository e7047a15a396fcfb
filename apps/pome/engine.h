/* An opened model with its functions compiled as the options ask, and predictions that Ctrl-C
 * stops. */
#ifndef POME_APPS_ENGINE_H
#define POME_APPS_ENGINE_H

#include <jansson.h>

#include <pome/run.h>

#include "options.h"

/* One function, ready to run. */
typedef struct engine_unit {
  const pome_function *function;
  pome_plan *plan;
  pome_run *run;
} engine_unit;

struct engine {
  const struct options *options;
  const char *path;
  pome_model *model;
  engine_unit *units; /* one slot for each function of the model */
  pome_state *state;  /* shared by all functions that have state; NULL before it is needed */
};

/* The options as the library takes them. */
void engine_model_options(pome_model_options *result);
void engine_plan_options(const struct options *options, pome_plan_options *result);

/* engine_close is safe on a zeroed or half-opened engine. */
pome_status engine_open(const char *path, const struct options *options, struct engine *engine,
                        pome_error *error);
void engine_close(struct engine *engine);

/* Finds a function, NULL for the default one; the error lists the names there are. */
pome_status engine_find(const pome_model *model, const char *name, const pome_function **function,
                        pome_error *error);
/* The function compiled, once. */
pome_status engine_prepare(struct engine *engine, const char *name, engine_unit **unit,
                           pome_error *error);

/* A state of zeros, made or reset. */
pome_status engine_reset_state(struct engine *engine, const engine_unit *unit, pome_error *error);
/* Predicts on the bound inputs; makes a state first when the function needs one and there is none.
 */
pome_status engine_predict(struct engine *engine, engine_unit *unit, pome_error *error);

/* What ran and what did not: with -v on stderr, and for JSON. */
void engine_report_devices(const pome_plan *plan);
json_t *engine_devices_json(const pome_plan *plan);
/* The first device of the chain that runs anything. */
const char *engine_device_name(const pome_plan *plan);

#endif
