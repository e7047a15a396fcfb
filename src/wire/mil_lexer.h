/* Tokens of MIL text, as `model.mil` in compiled bundles has it: names, strings with escapes,
 * decimal and hexadecimal numbers, punctuation, `->`. The lexer knows no grammar. Comments (// to
 * the end of the line) are skipped. */
#ifndef POME_SRC_WIRE_MIL_LEXER_H
#define POME_SRC_WIRE_MIL_LEXER_H

#include "base/bytes.h"
#include "base/error.h"

typedef enum pome__token_kind {
  POME__TOKEN_END,
  POME__TOKEN_NAME,
  POME__TOKEN_NUMBER, /* with sign; also nan, inf, infinity as the printer writes them */
  POME__TOKEN_STRING, /* between the quotes, escapes not yet undone */
  POME__TOKEN_PUNCT,  /* one character, or "->" */
} pome__token_kind;

typedef struct pome__token {
  pome__token_kind kind;
  pome__bytes text;
  uint32_t line, column;
} pome__token;

typedef struct pome__lexer {
  const uint8_t *at, *end, *line_start;
  uint32_t line;
} pome__lexer;

void pome__lexer_init(pome__lexer *lexer, pome__bytes text);
pome_status pome__lexer_next(pome__lexer *lexer, pome__token *token, pome_error *error);

#endif
