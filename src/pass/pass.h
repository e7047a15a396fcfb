/* Passes: a program becomes a smaller one that gives the same results.
 *
 * What holds here holds on every machine: constant folding, dead code, clean-up of casts,
 * transposes and reshapes that exporters leave behind. Results stay equal bit for bit in strict
 * numerics, and apart from the folding of floats in all numerics; inputs, outputs and the names
 * asked for stay. A pass changes its program in place: whoever wants the original too runs it on a
 * copy (pome__program_clone).
 *
 * A pass looks at one operation at a time, in execution order, through `visit`; operands have been
 * replaced by then. It may change the operation, or note that a value it gives is another one
 * (pome__pass_replace).
 */
#ifndef POME_SRC_PASS_PASS_H
#define POME_SRC_PASS_PASS_H

#include "base/error.h"
#include "mil/mil.h"

typedef struct pome__pass_work {
  pome__program *program;
  pome__function *function;
  pome__arena scratch;   /* for the whole of this function */
  pome__value **instead; /* by index, of those there were at the start: the value that stands for
                            this one, or NULL */
  bool *fixed;           /* by index: results of the function, and values asked for by name */
  size_t value_count;    /* of both */
  size_t changes;
  pome_error *error;
} pome__pass_work;

typedef struct pome__pass {
  const char *name;
  pome_status (*visit)(pome__pass_work *work, pome__op *op);
  /* Instead of `visit`, for those that need the whole. */
  pome_status (*whole)(pome__pass_work *work);
} pome__pass;

extern const pome__pass pome__pass_fold; /* fold.c */
extern const pome__pass
    pome__pass_fold_whole; /* only what takes and gives no floats: the same in all numerics */
extern const pome__pass pome__pass_casts;      /* casts.c */
extern const pome__pass pome__pass_transposes; /* transposes.c */
extern const pome__pass pome__pass_identities; /* identities.c */
extern const pome__pass pome__pass_dead;       /* dead.c */

typedef struct pome__pass_request {
  const pome__pass *const *passes; /* in this order, and again until none changes anything */
  size_t pass_count;
  const char *const *keep; /* names of values of function bodies that must stay */
  size_t keep_count;
} pome__pass_request;

/* Takes a verified and resolved program, and leaves one. On failure (memory) it is of no more use.
 */
pome_status pome__pass_run(pome__program *program, const pome__pass_request *request,
                           pome_error *error);

/* ---- for passes ---- */

/* From now on `value` is used wherever `old`, a result of the visited operation, was. False, and
 * nothing happens, when `old` is fixed or the types differ. */
bool pome__pass_replace(pome__pass_work *work, const pome__value *old, pome__value *value);
/* The single value of a parameter, or NULL. */
pome__value *pome__pass_operand(const pome__op *op, const char *param);
/* Makes `value` the single value of a parameter that has one. */
void pome__pass_set_operand(pome__op *op, const char *param, pome__value *value);
/* The integers of a literal of rank 1; false when it is none, or longer than `capacity`. */
bool pome__pass_ints(const pome__value *value, int64_t *out, size_t capacity, size_t *count);

#endif
