/* Hostile program text: whatever is accepted and verified must print, and must be read back equal.
 * Weight files are a fixed small one.
 */
#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "program_equal.h"

#define MEMORY_CEILING ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  char *text;
  size_t size, capacity;
} buffer;

static pome_status append(void *context, const char *text, size_t size) {
  buffer *target = context;
  if (target->size + size > target->capacity) {
    target->capacity = (target->size + size) * 2;
    target->text = realloc(target->text, target->capacity);
    if (target->text == NULL) abort();
  }
  memcpy(target->text + target->size, text, size);
  target->size += size;
  return POME_OK;
}

/* fp16 [1, 2, 3] at offset 64. */
static pome_status weights(void *context, pome__bytes name, pome__bytes *bytes, pome_error *error) {
  static const _Alignas(64)
      uint8_t file[192] = {[0] = 1,    [4] = 2,   [64] = 0xef, 0xbe, 0xad, 0xde, 1,   [72] = 6,
                           [80] = 128, [128] = 0, 0x3c,        0,    0x40, 0,    0x42};
  (void)context;
  (void)name;
  (void)error;
  *bytes = (pome__bytes){file, sizeof(file)};
  return POME_OK;
}

static const pome__blob_source blobs = {NULL, weights};

/* Reading back may fail only for lack of memory. */
static void check(const pome__program *program) {
  buffer text = {NULL, 0, 0};
  pome__program *again = NULL;
  if (pome__program_print(program, append, &text, NULL) != POME_OK) abort();
  pome__bytes bytes = {(const uint8_t *)text.text, text.size};
  pome_status status = pome__load_mil_text(bytes, &blobs, NULL, 4 * MEMORY_CEILING, &again, NULL);
  if (status == POME_OK) {
    if (pome__program_verify(again, NULL) != POME_OK || !program_equal(program, again, NULL))
      abort();
  } else if (status != POME_MEMORY) {
    abort();
  }
  pome__program_free(again);
  free(text.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome_error error = {.status = POME_OK};
  pome__program *program = NULL;
  if (pome__load_mil_text((pome__bytes){data, size}, &blobs, NULL, MEMORY_CEILING, &program,
                          &error) != POME_OK)
    return 0;
  if (pome__program_verify(program, &error) == POME_OK) check(program);
  pome__program_free(program);
  return 0;
}
