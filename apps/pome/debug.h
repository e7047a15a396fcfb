/* Two runs of one graph side by side: the one tested and the one it is held against.
 *
 * For each operation of the body three figures, all as the 2-norm of a difference over that of the
 * values:
 *   error    of its results: how far the two runs are apart behind it
 *   carried  the largest error of the values that it takes
 *   own      how far its results are apart when both sides run it alone on the tested run's inputs
 * An error that outgrows what was carried is the operation's doing: by its own arithmetic when own
 * is as large, else because it magnifies what its inputs carry, as a difference of near values
 * does.
 */
#ifndef POME_APPS_DEBUG_H
#define POME_APPS_DEBUG_H

#include <jansson.h>

#include <pome/run.h>

#include "inputs.h"
#include "options.h"
#include "show.h"

enum { TESTED, REFERENCE, SIDES };

/* An error jumps when it is more than this many times what was carried, or what rounding explains
 * (debug_noise), whichever is larger. */
#define DEBUG_JUMP 8.0
/* Largest magnitude of a finite fp16 number. */
#define DEBUG_FP16_MAX 65504.0

typedef struct debug_side {
  const char *label; /* what tells it from the other one, for people */
  const char *path, *device, *numerics;
  pome_model *model;
  const pome_function *function;
  pome_state *state;
} debug_side;

typedef enum debug_kind {
  DEBUG_OVERFLOW, /* declared fp16 and beyond its range: infinite on one side, too large on another
                   */
  DEBUG_INFINITY,
  DEBUG_NAN,
  DEBUG_KINDS
} debug_kind;

/* Elements of one kind in a value: how many, the first one, and what it is on both sides. */
typedef struct debug_bad {
  size_t count, first;
  double values[SIDES];
} debug_bad;

/* How the two sides agree in one value. */
typedef struct debug_measure {
  double error;
  bool same_shape;
  int rank;
  int64_t shape[POME_MAX_RANK];
  debug_bad bad[DEBUG_KINDS];
} debug_measure;

/* An operation that computes, on both sides. NAN: not known. */
typedef struct debug_op {
  const pome_operation *operations[SIDES];
  size_t indices[SIDES]; /* among the operations of the function */
  double error, carried, own, growth;
  double constants;           /* largest error among the constants it takes */
  const char *worst_constant; /* its name, or NULL when all are equal */
} debug_op;

/* Where numbers of a kind come up: in a result of an operation that took none. */
typedef struct debug_event {
  const debug_op *op;
  const char *output;
  debug_kind kind;
  debug_bad bad;
  char place[SHOW_TEXT];
} debug_event;

typedef struct debug {
  const struct options *options;
  const struct inputs *inputs;
  debug_side sides[SIDES];
  debug_op *ops;
  size_t op_count, own_count;
  debug_event *events;
  size_t event_count;
  /* Measured values, by their name on the tested side. */
  json_t *places; /* name -> index into measures */
  debug_measure *measures;
  size_t measure_count;
} debug;

/* ---- debug_values.c ---- */
/* Fails only for lack of memory. Strings count as equal or not. */
pome_status debug_compare(const pome_tensor *tested, const pome_tensor *reference,
                          pome_dtype declared, debug_measure *measure, pome_error *error);
/* What the rounding of one operation may explain, by the declared type of its result. */
double debug_noise(pome_dtype declared);
/* A measure that was noted, or NULL. */
const debug_measure *debug_find(const debug *d, const char *name);
pome_status debug_note(debug *d, const char *name, const debug_measure *measure, pome_error *error);

/* ---- debug_run.c: runs both sides, group by group, and fills in ops and events ---- */
pome_status debug_run(debug *d, pome_error *error);
/* Whether the operation, or one of its results, has that name. */
bool debug_is_called(const pome_operation *operation, const char *name, size_t size);

/* ---- debug_report.c ---- */
const debug_op *debug_first_jump(const debug *d);
pome_status debug_print(const debug *d, pome_error *error);

#endif
