/* Tensors and types as text and as JSON. */
#ifndef POME_APPS_SHOW_H
#define POME_APPS_SHOW_H

#include <jansson.h>

#include <pome/model.h>

#define SHOW_TEXT 256

/* "[1, ?, 3]" into buffer; returns buffer. */
const char *show_shape(int rank, const int64_t *shape, char *buffer, size_t size);
/* Text for a port's type: "fp16 tensor", "RGB image", "text" ... into buffer. */
const char *show_type(const pome_port *port, char *buffer, size_t size);
/* Every shape that a port accepts: "[1, 3]", "[1, 1..512]", "one of [1], [2]" into buffer. */
const char *show_shapes(const pome_port *port, char *buffer, size_t size);
const char *show_feature(pome_feature feature);

/* One element, by index in row-major order of a contiguous tensor. */
const char *show_element(const pome_tensor *tensor, size_t index, char *buffer, size_t size);
/* The values in nested brackets on stdout, long dimensions shortened, each line indented. */
void show_values(const pome_tensor *tensor, int indent);

/* Nested arrays of all values; NaN and infinities are the strings "nan", "inf", "-inf". NULL when
 * out of memory. */
json_t *show_values_json(const pome_tensor *tensor);
/* Dimensions, null where unknown. */
json_t *show_shape_json(int rank, const int64_t *shape);
/* A string that may hold anything: broken UTF-8 is replaced. */
json_t *show_string_json(const char *text, size_t size);
/* Significant digits with which every value of the type comes back. */
int show_digits(pome_dtype dtype);
/* A finite number, or null. */
json_t *show_real_json(double value);

/* The elements as doubles in a fresh block (free it), or NULL. */
double *show_doubles(const pome_tensor *tensor);

#endif
