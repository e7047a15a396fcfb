/* Protocol Buffers wire format, reading. See pb.h for the contract.
 *
 * A field's tag is a varint: number * 8 + wire type. A varint holds seven bits a byte, lowest
 * first; the tenth byte of a 64-bit one carries a single bit, and what lies above it is dropped, as
 * every implementation does.
 */
#include "wire/pb.h"

#define MAX_FIELD_NUMBER 536870911u /* 2^29 - 1 */
#define MAX_VARINT_BYTES 10

pome__pb pome__pb_open(pome__bytes message) {
  /* An empty message may come with a NULL pointer, on which no arithmetic is allowed. */
  static const uint8_t nothing = 0;
  const uint8_t *data = message.size > 0 ? message.data : &nothing;
  return (pome__pb){.at = data, .end = data + message.size, .file = data};
}

pome__pb pome__pb_enter(const pome__pb *parent, const pome__pb_field *field) {
  return (pome__pb){
      .at = field->bytes.data, .end = field->bytes.data + field->bytes.size, .file = parent->file};
}

uint64_t pome__pb_offset(const pome__pb *pb, const pome__pb_field *field) {
  return (uint64_t)(field->start - pb->file);
}

static pome_status fail_at(const pome__pb *pb, const uint8_t *at, pome_error *error,
                           const char *message) {
  pome__fail(error, POME_INPUT, "%s", message);
  pome__error_at_offset(error, (uint64_t)(at - pb->file));
  return POME_INPUT;
}

/* Zero when the bytes end before the varint does, or it is too long. */
static size_t read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  uint64_t result = 0;
  for (size_t i = 0; i < MAX_VARINT_BYTES && at + i < end; i++) {
    result |= (uint64_t)(at[i] & 0x7f) << (7 * i);
    if (at[i] < 0x80) {
      *value = result;
      return i + 1;
    }
  }
  return 0;
}

static pome_status next_varint(pome__pb *pb, const uint8_t *start, uint64_t *value,
                               pome_error *error) {
  size_t length = read_varint(pb->at, pb->end, value);
  if (length == 0) {
    bool cut = (size_t)(pb->end - pb->at) < MAX_VARINT_BYTES;
    return fail_at(pb, start, error,
                   cut ? "broken protobuf: the message ends inside a field"
                       : "broken protobuf: a varint of more than 10 bytes");
  }
  pb->at += length;
  return POME_OK;
}

static pome_status next_fixed(pome__pb *pb, const uint8_t *start, size_t size, uint64_t *value,
                              pome_error *error) {
  if ((size_t)(pb->end - pb->at) < size)
    return fail_at(pb, start, error, "broken protobuf: the message ends inside a field");
  *value = 0;
  for (size_t i = 0; i < size; i++) *value |= (uint64_t)pb->at[i] << (8 * i);
  pb->at += size;
  return POME_OK;
}

static pome_status next_bytes(pome__pb *pb, pome__pb_field *field, pome_error *error) {
  uint64_t size;
  POME__TRY(next_varint(pb, field->start, &size, error));
  size_t left = (size_t)(pb->end - pb->at);
  if (size > left) {
    pome__fail(error, POME_INPUT,
               "broken protobuf: field %u says it has %llu bytes, %zu are left in its message",
               field->number, (unsigned long long)size, left);
    pome__error_at_offset(error, pome__pb_offset(pb, field));
    return POME_INPUT;
  }
  field->bytes = (pome__bytes){pb->at, (size_t)size};
  pb->at += size;
  return POME_OK;
}

static pome_status next_value(pome__pb *pb, pome__pb_field *field, pome_error *error) {
  switch (field->wire) {
  case POME__PB_VARINT: return next_varint(pb, field->start, &field->value, error);
  case POME__PB_I64: return next_fixed(pb, field->start, 8, &field->value, error);
  case POME__PB_LEN: return next_bytes(pb, field, error);
  case POME__PB_I32: return next_fixed(pb, field->start, 4, &field->value, error);
  }
  return fail_at(pb, field->start, error,
                 "broken protobuf: a group or an undefined wire type; allowed are varint, "
                 "fixed and length-delimited fields");
}

static pome_status next_field(pome__pb *pb, pome__pb_field *field, pome_error *error) {
  uint64_t tag;
  POME__TRY(next_varint(pb, field->start, &tag, error));
  uint64_t number = tag >> 3;
  if (number == 0 || number > MAX_FIELD_NUMBER)
    return fail_at(pb, field->start, error,
                   "broken protobuf: a field number out of 1 .. 536870911");
  field->number = (uint32_t)number;
  field->wire = (pome__pb_wire)(tag & 7);
  return next_value(pb, field, error);
}

bool pome__pb_next(pome__pb *pb, pome__pb_field *field, pome_error *error) {
  if (pb->status != POME_OK || pb->at == pb->end) return false;
  *field = (pome__pb_field){.start = pb->at};
  pb->status = next_field(pb, field, error);
  return pb->status == POME_OK;
}

static const char *wire_name(pome__pb_wire wire) {
  switch (wire) {
  case POME__PB_VARINT: return "a varint";
  case POME__PB_I64: return "8 fixed bytes";
  case POME__PB_LEN: return "length-delimited";
  case POME__PB_I32: return "4 fixed bytes";
  }
  return "undefined";
}

pome_status pome__pb_expect(const pome__pb *pb, const pome__pb_field *field, pome__pb_wire wire,
                            const char *what, pome_error *error) {
  if (field->wire == wire) return POME_OK;
  pome__fail(error, POME_INPUT, "broken protobuf: %s (field %u) is %s, it must be %s", what,
             field->number, wire_name(field->wire), wire_name(wire));
  pome__error_at_offset(error, pome__pb_offset(pb, field));
  return POME_INPUT;
}

static pome_status next_scalar(pome__pb *pb, pome__pb_wire wire, uint64_t *value,
                               pome_error *error) {
  switch (wire) {
  case POME__PB_VARINT: return next_varint(pb, pb->at, value, error);
  case POME__PB_I64: return next_fixed(pb, pb->at, 8, value, error);
  default: return next_fixed(pb, pb->at, 4, value, error);
  }
}

pome_status pome__pb_scalars(const pome__pb *pb, const pome__pb_field *field, pome__pb_wire wire,
                             pome_status (*each)(void *context, uint64_t value), void *context,
                             pome_error *error) {
  if (field->wire == wire) return each(context, field->value);
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, "a list of numbers", error));
  pome__pb packed = pome__pb_enter(pb, field);
  while (packed.at < packed.end) {
    uint64_t value = 0;
    POME__TRY(next_scalar(&packed, wire, &value, error));
    POME__TRY(each(context, value));
  }
  return POME_OK;
}

pome_status pome__pb_varints(const pome__pb *pb, const pome__pb_field *field,
                             pome_status (*each)(void *context, uint64_t value), void *context,
                             pome_error *error) {
  return pome__pb_scalars(pb, field, POME__PB_VARINT, each, context, error);
}

pome_status pome__pb_message(const pome__pb *pb, const pome__pb_field *field, const char *what,
                             pome__pb *inner, pome_error *error) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, what, error));
  *inner = pome__pb_enter(pb, field);
  return POME_OK;
}

pome_status pome__pb_once(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          bool *seen, pome__pb *inner, pome_error *error) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, what, error));
  if (*seen) {
    pome__fail(error, POME_INPUT, "%s stands twice; once is allowed", what);
    pome__error_at_offset(error, pome__pb_offset(pb, field));
    return POME_INPUT;
  }
  *seen = true;
  *inner = pome__pb_enter(pb, field);
  return POME_OK;
}

pome_status pome__pb_uint(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          uint64_t *value, pome_error *error) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_VARINT, what, error));
  *value = field->value;
  return POME_OK;
}

pome_status pome__pb_text(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          pome__bytes *text, pome_error *error) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, what, error));
  if (!pome__utf8_valid(field->bytes)) {
    pome__fail(error, POME_INPUT, "%s (field %u) is not UTF-8 text without NUL", what,
               field->number);
    pome__error_at_offset(error, pome__pb_offset(pb, field));
    return POME_INPUT;
  }
  *text = field->bytes;
  return POME_OK;
}

pome_status pome__pb_count(const pome__pb *pb, uint32_t number, size_t *count, pome_error *error) {
  pome__pb rest = *pb;
  size_t found = 0;
  for (pome__pb_field field; pome__pb_next(&rest, &field, error);) found += field.number == number;
  POME__TRY(rest.status);
  *count = found;
  return POME_OK;
}

pome_status pome__pb_count_most(const pome__pb *pb, uint32_t number, size_t most, const char *what,
                                size_t *count, pome_error *error) {
  size_t found;
  POME__TRY(pome__pb_count(pb, number, &found, error));
  if (found > most)
    return pome__fail(error, POME_INPUT, "%zu %s; at most %zu are allowed", found, what, most);
  *count = found;
  return POME_OK;
}

/* Length of the well-formed sequence at `at`, 0 when there is none (Unicode 15, table 3-7). */
static size_t utf8_sequence(const uint8_t *at, size_t left) {
  uint8_t lead = at[0];
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < length) return 0;
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

bool pome__utf8_valid(pome__bytes text) {
  for (size_t i = 0; i < text.size;) {
    if (text.data[i] == 0) return false;
    size_t length = utf8_sequence(text.data + i, text.size - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}
