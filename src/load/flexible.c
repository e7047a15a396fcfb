/* The shapes that bare program text allows, from the compiler's note in it.
 *
 *   [FlexibleShapeInformation = tuple<...>((("DefaultShapes", {{"x", [1, 1]}}),
 *                                           ("RangeDims", {{"x", [[1, 1], [1, 32000]]}})))]
 *
 * A default shape is one list of sizes, a range has the least and the largest size of each
 * dimension, -1 for no end. The note has no public description; what does not have this form, or
 * contradicts the declared type, is passed over: the port then allows what its type does.
 */
#include <string.h>

#include "load/flexible.h"
#include "tensor/element.h"

static bool is_string(const pome__literal *literal, const char *text) {
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_STRING ||
      literal->bytes != sizeof(pome_string))
    return false;
  const pome_string *string = literal->data;
  return string->size == strlen(text) && memcmp(string->data, text, string->size) == 0;
}

/* Exactly `count` numbers of a list. */
static bool numbers_of(const pome__literal *literal, size_t count, int64_t *out) {
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_INT32 ||
      literal->bytes != count * sizeof(int32_t) || (count > 0 && !literal->data))
    return false;
  pome__load_i64(literal->data, POME_INT32, 0, 1, count, out);
  return true;
}

/* What the note says about a name under a heading, or NULL. */
static const pome__literal *find(const pome__literal *note, const char *heading, const char *name) {
  for (size_t i = 0; i < note->item_count; i++) {
    const pome__literal *part = note->items[i];
    if (part->type.kind != POME__TYPE_TUPLE || part->item_count != 2 ||
        !is_string(part->items[0], heading) || part->items[1]->type.kind != POME__TYPE_DICT)
      continue;
    const pome__literal *entries = part->items[1];
    for (size_t e = 0; e + 1 < entries->item_count; e += 2)
      if (is_string(entries->items[e], name)) return entries->items[e + 1];
  }
  return NULL;
}

static void apply_range(const pome__literal *ranges, pome_port *port) {
  int64_t bounds[POME_MAX_RANK][2];
  if (ranges->type.kind != POME__TYPE_LIST || port->rank < 0 ||
      ranges->item_count != (size_t)port->rank)
    return;
  for (int32_t i = 0; i < port->rank; i++) {
    if (!numbers_of(ranges->items[i], 2, bounds[i])) return;
    int64_t low = bounds[i][0], high = bounds[i][1], declared = port->shape[i];
    bool ordered = low >= 0 && (high == -1 || high >= low);
    bool agrees = declared == POME_DIM_UNKNOWN || (low == declared && high == declared);
    if (!ordered || !agrees) return;
  }
  for (int32_t i = 0; i < port->rank; i++) {
    port->lower[i] = bounds[i][0];
    port->upper[i] = bounds[i][1];
  }
  port->flexibility = POME_SHAPE_RANGE;
}

static void apply_default(const pome__literal *sizes, pome_port *port) {
  int64_t shape[POME_MAX_RANK];
  if (port->rank < 0 || !numbers_of(sizes, (size_t)port->rank, shape)) return;
  for (int32_t i = 0; i < port->rank; i++)
    if (shape[i] < port->lower[i] || (port->upper[i] >= 0 && shape[i] > port->upper[i])) return;
  memcpy(port->shape, shape, (size_t)port->rank * sizeof(shape[0]));
}

void pome__flexible_apply(const pome__function *function, pome_port *port) {
  for (size_t i = 0; i < function->attribute_count; i++) {
    const pome__literal *note = function->attributes[i].value;
    if (strcmp(function->attributes[i].name, POME__FLEXIBLE_NOTE) != 0 ||
        note->type.kind != POME__TYPE_TUPLE)
      continue;
    const pome__literal *ranges = find(note, "RangeDims", port->name);
    const pome__literal *sizes = find(note, "DefaultShapes", port->name);
    if (ranges) apply_range(ranges, port);
    if (sizes) apply_default(sizes, port);
  }
}
