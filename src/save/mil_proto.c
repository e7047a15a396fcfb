/* A program as a MILSpec.Program message.
 *
 * The mirror of load/mil_proto.c and mil_proto_value.c: what they read is written back as they read
 * it, arguments as inputs or as attributes, in the order of the program. Constants in place use the
 * list that coremltools uses for their type; a few types have more than one that readers take.
 * Sources: coremltools mlmodel/format/MIL.proto, converters/mil/backend/mil/helper.py.
 */
#include <string.h>

#include "save/save.h"
#include "tensor/element.h"
#include "wire/pb.h"

#define RUN 64 /* elements loaded at a time */

typedef struct writer {
  pome__pb_writer *pb;
  const pome__weight_plan *weights;
} writer;

/* Protobuf takes UTF-8, and readers of programs no NUL in it; text can hold other bytes. */
static void put_string(pome__pb_writer *pb, uint32_t field, const char *text, size_t size) {
  if (!pome__pb_failed(pb) && !pome__utf8_valid((pome__bytes){(const uint8_t *)text, size})) {
    pome_status status =
        pome__fail(pome__pb_error(pb), POME_UNSUPPORTED,
                   "the text \"%.*s\" is not UTF-8 without NUL, as a package needs it",
                   (int)(size < 100 ? size : 100), text);
    pome__pb_fail(pb, status);
  }
  pome__pb_put_bytes(pb, field, text, size);
}

static void put_text(pome__pb_writer *pb, uint32_t field, const char *text) {
  put_string(pb, field, text, strlen(text));
}

/* ---- types ---- */

/* Dimension{constant 1 {size 1}, unknown 2 {variadic 1}} */
static void put_dimension(pome__pb_writer *pb, uint32_t field, int64_t size) {
  pome__pb_begin(pb, field);
  pome__pb_begin(pb, size >= 0 ? 1 : 2);
  if (size >= 0) pome__pb_put_uint(pb, 1, (uint64_t)size);
  pome__pb_end(pb);
  pome__pb_end(pb);
}

/* TensorType{dataType 1, rank 2, dimensions 3}. A tensor of unknown rank has one variadic
 * dimension, which counts. */
static void put_tensor_type(pome__pb_writer *pb, const pome__type *type) {
  pome__pb_put_uint(pb, 1, pome__data_type_of(type->dtype));
  if (type->rank != 0) pome__pb_put_uint(pb, 2, type->rank > 0 ? (uint64_t)type->rank : 1);
  for (int i = 0; i < type->rank; i++) put_dimension(pb, 3, type->dims[i]);
  if (type->rank >= 0) return;
  pome__pb_begin(pb, 3);
  pome__pb_begin(pb, 2);
  pome__pb_put_uint(pb, 1, true);
  pome__pb_end(pb);
  pome__pb_end(pb);
}

/* ValueType's oneof. Of lists, dictionaries and states the parts are fields 1, 2; a tuple repeats
 * field 1. */
static void put_type(pome__pb_writer *pb, uint32_t field, const pome__type *type) {
  static const uint32_t kinds[] = {[POME__TYPE_TENSOR] = 1,
                                   [POME__TYPE_LIST] = 2,
                                   [POME__TYPE_TUPLE] = 3,
                                   [POME__TYPE_DICT] = 4,
                                   [POME__TYPE_STATE] = 5};
  pome__pb_begin(pb, field);
  pome__pb_begin(pb, kinds[type->kind]);
  if (type->kind == POME__TYPE_TENSOR) put_tensor_type(pb, type);
  for (size_t i = 0; i < type->element_count; i++)
    put_type(pb, type->kind == POME__TYPE_DICT ? (uint32_t)i + 1 : 1, type->elements[i]);
  if (type->kind == POME__TYPE_LIST) put_dimension(pb, 2, type->length);
  pome__pb_end(pb);
  pome__pb_end(pb);
}

/* ---- tensors in place ---- */

/* TensorValue's oneof, by field number. */
typedef enum list { FLOATS = 1, INTS, BOOLS, STRINGS, LONG_INTS, DOUBLES, BYTES } list;

static list list_of(pome_dtype dtype) {
  switch (dtype) {
  case POME_FP32: return FLOATS;
  case POME_FP64: return DOUBLES;
  case POME_INT16:
  case POME_UINT16:
  case POME_INT32: return INTS;
  case POME_INT64:
  case POME_UINT64: return LONG_INTS;
  case POME_BOOL: return BOOLS;
  case POME_STRING: return STRINGS;
  default: return BYTES;
  }
}

static void put_integers(pome__pb_writer *pb, const pome__literal *literal, size_t count) {
  int64_t values[RUN];
  for (size_t at = 0; at < count; at += RUN) {
    size_t n = count - at < RUN ? count - at : RUN;
    pome__load_i64(literal->data, literal->type.dtype, (int64_t)at, 1, n, values);
    for (size_t i = 0; i < n; i++) pome__pb_varint(pb, (uint64_t)values[i]);
  }
}

/* One of the lists, each a message with `values` as field 1; memory is little endian as the packed
 * lists of floats are. */
static void put_tensor_value(pome__pb_writer *pb, const pome__literal *literal) {
  pome_dtype dtype = literal->type.dtype;
  list kind = list_of(dtype);
  pome__pb_begin(pb, kind);
  if (kind == STRINGS) {
    const pome_string *strings = literal->data;
    for (size_t i = 0; i < literal->bytes / sizeof(*strings); i++)
      put_string(pb, 1, strings[i].data, strings[i].size);
  } else if (literal->bytes > 0) {
    pome__pb_begin(pb, 1);
    if (kind == INTS || kind == LONG_INTS || kind == BOOLS)
      put_integers(pb, literal, literal->bytes * 8 / pome_dtype_bits(dtype));
    else pome__pb_raw(pb, literal->data, literal->bytes);
    pome__pb_end(pb);
  }
  pome__pb_end(pb);
}

/* ---- literals ---- */

/* Value{type 2, immediateValue 3, blobFileValue 5} */
static void put_value(writer *w, uint32_t field, const pome__literal *literal);

/* TupleValue, ListValue, DictionaryValue{values 1}; pairs are KeyValuePair{key 1, value 2}. */
static void put_items(writer *w, const pome__literal *literal) {
  bool pairs = literal->type.kind == POME__TYPE_DICT;
  for (size_t i = 0; i < literal->item_count; i++) {
    if (pairs && i % 2 == 0) pome__pb_begin(w->pb, 1);
    put_value(w, pairs ? (uint32_t)(i % 2) + 1 : 1, literal->items[i]);
    if (pairs && i % 2 == 1) pome__pb_end(w->pb);
  }
}

/* ImmediateValue's oneof: tensor 1, tuple 2, list 3, dictionary 4. */
static void put_immediate(writer *w, const pome__literal *literal) {
  static const uint32_t kinds[] = {[POME__TYPE_TENSOR] = 1,
                                   [POME__TYPE_TUPLE] = 2,
                                   [POME__TYPE_LIST] = 3,
                                   [POME__TYPE_DICT] = 4};
  pome__pb_begin(w->pb, 3);
  pome__pb_begin(w->pb, kinds[literal->type.kind]);
  if (literal->type.kind == POME__TYPE_TENSOR) put_tensor_value(w->pb, literal);
  else put_items(w, literal);
  pome__pb_end(w->pb);
  pome__pb_end(w->pb);
}

static void put_value(writer *w, uint32_t field, const pome__literal *literal) {
  const char *file = POME__BLOB_PATH;
  uint64_t offset;
  if (w->weights) {
    offset = pome__weight_plan_find(w->weights, literal);
  } else {
    offset = literal->blob_offset;
    if (literal->blob_path) file = literal->blob_path;
  }
  pome__pb_begin(w->pb, field);
  put_type(w->pb, 2, &literal->type);
  if (offset == POME_NO_OFFSET) {
    put_immediate(w, literal);
  } else {
    pome__pb_begin(w->pb, 5);
    put_text(w->pb, 1, file);
    pome__pb_put_uint(w->pb, 2, offset);
    pome__pb_end(w->pb);
  }
  pome__pb_end(w->pb);
}

/* ---- operations ---- */

/* NamedValueType{name 1, type 2} */
static void put_named_types(pome__pb_writer *pb, uint32_t field, pome__value *const *values,
                            size_t count) {
  for (size_t i = 0; i < count; i++) {
    pome__pb_begin(pb, field);
    put_text(pb, 1, values[i]->name);
    put_type(pb, 2, &values[i]->type);
    pome__pb_end(pb);
  }
}

/* Argument{arguments 1}, of Binding{name 1 | value 2} */
static void put_argument(writer *w, const pome__arg *arg) {
  pome__pb_begin(w->pb, 2);
  for (size_t i = 0; i < arg->count; i++) {
    const pome__value *value = arg->values[i];
    pome__pb_begin(w->pb, 1);
    if (value->name[0] != '\0') put_text(w->pb, 1, value->name);
    else put_value(w, 2, value->literal);
    pome__pb_end(w->pb);
  }
  pome__pb_end(w->pb);
}

/* Text lets an attribute be a name or a list of values; protobuf has room for one constant. */
static bool is_constant(const pome__arg *arg) {
  return arg->count == 1 && arg->values[0]->name[0] == '\0';
}

static void refuse_attribute(writer *w, const pome__op *op, const pome__arg *arg) {
  if (pome__pb_failed(w->pb)) return;
  pome_status status = pome__fail(
      pome__pb_error(w->pb), POME_UNSUPPORTED,
      "the attribute %s of a %s is not one constant, as a package needs it", arg->name, op->type);
  pome__error_at_op(pome__pb_error(w->pb), op->name);
  pome__pb_fail(w->pb, status);
}

static void put_args(writer *w, const pome__op *op, bool attributes) {
  for (size_t i = 0; i < op->arg_count; i++) {
    const pome__arg *arg = &op->args[i];
    if (arg->attribute != attributes) continue;
    if (attributes && !is_constant(arg)) {
      refuse_attribute(w, op, arg);
      return;
    }
    pome__pb_begin(w->pb, attributes ? 5 : 2);
    put_text(w->pb, 1, arg->name);
    if (attributes) put_value(w, 2, arg->values[0]->literal);
    else put_argument(w, arg);
    pome__pb_end(w->pb);
  }
}

static void put_name(writer *w, const char *name) {
  pome_string text = {name, strlen(name)};
  pome__literal literal = {.type = pome__type_tensor(POME_STRING, 0, NULL),
                           .data = &text,
                           .bytes = sizeof(text),
                           .blob_offset = POME_NO_OFFSET};
  pome__pb_begin(w->pb, 5);
  put_text(w->pb, 1, "name");
  put_value(w, 2, &literal);
  pome__pb_end(w->pb);
}

static void put_block(writer *w, uint32_t field, const pome__block *block);

/* Operation{type 1, inputs 2, outputs 3, blocks 4, attributes 5} */
static void put_op(writer *w, const pome__op *op) {
  pome__pb_begin(w->pb, 3);
  put_text(w->pb, 1, op->type);
  put_args(w, op, false);
  put_named_types(w->pb, 3, op->outputs, op->output_count);
  for (size_t i = 0; i < op->block_count; i++) put_block(w, 4, op->blocks[i]);
  if (op->name[0] != '\0') put_name(w, op->name);
  put_args(w, op, true);
  pome__pb_end(w->pb);
}

/* Block{inputs 1, outputs 2, operations 3} */
static void put_block(writer *w, uint32_t field, const pome__block *block) {
  pome__pb_begin(w->pb, field);
  put_named_types(w->pb, 1, block->inputs, block->input_count);
  for (size_t i = 0; i < block->output_count; i++) put_text(w->pb, 2, block->outputs[i]->name);
  for (size_t i = 0; i < block->op_count; i++) put_op(w, block->ops[i]);
  pome__pb_end(w->pb);
}

/* ---- functions ---- */

/* The note of flexible shapes stays behind: coremltools takes no function that has one. */
static void put_attributes(writer *w, const pome__attribute *attributes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(attributes[i].name, POME__FLEXIBLE_NOTE) == 0) continue;
    pome__pb_begin(w->pb, 4);
    put_text(w->pb, 1, attributes[i].name);
    put_value(w, 2, attributes[i].value);
    pome__pb_end(w->pb);
  }
}

/* Function{inputs 1, opset 2, block_specializations 3, attributes 4} */
static void put_function(writer *w, const pome__function *function) {
  const char *opset = pome__opset_name(function->opset);
  pome__pb_begin(w->pb, 2);
  put_named_types(w->pb, 1, function->inputs, function->input_count);
  put_text(w->pb, 2, opset);
  pome__pb_begin(w->pb, 3);
  put_text(w->pb, 1, opset);
  put_block(w, 2, function->body);
  pome__pb_end(w->pb);
  put_attributes(w, function->attributes, function->attribute_count);
  pome__pb_end(w->pb);
}

/* Program{version 1, functions 2, attributes 4} */
void pome__put_program(pome__pb_writer *pb, const pome__program *program,
                       const pome__weight_plan *weights) {
  writer w = {pb, weights};
  pome__pb_put_uint(pb, 1, (uint64_t)program->version);
  for (size_t i = 0; i < program->function_count; i++) {
    pome__pb_begin(pb, 2);
    put_text(pb, 1, program->functions[i]->name);
    put_function(&w, program->functions[i]);
    pome__pb_end(pb);
  }
  put_attributes(&w, program->attributes, program->attribute_count);
}
