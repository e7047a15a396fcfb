/* Walks the program's messages twice: first to see how far its records reach, then to write them.
 */
#include "fake_weights.h"

#include <string.h>
#include <sys/mman.h>

#include "wire/pb.h"

typedef enum kind {
  PROGRAM,
  FUNCTION_ENTRY,
  FUNCTION,
  BLOCK_ENTRY,
  BLOCK,
  OP,
  INPUT_ENTRY,
  ARGUMENT,
  BINDING,
  ATTRIBUTE_ENTRY,
  VALUE
} kind;

/* Which field of which message leads on to which. */
static const struct {
  kind from;
  uint32_t field;
  kind to;
} ways[] = {
    {PROGRAM, 2, FUNCTION_ENTRY},
    {FUNCTION_ENTRY, 2, FUNCTION},
    {FUNCTION, 3, BLOCK_ENTRY},
    {BLOCK_ENTRY, 2, BLOCK},
    {BLOCK, 3, OP},
    {OP, 2, INPUT_ENTRY},
    {INPUT_ENTRY, 2, ARGUMENT},
    {ARGUMENT, 1, BINDING},
    {BINDING, 2, VALUE},
    {OP, 5, ATTRIBUTE_ENTRY},
    {ATTRIBUTE_ENTRY, 2, VALUE},
    {OP, 4, BLOCK},
};

/* DataType of MIL.proto, BlobDataType of the file, bits. */
static const struct {
  uint64_t mil;
  uint32_t blob;
  uint64_t bits;
} types[] = {
    {10, 1, 16}, {11, 2, 32},  {31, 3, 8},   {21, 4, 8},  {13, 5, 16}, {22, 6, 16},
    {32, 7, 16}, {25, 8, 4},   {37, 9, 1},   {36, 10, 2}, {35, 11, 4}, {39, 12, 3},
    {38, 13, 6}, {23, 14, 32}, {33, 15, 32}, {40, 16, 8}, {41, 17, 8},
};

typedef struct writer {
  uint8_t *data; /* NULL: only measuring */
  uint64_t end;
} writer;

/* The first field of that number, entered; an empty message when there is none. */
static pome__pb first(pome__pb pb, uint32_t number, uint64_t *value) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, NULL);) {
    if (field.number != number) continue;
    if (value) *value = field.value;
    if (field.wire == POME__PB_LEN) return pome__pb_enter(&pb, &field);
  }
  return (pome__pb){.at = pb.end, .end = pb.end, .file = pb.file};
}

static uint64_t element_count(pome__pb tensor) {
  uint64_t count = 1;
  for (pome__pb_field field; pome__pb_next(&tensor, &field, NULL);) {
    if (field.number != 3) continue;
    uint64_t size = 0;
    first(first(pome__pb_enter(&tensor, &field), 1, NULL), 1, &size);
    count *= size;
  }
  return count;
}

static void put(uint8_t *at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void record(writer *w, uint64_t offset, uint64_t type, uint64_t count) {
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    if (types[i].mil != type) continue;
    uint64_t bits = count * types[i].bits, size = (bits + 7) / 8;
    if (offset + 64 + size > w->end) w->end = offset + 64 + size;
    if (!w->data) return;
    put(w->data + offset, 0xDEADBEEF, 4);
    put(w->data + offset + 4, types[i].blob, 4);
    put(w->data + offset + 8, size, 8);
    put(w->data + offset + 16, offset + 64, 8);
    put(w->data + offset + 24, size * 8 - bits, 8);
  }
}

static void visit_value(writer *w, pome__pb value) {
  uint64_t offset = 0, type = 0;
  pome__pb tensor = first(first(value, 2, NULL), 1, NULL);
  pome__pb blob = first(value, 5, NULL);
  if (blob.at == blob.end) return;
  first(blob, 2, &offset);
  first(tensor, 1, &type);
  record(w, offset, type, element_count(tensor));
}

static bool visit(writer *w, kind what, pome__pb pb) {
  if (what == VALUE) visit_value(w, pb);
  for (pome__pb_field field; pome__pb_next(&pb, &field, NULL);) {
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
      if (ways[i].from == what && ways[i].field == field.number &&
          !visit(w, ways[i].to, pome__pb_enter(&pb, &field)))
        return false;
  }
  return pb.status == POME_OK;
}

bool fake_weights_make(pome__bytes program, pome__bytes *file) {
  writer w = {.end = 64};
  if (!visit(&w, PROGRAM, pome__pb_open(program))) return false;
  void *data =
      mmap(NULL, w.end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return false;
  w.data = data;
  put(w.data + 4, 2, 4);
  visit(&w, PROGRAM, pome__pb_open(program));
  *file = (pome__bytes){w.data, w.end};
  return true;
}

void fake_weights_free(pome__bytes *file) {
  if (file->size > 0) (void)munmap((void *)file->data, file->size);
  *file = (pome__bytes){NULL, 0};
}
