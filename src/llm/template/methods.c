/* Methods that templates use most: cutting and searching text, and those of lists and mappings. */
#include <string.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"

/* A part of the text, with its mark. */
static pome__tvalue part(const pome__tvalue *text, size_t begin, size_t end) {
  pome__tvalue v = pome__t_text(text->u.text.data + begin, end - begin);
  v.safe = text->safe;
  return v;
}

/* ---- strip ---- */

static bool has_character(pome_string set, const char *character, size_t length) {
  return pome__t_find(set, (pome_string){character, length}, 0) != SIZE_MAX;
}

static pome_status strip_sides(pome__tcall *c, bool left, bool right, pome__tvalue *out) {
  pome_string text = c->self->u.text, set;
  POME__TRY(pome__t_charge_bytes(c->r, text.size));
  if (c->bound[0].kind == POME__T_MISSING || c->bound[0].kind == POME__T_NONE) {
    text = pome__t_strip_spaces(text, left, right);
  } else {
    POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &set));
    size_t length, begin;
    while (left && text.size > 0) {
      length = pome__utf8_length(text.data[0]);
      if (!has_character(set, text.data, length)) break;
      POME__TRY(pome__t_charge(c->r, 1 + set.size / 64));
      text.data += length;
      text.size -= length;
    }
    while (right && text.size > 0) {
      pome__utf8_last(text.data, text.size, &begin);
      if (!has_character(set, text.data + begin, text.size - begin)) break;
      POME__TRY(pome__t_charge(c->r, 1 + set.size / 64));
      text.size = begin;
    }
  }
  *out = pome__t_text(text.data, text.size);
  out->safe = c->self->safe;
  return POME_OK;
}

static pome_status strip(pome__tcall *c, pome__tvalue *out) {
  return strip_sides(c, true, true, out);
}
static pome_status lstrip(pome__tcall *c, pome__tvalue *out) {
  return strip_sides(c, true, false, out);
}
static pome_status rstrip(pome__tcall *c, pome__tvalue *out) {
  return strip_sides(c, false, true, out);
}

/* ---- split ---- */

typedef struct pieces {
  pome__tcall *c;
  pome__tvalue *items;
  size_t count, room;
} pieces;

static pome_status add_piece(pieces *p, size_t begin, size_t end) {
  POME__TRY(pome__t_charge(p->c->r, 1));
  if (p->count == p->room) {
    pome__tvalue *grown;
    p->room = p->room == 0 ? 4 : p->room * 2;
    POME__TRY(pome__t_alloc(p->c->r, p->room, sizeof *grown, &grown));
    if (p->count > 0) memcpy(grown, p->items, p->count * sizeof *grown);
    p->items = grown;
  }
  p->items[p->count++] = part(p->c->self, begin, end);
  return POME_OK;
}

/* The blanks from `at` on end there. */
static size_t skip(pome_string text, size_t at, bool spaces) {
  for (size_t length; at < text.size; at += length)
    if (pome__t_is_space(pome__utf8_decode(text.data + at, &length)) != spaces) break;
  return at;
}

static pome_status split_at_spaces(pieces *p, int64_t most) {
  pome_string text = p->c->self->u.text;
  for (size_t at = skip(text, 0, true), end; at < text.size; at = skip(text, end, true)) {
    end = skip(text, at, false);
    if (most >= 0 && (int64_t)p->count == most) end = text.size;
    POME__TRY(add_piece(p, at, end));
    if (most >= 0 && (int64_t)p->count > most) break;
  }
  return POME_OK;
}

static pome_status split_at(pieces *p, pome_string by, int64_t most) {
  pome_string text = p->c->self->u.text;
  size_t at = 0, found;
  while ((most < 0 || (int64_t)p->count < most) &&
         (found = pome__t_find(text, by, at)) != SIZE_MAX) {
    POME__TRY(add_piece(p, at, found));
    at = found + by.size;
  }
  return add_piece(p, at, text.size);
}

static pome_status split(pome__tcall *c, pome__tvalue *out) {
  pieces p = {.c = c};
  int64_t most;
  pome_string by;
  POME__TRY(pome__t_charge_bytes(c->r, c->self->u.text.size));
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[1], -1, &most));
  if (c->bound[0].kind == POME__T_MISSING || c->bound[0].kind == POME__T_NONE) {
    POME__TRY(split_at_spaces(&p, most));
  } else {
    POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &by));
    if (by.size == 0) return POME__T_FAIL(c->r, "empty separator");
    POME__TRY(split_at(&p, by, most));
  }
  *out = pome__t_list(POME__T_LIST, p.items, p.count);
  return POME_OK;
}

/* From the right: all places are found from the left, and the last ones used. Separators that
 * overlap each other would differ; they are looked for from the right. */
static size_t find_last(pome_string text, pome_string what) {
  for (size_t at = text.size < what.size ? SIZE_MAX : text.size - what.size; at != SIZE_MAX; at--)
    if (memcmp(text.data + at, what.data, what.size) == 0) return at;
  return SIZE_MAX;
}

static pome_status rsplit(pome__tcall *c, pome__tvalue *out) {
  int64_t most;
  pome_string by, text = c->self->u.text;
  POME__TRY(pome__t_integer_argument(c->r, &c->bound[1], -1, &most));
  if (c->bound[0].kind == POME__T_MISSING || c->bound[0].kind == POME__T_NONE) {
    if (most >= 0) return POME__T_FAIL(c->r, "rsplit at blanks with a limit is not supported");
    return split(c, out);
  }
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &by));
  if (by.size == 0) return POME__T_FAIL(c->r, "empty separator");
  pieces p = {.c = c};
  while (most < 0 || (int64_t)p.count < most) {
    size_t found = find_last(text, by);
    POME__TRY(pome__t_charge(c->r, 1 + (text.size - (found == SIZE_MAX ? 0 : found)) / 16));
    if (found == SIZE_MAX) break;
    POME__TRY(add_piece(&p, found + by.size, text.size));
    text.size = found;
  }
  POME__TRY(add_piece(&p, 0, text.size));
  for (size_t i = 0; i < p.count / 2; i++) {
    pome__tvalue kept = p.items[i];
    p.items[i] = p.items[p.count - 1 - i];
    p.items[p.count - 1 - i] = kept;
  }
  *out = pome__t_list(POME__T_LIST, p.items, p.count);
  return POME_OK;
}

static bool is_line_end(uint32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

static pome_status splitlines(pome__tcall *c, pome__tvalue *out) {
  pieces p = {.c = c};
  pome_string text = c->self->u.text;
  bool keep = pome__t_truth(&c->bound[0]);
  size_t begin = 0, length;
  for (size_t at = 0; at < text.size; at += length) {
    if (!is_line_end(pome__utf8_decode(text.data + at, &length))) continue;
    if (text.data[at] == '\r' && at + 1 < text.size && text.data[at + 1] == '\n') length = 2;
    POME__TRY(add_piece(&p, begin, keep ? at + length : at));
    begin = at + length;
  }
  if (begin < text.size) POME__TRY(add_piece(&p, begin, text.size));
  POME__TRY(pome__t_charge_bytes(c->r, text.size));
  *out = pome__t_list(POME__T_LIST, p.items, p.count);
  return POME_OK;
}

static pome_status partition_at(pome__tcall *c, bool from_right, pome__tvalue *out) {
  pome_string by, text = c->self->u.text;
  pome__tvalue *three;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &by));
  if (by.size == 0) return POME__T_FAIL(c->r, "empty separator");
  POME__TRY(pome__t_charge_bytes(c->r, text.size));
  POME__TRY(pome__t_alloc(c->r, 3, sizeof *three, &three));
  size_t found = from_right ? find_last(text, by) : pome__t_find(text, by, 0);
  size_t begin = found == SIZE_MAX ? (from_right ? 0 : text.size) : found,
         end = found == SIZE_MAX ? begin : found + by.size;
  three[0] = part(c->self, 0, begin);
  three[1] = part(c->self, begin, end);
  three[2] = part(c->self, end, text.size);
  *out = pome__t_list(POME__T_TUPLE, three, 3);
  return POME_OK;
}

static pome_status partition(pome__tcall *c, pome__tvalue *out) {
  return partition_at(c, false, out);
}
static pome_status rpartition(pome__tcall *c, pome__tvalue *out) {
  return partition_at(c, true, out);
}

/* ---- beginnings and ends ---- */

static bool begins(pome_string text, pome_string what, bool at_end) {
  return what.size <= text.size &&
         pome__t_same((pome_string){text.data + (at_end ? text.size - what.size : 0), what.size},
                      what);
}

/* The part between the optional bounds, in characters. False when the start lies behind the end. */
static pome_status window(pome__tcall *c, int first, pome_string *text, size_t *skipped,
                          bool *valid) {
  int64_t start, stop, count = (int64_t)pome__t_count_characters(*text);
  pome__tvalue *bounds = c->bound + first;
  for (int i = 0; i < 2; i++)
    if (bounds[i].kind == POME__T_NONE) bounds[i].kind = POME__T_MISSING;
  POME__TRY(pome__t_charge_bytes(c->r, text->size));
  POME__TRY(pome__t_integer_argument(c->r, &bounds[0], 0, &start));
  POME__TRY(pome__t_integer_argument(c->r, &bounds[1], count, &stop));
  *valid = start <= count;
  if (start < 0) start = start < -count ? 0 : start + count;
  if (stop < 0) stop = stop < -count ? 0 : stop + count;
  if (stop > count) stop = count;
  *valid = *valid && start <= stop;
  if (!*valid) return POME_OK;
  *skipped = (size_t)start;
  size_t begin = pome__t_character_offset(*text, (size_t)start),
         end = pome__t_character_offset(*text, (size_t)stop);
  *text = (pome_string){text->data + begin, end - begin};
  return POME_OK;
}

static pome_status affix(pome__tcall *c, bool at_end, pome__tvalue *out) {
  pome_string text = c->self->u.text, what;
  size_t skipped;
  bool valid, found = false;
  POME__TRY(window(c, 1, &text, &skipped, &valid));
  if (c->bound[0].kind == POME__T_TUPLE) {
    for (size_t i = 0; i < c->bound[0].u.list.count && valid && !found; i++) {
      POME__TRY(pome__t_text_argument(c->r, &c->bound[0].u.list.items[i], NULL, &what));
      found = begins(text, what, at_end);
    }
  } else {
    POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &what));
    found = valid && begins(text, what, at_end);
  }
  return *out = pome__t_bool(found), POME_OK;
}

static pome_status startswith(pome__tcall *c, pome__tvalue *out) {
  return affix(c, false, out);
}
static pome_status endswith(pome__tcall *c, pome__tvalue *out) {
  return affix(c, true, out);
}

static pome_status removeprefix(pome__tcall *c, pome__tvalue *out) {
  pome_string what, text = c->self->u.text;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &what));
  *out = begins(text, what, false) ? part(c->self, what.size, text.size) : *c->self;
  return POME_OK;
}
static pome_status removesuffix(pome__tcall *c, pome__tvalue *out) {
  pome_string what, text = c->self->u.text;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &what));
  *out = begins(text, what, true) ? part(c->self, 0, text.size - what.size) : *c->self;
  return POME_OK;
}

/* ---- searching ---- */

static pome_status search(pome__tcall *c, bool from_right, bool must, pome__tvalue *out) {
  pome_string text = c->self->u.text, what;
  size_t skipped = 0, found = SIZE_MAX;
  bool valid;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &what));
  POME__TRY(window(c, 1, &text, &skipped, &valid));
  if (valid) found = from_right ? find_last(text, what) : pome__t_find(text, what, 0);
  if (found == SIZE_MAX && must) return POME__T_FAIL(c->r, "substring not found");
  *out = found == SIZE_MAX
             ? pome__t_int(-1)
             : pome__t_int(
                   (int64_t)(skipped + pome__t_count_characters((pome_string){text.data, found})));
  return POME_OK;
}

static pome_status find(pome__tcall *c, pome__tvalue *out) {
  return search(c, false, false, out);
}
static pome_status rfind(pome__tcall *c, pome__tvalue *out) {
  return search(c, true, false, out);
}
static pome_status index_of(pome__tcall *c, pome__tvalue *out) {
  return search(c, false, true, out);
}
static pome_status rindex_of(pome__tcall *c, pome__tvalue *out) {
  return search(c, true, true, out);
}

static pome_status count(pome__tcall *c, pome__tvalue *out) {
  pome_string text = c->self->u.text, what;
  size_t skipped, n = 0, at = 0;
  bool valid;
  POME__TRY(pome__t_text_argument(c->r, &c->bound[0], NULL, &what));
  POME__TRY(window(c, 1, &text, &skipped, &valid));
  if (valid && what.size == 0) n = pome__t_count_characters(text) + 1;
  while (valid && what.size > 0 && (at = pome__t_find(text, what, at)) != SIZE_MAX) {
    n++;
    at += what.size;
  }
  POME__TRY(pome__t_charge(c->r, n));
  *out = pome__t_int((int64_t)n);
  return POME_OK;
}

const pome__tfunction pome__t_string_methods[] = {
    {"strip", "chars", 0, strip},
    {"lstrip", "chars", 0, lstrip},
    {"rstrip", "chars", 0, rstrip},
    {"split", "sep maxsplit", 0, split},
    {"rsplit", "sep maxsplit", 0, rsplit},
    {"splitlines", "keepends", 0, splitlines},
    {"partition", "sep", 1, partition},
    {"rpartition", "sep", 1, rpartition},
    {"startswith", "prefix start end", 1, startswith},
    {"endswith", "suffix start end", 1, endswith},
    {"removeprefix", "prefix", 1, removeprefix},
    {"removesuffix", "suffix", 1, removesuffix},
    {"find", "sub start end", 1, find},
    {"rfind", "sub start end", 1, rfind},
    {"index", "sub start end", 1, index_of},
    {"rindex", "sub start end", 1, rindex_of},
    {"count", "sub start end", 1, count},
    {0},
};

/* ---- mappings ---- */

static pome_status dict_get(pome__tcall *c, pome__tvalue *out) {
  const pome__tvalue *value;
  POME__TRY(pome__t_dict_find(c->r, c->self->u.dict, &c->bound[0], &value));
  *out = value != NULL                         ? *value
         : c->bound[1].kind != POME__T_MISSING ? c->bound[1]
                                               : pome__t_none();
  return POME_OK;
}

static pome_status dict_list(pome__tcall *c, pome__tkind kind, pome__tvalue *out) {
  const pome__tdict *dict = c->self->u.dict;
  pome__tvalue *items, *pairs = NULL;
  POME__TRY(pome__t_charge(c->r, 1 + dict->count));
  POME__TRY(pome__t_alloc(c->r, dict->count, sizeof *items, &items));
  if (kind == POME__T_ITEMS) POME__TRY(pome__t_alloc(c->r, 2 * dict->count, sizeof *pairs, &pairs));
  for (size_t i = 0; i < dict->count; i++) {
    items[i] = kind == POME__T_KEYS ? dict->pairs[i].key : dict->pairs[i].value;
    if (kind != POME__T_ITEMS) continue;
    pairs[2 * i] = dict->pairs[i].key;
    pairs[2 * i + 1] = dict->pairs[i].value;
    items[i] = pome__t_list(POME__T_TUPLE, pairs + 2 * i, 2);
  }
  *out = pome__t_list(kind, items, dict->count);
  return POME_OK;
}

static pome_status dict_keys(pome__tcall *c, pome__tvalue *out) {
  return dict_list(c, POME__T_KEYS, out);
}
static pome_status dict_values(pome__tcall *c, pome__tvalue *out) {
  return dict_list(c, POME__T_VALUES, out);
}
static pome_status dict_items(pome__tcall *c, pome__tvalue *out) {
  return dict_list(c, POME__T_ITEMS, out);
}
/* Nothing can change it, so it is its own copy. */
static pome_status copy(pome__tcall *c, pome__tvalue *out) {
  return *out = *c->self, POME_OK;
}

const pome__tfunction pome__t_dict_methods[] = {
    {"get", "key default", 1, dict_get}, {"keys", "", 0, dict_keys}, {"values", "", 0, dict_values},
    {"items", "", 0, dict_items},        {"copy", "", 0, copy},      {0},
};

/* ---- lists ---- */

static pome_status list_index(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  bool equal;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(pome__t_equal(c->r, &list.u.list.items[i], &c->bound[0], &equal));
    if (equal) return *out = pome__t_int((int64_t)i), POME_OK;
  }
  return POME__T_FAIL(c->r, "the value is not in the %s", pome__t_type_name(c->self));
}

static pome_status list_count(pome__tcall *c, pome__tvalue *out) {
  pome__tvalue list;
  bool equal;
  int64_t n = 0;
  POME__TRY(pome__t_items(c->r, c->self, &list));
  for (size_t i = 0; i < list.u.list.count; i++) {
    POME__TRY(pome__t_equal(c->r, &list.u.list.items[i], &c->bound[0], &equal));
    n += equal;
  }
  return *out = pome__t_int(n), POME_OK;
}

static pome_status list_copy(pome__tcall *c, pome__tvalue *out) {
  return c->self->kind == POME__T_LIST ? copy(c, out)
                                       : POME__T_FAIL(c->r, "'%s' object has no attribute 'copy'",
                                                      pome__t_type_name(c->self));
}

const pome__tfunction pome__t_list_methods[] = {
    {"index", "value", 1, list_index},
    {"count", "value", 1, list_count},
    {"copy", "", 0, list_copy},
    {0},
};
