/* See generated.h. */
#include "generated.h"

#include <string.h>

/* Uniform in [-1, 1); the same numbers in every run. */
static double noise(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (double)(*state >> 11) * 0x1p-52 - 1;
}

static void default_shape(const pome_port *port, pome_tensor *tensor) {
  tensor->rank = port->rank > 0 ? port->rank : 0;
  for (int d = 0; d < tensor->rank; d++) {
    int64_t size = port->shape[d];
    if (size < 0 && port->flexibility == POME_SHAPE_RANGE) size = port->lower[d];
    tensor->shape[d] = size < 0 ? 1 : size;
  }
}

static pome_status make_floats(pome__arena *arena, pome_tensor *tensor, pome_error *error) {
  pome_tensor result;
  POME__TRY(pome_tensor_init(&result, POME_FP32, tensor->rank, tensor->shape, NULL, error));
  float *data = result.data = pome__arena_alloc(arena, pome_tensor_bytes(&result), 64);
  if (!data) return pome__fail_memory(error, "a generated input");
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i < pome_tensor_count(&result); i++) data[i] = (float)noise(&state);
  *tensor = result;
  return POME_OK;
}

static pome_status make_pixels(const pome_port *port, pome__arena *arena, pome_tensor *tensor,
                               pome_error *error) {
  pome_tensor result;
  bool color = port->color == POME_COLOR_RGB || port->color == POME_COLOR_BGR;
  if (color && tensor->rank == 2) tensor->shape[tensor->rank++] = 3;
  POME__TRY(pome_tensor_init(&result, POME_UINT8, tensor->rank, tensor->shape, NULL, error));
  uint8_t *data = result.data = pome__arena_alloc(arena, pome_tensor_bytes(&result), 64);
  if (!data) return pome__fail_memory(error, "a generated input");
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i < pome_tensor_count(&result); i++)
    data[i] = (uint8_t)(128 + 127 * noise(&state));
  *tensor = result;
  return POME_OK;
}

static bool is_float(pome_dtype dtype) {
  return dtype == POME_FP16 || dtype == POME_FP32 || dtype == POME_FP64;
}

static pome_status make(const pome_port *port, pome__arena *arena, pome_tensor *tensor,
                        pome_error *error) {
  pome_tensor shape = {.rank = 0};
  default_shape(port, &shape);
  *tensor = shape;
  if (port->feature == POME_FEATURE_IMAGE) return make_pixels(port, arena, tensor, error);
  bool number = port->feature == POME_FEATURE_DOUBLE || port->feature == POME_FEATURE_INT64;
  if (number || (port->feature == POME_FEATURE_TENSOR && !is_float(port->dtype))) {
    POME__TRY(pome_tensor_init(tensor, POME_INT32, shape.rank, shape.shape, NULL, error));
    tensor->data = pome__arena_alloc(arena, pome_tensor_bytes(tensor), 64);
    return tensor->data ? POME_OK : pome__fail_memory(error, "a generated input");
  }
  if (port->feature == POME_FEATURE_TENSOR) return make_floats(arena, tensor, error);
  pome__fail(error, POME_INPUT, "input \"%s\" cannot be made up", port->name);
  pome__error_hint(error, "give it with -i %s=...", port->name);
  return POME_INPUT;
}

static bool is_given(const struct inputs *inputs, const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < inputs->count; i++)
    if (strncmp(inputs->items[i].name, name, length) == 0 &&
        (inputs->items[i].name[length] == '\0' || inputs->items[i].name[length] == '.'))
      return true;
  return false;
}

pome_status generated_fill(struct inputs *inputs, const pome_function *function,
                           pome_error *error) {
  size_t ports = pome_function_port_count(function, POME_INPUT_PORT);
  pome__array *items = POME__NEW_ARRAY(inputs->arena, pome__array, inputs->count + ports);
  if (!items) return pome__fail_memory(error, "the inputs");
  if (inputs->count) memcpy(items, inputs->items, inputs->count * sizeof *items);
  size_t count = inputs->count;
  for (size_t i = 0; i < ports; i++) {
    const pome_port *port = pome_function_port(function, POME_INPUT_PORT, i);
    if (port->optional || is_given(inputs, port->name)) continue;
    items[count].name = port->name;
    POME__TRY(make(port, inputs->arena, &items[count].tensor, error));
    count++;
  }
  inputs->items = items;
  inputs->count = count;
  return POME_OK;
}
