/* See pretokenizer.h. */
#include "llm/text/pretokenizer.h"

#include <string.h>

#include "llm/text/alphabet.h"
#include "llm/text/unicode.h"

#define MAX_DEPTH 8

/* ---- reading ---- */

pome_status pome__pretokenizer_add(pome__pretokenizer *p, const pome__cut *cut, pome_error *error) {
  if (cut->kind == POME__CUT_BYTES && p->bytes)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: two ByteLevel pre-tokenizers");
  if (p->count + 2 > POME__CUTS)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: more than %d pre-tokenizers",
                      POME__CUTS - 2);
  if (p->bytes && !p->spelled) {
    p->cuts[p->count++] = (pome__cut){.kind = POME__CUT_SPELL};
    p->spelled = true;
  }
  p->bytes = p->bytes || cut->kind == POME__CUT_BYTES;
  p->cuts[p->count++] = *cut;
  return POME_OK;
}

void pome__pretokenizer_free(pome__pretokenizer *p) {
  for (size_t i = 0; i < p->count; i++) pome__pattern_free(&p->cuts[i].pattern);
  p->count = 0;
}

static bool is_on(const json_t *value, const char *key, bool otherwise) {
  const json_t *flag = json_object_get(value, key);
  return json_is_boolean(flag) ? json_is_true(flag) : otherwise;
}

static pome_status read_behavior(const json_t *value, pome__cut_behavior *behavior,
                                 pome_error *error) {
  static const char *const names[] = {[POME__CUT_ISOLATED] = "Isolated",
                                      [POME__CUT_REMOVED] = "Removed",
                                      [POME__CUT_WITH_PREVIOUS] = "MergedWithPrevious",
                                      [POME__CUT_WITH_NEXT] = "MergedWithNext",
                                      [POME__CUT_CONTIGUOUS] = "Contiguous"};
  const char *name = json_string_value(json_object_get(value, "behavior"));
  if (name == NULL) return POME_OK;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(name, names[i]) == 0) return *behavior = (pome__cut_behavior)i, POME_OK;
  }
  return pome__fail(error, POME_UNSUPPORTED,
                    "tokenizer: a split behavior \"%.60s\" is not supported", name);
}

/* Older files say add_prefix_space for what newer ones call prepend_scheme. */
static pome_status read_metaspace(const json_t *value, pome__arena *arena, pome__cut *cut,
                                  pome_error *error) {
  const json_t *replacement = json_object_get(value, "replacement");
  const char *scheme = json_string_value(json_object_get(value, "prepend_scheme"));
  *cut = (pome__cut){
      .kind = POME__CUT_METASPACE, .behavior = POME__CUT_WITH_NEXT, .prefix = POME__PREFIX_ALWAYS};
  if (!is_on(value, "add_prefix_space", true)) cut->prefix = POME__PREFIX_NEVER;
  if (scheme != NULL && strcmp(scheme, "never") == 0) cut->prefix = POME__PREFIX_NEVER;
  else if (scheme != NULL && strcmp(scheme, "first") == 0) cut->prefix = POME__PREFIX_FIRST;
  else if (scheme != NULL && strcmp(scheme, "always") == 0) cut->prefix = POME__PREFIX_ALWAYS;
  else if (scheme != NULL)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a prepend_scheme \"%.60s\" is not supported", scheme);
  cut->whole = !is_on(value, "split", true);
  if (json_string_length(replacement) == 0)
    return pome__fail(error, POME_INPUT, "tokenizer: a Metaspace without its replacement");
  const char *text =
      pome__arena_string(arena, json_string_value(replacement), json_string_length(replacement));
  if (text == NULL) return pome__fail_memory(error, "a tokenizer");
  cut->replacement = cut->pattern.string = (pome_string){text, json_string_length(replacement)};
  return POME_OK;
}

static pome_status read_split(const json_t *value, pome__arena *arena, pome__cut *cut,
                              pome_error *error) {
  *cut = (pome__cut){.kind = POME__CUT_PATTERN, .inverted = is_on(value, "invert", false)};
  POME__TRY(read_behavior(value, &cut->behavior, error));
  return pome__pattern_read(json_object_get(value, "pattern"), arena, &cut->pattern, error);
}

static pome_status read_bytes(const json_t *value, pome__cut *cut, pome_error *error) {
  *cut = (pome__cut){.kind = POME__CUT_BYTES};
  cut->prefix = is_on(value, "add_prefix_space", true) ? POME__PREFIX_ALWAYS : POME__PREFIX_NEVER;
  cut->whole = !is_on(value, "use_regex", true);
  return cut->whole ? POME_OK
                    : pome__pattern_regex(POME__GPT2_WORDS, sizeof POME__GPT2_WORDS - 1,
                                          &cut->pattern, error);
}

static pome_status read_one(const json_t *value, const char *type, pome__arena *arena,
                            pome__cut *cut, pome_error *error) {
  if (strcmp(type, "ByteLevel") == 0) return read_bytes(value, cut, error);
  if (strcmp(type, "Split") == 0) return read_split(value, arena, cut, error);
  if (strcmp(type, "Metaspace") == 0) return read_metaspace(value, arena, cut, error);
  *cut = (pome__cut){.kind = POME__CUT_CLASS};
  if (strcmp(type, "WhitespaceSplit") == 0) {
    cut->is_in = pome__is_space;
    cut->behavior = POME__CUT_REMOVED;
  } else if (strcmp(type, "Punctuation") == 0) {
    cut->is_in = pome__is_punctuation;
    return read_behavior(value, &cut->behavior, error);
  } else if (strcmp(type, "Digits") == 0) {
    cut->is_in = pome__is_numeric;
    cut->behavior =
        is_on(value, "individual_digits", false) ? POME__CUT_ISOLATED : POME__CUT_CONTIGUOUS;
  } else if (strcmp(type, "Whitespace") == 0) {
    cut->kind = POME__CUT_WORDS;
  } else if (strcmp(type, "BertPreTokenizer") == 0) {
    cut->kind = POME__CUT_BERT;
  } else if (strcmp(type, "CharDelimiterSplit") == 0) {
    *cut = (pome__cut){.kind = POME__CUT_PATTERN, .behavior = POME__CUT_REMOVED};
    return pome__pattern_read(json_object_get(value, "delimiter"), arena, &cut->pattern, error);
  } else {
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a pre-tokenizer \"%.60s\" is not supported", type);
  }
  return POME_OK;
}

static pome_status read_nested(const json_t *value, pome__arena *arena, pome__pretokenizer *p,
                               int depth, pome_error *error) {
  const char *type = json_string_value(json_object_get(value, "type"));
  if (type == NULL)
    return pome__fail(error, POME_INPUT, "tokenizer: a pre-tokenizer without a type");
  if (strcmp(type, "Sequence") == 0) {
    if (depth == MAX_DEPTH)
      return pome__fail(error, POME_INPUT, "tokenizer: pre-tokenizers nested more than %d deep",
                        MAX_DEPTH);
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(value, "pretokenizers"), i, part)
        POME__TRY(read_nested(part, arena, p, depth + 1, error));
    return POME_OK;
  }
  pome__cut cut = {0};
  pome_status status = read_one(value, type, arena, &cut, error);
  if (status == POME_OK) status = pome__pretokenizer_add(p, &cut, error);
  if (status != POME_OK) pome__pattern_free(&cut.pattern);
  return status;
}

pome_status pome__pretokenizer_read(const json_t *value, pome__arena *arena, pome__pretokenizer *p,
                                    pome_error *error) {
  return value == NULL || json_is_null(value) ? POME_OK : read_nested(value, arena, p, 0, error);
}

/* ---- spans: what matches and what lies between ---- */

typedef struct span {
  size_t begin, end;
  bool match;
} span;

typedef struct spans {
  const pome__cut *cut;
  pome__matcher *matcher;
  const pome__view *view;
  size_t at;
  size_t match_begin, match_end; /* found already, not given out; end 0: none */
} spans;

static pome_status next_of_pattern(spans *s, span *next, pome_error *error) {
  if (s->match_end == 0) {
    POME__TRY(pome__pattern_next(&s->cut->pattern, s->matcher, s->view->data, s->view->size, s->at,
                                 &s->match_begin, &s->match_end, error));
  }
  bool match = s->match_end > 0 && s->match_begin == s->at;
  *next = (span){s->at,
                 match              ? s->match_end
                 : s->match_end > 0 ? s->match_begin
                                    : s->view->size,
                 match};
  if (match) s->match_end = 0;
  return POME_OK;
}

static void next_of_class(const spans *s, span *next) {
  size_t end = s->at, length;
  *next = (span){s->at, 0, s->cut->is_in(pome__utf8_decode(s->view->data + end, &length))};
  end += length;
  while (!next->match && end < s->view->size &&
         !s->cut->is_in(pome__utf8_decode(s->view->data + end, &length)))
    end += length;
  next->end = end;
}

static pome_status next_span(spans *s, span *next, pome_error *error) {
  if (s->cut->kind == POME__CUT_CLASS) next_of_class(s, next);
  else POME__TRY(next_of_pattern(s, next, error));
  s->at = next->end;
  if (s->cut->inverted) next->match = !next->match;
  return POME_OK;
}

/* ---- cutting ---- */

static pome_status descend(pome__cutting *c, const pome__view *view, size_t step, bool first,
                           pome_error *error);

static pome_status hand_on(pome__cutting *c, const pome__view *view, size_t begin, size_t end,
                           size_t step, bool first, pome_error *error) {
  if (begin == end) return POME_OK;
  pome__view part = pome__view_part(view, begin, end);
  return descend(c, &part, step + 1, first && begin == 0, error);
}

/* True when `next` goes into the same word as `held`. */
static bool belongs(pome__cut_behavior behavior, const span *held, const span *next) {
  if (behavior == POME__CUT_CONTIGUOUS) return held->match == next->match;
  if (behavior == POME__CUT_WITH_PREVIOUS) return next->match && !held->match;
  return behavior == POME__CUT_WITH_NEXT && held->match && !next->match;
}

static pome_status cut_spans(pome__cutting *c, const pome__cut *cut, const pome__view *view,
                             size_t step, bool first, pome_error *error) {
  spans s = {.cut = cut, .matcher = c->matcher, .view = view};
  span held = {0, 0, false}, next;
  while (s.at < view->size) {
    POME__TRY(next_span(&s, &next, error));
    if (cut->behavior == POME__CUT_REMOVED && next.match) continue;
    if (held.end > 0 && belongs(cut->behavior, &held, &next)) {
      held = (span){held.begin, next.end, next.match};
      continue;
    }
    POME__TRY(hand_on(c, view, held.begin, held.end, step, first, error));
    held = next;
  }
  return hand_on(c, view, held.begin, held.end, step, first, error);
}

/* 0: white space, which goes; 1 and 2: runs of word characters and of others. */
static int word_class(uint32_t character) {
  if (pome__is_word(character)) return 1;
  return pome__is_space(character) ? 0 : 2;
}

/* 0: white space, which goes; 1: runs of letters and the like; 3: a word by itself. */
static int bert_class(uint32_t character) {
  if (pome__is_space(character)) return 0;
  return pome__is_punctuation(character) ? 3 : 1;
}

static pome_status cut_classes(pome__cutting *c, int (*class_of)(uint32_t), const pome__view *view,
                               size_t step, bool first, pome_error *error) {
  size_t begin = 0, length;
  int before = 0;
  for (size_t at = 0; at < view->size; at += length) {
    int now = class_of(pome__utf8_decode(view->data + at, &length));
    if (now == before && now != 3) continue;
    if (before != 0) POME__TRY(hand_on(c, view, begin, at, step, first, error));
    begin = at;
    before = now;
  }
  return before == 0 ? POME_OK : hand_on(c, view, begin, view->size, step, first, error);
}

static bool starts_with(const pome__view *view, pome_string text) {
  return view->size >= text.size && memcmp(view->data, text.data, text.size) == 0;
}

/* Replaces spaces, and puts one in front where it is wanted. */
static pome_status cut_metaspace(pome__cutting *c, const pome__cut *cut, const pome__view *view,
                                 size_t step, bool first, pome_error *error) {
  pome__buffer *out = &c->buffers[step];
  pome__buffer_reset(out);
  bool wanted = cut->prefix == POME__PREFIX_ALWAYS || (cut->prefix == POME__PREFIX_FIRST && first);
  pome__origin start = pome__view_origin(view, 0, 1);
  if (wanted && view->data[0] != ' ' && !starts_with(view, cut->replacement)) {
    pome__buffer_put(out, cut->replacement.data, cut->replacement.size,
                     (pome__origin){start.begin, start.begin});
  }
  for (size_t at = 0; at < view->size;) {
    const char *space = memchr(view->data + at, ' ', view->size - at);
    size_t end = space == NULL ? view->size : (size_t)(space - view->data);
    pome__buffer_copy(out, view, at, end);
    if (space != NULL)
      pome__buffer_put(out, cut->replacement.data, cut->replacement.size,
                       pome__view_origin(view, end, end + 1));
    at = end + (space != NULL);
  }
  if (out->failed) return pome__fail_memory(error, "encoding text");
  pome__view changed = pome__buffer_view(out, start.begin);
  return cut->whole ? descend(c, &changed, step + 1, first, error)
                    : cut_spans(c, cut, &changed, step, first, error);
}

static pome_status cut_spelled(pome__cutting *c, const pome__view *view, size_t step, bool first,
                               pome_error *error) {
  pome__buffer *out = &c->buffers[step];
  pome__buffer_reset(out);
  for (size_t i = 0; i < view->size; i++) {
    pome__buffer_put_character(out, pome__alphabet_character((unsigned char)view->data[i]),
                               pome__view_origin(view, i, i + 1));
  }
  if (out->failed) return pome__fail_memory(error, "encoding text");
  pome__view changed = pome__buffer_view(out, view->base);
  return descend(c, &changed, step + 1, first, error);
}

/* A space in front, then GPT-2's words. */
static pome_status cut_bytes(pome__cutting *c, const pome__cut *cut, const pome__view *view,
                             size_t step, bool first, pome_error *error) {
  pome__view now = *view;
  pome__buffer *out = &c->buffers[step];
  if (cut->prefix == POME__PREFIX_ALWAYS && view->data[0] != ' ') {
    pome__origin start = pome__view_origin(view, 0, 1);
    pome__buffer_reset(out);
    pome__buffer_put(out, " ", 1, (pome__origin){start.begin, start.begin});
    pome__buffer_copy(out, view, 0, view->size);
    if (out->failed) return pome__fail_memory(error, "encoding text");
    now = pome__buffer_view(out, start.begin);
  }
  return cut->whole ? descend(c, &now, step + 1, first, error)
                    : cut_spans(c, cut, &now, step, first, error);
}

/* The word as the vocabulary's bytes. */
static pome_status finish_word(pome__cutting *c, const pome__view *view, pome_error *error) {
  if (!c->pretokenizer->spelled) return c->word(c->context, view, error);
  pome__buffer *out = &c->buffers[POME__CUTS];
  pome__buffer_reset(out);
  for (size_t at = 0, length, count; at < view->size; at += length) {
    char byte[4];
    length = pome__utf8_length(view->data[at]);
    (void)pome__alphabet_bytes(view->data + at, length, byte, &count);
    pome__buffer_put(out, byte, count, pome__view_origin(view, at, at + length));
  }
  if (out->failed) return pome__fail_memory(error, "encoding text");
  pome__view bytes = pome__buffer_view(out, view->base);
  return c->word(c->context, &bytes, error);
}

static pome_status descend(pome__cutting *c, const pome__view *view, size_t step, bool first,
                           pome_error *error) {
  if (step == c->pretokenizer->count) return finish_word(c, view, error);
  const pome__cut *cut = &c->pretokenizer->cuts[step];
  switch (cut->kind) {
  case POME__CUT_WORDS: return cut_classes(c, word_class, view, step, first, error);
  case POME__CUT_BERT: return cut_classes(c, bert_class, view, step, first, error);
  case POME__CUT_METASPACE: return cut_metaspace(c, cut, view, step, first, error);
  case POME__CUT_BYTES: return cut_bytes(c, cut, view, step, first, error);
  case POME__CUT_SPELL: return cut_spelled(c, view, step, first, error);
  default: return cut_spans(c, cut, view, step, first, error);
  }
}

pome_status pome__pretokenize(pome__cutting *c, const pome__view *view, bool first,
                              pome_error *error) {
  return view->size == 0 ? POME_OK : descend(c, view, 0, first, error);
}
