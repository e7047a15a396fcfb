/* Values: one struct behind tensor, image, string, number, dictionary and sequence; either a view
 * of the caller's memory or one block of its own.
 */
#include <string.h>

#include "base/check.h"
#include "runtime/runtime.h"
#include "tensor/element.h"
#include "tensor/shape.h"

static pome_status new_value(pome_feature feature, const pome_allocator *allocator,
                             pome_value **out, pome_error *error) {
  pome_value *value = pome__alloc_zero(allocator, sizeof *value);
  if (value == NULL) return pome__fail_memory(error, "a value");
  value->allocator = allocator;
  value->feature = feature;
  *out = value;
  return POME_OK;
}

/* Bytes of a deep copy of a vector: the elements, then the characters of strings. */
static bool copy_bytes(const pome_tensor *tensor, size_t *bytes) {
  size_t total = (pome_tensor_bytes(tensor) + 15) & ~(size_t)15;
  for (size_t i = 0; tensor->dtype == POME_STRING && i < pome_tensor_count(tensor); i++) {
    if (!pome__add(total, ((const pome_string *)tensor->data)[i].size, &total)) return false;
  }
  return pome__add(total, 15 & -total, bytes);
}

static pome_tensor copy_into(const pome_tensor *source, char *memory) {
  pome_tensor copy = *source;
  size_t bytes = pome_tensor_bytes(source);
  if (bytes > 0) memcpy(memory, source->data, bytes);
  copy.data = memory;
  char *characters = memory + ((bytes + 15) & ~(size_t)15);
  pome_string *strings = copy.data;
  for (size_t i = 0; source->dtype == POME_STRING && i < pome_tensor_count(source); i++) {
    if (strings[i].size > 0) memcpy(characters, strings[i].data, strings[i].size);
    strings[i].data = characters;
    characters += strings[i].size;
  }
  return copy;
}

/* A value that owns copies of `tensor` and, when not NULL, `keys`; both contiguous. */
static pome_status own(pome_feature feature, const pome_tensor *tensor, const pome_tensor *keys,
                       const pome_allocator *allocator, pome_value **out, pome_error *error) {
  size_t first, second = 0, total;
  if (!pome_tensor_is_contiguous(tensor) || (keys != NULL && !pome_tensor_is_contiguous(keys))) {
    return pome__fail(error, POME_USAGE, "a value is made from contiguous tensors");
  }
  pome_value *value;
  POME__TRY(new_value(feature, allocator, &value, error));
  bool fits = copy_bytes(tensor, &first) && (keys == NULL || copy_bytes(keys, &second)) &&
              pome__add(first, second, &total);
  char *memory = fits ? pome__alloc(allocator, total) : NULL;
  if (memory == NULL) {
    pome_value_free(value);
    return pome__fail_memory(error, "a value");
  }
  value->owned = memory;
  value->owned_bytes = total;
  value->tensor = copy_into(tensor, memory);
  value->tensor.owner = value;
  if (keys != NULL) value->keys = copy_into(keys, memory + first);
  *out = value;
  return POME_OK;
}

pome_status pome__value_create(pome_feature feature, pome_dtype dtype, int rank,
                               const int64_t *shape, const pome_allocator *allocator,
                               pome_value **out, pome_error *error) {
  pome_tensor tensor;
  pome_value *value;
  POME__TRY(pome_tensor_init(&tensor, dtype, rank, shape, NULL, error));
  POME__TRY(new_value(feature, allocator, &value, error));
  value->owned_bytes = pome_tensor_bytes(&tensor);
  value->owned = pome__alloc_zero(allocator, value->owned_bytes);
  if (value->owned == NULL) {
    pome_value_free(value);
    return pome__fail_memory(error, "a value");
  }
  value->tensor = tensor;
  value->tensor.data = value->owned;
  value->tensor.owner = value;
  *out = value;
  return POME_OK;
}

pome_status pome_value_from_tensor(const pome_tensor *tensor, const pome_allocator *allocator,
                                   pome_value **out, pome_error *error) {
  pome_value *value;
  POME__TRY(new_value(POME_FEATURE_TENSOR, allocator, &value, error));
  value->tensor = *tensor;
  *out = value;
  return POME_OK;
}

static pome_status own_scalar(pome_feature feature, pome_dtype dtype, void *data,
                              const pome_allocator *allocator, pome_value **out,
                              pome_error *error) {
  pome_tensor tensor;
  POME__TRY(pome_tensor_init(&tensor, dtype, 0, NULL, data, error));
  return own(feature, &tensor, NULL, allocator, out, error);
}

pome_status pome_value_from_string(const char *text, size_t size, const pome_allocator *allocator,
                                   pome_value **out, pome_error *error) {
  pome_string string = {text, size};
  return own_scalar(POME_FEATURE_STRING, POME_STRING, &string, allocator, out, error);
}

pome_status pome_value_from_int64(int64_t number, const pome_allocator *allocator, pome_value **out,
                                  pome_error *error) {
  return own_scalar(POME_FEATURE_INT64, POME_INT64, &number, allocator, out, error);
}

pome_status pome_value_from_double(double number, const pome_allocator *allocator, pome_value **out,
                                   pome_error *error) {
  return own_scalar(POME_FEATURE_DOUBLE, POME_FP64, &number, allocator, out, error);
}

static pome_status fail_tensor(const pome_tensor *seen, const char *what, const char *allowed,
                               pome_error *error) {
  char text[POME__SHAPE_TEXT];
  return pome__fail(error, POME_USAGE, "%s of %s %s; allowed is %s", what,
                    pome_dtype_name(seen->dtype),
                    pome__shape_format(seen->rank, seen->shape, text, sizeof text), allowed);
}

static bool is_image(const pome_tensor *pixels, pome_color color) {
  switch (color) {
  case POME_COLOR_GRAY: return pixels->dtype == POME_UINT8 && pixels->rank == 2;
  case POME_COLOR_GRAY_FP16:
    return (pixels->dtype == POME_FP16 || pixels->dtype == POME_FP32) && pixels->rank == 2;
  case POME_COLOR_RGB:
  case POME_COLOR_BGR:
    return pixels->dtype == POME_UINT8 && pixels->rank == 3 &&
           (pixels->shape[2] == 3 || pixels->shape[2] == 4);
  case POME_COLOR_NONE: break;
  }
  return false;
}

pome_status pome_value_from_image(const pome_tensor *pixels, pome_color color,
                                  const pome_allocator *allocator, pome_value **out,
                                  pome_error *error) {
  if (!is_image(pixels, color)) {
    return fail_tensor(pixels, "an image",
                       "uint8 [height, width, 3 or 4], [height, width] for gray, or fp16 or fp32 "
                       "[height, width] for gray fp16",
                       error);
  }
  pome_value *value;
  POME__TRY(new_value(POME_FEATURE_IMAGE, allocator, &value, error));
  value->tensor = *pixels;
  value->color = color;
  *out = value;
  return POME_OK;
}

pome_status pome_value_from_dictionary(const pome_tensor *keys, const pome_tensor *values,
                                       const pome_allocator *allocator, pome_value **out,
                                       pome_error *error) {
  if ((keys->dtype != POME_STRING && keys->dtype != POME_INT64) || keys->rank != 1)
    return fail_tensor(keys, "the keys of a dictionary", "string or int64 [count]", error);
  if (values->rank != 1 || keys->shape[0] != values->shape[0])
    return fail_tensor(values, "the values of a dictionary", "one for each key, [count]", error);
  return own(POME_FEATURE_DICTIONARY, values, keys, allocator, out, error);
}

pome_status pome_value_from_sequence(const pome_tensor *items, const pome_allocator *allocator,
                                     pome_value **out, pome_error *error) {
  if ((items->dtype != POME_STRING && items->dtype != POME_INT64) || items->rank != 1) {
    return fail_tensor(items, "a sequence", "string or int64 [count]", error);
  }
  return own(POME_FEATURE_SEQUENCE, items, NULL, allocator, out, error);
}

void pome_value_free(pome_value *value) {
  if (value == NULL) return;
  pome__free(value->allocator, value->owned, value->owned_bytes);
  pome__free(value->allocator, value, sizeof *value);
}

pome_feature pome_value_feature(const pome_value *value) {
  return value->feature;
}
const pome_tensor *pome_value_tensor(const pome_value *value) {
  return &value->tensor;
}
const pome_tensor *pome_value_keys(const pome_value *value) {
  return value->keys.data == NULL ? NULL : &value->keys;
}

/* One element as the kind of number that the port declares. */
static pome_status own_number(pome_feature feature, const pome_tensor *tensor,
                              const pome_allocator *allocator, pome_value **out,
                              pome_error *error) {
  int64_t whole;
  double real;
  if (feature == POME_FEATURE_INT64) {
    pome__load_i64(tensor->data, tensor->dtype, 0, 1, 1, &whole);
    return pome_value_from_int64(whole, allocator, out, error);
  }
  pome__load_f64(tensor->data, tensor->dtype, 0, 1, 1, &real);
  return pome_value_from_double(real, allocator, out, error);
}

pome_status pome_run_get_value(const pome_run *run, const char *name, pome_value **out,
                               pome_error *error) {
  const pome__result *result;
  const pome_port *port;
  POME__TRY(pome__run_result(run, name, &result, &port, error));
  const pome_tensor *tensor = &result->tensor;
  const pome_allocator *allocator = run->allocator;
  pome_feature feature = port == NULL ? POME_FEATURE_TENSOR : port->feature;
  bool one = pome_tensor_count(tensor) == 1;
  if (result->keys != NULL)
    return own(POME_FEATURE_DICTIONARY, tensor, result->keys, allocator, out, error);
  if (feature == POME_FEATURE_IMAGE) return pome__image_pack(port, tensor, allocator, out, error);
  if (tensor->dtype == POME_STRING && tensor->rank == 0)
    return own(POME_FEATURE_STRING, tensor, NULL, allocator, out, error);
  if (one && tensor->dtype != POME_STRING &&
      (feature == POME_FEATURE_INT64 || feature == POME_FEATURE_DOUBLE)) {
    return own_number(feature, tensor, allocator, out, error);
  }
  return own(POME_FEATURE_TENSOR, tensor, NULL, allocator, out, error);
}
