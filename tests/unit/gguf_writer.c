/* See gguf_writer.h. */
#include "gguf_writer.h"

#include <stdlib.h>
#include <string.h>

void gguf_put(gguf_writer *w, const void *bytes, size_t size) {
  if (w->room - w->size < size) {
    w->room = (w->size + size) * 2;
    w->data = realloc(w->data, w->room);
    if (w->data == NULL) abort();
  }
  if (size > 0) memcpy(w->data + w->size, bytes, size);
  w->size += size;
}

void gguf_put_number(gguf_writer *w, uint64_t number, size_t bytes) {
  uint8_t little[8];
  for (size_t i = 0; i < bytes; i++) little[i] = (uint8_t)(number >> 8 * i);
  gguf_put(w, little, bytes);
}

void gguf_put_text(gguf_writer *w, const char *text, size_t size) {
  gguf_put_number(w, size, 8);
  gguf_put(w, text, size);
}

void gguf_put_f32(gguf_writer *w, float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  gguf_put_number(w, bits, 4);
}

void gguf_begin(gguf_writer *w, uint32_t version) {
  *w = (gguf_writer){0};
  gguf_put(w, "GGUF", 4);
  gguf_put_number(w, version, 4);
  gguf_put_number(w, 0, 8);
  gguf_put_number(w, 0, 8);
}

void gguf_key(gguf_writer *w, const char *key, pome__gguf_kind kind) {
  w->entries++;
  gguf_put_text(w, key, strlen(key));
  gguf_put_number(w, kind, 4);
}

void gguf_array(gguf_writer *w, const char *key, pome__gguf_kind element, uint64_t count) {
  gguf_key(w, key, POME__GGUF_ARRAY);
  gguf_put_number(w, element, 4);
  gguf_put_number(w, count, 8);
}

void gguf_string(gguf_writer *w, const char *key, const char *text) {
  gguf_key(w, key, POME__GGUF_STRING);
  gguf_put_text(w, text, strlen(text));
}

void gguf_u32(gguf_writer *w, const char *key, uint32_t number) {
  gguf_key(w, key, POME__GGUF_UINT32);
  gguf_put_number(w, number, 4);
}

void gguf_bool(gguf_writer *w, const char *key, bool on) {
  gguf_key(w, key, POME__GGUF_BOOL);
  gguf_put_number(w, on, 1);
}

void gguf_strings(gguf_writer *w, const char *key, const char *const *texts, size_t count) {
  gguf_array(w, key, POME__GGUF_STRING, count);
  for (size_t i = 0; i < count; i++) gguf_put_text(w, texts[i], strlen(texts[i]));
}

void gguf_i32s(gguf_writer *w, const char *key, const int32_t *numbers, size_t count) {
  gguf_array(w, key, POME__GGUF_INT32, count);
  for (size_t i = 0; i < count; i++) gguf_put_number(w, (uint32_t)numbers[i], 4);
}

void gguf_f32s(gguf_writer *w, const char *key, const float *numbers, size_t count) {
  gguf_array(w, key, POME__GGUF_FLOAT32, count);
  for (size_t i = 0; i < count; i++) gguf_put_f32(w, numbers[i]);
}

void gguf_tensor(gguf_writer *w, const char *name, const uint64_t *dims, uint32_t rank,
                 uint32_t type, uint64_t offset) {
  w->tensors++;
  gguf_put_text(w, name, strlen(name));
  gguf_put_number(w, rank, 4);
  for (uint32_t i = 0; i < rank; i++) gguf_put_number(w, dims[i], 8);
  gguf_put_number(w, type, 4);
  gguf_put_number(w, offset, 8);
}

pome__bytes gguf_end(gguf_writer *w, size_t alignment, size_t data) {
  for (int i = 0; i < 8; i++) {
    w->data[8 + i] = (uint8_t)(w->tensors >> 8 * i);
    w->data[16 + i] = (uint8_t)(w->entries >> 8 * i);
  }
  while (w->size % alignment != 0) gguf_put_number(w, 0, 1);
  for (size_t i = 0; i < data; i++) gguf_put_number(w, 0, 1);
  return (pome__bytes){w->data, w->size};
}

void gguf_free(gguf_writer *w) {
  free(w->data);
  *w = (gguf_writer){0};
}
