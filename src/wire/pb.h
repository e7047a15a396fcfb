/* Protocol Buffers wire format: a bounded pull reader and a writer-free view of the bytes.
 *
 * A cursor walks one message. Each call gives the next field: its number, its wire type and its
 * value in place; nothing is copied and nothing is allocated. Lengths are checked against the
 * enclosing message, so a cursor made from a field can never leave it. Varints over 10 bytes, field
 * number 0, group tags and truncation are errors with their byte offset. Source:
 * protobuf.dev/programming-guides/encoding.
 */
#ifndef POME_SRC_WIRE_PB_H
#define POME_SRC_WIRE_PB_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct pome__pb {
  const uint8_t *at;
  const uint8_t *end;
  const uint8_t *file; /* start of the outermost message: offsets in errors are from here */
  pome_status status;  /* not POME_OK once a broken field was met */
} pome__pb;

typedef enum pome__pb_wire {
  POME__PB_VARINT = 0,
  POME__PB_I64 = 1,
  POME__PB_LEN = 2,
  POME__PB_I32 = 5
} pome__pb_wire;

typedef struct pome__pb_field {
  uint32_t number;
  pome__pb_wire wire;
  uint64_t value;       /* VARINT, I64, I32 (zero-extended) */
  pome__bytes bytes;    /* LEN */
  const uint8_t *start; /* first byte of the tag */
} pome__pb_field;

pome__pb pome__pb_open(pome__bytes message);
/* A cursor over a LEN field; errors keep their offsets. */
pome__pb pome__pb_enter(const pome__pb *parent, const pome__pb_field *field);

/* The next field; false at the end of the message and at a broken field, which `status` tells
 * apart:
 *
 *   for (pome__pb_field field; pome__pb_next(&pb, &field, error);) ...
 *   POME__TRY(pb.status);
 */
bool pome__pb_next(pome__pb *pb, pome__pb_field *field, pome_error *error);

/* Fails unless the field has that wire type; `what` names the field in the message. */
pome_status pome__pb_expect(const pome__pb *pb, const pome__pb_field *field, pome__pb_wire wire,
                            const char *what, pome_error *error);
uint64_t pome__pb_offset(const pome__pb *pb, const pome__pb_field *field);

/* The value of a varint field. */
pome_status pome__pb_uint(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          uint64_t *value, pome_error *error);
/* The bytes of a string field, checked to be UTF-8 without NUL. */
pome_status pome__pb_text(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          pome__bytes *text, pome_error *error);
/* How often a field stands in the rest of the message; the cursor stays. Fails when the message is
 * broken. */
pome_status pome__pb_count(const pome__pb *pb, uint32_t number, size_t *count, pome_error *error);
/* The same where there may be `most` of what `what` names in the plural. */
pome_status pome__pb_count_most(const pome__pb *pb, uint32_t number, size_t most, const char *what,
                                size_t *count, pome_error *error);

/* Repeated scalars, packed or not: calls back for each value of one occurrence of the field. */
pome_status pome__pb_varints(const pome__pb *pb, const pome__pb_field *field,
                             pome_status (*each)(void *context, uint64_t value), void *context,
                             pome_error *error);

/* The same for values of any scalar wire type: VARINT, I32 or I64. */
pome_status pome__pb_scalars(const pome__pb *pb, const pome__pb_field *field, pome__pb_wire wire,
                             pome_status (*each)(void *context, uint64_t value), void *context,
                             pome_error *error);
/* A cursor over a field that must be a message. */
pome_status pome__pb_message(const pome__pb *pb, const pome__pb_field *field, const char *what,
                             pome__pb *inner, pome_error *error);
/* A message field that may stand once: protobuf would merge a second one, which nobody writes, so
 * it is refused. */
pome_status pome__pb_once(const pome__pb *pb, const pome__pb_field *field, const char *what,
                          bool *seen, pome__pb *inner, pome_error *error);

/* True for well-formed UTF-8 without NUL: names and strings of the format must be that. */
bool pome__utf8_valid(pome__bytes text);

#endif
