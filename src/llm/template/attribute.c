/* v.name, v[key] and v[a:b:c]: everything that templates can reach of a value is listed here. */
#include <string.h>

#include "llm/template/ast.h"
#include "llm/text/unicode.h"

static pome_status method(pome__trender *r, const pome__tvalue *self, const pome__tfunction *f,
                          pome__tvalue *out) {
  pome__tmethod *m;
  POME__TRY(pome__t_alloc(r, 1, sizeof *m, &m));
  *m = (pome__tmethod){*self, f};
  *out = (pome__tvalue){.kind = POME__T_METHOD, .u.method = m};
  return POME_OK;
}

/* Methods that would change a value: known, and denied. */
static bool changes(const pome__tvalue *v, pome_string name) {
  static const char *const of_list[] = {"append", "clear",  "pop",    "reverse", "insert",
                                        "sort",   "extend", "remove", NULL};
  static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
  const char *const *names = v->kind == POME__T_LIST   ? of_list
                             : v->kind == POME__T_DICT ? of_dict
                                                       : NULL;
  for (; names != NULL && *names != NULL; names++)
    if (pome__t_is(name, *names)) return true;
  return false;
}

static const pome__tfunction *find_method(const pome__tvalue *v, pome_string name) {
  const pome__tfunction *f = NULL;
  if (v->kind == POME__T_STRING) {
    f = pome__t_find_function(pome__t_string_methods, name);
    if (f == NULL) f = pome__t_find_function(pome__t_text_methods, name);
  }
  if (v->kind == POME__T_DICT) f = pome__t_find_function(pome__t_dict_methods, name);
  if (v->kind == POME__T_LIST || v->kind == POME__T_TUPLE || v->kind == POME__T_RANGE)
    f = pome__t_find_function(pome__t_list_methods, name);
  return f;
}

/* ---- loops and other things with fields ---- */

static pome_status loop_cycle(pome__tcall *c, pome__tvalue *out) {
  if (c->arguments->count == 0) return POME__T_FAIL(c->r, "no items for cycling given");
  *out = c->arguments->items[c->self->u.loop->index % c->arguments->count];
  return POME_OK;
}

static pome_status loop_changed(pome__tcall *c, pome__tvalue *out) {
  pome__tloop *loop = c->self->u.loop;
  pome__tvalue now = pome__t_list(POME__T_TUPLE, c->arguments->items, c->arguments->count);
  bool equal = false;
  if (loop->changed_once) POME__TRY(pome__t_equal(c->r, &loop->changed, &now, &equal));
  loop->changed_once = true;
  loop->changed = now;
  *out = pome__t_bool(!equal);
  return POME_OK;
}

static pome_status cycler_next(pome__tcall *c, pome__tvalue *out) {
  const pome__targuments none = {0};
  return pome__t_call(c->r, c->self, &none, out);
}
static pome_status cycler_reset(pome__tcall *c, pome__tvalue *out) {
  c->self->u.cycler->at = 0;
  return *out = pome__t_none(), POME_OK;
}

static const pome__tfunction loop_methods[] = {
    {"cycle", NULL, 0, loop_cycle}, {"changed", NULL, 0, loop_changed}, {0}};
static const pome__tfunction cycler_methods[] = {
    {"next", "", 0, cycler_next}, {"reset", "", 0, cycler_reset}, {0}};

/* Leaves *out alone when there is no such field. */
static void loop_field(const pome__tloop *loop, pome_string name, pome__tvalue *out) {
  int64_t index = (int64_t)loop->index, count = (int64_t)loop->count;
  if (pome__t_is(name, "index")) *out = pome__t_int(index + 1);
  else if (pome__t_is(name, "index0")) *out = pome__t_int(index);
  else if (pome__t_is(name, "revindex")) *out = pome__t_int(count - index);
  else if (pome__t_is(name, "revindex0")) *out = pome__t_int(count - index - 1);
  else if (pome__t_is(name, "first")) *out = pome__t_bool(index == 0);
  else if (pome__t_is(name, "last")) *out = pome__t_bool(index + 1 == count);
  else if (pome__t_is(name, "length")) *out = pome__t_int(count);
  else if (pome__t_is(name, "depth")) *out = pome__t_int((int64_t)loop->depth + 1);
  else if (pome__t_is(name, "depth0")) *out = pome__t_int((int64_t)loop->depth);
  else if (pome__t_is(name, "previtem") && index > 0) *out = loop->items[index - 1];
  else if (pome__t_is(name, "nextitem") && index + 1 < count) *out = loop->items[index + 1];
}

static pome_status fields(pome__trender *r, const pome__tvalue *v, pome_string name,
                          pome__tvalue *out) {
  const pome__tfunction *f = NULL;
  if (v->kind == POME__T_LOOP) {
    f = pome__t_find_function(loop_methods, name);
    loop_field(v->u.loop, name, out);
  } else if (v->kind == POME__T_CYCLER) {
    f = pome__t_find_function(cycler_methods, name);
    if (pome__t_is(name, "current")) *out = v->u.cycler->items[v->u.cycler->at];
  } else if (v->kind == POME__T_MACRO) {
    if (pome__t_is(name, "name"))
      *out = pome__t_text(v->u.macro->node->text.data, v->u.macro->node->text.size);
  } else if (v->kind == POME__T_TUPLE && v->group) {
    if (pome__t_is(name, "grouper")) *out = v->u.list.items[0];
    if (pome__t_is(name, "list")) *out = v->u.list.items[1];
  } else if (v->kind == POME__T_RANGE) {
    if (pome__t_is(name, "start")) *out = pome__t_int(v->u.range->start);
    if (pome__t_is(name, "stop")) *out = pome__t_int(v->u.range->stop);
    if (pome__t_is(name, "step")) *out = pome__t_int(v->u.range->step);
  }
  return f != NULL ? method(r, v, f, out) : POME_OK;
}

/* ---- attributes ---- */

/* What an object has of itself, before its keys; *out stays undefined when nothing. */
static pome_status own(pome__trender *r, const pome__tvalue *v, pome_string name,
                       pome__tvalue *out) {
  *out = pome__t_undefined(name);
  if (name.size > 0 && name.data[0] == '_') {
    /* No key hides what Python keeps behind such names. */
    out->denied = name.size > 4 && name.data[1] == '_' && name.data[name.size - 1] == '_';
    return POME_OK;
  }
  const pome__tfunction *f = find_method(v, name);
  if (f != NULL) return method(r, v, f, out);
  out->denied = changes(v, name);
  return fields(r, v, name, out);
}

pome_status pome__t_attribute(pome__trender *r, const pome__tvalue *v, pome_string name,
                              pome__tvalue *out) {
  POME__TRY(pome__t_charge(r, 1));
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  pome__tvalue key = pome__t_text(name.data, name.size);
  const pome__tvalue *value = NULL;
  if (v->kind == POME__T_NAMESPACE) {
    POME__TRY(pome__t_dict_find(r, &v->u.names->dict, &key, &value));
    *out = value != NULL ? *value : pome__t_undefined(name);
    return POME_OK;
  }
  POME__TRY(own(r, v, name, out));
  if (out->kind != POME__T_UNDEFINED || out->denied || v->kind != POME__T_DICT) return POME_OK;
  POME__TRY(pome__t_dict_find(r, v->u.dict, &key, &value));
  if (value != NULL) *out = *value;
  return POME_OK;
}

/* ---- items ---- */

static pome_status item_at(pome__trender *r, const pome__tvalue *v, int64_t index,
                           pome__tvalue *out) {
  size_t count;
  POME__TRY(pome__t_length(r, v, &count));
  if (index < 0) index += (int64_t)count;
  if (index < 0 || (uint64_t)index >= count) return POME_OK;
  if (v->kind == POME__T_RANGE) {
    *out = pome__t_int(v->u.range->start + index * v->u.range->step);
  } else if (v->kind == POME__T_STRING) {
    size_t at = pome__t_character_offset(v->u.text, (size_t)index);
    *out = pome__t_text(v->u.text.data + at, pome__utf8_length(v->u.text.data[at]));
    out->safe = v->safe;
  } else if (v->kind == POME__T_BYTES) {
    *out = pome__t_int((uint8_t)v->u.text.data[index]);
  } else {
    *out = v->u.list.items[index];
  }
  return POME_OK;
}

static bool has_index(const pome__tvalue *v) {
  return v->kind == POME__T_STRING || v->kind == POME__T_BYTES || v->kind == POME__T_LIST ||
         v->kind == POME__T_TUPLE || v->kind == POME__T_RANGE;
}

pome_status pome__t_item(pome__trender *r, const pome__tvalue *v, const pome__tvalue *key,
                         pome__tvalue *out) {
  POME__TRY(pome__t_charge(r, 1));
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  *out = pome__t_undefined(key->kind == POME__T_STRING ? key->u.text : (pome_string){"item", 4});
  if (v->kind == POME__T_DICT || v->kind == POME__T_NAMESPACE) {
    const pome__tvalue *value = NULL;
    const pome__tdict *dict = v->kind == POME__T_DICT ? v->u.dict : &v->u.names->dict;
    bool hashable =
        key->kind != POME__T_LIST && key->kind != POME__T_DICT && key->kind != POME__T_UNDEFINED;
    if (hashable) POME__TRY(pome__t_dict_find(r, dict, key, &value));
    if (value != NULL) return *out = *value, POME_OK;
  }
  if (has_index(v) && (key->kind == POME__T_INT || key->kind == POME__T_BOOL))
    return item_at(r, v, key->kind == POME__T_INT ? key->u.integer : key->u.truth, out);
  return key->kind == POME__T_STRING ? own(r, v, key->u.text, out) : POME_OK;
}

/* ---- slices ---- */

/* A bound of a slice of `count` items, for steps forwards or backwards. */
static pome_status slice_bound(pome__trender *r, const pome__tvalue *v, int64_t absent,
                               int64_t count, bool backwards, int64_t *out) {
  if (v->kind == POME__T_MISSING || v->kind == POME__T_NONE) return *out = absent, POME_OK;
  int64_t bound;
  if (!POME__T_IS_INTEGER(v))
    return POME__T_FAIL(r, "slice indices must be integers or None or have an __index__ method");
  POME__TRY(pome__t_integer_argument(r, v, 0, &bound));
  int64_t lowest = backwards ? -1 : 0, highest = backwards ? count - 1 : count;
  if (bound < 0) bound = bound < -count ? lowest : bound + count;
  *out = bound < lowest ? lowest : bound > highest ? highest : bound;
  return POME_OK;
}

static pome_status slice_text(pome__trender *r, const pome__tvalue *v, int64_t start, int64_t step,
                              size_t count, pome__tvalue *out) {
  pome_string text = v->u.text;
  if (step == 1) {
    size_t begin = pome__t_character_offset(text, (size_t)start);
    pome_string rest = {text.data + begin, text.size - begin};
    *out = pome__t_text(rest.data, pome__t_character_offset(rest, count));
  } else {
    pome__tvalue characters;
    size_t mark = r->out_size;
    POME__TRY(pome__t_items(r, v, &characters));
    for (size_t i = 0; i < count; i++)
      POME__TRY(pome__t_put_text(r, &characters.u.list.items[start + (int64_t)i * step]));
    POME__TRY(pome__t_take(r, mark, out));
  }
  out->safe = v->safe;
  return POME_OK;
}

static pome_status slice_list(pome__trender *r, const pome__tvalue *v, int64_t start, int64_t step,
                              size_t count, pome__tvalue *out) {
  pome__tkind kind = v->kind == POME__T_TUPLE ? POME__T_TUPLE : POME__T_LIST;
  pome__tvalue list, *items;
  POME__TRY(pome__t_items(r, v, &list));
  if (step == 1) {
    *out = pome__t_list(kind, count > 0 ? list.u.list.items + start : NULL, count);
    return POME_OK;
  }
  POME__TRY(pome__t_alloc(r, count, sizeof *items, &items));
  POME__TRY(pome__t_charge(r, count));
  for (size_t i = 0; i < count; i++) items[i] = list.u.list.items[start + (int64_t)i * step];
  *out = pome__t_list(kind, items, count);
  return POME_OK;
}

static uint64_t magnitude_of(int64_t value) {
  return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* start + count * step; false when that is beyond 64 bits. */
static bool walk(int64_t start, int64_t count, int64_t step, int64_t *end) {
  bool down = (count < 0) != (step < 0);
  uint64_t distance, from = (uint64_t)start;
  uint64_t room = down ? from - (uint64_t)INT64_MIN : (uint64_t)INT64_MAX - from;
  if (__builtin_mul_overflow(magnitude_of(count), magnitude_of(step), &distance) || distance > room)
    return false;
  *end = (int64_t)(down ? from - distance : from + distance);
  return true;
}

/* A range again, whose bounds are those of the slice. */
static pome_status slice_range(pome__trender *r, const pome__trange *range, int64_t from,
                               int64_t to, int64_t by, size_t taken, pome__tvalue *out) {
  int64_t start, stop, step;
  if (!walk(range->start, from, range->step, &start) ||
      !walk(range->start, to, range->step, &stop) || !walk(0, by, range->step, &step))
    return POME__T_FAIL(r, "a range beyond 64 bits");
  pome__trange *part;
  POME__TRY(pome__t_alloc(r, 1, sizeof *part, &part));
  *part = (pome__trange){start, stop, step, taken};
  *out = (pome__tvalue){.kind = POME__T_RANGE, .u.range = part};
  return POME_OK;
}

pome_status pome__t_slice(pome__trender *r, const pome__tvalue *v, const pome__tvalue *start,
                          const pome__tvalue *stop, const pome__tvalue *step, pome__tvalue *out) {
  if (v->kind == POME__T_UNDEFINED) return pome__t_fail_undefined(r, v);
  if (v->kind == POME__T_DICT) return POME__T_FAIL(r, "unhashable type: 'slice'");
  if (v->kind != POME__T_STRING && v->kind != POME__T_LIST && v->kind != POME__T_TUPLE &&
      v->kind != POME__T_RANGE)
    return POME__T_FAIL(r, "'%s' object is not subscriptable", pome__t_type_name(v));
  int64_t by = 1, from, to, count;
  size_t length;
  POME__TRY(pome__t_length(r, v, &length));
  count = (int64_t)length;
  if (step->kind != POME__T_MISSING && step->kind != POME__T_NONE)
    POME__TRY(pome__t_integer_argument(r, step, 1, &by));
  if (by == 0) return POME__T_FAIL(r, "slice step cannot be zero");
  if (by > count) by = count > 0 ? count : 1;
  if (by < -count) by = count > 0 ? -count : -1;
  bool backwards = by < 0;
  POME__TRY(slice_bound(r, start, backwards ? count - 1 : 0, count, backwards, &from));
  POME__TRY(slice_bound(r, stop, backwards ? -1 : count, count, backwards, &to));
  int64_t distance = backwards ? from - to : to - from, stride = backwards ? -by : by;
  size_t taken = distance > 0 ? (size_t)((distance + stride - 1) / stride) : 0;
  if (v->kind == POME__T_RANGE) return slice_range(r, v->u.range, from, to, by, taken, out);
  return v->kind == POME__T_STRING ? slice_text(r, v, from, by, taken, out)
                                   : slice_list(r, v, from, by, taken, out);
}

/* ---- paths ---- */

static bool is_number(pome_string text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < '0' || text.data[i] > '9') return false;
  return text.size > 0 && text.size < 10;
}

pome_status pome__t_path(pome__trender *r, const pome__tvalue *v, const pome__tvalue *path,
                         pome__tvalue *out) {
  if (path->kind != POME__T_STRING) return pome__t_item(r, v, path, out);
  pome_string rest = path->u.text;
  *out = *v;
  for (bool more = true; more;) {
    size_t dot = pome__t_find(rest, (pome_string){".", 1}, 0);
    more = dot != SIZE_MAX;
    pome_string part = {rest.data, more ? dot : rest.size};
    pome__tvalue from = *out, key = pome__t_text(part.data, part.size);
    if (is_number(part)) POME__TRY(pome__t_big_parse(r, part.data, part.size, 10, false, &key));
    POME__TRY(pome__t_item(r, &from, &key, out));
    if (more) rest = (pome_string){rest.data + dot + 1, rest.size - dot - 1};
  }
  return POME_OK;
}
