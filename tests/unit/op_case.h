/* Op cases as data: one op, its inputs and what it must give, in a line of text each.
 *
 * Inputs: `name=value; name=value`. A value is
 *   fp32[2,2]{1, 2.5, -inf, nan}   a tensor; [] is a scalar; {0..5} counts; {7*24} repeats; {} with
 * a 0 dimension is empty "EXACT"  true  3  1.5          scalars: string, bool, int32, and a float
 * of the first float input's type string[2]{"a", "b"}            a tensor of strings (value, value)
 * a tuple const fp32[1]{1}               forces a compile-time value; parameters that must be
 * constant are so without it Expected: `value; value` for the outputs in order, or `error: part of
 * the message` for POME_INPUT (`unsupported: ...` for POME_UNSUPPORTED), at resolve, inference or
 * evaluation. `fp32[2,3]` without braces checks the type alone.
 *
 * Each case runs through resolve, inference and evaluation in all three numerics; and inference
 * runs again with unknown dimensions and with unknown ranks, and must then succeed with a type that
 * the true one fits. Then a program of this one operation is planned and run twice on every device
 * in every numerics (modes.h) and must give the same, or fail with the same error: with the sizes
 * of its inputs declared, with them left open, and once more from a package with the parameters of
 * compressed constants in its weight file.
 */
#ifndef POME_TESTS_UNIT_OP_CASE_H
#define POME_TESTS_UNIT_OP_CASE_H

#include "ops/ops.h"

typedef struct op_case {
  const char *op;
  pome__opset opset;
  const char *inputs;
  const char *expected;
  double tolerance; /* relative and absolute; 0: 2e-6 for fp32 and wider, 1e-3 for fp16, exact for
                     * the rest. `fast` and `wide` get ten times as much, and fp16's where the
                     * output is fp16 */
} op_case;

/* Fails the running cmocka test, naming the case, at the first case that is not right. */
void op_cases_run(const op_case *cases, size_t count);
#define OP_CASES_RUN(cases) op_cases_run(cases, sizeof(cases) / sizeof((cases)[0]))

#endif
