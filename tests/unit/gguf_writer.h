/* Writes GGUF files piece by piece, so that the broken ones can be broken. */
#ifndef POME_TESTS_UNIT_GGUF_WRITER_H
#define POME_TESTS_UNIT_GGUF_WRITER_H

#include "wire/gguf.h"

typedef struct gguf_writer {
  uint8_t *data;
  size_t size, room;
  uint64_t entries, tensors; /* counted by gguf_key and gguf_tensor, written by gguf_end */
} gguf_writer;

void gguf_begin(gguf_writer *w, uint32_t version);
void gguf_put(gguf_writer *w, const void *bytes, size_t size);
void gguf_put_number(gguf_writer *w, uint64_t number, size_t bytes);
void gguf_put_text(gguf_writer *w, const char *text, size_t size); /* with its length */

/* The start of an entry; its value follows, in as many calls as it takes. */
void gguf_key(gguf_writer *w, const char *key, pome__gguf_kind kind);
void gguf_array(gguf_writer *w, const char *key, pome__gguf_kind element, uint64_t count);

void gguf_string(gguf_writer *w, const char *key, const char *text);
void gguf_u32(gguf_writer *w, const char *key, uint32_t number);
void gguf_bool(gguf_writer *w, const char *key, bool on);
void gguf_strings(gguf_writer *w, const char *key, const char *const *texts, size_t count);
void gguf_i32s(gguf_writer *w, const char *key, const int32_t *numbers, size_t count);
void gguf_f32s(gguf_writer *w, const char *key, const float *numbers, size_t count);
void gguf_put_f32(gguf_writer *w, float number);

void gguf_tensor(gguf_writer *w, const char *name, const uint64_t *dims, uint32_t rank,
                 uint32_t type, uint64_t offset);
/* Pads to `alignment` and adds `data` zeros behind; fills in the counts. */
pome__bytes gguf_end(gguf_writer *w, size_t alignment, size_t data);
void gguf_free(gguf_writer *w);

#endif
