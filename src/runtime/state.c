/* States: named, zeroed tensors in host memory that predictions read and write in place. One
 * prediction at a time, and none while the state is written, zeroed or copied. */
#include <string.h>

#include "runtime/runtime.h"
#include "tensor/shape.h"

static pome__state_entry *find_entry(const pome_state *state, const char *name) {
  for (size_t i = 0; i < state->count; i++) {
    if (strcmp(state->entries[i].name, name) == 0) return &state->entries[i];
  }
  return NULL;
}

static pome_status fail_unknown(const pome_state *state, const char *name, pome_error *error) {
  char known[200] = "";
  for (size_t i = 0; i < state->count; i++)
    pome__append_name(known, sizeof known, state->entries[i].name);
  return pome__fail(error, POME_INPUT, "no state is named \"%s\"; the states are: %s", name,
                    state->count > 0 ? known : "none");
}

static pome_status add_entry(pome_state *state, const char *name, pome_dtype dtype, int rank,
                             const int64_t *shape, pome_error *error) {
  pome_tensor tensor;
  POME__TRY(pome_tensor_init(&tensor, dtype, rank, shape, NULL, error));
  const pome__state_entry *seen = find_entry(state, name);
  if (seen != NULL) {
    if (seen->tensor.dtype == dtype &&
        pome__shape_equal(seen->tensor.rank, seen->tensor.shape, rank, shape))
      return POME_OK;
    char one[POME__SHAPE_TEXT], other[POME__SHAPE_TEXT];
    return pome__fail(error, POME_INPUT,
                      "state \"%s\" is %s %s in one of these functions and %s %s in another; "
                      "functions that share a state must agree on it",
                      name, pome_dtype_name(seen->tensor.dtype),
                      pome__shape_format(seen->tensor.rank, seen->tensor.shape, one, sizeof one),
                      pome_dtype_name(dtype), pome__shape_format(rank, shape, other, sizeof other));
  }
  tensor.data = pome__alloc_aligned(state->allocator, pome_tensor_bytes(&tensor));
  if (tensor.data == NULL)
    return pome__fail_bytes(error, "state", name, pome_tensor_bytes(&tensor));
  memset(tensor.data, 0, pome_tensor_bytes(&tensor));
  tensor.owner = state;
  state->entries[state->count++] = (pome__state_entry){name, tensor};
  return POME_OK;
}

/* The mark of use is no part of what a state holds: copying a state takes it too. */
pome_status pome__state_take(const pome_state *state, pome_error *error) {
  if (state == NULL || !atomic_flag_test_and_set(&((pome_state *)state)->busy)) return POME_OK;
  return pome__fail(error, POME_USAGE, "the state is in use by another prediction");
}

void pome__state_return(const pome_state *state) {
  if (state != NULL) atomic_flag_clear(&((pome_state *)state)->busy);
}

static pome_state *new_state(const pome_allocator *allocator, size_t capacity) {
  pome_state *state = pome__alloc_zero(allocator, sizeof *state);
  if (state == NULL) return NULL;
  state->allocator = allocator;
  state->capacity = capacity;
  atomic_flag_clear(&state->busy);
  state->entries = pome__alloc_zero(allocator, capacity * sizeof *state->entries);
  if (state->entries == NULL) {
    pome__free(allocator, state, sizeof *state);
    return NULL;
  }
  return state;
}

static pome_status add_function(pome_state *state, const pome_function *function,
                                pome_error *error) {
  const pome__function *program = function->program;
  for (size_t i = 0; program != NULL && i < program->input_count; i++) {
    const pome__value *input = program->inputs[i];
    if (input->type.kind != POME__TYPE_STATE) continue;
    const pome__type *type = input->type.elements[0];
    if (!pome__type_is_known(type)) {
      char text[POME__TYPE_TEXT];
      return pome__fail(error, POME_INPUT, "state \"%s\" is %s; its shape must be fixed",
                        input->name, pome__type_format(type, text, sizeof text));
    }
    POME__TRY(add_entry(state, input->name, type->dtype, type->rank, type->dims, error));
  }
  for (size_t i = 0; i < function->stage_count; i++)
    POME__TRY(add_function(state, &function->stages[i], error));
  return POME_OK;
}

static size_t most_states(const pome_function *function) {
  size_t count = function->program == NULL ? 0 : function->program->input_count;
  for (size_t i = 0; i < function->stage_count; i++) count += most_states(&function->stages[i]);
  return count;
}

pome_status pome_state_create(const pome_function *const *functions, size_t count,
                              const pome_allocator *allocator, pome_state **out,
                              pome_error *error) {
  size_t capacity = 0;
  for (size_t i = 0; i < count; i++) capacity += most_states(functions[i]);
  pome_state *state = new_state(allocator, capacity);
  if (state == NULL) return pome__fail_memory(error, "a state");
  for (size_t i = 0; i < count; i++) {
    pome_status status = add_function(state, functions[i], error);
    if (status != POME_OK) {
      pome_state_free(state);
      return status;
    }
  }
  *out = state;
  return POME_OK;
}

void pome_state_free(pome_state *state) {
  if (state == NULL) return;
  for (size_t i = 0; i < state->count; i++) {
    pome__free_aligned(state->allocator, state->entries[i].tensor.data,
                       pome_tensor_bytes(&state->entries[i].tensor));
  }
  pome__free(state->allocator, state->entries, state->capacity * sizeof *state->entries);
  pome__free(state->allocator, state, sizeof *state);
}

pome_status pome_state_reset(pome_state *state, pome_error *error) {
  POME__TRY(pome__state_take(state, error));
  for (size_t i = 0; i < state->count; i++) {
    memset(state->entries[i].tensor.data, 0, pome_tensor_bytes(&state->entries[i].tensor));
  }
  pome__state_return(state);
  return POME_OK;
}

static pome_status copy_state(const pome_state *state, pome_state **out, pome_error *error) {
  pome_state *clone = new_state(state->allocator, state->capacity);
  if (clone == NULL) return pome__fail_memory(error, "a state");
  for (size_t i = 0; i < state->count; i++) {
    const pome_tensor *tensor = &state->entries[i].tensor;
    pome_status status =
        add_entry(clone, state->entries[i].name, tensor->dtype, tensor->rank, tensor->shape, error);
    if (status != POME_OK) {
      pome_state_free(clone);
      return status;
    }
    memcpy(clone->entries[i].tensor.data, tensor->data, pome_tensor_bytes(tensor));
  }
  *out = clone;
  return POME_OK;
}

pome_status pome_state_clone(const pome_state *state, pome_state **clone, pome_error *error) {
  POME__TRY(pome__state_take(state, error));
  pome_status status = copy_state(state, clone, error);
  pome__state_return(state);
  return status;
}

size_t pome_state_bytes(const pome_state *state) {
  size_t bytes = 0;
  for (size_t i = 0; i < state->count; i++) bytes += pome_tensor_bytes(&state->entries[i].tensor);
  return bytes;
}

size_t pome_state_count(const pome_state *state) {
  return state->count;
}

const char *pome_state_name(const pome_state *state, size_t index) {
  return index < state->count ? state->entries[index].name : "";
}

pome_status pome_state_read(const pome_state *state, const char *name, pome_tensor *tensor,
                            pome_error *error) {
  const pome__state_entry *entry = find_entry(state, name);
  if (entry == NULL) return fail_unknown(state, name, error);
  *tensor = entry->tensor;
  return POME_OK;
}

pome_status pome_state_write(pome_state *state, const char *name, const pome_tensor *tensor,
                             pome_error *error) {
  pome__state_entry *entry = find_entry(state, name);
  if (entry == NULL) return fail_unknown(state, name, error);
  POME__TRY(pome__state_take(state, error));
  pome_status status = pome_tensor_copy(tensor, &entry->tensor, error);
  pome__state_return(state);
  return status;
}
