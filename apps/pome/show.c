/* See show.h. */
#include "show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "report.h"

/* A dimension longer than this shows its first and last EDGE elements, when the whole is long. */
#define LONG_DIMENSION 7
#define LONG_TENSOR    64
#define EDGE           3
#define LINE_VALUES    12

/* ---- ports ---- */

const char *show_shape(int rank, const int64_t *shape, char *buffer, size_t size) {
  if (rank < 0) {
    snprintf(buffer, size, "any shape");
    return buffer;
  }
  size_t used = (size_t)snprintf(buffer, size, "[");
  for (int d = 0; d < rank && used < size; d++) {
    const char *comma = d ? ", " : "";
    if (shape[d] == POME_DIM_UNKNOWN)
      used += (size_t)snprintf(buffer + used, size - used, "%s?", comma);
    else used += (size_t)snprintf(buffer + used, size - used, "%s%" PRId64, comma, shape[d]);
  }
  if (used < size) snprintf(buffer + used, size - used, "]");
  return buffer;
}

const char *show_feature(pome_feature feature) {
  static const char *const names[] = {"unknown", "tensor",     "image",    "int64", "double",
                                      "string",  "dictionary", "sequence", "state"};
  return names[feature];
}

static const char *color_name(pome_color color) {
  static const char *const names[] = {"", "gray", "RGB", "BGR", "gray fp16"};
  return names[color];
}

const char *show_type(const pome_port *port, char *buffer, size_t size) {
  switch (port->feature) {
  case POME_FEATURE_TENSOR:
  case POME_FEATURE_STATE: snprintf(buffer, size, "%s", pome_dtype_name(port->dtype)); break;
  case POME_FEATURE_IMAGE: snprintf(buffer, size, "%s image", color_name(port->color)); break;
  case POME_FEATURE_DICTIONARY:
    snprintf(buffer, size, "dictionary by %s", pome_dtype_name(port->dtype));
    break;
  case POME_FEATURE_SEQUENCE:
    snprintf(buffer, size, "sequence of %s", pome_dtype_name(port->dtype));
    break;
  default: snprintf(buffer, size, "%s", show_feature(port->feature));
  }
  return buffer;
}

static size_t show_range(const pome_port *port, char *buffer, size_t size) {
  size_t used = (size_t)snprintf(buffer, size, "[");
  for (int d = 0; d < port->rank && used < size; d++) {
    const char *comma = d ? ", " : "";
    int64_t low = port->lower[d], high = port->upper[d];
    if (low == high) used += (size_t)snprintf(buffer + used, size - used, "%s%" PRId64, comma, low);
    else if (high < 0)
      used += (size_t)snprintf(buffer + used, size - used, "%s%" PRId64 "..", comma, low);
    else
      used +=
          (size_t)snprintf(buffer + used, size - used, "%s%" PRId64 "..%" PRId64, comma, low, high);
  }
  if (used < size) used += (size_t)snprintf(buffer + used, size - used, "]");
  return used;
}

const char *show_shapes(const pome_port *port, char *buffer, size_t size) {
  bool shaped = port->feature == POME_FEATURE_TENSOR || port->feature == POME_FEATURE_IMAGE ||
                port->feature == POME_FEATURE_STATE;
  buffer[0] = '\0';
  if (!shaped) return buffer;
  char one[SHOW_TEXT];
  if (port->flexibility == POME_SHAPE_FIXED || port->rank < 0)
    return show_shape(port->rank, port->shape, buffer, size);
  size_t used = 0;
  if (port->flexibility == POME_SHAPE_RANGE) used = show_range(port, buffer, size);
  for (size_t i = 0;
       port->flexibility == POME_SHAPE_ENUMERATED && i < port->shape_count && used < size; i++)
    used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? " | " : "",
                             show_shape(port->rank, port->shapes[i], one, sizeof one));
  if (used < size)
    snprintf(buffer + used, size - used, " (default %s)",
             show_shape(port->rank, port->shape, one, sizeof one));
  return buffer;
}

/* ---- elements ---- */

/* A view of one element; `index` counts in row-major order. */
static pome_tensor element_at(const pome_tensor *tensor, size_t index) {
  pome_tensor one = *tensor;
  int64_t offset = 0;
  for (int d = tensor->rank - 1; d >= 0; d--) {
    size_t size = (size_t)tensor->shape[d];
    offset += (int64_t)(index % size) * tensor->strides[d];
    index /= size;
  }
  one.rank = 0;
  one.data = (char *)tensor->data + (size_t)offset * (pome_dtype_bits(tensor->dtype) / 8);
  return one;
}

static bool is_kind(pome_dtype dtype, char kind) {
  static const char kinds[] = {0,
#define X(name, text, bits, letter) letter,
                               POME_DTYPE_TABLE(X)
#undef X
  };
  return kinds[dtype] == kind;
}

int show_digits(pome_dtype dtype) {
  return dtype == POME_FP64 ? 17 : 9;
}

static const char *format_real(double value, int digits, char *buffer, size_t size) {
  if (isnan(value)) snprintf(buffer, size, "nan");
  else if (isinf(value)) snprintf(buffer, size, value > 0 ? "inf" : "-inf");
  else snprintf(buffer, size, "%.*g", digits, value);
  return buffer;
}

const char *show_element(const pome_tensor *tensor, size_t index, char *buffer, size_t size) {
  pome_tensor one = element_at(tensor, index), target;
  double real = 0;
  int64_t whole = 0;
  if (tensor->dtype == POME_STRING) {
    const pome_string *text = one.data;
    snprintf(buffer, size, "\"%.*s\"", (int)(text->size < size - 3 ? text->size : size - 3),
             text->data);
  } else if (is_kind(tensor->dtype, 'f')) {
    pome_tensor_init(&target, POME_FP64, 0, NULL, &real, NULL);
    pome_tensor_copy(&one, &target, NULL);
    format_real(real, tensor->dtype == POME_FP64 ? 9 : 6, buffer, size);
  } else {
    pome_tensor_init(&target, tensor->dtype == POME_UINT64 ? POME_UINT64 : POME_INT64, 0, NULL,
                     &whole, NULL);
    pome_tensor_copy(&one, &target, NULL);
    if (tensor->dtype == POME_BOOL) snprintf(buffer, size, "%s", whole ? "true" : "false");
    else if (tensor->dtype == POME_UINT64) snprintf(buffer, size, "%" PRIu64, (uint64_t)whole);
    else snprintf(buffer, size, "%" PRId64, whole);
  }
  return buffer;
}

static void show_row(const pome_tensor *tensor, size_t start, size_t length, bool shorten,
                     int indent) {
  char text[SHOW_TEXT];
  putchar('[');
  for (size_t i = 0; i < length; i++) {
    if (shorten && length > LONG_DIMENSION && i == EDGE) {
      fputs(", ...", stdout);
      i = length - EDGE;
    }
    if (i > 0) fputs(", ", stdout);
    if (!shorten && i > 0 && i % LINE_VALUES == 0) printf("\n%*s", indent + 1, "");
    report_put(show_element(tensor, start + i, text, sizeof text));
  }
  putchar(']');
}

static void show_block(const pome_tensor *tensor, int dimension, size_t start, bool shorten,
                       int indent) {
  size_t length = (size_t)tensor->shape[dimension];
  if (dimension == tensor->rank - 1) {
    show_row(tensor, start, length, shorten, indent);
    return;
  }
  size_t step = 1;
  for (int d = dimension + 1; d < tensor->rank; d++) step *= (size_t)tensor->shape[d];
  putchar('[');
  for (size_t i = 0; i < length; i++) {
    if (i > 0) printf(",\n%*s", indent + 1, "");
    if (shorten && length > LONG_DIMENSION && i == EDGE) {
      printf("...,\n%*s", indent + 1, "");
      i = length - EDGE;
    }
    show_block(tensor, dimension + 1, start + i * step, shorten, indent + 1);
  }
  putchar(']');
}

void show_values(const pome_tensor *tensor, int indent) {
  char text[SHOW_TEXT];
  printf("%*s", indent, "");
  size_t count = pome_tensor_count(tensor);
  if (count == 0) fputs("[]", stdout);
  else if (tensor->rank == 0) report_put(show_element(tensor, 0, text, sizeof text));
  else show_block(tensor, 0, 0, count > LONG_TENSOR, indent);
  putchar('\n');
}

/* ---- JSON ---- */

json_t *show_shape_json(int rank, const int64_t *shape) {
  if (rank < 0) return json_null();
  json_t *list = json_array();
  for (int d = 0; d < rank; d++)
    json_array_append_new(list,
                          shape[d] == POME_DIM_UNKNOWN ? json_null() : json_integer(shape[d]));
  return list;
}

json_t *show_string_json(const char *text, size_t size) {
  json_t *exact = json_stringn(text, size);
  if (exact) return exact;
  char *copy = malloc(size + 1);
  if (!copy) return NULL;
  for (size_t i = 0; i < size; i++) copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
  json_t *string = json_stringn(copy, size);
  free(copy);
  return string;
}

json_t *show_real_json(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *real_or_text(double value) {
  if (isfinite(value)) return json_real(value);
  return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

/* All elements converted to one plain type, row-major. */
typedef struct plain {
  pome_tensor tensor;
  void *data;
  size_t bytes;
} plain;

static bool make_plain(const pome_tensor *tensor, pome_dtype dtype, plain *result) {
  if (pome_tensor_init(&result->tensor, dtype, tensor->rank, tensor->shape, NULL, NULL) != POME_OK)
    return false;
  result->bytes = pome_tensor_bytes(&result->tensor);
  result->data = pome__alloc_zero(NULL, result->bytes);
  result->tensor.data = result->data;
  if (result->data && pome_tensor_copy(tensor, &result->tensor, NULL) == POME_OK) return true;
  pome__free(NULL, result->data, result->bytes);
  return false;
}

double *show_doubles(const pome_tensor *tensor) {
  plain all;
  return make_plain(tensor, POME_FP64, &all) ? all.data : NULL;
}

static json_t *element_json(const pome_tensor *tensor, pome_dtype original, size_t index) {
  switch (tensor->dtype) {
  case POME_FP64: return real_or_text(((const double *)tensor->data)[index]);
  case POME_STRING: {
    const pome_string *text = (const pome_string *)tensor->data + index;
    return show_string_json(text->data, text->size);
  }
  default: {
    int64_t whole = ((const int64_t *)tensor->data)[index];
    char digits[32];
    if (original == POME_BOOL) return json_boolean(whole);
    if (original != POME_UINT64 || whole >= 0) return json_integer(whole);
    snprintf(digits, sizeof digits, "%" PRIu64,
             (uint64_t)whole); /* beyond what JSON's readers hold */
    return json_string(digits);
  }
  }
}

static json_t *block_json(const pome_tensor *tensor, pome_dtype original, int dimension,
                          size_t *at) {
  if (dimension == tensor->rank) return element_json(tensor, original, (*at)++);
  json_t *list = json_array();
  for (int64_t i = 0; list && i < tensor->shape[dimension]; i++) {
    if (json_array_append_new(list, block_json(tensor, original, dimension + 1, at)) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

json_t *show_values_json(const pome_tensor *tensor) {
  pome_dtype dtype = tensor->dtype == POME_STRING  ? POME_STRING
                     : is_kind(tensor->dtype, 'f') ? POME_FP64
                                                   : POME_INT64;
  plain all;
  if (!make_plain(tensor, dtype, &all)) return NULL;
  size_t at = 0;
  json_t *result = block_json(&all.tensor, tensor->dtype, 0, &at);
  pome__free(NULL, all.data, all.bytes);
  return result;
}
