/* Values at run time: counted buffers, and lists that are copied before a shared one is written. */
#include "base/check.h"
#include "base/memory.h"
#include "plan/backend.h"
#include "tensor/element.h"
#include "tensor/shape.h"

static void buffer_release(pome__buffer *buffer) {
  if (buffer == NULL || --buffer->references > 0) return;
  pome__free_aligned(buffer->allocator, buffer->data, buffer->bytes);
  pome__free(buffer->allocator, buffer, sizeof *buffer);
}

static void list_release(pome__list *list) {
  if (list == NULL || --list->references > 0) return;
  for (size_t i = 0; i < list->count; i++) pome__slot_clear(&list->items[i]);
  pome__free(list->allocator, list->items, list->count * sizeof *list->items);
  pome__free(list->allocator, list, sizeof *list);
}

pome_status pome__slot_alloc(pome__slot *slot, const pome_allocator *allocator, pome_dtype dtype,
                             int rank, const int64_t *shape, pome_error *error) {
  pome_tensor tensor;
  POME__TRY(pome_tensor_init(&tensor, dtype, rank, shape, NULL, error));
  size_t bytes = pome_tensor_bytes(&tensor);
  pome__buffer *buffer = pome__alloc(allocator, sizeof *buffer);
  void *data = buffer == NULL ? NULL : pome__alloc_aligned(allocator, bytes);
  if (data == NULL) {
    pome__free(allocator, buffer, sizeof *buffer);
    return pome__fail_memory(error, "an intermediate tensor");
  }
  *buffer = (pome__buffer){allocator, 1, bytes, data};
  tensor.data = data;
  pome__slot_clear(slot);
  *slot = (pome__slot){.kind = POME__SLOT_TENSOR, .tensor = tensor, .buffer = buffer};
  return POME_OK;
}

void pome__slot_share(pome__slot *target, const pome__slot *source) {
  pome__slot copy = *source;
  if (copy.buffer != NULL) copy.buffer->references++;
  if (copy.list != NULL) copy.list->references++;
  pome__slot_clear(target);
  *target = copy;
}

void pome__slot_clear(pome__slot *slot) {
  buffer_release(slot->buffer);
  list_release(slot->list);
  *slot = (pome__slot){0};
}

pome__list *pome__list_create(const pome_allocator *allocator, size_t count,
                              const pome__type *element, bool dynamic) {
  size_t bytes;
  if (count > POME__MAX_LIST || !pome__mul(count, sizeof(pome__slot), &bytes)) return NULL;
  pome__list *list = pome__alloc_zero(allocator, sizeof *list);
  if (list == NULL) return NULL;
  list->items = pome__alloc_zero(allocator, bytes);
  if (list->items == NULL) {
    pome__free(allocator, list, sizeof *list);
    return NULL;
  }
  list->allocator = allocator;
  list->references = 1;
  list->count = count;
  list->element = *element;
  list->dynamic = dynamic;
  return list;
}

pome__list *pome__list_own(pome__list *list) {
  if (list->references == 1) return list;
  pome__list *copy = pome__list_create(list->allocator, list->count, &list->element, list->dynamic);
  if (copy == NULL) return NULL;
  for (size_t i = 0; i < list->count; i++) pome__slot_share(&copy->items[i], &list->items[i]);
  list->references--;
  return copy;
}

bool pome__list_grow(pome__list *list, size_t count) {
  if (count <= list->count) return true;
  if (count > POME__MAX_LIST) return false;
  pome__slot *items = pome__realloc(list->allocator, list->items, list->count * sizeof *items,
                                    count * sizeof *items);
  if (items == NULL) return false;
  for (size_t i = list->count; i < count; i++) items[i] = (pome__slot){0};
  list->items = items;
  list->count = count;
  return true;
}

pome_dtype pome__stored_dtype(pome_dtype dtype, pome_numerics numerics) {
  if (numerics == POME_NUMERICS_STRICT || !pome__dtype_is_float(dtype)) return dtype;
  return dtype == POME_FP64 ? dtype : POME_FP32;
}

pome_status pome__check_cancel(const pome__exec *exec, pome_error *error) {
  if (!atomic_load_explicit(exec->cancel, memory_order_relaxed)) return POME_OK;
  return pome__fail(error, POME_CANCELLED, "the prediction was cancelled");
}
