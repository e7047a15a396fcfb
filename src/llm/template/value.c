/* What values are: truth, length, items, membership, dictionaries, and how they print. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"
#include "wire/mil_number.h"

const char *pome__t_type_name(const pome__tvalue *v) {
  static const char *const names[] = {
      "missing",  "Undefined", "NoneType",  "bool",        "int",        "int",
      "float",    "str",       "bytes",     "list",        "tuple",      "dict",
      "range",    "generator", "dict_keys", "dict_values", "dict_items", "Namespace",
      "function", "method",    "Macro",     "LoopContext", "Cycler",     "Joiner"};
  return v->kind == POME__T_STRING && v->safe ? "Markup" : names[v->kind];
}

bool pome__t_truth(const pome__tvalue *v) {
  switch ((pome__tkind)v->kind) {
  case POME__T_MISSING:
  case POME__T_UNDEFINED:
  case POME__T_NONE: return false;
  case POME__T_BOOL: return v->u.truth;
  case POME__T_INT: return v->u.integer != 0;
  case POME__T_FLOAT: return v->u.real != 0;
  case POME__T_STRING:
  case POME__T_BYTES: return v->u.text.size > 0;
  case POME__T_LIST:
  case POME__T_TUPLE:
  case POME__T_KEYS:
  case POME__T_VALUES:
  case POME__T_ITEMS: return v->u.list.count > 0;
  case POME__T_DICT: return v->u.dict->count > 0;
  case POME__T_RANGE: return v->u.range->count > 0;
  default: return true;
  }
}

pome_status pome__t_fail_undefined(pome__trender *r, const pome__tvalue *v) {
  if (v->denied)
    return POME__T_FAIL(r, "the attribute '%.*s' may not be reached from a template",
                        POME__T_NAME(v->u.text));
  return POME__T_FAIL(r, "'%.*s' is undefined", POME__T_NAME(v->u.text));
}

/* ---- length and items ---- */

pome_status pome__t_length(pome__trender *r, const pome__tvalue *v, size_t *length) {
  if (v->kind == POME__T_STRING) {
    POME__TRY(pome__t_charge_bytes(r, v->u.text.size));
    *length = pome__t_count_characters(v->u.text);
  } else if (v->kind == POME__T_BYTES) {
    *length = v->u.text.size;
  } else if (v->kind == POME__T_UNDEFINED) {
    *length = 0;
  } else if (POME__T_HAS_LIST(v) && v->kind != POME__T_ITERATOR) {
    *length = v->u.list.count;
  } else if (v->kind == POME__T_DICT) {
    *length = v->u.dict->count;
  } else if (v->kind == POME__T_RANGE) {
    *length = v->u.range->count;
  } else if (v->kind == POME__T_LOOP) {
    *length = v->u.loop->count;
  } else {
    return POME__T_FAIL(r, "object of type '%s' has no len()", pome__t_type_name(v));
  }
  return POME_OK;
}

static pome_status characters(pome__trender *r, const pome__tvalue *v, pome__tvalue *list) {
  pome_string text = v->u.text;
  size_t count = pome__t_count_characters(text), length;
  pome__tvalue *items;
  POME__TRY(pome__t_charge(r, count));
  POME__TRY(pome__t_alloc(r, count, sizeof *items, &items));
  for (size_t at = 0, i = 0; at < text.size; at += length, i++) {
    length = pome__utf8_length(text.data[at]);
    items[i] = pome__t_text(text.data + at, length);
  }
  *list = pome__t_list(POME__T_LIST, items, count);
  return POME_OK;
}

static pome_status keys(pome__trender *r, const pome__tdict *dict, pome__tvalue *list) {
  pome__tvalue *items;
  POME__TRY(pome__t_charge(r, dict->count));
  POME__TRY(pome__t_alloc(r, dict->count, sizeof *items, &items));
  for (size_t i = 0; i < dict->count; i++) items[i] = dict->pairs[i].key;
  *list = pome__t_list(POME__T_LIST, items, dict->count);
  return POME_OK;
}

static pome_status numbers(pome__trender *r, const pome__trange *range, pome__tvalue *list) {
  pome__tvalue *items;
  POME__TRY(pome__t_charge(r, range->count));
  POME__TRY(pome__t_alloc(r, range->count, sizeof *items, &items));
  for (size_t i = 0; i < range->count; i++)
    items[i] = pome__t_int(range->start + (int64_t)i * range->step);
  *list = pome__t_list(POME__T_LIST, items, range->count);
  return POME_OK;
}

pome_status pome__t_items(pome__trender *r, const pome__tvalue *v, pome__tvalue *list) {
  if (POME__T_HAS_LIST(v))
    return *list = pome__t_list(POME__T_LIST, v->u.list.items, v->u.list.count), POME_OK;
  if (v->kind == POME__T_UNDEFINED && !v->denied)
    return *list = pome__t_list(POME__T_LIST, NULL, 0), POME_OK;
  if (v->kind == POME__T_STRING) return characters(r, v, list);
  if (v->kind == POME__T_DICT) return keys(r, v->u.dict, list);
  if (v->kind == POME__T_RANGE) return numbers(r, v->u.range, list);
  if (v->kind == POME__T_LOOP)
    return *list = pome__t_list(POME__T_LIST, v->u.loop->items, v->u.loop->count), POME_OK;
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  return POME__T_FAIL(r, "'%s' object is not iterable", pome__t_type_name(v));
}

pome_status pome__t_contains(pome__trender *r, const pome__tvalue *container,
                             const pome__tvalue *item, bool *found) {
  *found = false;
  if (container->kind == POME__T_STRING) {
    if (item->kind != POME__T_STRING)
      return POME__T_FAIL(r, "'in <string>' requires string as left operand, not %s",
                          pome__t_type_name(item));
    POME__TRY(pome__t_charge_bytes(r, container->u.text.size));
    *found = pome__t_find(container->u.text, item->u.text, 0) != SIZE_MAX;
    return POME_OK;
  }
  if (container->kind == POME__T_DICT) {
    const pome__tvalue *value;
    POME__TRY(pome__t_dict_find(r, container->u.dict, item, &value));
    *found = value != NULL;
    return POME_OK;
  }
  pome__tvalue list;
  if (container->kind == POME__T_NONE || POME__T_IS_NUMBER(container))
    return POME__T_FAIL(r, "argument of type '%s' is not iterable", pome__t_type_name(container));
  POME__TRY(pome__t_items(r, container, &list));
  for (size_t i = 0; i < list.u.list.count && !*found; i++)
    POME__TRY(pome__t_equal(r, item, &list.u.list.items[i], found));
  return POME_OK;
}

/* ---- dictionaries ---- */

#define FEW 8 /* pairs found by looking at each */

static uint32_t hash(const pome__tvalue *key) {
  uint64_t h = 14695981039346656037u;
  if (key->kind == POME__T_STRING) {
    for (size_t i = 0; i < key->u.text.size; i++)
      h = (h ^ (uint8_t)key->u.text.data[i]) * 1099511628211u;
  } else if (POME__T_IS_NUMBER(key)) {
    double d =
        pome__t_to_real(key) + 0.0; /* equal numbers, equal hashes, whatever the type; -0 is 0 */
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    h = (h ^ bits) * 1099511628211u;
  }
  return (uint32_t)(h ^ h >> 32);
}

pome_status pome__t_check_key(pome__trender *r, const pome__tvalue *key) {
  if (key->kind == POME__T_LIST || key->kind == POME__T_DICT)
    return POME__T_FAIL(r, "unhashable type: '%s'", pome__t_type_name(key));
  if (key->kind != POME__T_TUPLE) return POME_OK;
  POME__TRY(pome__t_enter(r));
  POME__TRY(pome__t_charge(r, key->u.list.count));
  for (size_t i = 0; i < key->u.list.count; i++)
    POME__TRY(pome__t_check_key(r, &key->u.list.items[i]));
  pome__t_leave(r);
  return POME_OK;
}

/* Index of the key, or the count. */
static pome_status find_index(pome__trender *r, const pome__tdict *dict, const pome__tvalue *key,
                              size_t *index) {
  bool equal = false;
  POME__TRY(pome__t_charge_bytes(r, key->kind == POME__T_STRING ? key->u.text.size : 0));
  if (dict->slot_count == 0) {
    for (*index = 0; *index < dict->count; ++*index) {
      POME__TRY(pome__t_equal(r, &dict->pairs[*index].key, key, &equal));
      if (equal) return POME_OK;
    }
    return POME_OK;
  }
  size_t mask = dict->slot_count - 1;
  for (size_t at = hash(key) & mask; dict->slots[at] != 0; at = (at + 1) & mask) {
    *index = dict->slots[at] - 1;
    POME__TRY(pome__t_equal(r, &dict->pairs[*index].key, key, &equal));
    if (equal) return POME_OK;
  }
  *index = dict->count;
  return POME_OK;
}

static void put_slot(pome__tdict *dict, size_t index) {
  size_t mask = dict->slot_count - 1, at = hash(&dict->pairs[index].key) & mask;
  while (dict->slots[at] != 0) at = (at + 1) & mask;
  dict->slots[at] = (uint32_t)index + 1;
}

static pome_status grow_dict(pome__trender *r, pome__tdict *dict) {
  size_t room = dict->room * 2 < 4 ? 4 : dict->room * 2;
  pome__tpair *pairs;
  POME__TRY(pome__t_alloc(r, room, sizeof *pairs, &pairs));
  if (dict->count > 0) memcpy(pairs, dict->pairs, dict->count * sizeof *pairs);
  dict->pairs = pairs;
  dict->room = room;
  if (room <= FEW) return POME_OK;
  size_t slots = 16;
  while (slots < room * 2) slots *= 2;
  POME__TRY(pome__t_alloc(r, slots, sizeof *dict->slots, &dict->slots));
  dict->slot_count = slots;
  for (size_t i = 0; i < dict->count; i++) put_slot(dict, i);
  return POME_OK;
}

pome_status pome__t_dict_new(pome__trender *r, size_t room, pome__tdict **dict) {
  POME__TRY(pome__t_alloc(r, 1, sizeof **dict, dict));
  while ((*dict)->room < room) POME__TRY(grow_dict(r, *dict));
  return POME_OK;
}

pome_status pome__t_dict_set(pome__trender *r, pome__tdict *dict, const pome__tvalue *key,
                             const pome__tvalue *value) {
  size_t index;
  POME__TRY(pome__t_check_key(r, key));
  POME__TRY(find_index(r, dict, key, &index));
  if (index < dict->count) return dict->pairs[index].value = *value, POME_OK;
  if (dict->count == dict->room) POME__TRY(grow_dict(r, dict));
  dict->pairs[dict->count++] = (pome__tpair){*key, *value};
  if (dict->slot_count > 0) put_slot(dict, index);
  return POME_OK;
}

pome_status pome__t_dict_find(pome__trender *r, const pome__tdict *dict, const pome__tvalue *key,
                              const pome__tvalue **value) {
  size_t index;
  *value = NULL;
  POME__TRY(pome__t_check_key(r, key));
  POME__TRY(find_index(r, dict, key, &index));
  if (index < dict->count) *value = &dict->pairs[index].value;
  return POME_OK;
}

/* ---- printing ---- */

/* The fewest digits that read back as the same number, in Python's form. */
pome_status pome__t_put_real(pome__trender *r, double real) {
  char text[40], digits[24], out[48];
  if (isnan(real)) return pome__t_put(r, "nan", 3);
  if (isinf(real)) return real > 0 ? pome__t_put(r, "inf", 3) : pome__t_put(r, "-inf", 4);
  for (int precision = 0; precision < 17; precision++) {
    double back;
    int size = snprintf(text, sizeof text, "%.*e", precision, fabs(real));
    for (int i = 0; i < size; i++)
      if (text[i] == ',') text[i] = '.'; /* a locale's */
    if (pome__text_double((pome__bytes){(const uint8_t *)text, (size_t)size}, &back) &&
        back == fabs(real))
      break;
  }
  int exponent = 0, count = 0, used = 0;
  const char *e = strchr(text, 'e');
  for (const char *at = text; at < e; at++)
    if (*at != '.') digits[count++] = *at;
  for (const char *at = e + 2; *at; at++) exponent = exponent * 10 + (*at - '0');
  if (e[1] == '-') exponent = -exponent;
  if (signbit(real)) out[used++] = '-';
  if (exponent < -4 || exponent >= 16) {
    out[used++] = digits[0];
    if (count > 1) out[used++] = '.';
    for (int i = 1; i < count; i++) out[used++] = digits[i];
    used += snprintf(out + used, sizeof out - (size_t)used, "e%c%02d", exponent < 0 ? '-' : '+',
                     exponent < 0 ? -exponent : exponent);
    return pome__t_put(r, out, (size_t)used);
  }
  int point = exponent + 1; /* digits before it */
  if (point <= 0) {
    out[used++] = '0';
    out[used++] = '.';
    for (int i = point; i < 0; i++) out[used++] = '0';
  }
  for (int i = 0; i < count || i < point; i++) {
    if (i == point && point > 0) out[used++] = '.';
    out[used++] = i < count ? digits[i] : '0';
  }
  if (point >= count) {
    out[used++] = '.';
    out[used++] = '0';
  }
  return pome__t_put(r, out, (size_t)used);
}

static pome_status put_quoted_character(pome__trender *r, uint32_t c, char quote, const char *bytes,
                                        size_t length) {
  char text[16];
  int size = 0;
  if (c == (uint32_t)quote || c == '\\') size = snprintf(text, sizeof text, "\\%c", (char)c);
  else if (c == '\n') size = snprintf(text, sizeof text, "\\n");
  else if (c == '\r') size = snprintf(text, sizeof text, "\\r");
  else if (c == '\t') size = snprintf(text, sizeof text, "\\t");
  else if (pome__t_is_printable(c)) return pome__t_put(r, bytes, length);
  else if (c < 0x100) size = snprintf(text, sizeof text, "\\x%02x", (unsigned)c);
  else if (c < 0x10000) size = snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
  else size = snprintf(text, sizeof text, "\\U%08x", (unsigned)c);
  return pome__t_put(r, text, (size_t)size);
}

static pome_status put_quoted(pome__trender *r, pome_string text, bool bytes) {
  bool apostrophe = text.size > 0 && memchr(text.data, '\'', text.size) != NULL;
  char quote = apostrophe && memchr(text.data, '"', text.size) == NULL ? '"' : '\'';
  POME__TRY(pome__t_charge(r, text.size / 8));
  if (bytes) POME__TRY(pome__t_put(r, "b", 1));
  POME__TRY(pome__t_put(r, &quote, 1));
  for (size_t at = 0, length; at < text.size; at += length) {
    uint32_t c;
    if (bytes) {
      length = 1;
      c = (uint8_t)text.data[at];
      if (c >= 0x7f) {
        char escape[8];
        POME__TRY(pome__t_put(r, escape,
                              (size_t)snprintf(escape, sizeof escape, "\\x%02x", (unsigned)c)));
        continue;
      }
    } else {
      c = pome__utf8_decode(text.data + at, &length);
    }
    POME__TRY(put_quoted_character(r, c, quote, text.data + at, length));
  }
  return pome__t_put(r, &quote, 1);
}

static pome_status put_items(pome__trender *r, const pome__tvalue *v, char open, char close) {
  POME__TRY(pome__t_put(r, &open, 1));
  for (size_t i = 0; i < v->u.list.count; i++) {
    if (i > 0) POME__TRY(pome__t_put(r, ", ", 2));
    POME__TRY(pome__t_put_repr(r, &v->u.list.items[i]));
  }
  if (v->kind == POME__T_TUPLE && v->u.list.count == 1) POME__TRY(pome__t_put(r, ",", 1));
  return pome__t_put(r, &close, 1);
}

static pome_status put_dict(pome__trender *r, const pome__tdict *dict) {
  POME__TRY(pome__t_put(r, "{", 1));
  for (size_t i = 0; i < dict->count; i++) {
    if (i > 0) POME__TRY(pome__t_put(r, ", ", 2));
    POME__TRY(pome__t_put_repr(r, &dict->pairs[i].key));
    POME__TRY(pome__t_put(r, ": ", 2));
    POME__TRY(pome__t_put_repr(r, &dict->pairs[i].value));
  }
  return pome__t_put(r, "}", 1);
}

static pome_status put_formatted(pome__trender *r, const char *format, const char *name) {
  char text[128];
  int size = snprintf(text, sizeof text, format, name);
  return pome__t_put(r, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

static pome_status put_range(pome__trender *r, const pome__trange *range) {
  char text[80];
  int size = range->step == 1
                 ? snprintf(text, sizeof text, "range(%lld, %lld)", (long long)range->start,
                            (long long)range->stop)
                 : snprintf(text, sizeof text, "range(%lld, %lld, %lld)", (long long)range->start,
                            (long long)range->stop, (long long)range->step);
  return pome__t_put(r, text, (size_t)size);
}

static pome_status put_other(pome__trender *r, const pome__tvalue *v) {
  switch ((pome__tkind)v->kind) {
  case POME__T_LIST: return put_items(r, v, '[', ']');
  case POME__T_TUPLE: return put_items(r, v, '(', ')');
  case POME__T_DICT: return put_dict(r, v->u.dict);
  case POME__T_RANGE: return put_range(r, v->u.range);
  case POME__T_KEYS:
  case POME__T_VALUES:
  case POME__T_ITEMS:
    POME__TRY(put_formatted(r, "%s(", pome__t_type_name(v)));
    POME__TRY(put_items(r, v, '[', ']'));
    return pome__t_put(r, ")", 1);
  case POME__T_NAMESPACE:
    POME__TRY(pome__t_put(r, "<Namespace ", 11));
    POME__TRY(put_dict(r, &v->u.names->dict));
    return pome__t_put(r, ">", 1);
  case POME__T_LOOP: {
    char text[64];
    int size = snprintf(text, sizeof text, "<LoopContext %zu/%zu>", v->u.loop->index + 1,
                        v->u.loop->count);
    return pome__t_put(r, text, (size_t)size);
  }
  default: return put_formatted(r, "<%s object>", pome__t_type_name(v));
  }
}

pome_status pome__t_put_repr(pome__trender *r, const pome__tvalue *v) {
  if (v->kind == POME__T_UNDEFINED) return pome__t_put(r, "Undefined", 9);
  if (v->kind == POME__T_BYTES) return put_quoted(r, v->u.text, true);
  if (v->kind != POME__T_STRING) return pome__t_put_text(r, v);
  if (v->safe) POME__TRY(pome__t_put(r, "Markup(", 7));
  POME__TRY(put_quoted(r, v->u.text, false));
  return v->safe ? pome__t_put(r, ")", 1) : POME_OK;
}

pome_status pome__t_put_text(pome__trender *r, const pome__tvalue *v) {
  char text[32];
  POME__TRY(pome__t_charge(r, 1));
  switch ((pome__tkind)v->kind) {
  case POME__T_MISSING:
  case POME__T_UNDEFINED: return POME_OK;
  case POME__T_NONE: return pome__t_put(r, "None", 4);
  case POME__T_BOOL: return v->u.truth ? pome__t_put(r, "True", 4) : pome__t_put(r, "False", 5);
  case POME__T_INT:
    return pome__t_put(r, text,
                       (size_t)snprintf(text, sizeof text, "%lld", (long long)v->u.integer));
  case POME__T_BIG: return pome__t_big_put(r, v->u.big);
  case POME__T_FLOAT: return pome__t_put_real(r, v->u.real);
  case POME__T_STRING: return pome__t_put(r, v->u.text.data, v->u.text.size);
  case POME__T_BYTES: return put_quoted(r, v->u.text, true);
  default: break;
  }
  /* Containers may hold others: a namespace even itself. */
  POME__TRY(pome__t_enter(r));
  POME__TRY(put_other(r, v));
  pome__t_leave(r);
  return POME_OK;
}

pome_status pome__t_to_text(pome__trender *r, const pome__tvalue *v, pome__tvalue *out) {
  if (v->kind == POME__T_STRING) return *out = *v, POME_OK;
  size_t mark = r->out_size;
  POME__TRY(pome__t_put_text(r, v));
  return pome__t_take(r, mark, out);
}
