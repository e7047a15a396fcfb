/* The CPU backend: everything that `ops` evaluates, with memory laid out ahead, states changed in
 * place and matrix products on the kernels. Control flow and lists are left to the next device of
 * the chain.
 */
#include "backend/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#include "backend/backends.h"
#include "base/check.h"

/* identity takes lists and dictionaries too. */
static bool moves_lists(const pome__op *op) {
  return op->output_count > 0 && op->outputs[0]->type.kind != POME__TYPE_TENSOR;
}

static bool supports(const pome__op *op, const pome__settings *settings, char *reason,
                     size_t size) {
  (void)settings;
  bool state = strcmp(op->type, "read_state") == 0 || strcmp(op->type, "write_state") == 0;
  if (state ||
      (op->schema->kind != POME__OP_CONTROL && op->schema->eval != NULL && !moves_lists(op)))
    return true;
  bool control = op->schema->kind == POME__OP_CONTROL || moves_lists(op);
  snprintf(reason, size,
           control ? "\"%s\" (control flow and lists) is left to the reference interpreter"
                   : "operation \"%s\" is not evaluated yet",
           op->type);
  return false;
}

static void release(pome__subplan *subplan) {
  subplan->prepared = NULL;
}

/* ---- instances: the struct and its arrays are one block ---- */

static size_t take(size_t *at, size_t count, size_t size) {
  size_t place = (*at + 63) & ~(size_t)63;
  *at = place + count * size;
  return place;
}

static void close_instance(void *instance) {
  pome__cpu *cpu = instance;
  if (cpu == NULL) return;
  for (size_t i = 0; i < cpu->prepared->local_count; i++) {
    pome__free_aligned(cpu->allocator, cpu->bound[i].grown, cpu->bound[i].grown_bytes);
  }
  pome__free_aligned(cpu->allocator, cpu->arena, cpu->arena_bytes);
  pome__arena_free(&cpu->scratch);
  pome__free_aligned(cpu->allocator, cpu, cpu->own_bytes);
}

static void bind_constants(pome__cpu *cpu) {
  const pome__cpu_plan *plan = cpu->prepared;
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__value *value = plan->locals[i].value;
    const pome_tensor *tensor = plan->plan->constants[value->index];
    cpu->bound[i].type = value->type;
    cpu->bound[i].tensor.rank = -1;
    if (plan->locals[i].storage != POME__STORE_CONSTANT || tensor == NULL) continue;
    cpu->bound[i].tensor = *tensor;
    cpu->bound[i].known = true;
  }
}

static size_t most_outputs(const pome__cpu_plan *plan) {
  size_t most = 1;
  for (size_t s = 0; s < plan->step_count; s++) {
    if (plan->steps[s].op->output_count > most) most = plan->steps[s].op->output_count;
  }
  return most;
}

static pome_status open_instance(const pome__subplan *subplan, const pome_allocator *allocator,
                                 void **instance, pome_error *error) {
  const pome__cpu_plan *plan = subplan->prepared;
  size_t locals = plan->local_count, bytes = 0;
  (void)take(&bytes, 1, sizeof(pome__cpu));
  size_t bound = take(&bytes, locals, sizeof(pome__bound)),
         operands = take(&bytes, plan->operand_total, sizeof(pome__operand));
  size_t types = take(&bytes, plan->output_total, sizeof(pome__type)),
         outputs = take(&bytes, plan->output_total, sizeof(pome_tensor));
  size_t flags = take(&bytes, plan->step_count, 1),
         check = take(&bytes, most_outputs(plan), sizeof(pome__type));
  size_t intervals = take(&bytes, plan->output_total, sizeof(pome__interval));
  size_t interval_local = take(&bytes, plan->output_total, sizeof(uint32_t)),
         live = take(&bytes, plan->output_total, sizeof(size_t));
  size_t small = take(&bytes, plan->small_total, POME__SMALL_BYTES);

  char *block = pome__alloc_aligned(allocator, bytes);
  if (block == NULL) return pome__fail_memory(error, "a run");
  memset(block, 0, bytes);
  pome__cpu *cpu = (pome__cpu *)(void *)block;
  *cpu = (pome__cpu){
      .prepared = plan,
      .allocator = allocator,
      .bound = (pome__bound *)(void *)(block + bound),
      .operands = (pome__operand *)(void *)(block + operands),
      .out_types = (pome__type *)(void *)(block + types),
      .outputs = (pome_tensor *)(void *)(block + outputs),
      .step_flags = (uint8_t *)(block + flags),
      .check_types = (pome__type *)(void *)(block + check),
      .intervals = (pome__interval *)(void *)(block + intervals),
      .interval_local = (uint32_t *)(void *)(block + interval_local),
      .live = (size_t *)(void *)(block + live),
      .small = (unsigned char *)(block + small),
      .own_bytes = bytes,
  };
  pome__arena_init(&cpu->scratch, allocator, 0);
  bind_constants(cpu);
  pome__cpu_reserve(cpu);
  *instance = cpu;
  return POME_OK;
}

static size_t instance_bytes(const void *instance) {
  const pome__cpu *cpu = instance;
  size_t bytes = cpu->own_bytes + cpu->arena_bytes + cpu->scratch.taken;
  for (size_t i = 0; i < cpu->prepared->local_count; i++) bytes += cpu->bound[i].grown_bytes;
  return bytes;
}

const pome__backend pome__backend_cpu = {
    .name = "cpu",
    .supports = supports,
    .prepare = pome__cpu_prepare,
    .release = release,
    .open = open_instance,
    .close = close_instance,
    .bytes = instance_bytes,
    .submit = pome__cpu_submit,
};
