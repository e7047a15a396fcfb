/* Dead code: what no result needs goes. States, lists, control flow and random numbers stay: they
 * do more than give values, or other random numbers would come after them. */
#include "ops/ops.h"
#include "pass/pass.h"

static bool must_stay(const pome__op *op) {
  return op->output_count == 0 || op->schema->kind == POME__OP_CONTROL ||
         op->schema->kind == POME__OP_RANDOM;
}

static bool is_live(const bool *live, const pome__op *op) {
  if (must_stay(op)) return true;
  for (size_t o = 0; o < op->output_count; o++) {
    if (live[op->outputs[o]->index]) return true;
  }
  return false;
}

static void mark(bool *live, pome__value *const *values, size_t count) {
  for (size_t i = 0; i < count; i++) live[values[i]->index] = true;
}

/* From the last operation to the first, so that uses come before what they use; drops what has
 * none. */
static void sweep(pome__pass_work *work, bool *live, pome__block *block) {
  mark(live, block->outputs, block->output_count);
  size_t kept = block->op_count;
  for (size_t i = block->op_count; i-- > 0;) {
    pome__op *op = block->ops[i];
    if (!is_live(live, op)) {
      work->changes++;
      continue;
    }
    for (size_t a = 0; a < op->arg_count; a++) mark(live, op->args[a].values, op->args[a].count);
    for (size_t b = 0; b < op->block_count; b++) sweep(work, live, op->blocks[b]);
    block->ops[--kept] = op;
  }
  block->op_count -= kept;
  for (size_t i = 0; i < block->op_count; i++) block->ops[i] = block->ops[kept + i];
}

static pome_status whole(pome__pass_work *work) {
  bool *live = POME__NEW_ARRAY(&work->scratch, bool, work->value_count);
  if (live == NULL) return pome__fail_memory(work->error, "a pass");
  for (size_t i = 0; i < work->value_count; i++) live[i] = work->fixed[i];
  sweep(work, live, work->function->body);
  return POME_OK;
}

const pome__pass pome__pass_dead = {"dead", NULL, whole};
