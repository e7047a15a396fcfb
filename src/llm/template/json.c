/* JSON in both directions, as Python's json module reads and writes it: the order of keys, the
 * difference between 1 and 1.0 and integers of any size survive. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/template/render.h"
#include "llm/text/unicode.h"
#include "wire/mil_number.h"

#define MOST_LEVELS   100
#define MESSAGE_LEVEL 3 /* the whole, the list of messages, a message */

/* ---- reading ---- */

typedef struct reader {
  pome__trender *r;
  const char *text;
  size_t size, at, depth;
  bool given; /* within what the conversation says */
  bool turns; /* within its messages */
} reader;

static pome_status fail_json(reader *j, const char *message) {
  uint32_t line = 1, column = 1;
  POME__T_FAIL(j->r, "not valid JSON: %s", message);
  for (size_t i = 0; i < j->at && i < j->size; i++) {
    column++;
    if (j->text[i] == '\n') line++, column = 1;
  }
  pome__error_at_line(j->r->error, line, column);
  return POME_INPUT;
}

static char look(reader *j) {
  while (j->at < j->size && memchr(" \t\r\n", j->text[j->at], 4) != NULL) j->at++;
  return j->at < j->size ? j->text[j->at] : '\0';
}

static bool take_word(reader *j, const char *word) {
  size_t size = strlen(word);
  if (j->size - j->at < size || memcmp(j->text + j->at, word, size) != 0) return false;
  j->at += size;
  return true;
}

static bool read_hex(reader *j, uint32_t *code) {
  *code = 0;
  if (j->size - j->at < 4) return false;
  for (int i = 0; i < 4; i++) {
    char c = j->text[j->at++];
    int digit = c >= '0' && c <= '9'                     ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                         : -1;
    if (digit < 0) return false;
    *code = *code * 16 + (uint32_t)digit;
  }
  return true;
}

/* Behind "\u". */
static pome_status read_code(reader *j, char *out, size_t *size) {
  uint32_t code, low;
  if (!read_hex(j, &code)) return fail_json(j, "a \\u escape needs four hexadecimal digits");
  if (code >= 0xd800 && code < 0xdc00) {
    if (!take_word(j, "\\u") || !read_hex(j, &low) || low < 0xdc00 || low > 0xdfff)
      return fail_json(j, "half a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return fail_json(j, "half a surrogate pair");
  }
  *size += pome__utf8_encode(code, out + *size);
  return POME_OK;
}

static pome_status read_escaped(reader *j, size_t length, pome__tvalue *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char *text;
  size_t size = 0, end = j->at + length;
  POME__TRY(pome__t_alloc(j->r, length + 1, 1, &text));
  while (j->at < end) {
    char c = j->text[j->at++];
    if (c != '\\') {
      text[size++] = c;
      continue;
    }
    c = j->text[j->at++];
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    if (known != NULL) text[size++] = to[known - from];
    else if (c == 'u') POME__TRY(read_code(j, text, &size));
    else return fail_json(j, "an unknown escape");
  }
  *out = pome__t_text(text, size);
  return POME_OK;
}

/* Strings without escapes are views of the text. */
static pome_status read_string(reader *j, pome__tvalue *out) {
  size_t begin = ++j->at, end = begin;
  bool escapes = false;
  for (; end < j->size && j->text[end] != '"'; end++) {
    if ((unsigned char)j->text[end] < 0x20) {
      j->at = end;
      return fail_json(j, "a control character within a string");
    }
    if (j->text[end] != '\\') continue;
    escapes = true;
    end++;
  }
  if (end >= j->size) return fail_json(j, "a string without an end");
  if (escapes) POME__TRY(read_escaped(j, end - begin, out));
  else *out = pome__t_text(j->text + begin, end - begin);
  j->at = end + 1;
  if (j->given) POME__TRY(pome__t_mark(j->r, out->u.text.data, out->u.text.size));
  return pome__t_charge_bytes(j->r, end - begin);
}

static pome_status read_number(reader *j, pome__tvalue *out) {
  size_t begin = j->at, digits;
  bool negative = take_word(j, "-"), real = false;
  digits = j->at;
  while (j->at < j->size && memchr("0123456789", j->text[j->at], 10) != NULL) j->at++;
  if (j->at == digits) return fail_json(j, "a value is missing");
  if (j->text[digits] == '0' && j->at - digits > 1)
    return fail_json(j, "a number that starts with 0");
  size_t whole = j->at;
  for (; j->at < j->size && memchr("0123456789.eE+-", j->text[j->at], 15) != NULL; j->at++)
    real = true;
  if (!real) return pome__t_big_parse(j->r, j->text + digits, whole - digits, 10, negative, out);
  double number;
  pome__bytes text = {(const uint8_t *)j->text + begin, j->at - begin};
  if (!pome__text_double(text, &number)) return fail_json(j, "not a number");
  *out = pome__t_real(number);
  return POME_OK;
}

static pome_status read_value(reader *j, pome__tvalue *out);

static pome_status read_list(reader *j, pome__tvalue *out) {
  pome__tvalue *items = NULL;
  size_t count = 0, room = 0;
  j->at++;
  while (look(j) != ']') {
    if (count > 0) {
      if (look(j) != ',') return fail_json(j, "expected ',' or ']'");
      j->at++;
    }
    if (count == room) {
      pome__tvalue *grown;
      room = room < 4 ? 4 : room * 2;
      POME__TRY(pome__t_alloc(j->r, room, sizeof *grown, &grown));
      if (count > 0) memcpy(grown, items, count * sizeof *items);
      items = grown;
    }
    POME__TRY(read_value(j, &items[count++]));
  }
  j->at++;
  *out = pome__t_list(POME__T_LIST, items, count);
  return POME_OK;
}

/* All of these is the conversation's, but for the names of its messages' roles, which templates
 * make tokens of. */
static bool is_given(reader *j, pome_string key) {
  bool role = j->turns && j->depth == MESSAGE_LEVEL && pome__t_is(key, "role") && look(j) == '"';
  if (j->depth > 1) return j->given && !role;
  j->turns = pome__t_is(key, "messages");
  return j->turns || pome__t_is(key, "tools") || pome__t_is(key, "documents");
}

static pome_status read_object(reader *j, pome__tvalue *out) {
  pome__tdict *dict;
  pome__tvalue key, value;
  POME__TRY(pome__t_dict_new(j->r, 0, &dict));
  j->at++;
  for (bool first = true; look(j) != '}'; first = false) {
    if (!first) {
      if (look(j) != ',') return fail_json(j, "expected ',' or '}'");
      j->at++;
    }
    if (look(j) != '"') return fail_json(j, "expected a key in quotes");
    POME__TRY(read_string(j, &key));
    if (look(j) != ':') return fail_json(j, "expected ':'");
    j->at++;
    bool given = j->given;
    j->given = is_given(j, key.u.text);
    POME__TRY(read_value(j, &value));
    j->given = given;
    POME__TRY(pome__t_dict_set(j->r, dict, &key, &value));
  }
  j->at++;
  *out = (pome__tvalue){.kind = POME__T_DICT, .u.dict = dict};
  return POME_OK;
}

static pome_status read_value(reader *j, pome__tvalue *out) {
  char c = look(j);
  POME__TRY(pome__t_charge(j->r, 1));
  if (c == '"') return read_string(j, out);
  if (c == '{' || c == '[') {
    if (++j->depth > MOST_LEVELS) return fail_json(j, "nested too deep");
    POME__TRY(c == '{' ? read_object(j, out) : read_list(j, out));
    j->depth--;
    return POME_OK;
  }
  if (take_word(j, "true")) return *out = pome__t_bool(true), POME_OK;
  if (take_word(j, "false")) return *out = pome__t_bool(false), POME_OK;
  if (take_word(j, "null")) return *out = pome__t_none(), POME_OK;
  return read_number(j, out);
}

pome_status pome__t_json_read(pome__trender *r, const char *text, size_t size, pome__tvalue *out) {
  reader j = {.r = r, .text = text, .size = size};
  if (!pome__text_is_utf8(text, size)) return POME__T_FAIL(r, "not valid JSON: it is not UTF-8");
  POME__TRY(read_value(&j, out));
  return look(&j) == '\0' && j.at == size ? POME_OK : fail_json(&j, "something behind the value");
}

/* ---- writing ---- */

static pome_status put_code(pome__trender *r, uint32_t unit) {
  char text[8];
  return pome__t_put(r, text, (size_t)snprintf(text, sizeof text, "\\u%04x", (unsigned)unit));
}

static pome_status put_character(pome__trender *r, uint32_t c, const char *bytes, size_t length,
                                 bool ascii) {
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  const char *known = c > 0 && c < 0x80 ? strchr(from, (char)c) : NULL;
  if (known != NULL) {
    const char escape[] = {'\\', to[known - from]};
    return pome__t_put(r, escape, 2);
  }
  if (c < 0x20 || (ascii && c >= 0x7f && c < 0x10000)) return put_code(r, c);
  if (!ascii || c < 0x7f) return pome__t_put(r, bytes, length);
  POME__TRY(put_code(r, 0xd800 + ((c - 0x10000) >> 10)));
  return put_code(r, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

static pome_status put_string(pome__trender *r, pome_string text, bool ascii) {
  POME__TRY(pome__t_put(r, "\"", 1));
  POME__TRY(pome__t_charge(r, text.size / 16));
  size_t plain = 0, length;
  for (size_t at = 0; at < text.size; at += length) {
    unsigned char byte = (unsigned char)text.data[at];
    length = 1;
    if (byte >= 0x20 && byte != '"' && byte != '\\' && (!ascii || byte < 0x7f)) continue;
    uint32_t c = pome__utf8_decode(text.data + at, &length);
    POME__TRY(pome__t_put(r, text.data + plain, at - plain));
    POME__TRY(put_character(r, c, text.data + at, length, ascii));
    plain = at + length;
  }
  POME__TRY(pome__t_put(r, text.data + plain, text.size - plain));
  return pome__t_put(r, "\"", 1);
}

static pome_status put_real(pome__trender *r, double real) {
  if (isnan(real)) return pome__t_put(r, "NaN", 3);
  if (isinf(real)) return real > 0 ? pome__t_put(r, "Infinity", 8) : pome__t_put(r, "-Infinity", 9);
  return pome__t_put_real(r, real);
}

static pome_status put_scalar(pome__trender *r, const pome__tvalue *v) {
  if (v->kind == POME__T_NONE) return pome__t_put(r, "null", 4);
  if (v->kind == POME__T_BOOL)
    return v->u.truth ? pome__t_put(r, "true", 4) : pome__t_put(r, "false", 5);
  if (v->kind == POME__T_FLOAT) return put_real(r, v->u.real);
  return pome__t_put_text(r, v);
}

static pome_status put_break(pome__trender *r, const pome__tjson_form *form, size_t level) {
  if (!form->indented) return POME_OK;
  POME__TRY(pome__t_put(r, "\n", 1));
  for (size_t i = 0; i < level; i++)
    POME__TRY(pome__t_put(r, form->indent.data, form->indent.size));
  return POME_OK;
}

static pome_status put_value(pome__trender *r, const pome__tvalue *v, const pome__tjson_form *form,
                             size_t level);

static pome_status put_list(pome__trender *r, const pome__tvalue *v, const pome__tjson_form *form,
                            size_t level) {
  if (v->u.list.count == 0) return pome__t_put(r, "[]", 2);
  POME__TRY(pome__t_put(r, "[", 1));
  for (size_t i = 0; i < v->u.list.count; i++) {
    if (i > 0) POME__TRY(pome__t_put(r, form->item.data, form->item.size));
    POME__TRY(put_break(r, form, level + 1));
    POME__TRY(put_value(r, &v->u.list.items[i], form, level + 1));
  }
  POME__TRY(put_break(r, form, level));
  return pome__t_put(r, "]", 1);
}

static pome_status put_key(pome__trender *r, const pome__tvalue *key,
                           const pome__tjson_form *form) {
  if (key->kind == POME__T_STRING) return put_string(r, key->u.text, form->ascii);
  if (key->kind != POME__T_NONE && !POME__T_IS_NUMBER(key))
    return POME__T_FAIL(r, "keys must be str, int, float, bool or None, not %s",
                        pome__t_type_name(key));
  POME__TRY(pome__t_put(r, "\"", 1));
  POME__TRY(put_scalar(r, key));
  return pome__t_put(r, "\"", 1);
}

/* The pairs in the order of their keys. */
static pome_status sorted_pairs(pome__trender *r, const pome__tdict *dict, pome__tvalue **keys,
                                pome__tvalue **values) {
  POME__TRY(pome__t_alloc(r, dict->count, sizeof **keys, keys));
  POME__TRY(pome__t_alloc(r, dict->count, sizeof **values, values));
  for (size_t i = 0; i < dict->count; i++) {
    (*keys)[i] = dict->pairs[i].key;
    (*values)[i] = dict->pairs[i].value;
  }
  return pome__t_sort(r, *keys, *values, dict->count, false);
}

static pome_status put_dict(pome__trender *r, const pome__tdict *dict, const pome__tjson_form *form,
                            size_t level) {
  pome__tvalue *keys = NULL, *values = NULL;
  if (dict->count == 0) return pome__t_put(r, "{}", 2);
  if (form->sorted) POME__TRY(sorted_pairs(r, dict, &keys, &values));
  POME__TRY(pome__t_put(r, "{", 1));
  for (size_t i = 0; i < dict->count; i++) {
    if (i > 0) POME__TRY(pome__t_put(r, form->item.data, form->item.size));
    POME__TRY(put_break(r, form, level + 1));
    POME__TRY(put_key(r, form->sorted ? &keys[i] : &dict->pairs[i].key, form));
    POME__TRY(pome__t_put(r, form->key.data, form->key.size));
    POME__TRY(put_value(r, form->sorted ? &values[i] : &dict->pairs[i].value, form, level + 1));
  }
  POME__TRY(put_break(r, form, level));
  return pome__t_put(r, "}", 1);
}

static pome_status put_value(pome__trender *r, const pome__tvalue *v, const pome__tjson_form *form,
                             size_t level) {
  POME__TRY(pome__t_charge(r, 1));
  if (v->kind == POME__T_STRING) return put_string(r, v->u.text, form->ascii);
  if (v->kind == POME__T_NONE || POME__T_IS_NUMBER(v)) return put_scalar(r, v);
  if (v->kind != POME__T_LIST && v->kind != POME__T_TUPLE && v->kind != POME__T_DICT)
    return POME__T_FAIL(r, "Object of type %s is not JSON serializable", pome__t_type_name(v));
  POME__TRY(pome__t_enter(r));
  POME__TRY(v->kind == POME__T_DICT ? put_dict(r, v->u.dict, form, level)
                                    : put_list(r, v, form, level));
  pome__t_leave(r);
  return POME_OK;
}

pome_status pome__t_json_put(pome__trender *r, const pome__tvalue *v,
                             const pome__tjson_form *form) {
  return put_value(r, v, form, 0);
}
