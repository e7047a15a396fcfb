/* FeatureType of FeatureTypes.proto: what kind of value a port carries, and which shapes it takes.
 *
 * A shape may be fixed, one of a list, or within ranges; each becomes a default shape and bounds of
 * every dimension. Sources: coremltools mlmodel/format/FeatureTypes.proto.
 */
#include <string.h>

#include "package/feature_type.h"

#define MAX_SHAPES 65536

typedef struct reader {
  pome__arena *arena;
  pome_error *error;
} reader;

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
    POME__TRY(pome__pb_message(&pb, &field, "sizeRanges", &inner, r->error));
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
  POME__TRY(pome__pb_count_most(&pb, 1, MAX_SHAPES, "enumerated shapes", &count, r->error));
  if (count == 0) return POME_OK;
  int64_t(*shapes)[POME_MAX_RANK] = pome__arena_array(r->arena, count, sizeof(*shapes), 8);
  if (!shapes) return pome__fail_memory(r->error, "enumerated shapes");
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    pome__pb inner;
    dims shape;
    POME__TRY(pome__pb_message(&pb, &field, "an enumerated shape", &inner, r->error));
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
    POME__TRY(pome__pb_message(&again, &field, "a port's shape flexibility", &inner, r->error));
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
    POME__TRY(pome__pb_message(&pb, &field, "an image's size range", &inner, r->error));
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
      POME__TRY(pome__pb_message(&pb, &field, "enumeratedSizes", &inner, r->error));
      POME__TRY(parse_enumerated(r, inner, port, parse_image_size));
      break;
    case 31:
      POME__TRY(pome__pb_message(&pb, &field, "imageSizeRange", &inner, r->error));
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
      POME__TRY(pome__pb_message(&pb, &field, "sizeRange", &inner, r->error));
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
    POME__TRY(pome__pb_message(&pb, &field, "arrayType", &inner, r->error));
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

pome_status pome__feature_type_parse(pome__pb pb, pome__arena *arena, pome_port *port,
                                     pome_error *error) {
  reader r = {arena, error};
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number == 1000) {
      uint64_t optional;
      POME__TRY(pome__pb_uint(&pb, &field, "isOptional", &optional, error));
      port->optional = optional != 0;
    } else if (field.number < FEATURE_KINDS) {
      const struct feature_kind *kind = &feature_kinds[field.number];
      bool again = port->feature == kind->feature;
      pome__pb inner;
      POME__TRY(pome__pb_once(&pb, &field, "a port's type", &again, &inner, error));
      *port = (pome_port){.name = port->name,
                          .description = port->description,
                          .optional = port->optional,
                          .rank = -1,
                          .feature = kind->feature,
                          .dtype = kind->dtype};
      POME__TRY(kind->parse(&r, inner, port));
    }
  }
  return pb.status;
}
