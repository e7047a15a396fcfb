/* The parser's expressions: a function for each level of binding, loosest first: condition, or,
 * and, not, comparison, + -, ~, * / // %, **, sign, postfix, filters and tests. */
#include <string.h>

#include "llm/template/parser.h"

#define MOST_CHAINED 1000 /* links of one chain: they nest in the tree */

typedef pome_status (*level)(pome__tparser *p, pome__tnode **out);

static pome_status parse_unary(pome__tparser *p, bool filters, pome__tnode **out);

static pome_status append_node(pome__tnode ***tail, pome__tnode *node) {
  **tail = node;
  *tail = &node->next;
  return POME_OK;
}

/* ---- constants, names, brackets ---- */

static bool constant(pome_string name, pome__tvalue *out) {
  if (pome__t_is(name, "true") || pome__t_is(name, "True")) return *out = pome__t_bool(true), true;
  if (pome__t_is(name, "false") || pome__t_is(name, "False"))
    return *out = pome__t_bool(false), true;
  if (pome__t_is(name, "none") || pome__t_is(name, "None")) return *out = pome__t_none(), true;
  return false;
}

static void note_macro_name(const pome__tparser *p, pome_string name) {
  for (pome__tnode *m = p->macro; m != NULL; m = m->other) {
    m->varargs |= pome__t_is(name, "varargs");
    m->kwargs |= pome__t_is(name, "kwargs");
    m->caller |= pome__t_is(name, "caller");
  }
}

static pome_status parse_name(pome__tparser *p, bool namespace, pome__tnode **out) {
  pome__tnode *node;
  POME__TRY(pome__t_node(p, POME__T_NAME_NODE, &node));
  node->text = p->token.text;
  if (constant(p->token.text, &node->value)) node->kind = POME__T_CONSTANT;
  POME__TRY(pome__t_next(p));
  *out = node;
  if (node->kind == POME__T_CONSTANT) return POME_OK;
  note_macro_name(p, node->text);
  if (!namespace || !pome__t_at_sign(p, ".")) return POME_OK;
  POME__TRY(pome__t_next(p));
  if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a name");
  node->kind = POME__T_NAME_ATTRIBUTE;
  node->value = pome__t_text(p->token.text.data, p->token.text.size);
  return pome__t_next(p);
}

/* Neighbouring strings are one. */
static pome_status parse_strings(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_CONSTANT, out));
  pome__trender *r = p->lexer.r;
  (*out)->value = p->token.value;
  for (;;) {
    POME__TRY(pome__t_next(p));
    if (p->token.kind != POME__T_TOKEN_STRING) return POME_OK;
    pome_string a = (*out)->value.u.text, b = p->token.value.u.text;
    char *text;
    POME__TRY(pome__t_alloc(r, a.size + b.size + 1, 1, &text));
    memcpy(text, a.data, a.size);
    memcpy(text + a.size, b.data, b.size);
    (*out)->value = pome__t_text(text, a.size + b.size);
  }
}

static pome_status parse_list(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_LIST_NODE, out));
  pome__tnode **tail = &(*out)->list, *item;
  POME__TRY(pome__t_next(p));
  while (!pome__t_at_sign(p, "]")) {
    POME__TRY(pome__t_expression(p, true, &item));
    POME__TRY(append_node(&tail, item));
    if (!pome__t_at_sign(p, "]")) POME__TRY(pome__t_expect_sign(p, ","));
  }
  return pome__t_next(p);
}

static pome_status parse_dict(pome__tparser *p, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_DICT_NODE, out));
  pome__tnode **tail = &(*out)->list, *pair;
  POME__TRY(pome__t_next(p));
  while (!pome__t_at_sign(p, "}")) {
    POME__TRY(pome__t_node(p, POME__T_PAIR, &pair));
    POME__TRY(pome__t_expression(p, true, &pair->a));
    POME__TRY(pome__t_expect_sign(p, ":"));
    POME__TRY(pome__t_expression(p, true, &pair->b));
    POME__TRY(append_node(&tail, pair));
    if (!pome__t_at_sign(p, "}")) POME__TRY(pome__t_expect_sign(p, ","));
  }
  return pome__t_next(p);
}

static pome_status parse_primary(pome__tparser *p, bool namespace, pome__tnode **out) {
  if (p->token.kind == POME__T_TOKEN_NAME) return parse_name(p, namespace, out);
  if (p->token.kind == POME__T_TOKEN_STRING) return parse_strings(p, out);
  if (p->token.kind == POME__T_TOKEN_NUMBER) {
    POME__TRY(pome__t_node(p, POME__T_CONSTANT, out));
    (*out)->value = p->token.value;
    return pome__t_next(p);
  }
  if (pome__t_at_sign(p, "(")) {
    POME__TRY(pome__t_next(p));
    POME__TRY(pome__t_tuple(p, POME__T_IN_PARENTHESES, out));
    return pome__t_expect_sign(p, ")");
  }
  if (pome__t_at_sign(p, "[")) return parse_list(p, out);
  if (pome__t_at_sign(p, "{")) return parse_dict(p, out);
  return pome__t_unexpected(p, "an expression");
}

/* ---- postfix: attributes, items, calls ---- */

static pome_status parse_subscript_part(pome__tparser *p, pome__tnode **out) {
  pome__tnode *first = NULL, *slice;
  if (!pome__t_at_sign(p, ":")) {
    POME__TRY(pome__t_expression(p, true, &first));
    if (!pome__t_at_sign(p, ":")) return *out = first, POME_OK;
  }
  POME__TRY(pome__t_node(p, POME__T_SLICE, &slice));
  slice->a = first;
  *out = slice;
  POME__TRY(pome__t_next(p));
  if (!pome__t_at_sign(p, ":") && !pome__t_at_sign(p, "]") && !pome__t_at_sign(p, ","))
    POME__TRY(pome__t_expression(p, true, &slice->b));
  if (!pome__t_at_sign(p, ":")) return POME_OK;
  POME__TRY(pome__t_next(p));
  return pome__t_at_sign(p, "]") || pome__t_at_sign(p, ",")
             ? POME_OK
             : pome__t_expression(p, true, &slice->c);
}

static pome_status parse_subscript(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_GET_ITEM, out));
  (*out)->a = node;
  POME__TRY(pome__t_next(p));
  POME__TRY(parse_subscript_part(p, &(*out)->b));
  if (!pome__t_at_sign(p, ",")) return pome__t_expect_sign(p, "]");
  pome__tnode *tuple, **tail, *item;
  POME__TRY(pome__t_node(p, POME__T_TUPLE_NODE, &tuple));
  tail = &tuple->list;
  POME__TRY(append_node(&tail, (*out)->b));
  (*out)->b = tuple;
  while (pome__t_at_sign(p, ",")) {
    POME__TRY(pome__t_next(p));
    POME__TRY(parse_subscript_part(p, &item));
    POME__TRY(append_node(&tail, item));
  }
  return pome__t_expect_sign(p, "]");
}

static pome_status parse_attribute(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_GET_ATTRIBUTE, out));
  (*out)->a = node;
  POME__TRY(pome__t_next(p));
  if (p->token.kind == POME__T_TOKEN_NAME) {
    (*out)->text = p->token.text;
  } else if (p->token.kind == POME__T_TOKEN_NUMBER && p->token.value.kind == POME__T_INT) {
    (*out)->kind = POME__T_GET_ITEM;
    POME__TRY(pome__t_node(p, POME__T_CONSTANT, &(*out)->b));
    (*out)->b->value = p->token.value;
  } else {
    return pome__t_unexpected(p, "a name or a number");
  }
  return pome__t_next(p);
}

static pome_status parse_argument(pome__tparser *p, pome__tnode **out) {
  const pome__ttoken *ahead = NULL;
  if (pome__t_at_sign(p, "*") || pome__t_at_sign(p, "**")) {
    POME__TRY(pome__t_node(p, pome__t_at_sign(p, "*") ? POME__T_STAR : POME__T_STAR_STAR, out));
    POME__TRY(pome__t_next(p));
    return pome__t_expression(p, true, &(*out)->a);
  }
  if (p->token.kind == POME__T_TOKEN_NAME) POME__TRY(pome__t_peek(p, &ahead));
  if (ahead == NULL || ahead->kind != POME__T_TOKEN_SIGN || !pome__t_is(ahead->text, "="))
    return pome__t_expression(p, true, out);
  POME__TRY(pome__t_node(p, POME__T_KEYWORD, out));
  (*out)->text = p->token.text;
  POME__TRY(pome__t_next(p));
  POME__TRY(pome__t_next(p));
  return pome__t_expression(p, true, &(*out)->a);
}

/* Plain arguments first, then keywords and *, then **. */
static int argument_rank(const pome__tnode *node) {
  return node->kind == POME__T_STAR_STAR                               ? 2
         : node->kind == POME__T_KEYWORD || node->kind == POME__T_STAR ? 1
                                                                       : 0;
}

static pome_status parse_call_arguments(pome__tparser *p, pome__tnode **out) {
  size_t open = p->token.at;
  pome__tnode *list = NULL, **tail = &list, *item;
  int rank = 0;
  POME__TRY(pome__t_expect_sign(p, "("));
  while (!pome__t_at_sign(p, ")")) {
    POME__TRY(parse_argument(p, &item));
    if (argument_rank(item) < rank)
      return POME__T_PARSE_FAIL(p, open, "a plain argument behind a named one");
    rank = argument_rank(item);
    POME__TRY(append_node(&tail, item));
    if (!pome__t_at_sign(p, ")")) POME__TRY(pome__t_expect_sign(p, ","));
  }
  *out = list;
  return pome__t_next(p);
}

static pome_status parse_call(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  POME__TRY(pome__t_node(p, POME__T_CALL, out));
  (*out)->a = node;
  return parse_call_arguments(p, &(*out)->list);
}

static pome_status check_chain(pome__tparser *p, size_t links) {
  return links < MOST_CHAINED
             ? POME_OK
             : POME__T_PARSE_FAIL(p, p->token.at, "an expression of more than %d parts in a row",
                                  MOST_CHAINED);
}

static pome_status parse_postfix(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  for (size_t links = 0;; links++) {
    POME__TRY(check_chain(p, links));
    if (pome__t_at_sign(p, ".")) POME__TRY(parse_attribute(p, node, &node));
    else if (pome__t_at_sign(p, "[")) POME__TRY(parse_subscript(p, node, &node));
    else if (pome__t_at_sign(p, "(")) POME__TRY(parse_call(p, node, &node));
    else return *out = node, POME_OK;
  }
}

/* ---- filters and tests ---- */

static void note_unknown(pome__tparser *p, const pome__tnode *node) {
  if (!p->soft && p->unknown == NULL) p->unknown = node;
}

/* A name with dots, as filters and tests may have. */
static pome_status parse_dotted(pome__tparser *p, pome_string *out) {
  if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a name");
  *out = p->token.text;
  POME__TRY(pome__t_next(p));
  while (pome__t_at_sign(p, ".")) {
    POME__TRY(pome__t_next(p));
    if (p->token.kind != POME__T_TOKEN_NAME) return pome__t_unexpected(p, "a name");
    out->size = (size_t)(p->token.text.data + p->token.text.size - out->data);
    POME__TRY(pome__t_next(p));
  }
  return POME_OK;
}

pome_status pome__t_filter_chain(pome__tparser *p, pome__tnode *node, bool first,
                                 pome__tnode **out) {
  for (size_t links = 0; first || pome__t_at_sign(p, "|"); links++, first = false) {
    POME__TRY(check_chain(p, links));
    if (!first) POME__TRY(pome__t_next(p));
    pome__tnode *filter;
    POME__TRY(pome__t_node(p, POME__T_FILTER, &filter));
    filter->a = node;
    POME__TRY(parse_dotted(p, &filter->text));
    filter->function = pome__t_find_filter(filter->text);
    if (filter->function == NULL) note_unknown(p, filter);
    if (pome__t_at_sign(p, "(")) POME__TRY(parse_call_arguments(p, &filter->list));
    node = filter;
  }
  *out = node;
  return POME_OK;
}

static bool starts_test_argument(const pome__tparser *p) {
  if (p->token.kind == POME__T_TOKEN_NAME)
    return !pome__t_at_name(p, "else") && !pome__t_at_name(p, "or") && !pome__t_at_name(p, "and");
  return p->token.kind == POME__T_TOKEN_STRING || p->token.kind == POME__T_TOKEN_NUMBER ||
         pome__t_at_sign(p, "[") || pome__t_at_sign(p, "{");
}

static pome_status parse_test(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  pome__tnode *test;
  POME__TRY(pome__t_next(p));
  bool negated = pome__t_at_name(p, "not");
  if (negated) POME__TRY(pome__t_next(p));
  POME__TRY(pome__t_node(p, POME__T_TEST, &test));
  test->a = node;
  POME__TRY(parse_dotted(p, &test->text));
  test->function = pome__t_find_test(test->text);
  if (test->function == NULL) note_unknown(p, test);
  if (pome__t_at_sign(p, "(")) {
    POME__TRY(parse_call_arguments(p, &test->list));
  } else if (starts_test_argument(p)) {
    if (pome__t_at_name(p, "is")) return pome__t_unexpected(p, "something else than a second test");
    POME__TRY(parse_primary(p, false, &test->list));
    POME__TRY(parse_postfix(p, test->list, &test->list));
  }
  *out = test;
  if (!negated) return POME_OK;
  POME__TRY(pome__t_node(p, POME__T_NOT, out));
  (*out)->a = test;
  return POME_OK;
}

static pome_status parse_filters_and_tests(pome__tparser *p, pome__tnode *node, pome__tnode **out) {
  for (size_t links = 0;; links++) {
    POME__TRY(check_chain(p, links));
    if (pome__t_at_sign(p, "|")) POME__TRY(pome__t_filter_chain(p, node, false, &node));
    else if (pome__t_at_name(p, "is")) POME__TRY(parse_test(p, node, &node));
    else if (pome__t_at_sign(p, "(")) POME__TRY(parse_call(p, node, &node));
    else return *out = node, POME_OK;
  }
}

/* ---- operators ---- */

static pome_status parse_unary(pome__tparser *p, bool filters, pome__tnode **out) {
  pome__tnode *node;
  POME__TRY(pome__t_deeper(p));
  if (pome__t_at_sign(p, "-") || pome__t_at_sign(p, "+")) {
    POME__TRY(
        pome__t_node(p, pome__t_at_sign(p, "-") ? POME__T_NEGATIVE : POME__T_POSITIVE, &node));
    POME__TRY(pome__t_next(p));
    POME__TRY(parse_unary(p, false, &node->a));
  } else {
    POME__TRY(parse_primary(p, false, &node));
  }
  POME__TRY(parse_postfix(p, node, &node));
  if (filters) POME__TRY(parse_filters_and_tests(p, node, &node));
  pome__t_higher(p);
  *out = node;
  return POME_OK;
}

static pome_status parse_signed(pome__tparser *p, pome__tnode **out) {
  return parse_unary(p, true, out);
}

/* The letter that stands for the operator at hand, if it is one of the level's. */
static char operator_letter(const pome__tparser *p, const char *const *signs, const char *letters) {
  for (size_t i = 0; signs[i] != NULL; i++)
    if (pome__t_at_sign(p, signs[i])) return letters[i];
  return '\0';
}

/* A level of operators that group from the left. */
static pome_status parse_left(pome__tparser *p, level operand, const char *const *signs,
                              const char *letters, pome__tnode **out) {
  pome__tnode *node, *left;
  char letter;
  POME__TRY(operand(p, &left));
  for (size_t links = 0; (letter = operator_letter(p, signs, letters)) != '\0'; links++) {
    POME__TRY(check_chain(p, links));
    POME__TRY(pome__t_node(p, POME__T_BINARY, &node));
    node->op = (uint8_t)letter;
    node->a = left;
    POME__TRY(pome__t_next(p));
    POME__TRY(operand(p, &node->b));
    left = node;
  }
  *out = left;
  return POME_OK;
}

static pome_status parse_power(pome__tparser *p, pome__tnode **out) {
  static const char *const signs[] = {"**", NULL};
  return parse_left(p, parse_signed, signs, "p", out);
}

static pome_status parse_product(pome__tparser *p, pome__tnode **out) {
  static const char *const signs[] = {"*", "/", "//", "%", NULL};
  return parse_left(p, parse_power, signs, "*/f%", out);
}

static pome_status parse_concat(pome__tparser *p, pome__tnode **out) {
  pome__tnode *first;
  POME__TRY(parse_product(p, &first));
  *out = first;
  if (!pome__t_at_sign(p, "~")) return POME_OK;
  POME__TRY(pome__t_node(p, POME__T_CONCAT, out));
  pome__tnode **tail = &(*out)->list, *item = first;
  POME__TRY(append_node(&tail, item));
  while (pome__t_at_sign(p, "~")) {
    POME__TRY(pome__t_next(p));
    POME__TRY(parse_product(p, &item));
    POME__TRY(append_node(&tail, item));
  }
  return POME_OK;
}

static pome_status parse_sum(pome__tparser *p, pome__tnode **out) {
  static const char *const signs[] = {"+", "-", NULL};
  return parse_left(p, parse_concat, signs, "+-", out);
}

/* The comparison at hand, taken; -1 when there is none. */
static pome_status take_comparison(pome__tparser *p, int *op) {
  static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
  const pome__ttoken *ahead;
  *op = -1;
  for (int i = 0; i < 6; i++)
    if (pome__t_at_sign(p, signs[i])) *op = i;
  if (pome__t_at_name(p, "in")) *op = POME__T_OP_IN;
  if (pome__t_at_name(p, "not")) {
    POME__TRY(pome__t_peek(p, &ahead));
    if (ahead->kind == POME__T_TOKEN_NAME && pome__t_is(ahead->text, "in")) {
      *op = POME__T_OP_NOT_IN;
      POME__TRY(pome__t_next(p));
    }
  }
  return *op >= 0 ? pome__t_next(p) : POME_OK;
}

static pome_status parse_comparison(pome__tparser *p, pome__tnode **out) {
  pome__tnode *node, *first;
  POME__TRY(pome__t_node(p, POME__T_COMPARE, &node));
  POME__TRY(parse_sum(p, &first));
  pome__tnode **tail = &node->list, *operand;
  for (int op;;) {
    POME__TRY(take_comparison(p, &op));
    if (op < 0) break;
    POME__TRY(pome__t_node(p, POME__T_OPERAND, &operand));
    operand->op = (uint8_t)op;
    POME__TRY(parse_sum(p, &operand->a));
    POME__TRY(append_node(&tail, operand));
  }
  node->a = first;
  *out = node->list == NULL ? first : node;
  return POME_OK;
}

static pome_status parse_not(pome__tparser *p, pome__tnode **out) {
  if (!pome__t_at_name(p, "not")) return parse_comparison(p, out);
  POME__TRY(pome__t_deeper(p));
  POME__TRY(pome__t_node(p, POME__T_NOT, out));
  POME__TRY(pome__t_next(p));
  POME__TRY(parse_not(p, &(*out)->a));
  pome__t_higher(p);
  return POME_OK;
}

static pome_status parse_logic(pome__tparser *p, level operand, const char *word,
                               pome__tnode_kind kind, pome__tnode **out) {
  pome__tnode *node, *left;
  POME__TRY(operand(p, &left));
  for (size_t links = 0; pome__t_at_name(p, word); links++) {
    POME__TRY(check_chain(p, links));
    POME__TRY(pome__t_node(p, kind, &node));
    node->a = left;
    POME__TRY(pome__t_next(p));
    POME__TRY(operand(p, &node->b));
    left = node;
  }
  *out = left;
  return POME_OK;
}

static pome_status parse_and(pome__tparser *p, pome__tnode **out) {
  return parse_logic(p, parse_not, "and", POME__T_AND, out);
}
static pome_status parse_or(pome__tparser *p, pome__tnode **out) {
  return parse_logic(p, parse_and, "or", POME__T_OR, out);
}

/* In a conditional expression, an unknown filter is an error only when it is reached. */
static pome_status parse_condition(pome__tparser *p, pome__tnode **out) {
  const pome__tnode *unknown = p->unknown;
  pome__tnode *node, *value;
  POME__TRY(parse_or(p, &value));
  for (size_t links = 0; pome__t_at_name(p, "if"); links++) {
    POME__TRY(check_chain(p, links));
    POME__TRY(pome__t_node(p, POME__T_CONDITION, &node));
    POME__TRY(pome__t_next(p));
    node->b = value;
    POME__TRY(parse_or(p, &node->a));
    if (pome__t_at_name(p, "else")) {
      POME__TRY(pome__t_next(p));
      POME__TRY(pome__t_deeper(p));
      POME__TRY(parse_condition(p, &node->c));
      pome__t_higher(p);
    }
    value = node;
    p->unknown = unknown;
  }
  *out = value;
  return POME_OK;
}

pome_status pome__t_expression(pome__tparser *p, bool condition, pome__tnode **out) {
  POME__TRY(pome__t_deeper(p));
  POME__TRY(condition ? parse_condition(p, out) : parse_or(p, out));
  pome__t_higher(p);
  return POME_OK;
}

/* ---- tuples ---- */

static bool at_tuple_end(const pome__tparser *p, int flags) {
  return p->token.kind == POME__T_TOKEN_PRINT_END || p->token.kind == POME__T_TOKEN_BLOCK_END ||
         pome__t_at_sign(p, ")") || ((flags & POME__T_END_AT_IN) && pome__t_at_name(p, "in")) ||
         ((flags & POME__T_END_AT_RECURSIVE) && pome__t_at_name(p, "recursive"));
}

pome_status pome__t_tuple(pome__tparser *p, int flags, pome__tnode **out) {
  pome__tnode *tuple, **tail, *item;
  bool comma = false;
  size_t count = 0;
  POME__TRY(pome__t_node(p, POME__T_TUPLE_NODE, &tuple));
  tail = &tuple->list;
  for (;;) {
    if (count > 0 && comma) POME__TRY(pome__t_expect_sign(p, ","));
    if (at_tuple_end(p, flags)) break;
    if (flags & POME__T_TARGET) {
      POME__TRY(pome__t_deeper(p));
      POME__TRY(parse_primary(p, (flags & POME__T_TARGET_NAMESPACE) != 0, &item));
      pome__t_higher(p);
    } else {
      POME__TRY(pome__t_expression(p, !(flags & POME__T_NO_CONDITION), &item));
    }
    POME__TRY(append_node(&tail, item));
    count++;
    if (!pome__t_at_sign(p, ",")) break;
    comma = true;
  }
  if (count == 0 && !(flags & POME__T_IN_PARENTHESES))
    return pome__t_unexpected(p, "an expression");
  *out = comma || count == 0 ? tuple : tuple->list;
  return POME_OK;
}
