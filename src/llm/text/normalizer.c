/* See normalizer.h. */
#include "llm/text/normalizer.h"

#include <string.h>
#include <utf8proc.h>

#include "llm/text/unicode.h"

#define MAX_DEPTH 8

/* ---- reading ---- */

pome_status pome__normalizer_add(pome__normalizer *n, const pome__normalizer_step *step,
                                 pome_error *error) {
  if (n->count == POME__NORMALIZER_STEPS)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: more than %d normalizers",
                      POME__NORMALIZER_STEPS);
  n->steps[n->count++] = *step;
  return POME_OK;
}

void pome__normalizer_free(pome__normalizer *n) {
  for (size_t i = 0; i < n->count; i++) pome__pattern_free(&n->steps[i].pattern);
  n->count = 0;
}

static pome_status add_kind(pome__normalizer *n, pome__normalizer_kind kind, pome_error *error) {
  return pome__normalizer_add(n, &(pome__normalizer_step){.kind = kind}, error);
}

static pome_status read_text(const json_t *value, const char *key, pome__arena *arena,
                             pome_string *text, pome_error *error) {
  const json_t *string = json_object_get(value, key);
  if (!json_is_string(string))
    return pome__fail(error, POME_INPUT, "tokenizer: a normalizer has no text \"%s\"", key);
  text->data = pome__arena_string(arena, json_string_value(string), json_string_length(string));
  text->size = json_string_length(string);
  return text->data == NULL ? pome__fail_memory(error, "a tokenizer") : POME_OK;
}

static bool is_on(const json_t *value, const char *key, bool otherwise) {
  const json_t *flag = json_object_get(value, key);
  return json_is_boolean(flag) ? json_is_true(flag) : otherwise;
}

pome_status pome__normalizer_add_bert(pome__normalizer *n, const pome__bert_options *options,
                                      pome_error *error) {
  if (options->clean) POME__TRY(add_kind(n, POME__NORMALIZE_CLEAN, error));
  if (options->ideographs) POME__TRY(add_kind(n, POME__NORMALIZE_IDEOGRAPHS, error));
  if (options->strip_accents) {
    POME__TRY(add_kind(n, POME__NORMALIZE_FORM, error));
    POME__TRY(add_kind(n, POME__NORMALIZE_NONSPACING, error));
  }
  return options->lower ? add_kind(n, POME__NORMALIZE_LOWER, error) : POME_OK;
}

static pome_status read_bert(const json_t *value, pome__normalizer *n, pome_error *error) {
  bool lower = is_on(value, "lowercase", true);
  return pome__normalizer_add_bert(
      n,
      &(pome__bert_options){.clean = is_on(value, "clean_text", true),
                            .ideographs = is_on(value, "handle_chinese_chars", true),
                            .strip_accents = is_on(value, "strip_accents", lower),
                            .lower = lower},
      error);
}

static pome_status read_replace(const json_t *value, pome__arena *arena, pome__normalizer *n,
                                pome_error *error) {
  pome__normalizer_step step = {.kind = POME__NORMALIZE_REPLACE};
  POME__TRY(read_text(value, "content", arena, &step.content, error));
  POME__TRY(pome__pattern_read(json_object_get(value, "pattern"), arena, &step.pattern, error));
  pome_status status = pome__normalizer_add(n, &step, error);
  if (status != POME_OK) pome__pattern_free(&step.pattern);
  return status;
}

static pome_status read_one(const json_t *value, const char *type, pome__arena *arena,
                            pome__normalizer *n, pome_error *error) {
  static const struct {
    const char *type;
    pome__normalizer_step step;
  } plain[] = {
      {"NFC", {.kind = POME__NORMALIZE_FORM, .compose = true}},
      {"NFD", {.kind = POME__NORMALIZE_FORM}},
      {"NFKC", {.kind = POME__NORMALIZE_FORM, .compose = true, .compatible = true}},
      {"NFKD", {.kind = POME__NORMALIZE_FORM, .compatible = true}},
      {"Lowercase", {.kind = POME__NORMALIZE_LOWER}},
      {"StripAccents", {.kind = POME__NORMALIZE_ACCENTS}},
      {"Nmt", {.kind = POME__NORMALIZE_NMT}},
  };
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    if (strcmp(type, plain[i].type) == 0) return pome__normalizer_add(n, &plain[i].step, error);
  }
  pome__normalizer_step step = {.kind = POME__NORMALIZE_PREPEND};
  if (strcmp(type, "BertNormalizer") == 0) return read_bert(value, n, error);
  if (strcmp(type, "Replace") == 0) return read_replace(value, arena, n, error);
  if (strcmp(type, "Prepend") == 0) {
    POME__TRY(read_text(value, "prepend", arena, &step.content, error));
  } else if (strcmp(type, "Strip") == 0) {
    step = (pome__normalizer_step){.kind = POME__NORMALIZE_STRIP};
    step.left = is_on(value, "strip_left", true);
    step.right = is_on(value, "strip_right", true);
  } else if (strcmp(type, "Precompiled") == 0) {
    const json_t *map = json_object_get(value, "precompiled_charsmap");
    step.kind = POME__NORMALIZE_CHARSMAP;
    if (json_is_string(map) && json_string_length(map) == 0) return POME_OK;
    if (!json_is_string(map))
      return pome__fail(error, POME_INPUT, "tokenizer: a Precompiled normalizer without its map");
    POME__TRY(pome__charsmap_decode(json_string_value(map), json_string_length(map), arena,
                                    &step.charsmap, error));
  } else {
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: a normalizer \"%.60s\" is not supported",
                      type);
  }
  return pome__normalizer_add(n, &step, error);
}

static pome_status read_nested(const json_t *value, pome__arena *arena, pome__normalizer *n,
                               int depth, pome_error *error) {
  const char *type = json_string_value(json_object_get(value, "type"));
  if (type == NULL) return pome__fail(error, POME_INPUT, "tokenizer: a normalizer without a type");
  if (strcmp(type, "Sequence") != 0) return read_one(value, type, arena, n, error);
  if (depth == MAX_DEPTH)
    return pome__fail(error, POME_INPUT, "tokenizer: normalizers nested more than %d deep",
                      MAX_DEPTH);
  size_t i;
  json_t *part;
  json_array_foreach(json_object_get(value, "normalizers"), i, part)
      POME__TRY(read_nested(part, arena, n, depth + 1, error));
  return POME_OK;
}

pome_status pome__normalizer_read(const json_t *value, pome__arena *arena, pome__normalizer *n,
                                  pome_error *error) {
  return value == NULL || json_is_null(value) ? POME_OK : read_nested(value, arena, n, 0, error);
}

/* ---- steps character by character: each gives false for a character that stays ---- */

static bool lower(uint32_t c, pome__buffer *out, pome__origin origin) {
  if (c < 0x80 && (c < 'A' || c > 'Z')) return false;
  if (c == 0x130) { /* the one character whose small form is two */
    pome__buffer_put_character(out, 'i', origin);
    pome__buffer_put_character(out, 0x307, origin);
    return true;
  }
  uint32_t small = c < 0x80 ? c + 32 : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
  if (small == c) return false;
  pome__buffer_put_character(out, small, origin);
  return true;
}

static bool drop_marks(uint32_t c, pome__buffer *out, pome__origin origin) {
  (void)out;
  (void)origin;
  return pome__is_mark(c);
}

static bool drop_nonspacing(uint32_t c, pome__buffer *out, pome__origin origin) {
  (void)out;
  (void)origin;
  return pome__is_nonspacing(c);
}

static bool put_space(pome__buffer *out, pome__origin origin) {
  pome__buffer_put(out, " ", 1, origin);
  return true;
}

static bool clean(uint32_t c, pome__buffer *out, pome__origin origin) {
  if (c > ' ' && c < 0x7f) return false;
  if (c == '\t' || c == '\n' || c == '\r') return put_space(out, origin);
  if (c == 0 || c == 0xfffd || pome__is_invisible(c)) return true;
  return pome__is_space(c) && put_space(out, origin);
}

static bool part_ideographs(uint32_t c, pome__buffer *out, pome__origin origin) {
  if (!pome__is_ideograph(c)) return false;
  put_space(out, origin);
  pome__buffer_put_character(out, c, origin);
  return put_space(out, origin);
}

/* What the tokenizers library's Nmt does: some control characters go, all kinds of white space
 * become spaces. */
static bool nmt(uint32_t c, pome__buffer *out, pome__origin origin) {
  if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
      c == 0x9f)
    return true;
  bool space = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 ||
               (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
               c == 0xfeff || c == 0xfffd;
  return space && put_space(out, origin);
}

typedef bool (*character_step)(uint32_t c, pome__buffer *out, pome__origin origin);

static character_step step_of(pome__normalizer_kind kind) {
  switch (kind) {
  case POME__NORMALIZE_LOWER: return lower;
  case POME__NORMALIZE_ACCENTS: return drop_marks;
  case POME__NORMALIZE_NONSPACING: return drop_nonspacing;
  case POME__NORMALIZE_CLEAN: return clean;
  case POME__NORMALIZE_IDEOGRAPHS: return part_ideographs;
  case POME__NORMALIZE_NMT: return nmt;
  default: return NULL;
  }
}

static bool by_characters(character_step step, const pome__view *in, pome__buffer *out) {
  bool changed = false;
  for (size_t at = 0, length; at < in->size; at += length) {
    uint32_t c = pome__utf8_decode(in->data + at, &length);
    if (step(c, out, pome__view_origin(in, at, at + length))) changed = true;
    else pome__buffer_copy(out, in, at, at + length);
  }
  return changed;
}

/* ---- other steps ---- */

static bool strip(const pome__normalizer_step *step, const pome__view *in, pome__buffer *out) {
  size_t begin = 0, end = in->size, length, last;
  while (step->left && begin < end && pome__is_space(pome__utf8_decode(in->data + begin, &length)))
    begin += length;
  while (step->right && end > begin &&
         pome__is_space(pome__utf8_last(in->data + begin, end - begin, &last)))
    end = begin + last;
  pome__buffer_copy(out, in, begin, end);
  return begin > 0 || end < in->size;
}

static bool prepend(const pome__normalizer_step *step, const pome__view *in, pome__buffer *out) {
  if (in->size == 0 || step->content.size == 0) return false;
  pome__origin start = {pome__view_origin(in, 0, 1).begin, pome__view_origin(in, 0, 1).begin};
  pome__buffer_put(out, step->content.data, step->content.size, start);
  pome__buffer_copy(out, in, 0, in->size);
  return true;
}

static bool single_spaces(const pome__view *in, pome__buffer *out) {
  bool changed = false, wanted = false; /* a space, if more text follows */
  size_t space = 0;
  for (size_t at = 0; at < in->size; at++) {
    if (in->data[at] == ' ') {
      if (wanted || out->size == 0) changed = true;
      if (!wanted) space = at;
      wanted = out->size > 0;
      continue;
    }
    if (wanted) pome__buffer_copy(out, in, space, space + 1);
    wanted = false;
    pome__buffer_copy(out, in, at, at + 1);
  }
  return changed || wanted;
}

static pome_status replace(const pome__normalizer_step *step, pome__matcher *matcher,
                           const pome__view *in, pome__buffer *out, bool *changed,
                           pome_error *error) {
  size_t done = 0, begin, end;
  for (*changed = false;; done = end) {
    POME__TRY(
        pome__pattern_next(&step->pattern, matcher, in->data, in->size, done, &begin, &end, error));
    if (end == 0) break;
    *changed = true;
    pome__buffer_copy(out, in, done, begin);
    pome__buffer_put(out, step->content.data, step->content.size,
                     pome__view_origin(in, begin, end));
  }
  if (*changed) pome__buffer_copy(out, in, done, in->size);
  return POME_OK;
}

static pome_status apply(const pome__normalizer_step *step, pome__matcher *matcher,
                         const pome__view *in, pome__buffer *out, bool *changed,
                         pome_error *error) {
  character_step character = step_of(step->kind);
  if (character != NULL) *changed = by_characters(character, in, out);
  else if (step->kind == POME__NORMALIZE_FORM)
    *changed = pome__normalize_form(in, step->compose, step->compatible, out);
  else if (step->kind == POME__NORMALIZE_STRIP) *changed = strip(step, in, out);
  else if (step->kind == POME__NORMALIZE_PREPEND) *changed = prepend(step, in, out);
  else if (step->kind == POME__NORMALIZE_CHARSMAP)
    *changed = pome__charsmap_apply(&step->charsmap, in, out);
  else if (step->kind == POME__NORMALIZE_SPACES) *changed = single_spaces(in, out);
  else return replace(step, matcher, in, out, changed, error);
  return POME_OK;
}

pome_status pome__normalize(const pome__normalizer *n, pome__matcher *matcher, const pome__view *in,
                            pome__buffer buffers[2], pome__view *result, pome_error *error) {
  pome__view now = *in;
  int free = 0;
  for (size_t i = 0; i < n->count; i++) {
    pome__buffer *out = &buffers[free];
    bool changed;
    pome__buffer_reset(out);
    POME__TRY(apply(&n->steps[i], matcher, &now, out, &changed, error));
    if (out->failed) return pome__fail_memory(error, "encoding text");
    if (!changed) continue;
    now = pome__buffer_view(out, pome__view_origin(&now, 0, now.size > 0).begin);
    free = !free;
  }
  *result = now;
  return POME_OK;
}
