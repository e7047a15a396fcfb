/* The parser: statements, and what both halves of it use. */
#include "llm/template/parser.h"

#include <string.h>

#include "llm/text/unicode.h"

#define MOST_NESTED   200
#define MOST_TEMPLATE ((size_t)1 << 20)
#define MOST_TREE     ((size_t)10 << 20)

/* ---- tokens ---- */

pome_status pome__t_next(pome__tparser *p) {
  if (!p->has_ahead) return pome__t_lex(&p->lexer, &p->token);
  p->token = p->ahead;
  p->has_ahead = false;
  return POME_OK;
}

pome_status pome__t_peek(pome__tparser *p, const pome__ttoken **ahead) {
  if (!p->has_ahead) POME__TRY(pome__t_lex(&p->lexer, &p->ahead));
  p->has_ahead = true;
  *ahead = &p->ahead;
  return POME_OK;
}

bool pome__t_at_sign(const pome__tparser *p, const char *sign) {
  return p->token.kind == POME__T_TOKEN_SIGN && pome__t_is(p->token.text, sign);
}

bool pome__t_at_name(const pome__tparser *p, const char *name) {
  return p->token.kind == POME__T_TOKEN_NAME && pome__t_is(p->token.text, name);
}

pome_status pome__t_unexpected(pome__tparser *p, const char *expected) {
  static const char *const names[] = {"the end of the template",
                                      "text",
                                      "'{{'",
                                      "'}}'",
                                      "'{%'",
                                      "'%}'",
                                      "",
                                      "a string",
                                      "a number"};
  pome__ttoken_kind kind = p->token.kind;
  if (kind == POME__T_TOKEN_NAME || kind == POME__T_TOKEN_SIGN)
    return POME__T_PARSE_FAIL(p, p->token.at, "expected %s, got '%.*s'", expected,
                              POME__T_NAME(p->token.text));
  return POME__T_PARSE_FAIL(p, p->token.at, "expected %s, got %s", expected, names[kind]);
}

pome_status pome__t_expect_sign(pome__tparser *p, const char *sign) {
  if (pome__t_at_sign(p, sign)) return pome__t_next(p);
  char expected[8] = {'\'', sign[0], '\''};
  return pome__t_unexpected(p, expected);
}

static pome_status skip_sign(pome__tparser *p, const char *sign, bool *skipped) {
  *skipped = pome__t_at_sign(p, sign);
  return *skipped ? pome__t_next(p) : POME_OK;
}

static pome_status expect_name(pome__tparser *p, const char *name) {
  return pome__t_at_name(p, name) ? pome__t_next(p) : pome__t_unexpected(p, name);
}

static pome_status expect_kind(pome__tparser *p, pome__ttoken_kind kind, const char *expected) {
  return p->token.kind == kind ? pome__t_next(p) : pome__t_unexpected(p, expected);
}

pome_status pome__t_node(pome__tparser *p, pome__tnode_kind kind, pome__tnode **out) {
  pome__tnode *node;
  POME__TRY(pome__t_alloc(p->lexer.r, 1, sizeof *node, &node));
  node->kind = (uint8_t)kind;
  pome__t_place(&p->lexer, p->token.at, &node->line, &node->column);
  *out = node;
  return POME_OK;
}

pome_status pome__t_deeper(pome__tparser *p) {
  if (++p->depth <= MOST_NESTED) return POME_OK;
  return POME__T_PARSE_FAIL(p, p->token.at, "nested more than %d levels deep", MOST_NESTED);
}

/* ---- bodies ---- */

static pome_status parse_statement(pome__tparser *p, pome__tnode **out);

static bool at_any(const pome__tparser *p, const char *const *names) {
  for (; *names != NULL; names++)
    if (pome__t_at_name(p, *names)) return true;
  return false;
}

/* Statements up to one of the tags, which stays the current token. NULL: up to the end. */
static pome_status parse_body(pome__tparser *p, const char *const *ends, pome__tnode **out) {
  size_t open = p->token.at;
  pome__tnode *list = NULL, **tail = &list;
  if (ends != NULL) {
    bool colon;
    POME__TRY(skip_sign(p, ":", &colon));
    POME__TRY(expect_kind(p, POME__T_TOKEN_BLOCK_END, "'%}'"));
  }
  for (; p->token.kind != POME__T_TOKEN_END; tail = &(*tail)->next) {
    if (p->token.kind == POME__T_TOKEN_DATA) {
      POME__TRY(pome__t_node(p, POME__T_DATA, tail));
      (*tail)->text = p->token.text;
      POME__TRY(pome__t_next(p));
    } else if (p->token.kind == POME__T_TOKEN_PRINT) {
      POME__TRY(pome__t_node(p, POME__T_PRINT, tail));
      POME__TRY(pome__t_next(p));
      POME__TRY(pome__t_tuple(p, 0, &(*tail)->a));
      POME__TRY(expect_kind(p, POME__T_TOKEN_PRINT_END, "'}}'"));
    } else {
      POME__TRY(expect_kind(p, POME__T_TOKEN_BLOCK, "'{%'"));
      if (ends != NULL && at_any(p, ends)) return *out = list, POME_OK;
      POME__TRY(parse_statement(p, tail));
      POME__TRY(expect_kind(p, POME__T_TOKEN_BLOCK_END, "'%}'"));
    }
  }
  if (ends != NULL)
    return POME__T_PARSE_FAIL(p, open, "the template ends without the '%s' of this block", ends[0]);
  *out = list;
  return POME_OK;
}

/* A body up to the one tag, which is taken. */
static pome_status parse_whole_body(pome__tparser *p, const char *end, pome__tnode **out) {
  const char *const ends[] = {end, NULL};
  POME__TRY(parse_body(p, ends, out));
  return pome__t_next(p);
}

/* A body that Jinja makes a function of: no `break` reaches out of it, and it is no branch. */
static pome_status parse_closed_body(pome__tparser *p, const char *end, pome__tnode **out) {
  size_t loops = p->loops;
  bool soft = p->soft;
  p->loops = 0;
  p->soft = false;
  POME__TRY(parse_whole_body(p, end, out));
  p->loops = loops;
  p->soft = soft;
  return POME_OK;
}

/* A body with a frame of its own: no branch either. */
static pome_status parse_inner_body(pome__tparser *p, const char *end, pome__tnode **out) {
  bool soft = p->soft;
  p->soft = false;
  POME__TRY(parse_whole_body(p, end, out));
  p->soft = soft;
  return POME_OK;
}

/* ---- targets ---- */

static pome_status check_target(pome__tparser *p, const pome__tnode *target) {
  if (target->kind == POME__T_NAME_NODE || target->kind == POME__T_NAME_ATTRIBUTE) return POME_OK;
  if (target->kind != POME__T_TUPLE_NODE)
    return POME__T_PARSE_FAIL(p, p->token.at, "only names and tuples of names can be assigned to");
  for (const pome__tnode *item = target->list; item != NULL; item = item->next)
    POME__TRY(check_target(p, item));
  return POME_OK;
}

static pome_status parse_target(pome__tparser *p, int flags, pome__tnode **out) {
  POME__TRY(pome__t_tuple(p, POME__T_TARGET | flags, out));
  return check_target(p, *out);
}

/* ---- statements ---- */

static pome_status parse_set(pome__tparser *p, pome__tnode **out) {
  bool assigned;
  POME__TRY(pome__t_node(p, POME__T_SET, out));
  POME__TRY(pome__t_next(p));
  POME__TRY(parse_target(p, POME__T_TARGET_NAMESPACE, &(*out)->a));
  POME__TRY(skip_sign(p, "=", &assigned));
  if (assigned) return pome__t_tuple(p, 0, &(*out)->b);
  (*out)->kind = POME__T_SET_BLOCK;
  POME__TRY(pome__t_filter_chain(p, NULL, false, &(*out)->b));
  return parse_inner_body(p, "endset", &(*out)->list);
}

static pome_status parse_for(pome__tparser *p, pome__tnode **out) {
  static const char *const ends[] = {"endfor", "else", NULL};
  pome__tnode *node;
  POME__TRY(pome__t_node(p, POME__T_FOR, &node));
  *out = node;
  POME__TRY(pome__t_next(p));
  POME__TRY(parse_target(p, POME__T_END_AT_IN, &node->a));
  if (node->a->kind == POME__T_NAME_NODE && pome__t_is(node->a->text, "loop"))
    return POME__T_PARSE_FAIL(p, p->token.at, "'loop' cannot be the variable of a loop");
  POME__TRY(expect_name(p, "in"));
  POME__TRY(pome__t_tuple(p, POME__T_NO_CONDITION | POME__T_END_AT_RECURSIVE, &node->b));
  bool soft = p->soft;
  p->soft = false;
  if (pome__t_at_name(p, "if")) {
    POME__TRY(pome__t_next(p));
    POME__TRY(pome__t_expression(p, true, &node->c));
  }
  if (pome__t_at_name(p, "recursive")) {
    node->flag = true;
    POME__TRY(pome__t_next(p));
  }
  p->loops++;
  POME__TRY(parse_body(p, ends, &node->list));
  p->loops--;
  bool otherwise = pome__t_at_name(p, "else");
  POME__TRY(pome__t_next(p));
  if (otherwise) POME__TRY(parse_whole_body(p, "endfor", &node->other));
  p->soft = soft;
  return POME_OK;
}

/* An elif is an if of its own in the other branch. */
static pome_status parse_branches(pome__tparser *p, pome__tnode *node) {
  static const char *const ends[] = {"endif", "elif", "else", NULL};
  for (;;) {
    POME__TRY(pome__t_next(p));
    POME__TRY(pome__t_tuple(p, POME__T_NO_CONDITION, &node->a));
    POME__TRY(parse_body(p, ends, &node->list));
    if (!pome__t_at_name(p, "elif")) break;
    POME__TRY(pome__t_node(p, POME__T_IF, &node->other));
    node = node->other;
  }
  node->flag = pome__t_at_name(p, "else");
  POME__TRY(pome__t_next(p));
  return node->flag ? parse_whole_body(p, "endif", &node->other) : POME_OK;
}

static pome_status parse_if(pome__tparser *p, pome__tnode **out) {
  bool soft = p->soft;
  p->soft = true;
  POME__TRY(pome__t_node(p, POME__T_IF, out));
  POME__TRY(parse_branches(p, *out));
  p->soft = soft;
  return POME_OK;
}

static pome_status parse_parameters(pome__tparser *p, pome__tnode **out) {
  pome__tnode **tail = out, *last = NULL;
  POME__TRY(pome__t_expect_sign(p, "("));
  while (!pome__t_at_sign(p, ")")) {
    POME__TRY(pome__t_node(p, POME__T_NAME_NODE, tail));
    if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a parameter");
    (*tail)->text = p->token.text;
    POME__TRY(pome__t_next(p));
    bool has_default;
    POME__TRY(skip_sign(p, "=", &has_default));
    if (has_default) POME__TRY(pome__t_expression(p, true, &(*tail)->b));
    else if (last != NULL && last->b != NULL)
      return pome__t_unexpected(p, "a default, as the parameter before has one");
    last = *tail;
    tail = &(*tail)->next;
    if (!pome__t_at_sign(p, ")")) POME__TRY(pome__t_expect_sign(p, ","));
  }
  return pome__t_next(p);
}

/* From the parameters on. */
static pome_status parse_macro_rest(pome__tparser *p, const char *end, bool parameters,
                                    pome__tnode *node) {
  node->other = p->macro;
  p->macro = node;
  if (parameters) POME__TRY(parse_parameters(p, &node->a));
  POME__TRY(parse_closed_body(p, end, &node->list));
  p->macro = node->other;
  node->other = NULL;
  return POME_OK;
}

static pome_status parse_macro(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_MACRO_DEFINITION, out));
  POME__TRY(pome__t_next(p));
  if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a name");
  (*out)->text = p->token.text;
  POME__TRY(pome__t_next(p));
  return parse_macro_rest(p, "endmacro", true, *out);
}

static pome_status parse_call_block(pome__tparser *p, pome__tnode **out) {
  pome__tnode *caller;
  POME__TRY(pome__t_node(p, POME__T_CALL_BLOCK, out));
  POME__TRY(pome__t_node(p, POME__T_MACRO_DEFINITION, &caller));
  caller->text = (pome_string){"caller", 6};
  (*out)->b = caller;
  POME__TRY(pome__t_next(p));
  if (pome__t_at_sign(p, "(")) POME__TRY(parse_parameters(p, &caller->a));
  POME__TRY(pome__t_expression(p, true, &(*out)->a));
  if ((*out)->a->kind != POME__T_CALL) return pome__t_unexpected(p, "a call");
  return parse_macro_rest(p, "endcall", false, caller);
}

static pome_status parse_filter_block(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_FILTER_BLOCK, out));
  POME__TRY(pome__t_next(p));
  POME__TRY(pome__t_filter_chain(p, NULL, true, &(*out)->b));
  return parse_inner_body(p, "endfilter", &(*out)->list);
}

static pome_status parse_with(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_WITH, out));
  pome__tnode **tail = &(*out)->a;
  POME__TRY(pome__t_next(p));
  for (; p->token.kind != POME__T_TOKEN_BLOCK_END; tail = &(*tail)->next) {
    if (*out != NULL && (*out)->a != NULL) POME__TRY(pome__t_expect_sign(p, ","));
    POME__TRY(pome__t_node(p, POME__T_SET, tail));
    POME__TRY(parse_target(p, 0, &(*tail)->a));
    POME__TRY(pome__t_expect_sign(p, "="));
    POME__TRY(pome__t_expression(p, true, &(*tail)->b));
  }
  return parse_inner_body(p, "endwith", &(*out)->list);
}

static pome_status parse_generation(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_SCOPE, out));
  POME__TRY(pome__t_next(p));
  return parse_closed_body(p, "endgeneration", &(*out)->list);
}

static pome_status parse_block(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_SCOPE, out));
  (*out)->flag = true;
  POME__TRY(pome__t_next(p));
  if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a name");
  pome_string name = p->token.text;
  POME__TRY(pome__t_next(p));
  if (pome__t_at_name(p, "scoped")) {
    (*out)->flag = false;
    POME__TRY(pome__t_next(p));
  }
  POME__TRY(parse_closed_body(p, "endblock", &(*out)->list));
  return p->token.kind == POME__T_TOKEN_NAME && pome__t_same(p->token.text, name) ? pome__t_next(p)
                                                                                  : POME_OK;
}

static pome_status parse_jump(pome__tparser *p, pome__tnode **out) {
  bool stop = pome__t_at_name(p, "break");
  if (p->loops == 0)
    return POME__T_PARSE_FAIL(p, p->token.at, "'%s' outside of a loop",
                              stop ? "break" : "continue");
  POME__TRY(pome__t_node(p, stop ? POME__T_BREAK_NODE : POME__T_CONTINUE_NODE, out));
  return pome__t_next(p);
}

static const struct {
  const char *name;
  pome_status (*parse)(pome__tparser *p, pome__tnode **out);
} statements[] = {
    {"if", parse_if},           {"for", parse_for},
    {"set", parse_set},         {"macro", parse_macro},
    {"call", parse_call_block}, {"filter", parse_filter_block},
    {"with", parse_with},       {"generation", parse_generation},
    {"block", parse_block},     {"break", parse_jump},
    {"continue", parse_jump},
};

static pome_status parse_statement(pome__tparser *p, pome__tnode **out) {
  if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "the name of a statement");
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
    if (!pome__t_at_name(p, statements[i].name)) continue;
    POME__TRY(pome__t_deeper(p));
    POME__TRY(statements[i].parse(p, out));
    pome__t_higher(p);
    return POME_OK;
  }
  static const char *const files[] = {"include", "import", "from", "extends", NULL};
  if (at_any(p, files))
    return POME__T_PARSE_FAIL(p, p->token.at, "'%.*s' is refused: a template reads no files",
                              POME__T_NAME(p->token.text));
  return POME__T_PARSE_FAIL(p, p->token.at, "no statement '%.*s' can stand here",
                            POME__T_NAME(p->token.text));
}

/* ---- the whole ---- */

/* Line ends become "\n", and the last one goes. */
static pome_status normalize(pome__trender *r, const char *text, size_t size, pome_string *out) {
  char *copy;
  size_t count = 0;
  if (size > MOST_TEMPLATE)
    return POME__T_FAIL(r, "a template of %zu bytes; at most %zu are read", size, MOST_TEMPLATE);
  if (!pome__text_is_utf8(text, size)) return POME__T_FAIL(r, "the template is not valid UTF-8");
  POME__TRY(pome__t_alloc(r, size + 1, 1, &copy));
  for (size_t i = 0; i < size; i++) {
    if (text[i] != '\r') copy[count++] = text[i];
    else if (i + 1 == size || text[i + 1] != '\n') copy[count++] = '\n';
  }
  if (count > 0 && copy[count - 1] == '\n') count--;
  *out = (pome_string){copy, count};
  return POME_OK;
}

static pome_status parse_all(pome__tparser *p, const char *text, size_t size, pome__tnode **body) {
  POME__TRY(normalize(p->lexer.r, text, size, &p->lexer.text));
  POME__TRY(pome__t_next(p));
  POME__TRY(parse_body(p, NULL, body));
  const pome__tnode *unknown = p->unknown;
  if (unknown == NULL) return POME_OK;
  pome__t_fail_unknown(p->lexer.r, unknown->kind == POME__T_FILTER, unknown->text);
  pome__error_at_line(p->lexer.r->error, unknown->line, unknown->column);
  return POME_INPUT;
}

pome_status pome__t_parse(const char *text, size_t size, pome__arena *arena, pome__tnode **body,
                          pome_error *error) {
  pome__trender r = {.error = error, .arena = *arena, .steps = SIZE_MAX, .bytes = MOST_TREE};
  pome__tparser p = {.lexer = {.r = &r, .line_start = true}};
  pome_status status = parse_all(&p, text, size, body);
  *arena = r.arena;
  return status;
}
