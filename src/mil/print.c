/* Programs as text, byte for byte as compilers write model.mil.
 *
 * Two dialects: programs of up to iOS17 spell scalars "tensor<int32, []>(1)" under program(1.0),
 * later ones "int32(1)" under program(1.3). Blocks of operations have a form of our own
 * (docs/mil-text.md). The text leaves through a small buffer; memory does not grow with the
 * program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "mil/hexfloat.h"
#include "mil/type_text.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define OP_INDENT 12
#define RUN       64 /* elements loaded at a time */

typedef struct {
  pome_status (*write)(void *context, const char *text, size_t size);
  void *context;
  pome_error *error;
  pome_status status; /* of the first failure; nothing is written after it */
  bool bare_scalars;
  size_t used;
  char text[4096];
} printer;

/* ---- output ---- */

static void flush(printer *p) {
  if (p->status == POME_OK && p->used != 0) {
    p->status = p->write(p->context, p->text, p->used);
    if (p->status != POME_OK)
      pome__fail(p->error, p->status, "the program's text could not be written");
  }
  p->used = 0;
}

static void put_bytes(void *context, const char *text, size_t size) {
  printer *p = context;
  while (size != 0) {
    if (p->used == sizeof(p->text)) flush(p);
    size_t room = sizeof(p->text) - p->used;
    size_t taken = size < room ? size : room;
    memcpy(p->text + p->used, text, taken);
    p->used += taken;
    text += taken;
    size -= taken;
  }
}

static void put(printer *p, const char *text) {
  put_bytes(p, text, strlen(text));
}

static void put_spaces(printer *p, int count) {
  for (int i = 0; i < count; i++) put(p, " ");
}

/* Puts ", " before every item but the first. */
static void put_separator(printer *p, size_t index) {
  if (index != 0) put(p, ", ");
}

static void put_type(printer *p, const pome__type *type) {
  pome__text_sink sink = {p, put_bytes};
  pome__type_put(type, p->bare_scalars, &sink);
}

static void put_string(printer *p, const char *text, size_t size) {
  put(p, "\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    char escaped[8];
    if (c == '"' || c == '\\') {
      snprintf(escaped, sizeof(escaped), "\\%c", c);
    } else if (c == '\n') {
      snprintf(escaped, sizeof(escaped), "\\n");
    } else if (c == '\t') {
      snprintf(escaped, sizeof(escaped), "\\t");
    } else if (c < 0x20 || c == 0x7f) {
      snprintf(escaped, sizeof(escaped), "\\x%02x", c);
    } else {
      put_bytes(p, text + i, 1);
      continue;
    }
    put(p, escaped);
  }
  put(p, "\"");
}

static bool is_plain_name(const char *name) {
  if (strcmp(name, "nan") == 0 || strcmp(name, "inf") == 0 || strcmp(name, "infinity") == 0)
    return false;
  for (const char *at = name; *at != '\0'; at++) {
    bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
    bool digit = *at >= '0' && *at <= '9';
    if (!letter && !(digit && at != name)) return false;
  }
  return name[0] != '\0';
}

/* Names that are not plain are quoted. */
static void put_name(printer *p, const char *name) {
  if (is_plain_name(name)) {
    put(p, name);
  } else {
    put_string(p, name, strlen(name));
  }
}

/* ---- literals ---- */

typedef struct {
  const pome__literal *literal;
  size_t next, count; /* elements */
  double floats[RUN];
  int64_t integers[RUN];
} element_reader;

static void load_run(element_reader *reader) {
  const pome__literal *literal = reader->literal;
  size_t left = reader->count - reader->next;
  size_t n = left < RUN ? left : RUN;
  if (pome__dtype_is_float(literal->type.dtype)) {
    pome__load_f64(literal->data, literal->type.dtype, (int64_t)reader->next, 1, n, reader->floats);
  } else {
    pome__load_i64(literal->data, literal->type.dtype, (int64_t)reader->next, 1, n,
                   reader->integers);
  }
}

static void put_element(printer *p, element_reader *reader) {
  pome_dtype dtype = reader->literal->type.dtype;
  char text[POME__HEXFLOAT_TEXT];
  if (dtype == POME_STRING) {
    const pome_string *string = (const pome_string *)reader->literal->data + reader->next++;
    put_string(p, string->data, string->size);
    return;
  }
  if (reader->next % RUN == 0) load_run(reader);
  size_t at = reader->next++ % RUN;
  if (dtype == POME_BOOL) {
    put(p, reader->integers[at] != 0 ? "true" : "false");
  } else if (pome__dtype_is_float(dtype)) {
    put_bytes(p, text, pome__hexfloat_format(reader->floats[at], text));
  } else if (dtype == POME_UINT64) {
    snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)reader->integers[at]);
    put(p, text);
  } else {
    snprintf(text, sizeof(text), "%" PRId64, reader->integers[at]);
    put(p, text);
  }
}

static void put_elements(printer *p, element_reader *reader, int axis) {
  const pome__type *type = &reader->literal->type;
  if (axis == type->rank) {
    put_element(p, reader);
    return;
  }
  put(p, "[");
  for (int64_t i = 0; i < type->dims[axis] && p->status == POME_OK; i++) {
    put_separator(p, (size_t)i);
    put_elements(p, reader, axis + 1);
  }
  put(p, "]");
}

static void put_scalar_head(printer *p, pome_dtype dtype) {
  pome__type type = pome__type_tensor(dtype, 0, NULL);
  put_type(p, &type);
  put(p, "(");
}

static void put_blob(printer *p, const pome__literal *literal) {
  const char *path = literal->blob_path != NULL ? literal->blob_path : POME__BLOB_PATH;
  char offset[24];
  snprintf(offset, sizeof(offset), "%" PRIu64, literal->blob_offset);
  put(p, "BLOBFILE(path = ");
  put_scalar_head(p, POME_STRING);
  put_string(p, path, strlen(path));
  put(p, "), offset = ");
  put_scalar_head(p, POME_UINT64);
  put(p, offset);
  put(p, "))");
}

static void put_tensor(printer *p, const pome__literal *literal) {
  element_reader reader = {.literal = literal};
  if (!pome__shape_count(literal->type.rank, literal->type.dims, &reader.count)) {
    p->status = pome__fail(p->error, POME_INPUT, "a constant's size is unknown or too large");
  } else if (literal->blob_offset != POME_NO_OFFSET &&
             (literal->data == NULL || reader.count > 0)) {
    put_blob(p, literal);
  } else if (reader.count == 0) {
    put(p, "[]");
  } else {
    put_elements(p, &reader, 0);
  }
}

static void put_body(printer *p, const pome__literal *literal, int depth) {
  static const char *const open[] = {
      [POME__TYPE_LIST] = "[", [POME__TYPE_TUPLE] = "(", [POME__TYPE_DICT] = "{"};
  static const char *const close[] = {
      [POME__TYPE_LIST] = "]", [POME__TYPE_TUPLE] = ")", [POME__TYPE_DICT] = "}"};
  pome__type_kind kind = literal->type.kind;
  if (depth > POME__MAX_DEPTH || kind == POME__TYPE_STATE) {
    p->status = pome__fail(p->error, POME_INPUT,
                           "a constant is nested too deep or of a type that has none");
    return;
  }
  if (kind == POME__TYPE_TENSOR) {
    put_tensor(p, literal);
    return;
  }
  put(p, open[kind]);
  for (size_t i = 0; i < literal->item_count && p->status == POME_OK; i++) {
    put_separator(p, i);
    if (kind == POME__TYPE_DICT) {
      put(p, "{");
      put_body(p, literal->items[i], depth + 1);
      put(p, ", ");
      put_body(p, literal->items[++i], depth + 1);
      put(p, "}");
    } else {
      put_body(p, literal->items[i], depth + 1);
    }
  }
  put(p, close[kind]);
}

static void put_literal(printer *p, const pome__literal *literal) {
  put_type(p, &literal->type);
  put(p, "(");
  put_body(p, literal, 0);
  put(p, ")");
}

/* ---- operations ---- */

static void put_typed_values(printer *p, pome__value *const *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    put_separator(p, i);
    put_type(p, &values[i]->type);
    put(p, " ");
    put_name(p, values[i]->name);
  }
}

static void put_value(printer *p, const pome__value *value) {
  if (value->name[0] != '\0') {
    put_name(p, value->name);
  } else if (value->literal != NULL) {
    put_literal(p, value->literal);
  } else {
    p->status = pome__fail(p->error, POME_INPUT, "a value has neither name nor constant");
  }
}

static void put_arg(printer *p, const pome__arg *arg) {
  put_name(p, arg->name);
  put(p, " = ");
  if (arg->count != 1) put(p, "(");
  for (size_t i = 0; i < arg->count; i++) {
    put_separator(p, i);
    put_value(p, arg->values[i]);
  }
  if (arg->count != 1) put(p, ")");
}

static void put_call(printer *p, const pome__op *op) {
  size_t shown = 0;
  put_name(p, op->type);
  put(p, "(");
  for (size_t i = 0; i < op->arg_count; i++) {
    if (op->args[i].attribute) continue;
    put_separator(p, shown++);
    put_arg(p, &op->args[i]);
  }
  put(p, ")");
}

static void put_op_name(printer *p, const pome__op *op, size_t shown) {
  put(p, shown == 0 ? "[name = " : ", name = ");
  put_scalar_head(p, POME_STRING);
  put_string(p, op->name, strlen(op->name));
  put(p, ")");
}

/* The name stands among the attributes where the alphabet puts it. */
static void put_op_attributes(printer *p, const pome__op *op) {
  bool named = op->name[0] == '\0';
  size_t shown = 0;
  for (size_t i = 0; i < op->arg_count; i++) {
    if (!op->args[i].attribute) continue;
    if (!named && strcmp(op->args[i].name, "name") > 0) {
      put_op_name(p, op, shown++);
      named = true;
    }
    put(p, shown++ == 0 ? "[" : ", ");
    put_arg(p, &op->args[i]);
  }
  if (!named) put_op_name(p, op, shown++);
  if (shown != 0) put(p, "]");
}

static void put_block(printer *p, const pome__block *block, int indent, int depth);

static void put_nested(printer *p, const pome__op *op, int indent, int depth) {
  if (op->block_count == 0) return;
  put(p, " {\n");
  for (size_t i = 0; i < op->block_count; i++) {
    put_spaces(p, indent + 4);
    put(p, "block(");
    put_typed_values(p, op->blocks[i]->inputs, op->blocks[i]->input_count);
    put(p, ") {\n");
    put_block(p, op->blocks[i], indent + 8, depth + 1);
    put(p, "\n");
  }
  put_spaces(p, indent);
  put(p, "}");
}

static void put_op(printer *p, const pome__op *op, int indent, int depth) {
  put_spaces(p, indent);
  put_typed_values(p, op->outputs, op->output_count);
  if (op->output_count != 0) put(p, " = ");
  put_call(p, op);
  put_nested(p, op, indent, depth);
  put_op_attributes(p, op);
  put(p, ";\n");
}

/* The operations, the closing brace and the outputs. */
static void put_block(printer *p, const pome__block *block, int indent, int depth) {
  if (depth > POME__MAX_DEPTH) {
    p->status =
        pome__fail(p->error, POME_INPUT, "blocks are nested more than %d deep", POME__MAX_DEPTH);
    return;
  }
  for (size_t i = 0; i < block->op_count && p->status == POME_OK; i++)
    put_op(p, block->ops[i], indent, depth);
  put_spaces(p, indent - 4);
  put(p, "} -> (");
  for (size_t i = 0; i < block->output_count; i++) {
    put_separator(p, i);
    put_value(p, block->outputs[i]);
  }
  put(p, ");");
}

/* ---- program ---- */

static void put_attributes(printer *p, const pome__attribute *attributes, size_t count,
                           const char *end) {
  if (count == 0) return;
  for (size_t i = 0; i < count; i++) {
    put(p, i == 0 ? "[" : ", ");
    put_name(p, attributes[i].name);
    put(p, " = ");
    put_literal(p, attributes[i].value);
  }
  put(p, "]");
  put(p, end);
}

static void put_function(printer *p, const pome__function *function) {
  put(p, "    func ");
  put_name(p, function->name);
  put(p, "<");
  put(p, pome__opset_text_name(function->opset));
  put(p, ">(");
  put_typed_values(p, function->inputs, function->input_count);
  put(p, ") ");
  put_attributes(p, function->attributes, function->attribute_count, " ");
  put(p, "{\n");
  put_block(p, function->body, OP_INDENT, 0);
  put(p, "\n");
}

static bool has_bare_scalars(const pome__program *program) {
  for (size_t i = 0; i < program->function_count; i++) {
    if (program->functions[i]->opset >= POME__IOS18) return true;
  }
  return false;
}

pome_status pome__program_print(const pome__program *program,
                                pome_status (*write)(void *context, const char *text, size_t size),
                                void *context, pome_error *error) {
  printer p = {.write = write, .context = context, .error = error, .status = POME_OK};
  p.bare_scalars = has_bare_scalars(program);
  put(&p, p.bare_scalars ? "program(1.3)\n" : "program(1.0)\n");
  put_attributes(&p, program->attributes, program->attribute_count, "\n");
  put(&p, "{\n");
  for (size_t i = 0; i < program->function_count && p.status == POME_OK; i++)
    put_function(&p, program->functions[i]);
  put(&p, "}");
  flush(&p);
  return p.status;
}
