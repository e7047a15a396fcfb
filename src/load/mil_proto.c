/* A MILSpec.Program message as a program: functions, blocks, operations and the names that tie
 * them.
 *
 * Fields of a message may come in any order, so each message is walked once for every kind of field
 * it has, in the order in which their meanings depend on each other: an operation's arguments and
 * blocks see the names defined before it, its outputs add theirs. A walk skips what it does not
 * want in constant time. Blocks nest to POME__MAX_DEPTH; nothing is allocated that the message does
 * not really hold. Source: coremltools mlmodel/format/MIL.proto.
 */
#include "load/mil_proto.h"

#include <string.h>

#include "base/check.h"

/* More than any op has; keeps looking for duplicates cheap. */
#define MAX_ARGS             256
#define MAX_OWNER_ATTRIBUTES 4096

pome_status pome__mil_no_memory(pome__mil_reader *r) {
  pome__fail_memory(r->error, "the program");
  if (r->program->arena.limit > 0)
    pome__error_hint(
        r->error, "parsing may take %zu bytes here; raise max_parse_memory if the model is trusted",
        r->program->arena.limit);
  return POME_MEMORY;
}

/* A string field, copied into the program's arena. */
static pome_status copy_string(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field,
                               const char *what, const char **out) {
  pome__bytes text;
  POME__TRY(pome__pb_text(pb, field, what, &text, r->error));
  *out = pome__arena_string(&r->program->arena, (const char *)text.data, text.size);
  return *out ? POME_OK : pome__mil_no_memory(r);
}

static pome_status fail_at(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field) {
  pome__error_at_offset(r->error, pome__pb_offset(pb, field));
  return POME_INPUT;
}

/* NUL-terminated in one reused buffer: good until the next call. */
static pome_status short_lived(pome__mil_reader *r, pome__bytes text, const char **out) {
  if (text.size >= r->text_capacity) {
    size_t capacity = 2 * text.size + 256;
    r->text = pome__arena_alloc(&r->scratch, capacity, 1);
    r->text_capacity = r->text ? capacity : 0;
    if (!r->text) return pome__mil_no_memory(r);
  }
  memcpy(r->text, text.data, text.size);
  r->text[text.size] = '\0';
  *out = r->text;
  return POME_OK;
}

/* ---- lists of values ---- */

static pome_status push(pome__mil_reader *r, pome__value *value) {
  if (r->list_count == r->list_capacity) {
    size_t capacity = r->list_capacity > 0 ? 2 * r->list_capacity : 64;
    pome__value **list = POME__NEW_ARRAY(&r->scratch, pome__value *, capacity);
    if (!list) return pome__mil_no_memory(r);
    if (r->list_count > 0) memcpy(list, r->list, r->list_count * sizeof(*list));
    r->list = list;
    r->list_capacity = capacity;
  }
  r->list[r->list_count++] = value;
  return POME_OK;
}

/* ---- named things ---- */

/* A map's entry{key 1, value 2}. */
typedef struct entry {
  pome__bytes key;
  pome__pb value;
} entry;

static pome_status parse_entry(pome__mil_reader *r, const pome__pb *outer,
                               const pome__pb_field *outer_field, const char *what, entry *out) {
  POME__TRY(pome__pb_expect(outer, outer_field, POME__PB_LEN, what, r->error));
  pome__pb pb = pome__pb_enter(outer, outer_field);
  bool seen = false;
  out->key = (pome__bytes){(const uint8_t *)"", 0};
  out->value = pb;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_text(&pb, &field, what, &out->key, r->error));
    else if (field.number == 2)
      POME__TRY(pome__pb_once(&pb, &field, what, &seen, &out->value, r->error));
  }
  POME__TRY(pb.status);
  if (out->key.size > 0 && seen) return POME_OK;
  pome__fail(r->error, POME_INPUT, "%s lacks its name or its value", what);
  return fail_at(r, outer, outer_field);
}

static bool key_is(pome__bytes key, const char *text) {
  return key.size == strlen(text) && memcmp(key.data, text, key.size) == 0;
}

static pome_status define(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field,
                          pome__value *value) {
  if (pome__scope_find(&r->values, value->name)) {
    pome__fail(r->error, POME_INPUT, "the name \"%s\" is defined twice", value->name);
    return fail_at(r, pb, field);
  }
  return pome__scope_add(&r->values, value->name, value) ? POME_OK : pome__mil_no_memory(r);
}

static pome_status look_up(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field,
                           pome__value **value) {
  pome__bytes text;
  const char *name;
  POME__TRY(pome__pb_text(pb, field, "a value's name", &text, r->error));
  POME__TRY(short_lived(r, text, &name));
  *value = pome__scope_find(&r->values, name);
  if (*value) return POME_OK;
  pome__fail(r->error, POME_INPUT, "the name \"%.*s\" is not defined here",
             (int)(text.size < 200 ? text.size : 200), (const char *)text.data);
  return fail_at(r, pb, field);
}

/* NamedValueType{name 1, type 2} as a new value, in scope from now on. */
static pome_status parse_named_value(pome__mil_reader *r, const pome__pb *outer,
                                     const pome__pb_field *outer_field, pome__value **value) {
  POME__TRY(pome__pb_expect(outer, outer_field, POME__PB_LEN, "a named value", r->error));
  pome__pb pb = pome__pb_enter(outer, outer_field), inner = pb;
  pome__bytes name = {(const uint8_t *)"", 0};
  bool seen = false;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(pome__pb_text(&pb, &field, "a value's name", &name, r->error));
    else if (field.number == 2)
      POME__TRY(pome__pb_once(&pb, &field, "a value's type", &seen, &inner, r->error));
  }
  POME__TRY(pb.status);
  if (name.size == 0 || !seen) {
    pome__fail(r->error, POME_INPUT, "a named value lacks its name or its type");
    return fail_at(r, outer, outer_field);
  }
  pome__type type;
  const char *text;
  POME__TRY(pome__mil_parse_type(r, inner, 0, &type));
  POME__TRY(short_lived(r, name, &text));
  *value = pome__function_new_value(r->program, r->function, text, &type);
  if (!*value) return pome__mil_no_memory(r);
  return define(r, outer, outer_field, *value);
}

static pome_status new_literal(pome__mil_reader *r, pome__pb pb, pome__value **value) {
  const pome__literal *literal;
  POME__TRY(pome__mil_parse_value(r, pb, 0, &literal));
  *value = pome__function_new_literal(r->program, r->function, literal);
  return *value ? POME_OK : pome__mil_no_memory(r);
}

/* ---- operations ---- */

/* Binding{name 1 | value 2} */
static pome_status parse_binding(pome__mil_reader *r, const pome__pb *outer,
                                 const pome__pb_field *outer_field) {
  POME__TRY(pome__pb_expect(outer, outer_field, POME__PB_LEN, "a binding", r->error));
  pome__pb pb = pome__pb_enter(outer, outer_field);
  pome__value *value = NULL;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1 && field.number != 2) continue;
    if (value) {
      pome__fail(r->error, POME_INPUT, "a binding has two values");
      return fail_at(r, outer, outer_field);
    }
    if (field.number == 1) {
      POME__TRY(look_up(r, &pb, &field, &value));
    } else {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a literal", r->error));
      POME__TRY(new_literal(r, pome__pb_enter(&pb, &field), &value));
    }
  }
  POME__TRY(pb.status);
  if (value) return push(r, value);
  pome__fail(r->error, POME_INPUT, "a binding has neither a name nor a value");
  return fail_at(r, outer, outer_field);
}

static pome_status add_arg(pome__mil_reader *r, const pome__pb *pb, const pome__pb_field *field,
                           pome__op *op, pome__bytes key, bool attribute) {
  const char *name;
  POME__TRY(short_lived(r, key, &name));
  if (pome__op_find_arg(op, name) || op->arg_count == MAX_ARGS) {
    if (op->arg_count == MAX_ARGS)
      pome__fail(r->error, POME_INPUT, "an operation has more than %d arguments", MAX_ARGS);
    else pome__fail(r->error, POME_INPUT, "the argument \"%s\" is given twice", name);
    return fail_at(r, pb, field);
  }
  return pome__op_add_arg(r->program, op, name, r->list, r->list_count, attribute)
             ? POME_OK
             : pome__mil_no_memory(r);
}

/* Argument{arguments 1} */
static pome_status parse_input(pome__mil_reader *r, const pome__pb *outer,
                               const pome__pb_field *outer_field, pome__op *op) {
  entry input;
  POME__TRY(parse_entry(r, outer, outer_field, "an argument", &input));
  pome__pb pb = input.value;
  r->list_count = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) POME__TRY(parse_binding(r, &pb, &field));
  }
  POME__TRY(pb.status);
  return add_arg(r, outer, outer_field, op, input.key, false);
}

static pome_status parse_attribute(pome__mil_reader *r, const pome__pb *outer,
                                   const pome__pb_field *outer_field, pome__op *op) {
  entry attribute;
  pome__value *value;
  POME__TRY(parse_entry(r, outer, outer_field, "an attribute", &attribute));
  if (key_is(attribute.key, "name")) return POME_OK;
  POME__TRY(new_literal(r, attribute.value, &value));
  r->list_count = 0;
  POME__TRY(push(r, value));
  return add_arg(r, outer, outer_field, op, attribute.key, true);
}

/* The attribute `name`, a scalar string, is read first so that every later error can tell it. */
static pome_status parse_name(pome__mil_reader *r, const pome__pb *outer,
                              const pome__pb_field *outer_field, pome__op *op) {
  entry attribute;
  const pome__literal *literal;
  POME__TRY(parse_entry(r, outer, outer_field, "an attribute", &attribute));
  if (!key_is(attribute.key, "name")) return POME_OK;
  POME__TRY(pome__mil_parse_value(r, attribute.value, 0, &literal));
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_STRING ||
      literal->bytes != sizeof(pome_string)) {
    pome__fail(r->error, POME_INPUT, "an operation's name must be one string");
    return fail_at(r, outer, outer_field);
  }
  const pome_string *name = literal->data;
  op->name = pome__arena_string(&r->program->arena, name->data, name->size);
  return op->name ? POME_OK : pome__mil_no_memory(r);
}

static pome_status parse_output(pome__mil_reader *r, const pome__pb *outer,
                                const pome__pb_field *outer_field, pome__op *op) {
  pome__value *value;
  POME__TRY(parse_named_value(r, outer, outer_field, &value));
  return pome__op_add_output(r->program, op, value) ? POME_OK : pome__mil_no_memory(r);
}

static pome_status parse_block(pome__mil_reader *r, pome__pb pb, pome__block *block, int depth);

static pome_status parse_nested_block(pome__mil_reader *r, const pome__pb *outer,
                                      const pome__pb_field *field, pome__op *op, int depth) {
  POME__TRY(pome__pb_expect(outer, field, POME__PB_LEN, "a block", r->error));
  pome__block *block = pome__block_new(r->program, r->function, op);
  if (!block || !pome__op_add_block(r->program, op, block)) return pome__mil_no_memory(r);
  return parse_block(r, pome__pb_enter(outer, field), block, depth + 1);
}

/* Operation{type 1, inputs 2, outputs 3, blocks 4, attributes 5}: the walks, in order. */
enum { WALK_NAME, WALK_INPUTS, WALK_ATTRIBUTES, WALK_BLOCKS, WALK_OUTPUTS, WALKS };
static const uint32_t walk_fields[WALKS] = {5, 2, 5, 4, 3};

static pome_status parse_op_field(pome__mil_reader *r, int walk, const pome__pb *pb,
                                  const pome__pb_field *field, pome__op *op, int depth) {
  switch (walk) {
  case WALK_NAME: return parse_name(r, pb, field, op);
  case WALK_INPUTS: return parse_input(r, pb, field, op);
  case WALK_ATTRIBUTES: return parse_attribute(r, pb, field, op);
  case WALK_BLOCKS: return parse_nested_block(r, pb, field, op, depth);
  default: return parse_output(r, pb, field, op);
  }
}

static pome_status fill_op(pome__mil_reader *r, pome__pb message, pome__op *op, int depth) {
  for (int walk = 0; walk < WALKS; walk++) {
    pome__pb pb = message;
    for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
      if (field.number == walk_fields[walk])
        POME__TRY(parse_op_field(r, walk, &pb, &field, op, depth));
    }
    POME__TRY(pb.status);
  }
  return POME_OK;
}

static pome_status parse_op_type(pome__mil_reader *r, pome__pb pb, const char **type) {
  pome__pb start = pb;
  pome__bytes text = {(const uint8_t *)"", 0};
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1)
      POME__TRY(pome__pb_text(&pb, &field, "an operation's type", &text, r->error));
  }
  POME__TRY(pb.status);
  if (text.size > 0) return short_lived(r, text, type);
  pome__fail(r->error, POME_INPUT, "an operation without a type");
  pome__error_at_offset(r->error, (uint64_t)(start.at - start.file));
  return POME_INPUT;
}

static pome_status parse_op(pome__mil_reader *r, pome__pb pb, pome__block *block, int depth) {
  const char *type;
  POME__TRY(parse_op_type(r, pb, &type));
  pome__op *op = pome__op_new(r->program, type);
  if (!op) return pome__mil_no_memory(r);
  pome_status status = fill_op(r, pb, op, depth);
  if (status != POME_OK) {
    pome__error_at_op(r->error, op->name[0] != '\0' ? op->name : op->type);
    return status;
  }
  return pome__block_append(r->program, block, op) ? POME_OK : pome__mil_no_memory(r);
}

/* ---- blocks and functions ---- */

/* Block{inputs 1, outputs 2, operations 3} */
static pome_status parse_block_field(pome__mil_reader *r, uint32_t number, const pome__pb *pb,
                                     const pome__pb_field *field, pome__block *block, int depth) {
  pome__value *value;
  switch (number) {
  case 1: POME__TRY(parse_named_value(r, pb, field, &value)); return push(r, value);
  case 2: POME__TRY(look_up(r, pb, field, &value)); return push(r, value);
  default:
    POME__TRY(pome__pb_expect(pb, field, POME__PB_LEN, "an operation", r->error));
    return parse_op(r, pome__pb_enter(pb, field), block, depth);
  }
}

static pome_status walk_block(pome__mil_reader *r, uint32_t number, pome__pb pb, pome__block *block,
                              int depth) {
  r->list_count = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == number) POME__TRY(parse_block_field(r, number, &pb, &field, block, depth));
  }
  return pb.status;
}

static pome_status parse_block(pome__mil_reader *r, pome__pb pb, pome__block *block, int depth) {
  if (depth > POME__MAX_DEPTH) {
    pome__fail(r->error, POME_INPUT, "blocks nested more than %d levels deep", POME__MAX_DEPTH);
    pome__error_at_offset(r->error, (uint64_t)(pb.at - pb.file));
    return POME_INPUT;
  }
  size_t mark = r->values.count;
  POME__TRY(walk_block(r, 1, pb, block, depth));
  if (!pome__block_set_inputs(r->program, block, r->list, r->list_count))
    return pome__mil_no_memory(r);
  POME__TRY(walk_block(r, 3, pb, block, depth));
  POME__TRY(walk_block(r, 2, pb, block, depth));
  if (!pome__block_set_outputs(r->program, block, r->list, r->list_count))
    return pome__mil_no_memory(r);
  pome__scope_leave(&r->values, mark);
  return POME_OK;
}

static pome_status parse_function_inputs(pome__mil_reader *r, pome__pb pb) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 1) continue;
    pome__value *value;
    POME__TRY(parse_named_value(r, &pb, &field, &value));
    if (!pome__function_add_input(r->program, r->function, value)) return pome__mil_no_memory(r);
  }
  return pb.status;
}

/* What a function says about itself: its opset and, of its specializations, the one for that opset.
 */
typedef struct function_head {
  const char *opset;
  pome__pb body;
  bool has_body;
} function_head;

static pome_status parse_opset(pome__mil_reader *r, pome__pb pb, const char **opset) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 2) POME__TRY(copy_string(r, &pb, &field, "an opset", opset));
  }
  return pb.status;
}

static pome_status find_body(pome__mil_reader *r, pome__pb pb, function_head *head) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number != 3) continue;
    entry specialization;
    POME__TRY(parse_entry(r, &pb, &field, "a block specialization", &specialization));
    if (!key_is(specialization.key, head->opset)) continue;
    head->body = specialization.value;
    head->has_body = true;
  }
  return pb.status;
}

/* `function` NULL: of the program. Of two with one name the last one counts, as in any map. */
static pome_status parse_owner_attribute(pome__mil_reader *r, pome__function *function,
                                         const pome__pb *pb, const pome__pb_field *field) {
  entry attribute;
  const char *name;
  const pome__literal *literal;
  pome__attribute *known = function ? function->attributes : r->program->attributes;
  size_t count = function ? function->attribute_count : r->program->attribute_count;
  POME__TRY(parse_entry(r, pb, field, "an attribute", &attribute));
  POME__TRY(pome__mil_parse_value(r, attribute.value, 0, &literal));
  POME__TRY(short_lived(r, attribute.key, &name));
  for (size_t i = 0; i < count; i++) {
    if (strcmp(known[i].name, name) != 0) continue;
    known[i].value = literal;
    return POME_OK;
  }
  if (count == MAX_OWNER_ATTRIBUTES) {
    pome__fail(r->error, POME_INPUT, "%s has more than %d attributes",
               function ? "a function" : "the program", MAX_OWNER_ATTRIBUTES);
    return fail_at(r, pb, field);
  }
  return pome__program_add_attribute(r->program, function, name, literal) ? POME_OK
                                                                          : pome__mil_no_memory(r);
}

static pome_status parse_function_attributes(pome__mil_reader *r, pome__pb pb) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 4) POME__TRY(parse_owner_attribute(r, r->function, &pb, &field));
  }
  return pb.status;
}

/* Function{inputs 1, opset 2, block_specializations 3, attributes 4} */
static pome_status parse_function(pome__mil_reader *r, const char *name, pome__pb pb) {
  function_head head = {.opset = "", .body = pb};
  POME__TRY(parse_opset(r, pb, &head.opset));
  pome__opset opset = pome__opset_from_name(head.opset);
  if (opset == POME__OPSET_NONE)
    return pome__fail(r->error, POME_UNSUPPORTED,
                      "function \"%s\" uses the opset \"%.64s\"; CoreML5 to CoreML9 are known",
                      name, head.opset);
  POME__TRY(find_body(r, pb, &head));
  if (!head.has_body)
    return pome__fail(r->error, POME_INPUT,
                      "function \"%s\" uses the opset %s but has no block for it", name,
                      head.opset);
  r->function = pome__program_add_function(r->program, name, opset);
  if (!r->function) return pome__mil_no_memory(r);
  pome__scope_init(&r->values, &r->scratch);
  POME__TRY(parse_function_inputs(r, pb));
  POME__TRY(parse_function_attributes(r, pb));
  return parse_block(r, head.body, r->function->body, 0);
}

/* ---- the program ---- */

static pome_status parse_program_function(pome__mil_reader *r, const pome__pb *pb,
                                          const pome__pb_field *field) {
  entry function;
  const char *name;
  POME__TRY(parse_entry(r, pb, field, "a function", &function));
  name = pome__arena_string(&r->program->arena, (const char *)function.key.data, function.key.size);
  if (!name) return pome__mil_no_memory(r);
  pome_status status = parse_function(r, name, function.value);
  bool elsewhere = r->error && r->error->file[0] != '\0'; /* in a weight file */
  if (status != POME_OK && !elsewhere) pome__error_at_offset(r->error, pome__pb_offset(pb, field));
  return status;
}

/* Program{version 1, functions 2, attributes 4} */
static pome_status parse_program(pome__mil_reader *r, pome__pb pb) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, r->error);) {
    if (field.number == 1) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_VARINT, "version", r->error));
      r->program->version = (int64_t)field.value;
    } else if (field.number == 2) {
      POME__TRY(parse_program_function(r, &pb, &field));
    } else if (field.number == 4) {
      POME__TRY(parse_owner_attribute(r, NULL, &pb, &field));
    }
  }
  POME__TRY(pb.status);
  if (r->program->function_count > 0) return POME_OK;
  return pome__fail(r->error, POME_INPUT, "the program has no function");
}

pome_status pome__load_mil_proto(pome__bytes message, const pome__blob_source *blobs,
                                 const pome_allocator *allocator, size_t memory_limit,
                                 pome__program **program, pome_error *error) {
  pome__program *made = pome__program_create(allocator, memory_limit);
  if (!made) return pome__fail_memory(error, "the program");
  pome__mil_reader r = {.program = made, .blobs = blobs, .error = error};
  pome__arena_init(&r.scratch, allocator, memory_limit);
  pome_status status = parse_program(&r, pome__pb_open(message));
  pome__arena_free(&r.scratch);
  if (status != POME_OK) {
    pome__program_free(made);
    return status;
  }
  *program = made;
  return POME_OK;
}
