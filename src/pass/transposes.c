/* Transposes: one that leaves every axis where it is is none; two in a row are one, or none. */
#include <string.h>

#include "ops/ops.h"
#include "pass/pass.h"

typedef struct order {
  int64_t axes[POME_MAX_RANK];
  size_t rank;
} order;

/* False unless `op` is a transpose whose order is written in the program. */
static bool order_of(const pome__op *op, order *result) {
  if (op == NULL || strcmp(op->type, "transpose") != 0 || op->output_count != 1) return false;
  order o;
  if (!pome__pass_ints(pome__pass_operand(op, "perm"), o.axes, POME_MAX_RANK, &o.rank))
    return false;
  for (size_t i = 0; i < o.rank; i++) {
    if (o.axes[i] < 0) o.axes[i] += (int64_t)o.rank;
    if (o.axes[i] < 0 || o.axes[i] >= (int64_t)o.rank) return false;
  }
  *result = o;
  return true;
}

static bool is_identity(const order *o) {
  for (size_t i = 0; i < o->rank; i++) {
    if (o->axes[i] != (int64_t)i) return false;
  }
  return true;
}

/* `second` after `first`. */
static order compose(const order *first, const order *second) {
  order o = {.rank = second->rank};
  for (size_t i = 0; i < o.rank; i++) o.axes[i] = first->axes[second->axes[i]];
  return o;
}

static pome_status set_order(pome__pass_work *work, pome__op *op, const order *o) {
  int32_t axes[POME_MAX_RANK];
  int64_t rank = (int64_t)o->rank;
  for (size_t i = 0; i < o->rank; i++) axes[i] = (int32_t)o->axes[i];
  pome__literal *literal =
      pome__literal_new_tensor(work->program, POME_INT32, 1, &rank, axes, o->rank * sizeof axes[0]);
  pome__value *value =
      literal == NULL ? NULL : pome__function_new_literal(work->program, work->function, literal);
  if (value == NULL) return pome__fail_memory(work->error, "a transpose");
  pome__pass_set_operand(op, "perm", value);
  return POME_OK;
}

static pome_status visit(pome__pass_work *work, pome__op *op) {
  order own, first;
  if (!order_of(op, &own)) return POME_OK;
  pome__value *x = pome__pass_operand(op, "x");
  if (x != NULL && order_of(x->producer, &first) && first.rank == own.rank) {
    own = compose(&first, &own);
    x = pome__pass_operand(x->producer, "x");
    POME__TRY(set_order(work, op, &own));
    pome__pass_set_operand(op, "x", x);
    work->changes++;
  }
  if (x != NULL && is_identity(&own)) (void)pome__pass_replace(work, op->outputs[0], x);
  return POME_OK;
}

const pome__pass pome__pass_transposes = {"transposes", visit, NULL};
