/* What a debugging run found, for people and as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "debug.h"
#include "engine.h"
#include "report.h"

/* Rows of the table for people, and lines for each kind of number. JSON has them all. */
#define WORST_SHOWN  10u
#define EVENTS_SHOWN 8u

static const char *const kind_names[DEBUG_KINDS] = {"overflow", "infinity", "nan"};

const debug_op *debug_first_jump(const debug *d) {
  for (size_t i = 0; i < d->op_count; i++)
    if (d->ops[i].growth > DEBUG_JUMP) return &d->ops[i];
  return NULL;
}

/* Its own arithmetic explains the better part of the error. */
static bool is_own(const debug_op *op) {
  return op->own >= 0.5 * op->error || (isinf(op->error) && isinf(op->own));
}

static const char *reason_of(const debug_op *op) {
  if (isnan(op->own)) return "unknown";
  if (!is_own(op)) return "magnified";
  return op->constants > 0 ? "constant" : "own";
}

static double worst_of(const debug_op *op) {
  return isnan(op->own) ? -1 : op->own;
}

static int by_own(const void *a, const void *b) {
  const debug_op *x = *(const debug_op *const *)a, *y = *(const debug_op *const *)b;
  double own_x = worst_of(x), own_y = worst_of(y);
  if (own_x != own_y) return own_x < own_y ? 1 : -1;
  return x < y ? -1 : x > y;
}

static const debug_op **sorted(const debug *d) {
  const debug_op **list = calloc(d->op_count + 1, sizeof *list);
  for (size_t i = 0; list && i < d->op_count; i++) list[i] = &d->ops[i];
  if (list) qsort((void *)list, d->op_count, sizeof *list, by_own);
  return list;
}

/* ---- text ---- */

static const char *figure(double value, char *buffer, size_t size) {
  if (isnan(value)) snprintf(buffer, size, "-");
  else if (isinf(value)) snprintf(buffer, size, "inf");
  else if (value == 0) snprintf(buffer, size, "0");
  else snprintf(buffer, size, "%.1e", value);
  return buffer;
}

/* C libraries may print a sign before nan. */
static const char *number(double value, char *buffer, size_t size) {
  snprintf(buffer, size, "%.6g", value);
  return isnan(value) ? "nan" : buffer;
}

static void put_op(const debug_op *op) {
  report_put(op->operations[TESTED]->name);
  printf(" (%s)", op->operations[TESTED]->type);
}

static void print_head(const debug *d) {
  const debug_side *a = &d->sides[TESTED], *b = &d->sides[REFERENCE];
  report_put(pome_function_name(a->function));
  printf(": %s against %s", a->label, b->label);
  if (d->options->with) {
    printf(" (");
    report_put(d->options->with);
    printf(")");
  }
  printf(", %zu operations, %zu also alone\n", d->op_count, d->own_count);
}

static void print_jump(const debug_op *op) {
  char error[32], carried[32], own[32];
  printf("first jump\n  ");
  if (!op) {
    printf("none: no error is more than %g times what rounding and the inputs explain\n",
           DEBUG_JUMP);
    return;
  }
  put_op(op);
  printf(": error %s, its inputs carry %s; alone on equal inputs %s\n",
         figure(op->error, error, sizeof error), figure(op->carried, carried, sizeof carried),
         figure(op->own, own, sizeof own));
  const char *reason = reason_of(op);
  if (strcmp(reason, "constant") == 0) {
    printf("  its constant ");
    report_put(op->worst_constant[0] ? op->worst_constant : "written in place");
    printf(" differs by %s\n", figure(op->constants, error, sizeof error));
  } else if (strcmp(reason, "own") == 0) {
    printf("  the error is its own\n");
  } else if (strcmp(reason, "magnified") == 0) {
    printf("  it magnifies what its inputs carry\n");
  }
}

static void print_events(const debug *d) {
  size_t shown[DEBUG_KINDS] = {0};
  if (d->event_count > 0) printf("numbers out of range, where they come up\n");
  for (size_t i = 0; i < d->event_count; i++) {
    const debug_event *e = &d->events[i];
    if (++shown[e->kind] > EVENTS_SHOWN) continue;
    printf("  %-8s  ", kind_names[e->kind]);
    put_op(e->op);
    char a[32], b[32];
    printf(" %s: %s in %s, %s in %s", e->place, number(e->bad.values[TESTED], a, sizeof a),
           d->sides[TESTED].label, number(e->bad.values[REFERENCE], b, sizeof b),
           d->sides[REFERENCE].label);
    printf(e->bad.count > 1 ? "; %zu elements\n" : "\n", e->bad.count);
  }
  for (int kind = 0; kind < DEBUG_KINDS; kind++)
    if (shown[kind] > EVENTS_SHOWN)
      printf("  %-8s  %zu more operations\n", kind_names[kind], shown[kind] - EVENTS_SHOWN);
}

static void print_row(const debug_op *op) {
  char own[32], error[32], carried[32];
  printf("  %-8s  %-8s  %-8s  ", figure(op->own, own, sizeof own),
         figure(op->error, error, sizeof error), figure(op->carried, carried, sizeof carried));
  put_op(op);
  printf("\n");
}

static void print_worst(const debug *d, const debug_op *const *list) {
  if (d->own_count == 0) return;
  if (!(worst_of(list[0]) > 0)) {
    printf("every operation that runs alone gives equal results on equal inputs\n");
    return;
  }
  printf("worst operations\n  own       error     carried\n");
  for (size_t i = 0; i < d->op_count && i < WORST_SHOWN && worst_of(list[i]) > 0; i++)
    print_row(list[i]);
}

static void print_outputs(const debug *d) {
  const pome_function *function = d->sides[TESTED].function;
  printf("outputs\n");
  for (size_t i = 0; i < pome_function_port_count(function, POME_OUTPUT_PORT); i++) {
    const char *name = pome_function_port(function, POME_OUTPUT_PORT, i)->name;
    const debug_measure *m = debug_find(d, name);
    char error[32];
    printf("  %-8s  ", figure(m ? m->error : NAN, error, sizeof error));
    report_put(name);
    printf("\n");
  }
}

/* ---- JSON ---- */

static json_t *real_json(double value) {
  if (isnan(value)) return json_string("nan");
  if (isinf(value)) return json_string(value > 0 ? "inf" : "-inf");
  return json_real(value);
}

/* null: not known. */
static json_t *figure_json(double value) {
  return isnan(value) ? json_null() : real_json(value);
}

static json_t *side_json(const debug_side *side) {
  return json_pack("{s:s, s:s, s:s}", "model", side->path, "device",
                   side->device ? side->device : "auto", "numerics", side->numerics);
}

static json_t *op_json(const debug_op *op) {
  const pome_operation *operation = op->operations[TESTED];
  json_t *object =
      json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "name",
                show_string_json(operation->name, strlen(operation->name)), "type", operation->type,
                "error", figure_json(op->error), "carried", figure_json(op->carried), "own",
                figure_json(op->own), "growth", figure_json(op->growth));
  if (object && op->worst_constant)
    json_object_set_new(object, "constant",
                        json_pack("{s:o, s:o}", "name",
                                  show_string_json(op->worst_constant, strlen(op->worst_constant)),
                                  "error", figure_json(op->constants)));
  return object;
}

static json_t *event_json(const debug_event *e) {
  const pome_operation *operation = e->op->operations[TESTED];
  return json_pack("{s:s, s:o, s:s, s:o, s:s, s:I, s:I, s:o, s:o}", "kind", kind_names[e->kind],
                   "operation", show_string_json(operation->name, strlen(operation->name)), "type",
                   operation->type, "output", show_string_json(e->output, strlen(e->output)),
                   "index", e->place, "flat_index", (json_int_t)e->bad.first, "count",
                   (json_int_t)e->bad.count, "tested", real_json(e->bad.values[TESTED]),
                   "reference", real_json(e->bad.values[REFERENCE]));
}

static json_t *outputs_json(const debug *d) {
  const pome_function *function = d->sides[TESTED].function;
  json_t *object = json_object();
  for (size_t i = 0; i < pome_function_port_count(function, POME_OUTPUT_PORT); i++) {
    const char *name = pome_function_port(function, POME_OUTPUT_PORT, i)->name;
    const debug_measure *m = debug_find(d, name);
    json_object_set_new(object, name, figure_json(m ? m->error : NAN));
  }
  return object;
}

static json_t *all_json(const debug *d, const debug_op *const *worst) {
  const debug_op *jump = debug_first_jump(d);
  json_t *operations = json_array(), *order = json_array(), *events = json_array();
  for (size_t i = 0; i < d->op_count; i++) {
    json_array_append_new(operations, op_json(&d->ops[i]));
    if (worst_of(worst[i]) > 0)
      json_array_append_new(order, json_integer((json_int_t)(worst[i] - d->ops)));
  }
  for (size_t i = 0; i < d->event_count; i++)
    json_array_append_new(events, event_json(&d->events[i]));
  json_t *first = jump ? op_json(jump) : json_null();
  if (jump) json_object_set_new(first, "reason", json_string(reason_of(jump)));
  return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "function",
                   pome_function_name(d->sides[TESTED].function), "tested",
                   side_json(&d->sides[TESTED]), "reference", side_json(&d->sides[REFERENCE]),
                   "first_jump", first, "events", events, "operations", operations, "worst", order,
                   "outputs", outputs_json(d));
}

pome_status debug_print(const debug *d, pome_error *error) {
  const debug_op **worst = sorted(d);
  if (!worst) return pome__fail_memory(error, "the report");
  pome_status status = POME_OK;
  if (d->options->json) {
    status = report_json(all_json(d, worst), 6, error);
  } else {
    print_head(d);
    print_jump(debug_first_jump(d));
    print_events(d);
    print_worst(d, worst);
    print_outputs(d);
  }
  free((void *)worst);
  return status;
}
