/* From a program to a plan: which backend runs which operations, what every constant is, how long
 * values live and where they lie. Valid on this machine only; never written back into the program.
 */
#ifndef POME_SRC_PLAN_PLAN_H
#define POME_SRC_PLAN_PLAN_H

#include "base/cpu.h"
#include "base/memory.h"
#include "plan/backend.h"

/* One link of the device chain and what it got. */
typedef struct pome__link {
  const pome__backend *backend;
  const char *name;
  size_t operations;
  const char *reason; /* why refused, or why operations were left to the next; "" otherwise */
} pome__link;

struct pome__plan {
  pome__arena arena;
  const pome__function *function;
  pome__settings settings;
  pome__link *links;
  size_t link_count;
  pome__subplan *subplans;
  size_t subplan_count;
  size_t op_count;       /* operations of all subplans: the total of progress */
  pome__value **results; /* outputs of the function, then kept values */
  size_t result_count;
  /* By value index, for values that are or were made compile-time constants. */
  pome_tensor **constants;
  /* Largest type of each function input, by value index of the input; NULL: unbounded. */
  const pome__type **bounds;
};

typedef struct pome__plan_request {
  const pome__function *function;
  const pome__link *links; /* name and backend (NULL: unavailable, with the reason) */
  size_t link_count;
  pome__settings settings;
  const char *const *keep;
  size_t keep_count;
  const pome__type *const *bounds; /* one for each function input, in order; entries may be NULL */
} pome__plan_request;

/* POME_UNSUPPORTED naming the operation when no link of the chain runs it. */
pome_status pome__plan_create(const pome__plan_request *request, pome__plan **plan,
                              pome_error *error);
void pome__plan_free(pome__plan *plan);

/* ---- constants (constants.c) ---- */

/* True when the value is known at compile time: a literal, or made by constexpr operations. */
bool pome__value_is_constant(const pome__value *value);
/* The dense tensor of a constant, expanded at the first call and kept in the plan's arena. Only
 * while the plan is being made. */
pome_status pome__plan_constant(pome__plan *plan, const pome__value *value,
                                const pome_tensor **tensor, pome_error *error);

/* Makes the constant of a literal list of strings or numbers a tensor of one dimension; nothing for
 * other lists. */
pome_status pome__plan_list(pome__plan *plan, const pome__value *value, pome_error *error);

/* A weight matrix as its file has it: one row per output, for kernels that read packed weights. */
typedef enum pome__weight_form {
  POME__WEIGHT_OTHER,
  POME__WEIGHT_F16,
  POME__WEIGHT_F32,
  POME__WEIGHT_LUT4
} pome__weight_form;
typedef struct pome__weight_matrix {
  pome__weight_form form;
  size_t rows, columns;
  const void *data; /* rows of fp16, fp32 or nibbles, contiguous */
  const float *lut; /* LUT4: 16 floats a palette, in the plan's arena */
  size_t rows_per_lut;
} pome__weight_matrix;
/* Looks at a constant of rank 2: OTHER when it is in none of the forms above. */
pome_status pome__plan_matrix(pome__plan *plan, const pome__value *value,
                              pome__weight_matrix *matrix, pome_error *error);

/* ---- lifetimes (liveness.c) ---- */

/* Calls `use` for every value that the operation takes, those of its nested blocks included. */
void pome__op_for_each_use(const pome__op *op, void (*use)(void *context, pome__value *value),
                           void *context);

/* For each value made in `block` or in blocks nested in it, by index: the last operation of the
 * block it is made in that uses it (a use in a nested block counts as one by the operation that
 * holds the block). NULL: no use, or an output of the block. Inputs of a function's body are not
 * covered. `home` is scratch; both arrays are zeroed and have function->value_count entries. */
void pome__last_users(const pome__block *block, const pome__block **home, const pome__op **last);

/* ---- memory offsets (memory.c) ---- */

typedef struct pome__interval {
  size_t bytes;
  size_t first, last; /* steps, inclusive */
  size_t offset;      /* out */
} pome__interval;
/* Gives intervals (sorted by `first`) 64-byte aligned offsets so that no two that overlap in time
 * overlap in space: first fit in order. `live` is scratch of `count` indices. Returns the bytes
 * needed. False when it does not fit in size_t. */
bool pome__assign_offsets(pome__interval *intervals, size_t count, size_t *live, size_t *bytes);

#endif
