/* weight.bin, written: which constants it holds, each content once, and where.
 *
 * coremltools' rule decides for constants that stood in the program itself: ten elements or more of
 * a type that it keeps in files, among the parameters of const and of constexpr operations. What
 * came from a weight file goes to one again, whatever its size. Two constants share a record when
 * type, count and bytes are equal; contents are hashed only where types and counts agree, and
 * compared where hashes do. Data is read in pieces and given back to the system, so that a file far
 * larger than memory can be written. The layout is told in package/weights.c. Source of the rule:
 * coremltools converters/mil/backend/mil/load.py.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "save/save.h"

#define LEAST_ELEMENTS 10
#define PIECE          ((size_t)1 << 20)
#define MULTIPLIER     0x9e3779b97f4a7c15u

/* A constant in the file. */
struct pome__kept {
  const uint8_t *data;
  size_t bytes, count;
  pome_dtype dtype;
  size_t order; /* in the program */
  uint64_t hash;
  uint64_t offset;
  struct pome__kept *first; /* of equal content: the one whose record is written */
};

/* ---- which ---- */

static bool type_goes_to_file(pome_dtype dtype, pome__opset opset) {
  switch (dtype) {
  case POME_FP16:
  case POME_FP32:
  case POME_UINT8:
  case POME_INT8:
  case POME_INT4:
  case POME_UINT1:
  case POME_UINT2:
  case POME_UINT3:
  case POME_UINT4:
  case POME_UINT6: return true;
  case POME_INT16:
  case POME_UINT16:
  case POME_INT32:
  case POME_UINT32: return opset >= POME__IOS18;
  default: return false;
  }
}

static size_t element_count(const pome__literal *literal) {
  size_t count = 1;
  for (int i = 0; i < literal->type.rank; i++) count *= (size_t)literal->type.dims[i];
  return count;
}

typedef struct collector {
  pome__weight_plan *plan;
  size_t capacity;
  pome__opset opset;
  bool parameter; /* of a const or constexpr operation */
} collector;

static bool belongs(const collector *c, const pome__literal *literal) {
  if (literal->type.kind != POME__TYPE_TENSOR || literal->bytes == 0 || !literal->data)
    return false;
  if (literal->blob_offset != POME_NO_OFFSET) return true;
  return c->parameter && element_count(literal) >= LEAST_ELEMENTS &&
         type_goes_to_file(literal->type.dtype, c->opset);
}

static bool add(collector *c, const pome__literal *literal) {
  pome__weight_plan *plan = c->plan;
  if (plan->count == c->capacity) {
    size_t capacity = c->capacity > 0 ? 2 * c->capacity : 64;
    pome__kept *items = POME__NEW_ARRAY(&plan->arena, pome__kept, capacity);
    if (!items) return false;
    if (plan->count > 0) memcpy(items, plan->items, plan->count * sizeof(*items));
    plan->items = items;
    c->capacity = capacity;
  }
  plan->items[plan->count] = (pome__kept){.data = literal->data,
                                          .bytes = literal->bytes,
                                          .count = element_count(literal),
                                          .dtype = literal->type.dtype,
                                          .order = plan->count};
  plan->count++;
  return true;
}

static bool collect_literal(collector *c, const pome__literal *literal) {
  if (belongs(c, literal)) return add(c, literal);
  for (size_t i = 0; i < literal->item_count; i++)
    if (!collect_literal(c, literal->items[i])) return false;
  return true;
}

static bool collect_block(collector *c, const pome__block *block) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    c->parameter = strcmp(op->type, "const") == 0 || strncmp(op->type, "constexpr_", 10) == 0;
    for (size_t a = 0; a < op->arg_count; a++) {
      for (size_t v = 0; v < op->args[a].count; v++) {
        const pome__value *value = op->args[a].values[v];
        if (value->name[0] == '\0' && !collect_literal(c, value->literal)) return false;
      }
    }
    for (size_t b = 0; b < op->block_count; b++)
      if (!collect_block(c, op->blocks[b])) return false;
  }
  return true;
}

static bool collect_attributes(collector *c, const pome__attribute *attributes, size_t count) {
  c->parameter = false;
  for (size_t i = 0; i < count; i++)
    if (!collect_literal(c, attributes[i].value)) return false;
  return true;
}

static bool collect(collector *c, const pome__program *program) {
  if (!collect_attributes(c, program->attributes, program->attribute_count)) return false;
  for (size_t i = 0; i < program->function_count; i++) {
    const pome__function *function = program->functions[i];
    c->opset = function->opset;
    if (!collect_attributes(c, function->attributes, function->attribute_count) ||
        !collect_block(c, function->body))
      return false;
  }
  return true;
}

/* ---- each once ---- */

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_kind(const pome__kept *a, const pome__kept *b) {
  int order = ORDER(a->dtype, b->dtype);
  return order != 0 ? order : ORDER(a->count, b->count);
}

static int compare_place(const pome__kept *a, const pome__kept *b) {
  int order = ORDER((uintptr_t)a->data, (uintptr_t)b->data);
  return order != 0 ? order : compare_kind(a, b);
}

static int by_place(const void *left, const void *right) {
  const pome__kept *a = left, *b = right;
  int order = compare_place(a, b);
  return order != 0 ? order : ORDER(a->order, b->order);
}

static int by_content(const void *left, const void *right) {
  const pome__kept *a = *(pome__kept *const *)left, *b = *(pome__kept *const *)right;
  int order = compare_kind(a, b);
  if (order == 0) order = ORDER(a->hash, b->hash);
  return order != 0 ? order : ORDER(a->order, b->order);
}

static int by_order(const void *left, const void *right) {
  const pome__kept *a = *(pome__kept *const *)left, *b = *(pome__kept *const *)right;
  return ORDER(a->order, b->order);
}

/* The same bytes of the same type are one constant, however often the program names them. */
static void unite_places(pome__weight_plan *plan) {
  size_t kept = 0;
  if (plan->count > 0) qsort(plan->items, plan->count, sizeof(*plan->items), by_place);
  for (size_t i = 0; i < plan->count; i++)
    if (kept == 0 || compare_place(&plan->items[kept - 1], &plan->items[i]) != 0)
      plan->items[kept++] = plan->items[i];
  plan->count = kept;
}

static size_t piece_at(size_t bytes, size_t at) {
  return bytes - at < PIECE ? bytes - at : PIECE;
}

static pome_status hash_content(const pome__package *package, pome__kept *kept, pome_error *error) {
  uint64_t hash = kept->bytes;
  for (size_t at = 0; at < kept->bytes; at += PIECE) {
    const uint8_t *data = kept->data + at;
    size_t size = piece_at(kept->bytes, at);
    if (package) POME__TRY(pome__package_check(package, data, error));
    for (size_t i = 0; i < size; i += 8) {
      uint64_t word = 0;
      memcpy(&word, data + i, size - i < 8 ? size - i : 8);
      hash = (hash ^ word) * MULTIPLIER;
      hash ^= hash >> 32;
    }
    if (package) pome__package_forget(package, data, size);
  }
  kept->hash = hash;
  return POME_OK;
}

static bool same_content(const pome__package *package, const pome__kept *a, const pome__kept *b) {
  if (a->bytes != b->bytes || a->hash != b->hash) return false;
  for (size_t at = 0; at < a->bytes; at += PIECE) {
    size_t size = piece_at(a->bytes, at);
    if (memcmp(a->data + at, b->data + at, size) != 0) return false;
    if (!package) continue;
    pome__package_forget(package, a->data + at, size);
    pome__package_forget(package, b->data + at, size);
  }
  return true;
}

/* `sorted` by type and count: only neighbours of the same kind can be equal. */
static pome_status hash_likely_copies(pome__kept **sorted, size_t count,
                                      const pome__package *package, pome_error *error) {
  for (size_t i = 0; i < count; i++) {
    bool alone = (i == 0 || compare_kind(sorted[i - 1], sorted[i]) != 0) &&
                 (i + 1 == count || compare_kind(sorted[i], sorted[i + 1]) != 0);
    if (!alone) POME__TRY(hash_content(package, sorted[i], error));
  }
  return POME_OK;
}

static pome_status find_copies(pome__weight_plan *plan, const pome__package *package,
                               pome_error *error) {
  pome__kept **sorted = plan->by_order;
  for (size_t i = 0; i < plan->count; i++) sorted[i] = plan->items[i].first = &plan->items[i];
  if (plan->count == 0) return POME_OK;
  qsort(sorted, plan->count, sizeof(*sorted), by_content);
  POME__TRY(hash_likely_copies(sorted, plan->count, package, error));
  qsort(sorted, plan->count, sizeof(*sorted), by_content);
  for (size_t i = 1; i < plan->count; i++) {
    pome__kept *first = sorted[i - 1]->first;
    if (compare_kind(first, sorted[i]) == 0 && same_content(package, first, sorted[i]))
      sorted[i]->first = first;
  }
  qsort(sorted, plan->count, sizeof(*sorted), by_order);
  return POME_OK;
}

/* ---- where ---- */

static bool round_up(uint64_t *at) {
  uint64_t sum;
  if (__builtin_add_overflow(*at, (uint64_t)POME__WEIGHT_ALIGNMENT - 1, &sum)) return false;
  *at = sum / POME__WEIGHT_ALIGNMENT * POME__WEIGHT_ALIGNMENT;
  return true;
}

static pome_status place(pome__weight_plan *plan, pome_error *error) {
  uint64_t at = POME__WEIGHT_HEADER;
  for (size_t i = 0; i < plan->count; i++) {
    pome__kept *kept = plan->by_order[i];
    if (kept->first != kept) continue;
    kept->offset = at;
    plan->record_count++;
    plan->data_bytes += kept->bytes;
    if (__builtin_add_overflow(at, (uint64_t)POME__WEIGHT_RECORD + kept->bytes, &at) ||
        !round_up(&at) || plan->record_count > UINT32_MAX)
      return pome__fail(error, POME_UNSUPPORTED,
                        "more than %u constants, or 2^64 bytes of them; a weight file has no room",
                        UINT32_MAX);
  }
  for (size_t i = 0; i < plan->count; i++) plan->items[i].offset = plan->items[i].first->offset;
  return POME_OK;
}

pome_status pome__weight_plan_make(pome__program *const *programs, size_t program_count,
                                   const pome__package *package, const pome_allocator *allocator,
                                   pome__weight_plan *plan, pome_error *error) {
  *plan = (pome__weight_plan){.count = 0};
  pome__arena_init(&plan->arena, allocator, 0);
  collector c = {.plan = plan};
  for (size_t i = 0; i < program_count; i++)
    if (programs[i] && !collect(&c, programs[i]))
      return pome__fail_memory(error, "the list of weights");
  unite_places(plan);
  plan->by_order = POME__NEW_ARRAY(&plan->arena, pome__kept *, plan->count);
  if (!plan->by_order) return pome__fail_memory(error, "the list of weights");
  POME__TRY(find_copies(plan, package, error));
  return place(plan, error);
}

void pome__weight_plan_free(pome__weight_plan *plan) {
  pome__arena_free(&plan->arena);
}

uint64_t pome__weight_plan_find(const pome__weight_plan *plan, const pome__literal *literal) {
  if (literal->type.kind != POME__TYPE_TENSOR || plan->count == 0) return POME_NO_OFFSET;
  pome__kept wanted = {
      .data = literal->data, .count = element_count(literal), .dtype = literal->type.dtype};
  size_t low = 0, high = plan->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = compare_place(&plan->items[middle], &wanted);
    if (order == 0) return plan->items[middle].offset;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return POME_NO_OFFSET;
}

/* ---- the file ---- */

static void put_number(uint8_t *at, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static pome_status write_header(const pome__weight_plan *plan, const pome__byte_sink *sink,
                                pome_error *error) {
  uint8_t header[POME__WEIGHT_HEADER] = {0};
  put_number(header, plan->record_count, 4);
  put_number(header + 4, POME__WEIGHT_VERSION, 4);
  return sink->write(sink->context, header, sizeof(header), error);
}

static pome_status write_record(const pome__kept *kept, const pome__byte_sink *sink,
                                pome_error *error) {
  uint8_t record[POME__WEIGHT_RECORD] = {0};
  unsigned bits = pome_dtype_bits(kept->dtype);
  uint32_t type = pome__weight_type_of(kept->dtype);
  if (type == 0)
    return pome__fail(error, POME_INTERNAL, "a weight of %s elements",
                      pome_dtype_name(kept->dtype));
  put_number(record, POME__WEIGHT_SENTINEL, 4);
  put_number(record + 4, type, 4);
  put_number(record + 8, kept->bytes, 8);
  put_number(record + 16, kept->offset + POME__WEIGHT_RECORD, 8);
  if (bits < 8)
    put_number(record + 24, 8 * (uint64_t)kept->bytes - bits * (uint64_t)kept->count, 8);
  return sink->write(sink->context, record, sizeof(record), error);
}

typedef struct data_writer {
  const pome__package *package;
  const pome__byte_sink *sink;
  const pome__save_progress *progress;
  uint64_t done, total;
} data_writer;

static pome_status write_data(data_writer *d, const pome__kept *kept, pome_error *error) {
  for (size_t at = 0; at < kept->bytes; at += PIECE) {
    size_t size = piece_at(kept->bytes, at);
    const uint8_t *data = kept->data + at;
    if (d->package) POME__TRY(pome__package_check(d->package, data, error));
    POME__TRY(d->sink->write(d->sink->context, data, size, error));
    if (d->package) pome__package_forget(d->package, data, size);
    d->done += size;
    if (d->progress->report && !d->progress->report(d->progress->context, d->done, d->total))
      return pome__fail(error, POME_CANCELLED, "stopped");
  }
  return POME_OK;
}

pome_status pome__weight_plan_write(const pome__weight_plan *plan, const pome__package *package,
                                    const pome__byte_sink *sink,
                                    const pome__save_progress *progress, pome_error *error) {
  static const uint8_t zeros[POME__WEIGHT_ALIGNMENT];
  data_writer d = {package, sink, progress, 0, plan->data_bytes};
  POME__TRY(write_header(plan, sink, error));
  for (size_t i = 0; i < plan->count; i++) {
    const pome__kept *kept = plan->by_order[i];
    if (kept->first != kept) continue;
    POME__TRY(write_record(kept, sink, error));
    POME__TRY(write_data(&d, kept, error));
    size_t over = kept->bytes % POME__WEIGHT_ALIGNMENT;
    if (over > 0)
      POME__TRY(sink->write(sink->context, zeros, POME__WEIGHT_ALIGNMENT - over, error));
  }
  return POME_OK;
}
