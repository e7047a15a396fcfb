/* A growing buffer with protobuf fields appended. Running out of memory ends the test program. */
#include "wire_writer.h"

#include <stdlib.h>
#include <string.h>

void wire_raw(wire *out, const void *data, size_t size) {
  if (size > out->capacity - out->size) {
    out->capacity = 2 * out->capacity + size + 64;
    out->data = realloc(out->data, out->capacity);
    if (!out->data) abort();
  }
  if (size > 0) memcpy(out->data + out->size, data, size);
  out->size += size;
}

void wire_varint(wire *out, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    wire_raw(out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

void wire_uint(wire *out, uint32_t number, uint64_t value) {
  wire_varint(out, (uint64_t)number << 3);
  wire_varint(out, value);
}

static void put_little_endian(wire *out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) {
    uint8_t byte = (uint8_t)(value >> (8 * i));
    wire_raw(out, &byte, 1);
  }
}

void wire_fixed32(wire *out, uint32_t number, uint32_t value) {
  wire_varint(out, (uint64_t)number << 3 | 5);
  put_little_endian(out, value, 4);
}

void wire_fixed64(wire *out, uint32_t number, uint64_t value) {
  wire_varint(out, (uint64_t)number << 3 | 1);
  put_little_endian(out, value, 8);
}

void wire_bytes(wire *out, uint32_t number, const void *data, size_t size) {
  wire_varint(out, (uint64_t)number << 3 | 2);
  wire_varint(out, size);
  wire_raw(out, data, size);
}

void wire_text(wire *out, uint32_t number, const char *text) {
  wire_bytes(out, number, text, strlen(text));
}

void wire_message(wire *out, uint32_t number, wire inner) {
  wire_bytes(out, number, inner.data, inner.size);
  free(inner.data);
}

void wire_free(wire *out) {
  free(out->data);
  *out = (wire){0};
}

pome__bytes wire_view(const wire *message) {
  return (pome__bytes){message->data, message->size};
}
