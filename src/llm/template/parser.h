/* What the two halves of the parser share: statements (parser.c) and expressions (expression.c). */
#ifndef POME_SRC_LLM_TEMPLATE_PARSER_H
#define POME_SRC_LLM_TEMPLATE_PARSER_H

#include "llm/template/lexer.h"

/* Where a name stands decides what becomes of an unknown filter or test: within an `if` it is an
 * error only when it is reached. */
typedef struct pome__tparser {
  pome__tlexer lexer;
  pome__ttoken token, ahead;
  bool has_ahead;
  size_t depth;               /* of statements and expressions within each other */
  size_t loops;               /* around here, up to the next macro */
  bool soft;                  /* within the branches of an `if` */
  const pome__tnode *unknown; /* the first filter or test that there is not */
  pome__tnode *macro;         /* innermost, chained outwards by `other` until they are done */
} pome__tparser;

pome_status pome__t_next(pome__tparser *p);
/* Looks at the token behind the current one. */
pome_status pome__t_peek(pome__tparser *p, const pome__ttoken **ahead);
bool pome__t_at_sign(const pome__tparser *p, const char *sign);
bool pome__t_at_name(const pome__tparser *p, const char *name);
pome_status pome__t_expect_sign(pome__tparser *p, const char *sign);
pome_status pome__t_node(pome__tparser *p, pome__tnode_kind kind,
                         pome__tnode **out); /* at the current token */
/* Sets the error "expected WHAT, got ..." at the current token. */
pome_status pome__t_unexpected(pome__tparser *p, const char *expected);
#define POME__T_PARSE_FAIL(p, place, ...)                                                          \
  (POME__T_FAIL((p)->lexer.r, __VA_ARGS__), pome__t_lex_fail(&(p)->lexer, (place)))
pome_status pome__t_deeper(pome__tparser *p);
static inline void pome__t_higher(pome__tparser *p) {
  p->depth--;
}

/* Flags of pome__t_tuple. */
enum {
  POME__T_NO_CONDITION = 1,
  POME__T_IN_PARENTHESES = 2,
  POME__T_END_AT_IN = 4,
  POME__T_END_AT_RECURSIVE = 8,
  POME__T_TARGET = 16,
  POME__T_TARGET_NAMESPACE = 32
};
pome_status pome__t_expression(pome__tparser *p, bool condition, pome__tnode **out);
pome_status pome__t_tuple(pome__tparser *p, int flags, pome__tnode **out);
/* Filters behind `node`, which may be NULL. `first`: the name of a filter stands here. */
pome_status pome__t_filter_chain(pome__tparser *p, pome__tnode *node, bool first,
                                 pome__tnode **out);

#endif
