/* One thread's use of a plan: bound inputs, the slots that values pass through, one instance for
 * each subplan, and results in the types that the ports declare. A prediction takes no memory here:
 * what may be needed is taken when the run is created or an input is set.
 */
#include <string.h>

#include "base/options.h"
#include "runtime/runtime.h"
#include "tensor/element.h"
#include "tensor/shape.h"

void pome_run_options_init_sized(pome_run_options *options, size_t size) {
  pome__options_init(options, size, NULL, 0);
}

/* Room for the tensor, which `what` and `name` are for a message. */
static pome_status hold(const pome_run *run, pome__held *memory, const pome_tensor *tensor,
                        const char *what, const char *name, pome_error *error) {
  size_t bytes = pome_tensor_bytes(tensor);
  if (memory->data != NULL && memory->bytes >= bytes) return POME_OK;
  void *data = pome__alloc_aligned(run->allocator, bytes);
  if (data == NULL) return pome__fail_bytes(error, what, name, bytes);
  pome__free_aligned(run->allocator, memory->data, memory->bytes);
  *memory = (pome__held){data, bytes};
  return POME_OK;
}

/* ---- create and free ---- */

static const pome__function *program_of(const pome_run *run) {
  return run->plan->plan->function;
}

static pome_dtype stored_dtype(const pome_run *run, pome_dtype declared) {
  bool wide = run->plan->plan->settings.numerics == POME_NUMERICS_WIDE;
  return wide ? pome__stored_dtype(declared, POME_NUMERICS_WIDE) : declared;
}

/* Networks compute floats, and linear models doubles; the floats that the port declares are given,
 * where one of the two is doubles. */
static pome_dtype result_dtype(const pome_run *run, const pome__value *value) {
  const pome_port *port =
      pome_function_find_port(run->plan->function, POME_OUTPUT_PORT, value->name);
  bool floats = port != NULL && port->feature == POME_FEATURE_TENSOR &&
                pome__dtype_is_float(port->dtype) && pome__dtype_is_float(value->type.dtype);
  bool doubles = floats && (port->dtype == POME_FP64 || value->type.dtype == POME_FP64);
  return doubles ? port->dtype : stored_dtype(run, value->type.dtype);
}

/* Results of known size get their memory now, so that converting them later takes none. */
static pome_status hold_results(pome_run *run, pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  for (size_t i = 0; i < plan->result_count; i++) {
    const pome__value *value = plan->results[i];
    const pome__type *type = &value->type;
    pome_tensor tensor;
    if (type->kind != POME__TYPE_TENSOR || !pome__type_is_known(type)) continue;
    POME__TRY(
        pome_tensor_init(&tensor, result_dtype(run, value), type->rank, type->dims, NULL, error));
    POME__TRY(hold(run, &run->results[i].copy, &tensor, "result", value->name, error));
  }
  return POME_OK;
}

static pome_status open_instances(pome_run *run, pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  for (size_t s = 0; s < plan->subplan_count; s++) {
    const pome__subplan *subplan = &plan->subplans[s];
    POME__TRY(subplan->backend->open(subplan, run->allocator, &run->instances[s], error));
  }
  return POME_OK;
}

static pome_status open_run(pome_run *run, pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  run->slots = pome__alloc_zero(run->allocator, plan->function->value_count * sizeof *run->slots);
  run->instances = pome__alloc_zero(run->allocator, plan->subplan_count * sizeof *run->instances);
  run->inputs = pome__alloc_zero(run->allocator, plan->function->input_count * sizeof *run->inputs);
  run->results = pome__alloc_zero(run->allocator, plan->result_count * sizeof *run->results);
  bool complete =
      run->slots != NULL && run->instances != NULL && run->inputs != NULL && run->results != NULL;
  if (!complete) return pome__fail_memory(error, "a run");
  POME__TRY(hold_results(run, error));
  return open_instances(run, error);
}

pome_status pome_run_create(const pome_plan *plan, const pome_run_options *options, pome_run **out,
                            pome_error *error) {
  pome_run_options chosen;
  pome_run_options_init(&chosen);
  if (plan == NULL || out == NULL)
    return pome__fail(error, POME_USAGE, "pome_run_create needs a plan and a place for the run");
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  pome_run *run = pome__alloc_zero(chosen.allocator, sizeof *run);
  if (run == NULL) return pome__fail_memory(error, "a run");
  run->allocator = chosen.allocator;
  run->plan = plan;
  run->options = chosen;
  atomic_init(&run->cancel, false);
  pome_status status =
      plan->stage_count > 0 ? pome__pipeline_open(run, error) : open_run(run, error);
  if (status != POME_OK) {
    pome_run_free(run);
    return status;
  }
  *out = run;
  return POME_OK;
}

static void clear_slots(pome_run *run) {
  for (size_t i = 0; i < program_of(run)->value_count; i++) pome__slot_clear(&run->slots[i]);
}

static void free_arrays(pome_run *run) {
  const pome__plan *plan = run->plan->plan;
  const pome_allocator *allocator = run->allocator;
  if (run->slots != NULL) clear_slots(run);
  for (size_t s = 0; run->instances != NULL && s < plan->subplan_count; s++)
    plan->subplans[s].backend->close(run->instances[s]);
  for (size_t i = 0; run->inputs != NULL && i < plan->function->input_count; i++) {
    pome__free_aligned(allocator, run->inputs[i].copy.data, run->inputs[i].copy.bytes);
  }
  for (size_t i = 0; run->results != NULL && i < plan->result_count; i++) {
    pome__free_aligned(allocator, run->results[i].copy.data, run->results[i].copy.bytes);
  }
  pome__free(allocator, run->slots, plan->function->value_count * sizeof *run->slots);
  pome__free(allocator, run->instances, plan->subplan_count * sizeof *run->instances);
  pome__free(allocator, run->inputs, plan->function->input_count * sizeof *run->inputs);
  pome__free(allocator, run->results, plan->result_count * sizeof *run->results);
}

void pome_run_free(pome_run *run) {
  if (run == NULL) return;
  size_t stages = run->plan->stage_count;
  for (size_t i = 0; run->stages != NULL && i < stages; i++) pome_run_free(run->stages[i]);
  pome__free(run->allocator, run->stages, stages * sizeof(pome_run *));
  if (stages == 0) free_arrays(run);
  pome__free(run->allocator, run, sizeof *run);
}

size_t pome_run_bytes(const pome_run *run) {
  const pome__plan *plan = run->plan->plan;
  size_t bytes = sizeof *run;
  for (size_t i = 0; i < run->plan->stage_count; i++) bytes += pome_run_bytes(run->stages[i]);
  if (run->plan->stage_count > 0) return bytes;
  bytes += plan->function->value_count * sizeof *run->slots;
  for (size_t s = 0; s < plan->subplan_count; s++)
    bytes += plan->subplans[s].backend->bytes(run->instances[s]);
  for (size_t i = 0; i < plan->function->input_count; i++) bytes += run->inputs[i].copy.bytes;
  for (size_t i = 0; i < plan->result_count; i++) bytes += run->results[i].copy.bytes;
  return bytes;
}

/* ---- inputs ---- */

static pome_status find_input(pome_run *run, const char *name, size_t *index, pome_error *error) {
  const pome__function *program = program_of(run);
  for (size_t i = 0; i < program->input_count; i++) {
    if (program->inputs[i]->type.kind == POME__TYPE_STATE ||
        strcmp(program->inputs[i]->name, name) != 0)
      continue;
    *index = i;
    return POME_OK;
  }
  return pome__fail_unknown_input(run->plan->function, name, error);
}

/* The shape that the program sees: a scalar may be given where one element is declared, and the
 * other way round. */
static pome_tensor as_declared(const pome_tensor *tensor, const pome__type *declared) {
  pome_tensor out = *tensor;
  bool one = tensor->rank == 0 || (tensor->rank == 1 && tensor->shape[0] == 1);
  if (one && (declared->rank == 0 || (declared->rank == 1 && tensor->rank == 0))) {
    out.rank = declared->rank;
    out.shape[0] = out.strides[0] = 1;
  }
  return out;
}

/* Kernels read whole elements; strings are pairs of a pointer and a size. */
static bool is_aligned(const void *data, pome_dtype dtype) {
  size_t bytes = dtype == POME_STRING ? _Alignof(pome_string) : pome_dtype_bits(dtype) / 8;
  return bytes < 2 || (uintptr_t)data % bytes == 0;
}

static pome_status bind_input(pome_run *run, pome__bound_input *input, const pome__value *value,
                              const pome_tensor *given, pome_error *error) {
  pome_dtype dtype = stored_dtype(run, value->type.dtype);
  bool aligned = is_aligned(given->data, dtype);
  if (given->dtype == dtype && aligned && pome_tensor_is_contiguous(given)) {
    input->tensor = *given;
  } else {
    pome_tensor copy;
    POME__TRY(pome_tensor_init(&copy, dtype, given->rank, given->shape, NULL, error));
    POME__TRY(hold(run, &input->copy, &copy, "input", value->name, error));
    copy.data = input->copy.data;
    POME__TRY(pome__convert(given, &copy, value->name, error));
    input->tensor = copy;
  }
  input->set = true;
  return POME_OK;
}

pome_status pome_run_set_tensor(pome_run *run, const char *name, const pome_tensor *tensor,
                                pome_error *error) {
  size_t index = 0;
  if (run->stages != NULL) return pome__pipeline_set(run, name, tensor, NULL, error);
  POME__TRY(find_input(run, name, &index, error));
  const pome__value *value = program_of(run)->inputs[index];
  pome_tensor given, checked;
  POME__TRY(pome_tensor_init(&checked, tensor->dtype, tensor->rank, tensor->shape, NULL, error));
  if (tensor->data == NULL && pome_tensor_count(tensor) > 0)
    return pome__fail(error, POME_USAGE, "input \"%s\" has no data", name);
  given = as_declared(tensor, &value->type);
  if (pome_dtype_bits(tensor->dtype) < 8)
    memcpy(given.strides, checked.strides, sizeof given.strides);
  const pome_port *port = pome_function_find_port(run->plan->function, POME_INPUT_PORT, name);
  pome_port none = {.name = name, .rank = -1};
  POME__TRY(pome__port_check_shape(port == NULL ? &none : port, &value->type, given.rank,
                                   given.shape, error));
  return bind_input(run, &run->inputs[index], value, &given, error);
}

static pome_status set_image(pome_run *run, const char *name, const pome_value *image,
                             pome_error *error) {
  size_t index = 0;
  POME__TRY(find_input(run, name, &index, error));
  const pome__value *value = program_of(run)->inputs[index];
  const pome_port *port = pome_function_find_port(run->plan->function, POME_INPUT_PORT, name);
  if (port == NULL || port->feature != POME_FEATURE_IMAGE) {
    return pome__fail(error, POME_INPUT, "input \"%s\" takes a tensor, not an image", name);
  }
  pome_tensor planes;
  pome__bound_input *input = &run->inputs[index];
  POME__TRY(pome__image_shape(port, &value->type, stored_dtype(run, value->type.dtype), image,
                              &planes, error));
  POME__TRY(hold(run, &input->copy, &planes, "the image of input", name, error));
  planes.data = input->copy.data;
  pome__image_unpack(port, image, &planes);
  input->tensor = planes;
  input->set = true;
  return POME_OK;
}

pome_status pome_run_set_value(pome_run *run, const char *name, const pome_value *value,
                               pome_error *error) {
  if (run->stages != NULL) return pome__pipeline_set(run, name, NULL, value, error);
  if (value->feature == POME_FEATURE_IMAGE) return set_image(run, name, value, error);
  if (value->feature == POME_FEATURE_DICTIONARY) {
    return pome__fail(error, POME_INPUT,
                      "input \"%s\" of a program takes a tensor, not a dictionary", name);
  }
  return pome_run_set_tensor(run, name, &value->tensor, error);
}

/* An optional input that was not set takes its declared default, at its default shape. */
static pome_status fill_default(pome_run *run, size_t index, pome_error *error) {
  const pome__value *value = program_of(run)->inputs[index];
  const pome_port *port =
      pome_function_find_port(run->plan->function, POME_INPUT_PORT, value->name);
  if (port == NULL || !port->optional || !port->has_default) {
    return pome__fail(error, POME_INPUT, "input \"%s\" is missing", value->name);
  }
  pome_tensor tensor;
  pome__bound_input *input = &run->inputs[index];
  size_t count;
  if (port->rank < 0 || !pome__shape_count(port->rank, port->shape, &count)) {
    return pome__fail(error, POME_INPUT,
                      "input \"%s\" is missing: the model has a default for it, but no shape",
                      value->name);
  }
  POME__TRY(pome__port_check_shape(port, &value->type, port->rank, port->shape, error));
  POME__TRY(pome_tensor_init(&tensor, stored_dtype(run, value->type.dtype), port->rank, port->shape,
                             NULL, error));
  POME__TRY(hold(run, &input->copy, &tensor, "input", value->name, error));
  tensor.data = input->copy.data;
  for (size_t i = 0; i < count; i++) {
    pome__store_f64(tensor.data, tensor.dtype, (int64_t)i, 1, 1, &port->default_value);
  }
  input->tensor = tensor;
  return POME_OK;
}

/* ---- predicting ---- */

static pome_status fill_state(pome_run *run, const pome__value *value, const pome_state *state,
                              pome_error *error) {
  if (state == NULL) {
    return pome__fail(error, POME_USAGE, "function \"%s\" has state \"%s\": a state is needed",
                      program_of(run)->name, value->name);
  }
  pome_tensor *tensor = &run->slots[value->index].tensor;
  POME__TRY(pome_state_read(state, value->name, tensor, error));
  pome__type stored = pome__type_tensor(tensor->dtype, tensor->rank, tensor->shape);
  if (pome__type_equal(value->type.elements[0], &stored)) return POME_OK;
  char wanted[POME__TYPE_TEXT], given[POME__TYPE_TEXT];
  return pome__fail(error, POME_USAGE, "state \"%s\" holds %s; function \"%s\" needs %s",
                    value->name, pome__type_format(&stored, given, sizeof given),
                    program_of(run)->name,
                    pome__type_format(value->type.elements[0], wanted, sizeof wanted));
}

static pome_status fill_slots(pome_run *run, const pome_state *state, pome_error *error) {
  const pome__function *program = program_of(run);
  for (size_t i = 0; i < program->input_count; i++) {
    const pome__value *value = program->inputs[i];
    run->slots[value->index].kind = POME__SLOT_TENSOR;
    if (value->type.kind == POME__TYPE_STATE) POME__TRY(fill_state(run, value, state, error));
  }
  for (size_t i = 0; i < program->input_count; i++) {
    const pome__value *value = program->inputs[i];
    if (value->type.kind == POME__TYPE_STATE) continue;
    if (!run->inputs[i].set) POME__TRY(fill_default(run, i, error));
    run->slots[value->index].tensor = run->inputs[i].tensor;
  }
  return POME_OK;
}

static void step_done(void *context) {
  pome_run *run = context;
  run->done++;
  if (run->options.progress != NULL) {
    run->options.progress(run->options.progress_context, run->done, run->plan->plan->op_count);
  }
}

static pome_status run_subplans(pome_run *run, pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  pome__lease lease;
  pome__pool_lease(plan->settings.threads, &lease);
  pome__exec exec = {run->slots, &lease, &run->cancel, step_done, run};
  pome_status status = POME_OK;
  for (size_t s = 0; s < plan->subplan_count && status == POME_OK; s++) {
    const pome__backend *backend = plan->subplans[s].backend;
    status = backend->submit(run->instances[s], &exec, error);
    if (status == POME_OK && backend->wait != NULL)
      status = backend->wait(run->instances[s], error);
  }
  pome__pool_return(&lease);
  return status;
}

/* Memory of the caller's, of an input's copy or of a state may change before the next prediction.
 */
static bool borrows(const pome_run *run, const pome_tensor *tensor, const pome_state *state) {
  for (size_t i = 0; i < program_of(run)->input_count; i++) {
    if (run->inputs[i].tensor.data == tensor->data) return true;
  }
  for (size_t i = 0; state != NULL && i < state->count; i++) {
    if (state->entries[i].tensor.data == tensor->data) return true;
  }
  return false;
}

/* Results in declared types, in memory that stays until the next prediction. */
static pome_status collect_result(pome_run *run, size_t index, const pome_state *state,
                                  pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  const pome__value *value = plan->results[index];
  pome__result *out = &run->results[index];
  const pome_tensor *constant = plan->constants[value->index];
  const pome__slot *slot = &run->slots[value->index];
  bool dictionary = constant == NULL && slot->kind == POME__SLOT_DICTIONARY;
  if (constant == NULL && !dictionary && slot->kind != POME__SLOT_TENSOR) {
    return pome__fail(error, POME_UNSUPPORTED,
                      "result \"%s\" is a list; tensors and dictionaries can be results",
                      value->name);
  }
  const pome_tensor *tensor = constant != NULL ? constant : &slot->tensor;
  pome_dtype dtype = dictionary ? tensor->dtype : result_dtype(run, value);
  out->keys = dictionary ? slot->keys : NULL;
  out->tensor = *tensor;
  if (tensor->dtype != dtype || borrows(run, tensor, state)) {
    pome_tensor copy;
    POME__TRY(pome_tensor_init(&copy, dtype, tensor->rank, tensor->shape, NULL, error));
    POME__TRY(hold(run, &out->copy, &copy, "result", value->name, error));
    copy.data = out->copy.data;
    POME__TRY(pome_tensor_copy(tensor, &copy, error));
    out->tensor = copy;
  }
  out->tensor.owner = run;
  out->ready = true;
  return POME_OK;
}

static pome_status execute(pome_run *run, const pome_state *state, pome_error *error) {
  const pome__plan *plan = run->plan->plan;
  clear_slots(run);
  for (size_t i = 0; i < plan->result_count; i++) run->results[i].ready = false;
  run->done = 0;
  POME__TRY(fill_slots(run, state, error));
  POME__TRY(run_subplans(run, error));
  for (size_t i = 0; i < plan->result_count; i++) POME__TRY(collect_result(run, i, state, error));
  return POME_OK;
}

pome_status pome__run_execute(pome_run *run, const pome_state *state, pome_error *error) {
  if (run->stages != NULL) return pome__pipeline_execute(run, state, error);
  pome_status status = execute(run, state, error);
  for (size_t i = 0; i < program_of(run)->input_count; i++) run->inputs[i].set = false;
  return status;
}

static void set_cancel(pome_run *run, bool cancel) {
  atomic_store_explicit(&run->cancel, cancel, memory_order_relaxed);
  for (size_t i = 0; i < run->plan->stage_count; i++) set_cancel(run->stages[i], cancel);
}

pome_status pome_run_predict(pome_run *run, pome_state *state, pome_error *error) {
  if (run == NULL) return pome__fail(error, POME_USAGE, "pome_run_predict needs a run");
  const pome__package *package = run->plan->function->model->package;
  if (package != NULL) POME__TRY(pome__package_check_all(package, error));
  POME__TRY(pome__state_take(state, error));
  set_cancel(run, false);
  pome_status status = pome__run_execute(run, state, error);
  pome__state_return(state);
  return status;
}

void pome_run_cancel(pome_run *run) {
  set_cancel(run, true);
}

/* ---- results ---- */

pome_status pome__run_result(const pome_run *run, const char *name, const pome__result **result,
                             const pome_port **port, pome_error *error) {
  if (run->stages != NULL) return pome__pipeline_result(run, name, result, port, error);
  const pome__plan *plan = run->plan->plan;
  for (size_t i = 0; i < plan->result_count; i++) {
    if (strcmp(plan->results[i]->name, name) != 0) continue;
    if (!run->results[i].ready)
      return pome__fail(error, POME_USAGE,
                        "there is no result \"%s\" before a prediction has succeeded", name);
    *result = &run->results[i];
    *port = pome_function_find_port(run->plan->function, POME_OUTPUT_PORT, name);
    return POME_OK;
  }
  char known[200] = "";
  for (size_t i = 0; i < plan->result_count; i++)
    pome__append_name(known, sizeof known, plan->results[i]->name);
  return pome__fail(error, POME_INPUT, "no result is named \"%s\"; the results are: %s", name,
                    known);
}

pome_status pome_run_get_tensor(const pome_run *run, const char *name, pome_tensor *tensor,
                                pome_error *error) {
  const pome__result *result;
  const pome_port *port;
  POME__TRY(pome__run_result(run, name, &result, &port, error));
  *tensor = result->tensor;
  return POME_OK;
}

/* ---- conveniences ---- */

pome_status pome_predict(pome_run *run, const pome_named_tensor *inputs, size_t input_count,
                         pome_named_tensor *outputs, size_t output_count, pome_error *error) {
  return pome_predict_with_state(run, NULL, inputs, input_count, outputs, output_count, error);
}

pome_status pome_predict_with_state(pome_run *run, pome_state *state,
                                    const pome_named_tensor *inputs, size_t input_count,
                                    pome_named_tensor *outputs, size_t output_count,
                                    pome_error *error) {
  for (size_t i = 0; i < input_count; i++)
    POME__TRY(pome_run_set_tensor(run, inputs[i].name, &inputs[i].tensor, error));
  POME__TRY(pome_run_predict(run, state, error));
  for (size_t i = 0; i < output_count; i++)
    POME__TRY(pome_run_get_tensor(run, outputs[i].name, &outputs[i].tensor, error));
  return POME_OK;
}
