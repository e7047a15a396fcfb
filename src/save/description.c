/* A ModelDescription for programs that come without one: bare MIL text, whose ports follow from its
 * types.
 *
 * So there are tensors, states and what classifiers give, fixed or with ranges, in one function or
 * several. A model that has a description keeps it byte for byte instead (save.c). One function
 * called main is described at the top level, as every version of the format allows; anything else
 * takes the list of functions. Sources: coremltools mlmodel/format/Model.proto, FeatureTypes.proto.
 */
#include <string.h>

#include "save/save.h"

/* The same facts have different field numbers in the two messages that can hold them. */
typedef struct function_fields {
  uint32_t input, output, state;
} function_fields;
static const function_fields in_model = {1, 10, 13};
static const function_fields in_function = {2, 3, 6};

static void refuse_type(pome__pb_writer *w, const pome_port *port) {
  if (pome__pb_failed(w)) return;
  pome_error *error = pome__pb_error(w);
  bool tensor = port->feature != POME_FEATURE_UNKNOWN;
  pome_status status = pome__fail(
      error, POME_UNSUPPORTED,
      "\"%.200s\" is %s%s; inputs and outputs of a package can be tensors "
      "of fp16, fp32, fp64, int8 or int32",
      port->name, tensor ? "of " : "not a tensor", tensor ? pome_dtype_name(port->dtype) : "");
  pome__pb_fail(w, status);
}

/* ShapeRange{sizeRanges 1}, of SizeRange{lowerBound 1, upperBound 2} */
static void put_range(pome__pb_writer *w, const pome_port *port) {
  pome__pb_begin(w, 31);
  for (int32_t i = 0; i < port->rank; i++) {
    pome__pb_begin(w, 1);
    pome__pb_put_uint(w, 1, (uint64_t)port->lower[i]);
    pome__pb_put_uint(w, 2, (uint64_t)port->upper[i]);
    pome__pb_end(w);
  }
  pome__pb_end(w);
}

/* ArrayFeatureType{shape 1, dataType 2, shapeRange 31}. Where a size is open the default is the
 * smallest. */
static void put_array(pome__pb_writer *w, uint32_t field, const pome_port *port) {
  uint32_t type = pome__array_type_of(port->dtype);
  if (type == 0) {
    refuse_type(w, port);
    return;
  }
  pome__pb_begin(w, field);
  if (port->rank > 0) {
    pome__pb_begin(w, 1);
    for (int32_t i = 0; i < port->rank; i++) {
      bool known = port->shape[i] != POME_DIM_UNKNOWN;
      pome__pb_varint(w, (uint64_t)(known ? port->shape[i] : port->lower[i]));
    }
    pome__pb_end(w);
  }
  pome__pb_put_uint(w, 2, type);
  if (port->flexibility == POME_SHAPE_RANGE) put_range(w, port);
  pome__pb_end(w);
}

/* FeatureType{int64Type 1 | stringType 3 | multiArrayType 5 | dictionaryType 6 | stateType 8}, what
 * a classifier gives included: a label as one string or int64, and a dictionary by label.
 * StateFeatureType{arrayType 1}, DictionaryFeatureType{int64KeyType 1 | stringKeyType 2} */
static void put_feature_type(pome__pb_writer *w, const pome_port *port) {
  bool string = port->dtype == POME_STRING;
  bool label = (string || port->dtype == POME_INT64) && port->rank == 0;
  if (port->feature == POME_FEATURE_STATE) {
    pome__pb_begin(w, 8);
    put_array(w, 1, port);
    pome__pb_end(w);
  } else if (port->feature == POME_FEATURE_DICTIONARY) {
    pome__pb_begin(w, 6);
    pome__pb_begin(w, string ? 2 : 1);
    pome__pb_end(w);
    pome__pb_end(w);
  } else if (port->feature == POME_FEATURE_TENSOR && label) {
    pome__pb_begin(w, string ? 3 : 1);
    pome__pb_end(w);
  } else if (port->feature == POME_FEATURE_TENSOR) {
    put_array(w, 5, port);
  } else {
    refuse_type(w, port);
  }
}

/* FeatureDescription{name 1, type 3} */
static void put_ports(pome__pb_writer *w, uint32_t field, const pome_port *ports, size_t count) {
  for (size_t i = 0; i < count; i++) {
    pome__pb_begin(w, field);
    pome__pb_put_text(w, 1, ports[i].name);
    pome__pb_begin(w, 3);
    put_feature_type(w, &ports[i]);
    pome__pb_end(w);
    pome__pb_end(w);
  }
}

static void put_function(pome__pb_writer *w, const function_fields *fields,
                         const pome__function_description *function) {
  put_ports(w, fields->input, function->inputs, function->input_count);
  put_ports(w, fields->output, function->outputs, function->output_count);
  put_ports(w, fields->state, function->states, function->state_count);
}

/* FunctionDescription{name 1}; ModelDescription{functions 20, defaultFunctionName 21} */
void pome__put_description(pome__pb_writer *w, const pome__description *description) {
  const pome__function_description *first = &description->functions[0];
  if (description->function_count == 1 && strcmp(first->name, "main") == 0) {
    put_function(w, &in_model, first);
    return;
  }
  for (size_t i = 0; i < description->function_count; i++) {
    pome__pb_begin(w, 20);
    pome__pb_put_text(w, 1, description->functions[i].name);
    put_function(w, &in_function, &description->functions[i]);
    pome__pb_end(w);
    if (strcmp(description->functions[i].name, "main") == 0) first = &description->functions[i];
  }
  pome__pb_put_text(w, 21, first->name);
}
