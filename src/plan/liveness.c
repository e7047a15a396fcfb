/* How long values live: for each value, the last operation of its own block that uses it. */
#include "plan/plan.h"

void pome__op_for_each_use(const pome__op *op, void (*use)(void *context, pome__value *value),
                           void *context) {
  for (size_t a = 0; a < op->arg_count; a++) {
    for (size_t v = 0; v < op->args[a].count; v++) use(context, op->args[a].values[v]);
  }
  for (size_t b = 0; b < op->block_count; b++) {
    const pome__block *block = op->blocks[b];
    for (size_t i = 0; i < block->op_count; i++) pome__op_for_each_use(block->ops[i], use, context);
    for (size_t i = 0; i < block->output_count; i++) use(context, block->outputs[i]);
  }
}

typedef struct walk {
  const pome__block *block;
  const pome__op *op;
  const pome__block **home;
  const pome__op **last;
} walk;

static void note(void *context, pome__value *value) {
  const walk *w = context;
  if (w->home[value->index] == w->block) w->last[value->index] = w->op;
}

void pome__last_users(const pome__block *block, const pome__block **home, const pome__op **last) {
  for (size_t i = 0; i < block->input_count; i++) home[block->inputs[i]->index] = block;
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    for (size_t o = 0; o < op->output_count; o++) home[op->outputs[o]->index] = block;
    for (size_t b = 0; b < op->block_count; b++) pome__last_users(op->blocks[b], home, last);
    walk w = {block, op, home, last};
    pome__op_for_each_use(op, note, &w);
  }
  for (size_t i = 0; i < block->output_count; i++) {
    if (home[block->outputs[i]->index] == block) last[block->outputs[i]->index] = NULL;
  }
}
