/* Ports and shapes: which sizes an input takes, and ports for programs that come without a description. */
#include <stdio.h>
#include <string.h>

#include "runtime/runtime.h"
#include "tensor/shape.h"

static pome_port port_from_value(const pome__value *value) {
  const pome__type *type = value->type.kind == POME__TYPE_STATE && value->type.element_count == 1 ? value->type.elements[0] : &value->type;
  pome_port port = {.name = value->name, .description = "", .dtype = type->dtype, .rank = type->rank};
  port.feature = value->type.kind == POME__TYPE_STATE ? POME_FEATURE_STATE
                 : type->kind == POME__TYPE_TENSOR    ? POME_FEATURE_TENSOR
                                                      : POME_FEATURE_UNKNOWN;
  for (int d = 0; d < type->rank; d++) {
    bool known = type->dims[d] != POME_DIM_UNKNOWN;
    port.shape[d] = type->dims[d];
    port.lower[d] = known ? type->dims[d] : 1;
    port.upper[d] = type->dims[d];
    if (!known) port.flexibility = POME_SHAPE_RANGE;
  }
  return port;
}

static pome_status describe_function(pome__arena *arena, const pome__function *function, pome__function_description *out,
                                     pome_error *error) {
  const pome__block *body = function->body;
  out->name = function->name;
  out->inputs = POME__NEW_ARRAY(arena, pome_port, function->input_count);
  out->states = POME__NEW_ARRAY(arena, pome_port, function->input_count);
  out->outputs = POME__NEW_ARRAY(arena, pome_port, body->output_count);
  if (out->inputs == NULL || out->states == NULL || out->outputs == NULL) return pome__fail_memory(error, "a model");
  for (size_t i = 0; i < function->input_count; i++) {
    pome_port port = port_from_value(function->inputs[i]);
    if (port.feature == POME_FEATURE_STATE) out->states[out->state_count++] = port;
    else out->inputs[out->input_count++] = port;
  }
  for (size_t i = 0; i < body->output_count; i++) out->outputs[out->output_count++] = port_from_value(body->outputs[i]);
  return POME_OK;
}

pome_status pome__describe_program(pome__arena *arena, const pome__program *program, pome__description *description,
                                   pome_error *error) {
  description->functions = POME__NEW_ARRAY(arena, pome__function_description, program->function_count);
  if (description->functions == NULL) return pome__fail_memory(error, "a model");
  for (size_t i = 0; i < program->function_count; i++) {
    POME__TRY(describe_function(arena, program->functions[i], &description->functions[i], error));
  }
  description->function_count = program->function_count;
  if (description->default_function == NULL) description->default_function = "";
  return POME_OK;
}

/* ---- sizes ---- */

bool pome__port_bound(const pome_port *port, const pome__type *declared, pome__type *bound) {
  *bound = *declared;
  if (pome__type_is_known(declared)) return true;
  if (port == NULL || port->rank < 0) return false;
  *bound = pome__type_tensor(declared->dtype, port->rank, port->shape);
  for (int d = 0; d < port->rank; d++) {
    if (port->flexibility == POME_SHAPE_RANGE) bound->dims[d] = port->upper[d];
    for (size_t s = 0; port->flexibility == POME_SHAPE_ENUMERATED && s < port->shape_count; s++) {
      if (port->shapes[s][d] > bound->dims[d]) bound->dims[d] = port->shapes[s][d];
    }
  }
  return pome__type_is_known(bound);
}

static bool dims_fit(const pome__type *declared, int rank, const int64_t *shape) {
  if (declared->rank < 0) return true;
  if (declared->rank != rank) return false;
  for (int d = 0; d < rank; d++) {
    if (declared->dims[d] != POME_DIM_UNKNOWN && declared->dims[d] != shape[d]) return false;
  }
  return true;
}

static bool port_allows(const pome_port *port, int rank, const int64_t *shape) {
  if (port->rank < 0 || port->feature != POME_FEATURE_TENSOR) return true;
  if (port->rank != rank) return false;
  switch (port->flexibility) {
  case POME_SHAPE_FIXED:
    for (int d = 0; d < rank; d++) {
      if (port->shape[d] != POME_DIM_UNKNOWN && port->shape[d] != shape[d]) return false;
    }
    return true;
  case POME_SHAPE_ENUMERATED:
    for (size_t s = 0; s < port->shape_count; s++) {
      if (pome__shape_equal(rank, port->shapes[s], rank, shape)) return true;
    }
    return false;
  case POME_SHAPE_RANGE:
    for (int d = 0; d < rank; d++) {
      if (shape[d] < port->lower[d] || (port->upper[d] >= 0 && shape[d] > port->upper[d])) return false;
    }
    return true;
  }
  return false;
}

static void append(char *text, size_t size, const char *more) {
  size_t used = strlen(text);
  snprintf(text + used, size - used, "%s", more);
}

/* "[1, 2..8]" or "[1, 2] or [1, 4]". */
static void format_allowed(const pome_port *port, const pome__type *declared, char *text, size_t size) {
  char one[POME__SHAPE_TEXT];
  text[0] = '\0';
  if (port->flexibility == POME_SHAPE_ENUMERATED) {
    for (size_t s = 0; s < port->shape_count && s < 8; s++) {
      if (s > 0) append(text, size, " or ");
      append(text, size, pome__shape_format(port->rank, port->shapes[s], one, sizeof one));
    }
    if (port->shape_count > 8) append(text, size, " or others");
    return;
  }
  if (port->flexibility == POME_SHAPE_FIXED) {
    bool program = port->rank < 0;
    append(text, size, pome__shape_format(program ? declared->rank : port->rank, program ? declared->dims : port->shape, one, sizeof one));
    return;
  }
  append(text, size, "[");
  for (int d = 0; d < port->rank; d++) {
    long long low = (long long)port->lower[d], high = (long long)port->upper[d];
    if (low == high) snprintf(one, sizeof one, "%s%lld", d ? ", " : "", low);
    else if (high < 0) snprintf(one, sizeof one, "%s%lld or more", d ? ", " : "", low);
    else snprintf(one, sizeof one, "%s%lld..%lld", d ? ", " : "", low, high);
    append(text, size, one);
  }
  append(text, size, "]");
}

pome_status pome__port_check_shape(const pome_port *port, const pome__type *declared, int rank, const int64_t *shape,
                                   pome_error *error) {
  if (port_allows(port, rank, shape) && dims_fit(declared, rank, shape)) return POME_OK;
  char seen[POME__SHAPE_TEXT], allowed[320];
  format_allowed(port, declared, allowed, sizeof allowed);
  return pome__fail(error, POME_INPUT, "input \"%s\" has shape %s; allowed is %s", port->name,
                    pome__shape_format(rank, shape, seen, sizeof seen), allowed);
}
