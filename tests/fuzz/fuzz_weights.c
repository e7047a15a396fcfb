/* Hostile weight files: a record that is accepted lies inside the file, and its elements can all be
 * read.
 *
 * The last eight bytes are one offset to try; all multiples of 64 near the start are tried too.
 */
#include <stdlib.h>
#include <string.h>

#include "package/package.h"
#include "tensor/element.h"

#define OFFSETS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(pome__bytes file, uint64_t offset) {
  pome__weight_record record;
  pome_error error = {0};
  if (pome__weight_read(file, offset, &record, &error) != POME_OK) return;
  size_t bytes;
  if (record.data.data < file.data || record.data.size > file.size ||
      (size_t)(record.data.data - file.data) > file.size - record.data.size)
    abort();
  if (!pome__dtype_bytes(record.dtype, record.count, &bytes) || bytes > record.data.size) abort();
  for (size_t i = 0; i < record.count; i++) {
    double value;
    pome__load_f64(record.data.data, record.dtype, (int64_t)i, 1, 1, &value);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* Elements are read in place, as from a mapping: the start must be aligned. */
  uint8_t *copy = aligned_alloc(64, (size + 64) & ~(size_t)63);
  if (!copy) return 0;
  if (size > 0) memcpy(copy, data, size);
  pome__bytes file = {copy, size};
  for (uint64_t i = 0; i < OFFSETS; i++) check(file, 64 * i);
  uint64_t offset = 0;
  for (size_t i = 0; i < 8 && i < size; i++) offset |= (uint64_t)data[size - 1 - i] << (8 * i);
  check(file, offset);
  free(copy);
  return 0;
}
