/* See value_text.h. */
#include "value_text.h"

#include <string.h>

#include "wire/json.h"

typedef struct builder {
  pome_tensor *tensor;
  size_t at;
  pome__arena *arena;
} builder;

/* Reads the shape off the first element at each level. */
static pome_status find_shape(const json_t *value, int *rank, int64_t *shape, pome_error *error) {
  *rank = 0;
  while (json_is_array(value)) {
    if (*rank == POME_MAX_RANK)
      return pome__fail(error, POME_INPUT, "lists nested more than %d deep", POME_MAX_RANK);
    shape[(*rank)++] = (int64_t)json_array_size(value);
    value = json_array_get(value, 0);
  }
  return POME_OK;
}

static pome_dtype type_of(const json_t *value) {
  switch (json_typeof(value)) {
  case JSON_INTEGER: return POME_INT64;
  case JSON_REAL: return POME_FP64;
  case JSON_TRUE:
  case JSON_FALSE: return POME_BOOL;
  case JSON_STRING: return POME_STRING;
  default: return POME_DTYPE_NONE;
  }
}

/* The type that holds all elements, checking that the lists are rectangular on the way. */
static pome_status find_type(const json_t *value, const pome_tensor *shape, int depth,
                             pome_dtype *dtype, pome_error *error) {
  if (depth == shape->rank) {
    pome_dtype own = type_of(value);
    bool number = own == POME_INT64 || own == POME_FP64;
    if (own == POME_DTYPE_NONE)
      return pome__fail(error, POME_INPUT,
                        json_is_array(value) ? "the lists are not of equal length"
                                             : "neither a number, true, false nor a text");
    if (*dtype == POME_DTYPE_NONE || (*dtype == POME_INT64 && own == POME_FP64)) *dtype = own;
    else if (*dtype != own && !(*dtype == POME_FP64 && number))
      return pome__fail(error, POME_INPUT,
                        "numbers, texts, true and false do not go together in one list");
    return POME_OK;
  }
  if (!json_is_array(value) || (int64_t)json_array_size(value) != shape->shape[depth])
    return pome__fail(error, POME_INPUT, "the lists are not of equal length");
  size_t index;
  const json_t *item;
  json_array_foreach(value, index, item) POME__TRY(find_type(item, shape, depth + 1, dtype, error));
  return POME_OK;
}

static pome_status store(builder *b, const json_t *value, pome_error *error) {
  if (json_is_array(value)) {
    size_t index;
    const json_t *item;
    json_array_foreach(value, index, item) POME__TRY(store(b, item, error));
    return POME_OK;
  }
  size_t at = b->at++;
  switch (b->tensor->dtype) {
  case POME_INT64: ((int64_t *)b->tensor->data)[at] = json_integer_value(value); return POME_OK;
  case POME_FP64: ((double *)b->tensor->data)[at] = json_number_value(value); return POME_OK;
  case POME_BOOL: ((uint8_t *)b->tensor->data)[at] = json_is_true(value); return POME_OK;
  default: break;
  }
  size_t size = json_string_length(value);
  char *copy = pome__arena_string(b->arena, json_string_value(value), size);
  if (!copy) return pome__fail_memory(error, "a value");
  ((pome_string *)b->tensor->data)[at] = (pome_string){.data = copy, .size = size};
  return POME_OK;
}

static pome_status from_parsed(const json_t *value, pome__arena *arena, pome_tensor *tensor,
                               pome_error *error) {
  pome_tensor result = {.rank = 0};
  int rank;
  int64_t shape[POME_MAX_RANK];
  pome_dtype dtype = POME_DTYPE_NONE;
  POME__TRY(find_shape(value, &rank, shape, error));
  result.rank = rank;
  memcpy(result.shape, shape, sizeof shape);
  POME__TRY(find_type(value, &result, 0, &dtype, error));
  if (dtype == POME_DTYPE_NONE) dtype = POME_FP64; /* no elements */
  POME__TRY(pome_tensor_init(&result, dtype, rank, shape, NULL, error));
  result.data = pome__arena_alloc(arena, pome_tensor_bytes(&result), 16);
  if (!result.data) return pome__fail_memory(error, "a value");
  builder b = {.tensor = &result, .arena = arena};
  POME__TRY(store(&b, value, error));
  *tensor = result;
  return POME_OK;
}

pome_status value_from_json(const char *text, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error) {
  /* A lone number is no JSON document to every parser; an element of a list is. */
  size_t length = strlen(text);
  char *wrapped = pome__arena_alloc(arena, length + 3, 1);
  if (!wrapped) return pome__fail_memory(error, "a value");
  wrapped[0] = '[';
  memcpy(wrapped + 1, text, length);
  wrapped[length + 1] = ']';
  json_t *root;
  POME__TRY(
      pome__json_parse((pome__bytes){(const uint8_t *)wrapped, length + 2}, NULL, &root, error));
  pome_status status = json_array_size(root) == 1
                           ? from_parsed(json_array_get(root, 0), arena, tensor, error)
                           : pome__fail(error, POME_INPUT, "a value is one number, text or list");
  json_decref(root);
  return status;
}

pome_status value_from_text(const char *text, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error) {
  pome_string *item = POME__NEW(arena, pome_string);
  size_t size = strlen(text);
  char *copy = pome__arena_string(arena, text, size);
  if (!item || !copy) return pome__fail_memory(error, "a value");
  *item = (pome_string){.data = copy, .size = size};
  return pome_tensor_init(tensor, POME_STRING, 0, NULL, item, error);
}
