/* What both forms of `pome inspect` gather: weights by encoding, and what cannot run. */
#ifndef POME_APPS_INSPECT_H
#define POME_APPS_INSPECT_H

#include <jansson.h>

#include <pome/model.h>

#include "options.h"

/* Constants of one encoding and element type. */
typedef struct weight_group {
  const char *encoding;
  pome_dtype dtype;
  size_t count, bytes;
} weight_group;

typedef struct weight_groups {
  weight_group *items; /* largest first; free it */
  size_t count;
  size_t constants, bytes; /* in all */
  size_t missing;          /* bytes whose weight file is not there */
} weight_groups;

pome_status inspect_weights(const pome_function *function, weight_groups *groups,
                            pome_error *error);
/* Constants are not counted. */
size_t inspect_operations(const pome_function *function);
bool inspect_is_constant(const pome_op_count *op);
/* "iOS 17" for "CoreML7", or NULL. */
const char *inspect_system(const char *opset);
/* Why nothing of a model that is no program runs, into `reason`; false for programs, whose
 * operations tell. */
bool inspect_refusal(const pome_function *function, pome_error *reason);
/* True for functions that --function leaves in. */
bool inspect_wanted(const struct options *options, const pome_function *function);

/* What a prediction costs, from declared shapes (inspect_cost.c). */
typedef struct inspect_cost {
  double multiply_adds;
  double activation_bytes; /* of intermediate values at once, at most */
  size_t open;             /* operations of open size, which are not counted */
} inspect_cost;
pome_status inspect_estimate(const pome_function *function, inspect_cost *cost, pome_error *error);

/* Lines of the text form: a heading, a text in a column, "299 million" into text. */
void inspect_heading(const char *text);
void inspect_padded(const char *text, int width);
const char *inspect_large_number(double value, char *text, size_t size);

/* inspect_gguf.c: the same for a GGUF file, which is no model that runs. */
pome_status inspect_gguf(const struct options *options, pome_error *error);

/* The whole document. NULL when out of memory. */
json_t *inspect_json(const pome_model *model, const struct options *options);

#endif
