/* States in place: read_state -> slice_update -> write_state moves only the new rows when nobody
 * needs the old value.
 *
 * Three decisions, each only where it cannot be seen from outside:
 *   - a read is the state's own memory when nothing changes the state before the last use of what
 * was read;
 *   - a slice_update of such a read writes into the state when the old value is dead after it, the
 * result is what the state is written with next, nothing reads or writes the state in between, and
 * the result is not needed after a later change;
 *   - the write_state that follows has nothing to do.
 * Otherwise values are copied. Positions are steps; every write_state and every slice_update that
 * might go in place counts as a change.
 */
#include <string.h>

#include "backend/cpu/cpu.h"

/* The state a local was read from, or POME__NO_LOCAL. */
static uint32_t state_behind(const pome__cpu_plan *plan, uint32_t local) {
  const pome__local *group = &plan->locals[plan->locals[local].group];
  if (group->made_by == POME__NO_LOCAL) return POME__NO_LOCAL;
  const pome__step *step = &plan->steps[group->made_by];
  if (step->kind == POME__STEP_READ_STATE) return step->operands[0];
  if (step->kind == POME__STEP_UPDATE_STATE) return group->of;
  return POME__NO_LOCAL;
}

/* The last use of a value or of any view of it. */
static size_t group_last(const pome__cpu_plan *plan, uint32_t group) {
  size_t last = 0;
  for (size_t i = 0; i < plan->local_count; i++) {
    if (plan->locals[i].group == group && plan->locals[i].last > last) last = plan->locals[i].last;
  }
  return last;
}

static bool group_leaves(const pome__cpu_plan *plan, uint32_t group) {
  for (size_t i = 0; i < plan->local_count; i++) {
    if (plan->locals[i].group == group && plan->locals[i].leaves) return true;
  }
  return false;
}

static bool is_slice_update(const pome__step *step) {
  return strcmp(step->op->type, "slice_update") == 0;
}

/* The state that step `s` may change, or POME__NO_LOCAL. */
static uint32_t may_change(const pome__cpu_plan *plan, size_t s) {
  const pome__step *step = &plan->steps[s];
  if (step->kind == POME__STEP_WRITE_STATE) return step->operands[0];
  if (step->kind == POME__STEP_UPDATE_STATE || is_slice_update(step))
    return state_behind(plan, step->operands[0]);
  return POME__NO_LOCAL;
}

/* Whether a step in (after, until] other than `except` may change or, with `reads`, read the state.
 */
static bool touched(const pome__cpu_plan *plan, uint32_t state, size_t after, size_t until,
                    size_t except, bool reads) {
  for (size_t s = after + 1; s <= until && s < plan->step_count; s++) {
    if (s == except) continue;
    if (may_change(plan, s) == state) return true;
    if (reads && plan->steps[s].kind == POME__STEP_READ_STATE &&
        plan->steps[s].operands[0] == state)
      return true;
  }
  return false;
}

/* The write_state that stores what step `s` makes, or step_count. */
static size_t write_of(const pome__cpu_plan *plan, size_t s, uint32_t state) {
  uint32_t made = plan->steps[s].outputs[0];
  for (size_t w = s + 1; w < plan->step_count; w++) {
    const pome__step *step = &plan->steps[w];
    if (step->kind == POME__STEP_WRITE_STATE && step->operands[0] == state &&
        step->operands[1] == made)
      return w;
  }
  return plan->step_count;
}

static bool same_type(const pome__cpu_plan *plan, uint32_t a, uint32_t state) {
  const pome__type *type = &plan->locals[state].value->type;
  return type->element_count == 1 &&
         pome__type_equal(&plan->locals[a].value->type, type->elements[0]);
}

static void alias(pome__cpu_plan *plan, uint32_t local, uint32_t state) {
  uint32_t group = plan->locals[local].group;
  for (size_t i = 0; i < plan->local_count; i++) {
    if (plan->locals[i].group != group) continue;
    plan->locals[i].storage = POME__STORE_ALIAS;
    plan->locals[i].of = state;
  }
}

/* A read may be the state's memory when the state rests until the last use; the last use itself may
 * be the update that changes it. */
static void alias_read(pome__cpu_plan *plan, size_t s) {
  uint32_t state = plan->steps[s].operands[0], made = plan->steps[s].outputs[0];
  size_t last = group_last(plan, made);
  if (group_leaves(plan, made)) return;
  size_t except = last < plan->step_count && is_slice_update(&plan->steps[last]) ? last : SIZE_MAX;
  if (!touched(plan, state, s, last, except, false)) alias(plan, made, state);
}

/* Whether the state's memory is needed otherwise when step `s` changes it: as another operand of
 * the step, or by what was read before and is used after. */
static bool seen_elsewhere(const pome__cpu_plan *plan, uint32_t state, size_t s) {
  const pome__step *step = &plan->steps[s];
  for (size_t i = 1; i < step->operand_count; i++) {
    const pome__local *local = &plan->locals[step->operands[i]];
    if (local->storage == POME__STORE_ALIAS && local->of == state) return true;
  }
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    if (local->storage == POME__STORE_ALIAS && local->of == state && local->made_by < s &&
        local->last > s)
      return true;
  }
  return false;
}

static void update_in_place(pome__cpu_plan *plan, size_t s) {
  pome__step *step = &plan->steps[s];
  uint32_t x = step->operands[0], made = step->outputs[0];
  uint32_t state = state_behind(plan, x);
  if (state == POME__NO_LOCAL || plan->locals[x].storage != POME__STORE_ALIAS ||
      plan->locals[x].of != state)
    return;
  if (!same_type(plan, made, state) || !same_type(plan, x, state) || group_leaves(plan, made) ||
      seen_elsewhere(plan, state, s))
    return;
  size_t write = write_of(plan, s, state);
  if (write == plan->step_count || touched(plan, state, s, write, write, true)) return;
  size_t last = group_last(plan, made);
  size_t except = last < plan->step_count && is_slice_update(&plan->steps[last]) ? last : write;
  for (size_t w = s + 1; w <= last && w < plan->step_count; w++) {
    if (w != write && w != except && may_change(plan, w) == state) return;
  }
  step->kind = POME__STEP_UPDATE_STATE;
  alias(plan, made, state);
}

/* A read whose update did not go in place is still a good alias: the update copies it. */
void pome__cpu_alias_states(pome__cpu_plan *plan) {
  for (size_t s = 0; s < plan->step_count; s++) {
    if (plan->steps[s].kind == POME__STEP_READ_STATE) alias_read(plan, s);
    if (plan->steps[s].kind == POME__STEP_EVAL && is_slice_update(&plan->steps[s]))
      update_in_place(plan, s);
  }
}
