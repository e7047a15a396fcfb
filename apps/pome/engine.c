/* See engine.h. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "report.h"

void engine_model_options(pome_model_options *result) {
  pome_model_options_init(result);
  result->log = report_log();
}

void engine_plan_options(const struct options *options, pome_plan_options *result) {
  static const struct {
    const char *name;
    pome_numerics numerics;
  } kinds[] = {
      {"fast", POME_NUMERICS_FAST}, {"strict", POME_NUMERICS_STRICT}, {"wide", POME_NUMERICS_WIDE}};
  pome_plan_options_init(result);
  result->log = report_log();
  result->devices = options->device;
  result->threads = (int)options->threads;
  result->isa = options->isa;
  for (size_t i = 0; options->numerics && i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].name, options->numerics) == 0) result->numerics = kinds[i].numerics;
}

pome_status engine_open(const char *path, const struct options *options, struct engine *result,
                        pome_error *error) {
  *result = (struct engine){.options = options, .path = path};
  pome_model_options model_options;
  engine_model_options(&model_options);
  POME__TRY(pome_model_open(path, &model_options, &result->model, error));
  size_t count = pome_model_function_count(result->model);
  result->units = calloc(count + 1, sizeof *result->units);
  return result->units ? POME_OK : pome__fail_memory(error, "the functions of a model");
}

void engine_close(struct engine *engine) {
  interrupt_with(NULL, NULL);
  size_t count = engine->units ? pome_model_function_count(engine->model) : 0;
  for (size_t i = 0; i < count; i++) {
    pome_run_free(engine->units[i].run);
    pome_plan_free(engine->units[i].plan);
  }
  free(engine->units);
  pome_state_free(engine->state);
  pome_model_close(engine->model);
  *engine = (struct engine){0};
}

pome_status engine_find(const pome_model *model, const char *name, const pome_function **function,
                        pome_error *error) {
  const pome_function *found = pome_model_find_function(model, name);
  if (found) {
    *function = found;
    return POME_OK;
  }
  if (!name) return pome__fail(error, POME_INPUT, "the model has no default function");
  char known[256] = "";
  size_t used = 0;
  for (size_t i = 0; i < pome_model_function_count(model) && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, i ? ", %s" : "%s",
                             pome_function_name(pome_model_function(model, i)));
  return pome__fail(error, POME_INPUT, "no function is named \"%s\"; there are: %s", name, known);
}

pome_status engine_prepare(struct engine *engine, const char *name, engine_unit **result,
                           pome_error *error) {
  const pome_function *function;
  POME__TRY(engine_find(engine->model, name, &function, error));
  engine_unit *unit = engine->units;
  while (unit->function && unit->function != function) unit++;
  if (!unit->run) {
    unit->function = function;
    pome_plan_options options;
    engine_plan_options(engine->options, &options);
    if (!unit->plan) {
      POME__TRY(pome_plan_create(function, &options, &unit->plan, error));
      engine_report_devices(unit->plan);
    }
    POME__TRY(pome_run_create(unit->plan, NULL, &unit->run, error));
  }
  *result = unit;
  return POME_OK;
}

/* Every function with state shares it, as far as their ports agree; else this function's alone. */
static pome_status create_state(struct engine *engine, const engine_unit *unit, pome_error *error) {
  size_t count = pome_model_function_count(engine->model), stateful = 0;
  const pome_function **functions = calloc(count + 1, sizeof *functions);
  if (!functions) return pome__fail_memory(error, "a state");
  for (size_t i = 0; i < count; i++) {
    const pome_function *function = pome_model_function(engine->model, i);
    if (pome_function_port_count(function, POME_STATE_PORT) > 0) functions[stateful++] = function;
  }
  pome_status status = pome_state_create(functions, stateful, NULL, &engine->state, NULL);
  if (status != POME_OK)
    status = pome_state_create(&unit->function, 1, NULL, &engine->state, error);
  free(functions);
  return status;
}

static bool has_state(const engine_unit *unit) {
  return pome_function_port_count(unit->function, POME_STATE_PORT) > 0;
}

pome_status engine_reset_state(struct engine *engine, const engine_unit *unit, pome_error *error) {
  if (engine->state) return pome_state_reset(engine->state, error);
  return has_state(unit) ? create_state(engine, unit, error) : POME_OK;
}

static void cancel_run(void *run) {
  pome_run_cancel(run);
}

pome_status engine_predict(struct engine *engine, engine_unit *unit, pome_error *error) {
  bool stateful = has_state(unit);
  if (stateful && !engine->state) POME__TRY(create_state(engine, unit, error));
  /* Stays registered until engine_close: a signal between two predictions stops the next one. */
  interrupt_with(cancel_run, unit->run);
  pome_status status = POME_CANCELLED;
  if (!interrupt_seen())
    status = pome_run_predict(unit->run, stateful ? engine->state : NULL, error);
  return interrupt_seen() ? pome__fail(error, POME_CANCELLED, "interrupted") : status;
}

/* ---- devices ---- */

void engine_report_devices(const pome_plan *plan) {
  const char *name = pome_function_name(pome_plan_function(plan));
  for (size_t i = 0; i < pome_plan_device_count(plan); i++) {
    pome_plan_device device = pome_plan_device_get(plan, i);
    const char *reason = device.reason;
    if (device.operations > 0)
      report_info("function %s: %zu operation%s on %s%s%s", name, device.operations,
                  device.operations == 1 ? "" : "s", device.name, reason[0] ? "; " : "", reason);
    else if (reason[0]) report_info("function %s: nothing on %s: %s", name, device.name, reason);
  }
}

const char *engine_device_name(const pome_plan *plan) {
  size_t count = pome_plan_device_count(plan);
  for (size_t i = 0; i < count; i++) {
    pome_plan_device device = pome_plan_device_get(plan, i);
    if (device.operations > 0) return device.name;
  }
  return count > 0 ? pome_plan_device_get(plan, count - 1).name : "none";
}

json_t *engine_devices_json(const pome_plan *plan) {
  json_t *list = json_array();
  for (size_t i = 0; i < pome_plan_device_count(plan); i++) {
    pome_plan_device device = pome_plan_device_get(plan, i);
    json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "name", device.name, "operations",
                                          (json_int_t)device.operations, "reason", device.reason));
  }
  return list;
}
