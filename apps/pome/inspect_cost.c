/* What a prediction costs, estimated from declared shapes: multiply-adds of the operations that
 * consist of them, and the most memory that intermediate values take at once when each is kept from
 * the operation that makes it to the last that uses it. What blocks hold, and values of open size,
 * are not counted.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect.h"

/* ---- multiply-adds ---- */

/* -1: not known. */
static double elements(const pome_operation_value *value) {
  double count = value->rank < 0 ? -1 : 1;
  for (int d = 0; d < value->rank; d++) {
    if (value->shape[d] == POME_DIM_UNKNOWN) return -1;
    count *= (double)value->shape[d];
  }
  return count;
}

/* Dimension counted from the end, from 1; -1: not known. */
static double dim(const pome_operation_value *value, int from_end) {
  return value->rank < from_end ? -1 : (double)value->shape[value->rank - from_end];
}

static bool is(const pome_operation *op, const char *type) {
  return strcmp(op->type, type) == 0;
}

/* of b for each element of a; not known when one is not */
static double times(double a, double b) {
  return a < 0 || b < 0 ? -1 : a * b;
}

/* Weights of rank 2 and more of a recurrent layer, each used once for every step. */
static double recurrent(const pome_operation *op) {
  const pome_operation_value *x = &op->inputs[0];
  double weights = 0;
  for (size_t i = 1; i < op->input_count; i++)
    if (op->inputs[i].constant && op->inputs[i].rank == 2) weights += elements(&op->inputs[i]);
  return times(times(dim(x, 3), dim(x, 2)), weights);
}

/* True with a `transpose` flag of the operation; it follows the two factors. */
static bool transposes(const pome_operation *op) {
  const pome_operation_value *flag = op->input_count > 2 ? &op->inputs[2] : NULL;
  return flag && flag->dtype == POME_BOOL && flag->literal.data &&
         *(const char *)flag->literal.data;
}

/* 0 for operations that are no sums of products; -1 when sizes are not known. */
static double multiply_adds(const pome_operation *op) {
  if (op->input_count < 2 || op->output_count < 1) return 0;
  const pome_operation_value *x = &op->inputs[0], *w = &op->inputs[1];
  double out = elements(&op->outputs[0]);
  if (is(op, "conv") || is(op, "conv_quantized"))
    return w->rank < 1 || w->shape[0] < 1 ? -1 : times(out, elements(w) / (double)w->shape[0]);
  if (is(op, "conv_transpose"))
    return w->rank < 1 || w->shape[0] < 1 ? -1
                                          : times(elements(x), elements(w) / (double)w->shape[0]);
  if (is(op, "linear")) return times(out, dim(w, 1));
  if (is(op, "matmul")) return times(out, dim(x, transposes(op) ? 2 : 1));
  if (is(op, "scaled_dot_product_attention"))
    return times(elements(x), 2 * dim(w, 2)); /* queries with keys, then with as many values */
  if (is(op, "lstm") || is(op, "gru") || is(op, "rnn")) return recurrent(op);
  return 0;
}

/* ---- memory ---- */

typedef struct lifetime {
  const char *name;
  double bytes;
  size_t first, last; /* operations */
} lifetime;

static int by_name(const void *a, const void *b) {
  return strcmp(((const lifetime *)a)->name, ((const lifetime *)b)->name);
}

static size_t collect(const pome_function *function, lifetime *values, inspect_cost *cost) {
  size_t count = 0, operations = pome_function_operation_count(function);
  for (size_t i = 0; i < operations; i++) {
    const pome_operation *op = pome_function_operation(function, i);
    if (op->constant) continue;
    bool open = false;
    for (size_t o = 0; o < op->output_count; o++) {
      const pome_operation_value *value = &op->outputs[o];
      double size = value->tensor ? elements(value) : -1;
      open = open || (value->tensor && size < 0);
      lifetime made = {value->name, 0, i, i};
      if (size > 0) made.bytes = size * pome_dtype_bits(value->dtype) / 8;
      if (values) values[count] = made;
      count++;
    }
    double work = multiply_adds(op);
    if (work > 0) cost->multiply_adds += work;
    cost->open += open || work < 0;
  }
  return count;
}

static void use(lifetime *values, size_t count, const char *name, size_t when) {
  lifetime key = {.name = name};
  lifetime *found = bsearch(&key, values, count, sizeof *values, by_name);
  if (found && found->last < when) found->last = when;
}

static void use_all(const pome_function *function, lifetime *values, size_t count) {
  size_t operations = pome_function_operation_count(function);
  for (size_t i = 0; i < operations; i++) {
    const pome_operation *op = pome_function_operation(function, i);
    for (size_t v = 0; v < op->input_count; v++) use(values, count, op->inputs[v].name, i);
  }
  for (size_t p = 0; p < pome_function_port_count(function, POME_OUTPUT_PORT); p++)
    use(values, count, pome_function_port(function, POME_OUTPUT_PORT, p)->name, operations);
}

pome_status inspect_estimate(const pome_function *function, inspect_cost *result,
                             pome_error *error) {
  inspect_cost cost = {0}, again = {0};
  size_t operations = pome_function_operation_count(function);
  size_t count = collect(function, NULL, &cost);
  lifetime *values = calloc(count + 1, sizeof *values);
  double *change = calloc(operations + 2, sizeof *change);
  if (!values || !change) {
    free(values);
    free(change);
    return pome__fail_memory(error, "the estimate");
  }
  collect(function, values, &again);
  qsort(values, count, sizeof *values, by_name);
  use_all(function, values, count);
  for (size_t i = 0; i < count; i++) {
    change[values[i].first] += values[i].bytes;
    change[values[i].last + 1] -= values[i].bytes;
  }
  double now = 0;
  for (size_t i = 0; i <= operations; i++) {
    now += change[i];
    if (now > cost.activation_bytes) cost.activation_bytes = now;
  }
  free(values);
  free(change);
  *result = cost;
  return POME_OK;
}
