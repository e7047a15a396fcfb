/* The MIL text parser's state and the steps its two halves share: types and literals
 * (text_literal.c), programs (mil_text.c). */
#ifndef POME_SRC_LOAD_TEXT_PARSER_H
#define POME_SRC_LOAD_TEXT_PARSER_H

#include "base/error.h"
#include "load/load.h"
#include "mil/scope.h"
#include "wire/mil_lexer.h"

typedef struct pome__text_parser {
  pome__lexer lexer; /* behind `token` */
  pome__token token; /* the one to look at */
  pome__program *program;
  pome__function *function;
  pome__arena scratch;
  pome__scope scope;
  const pome__blob_source *blobs;
  pome_error *error;
} pome__text_parser;

/* Goes on to the next token. */
pome_status pome__text_advance(pome__text_parser *parser);
/* "<wanted> is expected here, not <token>" at the token. */
pome_status pome__text_unexpected(pome__text_parser *parser, const char *wanted);
/* An error at a token. */
pome_status pome__text_fail(pome__text_parser *parser, const pome__token *at, pome_status status,
                            const char *format, ...) POME__PRINTF(4, 5);
pome_status pome__text_memory(pome__text_parser *parser);

bool pome__text_is(const pome__token *token, pome__token_kind kind, const char *text);
bool pome__text_at(const pome__text_parser *parser, const char *punctuation);
/* Steps over the punctuation, or fails. */
pome_status pome__text_expect(pome__text_parser *parser, const char *punctuation);
/* True, and steps over it, when a list goes on with a comma. At its end steps over `close`. */
pome_status pome__text_more(pome__text_parser *parser, const char *close, bool *more);

/* ---- text_literal.c ---- */
pome_status pome__text_type(pome__text_parser *parser, pome__type *type);
/* type(body) */
pome_status pome__text_literal(pome__text_parser *parser, const pome__literal **literal);

#endif
