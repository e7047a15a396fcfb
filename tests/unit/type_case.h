/* Calls of every operation in every element type that the op table allows.
 *
 * A case is the text of an op case (op_case.h) in which `$name` stands for the element type of the
 * parameter `name`. It is run for every row of that name from `since` on that has all of its
 * parameters, in every combination of types that the row allows: parameters that must agree share
 * one. The values are small whole numbers where that can be, so that the same result is right in
 * all of them.
 */
#ifndef POME_TESTS_UNIT_TYPE_CASE_H
#define POME_TESTS_UNIT_TYPE_CASE_H

#include "ops/ops.h"

typedef struct type_case {
  const char *op;
  pome__opset since;
  pome__dtypes only; /* these types alone, where the result depends on them; 0: all */
  const char *inputs;
  const char *expected;
} type_case;

const type_case *type_cases_numbers(size_t *count);
const type_case *type_cases_moves(size_t *count);

#endif
