/* MIL text to a program, by recursive descent: one function per construct of the grammar in
 * docs/mil-text.md.
 *
 * Names are looked up as they are read, so a value used before its definition is reported at its
 * line and column. The parser takes time linear in the text; depth is bounded, and memory by the
 * program's arena.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "load/text_parser.h"
#include "wire/mil_number.h"

/* ---- steps shared with text_literal.c ---- */

pome_status pome__text_advance(pome__text_parser *parser) {
  return pome__lexer_next(&parser->lexer, &parser->token, parser->error);
}

pome_status pome__text_fail(pome__text_parser *parser, const pome__token *at, pome_status status,
                            const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  pome__fail(parser->error, status, "%s", text);
  pome__error_at_line(parser->error, at->line, at->column);
  return status;
}

pome_status pome__text_unexpected(pome__text_parser *parser, const char *wanted) {
  const pome__token *token = &parser->token;
  int shown = token->text.size < 40 ? (int)token->text.size : 40;
  if (token->kind == POME__TOKEN_END) {
    return pome__text_fail(parser, token, POME_INPUT, "%s is expected, but the text ends here",
                           wanted);
  }
  const char *quote = token->kind == POME__TOKEN_STRING ? "\"" : "'";
  return pome__text_fail(parser, token, POME_INPUT, "%s is expected, not %s%.*s%s", wanted, quote,
                         shown, (const char *)token->text.data, quote);
}

pome_status pome__text_memory(pome__text_parser *parser) {
  pome__fail_memory(parser->error, "the program");
  pome__error_at_line(parser->error, parser->token.line, parser->token.column);
  return POME_MEMORY;
}

bool pome__text_is(const pome__token *token, pome__token_kind kind, const char *text) {
  return token->kind == kind && token->text.size == strlen(text) &&
         memcmp(token->text.data, text, token->text.size) == 0;
}

bool pome__text_at(const pome__text_parser *parser, const char *punctuation) {
  return pome__text_is(&parser->token, POME__TOKEN_PUNCT, punctuation);
}

pome_status pome__text_expect(pome__text_parser *parser, const char *punctuation) {
  if (!pome__text_at(parser, punctuation)) return pome__text_unexpected(parser, punctuation);
  return pome__text_advance(parser);
}

pome_status pome__text_more(pome__text_parser *parser, const char *close, bool *more) {
  bool comma = pome__text_at(parser, ",");
  if (!comma && !pome__text_at(parser, close)) {
    char wanted[16];
    snprintf(wanted, sizeof(wanted), ", or %s", close);
    return pome__text_unexpected(parser, wanted);
  }
  POME__TRY(pome__text_advance(parser));
  *more = comma;
  return POME_OK;
}

static bool is_name(const pome__token *token) {
  return token->kind == POME__TOKEN_NAME || token->kind == POME__TOKEN_STRING;
}

/* A plain or quoted name, copied. */
static pome_status parse_name(pome__text_parser *parser, const char *wanted, const char **name) {
  pome__token token = parser->token;
  size_t size = token.text.size;
  if (!is_name(&token)) return pome__text_unexpected(parser, wanted);
  char *copy = pome__arena_string(&parser->program->arena, (const char *)token.text.data, size);
  if (copy == NULL) return pome__text_memory(parser);
  if (token.kind == POME__TOKEN_STRING && !pome__text_unescape(token.text, copy, &size)) {
    return pome__text_fail(parser, &token, POME_INPUT, "a name has an escape that is not known");
  }
  copy[size] = '\0';
  if (size == 0 || strlen(copy) != size) {
    return pome__text_fail(parser, &token, POME_INPUT, "a name is empty or has a zero byte in it");
  }
  *name = copy;
  return pome__text_advance(parser);
}

/* The token after the one at hand. */
static pome_status peek(pome__text_parser *parser, pome__token *token) {
  pome__lexer lexer = parser->lexer;
  return pome__lexer_next(&lexer, token, parser->error);
}

/* ---- values ---- */

/* Values read so far; the first few need no memory. */
typedef struct {
  pome__value *first[8];
  pome__value **items;
  size_t count, capacity;
} value_list;

static pome_status add_value(pome__text_parser *parser, value_list *list, pome__value *value) {
  if (list->items == NULL) {
    list->items = list->first;
    list->capacity = sizeof(list->first) / sizeof(list->first[0]);
  }
  if (list->count == list->capacity) {
    pome__value **items =
        POME__NEW_ARRAY(&parser->program->arena, pome__value *, list->capacity * 2);
    if (items == NULL) return pome__text_memory(parser);
    memcpy(items, list->items, list->count * sizeof(*items));
    list->items = items;
    list->capacity *= 2;
  }
  list->items[list->count++] = value;
  return POME_OK;
}

/* "type name": a new value, not yet in scope. */
static pome_status parse_definition(pome__text_parser *parser, value_list *list) {
  pome__type type;
  const char *name;
  POME__TRY(pome__text_type(parser, &type));
  pome__token at = parser->token;
  POME__TRY(parse_name(parser, "the name of a value", &name));
  if (pome__scope_find(&parser->scope, name) != NULL) {
    return pome__text_fail(parser, &at, POME_INPUT, "%.200s is already defined", name);
  }
  pome__value *value = pome__function_new_value(parser->program, parser->function, name, &type);
  if (value == NULL) return pome__text_memory(parser);
  return add_value(parser, list, value);
}

static pome_status bring_into_scope(pome__text_parser *parser, const value_list *list,
                                    const pome__token *at) {
  for (size_t i = 0; i < list->count; i++) {
    const char *name = list->items[i]->name;
    if (pome__scope_find(&parser->scope, name) != NULL) {
      return pome__text_fail(parser, at, POME_INPUT, "%.200s is defined twice", name);
    }
    if (!pome__scope_add(&parser->scope, name, list->items[i])) return pome__text_memory(parser);
  }
  return POME_OK;
}

/* "(type name, ...)" of functions and blocks. */
static pome_status parse_parameters(pome__text_parser *parser, value_list *list) {
  pome__token at = parser->token;
  POME__TRY(pome__text_expect(parser, "("));
  bool more = !pome__text_at(parser, ")");
  if (!more) POME__TRY(pome__text_advance(parser));
  while (more) {
    POME__TRY(parse_definition(parser, list));
    POME__TRY(pome__text_more(parser, ")", &more));
  }
  return bring_into_scope(parser, list, &at);
}

static pome_status parse_reference(pome__text_parser *parser, pome__value **value) {
  const char *name;
  pome__token at = parser->token;
  POME__TRY(parse_name(parser, "a value", &name));
  pome__value *found = pome__scope_find(&parser->scope, name);
  if (found == NULL) {
    return pome__text_fail(parser, &at, POME_INPUT, "%.200s is not defined before it is used here",
                           name);
  }
  *value = found;
  return POME_OK;
}

/* A name, or a literal in place: a type and a parenthesis. */
static pome_status parse_value(pome__text_parser *parser, value_list *list) {
  pome__token next;
  pome__value *value = NULL;
  POME__TRY(peek(parser, &next));
  bool typed =
      pome__text_is(&next, POME__TOKEN_PUNCT, "(") || pome__text_is(&next, POME__TOKEN_PUNCT, "<");
  if (parser->token.kind == POME__TOKEN_NAME && typed) {
    const pome__literal *literal;
    POME__TRY(pome__text_literal(parser, &literal));
    value = pome__function_new_literal(parser->program, parser->function, literal);
    if (value == NULL) return pome__text_memory(parser);
  } else {
    POME__TRY(parse_reference(parser, &value));
  }
  return add_value(parser, list, value);
}

/* ---- operations ---- */

static pome_status parse_arg_values(pome__text_parser *parser, value_list *list) {
  if (!pome__text_at(parser, "(")) return parse_value(parser, list);
  POME__TRY(pome__text_advance(parser));
  bool more = !pome__text_at(parser, ")");
  if (!more) return pome__text_advance(parser);
  while (more) {
    POME__TRY(parse_value(parser, list));
    POME__TRY(pome__text_more(parser, ")", &more));
  }
  return POME_OK;
}

/* The attribute `name` is the operation's name; a string. */
static pome_status parse_op_name(pome__text_parser *parser, pome__op *op) {
  const pome__literal *literal;
  pome__token at = parser->token;
  POME__TRY(pome__text_literal(parser, &literal));
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_STRING ||
      literal->type.rank != 0) {
    return pome__text_fail(parser, &at, POME_INPUT, "the name of an operation must be a string");
  }
  pome_string name = *(const pome_string *)literal->data;
  if (strlen(name.data) != name.size) {
    return pome__text_fail(parser, &at, POME_INPUT,
                           "the name of an operation has a zero byte in it");
  }
  op->name = name.data;
  return POME_OK;
}

/* "name = value" or "name = (value, ...)". */
static pome_status parse_arg(pome__text_parser *parser, pome__op *op, bool attribute) {
  value_list list = {.items = NULL};
  const char *name;
  POME__TRY(parse_name(parser, "the name of an argument", &name));
  POME__TRY(pome__text_expect(parser, "="));
  if (attribute && strcmp(name, "name") == 0) return parse_op_name(parser, op);
  POME__TRY(parse_arg_values(parser, &list));
  if (!pome__op_add_arg(parser->program, op, name, list.items, list.count, attribute))
    return pome__text_memory(parser);
  return POME_OK;
}

static pome_status parse_args(pome__text_parser *parser, pome__op *op, const char *open,
                              const char *close, bool attributes) {
  POME__TRY(pome__text_expect(parser, open));
  bool more = !pome__text_at(parser, close);
  if (!more) return pome__text_advance(parser);
  while (more) {
    POME__TRY(parse_arg(parser, op, attributes));
    POME__TRY(pome__text_more(parser, close, &more));
  }
  return POME_OK;
}

/* "type name, type name =", absent for operations without outputs. */
static pome_status parse_outputs(pome__text_parser *parser, value_list *outputs) {
  pome__token next;
  POME__TRY(peek(parser, &next));
  bool more = !(is_name(&parser->token) && pome__text_is(&next, POME__TOKEN_PUNCT, "("));
  while (more) {
    POME__TRY(parse_definition(parser, outputs));
    POME__TRY(pome__text_more(parser, "=", &more));
  }
  return POME_OK;
}

static pome_status parse_block(pome__text_parser *parser, pome__op *op, int depth);

static pome_status parse_blocks(pome__text_parser *parser, pome__op *op, int depth) {
  if (!pome__text_at(parser, "{")) return POME_OK;
  POME__TRY(pome__text_advance(parser));
  while (!pome__text_at(parser, "}")) POME__TRY(parse_block(parser, op, depth));
  return pome__text_advance(parser);
}

static pome_status parse_op(pome__text_parser *parser, pome__block *block, int depth) {
  value_list outputs = {.items = NULL};
  const char *type;
  pome__token at = parser->token;
  POME__TRY(parse_outputs(parser, &outputs));
  POME__TRY(parse_name(parser, "the type of an operation", &type));
  pome__op *op = pome__op_new(parser->program, type);
  if (op == NULL) return pome__text_memory(parser);
  op->line = at.line;
  op->parent = block;
  POME__TRY(parse_args(parser, op, "(", ")", false));
  POME__TRY(parse_blocks(parser, op, depth + 1));
  if (pome__text_at(parser, "[")) POME__TRY(parse_args(parser, op, "[", "]", true));
  POME__TRY(pome__text_expect(parser, ";"));
  for (size_t i = 0; i < outputs.count; i++) {
    if (!pome__op_add_output(parser->program, op, outputs.items[i]))
      return pome__text_memory(parser);
  }
  POME__TRY(bring_into_scope(parser, &outputs, &at));
  if (!pome__block_append(parser->program, block, op)) return pome__text_memory(parser);
  return POME_OK;
}

/* "{ operations } -> (values);" */
static pome_status parse_block_body(pome__text_parser *parser, pome__block *block, int depth) {
  value_list outputs = {.items = NULL};
  POME__TRY(pome__text_expect(parser, "{"));
  while (!pome__text_at(parser, "}")) POME__TRY(parse_op(parser, block, depth));
  POME__TRY(pome__text_advance(parser));
  POME__TRY(pome__text_expect(parser, "->"));
  POME__TRY(pome__text_expect(parser, "("));
  bool more = !pome__text_at(parser, ")");
  if (!more) POME__TRY(pome__text_advance(parser));
  while (more) {
    pome__value *value = NULL;
    POME__TRY(parse_reference(parser, &value));
    POME__TRY(add_value(parser, &outputs, value));
    POME__TRY(pome__text_more(parser, ")", &more));
  }
  if (!pome__block_set_outputs(parser->program, block, outputs.items, outputs.count))
    return pome__text_memory(parser);
  return pome__text_expect(parser, ";");
}

/* "block(inputs) { ... } -> (outputs);" of an operation. */
static pome_status parse_block(pome__text_parser *parser, pome__op *op, int depth) {
  value_list inputs = {.items = NULL};
  if (depth > POME__MAX_DEPTH) {
    return pome__text_fail(parser, &parser->token, POME_INPUT,
                           "blocks are nested more than %d deep", POME__MAX_DEPTH);
  }
  if (!pome__text_is(&parser->token, POME__TOKEN_NAME, "block"))
    return pome__text_unexpected(parser, "block or }");
  POME__TRY(pome__text_advance(parser));
  size_t mark = parser->scope.count;
  pome__block *block = pome__block_new(parser->program, parser->function, op);
  if (block == NULL) return pome__text_memory(parser);
  POME__TRY(parse_parameters(parser, &inputs));
  if (!pome__block_set_inputs(parser->program, block, inputs.items, inputs.count))
    return pome__text_memory(parser);
  POME__TRY(parse_block_body(parser, block, depth));
  pome__scope_leave(&parser->scope, mark);
  if (!pome__op_add_block(parser->program, op, block)) return pome__text_memory(parser);
  return POME_OK;
}

/* ---- functions and programs ---- */

/* "[name = literal, ...]" of a function (NULL: of the program), or nothing. */
static pome_status parse_attributes(pome__text_parser *parser, pome__function *function) {
  if (!pome__text_at(parser, "[")) return POME_OK;
  POME__TRY(pome__text_advance(parser));
  bool more = !pome__text_at(parser, "]");
  if (!more) return pome__text_advance(parser);
  while (more) {
    const char *name;
    const pome__literal *literal;
    POME__TRY(parse_name(parser, "the name of an attribute", &name));
    POME__TRY(pome__text_expect(parser, "="));
    POME__TRY(pome__text_literal(parser, &literal));
    if (!pome__program_add_attribute(parser->program, function, name, literal))
      return pome__text_memory(parser);
    POME__TRY(pome__text_more(parser, "]", &more));
  }
  return POME_OK;
}

/* "<ios17>" */
static pome_status parse_opset(pome__text_parser *parser, pome__opset *opset) {
  const char *name;
  POME__TRY(pome__text_expect(parser, "<"));
  pome__token at = parser->token;
  POME__TRY(parse_name(parser, "an opset", &name));
  pome__opset found = pome__opset_from_name(name);
  if (found == POME__OPSET_NONE) {
    return pome__text_fail(parser, &at, POME_UNSUPPORTED,
                           "the opset %.100s is not known; ios15 to ios26 are", name);
  }
  *opset = found;
  return pome__text_expect(parser, ">");
}

static pome_status parse_function(pome__text_parser *parser) {
  value_list inputs = {.items = NULL};
  const char *name;
  pome__opset opset = POME__OPSET_NONE;
  if (!pome__text_is(&parser->token, POME__TOKEN_NAME, "func"))
    return pome__text_unexpected(parser, "func or }");
  POME__TRY(pome__text_advance(parser));
  POME__TRY(parse_name(parser, "the name of a function", &name));
  POME__TRY(parse_opset(parser, &opset));
  pome__function *function = pome__program_add_function(parser->program, name, opset);
  if (function == NULL) return pome__text_memory(parser);
  parser->function = function;
  POME__TRY(parse_parameters(parser, &inputs));
  for (size_t i = 0; i < inputs.count; i++) {
    if (!pome__function_add_input(parser->program, function, inputs.items[i]))
      return pome__text_memory(parser);
  }
  POME__TRY(parse_attributes(parser, function));
  POME__TRY(parse_block_body(parser, function->body, 0));
  pome__scope_leave(&parser->scope, 0);
  return POME_OK;
}

/* "program(1.0)"; the text's version says how scalars are spelled, and both spellings are read in
 * any. */
static pome_status parse_head(pome__text_parser *parser) {
  if (!pome__text_is(&parser->token, POME__TOKEN_NAME, "program"))
    return pome__text_unexpected(parser, "program");
  POME__TRY(pome__text_advance(parser));
  POME__TRY(pome__text_expect(parser, "("));
  const pome__token *token = &parser->token;
  if (token->kind != POME__TOKEN_NUMBER || token->text.size < 2 ||
      memcmp(token->text.data, "1.", 2) != 0) {
    return pome__text_unexpected(parser, "a version 1.x");
  }
  POME__TRY(pome__text_advance(parser));
  return pome__text_expect(parser, ")");
}

static pome_status parse_program(pome__text_parser *parser) {
  POME__TRY(pome__text_advance(parser));
  POME__TRY(parse_head(parser));
  POME__TRY(parse_attributes(parser, NULL));
  POME__TRY(pome__text_expect(parser, "{"));
  while (!pome__text_at(parser, "}")) POME__TRY(parse_function(parser));
  POME__TRY(pome__text_advance(parser));
  if (parser->token.kind != POME__TOKEN_END)
    return pome__text_unexpected(parser, "the end of the text");
  return POME_OK;
}

pome_status pome__load_mil_text(pome__bytes text, const pome__blob_source *blobs,
                                const pome_allocator *allocator, size_t memory_limit,
                                pome__program **program, pome_error *error) {
  pome__text_parser parser = {.blobs = blobs, .error = error};
  parser.program = pome__program_create(allocator, memory_limit);
  if (parser.program == NULL) return pome__fail_memory(error, "the program");
  pome__arena_init(&parser.scratch, allocator, memory_limit);
  pome__scope_init(&parser.scope, &parser.scratch);
  pome__lexer_init(&parser.lexer, text);
  pome_status status = parse_program(&parser);
  pome__arena_free(&parser.scratch);
  if (status != POME_OK) {
    pome__program_free(parser.program);
    return status;
  }
  *program = parser.program;
  return POME_OK;
}
