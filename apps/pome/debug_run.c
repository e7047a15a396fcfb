/* Both sides of a debugging run, a group of operations at a time.
 *
 * A group's values are kept by a plan made for it, on both sides, and the whole function runs once
 * for each: that bounds the memory by the group and not by the model. While the values are there,
 * each operation of the group also runs alone on the tested side's inputs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "debug.h"
#include "engine.h"
#include "interrupt.h"
#include "report.h"

/* Bytes of values that one group may keep on both sides, by their declared shapes. */
#define GROUP_BYTES  ((size_t)128 << 20)
#define GROUP_VALUES 512u
/* Stands for a dimension that is not declared. */
#define USUAL_DIMENSION 64

typedef struct group {
  debug *d;
  size_t first, end; /* operations */
  json_t *known;     /* names on the tested side that were looked at */
  const char **names[SIDES];
  size_t counts[SIDES], bytes;
  pome_plan *plans[SIDES];
  pome_run *runs[SIDES];
} group;

/* ---- what a group keeps ---- */

static bool in_file(const pome_operation_value *value) {
  return value->literal.data != NULL;
}

/* Constants are equal on both sides unless there are two models. */
static bool is_kept(const debug *d, const pome_operation_value *value) {
  bool wanted = !value->constant || d->options->with != NULL;
  return value->tensor && wanted && !in_file(value) && value->name[0] != '\0';
}

static size_t bytes_of(const pome_operation_value *value) {
  double bytes = sizeof(float);
  for (int i = 0; i < value->rank; i++)
    bytes *= value->shape[i] == POME_DIM_UNKNOWN ? USUAL_DIMENSION : (double)value->shape[i];
  return bytes < (double)GROUP_BYTES ? (size_t)bytes : GROUP_BYTES;
}

static pome_status add_name(group *g, int side, const char *name, pome_error *error) {
  size_t count = g->counts[side];
  if ((count & (count - 1)) == 0) { /* full at every power of two */
    const char **more = realloc((void *)g->names[side], (count ? 2 * count : 1) * sizeof *more);
    if (!more) return pome__fail_memory(error, "the names of values");
    g->names[side] = more;
  }
  g->names[side][g->counts[side]++] = name;
  return POME_OK;
}

static pome_status keep(group *g, const pome_operation_value *tested,
                        const pome_operation_value *reference, pome_error *error) {
  const pome_operation_value *values[SIDES] = {tested, reference};
  const char *key = tested->name[0] ? tested->name : reference->name;
  if (json_object_get(g->known, key)) return POME_OK;
  if (json_object_set_new_nocheck(g->known, key, json_true()) != 0)
    return pome__fail_memory(error, "the names of values");
  for (int side = 0; side < SIDES; side++) {
    if (!is_kept(g->d, values[side])) continue;
    POME__TRY(add_name(g, side, values[side]->name, error));
    g->bytes += bytes_of(values[side]);
  }
  return POME_OK;
}

static pome_status keep_values_of(group *g, const debug_op *op, pome_error *error) {
  const pome_operation *a = op->operations[TESTED], *b = op->operations[REFERENCE];
  for (size_t i = 0; i < a->input_count; i++)
    POME__TRY(keep(g, &a->inputs[i], &b->inputs[i], error));
  for (size_t i = 0; i < a->output_count; i++)
    POME__TRY(keep(g, &a->outputs[i], &b->outputs[i], error));
  return POME_OK;
}

static pome_status collect(group *g, pome_error *error) {
  g->known = json_object();
  if (!g->known) return pome__fail_memory(error, "the names of values");
  for (g->end = g->first; g->end < g->d->op_count; g->end++) {
    if (g->bytes >= GROUP_BYTES || g->counts[TESTED] >= GROUP_VALUES) break;
    POME__TRY(keep_values_of(g, &g->d->ops[g->end], error));
  }
  return POME_OK;
}

static void group_free(group *g) {
  interrupt_with(NULL, NULL);
  for (int side = 0; side < SIDES; side++) {
    pome_run_free(g->runs[side]);
    pome_plan_free(g->plans[side]);
    free((void *)g->names[side]);
  }
  json_decref(g->known);
}

/* ---- running ---- */

static void cancel_run(void *run) {
  pome_run_cancel(run);
}

static pome_status predict(pome_run *run, pome_state *state, pome_error *error) {
  interrupt_with(cancel_run, run);
  pome_status status = POME_CANCELLED;
  if (!interrupt_seen()) status = pome_run_predict(run, state, error);
  return interrupt_seen() ? pome__fail(error, POME_CANCELLED, "interrupted") : status;
}

static void plan_options_of(const debug *d, const debug_side *side, pome_plan_options *options) {
  struct options as_given = *d->options;
  as_given.device = side->device;
  as_given.numerics = side->numerics;
  engine_plan_options(&as_given, options);
}

static pome_status run_side(group *g, int which, pome_error *error) {
  debug *d = g->d;
  debug_side *side = &d->sides[which];
  pome_plan_options options;
  plan_options_of(d, side, &options);
  options.keep = g->names[which];
  options.keep_count = g->counts[which];
  POME__TRY(pome_plan_create(side->function, &options, &g->plans[which], error));
  if (g->first == 0) engine_report_devices(g->plans[which]);
  POME__TRY(pome_run_create(g->plans[which], NULL, &g->runs[which], error));
  bool stateful = pome_function_port_count(side->function, POME_STATE_PORT) > 0;
  if (side->state) POME__TRY(pome_state_reset(side->state, error));
  else if (stateful) POME__TRY(pome_state_create(&side->function, 1, NULL, &side->state, error));
  for (size_t step = 0; step < d->inputs->steps; step++) {
    bound_values bound = {0};
    pome_status status =
        inputs_bind(d->inputs, step, g->runs[which], side->function, &bound, error);
    if (status == POME_OK) status = predict(g->runs[which], side->state, error);
    inputs_release(&bound);
    POME__TRY(status);
  }
  return POME_OK;
}

/* False for what is no tensor or was not kept. */
static bool tensor_of(const group *g, int side, const pome_operation_value *value,
                      pome_tensor *tensor) {
  if (!value->tensor) return false;
  *tensor = value->literal;
  if (in_file(value)) return true;
  return value->name[0] != '\0' &&
         pome_run_get_tensor(g->runs[side], value->name, tensor, NULL) == POME_OK;
}

/* ---- one operation alone ---- */

typedef struct alone {
  pome_model *model;
  pome_plan *plan;
  pome_run *run;
} alone;

static void alone_free(alone *a) {
  interrupt_with(NULL, NULL);
  pome_run_free(a->run);
  pome_plan_free(a->plan);
  pome_model_close(a->model);
}

/* Feeds what the tested side took, whichever side runs. */
static pome_status run_alone(const group *g, const debug_op *op, int which, alone *a,
                             pome_error *error) {
  const pome_operation *mine = op->operations[which], *tested = op->operations[TESTED];
  const debug_side *side = &g->d->sides[which];
  pome_plan_options options;
  plan_options_of(g->d, side, &options);
  POME__TRY(pome_operation_isolate(side->function, op->indices[which], &a->model, error));
  POME__TRY(pome_plan_create(pome_model_function(a->model, 0), &options, &a->plan, error));
  POME__TRY(pome_run_create(a->plan, NULL, &a->run, error));
  for (size_t i = 0; i < mine->input_count; i++) {
    pome_tensor tensor;
    if (mine->inputs[i].constant) continue;
    if (!tensor_of(g, TESTED, &tested->inputs[i], &tensor))
      return pome__fail(error, POME_UNSUPPORTED, "an input was not kept");
    POME__TRY(pome_run_set_tensor(a->run, mine->inputs[i].name, &tensor, error));
  }
  return predict(a->run, NULL, error);
}

static pome_status compare_alone(const debug_op *op, const alone *sides, double *own,
                                 pome_error *error) {
  *own = 0;
  for (size_t o = 0; o < op->operations[TESTED]->output_count; o++) {
    pome_tensor tensors[SIDES];
    debug_measure m;
    for (int side = 0; side < SIDES; side++)
      POME__TRY(pome_run_get_tensor(sides[side].run, op->operations[side]->outputs[o].name,
                                    &tensors[side], error));
    POME__TRY(debug_compare(&tensors[TESTED], &tensors[REFERENCE],
                            op->operations[TESTED]->outputs[o].dtype, &m, error));
    *own = fmax(*own, m.error);
  }
  return POME_OK;
}

/* An operation that cannot run alone, for its inputs or for what it is, has no figure of its own.
 */
static pome_status measure_own(const group *g, debug_op *op, pome_error *error) {
  alone sides[SIDES] = {0};
  op->own = NAN;
  if (!op->operations[TESTED]->isolable || !op->operations[REFERENCE]->isolable) return POME_OK;
  pome_status status = POME_OK;
  for (int side = 0; side < SIDES && status == POME_OK; side++)
    status = run_alone(g, op, side, &sides[side], error);
  if (status == POME_OK) status = compare_alone(op, sides, &op->own, error);
  for (int side = 0; side < SIDES; side++) alone_free(&sides[side]);
  if (status == POME_OK) g->d->own_count++;
  else report_info("%s alone: %s", op->operations[TESTED]->name, error->message);
  return status == POME_MEMORY || status == POME_CANCELLED ? status : POME_OK;
}

/* ---- figures ---- */

/* NULL in `measure` when there is nothing to compare. */
static pome_status measure_value(group *g, const pome_operation_value *tested,
                                 const pome_operation_value *reference,
                                 const debug_measure **measure, pome_error *error) {
  pome_tensor a, b;
  debug_measure m;
  *measure = debug_find(g->d, tested->name);
  if (*measure || !tensor_of(g, TESTED, tested, &a) || !tensor_of(g, REFERENCE, reference, &b))
    return POME_OK;
  POME__TRY(debug_compare(&a, &b, tested->dtype, &m, error));
  POME__TRY(debug_note(g->d, tested->name, &m, error));
  *measure = debug_find(g->d, tested->name);
  return POME_OK;
}

static pome_status measure_inputs(group *g, debug_op *op, pome_error *error) {
  const pome_operation *a = op->operations[TESTED], *b = op->operations[REFERENCE];
  for (size_t i = 0; i < a->input_count; i++) {
    const debug_measure *m = NULL;
    debug_measure constant;
    pome_tensor tensors[SIDES];
    if (!a->inputs[i].constant) {
      POME__TRY(measure_value(g, &a->inputs[i], &b->inputs[i], &m, error));
      if (m) op->carried = fmax(op->carried, m->error);
    } else if (g->d->options->with && tensor_of(g, TESTED, &a->inputs[i], &tensors[TESTED]) &&
               tensor_of(g, REFERENCE, &b->inputs[i], &tensors[REFERENCE])) {
      POME__TRY(debug_compare(&tensors[TESTED], &tensors[REFERENCE], a->inputs[i].dtype, &constant,
                              error));
      if (constant.error > op->constants) {
        op->constants = constant.error;
        op->worst_constant = a->inputs[i].name;
      }
    }
  }
  return POME_OK;
}

/* Infinite on one side may count as overflow there. */
static bool holds(const debug_measure *m, debug_kind kind) {
  return m->bad[kind].count > 0 || (kind == DEBUG_INFINITY && m->bad[DEBUG_OVERFLOW].count > 0);
}

/* Whether any input holds such numbers already, constants included. */
static pome_status takes(const group *g, const pome_operation *operation, debug_kind kind,
                         bool *result, pome_error *error) {
  *result = false;
  for (size_t i = 0; i < operation->input_count && !*result; i++) {
    const pome_operation_value *value = &operation->inputs[i];
    const debug_measure *m = debug_find(g->d, value->name);
    debug_measure own;
    if (!m && value->tensor && in_file(value) && value->dtype != POME_STRING) {
      POME__TRY(debug_compare(&value->literal, &value->literal, value->dtype, &own, error));
      m = &own;
    }
    *result = m && holds(m, kind);
  }
  return POME_OK;
}

static pome_status add_event(debug *d, const debug_event *event, pome_error *error) {
  debug_event *more = realloc(d->events, (d->event_count + 1) * sizeof *more);
  if (!more) return pome__fail_memory(error, "what was found");
  d->events = more;
  d->events[d->event_count++] = *event;
  return POME_OK;
}

static void place_text(const debug_measure *m, size_t index, char *buffer, size_t size) {
  int64_t at[POME_MAX_RANK];
  for (int i = m->rank - 1; i >= 0; i--) {
    at[i] = (int64_t)(index % (size_t)m->shape[i]);
    index /= (size_t)m->shape[i];
  }
  show_shape(m->rank, at, buffer, size);
}

static pome_status note_events(group *g, const debug_op *op, const pome_operation_value *output,
                               const debug_measure *m, pome_error *error) {
  for (int kind = 0; kind < DEBUG_KINDS; kind++) {
    bool old;
    if (m->bad[kind].count == 0) continue;
    POME__TRY(takes(g, op->operations[TESTED], (debug_kind)kind, &old, error));
    if (old) continue;
    debug_event event = {
        .op = op, .output = output->name, .kind = (debug_kind)kind, .bad = m->bad[kind]};
    place_text(m, event.bad.first, event.place, sizeof event.place);
    POME__TRY(add_event(g->d, &event, error));
  }
  return POME_OK;
}

static pome_status measure_outputs(group *g, debug_op *op, pome_error *error) {
  const pome_operation *a = op->operations[TESTED], *b = op->operations[REFERENCE];
  for (size_t o = 0; o < a->output_count; o++) {
    const debug_measure *m;
    POME__TRY(measure_value(g, &a->outputs[o], &b->outputs[o], &m, error));
    if (!m) continue;
    op->error = isnan(op->error) ? m->error : fmax(op->error, m->error);
    double base = fmax(op->carried, debug_noise(a->outputs[o].dtype));
    double growth = m->error == 0 || isinf(base) ? 0 : m->error / base;
    op->growth = isnan(op->growth) ? growth : fmax(op->growth, growth);
    POME__TRY(note_events(g, op, &a->outputs[o], m, error));
  }
  return POME_OK;
}

/* ---- --dump OP=FILE ---- */

bool debug_is_called(const pome_operation *operation, const char *name, size_t size) {
  if (strlen(operation->name) == size && memcmp(operation->name, name, size) == 0) return true;
  for (size_t o = 0; o < operation->output_count; o++) {
    const char *output = operation->outputs[o].name;
    if (strlen(output) == size && memcmp(output, name, size) == 0) return true;
  }
  return false;
}

/* A .npz gets every result of both sides, another file the tested side's value of that name, or the
 * first. */
static pome_status dump(const group *g, const debug_op *op, const char *name, size_t size,
                        const char *path, pome_error *error) {
  const pome_operation *tested = op->operations[TESTED];
  size_t length = strlen(path), count = 0, first = 0;
  bool archive = length > 4 && strcmp(path + length - 4, ".npz") == 0;
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome__array *items = POME__NEW_ARRAY(&arena, pome__array, SIDES * tested->output_count);
  pome_status status = items ? POME_OK : pome__fail_memory(error, "a dump");
  for (size_t o = 0; status == POME_OK && o < tested->output_count; o++) {
    const char *output = tested->outputs[o].name;
    if (strlen(output) == size && memcmp(output, name, size) == 0) first = count;
    for (int side = 0; side < SIDES && status == POME_OK; side++) {
      size_t room = strlen(output) + sizeof "reference:";
      char *full = pome__arena_alloc(&arena, room, 1);
      if (!full) status = pome__fail_memory(error, "a dump");
      else if (tensor_of(g, side, &op->operations[side]->outputs[o], &items[count].tensor)) {
        snprintf(full, room, "%s:%s", side == TESTED ? "tested" : "reference", output);
        items[count++].name = full;
      }
    }
  }
  if (status == POME_OK && count == 0)
    status = pome__fail(error, POME_UNSUPPORTED, "\"%s\" gives no tensor to write", tested->name);
  if (status == POME_OK)
    status = archive ? pome__npz_write(path, items, count, error)
                     : pome__npy_write(path, &items[first].tensor, error);
  pome__arena_free(&arena);
  return status;
}

static pome_status dump_wanted(group *g, const debug_op *op, pome_error *error) {
  const option_list *wanted = &g->d->options->dump;
  for (size_t i = 0; i < wanted->count; i++) {
    const char *equals = strchr(wanted->items[i], '=');
    size_t size = (size_t)(equals - wanted->items[i]);
    if (!debug_is_called(op->operations[TESTED], wanted->items[i], size)) continue;
    POME__TRY(dump(g, op, wanted->items[i], size, equals + 1, error));
  }
  return POME_OK;
}

/* ---- the whole ---- */

static pome_status run_group(group *g, pome_error *error) {
  for (int side = 0; side < SIDES; side++) POME__TRY(run_side(g, side, error));
  for (size_t i = g->first; i < g->end; i++) {
    debug_op *op = &g->d->ops[i];
    report_progress("operation %zu of %zu", i + 1, g->d->op_count);
    POME__TRY(measure_inputs(g, op, error));
    POME__TRY(measure_outputs(g, op, error));
    POME__TRY(measure_own(g, op, error));
    POME__TRY(dump_wanted(g, op, error));
  }
  return POME_OK;
}

pome_status debug_run(debug *d, pome_error *error) {
  pome_status status = POME_OK;
  for (size_t at = 0; at < d->op_count && status == POME_OK;) {
    group g = {.d = d, .first = at};
    status = collect(&g, error);
    if (status == POME_OK) status = run_group(&g, error);
    at = g.end;
    group_free(&g);
  }
  report_progress_end();
  return status;
}
