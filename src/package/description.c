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

#include "package/package.h"
#include "wire/pb.h"

#define MAX_PORTS     65536
#define MAX_FUNCTIONS 4096
#define MAX_METADATA  65536
#define MAX_SHAPES    65536

typedef struct reader {
  pome__arena *arena;
  pome_error *error;
} reader;

static pome_status enter(reader *r, const pome__pb *pb, const pome__pb_field *field,
                         const char *what, pome__pb *inner) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, what, r->error));
  *inner = pome__pb_enter(pb, field);
  return POME_OK;
}

static pome_status read_string(reader *r, const pome__pb *pb, const pome__pb_field *field,
                               const char *what, const char **out) {
  pome__bytes text;
  POME__TRY(pome__pb_text(pb, field, what, &text, r->error));
  const char *copy = pome__arena_string(r->arena, (const char *)text.data, text.size);
  if (!copy) return pome__fail_memory(r->error, "the model's description");
  *out = copy;
  return POME_OK;
}

static pome_status count_bounded(reader *r, const pome__pb *pb, uint32_t number, size_t limit,
                                 const char *what, size_t *count) {
  POME__TRY(pome__pb_count(pb, number, count, r->error));
  if (*count > limit)
    return pome__fail(r->error, POME_INPUT, "%zu %s; at most %zu are allowed", *count, what, limit);
  return POME_OK;
}

/* ---- shapes ---- */

typedef struct dims {
  int64_t at[POME_MAX_RANK];
  int32_t rank;
  pome_error *error;
} dims;

static pome_status add_dim(void *context, uint64_t value) {
  dims *shape = context;
  if (shape->rank == POME_MAX_RANK)
    return pome__fail(shape->error, POME_INPUT, "a port's shape has more than %d dimensions",
                      POME_MAX_RANK);
  if ((int64_t)value < POME_DIM_UNKNOWN)
    return pome__fail(shape->error, POME_INPUT, "a port's shape has the dimension %lld",
                      (long long)value);
  shape->at[shape->rank++] = (int64_t)value;
  return POME_OK;
}

static void set_shape(pome_port *port, const dims *shape) {
  port->rank = shape->rank;
  memcpy(port->shape, shape->at, sizeof(port->shape));
}

/* A flexibility says the rank too: where the default shape was left out, its dimensions are not
 * known. */
static pome_status agree_on_rank(reader *r, pome_port *port, size_t rank) {
  if (port->rank < 0 && rank <= POME_MAX_RANK) {
    port->rank = (int32_t)rank;
    for (size_t i = 0; i < rank; i++) port->shape[i] = POME_DIM_UNKNOWN;
  }
  if ((size_t)port->rank != rank)
    return pome__fail(r->error, POME_INPUT,
                      "a port's default shape has %d dimensions, one of its allowed shapes %zu",
                      port->rank, rank);
  return POME_OK;
}

static pome_status parse_size_range(reader *r, pome__pb pb, int64_t *lower, int64_t *upper) {
  uint64_t low = 0, high = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_uint(&pb, &field, "lowerBound", &low, r->error));
    else if (field.number == 2)
      POME__TRY(pome__pb_uint(&pb, &field, "upperBound", &high, r->error));
  }
  POME__TRY(pb.status);
  int64_t top = (int64_t)high;
  if (low > INT64_MAX || top < -1 || (top >= 0 && (int64_t)low > top))
    return pome__fail(r->error, POME_INPUT, "a port's size range is %llu to %lld",
                      (unsigned long long)low, (long long)top);
  *lower = (int64_t)low;
  *upper = top;
  return POME_OK;
}

/* ShapeRange{sizeRanges 1} */
static pome_status parse_shape_range(reader *r, pome__pb pb, pome_port *port) {
  size_t count;
  POME__TRY(pome__pb_count(&pb, 1, &count, r->error));
  POME__TRY(agree_on_rank(r, port, count));
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    pome__pb inner;
    POME__TRY(enter(r, &pb, &field, "sizeRanges", &inner));
    POME__TRY(parse_size_range(r, inner, &port->lower[i], &port->upper[i]));
    i++;
  }
  POME__TRY(pb.status);
  port->flexibility = POME_SHAPE_RANGE;
  return POME_OK;
}

/* Shape{shape 1} */
static pome_status parse_shape(reader *r, pome__pb pb, dims *shape) {
  *shape = (dims){.error = r->error};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_varints(&pb, &field, add_dim, shape, r->error));
  }
  return pb.status;
}

/* ImageSize{width 1, height 2} as [height, width] */
static pome_status parse_image_size(reader *r, pome__pb pb, dims *shape) {
  uint64_t size[2] = {0, 0};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_uint(&pb, &field, "width", &size[1], r->error));
    else if (field.number == 2) POME__TRY(pome__pb_uint(&pb, &field, "height", &size[0], r->error));
  }
  POME__TRY(pb.status);
  *shape = (dims){.error = r->error};
  POME__TRY(add_dim(shape, size[0]));
  return add_dim(shape, size[1]);
}

/* EnumeratedShapes{shapes 1} and EnumeratedImageSizes{sizes 1}: the bounds become those of all
 * shapes together. */
static pome_status parse_enumerated(reader *r, pome__pb pb, pome_port *port,
                                    pome_status (*parse)(reader *r, pome__pb pb, dims *shape)) {
  size_t count;
  POME__TRY(count_bounded(r, &pb, 1, MAX_SHAPES, "enumerated shapes", &count));
  if (count == 0) return POME_OK;
  int64_t(*shapes)[POME_MAX_RANK] = pome__arena_array(r->arena, count, sizeof(*shapes), 8);
  if (!shapes) return pome__fail_memory(r->error, "enumerated shapes");
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    pome__pb inner;
    dims shape;
    POME__TRY(enter(r, &pb, &field, "an enumerated shape", &inner));
    POME__TRY(parse(r, inner, &shape));
    POME__TRY(agree_on_rank(r, port, (size_t)shape.rank));
    memcpy(shapes[i], shape.at, sizeof(shapes[i]));
    for (int32_t d = 0; d < shape.rank; d++) {
      if (i == 0 || shape.at[d] < port->lower[d]) port->lower[d] = shape.at[d];
      if (i == 0 || shape.at[d] > port->upper[d]) port->upper[d] = shape.at[d];
    }
    i++;
  }
  POME__TRY(pb.status);
  port->shapes = (const int64_t(*)[POME_MAX_RANK])shapes;
  port->shape_count = count;
  port->flexibility = POME_SHAPE_ENUMERATED;
  return POME_OK;
}

/* ---- feature types ---- */

/* ArrayDataType's numbers. */
static const struct {
  uint32_t number;
  pome_dtype dtype;
} array_types[] = {
    {65552, POME_FP16},  {65568, POME_FP32},   {65600, POME_FP64},
    {131080, POME_INT8}, {131104, POME_INT32},
};
#define ARRAY_TYPES (sizeof(array_types) / sizeof(array_types[0]))

uint32_t pome__array_type_of(pome_dtype dtype) {
  for (size_t i = 0; i < ARRAY_TYPES; i++)
    if (array_types[i].dtype == dtype) return array_types[i].number;
  return 0;
}

static pome_status array_dtype(reader *r, uint64_t number, pome_dtype *dtype) {
  *dtype = POME_DTYPE_NONE;
  for (size_t i = 0; i < ARRAY_TYPES; i++)
    if (array_types[i].number == number) *dtype = array_types[i].dtype;
  if (*dtype != POME_DTYPE_NONE || number == 0) return POME_OK;
  return pome__fail(r->error, POME_UNSUPPORTED,
                    "a port's ArrayDataType is %llu; known are 65552 (fp16), 65568 (fp32), "
                    "65600 (fp64), 131080 (int8), 131104 (int32)",
                    (unsigned long long)number);
}

static pome_status parse_array_default(reader *r, const pome__pb *pb, const pome__pb_field *field,
                                       pome_port *port) {
  if (field->number == 41) {
    POME__TRY(pome__pb_expect(pb, field, POME__PB_VARINT, "intDefaultValue", r->error));
    port->default_value = (double)(int32_t)(uint32_t)field->value;
  } else if (field->number == 51) {
    POME__TRY(pome__pb_expect(pb, field, POME__PB_I32, "floatDefaultValue", r->error));
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof(value));
    port->default_value = (double)value;
  } else {
    POME__TRY(pome__pb_expect(pb, field, POME__PB_I64, "doubleDefaultValue", r->error));
    memcpy(&port->default_value, &field->value, sizeof(port->default_value));
  }
  port->has_default = true;
  return POME_OK;
}

/* Bounds of a port without flexibility are its shape. */
static void fix_bounds(pome_port *port) {
  if (port->flexibility != POME_SHAPE_FIXED) return;
  for (int32_t i = 0; i < port->rank; i++) {
    bool known = port->shape[i] != POME_DIM_UNKNOWN;
    port->lower[i] = known ? port->shape[i] : 0;
    port->upper[i] = port->shape[i];
  }
}

/* ArrayFeatureType. The flexibility needs the shape's rank, so it is looked at in a second walk. */
static pome_status parse_array(reader *r, pome__pb pb, pome_port *port) {
  pome__pb again = pb;
  dims shape = {.error = r->error};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    uint64_t number;
    switch (field.number) {
    case 1: POME__TRY(pome__pb_varints(&pb, &field, add_dim, &shape, r->error)); break;
    case 2:
      POME__TRY(pome__pb_uint(&pb, &field, "dataType", &number, r->error));
      POME__TRY(array_dtype(r, number, &port->dtype));
      break;
    case 41:
    case 51:
    case 61: POME__TRY(parse_array_default(r, &pb, &field, port)); break;
    default: break;
    }
  }
  POME__TRY(pb.status);
  if (shape.rank > 0) set_shape(port, &shape);
  for (pome__pb_field field; pome__pb_next(&again, &field, r->error);) {
    if (field.number != 21 && field.number != 31) continue;
    pome__pb inner;
    POME__TRY(enter(r, &again, &field, "a port's shape flexibility", &inner));
    if (field.number == 21) POME__TRY(parse_enumerated(r, inner, port, parse_shape));
    else POME__TRY(parse_shape_range(r, inner, port));
  }
  POME__TRY(again.status);
  fix_bounds(port);
  return POME_OK;
}

static pome_status set_color(reader *r, uint64_t number, pome_port *port) {
  port->dtype = POME_UINT8;
  switch (number) {
  case 0: port->color = POME_COLOR_NONE; return POME_OK;
  case 10: port->color = POME_COLOR_GRAY; return POME_OK;
  case 20: port->color = POME_COLOR_RGB; return POME_OK;
  case 30: port->color = POME_COLOR_BGR; return POME_OK;
  case 40:
    port->color = POME_COLOR_GRAY_FP16;
    port->dtype = POME_FP16;
    return POME_OK;
  default:
    return pome__fail(r->error, POME_UNSUPPORTED,
                      "an image port's color space is %llu; known are 10 (grayscale), 20 (RGB), "
                      "30 (BGR), 40 (grayscale fp16)",
                      (unsigned long long)number);
  }
}

/* ImageSizeRange{widthRange 1, heightRange 2} */
static pome_status parse_image_range(reader *r, pome__pb pb, pome_port *port) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1 && field.number != 2) continue;
    size_t axis = field.number == 1 ? 1 : 0;
    pome__pb inner;
    POME__TRY(enter(r, &pb, &field, "an image's size range", &inner));
    POME__TRY(parse_size_range(r, inner, &port->lower[axis], &port->upper[axis]));
  }
  POME__TRY(pb.status);
  port->flexibility = POME_SHAPE_RANGE;
  return POME_OK;
}

static pome_status parse_image(reader *r, pome__pb pb, pome_port *port) {
  uint64_t width = 0, height = 0, color = 0;
  port->rank = 2;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    pome__pb inner;
    switch (field.number) {
    case 1: POME__TRY(pome__pb_uint(&pb, &field, "width", &width, r->error)); break;
    case 2: POME__TRY(pome__pb_uint(&pb, &field, "height", &height, r->error)); break;
    case 3: POME__TRY(pome__pb_uint(&pb, &field, "colorSpace", &color, r->error)); break;
    case 21:
      POME__TRY(enter(r, &pb, &field, "enumeratedSizes", &inner));
      POME__TRY(parse_enumerated(r, inner, port, parse_image_size));
      break;
    case 31:
      POME__TRY(enter(r, &pb, &field, "imageSizeRange", &inner));
      POME__TRY(parse_image_range(r, inner, port));
      break;
    default: break;
    }
  }
  POME__TRY(pb.status);
  if (width > INT64_MAX || height > INT64_MAX)
    return pome__fail(r->error, POME_INPUT, "an image port's size is negative");
  port->shape[0] = height > 0 ? (int64_t)height : POME_DIM_UNKNOWN;
  port->shape[1] = width > 0 ? (int64_t)width : POME_DIM_UNKNOWN;
  fix_bounds(port);
  return set_color(r, color, port);
}

/* DictionaryFeatureType{int64KeyType 1, stringKeyType 2}, SequenceFeatureType{int64Type 1,
 * stringType 3, sizeRange 101} */
static pome_status parse_keyed(reader *r, pome__pb pb, pome_port *port) {
  bool sequence = port->feature == POME_FEATURE_SEQUENCE;
  uint32_t string_field = sequence ? 3 : 2;
  port->rank = sequence ? 1 : 0;
  port->shape[0] = POME_DIM_UNKNOWN;
  port->upper[0] = -1;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) {
      port->dtype = POME_INT64;
    } else if (field.number == string_field) {
      port->dtype = POME_STRING;
    } else if (sequence && field.number == 101) {
      pome__pb inner;
      POME__TRY(enter(r, &pb, &field, "sizeRange", &inner));
      POME__TRY(parse_size_range(r, inner, &port->lower[0], &port->upper[0]));
      port->flexibility = POME_SHAPE_RANGE;
    }
  }
  return pb.status;
}

/* StateFeatureType{arrayType 1} */
static pome_status parse_state(reader *r, pome__pb pb, pome_port *port) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    pome__pb inner;
    POME__TRY(enter(r, &pb, &field, "arrayType", &inner));
    POME__TRY(parse_array(r, inner, port));
  }
  return pb.status;
}

static pome_status parse_scalar(reader *r, pome__pb pb, pome_port *port) {
  (void)r;
  (void)pb;
  port->rank = 0;
  return POME_OK;
}

/* FeatureType's oneof, by field number. */
static const struct feature_kind {
  pome_feature feature;
  pome_dtype dtype;
  pome_status (*parse)(reader *r, pome__pb pb, pome_port *port);
} feature_kinds[] = {
    [1] = {POME_FEATURE_INT64, POME_INT64, parse_scalar},
    [2] = {POME_FEATURE_DOUBLE, POME_FP64, parse_scalar},
    [3] = {POME_FEATURE_STRING, POME_STRING, parse_scalar},
    [4] = {POME_FEATURE_IMAGE, POME_DTYPE_NONE, parse_image},
    [5] = {POME_FEATURE_TENSOR, POME_DTYPE_NONE, parse_array},
    [6] = {POME_FEATURE_DICTIONARY, POME_DTYPE_NONE, parse_keyed},
    [7] = {POME_FEATURE_SEQUENCE, POME_DTYPE_NONE, parse_keyed},
    [8] = {POME_FEATURE_STATE, POME_DTYPE_NONE, parse_state},
};
#define FEATURE_KINDS (sizeof(feature_kinds) / sizeof(feature_kinds[0]))

static pome_status parse_feature_type(reader *r, pome__pb pb, pome_port *port) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1000) {
      uint64_t optional;
      POME__TRY(pome__pb_uint(&pb, &field, "isOptional", &optional, r->error));
      port->optional = optional != 0;
    } else if (field.number < FEATURE_KINDS) {
      const struct feature_kind *kind = &feature_kinds[field.number];
      bool again = port->feature == kind->feature;
      pome__pb inner;
      POME__TRY(pome__pb_once(&pb, &field, "a port's type", &again, &inner, r->error));
      *port = (pome_port){.name = port->name,
                          .description = port->description,
                          .optional = port->optional,
                          .rank = -1,
                          .feature = kind->feature,
                          .dtype = kind->dtype};
      POME__TRY(kind->parse(r, inner, port));
    }
  }
  return pb.status;
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
      POME__TRY(parse_feature_type(r, inner, port));
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
  POME__TRY(count_bounded(r, &pb, number, MAX_PORTS, "ports of one kind", &count));
  pome_port *ports = POME__NEW_ARRAY(r->arena, pome_port, count);
  named_port *named = POME__NEW_ARRAY(r->arena, named_port, count);
  if (!ports || !named) return pome__fail_memory(r->error, "the model's ports");
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != number) continue;
    pome__pb inner;
    POME__TRY(enter(r, &pb, &field, "a port", &inner));
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
  POME__TRY(count_bounded(r, &pb, 20, MAX_FUNCTIONS, "functions", &count));
  description->function_count = count > 0 ? count : 1;
  description->functions =
      POME__NEW_ARRAY(r->arena, pome__function_description, description->function_count);
  if (!description->functions) return pome__fail_memory(r->error, "the model's functions");
  if (count == 0) return parse_function(r, pb, &in_model, &description->functions[0]);
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 20) continue;
    pome__pb inner;
    POME__TRY(enter(r, &pb, &field, "a function", &inner));
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
  POME__TRY(count_bounded(r, &pb, 100, MAX_METADATA, "metadata entries", &count));
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
      POME__TRY(enter(r, &pb, &field, "userDefined", &inner));
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
