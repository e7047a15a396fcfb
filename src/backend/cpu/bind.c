/* From steps to sizes: concrete types by inference, small integer values computed ahead, and
 * offsets in the arena. Runs at the first prediction and whenever an input's size changes; takes
 * memory only when the sizes exceed what was reserved.
 */

#include "backend/cpu/cpu.h"
#include "base/check.h"
#include "tensor/element.h"
#include "tensor/shape.h"

void pome__cpu_call(pome__cpu *cpu, size_t s, bool known_only, pome__call *call,
                    pome_error *error) {
  const pome__cpu_plan *plan = cpu->prepared;
  const pome__step *step = &plan->steps[s];
  pome__call_init(call, step->op, error);
  for (size_t i = 0; i < step->operand_count; i++) {
    pome__bound *bound = &cpu->bound[step->operands[i]];
    bool usable = bound->type.kind == POME__TYPE_TENSOR &&
                  (known_only ? bound->known : bound->tensor.rank >= 0);
    cpu->operands[step->first_operand + i] =
        (pome__operand){&bound->type, usable ? &bound->tensor : NULL};
  }
  call->operands = &cpu->operands[step->first_operand];
  call->out_types = &cpu->out_types[step->first_output];
  call->outputs = &cpu->outputs[step->first_output];
  call->numerics = plan->numerics;
  call->kernels = plan->kernels;
  call->scratch = &cpu->scratch;
}

/* ---- types ---- */

static bool operands_known(const pome__cpu *cpu, const pome__step *step, bool values) {
  for (size_t i = 0; i < step->operand_count; i++) {
    const pome__bound *bound = &cpu->bound[step->operands[i]];
    if (values ? !bound->known : !pome__type_is_known(&bound->type)) return false;
  }
  return true;
}

/* A tensor of that type as it is stored, without memory yet. */
static pome_status shape_tensor(const pome__cpu_plan *plan, const pome__step *step,
                                const pome__type *type, pome_tensor *tensor, pome_error *error) {
  bool raw = step->kind == POME__STEP_READ_STATE;
  pome_dtype dtype = raw ? type->dtype : pome__stored_dtype(type->dtype, plan->numerics);
  return pome_tensor_init(tensor, dtype, type->rank, type->dims, NULL, error);
}

/* Types of the outputs of step `s`; flags it when they are not sure or not known before it runs. */
static pome_status infer_step(pome__cpu *cpu, size_t s, pome__call *call, pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  bool inferred = operands_known(cpu, step, false);
  if (inferred) POME__TRY(pome__call_infer(call));
  if (call->missed_value) cpu->step_flags[s] |= POME__STEP_CHECK;
  for (size_t o = 0; o < step->op->output_count; o++) {
    pome__bound *bound = &cpu->bound[step->outputs[o]];
    const pome__type *declared = &step->op->outputs[o]->type;
    pome__type *type = &cpu->out_types[step->first_output + o];
    if (!inferred || !pome__type_is_known(type)) {
      *type = *declared;
      cpu->step_flags[s] |= pome__type_is_known(declared) ? POME__STEP_CHECK : POME__STEP_DYNAMIC;
    }
    bound->type = *type;
    bound->known = false;
    bound->dynamic = !pome__type_is_known(type);
    if (!bound->dynamic) POME__TRY(shape_tensor(cpu->prepared, step, type, &bound->tensor, error));
  }
  return POME_OK;
}

/* ---- places ---- */

static void *small_place(const pome__cpu *cpu, uint32_t local) {
  return cpu->small + (size_t)cpu->prepared->locals[local].small_at * POME__SMALL_BYTES;
}

static bool fits_small(const pome__cpu *cpu, uint32_t local) {
  const pome__bound *bound = &cpu->bound[local];
  return cpu->prepared->locals[local].small_at != POME__NO_LOCAL && !bound->dynamic &&
         pome_tensor_count(&bound->tensor) <= POME__SMALL;
}

/* Gives the outputs of step `s` a small place, or an interval that gets an offset later. Returns
 * how many went small. */
static size_t place_outputs(pome__cpu *cpu, size_t s, size_t *interval_count) {
  const pome__step *step = &cpu->prepared->steps[s];
  size_t small = 0;
  for (size_t o = 0; o < step->op->output_count; o++) {
    uint32_t local = step->outputs[o];
    pome__bound *bound = &cpu->bound[local];
    if (fits_small(cpu, local)) {
      bound->tensor.data = small_place(cpu, local);
      small++;
    } else if (cpu->prepared->locals[local].storage == POME__STORE_PLANNED && !bound->dynamic) {
      cpu->intervals[*interval_count] = (pome__interval){pome_tensor_bytes(&bound->tensor), s,
                                                         cpu->prepared->locals[local].last, 0};
      cpu->interval_local[(*interval_count)++] = local;
    }
  }
  return small;
}

/* Small integer results of known operands are computed now, so that shapes can follow from them. */
static pome_status fold_step(pome__cpu *cpu, size_t s, size_t small, pome__call *call) {
  const pome__step *step = &cpu->prepared->steps[s];
  bool pure = step->op->schema->kind == POME__OP_PURE || step->op->schema->kind == POME__OP_VIEW;
  if (step->kind != POME__STEP_EVAL || !pure || cpu->step_flags[s] != 0 ||
      small != step->op->output_count || !operands_known(cpu, step, true)) {
    return POME_OK;
  }
  for (size_t o = 0; o < step->op->output_count; o++)
    call->outputs[o] = cpu->bound[step->outputs[o]].tensor;
  pome_status status = step->op->schema->eval(call);
  pome__arena_reset(&cpu->scratch);
  if (status != POME_OK) return status;
  for (size_t o = 0; o < step->op->output_count; o++) cpu->bound[step->outputs[o]].known = true;
  cpu->step_flags[s] |= POME__STEP_DONE;
  return POME_OK;
}

static pome_status take_arena(pome__cpu *cpu, size_t bytes, pome_error *error) {
  if (bytes <= cpu->arena_bytes) return POME_OK;
  void *arena = pome__alloc_aligned(cpu->allocator, bytes);
  if (arena == NULL) return pome__fail_memory(error, "intermediate tensors");
  pome__free_aligned(cpu->allocator, cpu->arena, cpu->arena_bytes);
  cpu->arena = arena;
  cpu->arena_bytes = bytes;
  return POME_OK;
}

/* Offsets for everything placed, then every pointer that does not change between predictions of
 * this size. */
static pome_status place_all(pome__cpu *cpu, size_t interval_count, pome_error *error) {
  const pome__cpu_plan *plan = cpu->prepared;
  size_t bytes;
  if (!pome__assign_offsets(cpu->intervals, interval_count, cpu->live, &bytes))
    return pome__fail_memory(error, "intermediate tensors");
  POME__TRY(take_arena(cpu, bytes, error));
  for (size_t i = 0; i < interval_count; i++) {
    cpu->bound[cpu->interval_local[i]].tensor.data = (char *)cpu->arena + cpu->intervals[i].offset;
  }
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    pome__bound *bound = &cpu->bound[i];
    if (local->storage != POME__STORE_ALIAS || bound->dynamic || cpu->bound[local->of].dynamic)
      continue;
    bound->tensor.data = cpu->bound[local->of].tensor.data;
    pome_dtype dtype = cpu->bound[local->of].tensor.dtype;
    bound->tensor.dtype = dtype;
  }
  for (size_t s = 0; s < plan->step_count; s++) {
    const pome__step *step = &plan->steps[s];
    pome__call call;
    pome__cpu_call(cpu, s, false, &call, error);
    for (size_t o = 0; o < step->op->output_count; o++)
      call.outputs[o] = cpu->bound[step->outputs[o]].tensor;
  }
  return POME_OK;
}

/* Everything after the external locals have their types. */
static pome_status bind_sizes(pome__cpu *cpu, pome_error *error) {
  const pome__cpu_plan *plan = cpu->prepared;
  size_t interval_count = 0;
  cpu->is_bound = false;
  for (size_t s = 0; s < plan->step_count; s++) {
    pome__call call;
    cpu->step_flags[s] = 0;
    pome__cpu_call(cpu, s, true, &call, error);
    pome_status status = infer_step(cpu, s, &call, error);
    if (status == POME_OK)
      status = fold_step(cpu, s, place_outputs(cpu, s, &interval_count), &call);
    if (status != POME_OK) {
      pome__error_at_op(error, plan->steps[s].op->name);
      return status;
    }
  }
  return place_all(cpu, interval_count, error);
}

static void bind_external(pome__bound *bound, const pome__value *value, const pome_tensor *tensor) {
  bound->tensor = *tensor;
  bound->type = value->type.kind == POME__TYPE_STATE
                    ? value->type
                    : pome__type_tensor(value->type.dtype, tensor->rank, tensor->shape);
}

pome_status pome__cpu_bind(pome__cpu *cpu, pome_error *error) {
  const pome__cpu_plan *plan = cpu->prepared;
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    if (local->storage != POME__STORE_EXTERNAL) continue;
    bind_external(&cpu->bound[i], local->value, &cpu->exec->slots[local->value->index].tensor);
  }
  POME__TRY(bind_sizes(cpu, error));
  cpu->is_bound = true;
  return POME_OK;
}

/* ---- reserving ---- */

/* Evaluations may convert their operands to double: room for the largest step, up to a ceiling. */
#define SCRATCH_CEILING ((size_t)16 << 20)

static void reserve_scratch(pome__cpu *cpu) {
  const pome__cpu_plan *plan = cpu->prepared;
  size_t largest = 4096;
  for (size_t s = 0; s < plan->step_count; s++) {
    const pome__step *step = &plan->steps[s];
    size_t bytes = 4096;
    if (step->kind == POME__STEP_CONV && cpu->step_flags[s] == 0 &&
        pome__cpu_conv_scratch(cpu, s, &bytes) == POME_OK && bytes > largest)
      largest = bytes;
    if (step->kind != POME__STEP_EVAL && step->kind != POME__STEP_LINEAR) continue;
    for (size_t i = 0; i < step->operand_count; i++) {
      if (cpu->bound[step->operands[i]].tensor.rank < 0) continue;
      bytes += 8 * pome_tensor_count(&cpu->bound[step->operands[i]].tensor) + 64;
    }
    for (size_t o = 0; o < step->op->output_count; o++)
      bytes += 8 * pome_tensor_count(&cpu->bound[step->outputs[o]].tensor) + 64;
    if (bytes > largest) largest = bytes;
  }
  if (largest > SCRATCH_CEILING) largest = SCRATCH_CEILING;
  (void)pome__arena_alloc(&cpu->scratch, largest, 64);
  pome__arena_reset(&cpu->scratch);
}

void pome__cpu_reserve(pome__cpu *cpu) {
  const pome__cpu_plan *plan = cpu->prepared;
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    if (local->storage != POME__STORE_EXTERNAL) continue;
    const pome__type *type = plan->plan->bounds[local->value->index];
    if (type == NULL)
      type = local->value->type.kind == POME__TYPE_STATE ? local->value->type.elements[0]
                                                         : &local->value->type;
    pome_tensor tensor;
    if (type->kind != POME__TYPE_TENSOR || !pome__type_is_known(type) ||
        pome_tensor_init(&tensor, type->dtype, type->rank, type->dims, NULL, NULL) != POME_OK) {
      return;
    }
    bind_external(&cpu->bound[i], local->value, &tensor);
  }
  if (bind_sizes(cpu, NULL) == POME_OK) reserve_scratch(cpu);
  cpu->is_bound = false;
}

pome_status pome__cpu_grow(pome__cpu *cpu, size_t s, size_t o, const pome__type *type,
                           pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  pome__bound *bound = &cpu->bound[step->outputs[o]];
  pome_tensor tensor;
  POME__TRY(shape_tensor(cpu->prepared, step, type, &tensor, error));
  size_t bytes = pome_tensor_bytes(&tensor);
  if (bytes > bound->grown_bytes || bound->grown == NULL) {
    void *grown = pome__alloc_aligned(cpu->allocator, bytes);
    if (grown == NULL) return pome__fail_memory(error, "an intermediate tensor");
    pome__free_aligned(cpu->allocator, bound->grown, bound->grown_bytes);
    bound->grown = grown;
    bound->grown_bytes = bytes;
  }
  tensor.data = bound->grown;
  bound->tensor = tensor;
  bound->type = *type;
  cpu->outputs[step->first_output + o] = tensor;
  return POME_OK;
}
