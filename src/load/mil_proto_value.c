/* MILSpec types and literals.
 *
 * A literal's data stands in the message (`immediateValue`) or in a weight file (`blobFileValue`).
 * Immediate tensors use one of seven lists; which one a type uses is the writer's choice, so every
 * list that can hold a type exactly is read: packed little-endian bytes for numbers of any width,
 * integers for integers if they are in range, floats for floats. Values are counted before memory
 * is taken for them, so a declared size alone allocates nothing. Sources: coremltools
 * mlmodel/format/MIL.proto, converters/mil/backend/mil/helper.py.
 */
#include <string.h>

#include "base/check.h"
#include "load/mil_proto.h"
#include "tensor/element.h"
#include "tensor/shape.h"

static pome_status fail_at(pome__mil_reader *r, const pome__pb *pb) {
  pome__error_at_offset(r->error, (uint64_t)(pb->at - pb->file));
  return POME_INPUT;
}

static pome_status check_depth(pome__mil_reader *r, const pome__pb *pb, int depth,
                               const char *what) {
  if (depth <= POME__MAX_DEPTH) return POME_OK;
  pome__fail(r->error, POME_INPUT, "%s nested more than %d levels deep", what, POME__MAX_DEPTH);
  return fail_at(r, pb);
}

/* ---- types ---- */

static pome_status parse_data_type(pome__mil_reader *r, const pome__pb *pb,
                                   const pome__pb_field *field, pome_dtype *dtype) {
  uint64_t number;
  POME__TRY(pome__pb_uint(pb, field, "dataType", &number, r->error));
  pome_dtype found = pome__dtype_from_data_type(number);
  if (found != POME_DTYPE_NONE) {
    *dtype = found;
    return POME_OK;
  }
  pome__fail(r->error, POME_UNSUPPORTED,
             "a tensor's dataType is %llu; 1 (bool) to 41 (fp8e5m2) are known",
             (unsigned long long)number);
  pome__error_at_offset(r->error, pome__pb_offset(pb, field));
  return POME_UNSUPPORTED;
}

/* The only scalar field of ConstantDimension{size 1} and UnknownDimension{variadic 1}. */
static pome_status parse_only_number(pome__mil_reader *r, pome__pb pb, uint64_t *value) {
  *value = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_uint(&pb, &field, "a dimension", value, r->error));
  }
  return pb.status;
}

/* Dimension{constant 1, unknown 2} */
static pome_status parse_dimension(pome__mil_reader *r, pome__pb pb, int64_t *dim, bool *variadic) {
  pome__pb start = pb;
  bool seen = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1 && field.number != 2) continue;
    pome__pb inner;
    uint64_t value;
    POME__TRY(pome__pb_once(&pb, &field, "a dimension", &seen, &inner, r->error));
    POME__TRY(parse_only_number(r, inner, &value));
    if (field.number == 1 && value > INT64_MAX) {
      pome__fail(r->error, POME_INPUT, "a tensor's dimension is %llu", (unsigned long long)value);
      return fail_at(r, &start);
    }
    *dim = field.number == 1 ? (int64_t)value : POME_DIM_UNKNOWN;
    *variadic = field.number == 2 && value != 0;
  }
  POME__TRY(pb.status);
  if (seen) return POME_OK;
  pome__fail(r->error, POME_INPUT, "a tensor's dimension is neither constant nor unknown");
  return fail_at(r, &start);
}

/* `declared` is the rank field, which repeats what the dimensions say; negative, or a variadic
 * dimension: not known. */
static pome_status settle_rank(pome__mil_reader *r, const pome__pb *pb, int64_t declared,
                               size_t count, bool variadic, pome__type *type) {
  if (variadic || declared < 0) {
    type->rank = -1;
    return POME_OK;
  }
  if (declared != 0 && (uint64_t)declared != count) {
    pome__fail(r->error, POME_INPUT, "a tensor of rank %lld has %zu dimensions",
               (long long)declared, count);
    return fail_at(r, pb);
  }
  type->rank = (int32_t)count;
  return POME_OK;
}

/* TensorType{dataType 1, rank 2, dimensions 3} */
static pome_status parse_tensor_type(pome__mil_reader *r, pome__pb pb, pome__type *type) {
  pome__pb start = pb;
  int64_t declared = 0;
  size_t count = 0;
  bool variadic = false;
  type->kind = POME__TYPE_TENSOR;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) {
      POME__TRY(parse_data_type(r, &pb, &field, &type->dtype));
    } else if (field.number == 2) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_VARINT, "a tensor's rank", r->error));
      declared = (int64_t)field.value;
    } else if (field.number == 3) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a dimension", r->error));
      if (count == POME_MAX_RANK) {
        pome__fail(r->error, POME_UNSUPPORTED, "a tensor of more than %d dimensions",
                   POME_MAX_RANK);
        pome__error_at_offset(r->error, pome__pb_offset(&pb, &field));
        return POME_UNSUPPORTED;
      }
      bool open = false;
      POME__TRY(parse_dimension(r, pome__pb_enter(&pb, &field), &type->dims[count++], &open));
      variadic = variadic || open;
    }
  }
  POME__TRY(pb.status);
  if (type->dtype == POME_DTYPE_NONE) {
    pome__fail(r->error, POME_INPUT, "a tensor without dataType");
    return fail_at(r, &start);
  }
  return settle_rank(r, &start, declared, count, variadic, type);
}

static pome_status new_elements(pome__mil_reader *r, size_t count, pome__type *type,
                                pome__type **parts) {
  const pome__type **pointers = POME__NEW_ARRAY(&r->program->arena, const pome__type *, count);
  *parts = POME__NEW_ARRAY(&r->program->arena, pome__type, count);
  if (!pointers || !*parts) return pome__mil_no_memory(r);
  for (size_t i = 0; i < count; i++) pointers[i] = &(*parts)[i];
  type->elements = pointers;
  type->element_count = count;
  return POME_OK;
}

/* TupleType{types 1} */
static pome_status parse_tuple_type(pome__mil_reader *r, pome__pb pb, int depth, pome__type *type) {
  size_t count;
  pome__type *parts;
  type->kind = POME__TYPE_TUPLE;
  POME__TRY(pome__pb_count(&pb, 1, &count, r->error));
  POME__TRY(new_elements(r, count, type, &parts));
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a tuple's type", r->error));
    POME__TRY(pome__mil_parse_type(r, pome__pb_enter(&pb, &field), depth + 1, &parts[i]));
    i++;
  }
  POME__TRY(pb.status);
  return POME_OK;
}

/* ListType{type 1, length 2}, DictionaryType{keyType 1, valueType 2}, StateType{wrappedType 1} */
static pome_status parse_part_types(pome__mil_reader *r, pome__pb pb, int depth, pome__type *type) {
  pome__pb start = pb;
  size_t count = type->kind == POME__TYPE_DICT ? 2 : 1;
  bool seen[2] = {false, false}, has_length = false, variadic;
  pome__type *parts;
  POME__TRY(new_elements(r, count, type, &parts));
  type->length = -1;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    pome__pb inner;
    if (field.number >= 1 && field.number <= count) {
      size_t part = field.number - 1;
      POME__TRY(pome__pb_once(&pb, &field, "the type of a part", &seen[part], &inner, r->error));
      POME__TRY(pome__mil_parse_type(r, inner, depth + 1, &parts[part]));
    } else if (type->kind == POME__TYPE_LIST && field.number == 2) {
      POME__TRY(pome__pb_once(&pb, &field, "a list's length", &has_length, &inner, r->error));
      POME__TRY(parse_dimension(r, inner, &type->length, &variadic));
    }
  }
  POME__TRY(pb.status);
  if (seen[0] && (count == 1 || seen[1])) return POME_OK;
  pome__fail(r->error, POME_INPUT,
             "a list, dictionary or state type without the type of its parts");
  return fail_at(r, &start);
}

/* ValueType's oneof: tensorType 1, listType 2, tupleType 3, dictionaryType 4, stateType 5. */
pome_status pome__mil_parse_type(pome__mil_reader *r, pome__pb pb, int depth, pome__type *type) {
  static const pome__type_kind kinds[] = {
      [2] = POME__TYPE_LIST, [4] = POME__TYPE_DICT, [5] = POME__TYPE_STATE};
  pome__pb start = pb;
  bool seen = false;
  POME__TRY(check_depth(r, &pb, depth, "types"));
  *type = (pome__type){.length = -1};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number > 5) continue;
    pome__pb inner;
    POME__TRY(pome__pb_once(&pb, &field, "the kind of a type", &seen, &inner, r->error));
    if (field.number == 1) {
      POME__TRY(parse_tensor_type(r, inner, type));
    } else if (field.number == 3) {
      POME__TRY(parse_tuple_type(r, inner, depth, type));
    } else {
      type->kind = kinds[field.number];
      POME__TRY(parse_part_types(r, inner, depth, type));
    }
  }
  POME__TRY(pb.status);
  if (seen) return POME_OK;
  pome__fail(r->error, POME_INPUT, "a type that is none of tensor, list, tuple, dictionary, state");
  return fail_at(r, &start);
}

/* ---- tensors in place ---- */

/* TensorValue's oneof, by field number: how the list's elements are encoded and which element types
 * they can give. */
typedef enum source { FLOATS = 1, INTS, BOOLS, STRINGS, LONG_INTS, DOUBLES, BYTES } source;
static const struct {
  const char *name;
  pome__pb_wire wire;
} sources[] = {
    [FLOATS] = {"floats", POME__PB_I32},         [INTS] = {"ints", POME__PB_VARINT},
    [BOOLS] = {"bools", POME__PB_VARINT},        [STRINGS] = {"strings", POME__PB_LEN},
    [LONG_INTS] = {"longInts", POME__PB_VARINT}, [DOUBLES] = {"doubles", POME__PB_I64},
    [BYTES] = {"bytes", POME__PB_LEN},
};

static bool source_gives(source from, pome_dtype dtype) {
  switch (from) {
  case FLOATS:
  case DOUBLES: return pome__dtype_is_float(dtype);
  case INTS:
  case LONG_INTS: return pome__dtype_is_integer(dtype);
  case BOOLS: return dtype == POME_BOOL;
  case STRINGS: return dtype == POME_STRING;
  case BYTES: return dtype != POME_BOOL && dtype != POME_STRING;
  }
  return false;
}

/* Where the next value of a list goes. */
typedef struct sink {
  pome__mil_reader *r;
  source from;
  pome_dtype dtype;
  void *data;
  size_t count;
  double lowest, highest;
} sink;

static pome_status count_value(void *context, uint64_t value) {
  (void)value;
  ((sink *)context)->count++;
  return POME_OK;
}

static pome_status store_integer(sink *s, int64_t value) {
  bool wide = pome_dtype_bits(s->dtype) == 64;
  /* uint32 has no list of its own: int32 carries its bits. */
  bool wraps = s->dtype == POME_UINT32 && s->from == INTS;
  if (!wide && !wraps && ((double)value < s->lowest || (double)value > s->highest))
    return pome__fail(s->r->error, POME_INPUT, "the value %lld does not fit %s", (long long)value,
                      pome_dtype_name(s->dtype));
  pome__store_i64(s->data, s->dtype, (int64_t)s->count, 1, 1, &value);
  return POME_OK;
}

/* Bits stay as they are when the type is the list's own, NaNs included. */
static void store_float(sink *s, uint64_t bits) {
  uint32_t low = (uint32_t)bits;
  float narrow;
  double wide;
  memcpy(&narrow, &low, sizeof(narrow));
  memcpy(&wide, &bits, sizeof(wide));
  if (s->from == FLOATS && s->dtype == POME_FP32) {
    memcpy((float *)s->data + s->count, &low, sizeof(low));
  } else if (s->from == DOUBLES && s->dtype == POME_FP64) {
    memcpy((double *)s->data + s->count, &bits, sizeof(bits));
  } else {
    double value = s->from == FLOATS ? (double)narrow : wide;
    pome__store_f64(s->data, s->dtype, (int64_t)s->count, 1, 1, &value);
  }
}

static pome_status store_value(void *context, uint64_t value) {
  sink *s = context;
  switch (s->from) {
  case INTS: POME__TRY(store_integer(s, (int32_t)(uint32_t)value)); break;
  case LONG_INTS: POME__TRY(store_integer(s, (int64_t)value)); break;
  case BOOLS: ((uint8_t *)s->data)[s->count] = value != 0; break;
  default: store_float(s, value); break;
  }
  s->count++;
  return POME_OK;
}

static pome_status store_string(sink *s, const pome__pb *pb, const pome__pb_field *field) {
  pome__bytes text;
  POME__TRY(pome__pb_text(pb, field, "a string", &text, s->r->error));
  ((pome_string *)s->data)[s->count++] = (pome_string){(const char *)text.data, text.size};
  return POME_OK;
}

/* Walks the list's `values` (field 1 of each of its messages): counts without data, stores with. */
static pome_status walk_values(sink *s, pome__pb pb) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, s->r->error);) {
    if (field.number != 1) continue;
    if (s->from != STRINGS)
      POME__TRY(pome__pb_scalars(&pb, &field, sources[s->from].wire,
                                 s->data ? store_value : count_value, s, s->r->error));
    else if (s->data) POME__TRY(store_string(s, &pb, &field));
    else s->count++;
  }
  return pb.status;
}

/* RepeatedBytes{values 1} */
static pome_status find_bytes(pome__mil_reader *r, pome__pb pb, pome__bytes *bytes) {
  *bytes = (pome__bytes){NULL, 0};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "bytes", r->error));
    *bytes = field.bytes;
  }
  return pb.status;
}

static pome_status fail_count(pome__mil_reader *r, const pome__pb *pb, const pome__type *type,
                              const char *what, size_t found, size_t wanted) {
  char text[POME__TYPE_TEXT];
  pome__fail(r->error, POME_INPUT, "a literal holds %zu %s; its type %s takes %zu", found, what,
             pome__type_format(type, text, sizeof(text)), wanted);
  return fail_at(r, pb);
}

static pome_status tensor_size(pome__mil_reader *r, const pome__pb *pb, const pome__type *type,
                               size_t *count, size_t *bytes) {
  if (type->rank >= 0 && pome__shape_count(type->rank, type->dims, count) &&
      pome__dtype_bytes(type->dtype, *count, bytes))
    return POME_OK;
  char text[POME__TYPE_TEXT];
  pome__fail(r->error, POME_INPUT, "a literal of type %s, whose size is unknown or too large",
             pome__type_format(type, text, sizeof(text)));
  return fail_at(r, pb);
}

static pome_status new_data(pome__mil_reader *r, size_t bytes, const void *from,
                            pome__literal *literal) {
  void *data = pome__arena_alloc(&r->program->arena, bytes, 16);
  if (!data) return pome__mil_no_memory(r);
  if (from && bytes > 0) memcpy(data, from, bytes);
  literal->data = data;
  literal->bytes = bytes;
  return POME_OK;
}

static pome_status read_list(pome__mil_reader *r, pome__pb pb, source from, size_t count,
                             size_t bytes, pome__literal *literal) {
  sink s = {.r = r, .from = from, .dtype = literal->type.dtype};
  POME__TRY(walk_values(&s, pb));
  if (s.count != count)
    return fail_count(r, &pb, &literal->type, sources[from].name, s.count, count);
  POME__TRY(new_data(r, bytes, NULL, literal));
  s.data = (void *)literal->data;
  s.count = 0;
  if (pome__dtype_is_integer(s.dtype)) pome__dtype_limits(s.dtype, &s.lowest, &s.highest);
  pome_status status = walk_values(&s, pb);
  if (status != POME_OK) pome__error_at_offset(r->error, (uint64_t)(pb.at - pb.file));
  return status;
}

static pome_status read_bytes(pome__mil_reader *r, pome__pb pb, size_t bytes,
                              pome__literal *literal) {
  pome__bytes data;
  POME__TRY(find_bytes(r, pb, &data));
  if (data.size != bytes) return fail_count(r, &pb, &literal->type, "bytes", data.size, bytes);
  return new_data(r, bytes, data.data, literal);
}

/* TensorValue: one of the lists. None at all is a tensor without elements. */
static pome_status parse_tensor_value(pome__mil_reader *r, pome__pb pb, pome__literal *literal) {
  pome__pb start = pb, list = pb;
  bool seen = false;
  uint32_t from = 0;
  size_t count = 0, bytes = 0;
  POME__TRY(tensor_size(r, &pb, &literal->type, &count, &bytes));
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number > BYTES) continue;
    POME__TRY(pome__pb_once(&pb, &field, "a tensor's values", &seen, &list, r->error));
    from = field.number;
  }
  POME__TRY(pb.status);
  if (!seen) {
    if (count != 0) return fail_count(r, &start, &literal->type, "values", 0, count);
    return new_data(r, 0, NULL, literal);
  }
  if (!source_gives((source)from, literal->type.dtype)) {
    pome__fail(r->error, POME_INPUT, "a literal of %s elements is given as %s",
               pome_dtype_name(literal->type.dtype), sources[from].name);
    return fail_at(r, &start);
  }
  if (from == BYTES) return read_bytes(r, list, bytes, literal);
  return read_list(r, list, (source)from, count, bytes, literal);
}

/* ---- aggregates ---- */

static pome_status parse_item(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field,
                              int depth, const pome__literal **item) {
  POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, "an item of a literal", r->error));
  return pome__mil_parse_value(r, pome__pb_enter(pb, field), depth + 1, item);
}

/* KeyValuePair{key 1, value 2} */
static pome_status parse_pair(pome__mil_reader *r, pome__pb pb, int depth,
                              const pome__literal **pair) {
  pome__pb start = pb;
  bool seen[2] = {false, false};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1 && field.number != 2) continue;
    size_t part = field.number - 1;
    pome__pb inner;
    POME__TRY(pome__pb_once(&pb, &field, "a part of a pair", &seen[part], &inner, r->error));
    POME__TRY(pome__mil_parse_value(r, inner, depth + 1, &pair[part]));
  }
  POME__TRY(pb.status);
  if (seen[0] && seen[1]) return POME_OK;
  pome__fail(r->error, POME_INPUT, "a dictionary literal has a pair without key or value");
  return fail_at(r, &start);
}

/* TupleValue, ListValue, DictionaryValue{values 1} */
static pome_status parse_items(pome__mil_reader *r, pome__pb pb, int depth,
                               pome__literal *literal) {
  size_t count, per_item = literal->type.kind == POME__TYPE_DICT ? 2 : 1;
  POME__TRY(pome__pb_count(&pb, 1, &count, r->error));
  const pome__literal **items =
      POME__NEW_ARRAY(&r->program->arena, const pome__literal *, count *per_item);
  if (!items) return pome__mil_no_memory(r);
  size_t i = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    if (per_item == 1) {
      POME__TRY(parse_item(r, &pb, &field, depth, &items[i]));
    } else {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a pair", r->error));
      POME__TRY(parse_pair(r, pome__pb_enter(&pb, &field), depth, &items[2 * i]));
    }
    i++;
  }
  POME__TRY(pb.status);
  literal->items = items;
  literal->item_count = count * per_item;
  return POME_OK;
}

/* ImmediateValue's oneof: tensor 1, tuple 2, list 3, dictionary 4. */
static pome_status parse_immediate(pome__mil_reader *r, pome__pb pb, int depth,
                                   pome__literal *literal) {
  static const pome__type_kind kinds[] = {[1] = POME__TYPE_TENSOR,
                                          [2] = POME__TYPE_TUPLE,
                                          [3] = POME__TYPE_LIST,
                                          [4] = POME__TYPE_DICT};
  pome__pb start = pb;
  bool seen = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number > 4) continue;
    pome__pb inner;
    POME__TRY(pome__pb_once(&pb, &field, "a literal's value", &seen, &inner, r->error));
    if (kinds[field.number] != literal->type.kind) {
      pome__fail(r->error, POME_INPUT, "a literal's value is of another kind than its type");
      return fail_at(r, &start);
    }
    if (field.number == 1) POME__TRY(parse_tensor_value(r, inner, literal));
    else POME__TRY(parse_items(r, inner, depth, literal));
  }
  POME__TRY(pb.status);
  if (seen) return POME_OK;
  pome__fail(r->error, POME_INPUT, "a literal without a value");
  return fail_at(r, &start);
}

/* ---- weight files ---- */

static pome_status set_blob_path(pome__mil_reader *r, pome__bytes name, pome__literal *literal) {
  static const char usual[] = POME__BLOB_PATH;
  if (name.size == sizeof(usual) - 1 && memcmp(name.data, usual, name.size) == 0) return POME_OK;
  bool same = r->blob_path && strlen(r->blob_path) == name.size &&
              memcmp(r->blob_path, name.data, name.size) == 0;
  if (!same)
    r->blob_path = pome__arena_string(&r->program->arena, (const char *)name.data, name.size);
  if (!r->blob_path) return pome__mil_no_memory(r);
  literal->blob_path = r->blob_path;
  return POME_OK;
}

static pome_status check_record(pome__mil_reader *r, const pome__type *type, size_t count,
                                const pome__weight_record *record) {
  if (record->dtype == type->dtype && record->count == count) return POME_OK;
  char text[POME__TYPE_TEXT];
  return pome__fail(r->error, POME_INPUT, "a weight record holds %zu %s elements; its type is %s",
                    record->count, pome_dtype_name(record->dtype),
                    pome__type_format(type, text, sizeof(text)));
}

/* Records where the value would be; what there is nowhere cannot be of a type that files do not
 * hold. */
static pome_status miss_record(pome__mil_reader *r, const pome__pb *pb, pome__bytes name,
                               pome__literal *literal) {
  pome__program *program = r->program;
  if (pome__weight_type_of(literal->type.dtype) == 0) {
    pome__fail(r->error, POME_INPUT, "a literal of %s elements in a weight file, which has none",
               pome_dtype_name(literal->type.dtype));
    return fail_at(r, pb);
  }
  POME__TRY(set_blob_path(r, name, literal));
  if (program->missing_weights) return POME_OK;
  program->missing_weights =
      pome__arena_string(&program->arena, (const char *)name.data, name.size);
  return program->missing_weights ? POME_OK : pome__mil_no_memory(r);
}

static pome_status read_record(pome__mil_reader *r, const pome__pb *pb, pome__bytes name,
                               uint64_t offset, pome__literal *literal) {
  size_t count = 0, bytes = 0;
  pome__bytes file;
  pome__weight_record record;
  if (literal->type.kind != POME__TYPE_TENSOR) {
    pome__fail(r->error, POME_INPUT, "only tensors can stand in a weight file");
    return fail_at(r, pb);
  }
  POME__TRY(tensor_size(r, pb, &literal->type, &count, &bytes));
  POME__TRY(r->blobs->file(r->blobs->context, name, &file, r->error));
  literal->bytes = bytes;
  literal->blob_offset = offset;
  if (!file.data) return miss_record(r, pb, name, literal);
  pome_status status = pome__weight_read(file, offset, &record, r->error);
  if (status == POME_OK) status = check_record(r, &literal->type, count, &record);
  if (status != POME_OK) {
    char text[256];
    size_t length = name.size < sizeof(text) - 1 ? name.size : sizeof(text) - 1;
    memcpy(text, name.data, length);
    text[length] = '\0';
    pome__error_at_offset(r->error, offset);
    pome__error_at_file(r->error, text);
    return status;
  }
  literal->data = record.data.data;
  return set_blob_path(r, name, literal);
}

/* BlobFileValue{fileName 1, offset 2} */
static pome_status parse_blob(pome__mil_reader *r, pome__pb pb, pome__literal *literal) {
  pome__pb start = pb;
  pome__bytes name = {(const uint8_t *)"", 0};
  uint64_t offset = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1)
      POME__TRY(pome__pb_text(&pb, &field, "a weight file's name", &name, r->error));
    else if (field.number == 2)
      POME__TRY(pome__pb_uint(&pb, &field, "a weight's offset", &offset, r->error));
  }
  POME__TRY(pb.status);
  return read_record(r, &start, name, offset, literal);
}

/* Value{type 2, immediateValue 3, blobFileValue 5}; the type may stand behind the value it is
 * needed for. */
pome_status pome__mil_parse_value(pome__mil_reader *r, pome__pb pb, int depth,
                                  const pome__literal **out) {
  pome__pb start = pb, type = pb, immediate = pb, blob = pb;
  bool has_type = false, has_immediate = false, has_blob = false;
  POME__TRY(check_depth(r, &pb, depth, "literals"));
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 2)
      POME__TRY(pome__pb_once(&pb, &field, "a literal's type", &has_type, &type, r->error));
    else if (field.number == 3)
      POME__TRY(
          pome__pb_once(&pb, &field, "a literal's value", &has_immediate, &immediate, r->error));
    else if (field.number == 5)
      POME__TRY(pome__pb_once(&pb, &field, "a literal's value", &has_blob, &blob, r->error));
  }
  POME__TRY(pb.status);
  if (!has_type || has_immediate == has_blob) {
    pome__fail(r->error, POME_INPUT,
               "a literal needs a type and one value, immediate or in a weight file");
    return fail_at(r, &start);
  }
  pome__literal *literal = POME__NEW(&r->program->arena, pome__literal);
  if (!literal) return pome__mil_no_memory(r);
  literal->blob_offset = POME_NO_OFFSET;
  POME__TRY(pome__mil_parse_type(r, type, depth, &literal->type));
  if (has_immediate) POME__TRY(parse_immediate(r, immediate, depth, literal));
  else POME__TRY(parse_blob(r, blob, literal));
  *out = literal;
  return POME_OK;
}
