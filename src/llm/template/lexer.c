#include "llm/template/lexer.h"

#include <string.h>

#include "llm/text/unicode.h"
#include "wire/mil_number.h"

/* ---- places ---- */

void pome__t_place(pome__tlexer *lexer, size_t at, uint32_t *line, uint32_t *column) {
  if (at < lexer->counted) lexer->counted = lexer->line = lexer->column_base = 0;
  for (; lexer->counted < at; lexer->counted++) {
    if (lexer->text.data[lexer->counted] != '\n') continue;
    lexer->line++;
    lexer->column_base = lexer->counted + 1;
  }
  *line = (uint32_t)lexer->line + 1;
  *column = (uint32_t)(at - lexer->column_base) + 1;
}

/* Adds the place to an error just set. */
pome_status pome__t_lex_fail(pome__tlexer *lexer, size_t at) {
  uint32_t line, column;
  pome__t_place(lexer, at, &line, &column);
  pome__error_at_line(lexer->r->error, line, column);
  return POME_INPUT;
}

#define LEX_FAIL(lexer, place, ...)                                                                \
  (POME__T_FAIL((lexer)->r, __VA_ARGS__), pome__t_lex_fail((lexer), (place)))

/* ---- characters ---- */

static char peek(const pome__tlexer *lexer, size_t ahead) {
  return lexer->text.size - lexer->at > ahead ? lexer->text.data[lexer->at + ahead] : '\0';
}

static bool starts(const pome__tlexer *lexer, size_t at, const char *what) {
  size_t size = strlen(what);
  return lexer->text.size - at >= size && memcmp(lexer->text.data + at, what, size) == 0;
}

static void skip_spaces(pome__tlexer *lexer) {
  while (lexer->at < lexer->text.size) {
    size_t length;
    if (!pome__t_is_space(pome__utf8_decode(lexer->text.data + lexer->at, &length))) return;
    lexer->at += length;
  }
}

static size_t skip_spaces_from(pome__tlexer *lexer, size_t at) {
  size_t kept = lexer->at;
  lexer->at = at;
  skip_spaces(lexer);
  at = lexer->at;
  lexer->at = kept;
  return at;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

/* ---- whitespace control ---- */

/* Text before a tag that opens with `sign`. */
static pome_string trim_before(const pome__tlexer *lexer, pome_string text, char sign, bool block) {
  if (sign == '-') return pome__t_strip_spaces(text, false, true);
  if (sign == '+' || !block) return text;
  size_t line = text.size;
  while (line > 0 && text.data[line - 1] != '\n') line--;
  if (line == 0 && !lexer->line_start) return text;
  pome_string rest = {text.data + line, text.size - line};
  if (rest.size > 0 && pome__t_strip_spaces(rest, true, false).size == 0) text.size = line;
  return text;
}

/* Behind the end of a tag whose sign has been seen; `newline`: one line end goes too. */
static void trim_after(pome__tlexer *lexer, char sign, bool newline) {
  if (sign == '-') skip_spaces(lexer);
  else if (newline && sign != '+' && peek(lexer, 0) == '\n') lexer->at++;
  lexer->line_start = lexer->text.data[lexer->at - 1] == '\n';
}

static char sign_at(const pome__tlexer *lexer, size_t at) {
  char c = at < lexer->text.size ? lexer->text.data[at] : '\0';
  return c == '-' || c == '+' ? c : '\0';
}

/* ---- outside of tags ---- */

static size_t find_tag(const pome__tlexer *lexer, size_t from) {
  pome_string text = lexer->text;
  for (; from + 1 < text.size; from++) {
    const char *brace = memchr(text.data + from, '{', text.size - 1 - from);
    if (brace == NULL) break;
    from = (size_t)(brace - text.data);
    if (brace[1] == '{' || brace[1] == '%' || brace[1] == '#') return from;
  }
  return text.size;
}

static pome_status skip_comment(pome__tlexer *lexer, size_t open) {
  size_t end = pome__t_find(lexer->text, (pome_string){"#}", 2}, lexer->at);
  if (end == SIZE_MAX) return LEX_FAIL(lexer, open, "the comment that opens here has no end");
  char sign = end > lexer->at ? sign_at(lexer, end - 1) : '\0';
  lexer->at = end + 2;
  trim_after(lexer, sign, true);
  return POME_OK;
}

/* Is this {% raw %}? Then *end is behind it. */
static bool is_raw(pome__tlexer *lexer, size_t at, size_t *end) {
  if (lexer->text.data[at + 1] != '%') return false;
  at += 2;
  if (sign_at(lexer, at)) at++;
  at = skip_spaces_from(lexer, at);
  if (!starts(lexer, at, "raw")) return false;
  at = skip_spaces_from(lexer, at + 3);
  if (starts(lexer, at, "-%}")) *end = skip_spaces_from(lexer, at + 3);
  else if (starts(lexer, at, "%}")) *end = at + 2;
  else return false;
  return true;
}

/* The text of a raw block, up to and with its end. */
static pome_status lex_raw(pome__tlexer *lexer, size_t open, size_t body, pome__ttoken *token) {
  for (size_t tag = body;; tag += 2) {
    tag = pome__t_find(lexer->text, (pome_string){"{%", 2}, tag);
    if (tag == SIZE_MAX) return LEX_FAIL(lexer, open, "the raw block that opens here has no end");
    char sign = sign_at(lexer, tag + 2);
    size_t at = skip_spaces_from(lexer, tag + 2 + (sign != 0));
    if (!starts(lexer, at, "endraw")) continue;
    at = skip_spaces_from(lexer, at + 6);
    char end = sign_at(lexer, at);
    if (!starts(lexer, at + (end != 0), "%}")) continue;
    pome_string text = {lexer->text.data + body, tag - body};
    lexer->line_start = body > 0 && lexer->text.data[body - 1] == '\n';
    token->text = trim_before(lexer, text, sign, true);
    token->kind = POME__T_TOKEN_DATA;
    lexer->at = at + (end != 0) + 2;
    trim_after(lexer, end, true);
    return POME_OK;
  }
}

/* Data up to the next tag; what the tag opens is pending. */
static pome_status lex_data(pome__tlexer *lexer, pome__ttoken *token) {
  size_t start = lexer->at, tag = find_tag(lexer, start), raw;
  token->at = start;
  token->kind = POME__T_TOKEN_DATA;
  token->text = (pome_string){lexer->text.data + start, tag - start};
  lexer->at = tag;
  if (tag == lexer->text.size) {
    if (token->text.size == 0) token->kind = POME__T_TOKEN_END;
    return POME_OK;
  }
  char sign = sign_at(lexer, tag + 2), type = lexer->text.data[tag + 1];
  token->text = trim_before(lexer, token->text, sign, type != '{');
  lexer->line_start = false;
  if (is_raw(lexer, tag, &raw)) {
    lexer->pending = POME__T_TOKEN_DATA;
    lexer->pending_at = tag;
    lexer->at = raw;
    return POME_OK;
  }
  lexer->at = tag + 2 + (sign != '\0');
  if (type == '#') return skip_comment(lexer, tag);
  lexer->pending = type == '%' ? POME__T_TOKEN_BLOCK : POME__T_TOKEN_PRINT;
  lexer->pending_at = tag;
  return POME_OK;
}

static pome_status take_pending(pome__tlexer *lexer, pome__ttoken *token) {
  token->kind = lexer->pending;
  token->at = lexer->pending_at;
  lexer->pending = POME__T_TOKEN_END;
  if (token->kind == POME__T_TOKEN_DATA) return lex_raw(lexer, token->at, lexer->at, token);
  lexer->state = token->kind == POME__T_TOKEN_BLOCK ? POME__T_IN_BLOCK : POME__T_IN_PRINT;
  lexer->depth = 0;
  return POME_OK;
}

/* ---- strings ---- */

static int hex_digit(char c) {
  return is_digit(c)              ? c - '0'
         : (c >= 'a' && c <= 'f') ? c - 'a' + 10
         : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                  : -1;
}

/* `count` digits behind text[at]; -1 when they are not there. */
static int64_t read_hex(pome_string text, size_t at, size_t count) {
  int64_t value = 0;
  if (text.size - at < count) return -1;
  for (size_t i = 0; i < count; i++) {
    int digit = hex_digit(text.data[at + i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* The escape at text[*at], just behind its backslash; writes what it stands for. */
static bool unescape(pome_string text, size_t *at, char *out, size_t *size) {
  static const char simple[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
  char c = text.data[(*at)++];
  for (size_t i = 0; i + 1 < sizeof simple; i += 2) {
    if (simple[i] != c) continue;
    out[(*size)++] = simple[i + 1];
    return true;
  }
  if (c == '\n') return true;
  int64_t code = -1;
  if (c == 'x' || c == 'u' || c == 'U') {
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    code = read_hex(text, *at, digits);
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    *at += digits;
  } else if (c >= '0' && c <= '7') {
    code = c - '0';
    for (int i = 0; i < 2 && *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '7'; i++)
      code = code * 8 + (text.data[(*at)++] - '0');
  } else if (c == 'N') {
    return false;
  }
  if (code >= 0) {
    *size += pome__utf8_encode((uint32_t)code, out + *size);
    return true;
  }
  out[(*size)++] = '\\';
  out[(*size)++] = c;
  return true;
}

static pome_status lex_string(pome__tlexer *lexer, pome__ttoken *token) {
  char quote = peek(lexer, 0);
  size_t end = lexer->at + 1;
  bool escapes = false;
  for (; end < lexer->text.size && lexer->text.data[end] != quote; end++) {
    if (lexer->text.data[end] != '\\') continue;
    escapes = true;
    end++;
  }
  if (end >= lexer->text.size) return LEX_FAIL(lexer, lexer->at, "the string has no end");
  pome_string raw = {lexer->text.data + lexer->at + 1, end - lexer->at - 1};
  token->kind = POME__T_TOKEN_STRING;
  token->value = pome__t_text(raw.data, raw.size);
  lexer->at = end + 1;
  if (!escapes) return POME_OK;
  /* An octal escape of two digits becomes at most two bytes: nothing grows. */
  char *text;
  size_t size = 0;
  POME__TRY(pome__t_alloc(lexer->r, raw.size + 4, 1, &text));
  for (size_t at = 0; at < raw.size;) {
    if (raw.data[at] != '\\') text[size++] = raw.data[at++];
    else if (at++, !unescape(raw, &at, text, &size))
      return LEX_FAIL(lexer, token->at, "an escape in this string stands for no character");
  }
  token->value = pome__t_text(text, size);
  return POME_OK;
}

/* ---- numbers ---- */

static size_t skip_digits(const pome__tlexer *lexer, size_t at) {
  size_t digits = at;
  while (digits < lexer->text.size &&
         (is_digit(lexer->text.data[digits]) ||
          (lexer->text.data[digits] == '_' && digits > at && digits + 1 < lexer->text.size &&
           is_digit(lexer->text.data[digits + 1]))))
    digits++;
  return digits;
}

/* Digits without their underscores. */
static pome_status clean_number(pome__tlexer *lexer, size_t begin, size_t end, pome_string *out) {
  char *text;
  size_t size = 0;
  POME__TRY(pome__t_alloc(lexer->r, end - begin + 1, 1, &text));
  for (size_t i = begin; i < end; i++)
    if (lexer->text.data[i] != '_') text[size++] = lexer->text.data[i];
  *out = (pome_string){text, size};
  return POME_OK;
}

static pome_status lex_based(pome__tlexer *lexer, int base, pome__ttoken *token) {
  size_t begin = lexer->at + 2, end = begin;
  while (end < lexer->text.size &&
         (lexer->text.data[end] == '_' ||
          (hex_digit(lexer->text.data[end]) >= 0 && hex_digit(lexer->text.data[end]) < base)))
    end++;
  pome_string digits;
  POME__TRY(clean_number(lexer, begin, end, &digits));
  lexer->at = end;
  return pome__t_big_parse(lexer->r, digits.data, digits.size, base, false, &token->value);
}

static int based(const pome__tlexer *lexer) {
  char x = (char)(peek(lexer, 1) | 0x20);
  int base = peek(lexer, 0) != '0' ? 0 : x == 'x' ? 16 : x == 'o' ? 8 : x == 'b' ? 2 : 0;
  int digit = hex_digit(peek(lexer, 2));
  return digit >= 0 && digit < base ? base : 0;
}

static pome_status lex_number(pome__tlexer *lexer, pome__ttoken *token) {
  token->kind = POME__T_TOKEN_NUMBER;
  int base = based(lexer);
  if (base > 0) return lex_based(lexer, base, token);
  size_t begin = lexer->at, end = skip_digits(lexer, begin);
  bool real = false;
  /* A number behind a dot is an index: "a.0.1". */
  bool whole = begin > 0 && lexer->text.data[begin - 1] == '.';
  if (!whole && end + 1 < lexer->text.size && lexer->text.data[end] == '.' &&
      is_digit(lexer->text.data[end + 1])) {
    end = skip_digits(lexer, end + 1);
    real = true;
  }
  if (!whole && end < lexer->text.size && (lexer->text.data[end] | 0x20) == 'e') {
    size_t exponent = end + 1 + (sign_at(lexer, end + 1) != '\0');
    if (exponent < lexer->text.size && is_digit(lexer->text.data[exponent])) {
      end = skip_digits(lexer, exponent);
      real = true;
    }
  }
  pome_string text;
  POME__TRY(clean_number(lexer, begin, end, &text));
  lexer->at = end;
  if (!real) return pome__t_big_parse(lexer->r, text.data, text.size, 10, false, &token->value);
  double number;
  if (!pome__text_double((pome__bytes){(const uint8_t *)text.data, text.size}, &number))
    return LEX_FAIL(lexer, begin, "a number out of range");
  token->value = pome__t_real(number);
  return POME_OK;
}

/* ---- inside of tags ---- */

static pome_status lex_sign(pome__tlexer *lexer, pome__ttoken *token) {
  static const char *const signs[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                      "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                      ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    if (!starts(lexer, lexer->at, signs[i])) continue;
    token->kind = POME__T_TOKEN_SIGN;
    token->text = (pome_string){signs[i], strlen(signs[i])};
    lexer->at += token->text.size;
    char c = signs[i][0];
    const char *close = strchr("([{", c), *open = strchr(")]}", c);
    if (close != NULL) {
      if (lexer->depth == POME__T_MOST_BRACKETS)
        return LEX_FAIL(lexer, token->at, "brackets nested more than %d deep",
                        POME__T_MOST_BRACKETS);
      lexer->brackets[lexer->depth++] = ")]}"[strchr("([{", c) - "([{"];
    } else if (open != NULL) {
      if (lexer->depth == 0) return LEX_FAIL(lexer, token->at, "unexpected '%c'", c);
      char expected = lexer->brackets[--lexer->depth];
      if (expected != c)
        return LEX_FAIL(lexer, token->at, "unexpected '%c', expected '%c'", c, expected);
    }
    return POME_OK;
  }
  size_t length;
  pome__utf8_decode(lexer->text.data + lexer->at, &length);
  return LEX_FAIL(lexer, lexer->at, "unexpected character '%.*s'", (int)length,
                  lexer->text.data + lexer->at);
}

/* The end of a tag, if it is here; only outside of brackets. */
static bool lex_tag_end(pome__tlexer *lexer, pome__ttoken *token) {
  bool block = lexer->state == POME__T_IN_BLOCK;
  char sign = sign_at(lexer, lexer->at);
  if (lexer->depth > 0 || (sign == '+' && !block) ||
      !starts(lexer, lexer->at + (sign != '\0'), block ? "%}" : "}}"))
    return false;
  token->kind = block ? POME__T_TOKEN_BLOCK_END : POME__T_TOKEN_PRINT_END;
  lexer->at += (size_t)(sign != '\0') + 2;
  lexer->state = POME__T_IN_DATA;
  trim_after(lexer, sign, block);
  return true;
}

static pome_status lex_tag(pome__tlexer *lexer, pome__ttoken *token) {
  skip_spaces(lexer);
  token->at = lexer->at;
  if (lexer->at == lexer->text.size) {
    token->kind = POME__T_TOKEN_END;
    return POME_OK;
  }
  if (lex_tag_end(lexer, token)) return POME_OK;
  char c = peek(lexer, 0);
  if (is_digit(c)) return lex_number(lexer, token);
  if (c == '\'' || c == '"') return lex_string(lexer, token);
  if (!is_name_start(c)) return lex_sign(lexer, token);
  size_t begin = lexer->at;
  while (is_name_start(peek(lexer, 0)) || is_digit(peek(lexer, 0))) lexer->at++;
  token->kind = POME__T_TOKEN_NAME;
  token->text = (pome_string){lexer->text.data + begin, lexer->at - begin};
  return POME_OK;
}

pome_status pome__t_lex(pome__tlexer *lexer, pome__ttoken *token) {
  *token = (pome__ttoken){.at = lexer->at};
  if (lexer->pending != POME__T_TOKEN_END) return take_pending(lexer, token);
  if (lexer->state != POME__T_IN_DATA) return lex_tag(lexer, token);
  do POME__TRY(lex_data(lexer, token));
  while (token->kind == POME__T_TOKEN_DATA && token->text.size == 0 &&
         lexer->pending == POME__T_TOKEN_END);
  if (token->kind == POME__T_TOKEN_DATA && token->text.size == 0) {
    *token = (pome__ttoken){.at = lexer->at};
    return take_pending(lexer, token);
  }
  return POME_OK;
}
