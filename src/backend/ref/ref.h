/* Parts of the reference interpreter shared between its files: frames, and the operations that are
 * not pure functions of tensors. */
#ifndef POME_SRC_BACKEND_REF_REF_H
#define POME_SRC_BACKEND_REF_REF_H

#include "ops/ops.h"
#include "plan/plan.h"

/* A subplan made ready: everything is constant while it runs. */
typedef struct pome__ref_plan {
  pome__plan *plan;
  const pome__subplan *subplan;
  const pome__op **last; /* by value index: the operation after which it is let go, or NULL */
  size_t max_operands, max_outputs; /* of one operation */
} pome__ref_plan;

typedef struct pome__ref {
  const pome__ref_plan *prepared;
  const pome_allocator *allocator;
  const pome__exec *exec; /* during submit */
  pome__arena scratch;
  pome__operand *operands; /* room for the largest operation */
  pome__type *operand_types;
  pome__type *out_types;
  pome_tensor *outputs;
} pome__ref;

/* Runs the operations of a block whose inputs stand in their slots; its outputs stand in theirs
 * afterwards. */
pome_status pome__ref_run_block(pome__ref *ref, const pome__block *block, pome_error *error);

/* cond, while_loop, make_list, list_*, read_state, write_state, classify; identity of what is no
 * tensor. */
pome_status pome__ref_run_control(pome__ref *ref, const pome__op *op, pome_error *error);
/* Whether control.c knows the operation. */
bool pome__ref_has_control(const char *type);

/* Here `fast` is `strict`. */
static inline pome_numerics pome__ref_numerics(const pome__ref *ref) {
  return ref->prepared->plan->settings.numerics == POME_NUMERICS_WIDE ? POME_NUMERICS_WIDE
                                                                      : POME_NUMERICS_STRICT;
}

/* The slot of a value of this prediction. */
static inline pome__slot *pome__ref_slot(const pome__ref *ref, const pome__value *value) {
  return &ref->exec->slots[value->index];
}
/* A value's tensor, constant or computed; NULL with an error when it has none. */
pome_status pome__ref_tensor(const pome__ref *ref, const pome__value *value,
                             const pome_tensor **tensor, pome_error *error);

#endif
