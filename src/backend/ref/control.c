/* What is not a pure function of tensors: branches, loops, lists, states and the labels of
 * classifiers. */
#include <math.h>
#include <string.h>

#include "backend/ref/ref.h"
#include "base/check.h"
#include "tensor/element.h"
#include "tensor/shape.h"

/* The one value bound to a parameter, or NULL. */
static pome__value *argument(const pome__op *op, const char *param) {
  int p = pome__schema_param(op->schema, param);
  const pome__arg *arg = p < 0 ? NULL : op->by_param[p];
  return arg == NULL || arg->count == 0 ? NULL : arg->values[0];
}

static pome_status read_int(const pome__ref *ref, const pome__value *value, int64_t *out,
                            pome_error *error) {
  const pome_tensor *tensor;
  POME__TRY(pome__ref_tensor(ref, value, &tensor, error));
  if (pome_tensor_count(tensor) < 1)
    return pome__fail(error, POME_INPUT, "\"%s\" is empty; a number is needed", value->name);
  pome__load_i64(tensor->data, tensor->dtype, 0, 1, 1, out);
  return POME_OK;
}

/* Shares a value's slot, or a view of the constant behind it. */
static pome_status pass(pome__ref *ref, const pome__value *from, pome__slot *to,
                        pome_error *error) {
  const pome_tensor *constant = ref->prepared->plan->constants[from->index];
  if (constant != NULL) {
    pome__slot_clear(to);
    *to = (pome__slot){.kind = POME__SLOT_TENSOR, .tensor = *constant};
    return POME_OK;
  }
  const pome__slot *slot = pome__ref_slot(ref, from);
  if (slot->kind == POME__SLOT_EMPTY)
    return pome__fail(error, POME_INTERNAL, "value \"%s\" is not there", from->name);
  pome__slot_share(to, slot);
  return POME_OK;
}

/* identity of a list or a dictionary; of a tensor it is evaluated like any operation. */
static pome_status run_identity(pome__ref *ref, const pome__op *op, pome_error *error) {
  return pass(ref, argument(op, "x"), pome__ref_slot(ref, op->outputs[0]), error);
}

/* ---- cond and while_loop ---- */

static pome_status run_predicate(pome__ref *ref, const pome__value *value, bool *yes,
                                 pome_error *error) {
  int64_t number;
  POME__TRY(read_int(ref, value, &number, error));
  *yes = number != 0;
  return POME_OK;
}

/* Lets go of what a block made and gave out: a second reference would make lists be copied when
 * they are written next. */
static void clear_outputs(pome__ref *ref, const pome__block *block) {
  for (size_t i = 0; i < block->output_count; i++) {
    const pome__value *value = block->outputs[i];
    if (value->producer != NULL && value->producer->parent == block)
      pome__slot_clear(pome__ref_slot(ref, value));
  }
}

static pome_status run_cond(pome__ref *ref, const pome__op *op, pome_error *error) {
  bool yes;
  POME__TRY(run_predicate(ref, argument(op, "pred"), &yes, error));
  const pome__block *block = op->blocks[yes ? 0 : 1];
  POME__TRY(pome__ref_run_block(ref, block, error));
  for (size_t o = 0; o < op->output_count; o++) {
    POME__TRY(pass(ref, block->outputs[o], pome__ref_slot(ref, op->outputs[o]), error));
  }
  clear_outputs(ref, block);
  return POME_OK;
}

/* Moves values into the inputs of a block. They are collected first: an input may also be among the
 * sources. */
static pome_status enter_block(pome__ref *ref, const pome__block *block, pome__value *const *values,
                               pome__slot *held, pome_error *error) {
  for (size_t i = 0; i < block->input_count; i++) POME__TRY(pass(ref, values[i], &held[i], error));
  for (size_t i = 0; i < block->input_count; i++) {
    pome__slot *target = pome__ref_slot(ref, block->inputs[i]);
    pome__slot_clear(target);
    *target = held[i];
    held[i] = (pome__slot){0};
  }
  return POME_OK;
}

/* The loop variables pass through the inputs of both blocks: condition, body, condition ... The
 * body's inputs hold them at the end. */
static pome_status loop(pome__ref *ref, const pome__op *op, pome__slot *held, pome_error *error) {
  const pome__block *condition = op->blocks[0], *body = op->blocks[1];
  const pome__arg *variables = op->by_param[pome__schema_param(op->schema, "loop_vars")];
  POME__TRY(enter_block(ref, body, variables->values, held, error));
  for (;;) {
    bool yes;
    POME__TRY(pome__check_cancel(ref->exec, error)); /* blocks may be empty */
    POME__TRY(enter_block(ref, condition, body->inputs, held, error));
    POME__TRY(pome__ref_run_block(ref, condition, error));
    POME__TRY(run_predicate(ref, condition->outputs[0], &yes, error));
    if (!yes) break;
    for (size_t i = 0; i < condition->input_count; i++)
      pome__slot_clear(pome__ref_slot(ref, condition->inputs[i]));
    POME__TRY(pome__ref_run_block(ref, body, error));
    POME__TRY(enter_block(ref, body, body->outputs, held, error));
    clear_outputs(ref, body);
  }
  for (size_t o = 0; o < op->output_count; o++)
    POME__TRY(pass(ref, body->inputs[o], pome__ref_slot(ref, op->outputs[o]), error));
  return POME_OK;
}

static pome_status run_while_loop(pome__ref *ref, const pome__op *op, pome_error *error) {
  size_t count = op->blocks[1]->input_count;
  pome__slot *held = pome__alloc_zero(ref->allocator, count * sizeof *held);
  if (held == NULL) return pome__fail_memory(error, "loop variables");
  pome_status status = loop(ref, op, held, error);
  for (size_t i = 0; i < count; i++) pome__slot_clear(&held[i]);
  pome__free(ref->allocator, held, count * sizeof *held);
  return status;
}

/* ---- lists ---- */

static pome_status list_of(const pome__ref *ref, const pome__op *op, pome__list **list,
                           pome_error *error) {
  const pome__value *value = argument(op, "ls");
  const pome__slot *slot = pome__ref_slot(ref, value);
  if (slot->kind != POME__SLOT_LIST)
    return pome__fail(error, POME_INTERNAL, "\"%s\" holds no list", value->name);
  *list = slot->list;
  return POME_OK;
}

/* An index into a list, from the end when negative. */
static pome_status list_index(const pome__list *list, int64_t index, size_t limit, size_t *out,
                              pome_error *error) {
  if (index < 0) index += (int64_t)list->count;
  if (index < 0 || (uint64_t)index >= limit) {
    return pome__fail(error, POME_INPUT, "index %lld is outside of a list of %zu elements",
                      (long long)index, list->count);
  }
  *out = (size_t)index;
  return POME_OK;
}

static pome_status run_make_list(pome__ref *ref, const pome__op *op, pome_error *error) {
  int64_t length = 1;
  const pome__value *init = argument(op, "init_length");
  if (init != NULL) POME__TRY(read_int(ref, init, &length, error));
  const pome__type *type = &op->outputs[0]->type;
  if (length < 0 || type->kind != POME__TYPE_LIST || type->element_count != 1) {
    return pome__fail(error, POME_INPUT, "a list of length %lld cannot be made", (long long)length);
  }
  int64_t dynamic = 1;
  const pome__value *grows = argument(op, "dynamic_length");
  if (grows != NULL) POME__TRY(read_int(ref, grows, &dynamic, error));
  pome__list *list =
      pome__list_create(ref->allocator, (size_t)length, type->elements[0], dynamic != 0);
  if (list == NULL) return pome__fail_memory(error, "a list");
  pome__slot *slot = pome__ref_slot(ref, op->outputs[0]);
  pome__slot_clear(slot);
  *slot = (pome__slot){.kind = POME__SLOT_LIST, .list = list};
  return POME_OK;
}

static pome_status run_list_length(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__list *list;
  POME__TRY(list_of(ref, op, &list, error));
  pome__slot *slot = pome__ref_slot(ref, op->outputs[0]);
  POME__TRY(pome__slot_alloc(slot, ref->allocator, POME_INT32, 0, NULL, error));
  int64_t count = (int64_t)list->count;
  pome__store_i64(slot->tensor.data, POME_INT32, 0, 1, 1, &count);
  return POME_OK;
}

/* An element that was never written reads as zeros of the list's element shape. */
static pome_status read_element(pome__ref *ref, const pome__list *list, size_t index,
                                pome__slot *slot, pome_error *error) {
  if (list->items[index].kind == POME__SLOT_TENSOR) {
    pome__slot_share(slot, &list->items[index]);
    return POME_OK;
  }
  if (!pome__type_is_known(&list->element)) {
    return pome__fail(error, POME_INPUT,
                      "element %zu of the list was never written and its shape is not known",
                      index);
  }
  pome_dtype dtype = pome__stored_dtype(list->element.dtype, pome__ref_numerics(ref));
  POME__TRY(
      pome__slot_alloc(slot, ref->allocator, dtype, list->element.rank, list->element.dims, error));
  memset(slot->tensor.data, 0, pome_tensor_bytes(&slot->tensor));
  return POME_OK;
}

static pome_status run_list_read(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__list *list;
  int64_t index;
  size_t at;
  POME__TRY(list_of(ref, op, &list, error));
  POME__TRY(read_int(ref, argument(op, "index"), &index, error));
  POME__TRY(list_index(list, index, list->count, &at, error));
  return read_element(ref, list, at, pome__ref_slot(ref, op->outputs[0]), error);
}

/* Makes the output hold a list of its own, equal to `ls`, with room for `count` elements. The
 * input's reference is moved when this is its last use, so a list that nobody else sees is changed
 * in place. */
static pome_status own_list(pome__ref *ref, const pome__op *op, size_t count, pome__list **out,
                            pome_error *error) {
  pome__list *list;
  POME__TRY(list_of(ref, op, &list, error));
  const pome__value *source = argument(op, "ls");
  if (ref->prepared->last[source->index] == op) {
    *pome__ref_slot(ref, source) = (pome__slot){0};
  } else {
    list->references++;
  }
  pome__list *own = pome__list_own(list);
  pome__slot *slot = pome__ref_slot(ref, op->outputs[0]);
  pome__slot_clear(slot);
  *slot = (pome__slot){.kind = POME__SLOT_LIST, .list = own != NULL ? own : list};
  if (own == NULL || (own->dynamic && !pome__list_grow(own, count)))
    return pome__fail_memory(error, "a list");
  *out = own;
  return POME_OK;
}

static pome_status run_list_write(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__list *list;
  int64_t index;
  size_t at;
  POME__TRY(list_of(ref, op, &list, error));
  POME__TRY(read_int(ref, argument(op, "index"), &index, error));
  POME__TRY(list_index(list, index, list->dynamic ? POME__MAX_LIST : list->count, &at, error));
  POME__TRY(own_list(ref, op, at + 1, &list, error));
  return pass(ref, argument(op, "value"), &list->items[at], error);
}

/* Memory for `count` elements like `first`. */
static pome_status alloc_stack(pome__ref *ref, const pome__op *op, const pome_tensor *first,
                               size_t count, pome_error *error) {
  int64_t shape[POME_MAX_RANK] = {(int64_t)count};
  if (first->rank + 1 > POME_MAX_RANK)
    return pome__fail(error, POME_INPUT, "list_gather of tensors of rank %d", (int)first->rank);
  memcpy(shape + 1, first->shape, (size_t)first->rank * sizeof *shape);
  pome_dtype dtype = pome__stored_dtype(op->outputs[0]->type.dtype, pome__ref_numerics(ref));
  return pome__slot_alloc(pome__ref_slot(ref, op->outputs[0]), ref->allocator, dtype,
                          first->rank + 1, shape, error);
}

/* Elements may differ in how wide they are stored: one comes from a kernel, another was never
 * written. */
static pome_status copy_element(const pome_tensor *element, const pome_tensor *out, size_t at,
                                pome_error *error) {
  pome_tensor place;
  POME__TRY(pome_tensor_init(&place, out->dtype, out->rank - 1, out->shape + 1, NULL, error));
  if (!pome__shape_equal(place.rank, place.shape, element->rank, element->shape)) {
    return pome__fail(error, POME_INPUT, "list_gather of elements of different shapes");
  }
  place.data = (char *)out->data + at * pome_tensor_bytes(&place);
  return pome_tensor_copy(element, &place, error);
}

/* The elements at `indices`, stacked along a new first axis. */
static pome_status run_list_gather(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__list *list;
  const pome_tensor *indices;
  POME__TRY(list_of(ref, op, &list, error));
  POME__TRY(pome__ref_tensor(ref, argument(op, "indices"), &indices, error));
  size_t count = pome_tensor_count(indices);
  pome__slot *out = pome__ref_slot(ref, op->outputs[0]);
  pome__slot element = {0};
  pome_status status = POME_OK;
  if (count == 0) return pome__fail(error, POME_INPUT, "list_gather with no indices");
  for (size_t i = 0; i < count && status == POME_OK; i++) {
    int64_t index;
    size_t at;
    pome__load_i64(indices->data, indices->dtype, (int64_t)i, 1, 1, &index);
    status = list_index(list, index, list->count, &at, error);
    if (status == POME_OK) status = read_element(ref, list, at, &element, error);
    if (status != POME_OK) break;
    if (i == 0) status = alloc_stack(ref, op, &element.tensor, count, error);
    if (status == POME_OK) status = copy_element(&element.tensor, &out->tensor, i, error);
  }
  pome__slot_clear(&element);
  return status;
}

/* value[i] goes to element indices[i]. */
static pome_status run_list_scatter(pome__ref *ref, const pome__op *op, pome_error *error) {
  pome__list *list;
  const pome_tensor *indices, *value;
  POME__TRY(list_of(ref, op, &list, error));
  POME__TRY(pome__ref_tensor(ref, argument(op, "indices"), &indices, error));
  POME__TRY(pome__ref_tensor(ref, argument(op, "value"), &value, error));
  size_t count = pome_tensor_count(indices), largest = 0;
  if (value->rank < 1 || (size_t)value->shape[0] != count) {
    return pome__fail(error, POME_INPUT,
                      "list_scatter of %zu indices and a value of another length", count);
  }
  for (size_t i = 0; i < count; i++) {
    int64_t index;
    size_t at;
    pome__load_i64(indices->data, indices->dtype, (int64_t)i, 1, 1, &index);
    POME__TRY(list_index(list, index, list->dynamic ? POME__MAX_LIST : list->count, &at, error));
    if (at + 1 > largest) largest = at + 1;
  }
  POME__TRY(own_list(ref, op, largest, &list, error));
  for (size_t i = 0; i < count; i++) {
    int64_t index;
    size_t at;
    pome__load_i64(indices->data, indices->dtype, (int64_t)i, 1, 1, &index);
    POME__TRY(list_index(list, index, list->count, &at, error));
    pome__slot *item = &list->items[at];
    POME__TRY(pome__slot_alloc(item, ref->allocator, value->dtype, value->rank - 1,
                               value->shape + 1, error));
    size_t bytes = pome_tensor_bytes(&item->tensor);
    memcpy(item->tensor.data, (const char *)value->data + i * bytes, bytes);
  }
  return POME_OK;
}

/* ---- states ---- */

static pome_status run_read_state(pome__ref *ref, const pome__op *op, pome_error *error) {
  const pome_tensor *state;
  POME__TRY(pome__ref_tensor(ref, argument(op, "input"), &state, error));
  pome__slot *slot = pome__ref_slot(ref, op->outputs[0]);
  POME__TRY(pome__slot_alloc(slot, ref->allocator, state->dtype, state->rank, state->shape, error));
  memcpy(slot->tensor.data, state->data, pome_tensor_bytes(state));
  return POME_OK;
}

static pome_status run_write_state(pome__ref *ref, const pome__op *op, pome_error *error) {
  const pome_tensor *state, *data;
  POME__TRY(pome__ref_tensor(ref, argument(op, "input"), &state, error));
  POME__TRY(pome__ref_tensor(ref, argument(op, "data"), &data, error));
  pome_tensor target = *state;
  return pome_tensor_copy(data, &target, error);
}

/* ---- classify ---- */

/* The first of the largest; NaN only when there is nothing else. */
static size_t most_probable(const double *probabilities, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    bool first = isnan(probabilities[best]) && !isnan(probabilities[i]);
    if (first || probabilities[i] > probabilities[best]) best = i;
  }
  return best;
}

/* The label is an element of the keys; its text stays where the program has it. */
static pome_status run_classify(pome__ref *ref, const pome__op *op, pome_error *error) {
  const pome_tensor *probabilities,
      *keys = ref->prepared->plan->constants[argument(op, "classes")->index];
  POME__TRY(pome__ref_tensor(ref, argument(op, "probabilities"), &probabilities, error));
  size_t count = pome_tensor_count(probabilities);
  if (count == 0 || count != pome_tensor_count(keys)) {
    return pome__fail(error, POME_INPUT, "%zu probabilities for %zu classes", count,
                      pome_tensor_count(keys));
  }
  pome__slot *label = pome__ref_slot(ref, op->outputs[0]),
             *dictionary = pome__ref_slot(ref, op->outputs[1]);
  POME__TRY(pome__slot_alloc(dictionary, ref->allocator, POME_FP64, 1, keys->shape, error));
  double *values = dictionary->tensor.data;
  pome__load_f64(probabilities->data, probabilities->dtype, 0, 1, count, values);
  POME__TRY(pome__slot_alloc(label, ref->allocator, keys->dtype, 0, NULL, error));
  size_t size = pome_dtype_bits(keys->dtype) / 8;
  memcpy(label->tensor.data, (const char *)keys->data + most_probable(values, count) * size, size);
  dictionary->kind = POME__SLOT_DICTIONARY;
  dictionary->keys = keys;
  return POME_OK;
}

/* ---- dispatch ---- */

static const struct {
  const char *type;
  pome_status (*run)(pome__ref *ref, const pome__op *op, pome_error *error);
} table[] = {
    {"cond", run_cond},
    {"while_loop", run_while_loop},
    {"make_list", run_make_list},
    {"list_length", run_list_length},
    {"list_read", run_list_read},
    {"list_write", run_list_write},
    {"list_gather", run_list_gather},
    {"list_scatter", run_list_scatter},
    {"read_state", run_read_state},
    {"write_state", run_write_state},
    {"classify", run_classify},
    {"identity", run_identity},
};

static size_t find(const char *type) {
  size_t i = 0;
  while (i < sizeof table / sizeof table[0] && strcmp(table[i].type, type) != 0) i++;
  return i;
}

bool pome__ref_has_control(const char *type) {
  return find(type) < sizeof table / sizeof table[0];
}

pome_status pome__ref_run_control(pome__ref *ref, const pome__op *op, pome_error *error) {
  return table[find(op->type)].run(ref, op, error);
}
