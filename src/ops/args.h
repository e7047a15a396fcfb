/* Operands by the name of their parameter, so that one piece of code serves all versions of an op
 * whatever the order and number of their parameters; and arithmetic on dimensions that may not be
 * known.
 */
#ifndef POME_SRC_OPS_ARGS_H
#define POME_SRC_OPS_ARGS_H

#include "ops/infer.h"
#include "ops/ops.h"

/* Index of the parameter in this version, or -1. */
int pome__arg_index(const pome__call *call, const char *name);
bool pome__arg_given(const pome__call *call, const char *name);
/* NULL when absent. */
const pome__type *pome__arg_type(const pome__call *call, const char *name);
/* NULL when absent or not known. */
const pome_tensor *pome__arg_tensor(const pome__call *call, const char *name);

/* Values that must be known when types are inferred (constants, mostly): POME_INPUT naming the
 * parameter otherwise. */
pome_status pome__arg_int(pome__call *call, const char *name, int64_t *value);
pome_status pome__arg_ints(pome__call *call, const char *name, int64_t *out, size_t capacity,
                           size_t *count);
/* Exactly `count` integers. */
pome_status pome__arg_ints_exact(pome__call *call, const char *name, int64_t *out, size_t count);
pome_status pome__arg_bools_exact(pome__call *call, const char *name, bool *out, size_t count);
pome_status pome__arg_float(pome__call *call, const char *name, double *value);
pome_status pome__arg_axis(pome__call *call, const char *name, int64_t rank, int *axis);
/* False when the parameter is absent (in this version, too) and has no default. */
bool pome__arg_bool(const pome__call *call, const char *name);
/* A float with its default rounded to the type of operand 0, as a converter would have written it.
 */
double pome__arg_epsilon(const pome__call *call, const char *name);
/* Index of a string parameter's value in a NULL-ended list; case matters. POME_INPUT lists what is
 * allowed. */
pome_status pome__arg_choice(pome__call *call, const char *name, const char *const *choices,
                             int *index);
/* The element type of an operand, or `fallback` when it is absent. */
pome_dtype pome__arg_dtype(const pome__call *call, const char *name, pome_dtype fallback);

/* ---- dimensions: not known in, not known out; overflow gives INT64_MAX, which the check of output
 * types refuses ---- */
int64_t pome__dim_add(int64_t a, int64_t b);
int64_t pome__dim_mul(int64_t a, int64_t b);
/* Product of dims[from .. to-1]; 0 when one is 0. */
int64_t pome__dims_product(const int64_t *dims, int from, int to);
/* Number of elements of the value's type, or unknown. */
int64_t pome__type_count(const pome__type *type);

/* POME_INPUT unless the two dimensions are equal or one is not known. */
pome_status pome__need_dims_equal(pome__call *call, const char *what_a, int64_t a,
                                  const char *what_b, int64_t b);

/* ---- output from a shape operand (reshape, fill, random ...): dims where the operand is known,
 * else its length gives the rank, and the program may tell some of its elements ---- */
typedef struct pome__shape_value {
  int rank; /* -1: not known */
  int64_t dims[POME_MAX_RANK];
  bool known;
} pome__shape_value;
pome_status pome__arg_shape(pome__call *call, const char *name, pome__shape_value *shape);
/* The `count` elements of a list that are sizes above 0 whatever the inputs are (partial.c); others
 * come out as not known. False, without a change, when nothing is known of the list. */
bool pome__partial_dims(const pome__value *value, size_t count, int64_t *dims);

/* Room in the scratch arena for `count` elements, or NULL with `*status` set. */
#define POME__SCRATCH(call, type, count)                                                           \
  ((type *)pome__arena_array((call)->scratch, (count), sizeof(type), 64))

#endif
