/* Hostile .npy and .npz bytes: whatever is accepted must be wholly readable, and must survive being
 * written as .npy and read back.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/npy.h"

#define MEMORY_CEILING ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const pome_tensor *tensor, pome__arena *arena) {
  void *image;
  size_t size;
  if (pome__npy_image(tensor, &image, &size, NULL) != POME_OK) return;
  pome_tensor back;
  if (pome__npy_parse((pome__bytes){image, size}, arena, &back, NULL) == POME_OK) {
    if (back.rank != tensor->rank || pome_tensor_count(&back) != pome_tensor_count(tensor)) abort();
    size_t bytes = pome_tensor_bytes(tensor);
    if (tensor->dtype != POME_STRING && memcmp(back.data, tensor->data, bytes) != 0) abort();
  }
  pome__free(NULL, image, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome__arena arena;
  pome__arena_init(&arena, NULL, MEMORY_CEILING);
  pome_error error = {0};
  pome__bytes file = {data, size};
  pome_tensor tensor;
  pome__arrays arrays;
  if (pome__npy_parse(file, &arena, &tensor, &error) == POME_OK) check(&tensor, &arena);
  if (pome__npz_parse(file, &arena, &arrays, &error) == POME_OK)
    for (size_t i = 0; i < arrays.count; i++) check(&arrays.items[i].tensor, &arena);
  pome__arena_free(&arena);
  return 0;
}
