/* From a package to a program that is safe to run: read in the form the package has, verified,
 * resolved, and agreeing with the package's description.
 *
 * The description names what callers see, the program what is computed. Core ML converts between
 * the two at the edge (element types, image pixels, shapes), so only names and kinds must agree
 * here: every described port exists in the program's function, and every input of the function is
 * described, since nobody could give it otherwise. A bare program text has no description; it gets
 * the one its own types spell out.
 */
#include "load/load.h"

#include <string.h>

#include "load/flexible.h"
#include "mil/scope.h"
#include "ops/ops.h"

static pome_status weights_of(void *context, pome__bytes name, pome__bytes *bytes,
                              pome_error *error) {
  return pome__package_weights(context, name, bytes, error);
}

static pome_status refuse_type(const pome__package *package, pome_error *error) {
  const pome__description *description = &package->description;
  if (description->model_type == 0)
    return pome__fail(error, POME_INPUT, "the model holds nothing: no model type is set in it");
  if (description->model_type == POME__MODEL_TYPE_PROGRAM)
    return pome__fail(error, POME_INPUT, "the compiled model has no model.mil");
  if (pome__model_type_form(description->model_type) != POME__PROGRAM_NONE)
    return pome__fail(error, POME_UNSUPPORTED,
                      "the model is a compiled %s; only its .mlmodel file can run",
                      description->model_type_name);
  pome__fail(error, POME_UNSUPPORTED,
             "the model is of type %s; programs, neural networks and generalized linear models "
             "are run",
             description->model_type_name);
  pome__error_hint(error, "convert it to an ML program (coremltools: convert_to=\"mlprogram\")");
  return POME_UNSUPPORTED;
}

static pome_status parse(pome__package *package, const pome_allocator *allocator,
                         size_t memory_limit, pome__program **program, pome_error *error) {
  pome__blob_source blobs = {package, weights_of};
  POME__TRY(pome__blob_check(package->parent ? &package->parent->spec : &package->spec, error));
  if (package->form == POME__PROGRAM_NETWORK)
    return pome__load_neural_network(package, allocator, memory_limit, program, error);
  if (package->form == POME__PROGRAM_LINEAR)
    return pome__load_linear_model(package, allocator, memory_limit, program, error);
  if (package->form == POME__PROGRAM_TEXT)
    return pome__load_mil_text(package->program, &blobs, allocator, memory_limit, program, error);
  pome_status status =
      pome__load_mil_proto(package->program, &blobs, allocator, memory_limit, program, error);
  /* The reader counts from the start of the program, people from the start of the file. */
  if (status != POME_OK && error && error->offset != POME_NO_OFFSET && error->file[0] == '\0')
    error->offset += (uint64_t)(package->program.data - package->spec.bytes.data);
  return status;
}

/* ---- agreement ---- */

static bool add_values(pome__scope *names, pome__value *const *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!pome__scope_find(names, values[i]->name) &&
        !pome__scope_add(names, values[i]->name, values[i]))
      return false;
  return true;
}

/* `state`: whether these ports must be states of the program. Takes the inputs it finds out of
 * `missing`. */
static pome_status check_inputs(const pome__function *function, const pome__scope *inputs,
                                const pome_port *ports, size_t count, bool state, size_t *missing,
                                pome_error *error) {
  const char *kind = state ? "state" : "input";
  for (size_t i = 0; i < count; i++) {
    const pome__value *value = pome__scope_find(inputs, ports[i].name);
    if (!value)
      return pome__fail(error, POME_INPUT,
                        "the description has the %s \"%s\", which function \"%s\" does not take",
                        kind, ports[i].name, function->name);
    if ((value->type.kind == POME__TYPE_STATE) != state)
      return pome__fail(error, POME_INPUT,
                        "the description has \"%s\" as %s; in function \"%s\" it is %s",
                        ports[i].name, state ? "a state" : "an input", function->name,
                        state ? "an input" : "a state");
    --*missing;
  }
  return POME_OK;
}

static bool is_described(const pome_port *ports, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(ports[i].name, name) == 0) return true;
  return false;
}

static pome_status refuse_undescribed(const pome__function *function,
                                      const pome__function_description *description,
                                      pome_error *error) {
  const char *name = "";
  for (size_t i = 0; i < function->input_count; i++) {
    name = function->inputs[i]->name;
    if (!is_described(description->inputs, description->input_count, name) &&
        !is_described(description->states, description->state_count, name))
      break;
  }
  return pome__fail(error, POME_INPUT,
                    "function \"%s\" takes \"%s\", which the description does not have",
                    function->name, name);
}

/* Described names are unique among inputs and among states, and a value is one or the other: so
 * when all are found, counting tells whether the function takes more. */
static pome_status check_function(const pome__function *function,
                                  const pome__function_description *description,
                                  pome__arena *scratch, pome_error *error) {
  const pome__block *body = function->body;
  pome__scope inputs, outputs;
  pome__scope_init(&inputs, scratch);
  pome__scope_init(&outputs, scratch);
  if (!add_values(&inputs, function->inputs, function->input_count) ||
      !add_values(&outputs, body->outputs, body->output_count))
    return pome__fail_memory(error, "the names of ports");
  size_t missing = function->input_count;
  POME__TRY(check_inputs(function, &inputs, description->inputs, description->input_count, false,
                         &missing, error));
  POME__TRY(check_inputs(function, &inputs, description->states, description->state_count, true,
                         &missing, error));
  for (size_t i = 0; i < description->output_count; i++) {
    const char *name = description->outputs[i].name;
    if (!pome__scope_find(&outputs, name))
      return pome__fail(
          error, POME_INPUT,
          "the description has the output \"%s\", which function \"%s\" does not give", name,
          function->name);
  }
  return missing == 0 ? POME_OK : refuse_undescribed(function, description, error);
}

static pome_status check_functions(const pome__program *program,
                                   const pome__description *description, pome__arena *scratch,
                                   pome_error *error) {
  for (size_t i = 0; i < description->function_count; i++) {
    const pome__function_description *described = &description->functions[i];
    const pome__function *function = pome__program_find_function(program, described->name);
    if (!function)
      return pome__fail(error, POME_INPUT,
                        "the description has the function \"%s\", which the program does not have",
                        described->name);
    POME__TRY(check_function(function, described, scratch, error));
  }
  return POME_OK;
}

static pome_status check_description(const pome__program *program,
                                     const pome__description *description, pome_error *error) {
  pome__arena scratch;
  pome__arena_init(&scratch, program->arena.allocator, 0);
  pome_status status = check_functions(program, description, &scratch, error);
  pome__arena_free(&scratch);
  return status;
}

/* ---- descriptions of bare text ---- */

static pome_status describe_value(pome__arena *arena, const pome__value *value, pome_port *port,
                                  pome_error *error) {
  bool state = value->type.kind == POME__TYPE_STATE;
  const pome__type *type = state ? value->type.elements[0] : &value->type;
  *port = (pome_port){.description = "", .rank = -1};
  port->name = pome__arena_string(arena, value->name, strlen(value->name));
  if (!port->name) return pome__fail_memory(error, "a port");
  if (type->kind == POME__TYPE_DICT) {
    port->feature = POME_FEATURE_DICTIONARY;
    port->dtype = type->elements[0]->dtype;
  }
  if (type->kind != POME__TYPE_TENSOR) return POME_OK;
  port->feature = state ? POME_FEATURE_STATE : POME_FEATURE_TENSOR;
  port->dtype = type->dtype;
  port->rank = type->rank;
  for (int32_t i = 0; i < type->rank; i++) {
    bool known = type->dims[i] != POME_DIM_UNKNOWN;
    port->shape[i] = port->upper[i] = type->dims[i];
    port->lower[i] = known ? type->dims[i] : 1;
    if (!known) port->flexibility = POME_SHAPE_RANGE;
  }
  return POME_OK;
}

static pome_status describe_function(pome__arena *arena, const pome__function *function,
                                     pome__function_description *description, pome_error *error) {
  const pome__block *body = function->body;
  description->name = pome__arena_string(arena, function->name, strlen(function->name));
  description->inputs = POME__NEW_ARRAY(arena, pome_port, function->input_count);
  description->states = POME__NEW_ARRAY(arena, pome_port, function->input_count);
  description->outputs = POME__NEW_ARRAY(arena, pome_port, body->output_count);
  if (!description->name || !description->inputs || !description->states || !description->outputs)
    return pome__fail_memory(error, "the model's ports");
  for (size_t i = 0; i < function->input_count; i++) {
    const pome__value *value = function->inputs[i];
    pome_port *port = value->type.kind == POME__TYPE_STATE
                          ? &description->states[description->state_count++]
                          : &description->inputs[description->input_count++];
    POME__TRY(describe_value(arena, value, port, error));
    pome__flexible_apply(function, port);
  }
  for (size_t i = 0; i < body->output_count; i++)
    POME__TRY(describe_value(arena, body->outputs[i],
                             &description->outputs[description->output_count++], error));
  return POME_OK;
}

pome_status pome__describe_program(pome__package *package, const pome__program *program,
                                   pome_error *error) {
  pome__description *description = &package->description;
  pome__function_description *functions =
      POME__NEW_ARRAY(&package->arena, pome__function_description, program->function_count);
  if (!functions) return pome__fail_memory(error, "the model's functions");
  for (size_t i = 0; i < program->function_count; i++)
    POME__TRY(describe_function(&package->arena, program->functions[i], &functions[i], error));
  description->functions = functions;
  description->function_count = program->function_count;
  return POME_OK;
}

/* ---- the whole ---- */

static pome_status make_safe(pome__package *package, pome__program *program, pome_error *error) {
  POME__TRY(pome__program_verify(program, error));
  POME__TRY(pome__program_resolve(program, error));
  if (package->description.function_count == 0)
    return pome__describe_program(package, program, error);
  return check_description(program, &package->description, error);
}

/* What is not run can be looked at. */
static pome_status refuse_model(pome__package *package, pome_error *error) {
  pome__function_description *function = &package->description.functions[0];
  const char *message = error->message;
  function->refusal = pome__arena_string(pome__package_arena(package), message, strlen(message));
  if (!function->refusal) return pome__fail_memory(error, "a model");
  if (package->form != POME__PROGRAM_NETWORK) return POME_OK;
  return pome__list_layers(package, function->refusal, error);
}

pome_status pome__load_program(pome__package *package, const pome_allocator *allocator,
                               size_t memory_limit, pome__program **program, pome_error *error) {
  pome__program *made = NULL;
  pome_error local;
  if (error == NULL) error = &local;
  pome_status status = package->form == POME__PROGRAM_NONE
                           ? refuse_type(package, error)
                           : parse(package, allocator, memory_limit, &made, error);
  if (status == POME_OK) {
    status = make_safe(package, made, error);
  } else if (status == POME_UNSUPPORTED && pome__form_is_converted(package->form)) {
    status = refuse_model(package, error);
  }
  if (status != POME_OK) {
    if (package->spec_path[0] != '\0') pome__error_at_file(error, package->spec_path);
    pome__program_free(made);
    return status;
  }
  *program = made;
  return POME_OK;
}
