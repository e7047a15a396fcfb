/* Types and literals of MIL text.
 *
 * A tensor's elements go straight to their final place, in runs, so that weights written in the
 * text are read in linear time and take no memory besides. Sizes that a type leaves open ("[?]"
 * within FlexibleShapeInformation) are found by looking ahead to the closing bracket.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "load/text_parser.h"
#include "tensor/element.h"
#include "tensor/shape.h"
#include "wire/mil_number.h"

#define RUN 64 /* elements stored at a time */

/* ---- types ---- */

static pome_status parse_type(pome__text_parser *parser, pome__type *type, int depth);

static pome_status parse_dtype(pome__text_parser *parser, pome_dtype *dtype) {
  char name[16];
  const pome__token *token = &parser->token;
  pome_dtype found = POME_DTYPE_NONE;
  if (token->kind == POME__TOKEN_NAME && token->text.size < sizeof(name)) {
    memcpy(name, token->text.data, token->text.size);
    name[token->text.size] = '\0';
    found = pome_dtype_from_name(name);
  }
  if (found == POME_DTYPE_NONE) return pome__text_unexpected(parser, "a type");
  *dtype = found;
  return pome__text_advance(parser);
}

/* A size or "?". */
static pome_status parse_size(pome__text_parser *parser, int64_t *size) {
  bool negative;
  uint64_t magnitude;
  if (pome__text_at(parser, "?")) {
    *size = POME_DIM_UNKNOWN;
  } else if (parser->token.kind != POME__TOKEN_NUMBER) {
    return pome__text_unexpected(parser, "a size or ?");
  } else if (!pome__text_integer(parser->token.text, &negative, &magnitude) || negative ||
             magnitude > INT64_MAX) {
    return pome__text_unexpected(parser, "a size that is not negative");
  } else {
    *size = (int64_t)magnitude;
  }
  return pome__text_advance(parser);
}

static pome_status parse_dims(pome__text_parser *parser, pome__type *type) {
  if (pome__text_at(parser, "?")) {
    type->rank = -1;
    return pome__text_advance(parser);
  }
  POME__TRY(pome__text_expect(parser, "["));
  bool more = !pome__text_at(parser, "]");
  if (!more) return pome__text_advance(parser);
  while (more) {
    if (type->rank == POME_MAX_RANK) {
      return pome__text_fail(parser, &parser->token, POME_INPUT,
                             "a tensor has more than %d dimensions", POME_MAX_RANK);
    }
    POME__TRY(parse_size(parser, &type->dims[type->rank++]));
    POME__TRY(pome__text_more(parser, "]", &more));
  }
  return POME_OK;
}

static pome_status parse_tensor_type(pome__text_parser *parser, pome__type *type) {
  POME__TRY(parse_dtype(parser, &type->dtype));
  POME__TRY(pome__text_expect(parser, ","));
  POME__TRY(parse_dims(parser, type));
  return pome__text_expect(parser, ">");
}

/* Pointers to what the arena holds, growing. */
typedef struct {
  const void **items;
  size_t count, capacity;
} pointer_list;

/* Makes room for one more. */
static pome_status grow_list(pome__text_parser *parser, pointer_list *list) {
  if (list->count < list->capacity) return POME_OK;
  size_t capacity = list->capacity == 0 ? 2 : list->capacity * 2;
  const void **items = POME__NEW_ARRAY(&parser->program->arena, const void *, capacity);
  if (items == NULL) return pome__text_memory(parser);
  if (list->count != 0) memcpy(items, list->items, list->count * sizeof(*items));
  list->items = items;
  list->capacity = capacity;
  return POME_OK;
}

static pome_status parse_element_type(pome__text_parser *parser, pointer_list *list, int depth) {
  pome__type *element = POME__NEW(&parser->program->arena, pome__type);
  if (element == NULL) return pome__text_memory(parser);
  POME__TRY(grow_list(parser, list));
  POME__TRY(parse_type(parser, element, depth + 1));
  list->items[list->count++] = element;
  return POME_OK;
}

/* Between < and >. */
static pome_status parse_element_types(pome__text_parser *parser, pome__type *type,
                                       pointer_list *list, int depth) {
  size_t most = type->kind == POME__TYPE_DICT ? 2 : type->kind == POME__TYPE_TUPLE ? SIZE_MAX : 1;
  bool more = !pome__text_at(parser, ">");
  if (!more) POME__TRY(pome__text_advance(parser));
  while (more) {
    if (list->count == most) return pome__text_unexpected(parser, "> after the last element type");
    POME__TRY(parse_element_type(parser, list, depth));
    if (type->kind == POME__TYPE_LIST) {
      POME__TRY(pome__text_expect(parser, ","));
      POME__TRY(parse_size(parser, &type->length));
    }
    POME__TRY(pome__text_more(parser, ">", &more));
  }
  if (type->kind == POME__TYPE_TUPLE || list->count == most) return POME_OK;
  return pome__text_unexpected(parser, "another element type before >");
}

static bool find_kind(const pome__token *token, pome__type_kind *kind) {
  static const char *const names[] = {[POME__TYPE_TENSOR] = "tensor",
                                      [POME__TYPE_LIST] = "list",
                                      [POME__TYPE_TUPLE] = "tuple",
                                      [POME__TYPE_DICT] = "dict",
                                      [POME__TYPE_STATE] = "state"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (!pome__text_is(token, POME__TOKEN_NAME, names[i])) continue;
    *kind = (pome__type_kind)i;
    return true;
  }
  return false;
}

static pome_status parse_type(pome__text_parser *parser, pome__type *type, int depth) {
  if (depth > POME__MAX_DEPTH) {
    return pome__text_fail(parser, &parser->token, POME_INPUT, "types are nested more than %d deep",
                           POME__MAX_DEPTH);
  }
  *type = (pome__type){.kind = POME__TYPE_TENSOR};
  if (!find_kind(&parser->token, &type->kind)) return parse_dtype(parser, &type->dtype);
  POME__TRY(pome__text_advance(parser));
  POME__TRY(pome__text_expect(parser, "<"));
  if (type->kind == POME__TYPE_TENSOR) return parse_tensor_type(parser, type);
  pointer_list list = {NULL, 0, 0};
  POME__TRY(parse_element_types(parser, type, &list, depth));
  type->elements = (const pome__type *const *)list.items;
  type->element_count = list.count;
  return POME_OK;
}

pome_status pome__text_type(pome__text_parser *parser, pome__type *type) {
  return parse_type(parser, type, 0);
}

/* ---- elements ---- */

typedef struct {
  pome_dtype dtype;
  bool is_float;
  uint64_t positive, negative; /* largest magnitudes of an integer type */
  void *data;
  size_t stored, pending, capacity;
  double floats[RUN];
  int64_t integers[RUN];
} element_writer;

static void start_writer(element_writer *writer, pome_dtype dtype, void *data, size_t capacity) {
  unsigned bits = pome_dtype_bits(dtype);
  writer->dtype = dtype;
  writer->is_float = pome__dtype_is_float(dtype);
  bool is_signed = pome__dtype_is_signed(dtype);
  writer->positive = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
  writer->negative = 0;
  if (is_signed) {
    writer->positive >>= 1;
    writer->negative = writer->positive + 1;
  }
  writer->data = data;
  writer->stored = writer->pending = 0;
  writer->capacity = capacity;
}

static void store_pending(element_writer *writer) {
  if (writer->pending == 0) return;
  if (writer->is_float) {
    pome__store_f64(writer->data, writer->dtype, (int64_t)writer->stored, 1, writer->pending,
                    writer->floats);
  } else {
    pome__store_i64(writer->data, writer->dtype, (int64_t)writer->stored, 1, writer->pending,
                    writer->integers);
  }
  writer->stored += writer->pending;
  writer->pending = 0;
}

static pome_status read_string(pome__text_parser *parser, pome_string *string) {
  pome__bytes raw = parser->token.text;
  char *text = pome__arena_alloc(&parser->program->arena, raw.size + 1, 1);
  size_t size;
  if (text == NULL) return pome__text_memory(parser);
  if (!pome__text_unescape(raw, text, &size)) {
    return pome__text_fail(parser, &parser->token, POME_INPUT,
                           "a string has an escape that is not known");
  }
  text[size] = '\0';
  *string = (pome_string){text, size};
  return POME_OK;
}

static pome_status read_integer(pome__text_parser *parser, const element_writer *writer,
                                int64_t *integer) {
  bool negative;
  uint64_t magnitude;
  char wanted[64];
  if (parser->token.kind != POME__TOKEN_NUMBER ||
      !pome__text_integer(parser->token.text, &negative, &magnitude) ||
      magnitude > (negative ? writer->negative : writer->positive)) {
    snprintf(wanted, sizeof(wanted), "a number that %s can hold", pome_dtype_name(writer->dtype));
    return pome__text_unexpected(parser, wanted);
  }
  *integer = (int64_t)(negative ? 0 - magnitude : magnitude);
  return POME_OK;
}

static pome_status read_bool(pome__text_parser *parser, int64_t *integer) {
  bool is_true = pome__text_is(&parser->token, POME__TOKEN_NAME, "true");
  if (!is_true && !pome__text_is(&parser->token, POME__TOKEN_NAME, "false")) {
    return pome__text_unexpected(parser, "true or false");
  }
  *integer = is_true;
  return POME_OK;
}

static pome_status parse_element(pome__text_parser *parser, element_writer *writer) {
  if (writer->stored + writer->pending == writer->capacity) {
    return pome__text_unexpected(parser, "the end of a constant that has all its elements");
  }
  if (writer->dtype == POME_STRING) {
    if (parser->token.kind != POME__TOKEN_STRING) return pome__text_unexpected(parser, "a string");
    POME__TRY(read_string(parser, (pome_string *)writer->data + writer->stored++));
    return pome__text_advance(parser);
  }
  if (writer->dtype == POME_BOOL) {
    POME__TRY(read_bool(parser, &writer->integers[writer->pending]));
  } else if (!writer->is_float) {
    POME__TRY(read_integer(parser, writer, &writer->integers[writer->pending]));
  } else if (parser->token.kind != POME__TOKEN_NUMBER ||
             !pome__text_double(parser->token.text, &writer->floats[writer->pending])) {
    return pome__text_unexpected(parser, "a number");
  }
  if (++writer->pending == RUN) store_pending(writer);
  return pome__text_advance(parser);
}

/* Nested brackets down to the elements. Sizes that `type` leaves open are set from the first list
 * at their depth. An empty tensor may be written as one empty pair of brackets. */
static pome_status parse_brackets(pome__text_parser *parser, element_writer *writer,
                                  pome__type *type, int axis) {
  if (axis == type->rank) return parse_element(parser, writer);
  pome__token open = parser->token;
  int64_t count = 0;
  POME__TRY(pome__text_expect(parser, "["));
  bool more = !pome__text_at(parser, "]");
  if (!more) {
    POME__TRY(pome__text_advance(parser));
    if (writer->capacity == 0) return POME_OK;
  }
  for (; more; count++) {
    POME__TRY(parse_brackets(parser, writer, type, axis + 1));
    POME__TRY(pome__text_more(parser, "]", &more));
  }
  if (type->dims[axis] < 0) type->dims[axis] = count;
  if (type->dims[axis] == count) return POME_OK;
  return pome__text_fail(parser, &open, POME_INPUT,
                         "a list of %" PRId64 " items stands where dimension %d is %" PRId64, count,
                         axis, type->dims[axis]);
}

/* An upper bound on the elements from the opening bracket at hand to its closing one. */
static pome_status look_ahead(pome__text_parser *parser, size_t *count) {
  pome__lexer lexer = parser->lexer;
  pome__token token = parser->token;
  size_t depth = 0, found = 0;
  do {
    if (pome__text_is(&token, POME__TOKEN_PUNCT, "[")) {
      depth++;
    } else if (pome__text_is(&token, POME__TOKEN_PUNCT, "]")) {
      depth--;
    } else if (token.kind == POME__TOKEN_END) {
      break;
    } else if (token.kind != POME__TOKEN_PUNCT) {
      found++;
    }
    if (depth != 0) POME__TRY(pome__lexer_next(&lexer, &token, parser->error));
  } while (depth != 0);
  *count = found;
  return POME_OK;
}

/* How many elements the data needs room for. Every element takes a character of text, so that a
 * large type in a short text is refused before memory is taken for it. */
static pome_status count_elements(pome__text_parser *parser, const pome__type *type,
                                  size_t *count) {
  if (!pome__type_is_known(type)) {
    if (type->rank < 0) {
      return pome__text_fail(parser, &parser->token, POME_INPUT,
                             "the rank of a constant must be known");
    }
    return pome__text_at(parser, "[") ? look_ahead(parser, count)
                                      : pome__text_unexpected(parser, "[");
  }
  size_t left = (size_t)(parser->lexer.end - parser->token.text.data);
  if (!pome__shape_count(type->rank, type->dims, count) || *count > left) {
    return pome__text_fail(parser, &parser->token, POME_INPUT,
                           "a constant has fewer elements than its type says");
  }
  return POME_OK;
}

static pome_status parse_elements_in_place(pome__text_parser *parser, pome__literal *literal) {
  element_writer writer;
  size_t capacity, bytes;
  pome__token start = parser->token;
  pome__type declared = literal->type;
  POME__TRY(count_elements(parser, &literal->type, &capacity));
  if (!pome__dtype_bytes(literal->type.dtype, capacity, &bytes)) return pome__text_memory(parser);
  void *data = pome__arena_alloc(&parser->program->arena, bytes, 64);
  if (data == NULL) return pome__text_memory(parser);
  start_writer(&writer, literal->type.dtype, data, capacity);
  POME__TRY(parse_brackets(parser, &writer, &literal->type, 0));
  store_pending(&writer);
  for (int i = 0; i < declared.rank && writer.stored == 0; i++) {
    if (declared.dims[i] < 0) literal->type.dims[i] = 0;
  }
  size_t count;
  if (!pome__shape_count(literal->type.rank, literal->type.dims, &count) ||
      count != writer.stored) {
    return pome__text_fail(parser, &start, POME_INPUT, "a constant's lists have unequal lengths");
  }
  if (!pome__dtype_bytes(literal->type.dtype, count, &literal->bytes))
    return pome__text_memory(parser);
  literal->data = data;
  return POME_OK;
}

/* ---- weight files ---- */

static pome_status parse_body(pome__text_parser *parser, const pome__type *type, int depth,
                              const pome__literal **out);

/* A scalar in place of the given type, as path and offset are. */
static pome_status parse_scalar(pome__text_parser *parser, pome_dtype dtype,
                                const pome__literal **literal) {
  pome__token start = parser->token;
  pome__type type;
  POME__TRY(pome__text_type(parser, &type));
  if (type.kind != POME__TYPE_TENSOR || type.rank != 0 || type.dtype != dtype) {
    return pome__text_fail(parser, &start, POME_INPUT, "a scalar of type %s is expected here",
                           pome_dtype_name(dtype));
  }
  POME__TRY(pome__text_expect(parser, "("));
  if (parser->token.kind == POME__TOKEN_NAME) return pome__text_unexpected(parser, "a value");
  POME__TRY(parse_body(parser, &type, 0, literal));
  return pome__text_expect(parser, ")");
}

static pome_status parse_field(pome__text_parser *parser, const char *name, pome_dtype dtype,
                               const pome__literal **literal) {
  if (!pome__text_is(&parser->token, POME__TOKEN_NAME, name))
    return pome__text_unexpected(parser, name);
  POME__TRY(pome__text_advance(parser));
  POME__TRY(pome__text_expect(parser, "="));
  return parse_scalar(parser, dtype, literal);
}

/* Only the type says how large a value in a missing file is. */
static pome_status miss_record(pome__text_parser *parser, const pome__token *at, pome_string path,
                               pome__literal *literal) {
  size_t count;
  pome_dtype dtype = literal->type.dtype;
  if (pome__weight_type_of(dtype) == 0 ||
      !pome__shape_count(literal->type.rank, literal->type.dims, &count) ||
      !pome__dtype_bytes(dtype, count, &literal->bytes)) {
    char type[POME__TYPE_TEXT];
    return pome__text_fail(parser, at, POME_INPUT,
                           "a constant of type %s in a weight file, which has none of that type",
                           pome__type_format(&literal->type, type, sizeof(type)));
  }
  if (parser->program->missing_weights == NULL) parser->program->missing_weights = path.data;
  return POME_OK;
}

static pome_status read_record(pome__text_parser *parser, const pome__token *at, pome_string path,
                               pome__literal *literal) {
  pome__bytes file;
  pome__weight_record record;
  size_t count;
  if (parser->blobs == NULL) {
    return pome__text_fail(parser, at, POME_INPUT,
                           "the program refers to a weight file, but there is none");
  }
  POME__TRY(parser->blobs->file(parser->blobs->context,
                                (pome__bytes){(const uint8_t *)path.data, path.size}, &file,
                                parser->error));
  if (file.data == NULL) return miss_record(parser, at, path, literal);
  POME__TRY(pome__weight_read(file, literal->blob_offset, &record, parser->error));
  if (record.dtype != literal->type.dtype ||
      !pome__shape_count(literal->type.rank, literal->type.dims, &count) || count != record.count) {
    char type[POME__TYPE_TEXT];
    return pome__text_fail(
        parser, at, POME_INPUT,
        "a constant is declared %s, but the weight file holds %zu elements of %s",
        pome__type_format(&literal->type, type, sizeof(type)), record.count,
        pome_dtype_name(record.dtype));
  }
  literal->data = record.data.data;
  literal->bytes = record.data.size;
  return POME_OK;
}

/* BLOBFILE(path = string, offset = uint64) */
static pome_status parse_blob(pome__text_parser *parser, pome__literal *literal) {
  pome__token start = parser->token;
  const pome__literal *path, *offset;
  POME__TRY(pome__text_advance(parser));
  POME__TRY(pome__text_expect(parser, "("));
  POME__TRY(parse_field(parser, "path", POME_STRING, &path));
  POME__TRY(pome__text_expect(parser, ","));
  POME__TRY(parse_field(parser, "offset", POME_UINT64, &offset));
  POME__TRY(pome__text_expect(parser, ")"));
  pome_string name = *(const pome_string *)path->data;
  memcpy(&literal->blob_offset, offset->data, sizeof(literal->blob_offset));
  if (strlen(name.data) != name.size) {
    return pome__text_fail(parser, &start, POME_INPUT,
                           "the name of a weight file has a zero byte in it");
  }
  if (strcmp(name.data, POME__BLOB_PATH) != 0) literal->blob_path = name.data;
  pome_status status = read_record(parser, &start, name, literal);
  if (status != POME_OK) pome__error_at_line(parser->error, start.line, start.column);
  return status;
}

/* ---- literals ---- */

static pome_status parse_item(pome__text_parser *parser, pointer_list *list, const pome__type *type,
                              int depth) {
  const pome__literal *item;
  POME__TRY(grow_list(parser, list));
  POME__TRY(parse_body(parser, type, depth + 1, &item));
  list->items[list->count++] = item;
  return POME_OK;
}

/* {key, value} */
static pome_status parse_pair(pome__text_parser *parser, pointer_list *list, const pome__type *type,
                              int depth) {
  POME__TRY(pome__text_expect(parser, "{"));
  POME__TRY(parse_item(parser, list, type->elements[0], depth));
  POME__TRY(pome__text_expect(parser, ","));
  POME__TRY(parse_item(parser, list, type->elements[1], depth));
  return pome__text_expect(parser, "}");
}

static pome_status parse_items(pome__text_parser *parser, pome__literal *literal, int depth) {
  static const char *const open[] = {
      [POME__TYPE_LIST] = "[", [POME__TYPE_TUPLE] = "(", [POME__TYPE_DICT] = "{"};
  static const char *const close[] = {
      [POME__TYPE_LIST] = "]", [POME__TYPE_TUPLE] = ")", [POME__TYPE_DICT] = "}"};
  const pome__type *type = &literal->type;
  pome__token start = parser->token;
  pointer_list list = {NULL, 0, 0};
  POME__TRY(pome__text_expect(parser, open[type->kind]));
  bool more = !pome__text_at(parser, close[type->kind]);
  if (!more) POME__TRY(pome__text_advance(parser));
  while (more) {
    if (type->kind == POME__TYPE_DICT) {
      POME__TRY(parse_pair(parser, &list, type, depth));
    } else if (type->kind == POME__TYPE_TUPLE && list.count == type->element_count) {
      return pome__text_unexpected(parser, "the end of a tuple that has all its items");
    } else {
      size_t part = type->kind == POME__TYPE_TUPLE ? list.count : 0;
      POME__TRY(parse_item(parser, &list, type->elements[part], depth));
    }
    POME__TRY(pome__text_more(parser, close[type->kind], &more));
  }
  bool short_tuple = type->kind == POME__TYPE_TUPLE && list.count != type->element_count;
  bool wrong_length =
      type->kind == POME__TYPE_LIST && type->length >= 0 && (uint64_t)type->length != list.count;
  if (short_tuple || wrong_length) {
    return pome__text_fail(parser, &start, POME_INPUT,
                           "a constant of %zu items does not have as many as its type says",
                           list.count);
  }
  literal->items = (const pome__literal *const *)list.items;
  literal->item_count = list.count;
  return POME_OK;
}

static pome_status parse_body(pome__text_parser *parser, const pome__type *type, int depth,
                              const pome__literal **out) {
  if (depth > POME__MAX_DEPTH) {
    return pome__text_fail(parser, &parser->token, POME_INPUT,
                           "constants are nested more than %d deep", POME__MAX_DEPTH);
  }
  pome__literal *literal = POME__NEW(&parser->program->arena, pome__literal);
  if (literal == NULL) return pome__text_memory(parser);
  literal->type = *type;
  literal->blob_offset = POME_NO_OFFSET;
  if (type->kind == POME__TYPE_STATE)
    return pome__text_unexpected(parser, "a type that has constants");
  if (type->kind != POME__TYPE_TENSOR) {
    POME__TRY(parse_items(parser, literal, depth));
  } else if (pome__text_is(&parser->token, POME__TOKEN_NAME, "BLOBFILE")) {
    POME__TRY(parse_blob(parser, literal));
  } else {
    POME__TRY(parse_elements_in_place(parser, literal));
  }
  *out = literal;
  return POME_OK;
}

pome_status pome__text_literal(pome__text_parser *parser, const pome__literal **literal) {
  pome__type type;
  const pome__literal *parsed;
  POME__TRY(parse_type(parser, &type, 0));
  POME__TRY(pome__text_expect(parser, "("));
  POME__TRY(parse_body(parser, &type, 0, &parsed));
  POME__TRY(pome__text_expect(parser, ")"));
  *literal = parsed;
  return POME_OK;
}
