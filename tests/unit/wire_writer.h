/* Writing protobuf messages in tests: valid ones, and ones that no proper writer would make. */
#ifndef POME_TESTS_WIRE_WRITER_H
#define POME_TESTS_WIRE_WRITER_H

#include "base/bytes.h"

typedef struct wire {
  uint8_t *data;
  size_t size, capacity;
} wire;

void wire_raw(wire *out, const void *data, size_t size);
void wire_varint(wire *out, uint64_t value);
void wire_uint(wire *out, uint32_t number, uint64_t value);
void wire_fixed32(wire *out, uint32_t number, uint32_t value);
void wire_fixed64(wire *out, uint32_t number, uint64_t value);
void wire_bytes(wire *out, uint32_t number, const void *data, size_t size);
void wire_text(wire *out, uint32_t number, const char *text);
/* Takes `inner` over. */
void wire_message(wire *out, uint32_t number, wire inner);
void wire_free(wire *out);
pome__bytes wire_view(const wire *message);

#endif
