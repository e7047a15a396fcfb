/* Model.proto's ModelDescription: ports, functions and metadata, and which of the 37 model types it
 * is.
 *
 * A model with one function describes it at the top level, one with several has a list of
 * functions; both end up as the same list here. Messages are walked in place; a repeated message is
 * counted first, so that what is allocated follows from what is really there. Scalars that stand
 * twice: the last one counts, as protobuf has it; messages that stand twice are refused, since
 * protobuf would merge them and nobody writes that. Sources: coremltools
 * mlmodel/format/Model.proto, FeatureTypes.proto.
 */
#include <stdlib.h>
#include <string.h>

#include "package/feature_type.h"

#define MAX_PORTS     65536
#define MAX_FUNCTIONS 4096
#define MAX_METADATA  65536

typedef struct reader {
  pome__arena *arena;
  pome_error *error;
} reader;

static pome_status read_string(reader *r, const pome__pb *pb, const pome__pb_field *field,
                               const char *what, const char **out) {
  pome__bytes text;
  POME__TRY(pome__pb_text(pb, field, what, &text, r->error));
  const char *copy = pome__arena_string(r->arena, (const char *)text.data, text.size);
  if (!copy) return pome__fail_memory(r->error, "the model's description");
  *out = copy;
  return POME_OK;
}

/* ---- ports and functions ---- */

/* FeatureDescription{name 1, shortDescription 2, type 3} */
static pome_status parse_port(reader *r, pome__pb pb, pome_port *port) {
  *port = (pome_port){.name = "", .description = "", .rank = -1};
  bool typed = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    pome__pb inner;
    switch (field.number) {
    case 1: POME__TRY(read_string(r, &pb, &field, "a port's name", &port->name)); break;
    case 2:
      POME__TRY(read_string(r, &pb, &field, "a port's description", &port->description));
      break;
    case 3:
      POME__TRY(pome__pb_once(&pb, &field, "a port's type", &typed, &inner, r->error));
      POME__TRY(pome__feature_type_parse(inner, r->arena, port, r->error));
      break;
    default: break;
    }
  }
  return pb.status;
}

typedef struct named_port {
  const char *name;
  size_t index;
  pome__bytes message;
} named_port;

static int compare_names(const void *left, const void *right) {
  const named_port *a = left, *b = right;
  int order = strcmp(a->name, b->name);
  return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static bool same_message(pome__bytes a, pome__bytes b) {
  return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* A function may give one value several times: it is described as often, and is one port. Sorts
 * `named`. */
static pome_status join_ports(reader *r, named_port *named, size_t count, bool may_repeat,
                              pome_port *ports, size_t *kept) {
  *kept = count;
  if (count == 0) return POME_OK;
  qsort(named, count, sizeof(*named), compare_names);
  if (named[0].name[0] == '\0')
    return pome__fail(r->error, POME_INPUT, "the description has a port without a name");
  for (size_t i = 1; i < count; i++) {
    if (strcmp(named[i - 1].name, named[i].name) != 0) continue;
    if (!may_repeat || !same_message(named[i - 1].message, named[i].message))
      return pome__fail(r->error, POME_INPUT, "the description has two ports named \"%s\"",
                        named[i].name);
    ports[named[i].index].name = NULL;
  }
  *kept = 0;
  for (size_t i = 0; i < count; i++)
    if (ports[i].name != NULL) ports[(*kept)++] = ports[i];
  return POME_OK;
}

static pome_status parse_ports(reader *r, pome__pb pb, uint32_t number, bool may_repeat,
                               pome_port **out, size_t *out_count) {
  size_t count;
  POME__TRY(pome__pb_count_most(&pb, number, MAX_PORTS, "ports of one kind", &count, r->error));
  pome_port *ports = POME__NEW_ARRAY(r->arena, pome_port, count);
  named_port *named = POME__NEW_ARRAY(r->arena, named_port, count);
  if (!ports || !named) return pome__fail_memory(r->error, "the model's ports");
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != number) continue;
    pome__pb inner;
    POME__TRY(pome__pb_message(&pb, &field, "a port", &inner, r->error));
    pome_status status = parse_port(r, inner, &ports[i]);
    if (status != POME_OK) {
      pome__error_at_offset(r->error, pome__pb_offset(&pb, &field));
      return status;
    }
    named[i] = (named_port){ports[i].name, i, field.bytes};
    i++;
  }
  POME__TRY(pb.status);
  *out = ports;
  return join_ports(r, named, count, may_repeat, ports, out_count);
}

/* The same five facts have different field numbers in the two messages that can hold them. */
typedef struct function_fields {
  uint32_t input, output, state, predicted, probabilities;
} function_fields;
static const function_fields in_model = {1, 10, 13, 11, 12};
static const function_fields in_function = {2, 3, 6, 4, 5};

static pome_status parse_function(reader *r, pome__pb pb, const function_fields *fields,
                                  pome__function_description *function) {
  POME__TRY(parse_ports(r, pb, fields->input, false, &function->inputs, &function->input_count));
  POME__TRY(parse_ports(r, pb, fields->output, true, &function->outputs, &function->output_count));
  POME__TRY(parse_ports(r, pb, fields->state, false, &function->states, &function->state_count));
  const char *predicted = "", *probabilities = "", *name = "";
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == fields->predicted)
      POME__TRY(read_string(r, &pb, &field, "predictedFeatureName", &predicted));
    else if (field.number == fields->probabilities)
      POME__TRY(read_string(r, &pb, &field, "predictedProbabilitiesName", &probabilities));
    else if (fields == &in_function && field.number == 1)
      POME__TRY(read_string(r, &pb, &field, "a function's name", &name));
  }
  POME__TRY(pb.status);
  function->name = fields == &in_function ? name : "main";
  function->predicted_feature = predicted[0] ? predicted : NULL;
  function->predicted_probabilities = probabilities[0] ? probabilities : NULL;
  return POME_OK;
}

static pome_status check_function_name(reader *r, const pome__description *description,
                                       size_t index) {
  const char *name = description->functions[index].name;
  if (name[0] == '\0')
    return pome__fail(r->error, POME_INPUT, "the description has a function without a name");
  for (size_t i = 0; i < index; i++)
    if (strcmp(description->functions[i].name, name) == 0)
      return pome__fail(r->error, POME_INPUT, "the description has two functions named \"%s\"",
                        name);
  return POME_OK;
}

/* ModelDescription{functions 20}, or what it says about the only function. */
static pome_status parse_functions(reader *r, pome__pb pb, pome__description *description) {
  size_t count;
  POME__TRY(pome__pb_count_most(&pb, 20, MAX_FUNCTIONS, "functions", &count, r->error));
  description->function_count = count > 0 ? count : 1;
  description->functions =
      POME__NEW_ARRAY(r->arena, pome__function_description, description->function_count);
  if (!description->functions) return pome__fail_memory(r->error, "the model's functions");
  if (count == 0) return parse_function(r, pb, &in_model, &description->functions[0]);
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 20) continue;
    pome__pb inner;
    POME__TRY(pome__pb_message(&pb, &field, "a function", &inner, r->error));
    POME__TRY(parse_function(r, inner, &in_function, &description->functions[i]));
    POME__TRY(check_function_name(r, description, i));
    i++;
  }
  POME__TRY(pb.status);
  return POME_OK;
}

/* ---- metadata ---- */

typedef struct pair {
  const char *key;
  const char *value;
  size_t order;
} pair;

static int compare_pairs(const void *left, const void *right) {
  const pair *a = left, *b = right;
  int order = strcmp(a->key, b->key);
  return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static pome_status parse_pair(reader *r, pome__pb pb, pair *out) {
  out->key = out->value = "";
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(read_string(r, &pb, &field, "a metadata key", &out->key));
    else if (field.number == 2)
      POME__TRY(read_string(r, &pb, &field, "a metadata value", &out->value));
  }
  return pb.status;
}

/* Sorted by key, since a protobuf map has no order; of equal keys the last one counts. */
static void add_user_pairs(pome__description *description, pair *pairs, size_t count) {
  if (count > 0) qsort(pairs, count, sizeof(*pairs), compare_pairs);
  for (size_t i = 0; i < count; i++) {
    if (i + 1 < count && strcmp(pairs[i].key, pairs[i + 1].key) == 0) continue;
    description->metadata[2 * description->metadata_count] = pairs[i].key;
    description->metadata[2 * description->metadata_count + 1] = pairs[i].value;
    description->metadata_count++;
  }
}

/* Metadata{shortDescription 1, versionString 2, author 3, license 4, userDefined 100} */
static pome_status parse_metadata(reader *r, pome__pb pb, pome__description *description) {
  static const struct {
    uint32_t number;
    const char *key;
  } known[] = {
      {3, "author"},
      {4, "license"},
      {2, "versionString"},
      {1, "shortDescription"},
  };
  enum { KNOWN = sizeof(known) / sizeof(known[0]) };
  size_t count;
  POME__TRY(pome__pb_count_most(&pb, 100, MAX_METADATA, "metadata entries", &count, r->error));
  pair *pairs = POME__NEW_ARRAY(r->arena, pair, count);
  const char **metadata = POME__NEW_ARRAY(r->arena, const char *, 2 * (count + KNOWN));
  if (!pairs || !metadata) return pome__fail_memory(r->error, "the model's metadata");
  const char *values[KNOWN] = {"", "", "", ""};
  size_t user = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    for (size_t i = 0; i < KNOWN; i++)
      if (field.number == known[i].number)
        POME__TRY(read_string(r, &pb, &field, known[i].key, &values[i]));
    if (field.number == 100) {
      pome__pb inner;
      POME__TRY(pome__pb_message(&pb, &field, "userDefined", &inner, r->error));
      pairs[user].order = user;
      POME__TRY(parse_pair(r, inner, &pairs[user]));
      user++;
    }
  }
  POME__TRY(pb.status);
  description->metadata = metadata;
  description->metadata_count = 0;
  for (size_t i = 0; i < KNOWN; i++) {
    if (values[i][0] == '\0') continue;
    metadata[2 * description->metadata_count] = known[i].key;
    metadata[2 * description->metadata_count + 1] = values[i];
    description->metadata_count++;
  }
  add_user_pairs(description, pairs, count);
  return POME_OK;
}

/* ---- the whole ---- */

static pome_status check_default_function(reader *r, const pome__description *description) {
  if (description->default_function[0] == '\0') return POME_OK;
  for (size_t i = 0; i < description->function_count; i++)
    if (strcmp(description->functions[i].name, description->default_function) == 0) return POME_OK;
  return pome__fail(r->error, POME_INPUT,
                    "the default function \"%s\" is not among the %zu functions described",
                    description->default_function, description->function_count);
}

static pome_status parse_description(reader *r, pome__pb pb, pome__description *description) {
  POME__TRY(parse_functions(r, pb, description));
  bool has_metadata = false;
  description->default_function = "";
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 21) {
      POME__TRY(read_string(r, &pb, &field, "defaultFunctionName", &description->default_function));
    } else if (field.number == 100) {
      pome__pb inner;
      POME__TRY(pome__pb_once(&pb, &field, "metadata", &has_metadata, &inner, r->error));
      POME__TRY(parse_metadata(r, inner, description));
    }
  }
  POME__TRY(pb.status);
  return check_default_function(r, description);
}

const char *pome__model_type_name(int type) {
  switch (type) {
#define X(number, text)                                                                            \
  case number: return text;
    POME__MODEL_TYPE_TABLE(X)
#undef X
  default: return NULL;
  }
}

pome_status pome__description_parse_bare(pome__bytes message, pome__arena *arena,
                                         pome__description *description, pome_error *error) {
  reader r = {arena, error};
  pome__description parsed = {.model_type_name = ""};
  POME__TRY(parse_description(&r, pome__pb_open(message), &parsed));
  parsed.message = message;
  *description = parsed;
  return POME_OK;
}

pome_status pome__description_parse_model(pome__bytes message, pome__arena *arena,
                                          pome__description *description, pome__bytes *program,
                                          pome_error *error) {
  reader r = {arena, error};
  pome__pb pb = pome__pb_open(message);
  pome__description parsed = {.model_type_name = ""};
  pome__bytes body = {NULL, 0};
  int64_t version = 0;
  bool described = false, updatable = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    pome__pb inner;
    if (field.number == 1) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_VARINT, "specificationVersion", error));
      version = (int32_t)(uint32_t)field.value;
    } else if (field.number == 2) {
      POME__TRY(pome__pb_once(&pb, &field, "the model's description", &described, &inner, error));
      POME__TRY(parse_description(&r, inner, &parsed));
      parsed.message = field.bytes;
    } else if (field.number == 10) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_VARINT, "isUpdatable", error));
      updatable = field.value != 0;
    } else if (pome__model_type_name((int)field.number)) {
      bool again = parsed.model_type == (int)field.number;
      POME__TRY(pome__pb_once(&pb, &field, "the model itself", &again, &inner, error));
      parsed.model_type = (int)field.number;
      parsed.model_type_name = pome__model_type_name(parsed.model_type);
      body = field.bytes;
    }
  }
  POME__TRY(pb.status);
  if (version < 1)
    return pome__fail(error, POME_INPUT,
                      "not a Core ML model: its specificationVersion is %lld, it must be 1 or more",
                      (long long)version);
  if (!described) return pome__fail(error, POME_INPUT, "the model has no description");
  parsed.specification_version = (int)version;
  parsed.updatable = updatable;
  *description = parsed;
  bool wanted = pome__model_type_form(parsed.model_type) != POME__PROGRAM_NONE ||
                pome__model_type_is_pipeline(parsed.model_type);
  *program = wanted ? body : (pome__bytes){NULL, 0};
  return POME_OK;
}
