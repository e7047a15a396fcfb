/* Types and literals: spelling, comparison, and views. Also the names of opsets.
 *
 * A tensor of unknown rank is written "tensor<fp16, ?>", an unknown dimension or length "?".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mil/type_text.h"
#include "tensor/shape.h"

static const struct {
  const char *name, *text;
} opsets[POME__OPSET_COUNT] = {
    [POME__OPSET_NONE] = {"", ""},        [POME__IOS13] = {"CoreML3", "ios13"},
    [POME__IOS15] = {"CoreML5", "ios15"}, [POME__IOS16] = {"CoreML6", "ios16"},
    [POME__IOS17] = {"CoreML7", "ios17"}, [POME__IOS18] = {"CoreML8", "ios18"},
    [POME__IOS26] = {"CoreML9", "ios26"},
};

pome__opset pome__opset_from_name(const char *name) {
  for (pome__opset i = POME__IOS15; i < POME__OPSET_COUNT; i++) {
    if (strcmp(name, opsets[i].name) == 0 || strcmp(name, opsets[i].text) == 0) return i;
  }
  return POME__OPSET_NONE;
}

const char *pome__opset_name(pome__opset opset) {
  return opset < POME__OPSET_COUNT ? opsets[opset].name : "";
}

const char *pome__opset_text_name(pome__opset opset) {
  return opset < POME__OPSET_COUNT ? opsets[opset].text : "";
}

pome__type pome__type_tensor(pome_dtype dtype, int rank, const int64_t *dims) {
  pome__type type = {.kind = POME__TYPE_TENSOR, .dtype = dtype, .rank = rank};
  for (int i = 0; i < rank && i < POME_MAX_RANK; i++) type.dims[i] = dims[i];
  return type;
}

static bool sizes_match(int64_t a, int64_t b, bool loosely) {
  return a == b || (loosely && (a < 0 || b < 0));
}

static bool tensors_match(const pome__type *a, const pome__type *b, bool loosely) {
  if (a->dtype != b->dtype) return false;
  if (a->rank != b->rank) return loosely && (a->rank < 0 || b->rank < 0);
  for (int i = 0; i < a->rank; i++) {
    if (!sizes_match(a->dims[i], b->dims[i], loosely)) return false;
  }
  return true;
}

static bool types_match(const pome__type *a, const pome__type *b, bool loosely, int depth) {
  if (a == b) return true;
  if (a->kind != b->kind || depth > POME__MAX_DEPTH) return false;
  if (a->kind == POME__TYPE_TENSOR) return tensors_match(a, b, loosely);
  if (a->kind == POME__TYPE_LIST && !sizes_match(a->length, b->length, loosely)) return false;
  if (a->element_count != b->element_count) return false;
  for (size_t i = 0; i < a->element_count; i++) {
    if (!types_match(a->elements[i], b->elements[i], loosely, depth + 1)) return false;
  }
  return true;
}

bool pome__type_equal(const pome__type *a, const pome__type *b) {
  return types_match(a, b, false, 0);
}

bool pome__type_fits(const pome__type *declared, const pome__type *actual) {
  return types_match(declared, actual, true, 0);
}

static bool is_known(const pome__type *type, int depth) {
  if (depth > POME__MAX_DEPTH) return false;
  if (type->kind == POME__TYPE_TENSOR) {
    for (int i = 0; i < type->rank; i++) {
      if (type->dims[i] < 0) return false;
    }
    return type->rank >= 0;
  }
  if (type->kind == POME__TYPE_LIST && type->length < 0) return false;
  for (size_t i = 0; i < type->element_count; i++) {
    if (!is_known(type->elements[i], depth + 1)) return false;
  }
  return true;
}

bool pome__type_is_known(const pome__type *type) {
  return is_known(type, 0);
}

static void put(const pome__text_sink *sink, const char *text) {
  sink->put(sink->context, text, strlen(text));
}

static void put_size(const pome__text_sink *sink, int64_t size) {
  char text[24] = "?";
  if (size >= 0) snprintf(text, sizeof(text), "%" PRId64, size);
  put(sink, text);
}

static void put_tensor(const pome__type *type, bool bare_scalars, const pome__text_sink *sink) {
  const char *dtype = pome_dtype_name(type->dtype);
  if (bare_scalars && type->rank == 0) {
    put(sink, dtype);
    return;
  }
  put(sink, "tensor<");
  put(sink, dtype);
  put(sink, type->rank < 0 ? ", ?" : ", [");
  for (int i = 0; i < type->rank; i++) {
    if (i != 0) put(sink, ", ");
    put_size(sink, type->dims[i]);
  }
  put(sink, type->rank < 0 ? ">" : "]>");
}

static void put_type(const pome__type *type, bool bare_scalars, const pome__text_sink *sink,
                     int depth) {
  static const char *const heads[] = {[POME__TYPE_LIST] = "list<",
                                      [POME__TYPE_TUPLE] = "tuple<",
                                      [POME__TYPE_DICT] = "dict<",
                                      [POME__TYPE_STATE] = "state<"};
  if (depth > POME__MAX_DEPTH) {
    put(sink, "...");
    return;
  }
  if (type->kind == POME__TYPE_TENSOR) {
    put_tensor(type, bare_scalars, sink);
    return;
  }
  put(sink, heads[type->kind]);
  for (size_t i = 0; i < type->element_count; i++) {
    if (i != 0) put(sink, ", ");
    put_type(type->elements[i], bare_scalars, sink, depth + 1);
  }
  if (type->kind == POME__TYPE_LIST) {
    put(sink, ", ");
    put_size(sink, type->length);
  }
  put(sink, ">");
}

void pome__type_put(const pome__type *type, bool bare_scalars, const pome__text_sink *sink) {
  put_type(type, bare_scalars, sink, 0);
}

typedef struct {
  char *text;
  size_t size, used;
} buffer;

static void put_in_buffer(void *context, const char *text, size_t size) {
  buffer *target = context;
  size_t room = target->size - target->used;
  size_t taken = size < room ? size : room;
  memcpy(target->text + target->used, text, taken);
  target->used += taken;
}

const char *pome__type_format(const pome__type *type, char *text, size_t size) {
  if (size == 0) return text;
  buffer target = {text, size - 1, 0};
  pome__text_sink sink = {&target, put_in_buffer};
  pome__type_put(type, false, &sink);
  text[target.used] = '\0';
  return text;
}

pome_tensor pome__literal_tensor(const pome__literal *literal) {
  pome_tensor tensor = {.data = (void *)(uintptr_t)literal->data,
                        .dtype = literal->type.dtype,
                        .rank = literal->type.rank};
  for (int i = 0; i < tensor.rank; i++) tensor.shape[i] = literal->type.dims[i];
  pome__shape_strides(tensor.rank, tensor.shape, tensor.strides);
  return tensor;
}
