/* See inputs.h. */
#include "inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "image.h"
#include "show.h"
#include "value_text.h"

#define MAX_STEPS 1000000u

/* ---- gathering ---- */

static pome_status add(struct inputs *in, const char *name, const pome_tensor *tensor,
                       pome_error *error) {
  for (size_t i = 0; i < in->count; i++) {
    if (strcmp(in->items[i].name, name) != 0) continue;
    in->items[i].tensor = *tensor;
    return POME_OK;
  }
  if ((in->count & (in->count - 1)) == 0) { /* full at every power of two */
    size_t room = in->count ? in->count * 2 : 1;
    pome__array *items = POME__NEW_ARRAY(in->arena, pome__array, room);
    if (!items) return pome__fail_memory(error, "the inputs");
    if (in->count) memcpy(items, in->items, in->count * sizeof *items);
    in->items = items;
  }
  in->items[in->count++] = (pome__array){.name = name, .tensor = *tensor};
  return POME_OK;
}

static bool ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcasecmp(text + a - b, end) == 0;
}

/* Pixels in the channels that the port has. A port of another kind takes no image, an unknown one
 * is refused later. */
static pome_status read_image(const pome_port *port, const char *name, const char *path,
                              pome__arena *arena, pome_tensor *pixels, pome_error *error) {
  char type[SHOW_TEXT], shapes[SHOW_TEXT];
  if (port && port->feature != POME_FEATURE_IMAGE)
    return pome__fail(error, POME_INPUT, "input \"%s\" takes %s %s, not an image file", name,
                      show_type(port, type, sizeof type), show_shapes(port, shapes, sizeof shapes));
  bool gray = port && (port->color == POME_COLOR_GRAY || port->color == POME_COLOR_GRAY_FP16);
  return image_read(path, gray, arena, pixels, error);
}

static pome_status read_value(const pome_port *port, const char *name, const char *value,
                              pome__arena *arena, pome_tensor *tensor, pome_error *error) {
  if (ends_with(value, ".npy")) return pome__npy_read(value, arena, tensor, error);
  if (image_named(value) ||
      (port && port->feature == POME_FEATURE_IMAGE && pome__path_kind_of(value) == POME__PATH_FILE))
    return read_image(port, name, value, arena, tensor, error);
  if (port && port->feature == POME_FEATURE_STRING)
    return value_from_text(value, arena, tensor, error);
  pome_status status = value_from_json(value, arena, tensor, error);
  if (status != POME_OK && pome__path_kind_of(value) == POME__PATH_FILE)
    return pome__npy_read(value, arena, tensor, error);
  if (status == POME_INPUT && error) {
    char reason[sizeof error->message];
    snprintf(reason, sizeof reason, "%s", error->message);
    pome__fail(error, POME_INPUT, "input \"%s\": '%s' is neither a .npy file nor a value: %s", name,
               value, reason);
    pome__error_hint(error, "values are numbers and JSON lists, such as %s='[[1, 2.5], [3, 4]]'",
                     name);
  }
  return status;
}

static const pome_port *find_port(const pome_function *function, const char *name) {
  return pome_function_find_port(function, POME_INPUT_PORT, name);
}

bool inputs_split_name(const pome_function *function, const char *name, size_t *length,
                       size_t *step) {
  const char *at = strrchr(name, '@');
  if (!at || at == name || at[1] < '0' || at[1] > '9') return false;
  for (int kind = POME_INPUT_PORT; kind <= POME_STATE_PORT; kind++)
    if (pome_function_find_port(function, (pome_port_kind)kind, name)) return false;
  char *end;
  errno = 0;
  unsigned long number = strtoul(at + 1, &end, 10);
  if (*end || errno || number >= MAX_STEPS) return false;
  *length = (size_t)(at - name);
  *step = number;
  return true;
}

/* The port that "NAME" or "NAME@k" means, or NULL. */
static const pome_port *port_of(const pome_function *function, const char *name,
                                pome__arena *arena) {
  size_t length, step;
  if (!inputs_split_name(function, name, &length, &step)) return find_port(function, name);
  char *base = pome__arena_string(arena, name, length);
  return base ? find_port(function, base) : NULL;
}

/* One word "NAME=VALUE". */
static pome_status add_word(struct inputs *in, const pome_function *function, const char *word,
                            pome_error *error) {
  const char *equals = strchr(word, '=');
  if (!equals || equals == word) {
    pome__fail(error, POME_USAGE, "-i takes NAME=FILE or NAME=VALUE, not '%s'", word);
    return POME_USAGE;
  }
  char *name = pome__arena_string(in->arena, word, (size_t)(equals - word));
  if (!name) return pome__fail_memory(error, "the inputs");
  pome_tensor tensor;
  POME__TRY(
      read_value(port_of(function, name, in->arena), name, equals + 1, in->arena, &tensor, error));
  return add(in, name, &tensor, error);
}

static pome_status add_archive(struct inputs *in, const char *path, pome_error *error) {
  pome__arrays arrays;
  POME__TRY(pome__npz_read(path, in->arena, &arrays, error));
  in->items = arrays.items;
  in->count = arrays.count;
  /* add() grows at powers of two: round the room up to the next one. */
  size_t room = 1;
  while (room <= arrays.count) room *= 2;
  pome__array *items = POME__NEW_ARRAY(in->arena, pome__array, room);
  if (!items) return pome__fail_memory(error, "the inputs");
  if (arrays.count) memcpy(items, arrays.items, arrays.count * sizeof *items);
  in->items = items;
  return POME_OK;
}

pome_status inputs_gather(const struct options *options, const pome_function *function,
                          pome__arena *arena, struct inputs *result, pome_error *error) {
  struct inputs in = {.arena = arena, .steps = 1};
  if (options->inputs_file) POME__TRY(add_archive(&in, options->inputs_file, error));
  for (size_t i = 0; i < options->inputs.count; i++)
    POME__TRY(add_word(&in, function, options->inputs.items[i], error));
  for (size_t i = 0; i < in.count; i++) {
    size_t length, step;
    if (!inputs_split_name(function, in.items[i].name, &length, &step)) continue;
    in.sequence = true;
    if (step >= in.steps) in.steps = step + 1;
  }
  *result = in;
  return POME_OK;
}

void inputs_from_arrays(const pome__arrays *arrays, pome__arena *arena, struct inputs *result) {
  *result =
      (struct inputs){.arena = arena, .items = arrays->items, .count = arrays->count, .steps = 1};
}

/* ---- binding ---- */

static bool one_element(const pome_tensor *tensor) {
  return pome_tensor_count(tensor) == 1;
}

static pome_status fail_kind(const pome_port *port, const pome_tensor *tensor, const char *wanted,
                             pome_error *error) {
  return pome__fail(error, POME_INPUT,
                    "input \"%s\" takes %s, not an array of type %s with %d dimensions", port->name,
                    wanted, pome_dtype_name(tensor->dtype), (int)tensor->rank);
}

/* A scalar of the wanted type. */
static bool read_scalar(const pome_tensor *tensor, pome_dtype dtype, void *result) {
  pome_tensor source = *tensor, target;
  source.rank = 0;
  return pome_tensor_init(&target, dtype, 0, NULL, result, NULL) == POME_OK &&
         pome_tensor_copy(&source, &target, NULL) == POME_OK;
}

/* Bytes in RGB order or gray, with or without alpha, or the floats of a half-gray image. */
static pome_status image_value(const pome_port *port, const pome_tensor *tensor, pome_value **value,
                               pome_error *error) {
  bool bytes = tensor->dtype == POME_UINT8;
  bool floats = tensor->dtype == POME_FP16 || tensor->dtype == POME_FP32;
  pome_color color = POME_COLOR_NONE;
  if (tensor->rank == 2 && (bytes || floats))
    color = bytes ? POME_COLOR_GRAY : POME_COLOR_GRAY_FP16;
  else if (tensor->rank == 3 && bytes && (tensor->shape[2] == 3 || tensor->shape[2] == 4))
    color = POME_COLOR_RGB;
  if (color == POME_COLOR_NONE)
    return fail_kind(port, tensor,
                     "an image: uint8 [height, width, 3] in RGB order, or [height, width] for gray",
                     error);
  return pome_value_from_image(tensor, color, NULL, value, error);
}

static pome_status make_value(const pome_port *port, const pome_tensor *tensor, pome_value **value,
                              pome_error *error) {
  bool text = tensor->dtype == POME_STRING;
  switch (port->feature) {
  case POME_FEATURE_STRING:
    if (!text || !one_element(tensor)) return fail_kind(port, tensor, "one string", error);
    return pome_value_from_string(((const pome_string *)tensor->data)->data,
                                  ((const pome_string *)tensor->data)->size, NULL, value, error);
  case POME_FEATURE_INT64: {
    int64_t whole;
    double real;
    if (text || !one_element(tensor) || !read_scalar(tensor, POME_INT64, &whole) ||
        !read_scalar(tensor, POME_FP64, &real) || (double)whole != real)
      return fail_kind(port, tensor, "one whole number", error);
    return pome_value_from_int64(whole, NULL, value, error);
  }
  case POME_FEATURE_DOUBLE: {
    double real;
    if (text || !one_element(tensor) || !read_scalar(tensor, POME_FP64, &real))
      return fail_kind(port, tensor, "one number", error);
    return pome_value_from_double(real, NULL, value, error);
  }
  case POME_FEATURE_IMAGE: return image_value(port, tensor, value, error);
  case POME_FEATURE_SEQUENCE: return pome_value_from_sequence(tensor, NULL, value, error);
  default: return pome_value_from_tensor(tensor, NULL, value, error);
  }
}

/* A number given for a tensor of one element stands for it, whatever its rank. */
static pome_tensor as_wanted(const pome_port *port, const pome_tensor *tensor) {
  pome_tensor result = *tensor;
  if (port->feature != POME_FEATURE_TENSOR || tensor->rank != 0 || port->rank <= 0) return result;
  for (int d = 0; d < port->rank; d++) {
    if (port->shape[d] != 1) return *tensor;
    result.shape[d] = result.strides[d] = 1;
  }
  result.rank = port->rank;
  return result;
}

static pome_status keep(bound_values *values, pome_value *value, pome_error *error) {
  pome_value **items = realloc(values->items, (values->count + 1) * sizeof *items);
  if (!items) {
    pome_value_free(value);
    return pome__fail_memory(error, "the inputs");
  }
  values->items = items;
  items[values->count++] = value;
  return POME_OK;
}

static pome_status bind(pome_run *run, const pome_port *port, const char *name,
                        const pome_tensor *tensor, bound_values *values, pome_error *error) {
  /* The run knows the names there are, and says so. */
  if (!port || port->feature == POME_FEATURE_TENSOR || port->feature == POME_FEATURE_UNKNOWN) {
    pome_tensor wanted = port ? as_wanted(port, tensor) : *tensor;
    return pome_run_set_tensor(run, name, &wanted, error);
  }
  pome_value *value;
  POME__TRY(make_value(port, tensor, &value, error));
  POME__TRY(keep(values, value, error));
  return pome_run_set_value(run, name, value, error);
}

static pome_status bind_dictionary(pome_run *run, const pome_port *port, const pome_tensor *keys,
                                   const pome_tensor *items, bound_values *values,
                                   pome_error *error) {
  if (!items)
    return pome__fail(error, POME_INPUT, "input \"%s.keys\" comes without \"%s.values\"",
                      port->name, port->name);
  pome_value *value;
  POME__TRY(pome_value_from_dictionary(keys, items, NULL, &value, error));
  POME__TRY(keep(values, value, error));
  return pome_run_set_value(run, port->name, value, error);
}

/* The array for "NAME@step", else for "NAME". */
static const pome_tensor *find_array(const struct inputs *in, const pome_function *function,
                                     const char *name, size_t step) {
  const pome_tensor *constant = NULL;
  for (size_t i = 0; i < in->count; i++) {
    const char *given = in->items[i].name;
    size_t length, k;
    if (strcmp(given, name) == 0) constant = &in->items[i].tensor;
    else if (inputs_split_name(function, given, &length, &k) && k == step &&
             strlen(name) == length && memcmp(given, name, length) == 0)
      return &in->items[i].tensor;
  }
  return constant;
}

static const pome_tensor *find_part(const struct inputs *in, const pome_function *function,
                                    const char *name, const char *part, size_t step) {
  char text[512];
  snprintf(text, sizeof text, "%s%s", name, part);
  return find_array(in, function, text, step);
}

static bool is_dictionary_part(const pome_function *function, const char *name, size_t length) {
  const char *dot = memrchr(name, '.', length);
  if (!dot) return false;
  char base[512];
  snprintf(base, sizeof base, "%.*s", (int)(dot - name), name);
  const pome_port *port = find_port(function, base);
  return port && port->feature == POME_FEATURE_DICTIONARY;
}

/* Names that are no input: the run's own message lists what there is. */
static pome_status check_names(const struct inputs *in, pome_run *run,
                               const pome_function *function, pome_error *error) {
  for (size_t i = 0; i < in->count; i++) {
    const char *name = in->items[i].name;
    size_t length = strlen(name), step;
    inputs_split_name(function, name, &length, &step);
    char *base = pome__arena_string(in->arena, name, length);
    if (!base) return pome__fail_memory(error, "the inputs");
    if (find_port(function, base) || is_dictionary_part(function, name, length)) continue;
    return pome_run_set_tensor(run, base, &in->items[i].tensor, error);
  }
  return POME_OK;
}

pome_status inputs_bind(const struct inputs *in, size_t step, pome_run *run,
                        const pome_function *function, bound_values *values, pome_error *error) {
  if (step == 0) POME__TRY(check_names(in, run, function, error));
  for (size_t i = 0; i < pome_function_port_count(function, POME_INPUT_PORT); i++) {
    const pome_port *port = pome_function_port(function, POME_INPUT_PORT, i);
    const pome_tensor *tensor = find_array(in, function, port->name, step);
    const pome_tensor *keys = port->feature == POME_FEATURE_DICTIONARY
                                  ? find_part(in, function, port->name, ".keys", step)
                                  : NULL;
    if (keys)
      POME__TRY(bind_dictionary(
          run, port, keys, find_part(in, function, port->name, ".values", step), values, error));
    else if (tensor) POME__TRY(bind(run, port, port->name, tensor, values, error));
    else if (!port->optional && in->sequence)
      return pome__fail(error, POME_INPUT, "input \"%s\" is missing in step %zu", port->name, step);
  }
  return POME_OK;
}

void inputs_release(bound_values *values) {
  for (size_t i = 0; i < values->count; i++) pome_value_free(values->items[i]);
  free(values->items);
  *values = (bound_values){0};
}
