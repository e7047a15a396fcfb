/* Protocol Buffers wire format, writing. See pb_writer.h for how it works. */
#include "wire/pb_writer.h"

#include <string.h>

#include "base/memory.h"
#include "wire/pb.h"

#define BUFFER_SIZE 16384
/* Readers hold sizes in 31 bits. */
#define MAX_MESSAGE ((uint64_t)INT32_MAX)

/* While sizes are counted `size` holds the position at which the message began. */
typedef struct message {
  uint64_t size;
  size_t outer; /* the message around it */
} message;

struct pome__pb_writer {
  const pome_allocator *allocator;
  const pome__byte_sink *sink; /* NULL while sizes are counted */
  pome_error *error;
  pome_status status; /* of the first failure */
  uint64_t at;        /* bytes of the outermost message so far */
  message *messages;
  size_t count, capacity;
  size_t next; /* the message that begins next, while bytes go out */
  size_t open; /* the innermost open message; SIZE_MAX: the outermost */
  size_t used;
  uint8_t buffer[BUFFER_SIZE];
};

bool pome__pb_failed(const pome__pb_writer *w) {
  return w->status != POME_OK;
}

void pome__pb_fail(pome__pb_writer *w, pome_status status) {
  if (w->status == POME_OK) w->status = status;
}

pome_error *pome__pb_error(pome__pb_writer *w) {
  return w->error;
}

/* ---- bytes ---- */

static void flush(pome__pb_writer *w) {
  if (w->status == POME_OK && w->used > 0)
    w->status = w->sink->write(w->sink->context, w->buffer, w->used, w->error);
  w->used = 0;
}

void pome__pb_raw(pome__pb_writer *w, const void *data, size_t size) {
  w->at += size;
  if (!w->sink || w->status != POME_OK || size == 0) return;
  if (size > BUFFER_SIZE - w->used) flush(w);
  if (size >= BUFFER_SIZE) {
    if (w->status == POME_OK) w->status = w->sink->write(w->sink->context, data, size, w->error);
    return;
  }
  memcpy(w->buffer + w->used, data, size);
  w->used += size;
}

void pome__pb_varint(pome__pb_writer *w, uint64_t value) {
  uint8_t bytes[10];
  size_t size = 0;
  do {
    bytes[size] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
    size++;
  } while (value > 0);
  pome__pb_raw(w, bytes, size);
}

static void put_tag(pome__pb_writer *w, uint32_t field, pome__pb_wire wire) {
  pome__pb_varint(w, (uint64_t)field << 3 | wire);
}

/* ---- messages ---- */

static void note(pome__pb_writer *w) {
  if (w->count == w->capacity) {
    size_t capacity = w->capacity > 0 ? 2 * w->capacity : 256;
    message *larger = pome__realloc(w->allocator, w->messages, w->capacity * sizeof(message),
                                    capacity * sizeof(message));
    if (!larger) {
      w->status = pome__fail_memory(w->error, "the sizes of a message's parts");
      return;
    }
    w->messages = larger;
    w->capacity = capacity;
  }
  w->messages[w->count] = (message){.size = w->at, .outer = w->open};
  w->open = w->count++;
}

static void fail_internal(pome__pb_writer *w) {
  w->status = pome__fail(w->error, POME_INTERNAL, "a message came out other than it was counted");
}

void pome__pb_begin(pome__pb_writer *w, uint32_t field) {
  if (w->status != POME_OK) return;
  put_tag(w, field, POME__PB_LEN);
  if (!w->sink) {
    note(w);
  } else if (w->next < w->count) {
    pome__pb_varint(w, w->messages[w->next++].size);
  } else {
    fail_internal(w);
  }
}

void pome__pb_end(pome__pb_writer *w) {
  if (w->sink || w->status != POME_OK) return;
  message *ended = &w->messages[w->open];
  ended->size = w->at - ended->size;
  w->open = ended->outer;
  uint64_t size = ended->size;
  pome__pb_varint(w, size);
}

/* ---- fields ---- */

void pome__pb_put_uint(pome__pb_writer *w, uint32_t field, uint64_t value) {
  put_tag(w, field, POME__PB_VARINT);
  pome__pb_varint(w, value);
}

void pome__pb_put_bytes(pome__pb_writer *w, uint32_t field, const void *data, size_t size) {
  put_tag(w, field, POME__PB_LEN);
  pome__pb_varint(w, size);
  pome__pb_raw(w, data, size);
}

void pome__pb_put_text(pome__pb_writer *w, uint32_t field, const char *text) {
  pome__pb_put_bytes(w, field, text, strlen(text));
}

/* ---- the two runs ---- */

static void run_twice(pome__pb_writer *w, const pome__byte_sink *sink,
                      void (*emit)(pome__pb_writer *w, void *context), void *context) {
  emit(w, context);
  if (w->status != POME_OK) return;
  uint64_t counted = w->at;
  if (counted > MAX_MESSAGE) {
    w->status =
        pome__fail(w->error, POME_UNSUPPORTED, "a message of %llu bytes; protobuf allows %llu",
                   (unsigned long long)counted, (unsigned long long)MAX_MESSAGE);
    return;
  }
  w->sink = sink;
  w->at = 0;
  emit(w, context);
  flush(w);
  if (w->status == POME_OK && (w->at != counted || w->next != w->count)) fail_internal(w);
}

pome_status pome__pb_write(const pome_allocator *allocator, const pome__byte_sink *sink,
                           void (*emit)(pome__pb_writer *w, void *context), void *context,
                           pome_error *error) {
  pome__pb_writer *w = pome__alloc_zero(allocator, sizeof(*w));
  if (!w) return pome__fail_memory(error, "the writer of a message");
  w->allocator = allocator;
  w->error = error;
  w->open = SIZE_MAX;
  run_twice(w, sink, emit, context);
  pome_status status = w->status;
  pome__free(allocator, w->messages, w->capacity * sizeof(message));
  pome__free(allocator, w, sizeof(*w));
  return status;
}
