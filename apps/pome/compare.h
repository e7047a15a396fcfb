/* Comparing what came out with what should: figures, tolerances, a verdict. */
#ifndef POME_APPS_COMPARE_H
#define POME_APPS_COMPARE_H

#include <jansson.h>

#include "results.h"

/* How near is near enough. A negative number is a condition that is not made; all others must hold.
 */
typedef struct tolerance {
  bool exact;
  double rel_l2;         /* norm of the difference over norm of the expected */
  double max_abs;        /* largest absolute difference */
  double mean_abs;       /* mean absolute difference */
  double atol, rtol;     /* per element: |a - b| <= atol + rtol * |b| */
  double mismatch_ratio; /* share of elements that may miss atol and rtol */
} tolerance;

/* What stands in docs/numerics.md for this type of output. */
tolerance tolerance_default(pome_dtype dtype, pome_feature feature);
/* The nearest that speaks of `name`: `nearest` then `farther` (golden.json's, either may be NULL),
 * else the default. Integers, booleans and strings only listen to one that names them. */
pome_status tolerance_find(const json_t *nearest, const json_t *farther, const char *name,
                           pome_dtype dtype, pome_feature feature, tolerance *result,
                           pome_error *error);
/* "atol 0.01 rtol 0.01" into buffer. */
const char *tolerance_text(const tolerance *tolerance, char *buffer, size_t size);
json_t *tolerance_json(const tolerance *tolerance);

typedef struct figures {
  size_t count;
  double max_abs, max_rel, mean_abs, rel_l2, cosine;
  size_t outside; /* elements out of tolerance */
  size_t first;   /* the first of them */
} figures;

typedef struct verdict {
  bool good;
  char reason[320]; /* why not */
  double used;      /* how much of the tolerance was used, 1 at its limit */
  figures figures;
} verdict;

/* Shapes () and (1,) count as equal. */
pome_status compare_tensors(const pome_tensor *got, const pome_tensor *expected,
                            const tolerance *tolerance, verdict *verdict, pome_error *error);
/* By key; a key on one side alone is a difference. */
pome_status compare_dictionaries(const port_result *got, const pome_tensor *keys,
                                 const pome_tensor *values, const tolerance *tolerance,
                                 verdict *verdict, pome_error *error);

#endif
