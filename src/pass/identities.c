/* Operations that hand on what they are given: `identity`, and reshapes to the shape that is there.
 * Of two reshapes in a row the first does not matter. */
#include <string.h>

#include "ops/ops.h"
#include "pass/pass.h"

static bool is_called(const pome__op *op, const char *type) {
  return op != NULL && strcmp(op->type, type) == 0;
}

/* A shape in which every number stands for itself: 0 means the size that is there. */
static bool is_absolute(const pome__value *shape) {
  int64_t sizes[POME_MAX_RANK];
  size_t count;
  if (!pome__pass_ints(shape, sizes, POME_MAX_RANK, &count)) return false;
  for (size_t i = 0; i < count; i++) {
    if (sizes[i] == 0) return false;
  }
  return true;
}

static pome_status visit(pome__pass_work *work, pome__op *op) {
  bool view = op->schema->kind == POME__OP_VIEW || is_called(op, "identity");
  if (!view || op->output_count != 1) return POME_OK;
  pome__value *x = pome__op_operand_value(op, 0);
  if (x == NULL || x->type.kind != POME__TYPE_TENSOR) return POME_OK;
  if (is_called(op, "reshape") && is_called(x->producer, "reshape") &&
      is_absolute(pome__pass_operand(op, "shape"))) {
    pome__value *before = pome__pass_operand(x->producer, "x");
    if (before != NULL && before->type.kind == POME__TYPE_TENSOR) {
      pome__pass_set_operand(op, "x", before);
      work->changes++;
      x = before;
    }
  }
  if (is_called(op, "identity") || pome__type_is_known(&x->type))
    (void)pome__pass_replace(work, op->outputs[0], x);
  return POME_OK;
}

const pome__pass pome__pass_identities = {"identities", visit, NULL};
