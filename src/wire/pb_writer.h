/* Protocol Buffers wire format, writing: messages of any depth in one stream.
 *
 * A nested message stands behind its length, which is only known at its end. So the code that emits
 * a message runs twice: first only sizes are counted and noted in the order in which messages
 * begin, then the bytes go out. Memory is 16 bytes for each nested message and one buffer, whatever
 * the message holds. The emitting code must do the same both times; that is checked. Source:
 * protobuf.dev/programming-guides/encoding.
 */
#ifndef POME_SRC_WIRE_PB_WRITER_H
#define POME_SRC_WIRE_PB_WRITER_H

#include "base/error.h"

/* Where bytes go, in order. */
typedef struct pome__byte_sink {
  void *context;
  pome_status (*write)(void *context, const void *data, size_t size, pome_error *error);
} pome__byte_sink;

typedef struct pome__pb_writer pome__pb_writer;

/* Runs `emit` twice and sends the message to `sink`. POME_UNSUPPORTED when the message would have
 * 2 GiB or more, which no reader takes. */
pome_status pome__pb_write(const pome_allocator *allocator, const pome__byte_sink *sink,
                           void (*emit)(pome__pb_writer *w, void *context), void *context,
                           pome_error *error);

/* ---- for `emit`: after a failure everything does nothing, and the failure is the result ---- */
bool pome__pb_failed(const pome__pb_writer *w);
/* Ends the writing with a failure of the emitting code's own; `error` has been filled through
 * pome__pb_error. */
void pome__pb_fail(pome__pb_writer *w, pome_status status);
pome_error *pome__pb_error(pome__pb_writer *w);

/* A message, or a packed list, of that field: what is put up to its end. */
void pome__pb_begin(pome__pb_writer *w, uint32_t field);
void pome__pb_end(pome__pb_writer *w);
/* Single fields. */
void pome__pb_put_uint(pome__pb_writer *w, uint32_t field, uint64_t value);
void pome__pb_put_bytes(pome__pb_writer *w, uint32_t field, const void *data, size_t size);
void pome__pb_put_text(pome__pb_writer *w, uint32_t field, const char *text);
/* Items of a packed list. */
void pome__pb_varint(pome__pb_writer *w, uint64_t value);
void pome__pb_raw(pome__pb_writer *w, const void *data, size_t size);

#endif
