/* pome debug: which operation makes the difference between two runs of one graph.
 *
 * By default strict against wide: what fp16 costs, and where. Other sides are other numerics
 * (--against), two devices (--devices A,B) or another model of the same graph (--with).
 */
#include "debug.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine.h"
#include "interrupt.h"
#include "report.h"
#include "verbs.h"

/* ---- what is compared ---- */

static pome_status split_devices(const char *list, char *first, char *second, size_t size,
                                 pome_error *error) {
  const char *comma = strchr(list, ',');
  if (!comma || comma == list || comma[1] == '\0' || strchr(comma + 1, ',') ||
      (size_t)(comma - list) >= size || strlen(comma + 1) >= size) {
    pome__fail(error, POME_USAGE, "--devices takes two devices, as in cpu,ref, not '%s'", list);
    return POME_USAGE;
  }
  snprintf(first, size, "%.*s", (int)(comma - list), list);
  snprintf(second, size, "%s", comma + 1);
  return POME_OK;
}

static pome_status choose_sides(debug *d, char devices[SIDES][32], pome_error *error) {
  const struct options *options = d->options;
  debug_side *tested = &d->sides[TESTED], *reference = &d->sides[REFERENCE];
  bool other = options->with || options->devices;
  *tested = (debug_side){.path = options->operands.items[0], .device = options->device};
  tested->numerics = options->numerics ? options->numerics : "strict";
  *reference = *tested;
  if (options->with) reference->path = options->with;
  if (options->against) reference->numerics = options->against;
  else if (!other) reference->numerics = strcmp(tested->numerics, "wide") == 0 ? "strict" : "wide";
  if (options->devices && options->device)
    return pome__fail(error, POME_USAGE, "--devices and --device exclude each other");
  if (options->devices) {
    POME__TRY(split_devices(options->devices, devices[TESTED], devices[REFERENCE], 32, error));
    tested->device = devices[TESTED];
    reference->device = devices[REFERENCE];
  }
  bool numerics = strcmp(tested->numerics, reference->numerics) != 0;
  if (!numerics && !other) {
    pome__fail(error, POME_USAGE, "both sides would be %s on the same model and device",
               tested->numerics);
    pome__error_hint(error, "--against, --devices or --with make the other side another one");
    return POME_USAGE;
  }
  tested->label = numerics ? tested->numerics : options->devices ? tested->device : "tested";
  reference->label = numerics           ? reference->numerics
                     : options->devices ? reference->device
                                        : "other";
  return POME_OK;
}

static pome_status check_dumps(const debug *d, pome_error *error) {
  for (size_t i = 0; i < d->options->dump.count; i++) {
    const char *word = d->options->dump.items[i], *equals = strchr(word, '=');
    if (!equals || equals == word || equals[1] == '\0')
      return pome__fail(error, POME_USAGE, "--dump takes OP=FILE.npy, not '%s'", word);
  }
  return POME_OK;
}

static pome_status open_sides(debug *d, pome_error *error) {
  pome_model_options options;
  engine_model_options(&options);
  for (int side = 0; side < SIDES; side++) {
    debug_side *s = &d->sides[side];
    if (side == REFERENCE && !d->options->with) {
      s->function = d->sides[TESTED].function;
      continue;
    }
    POME__TRY(pome_model_open(s->path, &options, &s->model, error));
    POME__TRY(engine_find(s->model, d->options->function, &s->function, error));
    if (pome_function_operation_count(s->function) > 0) continue;
    pome__fail(error, POME_UNSUPPORTED,
               "'debug' looks into ML programs; function \"%s\" is of type %s",
               pome_function_name(s->function), pome_function_type(s->function));
    pome__error_at_file(error, s->path);
    return POME_UNSUPPORTED;
  }
  return POME_OK;
}

/* ---- the same graph ---- */

static size_t next_computed(const pome_function *function, size_t index) {
  const pome_operation *operation;
  while ((operation = pome_function_operation(function, index)) && operation->constant) index++;
  return index;
}

static const char *type_or_end(const pome_operation *operation) {
  return operation ? operation->type : "the end";
}

static pome_status fail_graphs(const debug *d, const debug_op *op, pome_error *error) {
  const pome_operation *a = op->operations[TESTED], *b = op->operations[REFERENCE];
  bool types = !a || !b || strcmp(a->type, b->type) != 0;
  pome__fail(error, POME_INPUT,
             "not the same graph: operation %zu is %s \"%s\" here and %s \"%s\" there%s",
             d->op_count + 1, type_or_end(a), a ? a->name : "", type_or_end(b), b ? b->name : "",
             types ? "" : ", with other inputs or results");
  pome__error_hint(
      error, "--with takes a model of the same operations in the same order; constants may differ");
  return POME_INPUT;
}

/* Pairs the operations that compute, in order; constants belong to those that take them. */
static pome_status pair_operations(debug *d, pome_error *error) {
  const pome_function *functions[SIDES] = {d->sides[TESTED].function, d->sides[REFERENCE].function};
  d->ops = calloc(pome_function_operation_count(functions[TESTED]) + 1, sizeof *d->ops);
  if (!d->ops) return pome__fail_memory(error, "the operations");
  size_t at[SIDES] = {0, 0};
  while (true) {
    debug_op op = {.error = NAN, .own = NAN, .growth = NAN};
    for (int side = 0; side < SIDES; side++) {
      op.indices[side] = next_computed(functions[side], at[side]);
      op.operations[side] = pome_function_operation(functions[side], op.indices[side]);
      at[side] = op.indices[side] + 1;
    }
    const pome_operation *a = op.operations[TESTED], *b = op.operations[REFERENCE];
    if (!a && !b) return POME_OK;
    if (!a || !b || strcmp(a->type, b->type) != 0 || a->input_count != b->input_count ||
        a->output_count != b->output_count)
      return fail_graphs(d, &op, error);
    d->ops[d->op_count++] = op;
  }
}

static pome_status check_dump_names(const debug *d, pome_error *error) {
  for (size_t i = 0; i < d->options->dump.count; i++) {
    const char *word = d->options->dump.items[i];
    size_t size = (size_t)(strchr(word, '=') - word), at = 0;
    while (at < d->op_count && !debug_is_called(d->ops[at].operations[TESTED], word, size)) at++;
    if (at < d->op_count) continue;
    pome__fail(error, POME_USAGE, "--dump: no operation computes \"%.*s\"", (int)size, word);
    pome__error_hint(error, "'pome debug MODEL --json' lists the operations");
    return POME_USAGE;
  }
  return POME_OK;
}

/* ---- the verb ---- */

static pome_status run(debug *d, pome__arena *arena, pome_error *error) {
  char devices[SIDES][32];
  struct inputs inputs;
  POME__TRY(choose_sides(d, devices, error));
  POME__TRY(check_dumps(d, error));
  POME__TRY(open_sides(d, error));
  POME__TRY(pair_operations(d, error));
  POME__TRY(check_dump_names(d, error));
  POME__TRY(inputs_gather(d->options, d->sides[TESTED].function, arena, &inputs, error));
  d->inputs = &inputs;
  d->places = json_object();
  if (!d->places) return pome__fail_memory(error, "the measured values");
  POME__TRY(debug_run(d, error));
  return debug_print(d, error);
}

int verb_debug(const struct options *options) {
  debug d = {.options = options};
  pome_error error = {0};
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_status status = run(&d, &arena, &error);
  pome__arena_free(&arena);
  json_decref(d.places);
  free(d.measures);
  free(d.events);
  free(d.ops);
  for (int side = 0; side < SIDES; side++) {
    pome_state_free(d.sides[side].state);
    pome_model_close(d.sides[side].model);
  }
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
