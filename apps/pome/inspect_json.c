/* pome inspect --json: everything the model's description holds, as one document. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "report.h"
#include "show.h"

static json_t *text_json(const char *text) {
  return text ? show_string_json(text, strlen(text)) : json_null();
}

static json_t *bound_json(int64_t bound) {
  return bound < 0 ? json_null() : json_integer(bound);
}

/* [[lowest, highest or null], ...] */
static json_t *range_json(const pome_port *port) {
  json_t *list = json_array();
  for (int d = 0; d < port->rank; d++)
    json_array_append_new(
        list, json_pack("[o, o]", bound_json(port->lower[d]), bound_json(port->upper[d])));
  return list;
}

static json_t *shapes_json(const pome_port *port) {
  json_t *list = json_array();
  for (size_t i = 0; i < port->shape_count; i++)
    json_array_append_new(list, show_shape_json(port->rank, port->shapes[i]));
  return list;
}

static const char *color_text(pome_color color) {
  static const char *const names[] = {NULL, "gray", "rgb", "bgr", "gray_fp16"};
  return names[color];
}

static json_t *port_json(const pome_port *port) {
  static const char *const flexibility[] = {"fixed", "enumerated", "range"};
  char type[SHOW_TEXT];
  json_t *item =
      json_pack("{s:o, s:s, s:s, s:o, s:o, s:s, s:b}", "name", text_json(port->name), "feature",
                show_feature(port->feature), "type", show_type(port, type, sizeof type), "dtype",
                port->dtype ? json_string(pome_dtype_name(port->dtype)) : json_null(), "shape",
                show_shape_json(port->rank, port->shape), "flexibility",
                flexibility[port->flexibility], "optional", port->optional);
  if (!item) return NULL;
  if (port->color) json_object_set_new(item, "color", json_string(color_text(port->color)));
  if (port->flexibility == POME_SHAPE_ENUMERATED)
    json_object_set_new(item, "shapes", shapes_json(port));
  if (port->flexibility == POME_SHAPE_RANGE) json_object_set_new(item, "range", range_json(port));
  if (port->has_default) json_object_set_new(item, "default", show_real_json(port->default_value));
  if (port->description[0]) json_object_set_new(item, "description", text_json(port->description));
  return item;
}

static json_t *ports_json(const pome_function *function, pome_port_kind kind) {
  json_t *list = json_array();
  for (size_t i = 0; i < pome_function_port_count(function, kind); i++)
    json_array_append_new(list, port_json(pome_function_port(function, kind, i)));
  return list;
}

static json_t *operations_json(const pome_function *function) {
  json_t *types = json_array();
  for (size_t i = 0; i < pome_function_op_type_count(function); i++) {
    pome_op_count op = pome_function_op_type(function, i);
    json_array_append_new(types, json_pack("{s:o, s:I, s:o}", "type", text_json(op.type), "count",
                                           (json_int_t)op.count, "unsupported",
                                           text_json(op.unsupported)));
  }
  return json_pack("{s:I, s:o}", "count", (json_int_t)inspect_operations(function), "by_type",
                   types);
}

static json_t *constant_json(const pome_weight *weight) {
  return json_pack("{s:o, s:s, s:s, s:o, s:I, s:o}", "name", text_json(weight->name), "encoding",
                   weight->encoding, "dtype", pome_dtype_name(weight->dtype), "shape",
                   show_shape_json(weight->tensor.rank, weight->tensor.shape), "bytes",
                   (json_int_t)weight->bytes, "offset",
                   weight->offset == POME_NO_OFFSET ? json_null()
                                                    : json_integer((json_int_t)weight->offset));
}

static json_t *weights_json(const pome_function *function, bool each) {
  weight_groups groups;
  if (inspect_weights(function, &groups, NULL) != POME_OK) return NULL;
  json_t *list = json_array();
  for (size_t i = 0; i < groups.count; i++) {
    const weight_group *group = &groups.items[i];
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:I, s:I}", "encoding", group->encoding, "dtype",
                                    pome_dtype_name(group->dtype), "count",
                                    (json_int_t)group->count, "bytes", (json_int_t)group->bytes));
  }
  json_t *result = json_pack("{s:I, s:I, s:o}", "count", (json_int_t)groups.constants, "bytes",
                             (json_int_t)groups.bytes, "by_encoding", list);
  if (result && groups.missing > 0)
    json_object_set_new(result, "missing_bytes", json_integer((json_int_t)groups.missing));
  free(groups.items);
  json_t *constants = each ? json_array() : NULL;
  for (size_t i = 0; constants && i < pome_function_weight_count(function); i++) {
    pome_weight weight = pome_function_weight(function, i);
    json_array_append_new(constants, constant_json(&weight));
  }
  if (result && constants) json_object_set_new(result, "constants", constants);
  return result;
}

/* The stages of a pipeline. */
static json_t *stages_json(const pome_function *function) {
  json_t *list = json_array();
  for (size_t i = 0; i < pome_function_stage_count(function); i++) {
    const pome_function *stage = pome_function_stage(function, i);
    json_array_append_new(
        list,
        json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}", "name", text_json(pome_function_name(stage)),
                  "type", pome_function_type(stage), "opset", pome_function_opset(stage), "inputs",
                  ports_json(stage, POME_INPUT_PORT), "outputs",
                  ports_json(stage, POME_OUTPUT_PORT), "operations", operations_json(stage)));
  }
  return list;
}

static json_t *estimate_json(const pome_function *function) {
  inspect_cost cost;
  if (inspect_estimate(function, &cost, NULL) != POME_OK) return NULL;
  return json_pack("{s:I, s:I, s:I}", "multiply_adds", (json_int_t)cost.multiply_adds,
                   "activation_bytes", (json_int_t)cost.activation_bytes, "open_operations",
                   (json_int_t)cost.open);
}

static json_t *function_json(const pome_model *model, const pome_function *function,
                             bool each_weight) {
  json_t *item = json_pack(
      "{s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
      text_json(pome_function_name(function)), "default",
      pome_model_find_function(model, NULL) == function, "opset", pome_function_opset(function),
      "predicted_feature", text_json(pome_function_predicted_feature(function)), "inputs",
      ports_json(function, POME_INPUT_PORT), "outputs", ports_json(function, POME_OUTPUT_PORT),
      "states", ports_json(function, POME_STATE_PORT), "operations", operations_json(function),
      "weights", weights_json(function, each_weight));
  if (item && pome_function_operation_count(function) > 0)
    json_object_set_new(item, "estimate", estimate_json(function));
  if (item && pome_function_stage_count(function) > 0)
    json_object_set_new(item, "stages", stages_json(function));
  return item;
}

static void add_unsupported(json_t *list, const pome_function *function) {
  pome_error reason;
  if (inspect_refusal(function, &reason))
    json_array_append_new(list, json_pack("{s:o, s:n, s:o}", "function",
                                          text_json(pome_function_name(function)), "operation",
                                          "reason", text_json(reason.message)));
  for (size_t i = 0; i < pome_function_op_type_count(function); i++) {
    pome_op_count op = pome_function_op_type(function, i);
    if (!op.unsupported) continue;
    json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o}", "function",
                                          text_json(pome_function_name(function)), "operation",
                                          text_json(op.type), "count", (json_int_t)op.count,
                                          "reason", text_json(op.unsupported)));
  }
}

static json_t *metadata_json(const pome_model *model) {
  json_t *map = json_object();
  for (size_t i = 0; i < pome_model_metadata_count(model); i++) {
    const char *key, *value;
    pome_model_metadata(model, i, &key, &value);
    json_object_set_new(map, key, text_json(value));
  }
  return map;
}

json_t *inspect_json(const pome_model *model, const struct options *options) {
  json_t *functions = json_array(), *unsupported = json_array();
  for (size_t i = 0; i < pome_model_function_count(model); i++) {
    const pome_function *function = pome_model_function(model, i);
    if (!inspect_wanted(options, function)) continue;
    json_array_append_new(functions, function_json(model, function, options->weights));
    add_unsupported(unsupported, function);
  }
  return json_pack("{s:o, s:s, s:s, s:i, s:o, s:o, s:o}", "model",
                   text_json(options->operands.items[0]), "type", pome_model_type(model),
                   "container", pome_model_container(model), "specification_version",
                   pome_model_specification_version(model), "metadata", metadata_json(model),
                   "functions", functions, "unsupported", unsupported);
}
