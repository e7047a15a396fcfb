/* Tokens of MIL text. One pass, no state but the position; a token is a view into the text. */
#include "wire/mil_lexer.h"

#include <string.h>

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static bool starts_name(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool continues_name(uint8_t c) {
  return starts_name(c) || is_digit(c);
}

void pome__lexer_init(pome__lexer *lexer, pome__bytes text) {
  lexer->at = text.size != 0 ? text.data : (const uint8_t *)"";
  lexer->end = lexer->at + text.size;
  lexer->line_start = lexer->at;
  lexer->line = 1;
}

static void skip_blank(pome__lexer *lexer) {
  for (; lexer->at < lexer->end; lexer->at++) {
    uint8_t c = *lexer->at;
    if (c == '\n') {
      lexer->line++;
      lexer->line_start = lexer->at + 1;
    } else if (c == '/' && lexer->end - lexer->at >= 2 && lexer->at[1] == '/') {
      const uint8_t *newline = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
      lexer->at = (newline != NULL ? newline : lexer->end) - 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      return;
    }
  }
}

static pome_status fail(const pome__token *token, pome_error *error, const char *message) {
  pome__fail(error, POME_INPUT, "%s", message);
  pome__error_at_line(error, token->line, token->column);
  return POME_INPUT;
}

/* From the opening quote to past the closing one. Text may go on over lines. */
static pome_status read_string(pome__lexer *lexer, pome__token *token, pome_error *error) {
  const uint8_t *start = ++lexer->at;
  for (; lexer->at < lexer->end; lexer->at++) {
    uint8_t c = *lexer->at;
    if (c == '"') {
      token->kind = POME__TOKEN_STRING;
      token->text = (pome__bytes){start, (size_t)(lexer->at - start)};
      lexer->at++;
      return POME_OK;
    }
    if (c == '\\' && lexer->end - lexer->at >= 2) lexer->at++;
    if (*lexer->at == '\n') {
      lexer->line++;
      lexer->line_start = lexer->at + 1;
    }
  }
  return fail(token, error, "a string is not closed before the end of the text");
}

/* Takes letters, digits, points, and signs that follow an exponent's letter; what they mean is the
 * number reader's concern. */
static void take_number(pome__lexer *lexer) {
  const uint8_t *start = lexer->at;
  if (*lexer->at == '-' || *lexer->at == '+') lexer->at++;
  bool hexadecimal =
      lexer->end - lexer->at >= 2 && lexer->at[0] == '0' && (lexer->at[1] | 0x20) == 'x';
  uint8_t exponent = hexadecimal ? 'p' : 'e';
  for (; lexer->at < lexer->end; lexer->at++) {
    uint8_t c = *lexer->at;
    bool sign = (c == '-' || c == '+') && lexer->at != start && (lexer->at[-1] | 0x20) == exponent;
    if (!continues_name(c) && c != '.' && !sign) return;
  }
}

static bool is_number_word(const uint8_t *text, size_t size) {
  return (size == 3 && (memcmp(text, "nan", 3) == 0 || memcmp(text, "inf", 3) == 0)) ||
         (size == 8 && memcmp(text, "infinity", 8) == 0);
}

static pome__token_kind read_plain(pome__lexer *lexer) {
  const uint8_t *start = lexer->at;
  size_t left = (size_t)(lexer->end - start);
  bool sign = *start == '-' || *start == '+';
  if (is_digit(*start) || (sign && left >= 2 && (continues_name(start[1]) || start[1] == '.'))) {
    take_number(lexer);
    return POME__TOKEN_NUMBER;
  }
  if (starts_name(*start)) {
    while (lexer->at < lexer->end && continues_name(*lexer->at)) lexer->at++;
    return is_number_word(start, (size_t)(lexer->at - start)) ? POME__TOKEN_NUMBER
                                                              : POME__TOKEN_NAME;
  }
  lexer->at += left >= 2 && start[0] == '-' && start[1] == '>' ? 2 : 1;
  return POME__TOKEN_PUNCT;
}

pome_status pome__lexer_next(pome__lexer *lexer, pome__token *token, pome_error *error) {
  skip_blank(lexer);
  pome__token next = {.kind = POME__TOKEN_END,
                      .text = {lexer->at, 0},
                      .line = lexer->line,
                      .column = (uint32_t)(lexer->at - lexer->line_start) + 1};
  if (lexer->at < lexer->end) {
    uint8_t c = *lexer->at;
    if (c == '"') {
      POME__TRY(read_string(lexer, &next, error));
    } else if (c <= ' ' || c >= 0x7f) {
      return fail(&next, error, "a character that has no place in program text outside strings");
    } else {
      next.kind = read_plain(lexer);
      next.text.size = (size_t)(lexer->at - next.text.data);
    }
  }
  *token = next;
  return POME_OK;
}
