/* pome predict: one prediction, or a sequence on one state. */
#include <string.h>

#include "engine.h"
#include "image.h"
#include "inputs.h"
#include "interrupt.h"
#include "report.h"
#include "results.h"
#include "verbs.h"

static pome_status check_options(const struct options *options, pome_error *error) {
  const char *output = options->output;
  size_t length = output ? strlen(output) : 0;
  if (length > 4 && strcmp(output + length - 4, ".npy") == 0) {
    pome__fail(error, POME_USAGE, "-o writes a .npz archive, not '%s'", output);
    pome__error_hint(error, "an archive holds all outputs by name; an image goes to NAME=FILE.png");
    return POME_USAGE;
  }
  return POME_OK;
}

static pome_status run_step(struct engine *engine, engine_unit *unit, const struct inputs *inputs,
                            size_t step, pome_error *error) {
  bound_values values = {0};
  pome_status status = inputs_bind(inputs, step, unit->run, unit->function, &values, error);
  if (status == POME_OK) status = engine_predict(engine, unit, error);
  inputs_release(&values);
  return status;
}

static pome_status run_steps(struct engine *engine, engine_unit *unit, const struct inputs *inputs,
                             struct results *results, pome_error *error) {
  for (size_t step = 0; step < inputs->steps; step++) {
    char suffix[32] = "";
    if (inputs->sequence) snprintf(suffix, sizeof suffix, "@%zu", step);
    if (inputs->steps > 1) report_progress("step %zu of %zu", step + 1, inputs->steps);
    POME__TRY(run_step(engine, unit, inputs, step, error));
    POME__TRY(results_collect(results, unit, suffix, error));
  }
  report_progress_end();
  return engine->options->states ? results_collect_states(results, engine, error) : POME_OK;
}

/* "NAME=FILE.png", or "FILE.png" when there is one image. The name may have a step: NAME@1. */
static pome_status find_image(const struct results *results, const char *target,
                              const port_result **image, const char **path, pome_error *error) {
  char known[256] = "";
  size_t used = 0, images = 0;
  for (size_t i = 0; i < results->count; i++) {
    const port_result *r = &results->items[i];
    size_t length = strlen(r->name);
    if (r->feature != POME_FEATURE_IMAGE) continue;
    if (images++ == 0) *image = r;
    if (used < sizeof known)
      used += (size_t)snprintf(known + used, sizeof known - used, used ? ", %s" : "%s", r->name);
    if (strncmp(target, r->name, length) != 0 || target[length] != '=') continue;
    *image = r;
    *path = target + length + 1;
    return POME_OK;
  }
  *path = target;
  if (images == 1 && !strchr(target, '=')) return POME_OK;
  if (images == 0)
    return pome__fail(error, POME_INPUT, "no output is an image that '%s' could hold", target);
  pome__fail(error, POME_INPUT, "'%s' names no image; the image outputs are: %s", target, known);
  pome__error_hint(error, "give -o NAME=FILE.png");
  return POME_INPUT;
}

static pome_status write_image(const struct results *results, const char *target,
                               pome_error *error) {
  const port_result *image;
  const char *path;
  POME__TRY(find_image(results, target, &image, &path, error));
  return image_write(path, &image->tensor, error);
}

static pome_status write_results(const struct results *results, const char *path,
                                 pome_error *error) {
  if (image_named(path)) return write_image(results, path, error);
  pome__array *items;
  size_t count;
  POME__TRY(results_arrays(results, &items, &count, error));
  return pome__npz_write(path, items, count, error);
}

static pome_status show_results(const struct engine *engine, const engine_unit *unit,
                                const struct results *results, pome_error *error) {
  const struct options *options = engine->options;
  if (options->output) POME__TRY(write_results(results, options->output, error));
  if (options->json) {
    json_t *outputs = results_json(results, !options->output);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:o, s:s, s:o}", "model", engine->path, "function",
                  pome_function_name(unit->function), "device", engine_device_name(unit->plan),
                  "devices", engine_devices_json(unit->plan), "numerics",
                  options->numerics ? options->numerics : "fast", "outputs", outputs);
    if (root && options->output) json_object_set_new(root, "file", json_string(options->output));
    return report_json(root, results_digits(results), error);
  }
  if (!options->output) results_print(results);
  return POME_OK;
}

static pome_status predict(const struct options *options, struct engine *engine, pome__arena *arena,
                           pome_error *error) {
  POME__TRY(check_options(options, error));
  POME__TRY(engine_open(options->operands.items[0], options, engine, error));
  engine_unit *unit;
  struct inputs inputs;
  const pome_function *function;
  POME__TRY(engine_find(engine->model, options->function, &function, error));
  POME__TRY(inputs_gather(options, function, arena, &inputs, error));
  POME__TRY(engine_prepare(engine, options->function, &unit, error));
  struct results results = {.arena = arena};
  POME__TRY(run_steps(engine, unit, &inputs, &results, error));
  return show_results(engine, unit, &results, error);
}

int verb_predict(const struct options *options) {
  struct engine engine = {0};
  pome_error error = {0};
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_status status = predict(options, &engine, &arena, &error);
  pome__arena_free(&arena);
  engine_close(&engine);
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
