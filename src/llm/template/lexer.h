/* From template text to tokens, one at a time, with the whitespace control that chat templates are
 * rendered with: the newline behind a block goes, blanks before a block that starts its line go,
 * `-` and `+` say otherwise. */
#ifndef POME_SRC_LLM_TEMPLATE_LEXER_H
#define POME_SRC_LLM_TEMPLATE_LEXER_H

#include "llm/template/ast.h"

typedef enum pome__ttoken_kind {
  POME__T_TOKEN_END,
  POME__T_TOKEN_DATA,
  POME__T_TOKEN_PRINT,     /* {{ */
  POME__T_TOKEN_PRINT_END, /* }} */
  POME__T_TOKEN_BLOCK,     /* {% */
  POME__T_TOKEN_BLOCK_END, /* %} */
  POME__T_TOKEN_NAME,
  POME__T_TOKEN_STRING, /* value: a string */
  POME__T_TOKEN_NUMBER, /* value: an integer or a float */
  POME__T_TOKEN_SIGN    /* text: an operator */
} pome__ttoken_kind;

typedef struct pome__ttoken {
  pome__ttoken_kind kind;
  pome_string text;
  pome__tvalue value;
  size_t at; /* offset in the template, for the place */
} pome__ttoken;

#define POME__T_MOST_BRACKETS 256

typedef struct pome__tlexer {
  pome_string text;
  size_t at;
  enum { POME__T_IN_DATA, POME__T_IN_PRINT, POME__T_IN_BLOCK } state;
  pome__ttoken_kind pending; /* opened behind the data just given, or POME__T_TOKEN_END */
  size_t pending_at;
  bool line_start; /* what came last ended a line */
  char brackets[POME__T_MOST_BRACKETS];
  size_t depth;
  size_t counted, line, column_base; /* lines up to `counted` */
  pome__trender *r;                  /* memory and errors */
} pome__tlexer;

pome_status pome__t_lex(pome__tlexer *lexer, pome__ttoken *token);
/* Line and column of an offset, from 1. Offsets come in rising order. */
void pome__t_place(pome__tlexer *lexer, size_t at, uint32_t *line, uint32_t *column);
pome_status pome__t_lex_fail(pome__tlexer *lexer, size_t at);

#endif
