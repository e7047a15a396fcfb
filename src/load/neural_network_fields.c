/* Reading the fields of a layer's message by number, as protobuf has it: of a scalar that stands
 * twice the last one counts, a field that is not there has a default, repeated numbers may be
 * packed. A wrong wire type is an error.
 */
#include <string.h>

#include "load/neural_network.h"

bool pome__nn_field(pome__nn *nn, pome__pb message, uint32_t number, pome__pb_field *field) {
  bool found = false;
  if (nn->status != POME_OK) return false;
  for (pome__pb_field next; pome__pb_next(&message, &next, nn->error);) {
    if (next.number != number) continue;
    *field = next;
    found = true;
  }
  if (message.status != POME_OK) nn->status = message.status;
  return found && nn->status == POME_OK;
}

static bool field_of(pome__nn *nn, pome__pb message, uint32_t number, pome__pb_wire wire,
                     pome__pb_field *field) {
  if (!pome__nn_field(nn, message, number, field)) return false;
  nn->status = pome__pb_expect(&message, field, wire, "a parameter", nn->error);
  return nn->status == POME_OK;
}

int64_t pome__nn_int(pome__nn *nn, pome__pb message, uint32_t number, int64_t fallback) {
  pome__pb_field field;
  return field_of(nn, message, number, POME__PB_VARINT, &field) ? (int64_t)field.value : fallback;
}

bool pome__nn_bool(pome__nn *nn, pome__pb message, uint32_t number) {
  return pome__nn_int(nn, message, number, 0) != 0;
}

static double float_of_bits(uint64_t value) {
  uint32_t bits = (uint32_t)value;
  float number;
  memcpy(&number, &bits, sizeof number);
  return (double)number;
}

double pome__nn_float(pome__nn *nn, pome__pb message, uint32_t number, double fallback) {
  pome__pb_field field;
  return field_of(nn, message, number, POME__PB_I32, &field) ? float_of_bits(field.value)
                                                             : fallback;
}

double pome__nn_float_not_0(pome__nn *nn, pome__pb message, uint32_t number, double fallback) {
  double value = pome__nn_float(nn, message, number, 0);
  return value != 0 ? value : fallback;
}

bool pome__nn_message(pome__nn *nn, pome__pb message, uint32_t number, pome__pb *inner) {
  pome__pb_field field;
  if (!field_of(nn, message, number, POME__PB_LEN, &field)) return false;
  *inner = pome__pb_enter(&message, &field);
  return true;
}

const char *pome__nn_text(pome__nn *nn, pome__pb message, uint32_t number) {
  pome__pb_field field;
  pome__bytes text;
  if (!pome__nn_field(nn, message, number, &field)) return "";
  nn->status = pome__pb_text(&message, &field, "a name", &text, nn->error);
  if (nn->status != POME_OK) return "";
  const char *copy = pome__arena_string(&nn->program->arena, (const char *)text.data, text.size);
  if (copy == NULL) pome__nn_no_memory(nn);
  return copy != NULL ? copy : "";
}

/* ---- repeated numbers ---- */

typedef struct list {
  int64_t *ints; /* or */
  double *floats;
  size_t count, capacity;
} list;

static pome_status collect(void *context, uint64_t value) {
  list *into = context;
  if (into->count < into->capacity) {
    if (into->ints != NULL) into->ints[into->count] = (int64_t)value;
    else into->floats[into->count] = float_of_bits(value);
  }
  into->count++;
  return POME_OK;
}

static size_t read_list(pome__nn *nn, pome__pb message, uint32_t number, pome__pb_wire wire,
                        list *into) {
  if (nn->status != POME_OK) return 0;
  for (pome__pb_field field; pome__pb_next(&message, &field, nn->error);) {
    if (field.number != number) continue;
    nn->status = pome__pb_scalars(&message, &field, wire, collect, into, nn->error);
    if (nn->status != POME_OK) return 0;
  }
  if (message.status != POME_OK) nn->status = message.status;
  if (into->count > into->capacity)
    pome__nn_fail(nn, POME_INPUT, "parameter %u has %zu numbers; at most %zu are allowed", number,
                  into->count, into->capacity);
  return nn->status == POME_OK ? into->count : 0;
}

size_t pome__nn_ints(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out,
                     size_t capacity) {
  list into = {.ints = out, .capacity = capacity};
  return read_list(nn, message, number, POME__PB_VARINT, &into);
}

void pome__nn_ints_or(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out, size_t count,
                      int64_t fallback) {
  size_t found = pome__nn_ints(nn, message, number, out, count);
  if (found != 0 && found != count)
    pome__nn_fail(nn, POME_INPUT, "parameter %u has %zu numbers; it must have %zu", number, found,
                  count);
  for (size_t i = 0; found != count && i < count; i++) out[i] = fallback;
}

size_t pome__nn_floats(pome__nn *nn, pome__pb message, uint32_t number, double *out,
                       size_t capacity) {
  list into = {.floats = out, .capacity = capacity};
  return read_list(nn, message, number, POME__PB_I32, &into);
}
