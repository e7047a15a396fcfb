/* See pattern.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "llm/text/pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "llm/text/unicode.h"

#define MAX_PATTERN ((size_t)1 << 16)

/* ---- from Oniguruma to PCRE2 ---- */

typedef struct translation {
  const char *in;
  size_t size, at;
  char *out;
  size_t written;
} translation;

/* No piece of the output is more than so many times as long as what it stands for. */
#define GROWTH 32

static void put(translation *t, const char *text, size_t size) {
  memcpy(t->out + t->written, text, size);
  t->written += size;
}
#define PUT(t, text) put(t, text, sizeof(text) - 1)

/* What goes into a set. Superscripts and fractions of Latin-1 are words to Oniguruma outside of
 * sets, and U+180E is a space to PCRE2 only. */
#define DIGITS_OF_LATIN "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define LETTERS         "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define WORDS           LETTERS DIGITS_OF_LATIN
#define SPACES          "\\p{Z}\\t-\\r\\x{85}"
#define HEXADECIMAL     "0-9a-fA-F"

/* Escapes that mean something else to PCRE2: within a set; alone; the complement. */
static const struct {
  char letter;
  const char *in_set, *alone, *complement;
} escapes[] = {
    {'w', LETTERS, "[" WORDS "]", "[^" WORDS "]"},
    {'s', SPACES, "[" SPACES "]", "[^" SPACES "]"},
    {'h', HEXADECIMAL, "[" HEXADECIMAL "]", "[^" HEXADECIMAL "]"},
};

static const char *other_escape(char c, bool in_set) {
  if (in_set && c == 'S') return "\\S\\x{180e}";
  for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
    if (c == escapes[i].letter) return in_set ? escapes[i].in_set : escapes[i].alone;
    if (c == (escapes[i].letter & ~0x20) && !in_set) return escapes[i].complement;
  }
  return NULL;
}

/* \p{Han} has, in PCRE2, also what other scripts share with Han. True when it was a script. */
static bool translate_script(translation *t) {
  const char *in = t->in + t->at, *close = memchr(in, '}', t->size - t->at);
  char text[48];
  int code;
  PCRE2_SIZE offset;
  if (close == NULL || close - in < 6 || close - in > 30 || in[2] != '{' || in[3] == '^')
    return false;
  int size = snprintf(text, sizeof text, "\\%c{sc:%.*s}", in[1], (int)(close - in - 3), in + 3);
  pcre2_code *script =
      pcre2_compile((PCRE2_SPTR)text, (size_t)size, PCRE2_UTF, &code, &offset, NULL);
  if (script == NULL) return false;
  pcre2_code_free(script);
  put(t, text, (size_t)size);
  t->at += (size_t)(close - in) + 1;
  return true;
}

static void translate_escape(translation *t, bool in_set) {
  char c = t->at + 1 < t->size ? t->in[t->at + 1] : '\0';
  if ((c == 'p' || c == 'P') && translate_script(t)) return;
  const char *other = other_escape(c, in_set);
  size_t size = t->at + 1 < t->size ? 2 : 1;
  if (other != NULL) put(t, other, strlen(other));
  else put(t, t->in + t->at, size);
  t->at += size;
}

static bool starts_with(const translation *t, const char *text) {
  size_t size = strlen(text);
  return t->size - t->at >= size && memcmp(t->in + t->at, text, size) == 0;
}

static pome_status fail_set(const char *what, pome_error *error) {
  return pome__fail(error, POME_UNSUPPORTED, "tokenizer: %s in a pattern is not supported", what);
}

/* "[:alpha:]" and the like, within a set. */
static void translate_class(translation *t) {
  static const char *const classes[][2] = {{"[:alpha:]", "\\p{Alphabetic}"},
                                           {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
                                           {"[:upper:]", "\\p{Uppercase}"},
                                           {"[:lower:]", "\\p{Lowercase}"},
                                           {"[:punct:]", "\\p{P}\\p{S}"},
                                           {"[:space:]", SPACES},
                                           {"[:word:]", LETTERS}};
  const char *close = memchr(t->in + t->at, ']', t->size - t->at), *other = NULL;
  size_t size = close == NULL ? t->size - t->at : (size_t)(close - t->in) - t->at + 1;
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
    if (strlen(classes[i][0]) == size && memcmp(classes[i][0], t->in + t->at, size) == 0)
      other = classes[i][1];
  if (other != NULL) put(t, other, strlen(other));
  else put(t, t->in + t->at, size);
  t->at += size;
}

/* A set within a set adds what it holds: its brackets go. */
static pome_status translate_set(translation *t, pome_error *error) {
  put(t, t->in + t->at++, 1);
  if (t->at < t->size && t->in[t->at] == '^') put(t, t->in + t->at++, 1);
  size_t start = t->at, inside = 0;
  while (t->at < t->size) {
    char c = t->in[t->at];
    if (starts_with(t, "&&")) return fail_set("an intersection of character sets (&&)", error);
    if (starts_with(t, "[^") || starts_with(t, "-["))
      return fail_set("a set taken out of a character set", error);
    if (starts_with(t, "\\W")) return fail_set("\\W within a character set", error);
    if (starts_with(t, "[:")) {
      translate_class(t);
    } else if (c == '\\') {
      translate_escape(t, true);
    } else if (c == '[' || (c == ']' && inside > 0)) {
      inside = c == '[' ? inside + 1 : inside - 1;
      t->at++;
    } else {
      put(t, t->in + t->at++, 1);
      if (c == ']' && t->at > start + 1) break;
    }
  }
  return POME_OK;
}

static pome_status translate(translation *t, pome_error *error) {
  while (t->at < t->size) {
    if (t->in[t->at] == '\\') translate_escape(t, false);
    else if (t->in[t->at] == '[') POME__TRY(translate_set(t, error));
    else put(t, t->in + t->at++, 1);
  }
  return POME_OK;
}

static pome_status compile(const char *text, size_t size, pome__pattern *pattern,
                           pome_error *error) {
  int code;
  PCRE2_SIZE offset;
  /* ^ and $ stand at every line in Oniguruma. */
  pcre2_code *compiled = pcre2_compile(
      (PCRE2_SPTR)text, size, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &offset, NULL);
  if (compiled == NULL && code == PCRE2_ERROR_HEAP_FAILED)
    return pome__fail_memory(error, "a tokenizer");
  if (compiled == NULL)
    return pome__fail(error, POME_INPUT, "tokenizer: the split pattern is wrong at character %zu",
                      (size_t)offset);
  (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  *pattern = (pome__pattern){.code = compiled};
  return POME_OK;
}

pome_status pome__pattern_regex(const char *text, size_t size, pome__pattern *pattern,
                                pome_error *error) {
  if (size > MAX_PATTERN)
    return pome__fail(error, POME_INPUT, "tokenizer: a pattern of %zu bytes; at most %zu are read",
                      size, MAX_PATTERN);
  translation t = {.in = text, .size = size};
  t.out = pome__alloc(NULL, size * GROWTH + 1);
  if (t.out == NULL) return pome__fail_memory(error, "a tokenizer");
  pome_status status = translate(&t, error);
  if (status == POME_OK) status = compile(t.out, t.written, pattern, error);
  pome__free(NULL, t.out, size * GROWTH + 1);
  return status;
}

pome_status pome__pattern_read(const json_t *value, pome__arena *arena, pome__pattern *pattern,
                               pome_error *error) {
  const json_t *regex = json_object_get(value, "Regex"), *string = json_object_get(value, "String");
  if (json_is_string(regex))
    return pome__pattern_regex(json_string_value(regex), json_string_length(regex), pattern, error);
  if (json_is_string(value)) string = value;
  if (!json_is_string(string))
    return pome__fail(error, POME_INPUT, "tokenizer: a pattern is neither a String nor a Regex");
  const char *text =
      pome__arena_string(arena, json_string_value(string), json_string_length(string));
  if (text == NULL) return pome__fail_memory(error, "a tokenizer");
  *pattern = (pome__pattern){.string = {text, json_string_length(string)}};
  return POME_OK;
}

void pome__pattern_free(pome__pattern *pattern) {
  pcre2_code_free(pattern->code);
  pattern->code = NULL;
}

/* ---- matching ---- */

void pome__matcher_free(pome__matcher *matcher) {
  pcre2_match_data_free(matcher->data);
  pcre2_match_context_free(matcher->limits);
  *matcher = (pome__matcher){NULL, NULL, 0};
}

/* Steps back grow with a run that is looked at to its end, so that what is allowed grows too. */
#define STEPS          10000000u
#define STEPS_PER_BYTE 32

static bool prepare(pome__matcher *matcher, size_t size) {
  if (matcher->data == NULL) matcher->data = pcre2_match_data_create(1, NULL);
  if (matcher->limits == NULL) matcher->limits = pcre2_match_context_create(NULL);
  if (matcher->data == NULL || matcher->limits == NULL) return false;
  if (size <= matcher->size) return true;
  uint64_t steps = STEPS + (uint64_t)size * STEPS_PER_BYTE;
  pcre2_set_match_limit(matcher->limits, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
  matcher->size = size;
  return true;
}

static int match_once(const pome__pattern *pattern, pome__matcher *matcher, const char *text,
                      size_t size, size_t from) {
  /* Checked before: PCRE2 would check to the end of the text at every call. */
  int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK,
                          matcher->data, matcher->limits);
  if (found != PCRE2_ERROR_JIT_STACKLIMIT) return found;
  return pcre2_match(pattern->code, (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                     matcher->data, matcher->limits);
}

static pome_status next_regex(const pome__pattern *pattern, pome__matcher *matcher,
                              const char *text, size_t size, size_t from, size_t *begin,
                              size_t *end, pome_error *error) {
  if (!prepare(matcher, size)) return pome__fail_memory(error, "encoding text");
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(matcher->data);
  while (from < size) {
    int found = match_once(pattern, matcher, text, size, from);
    if (found == PCRE2_ERROR_NOMATCH) return POME_OK;
    if (found == PCRE2_ERROR_NOMEMORY) return pome__fail_memory(error, "encoding text");
    if (found < 0)
      return pome__fail(error, POME_INPUT, "the text is too hard for the tokenizer's pattern");
    if (range[1] > range[0] && range[0] >= from) {
      *begin = range[0];
      *end = range[1];
      return POME_OK;
    }
    if (range[1] > from) from = range[1];
    if (from < size) from += pome__utf8_length(text[from]);
  }
  return POME_OK;
}

pome_status pome__pattern_next(const pome__pattern *pattern, pome__matcher *matcher,
                               const char *text, size_t size, size_t from, size_t *begin,
                               size_t *end, pome_error *error) {
  *begin = *end = 0;
  if (pattern->code != NULL)
    return next_regex(pattern, matcher, text, size, from, begin, end, error);
  if (pattern->string.size == 0 || from >= size) return POME_OK;
  const char *found = memmem(text + from, size - from, pattern->string.data, pattern->string.size);
  if (found == NULL) return POME_OK;
  *begin = (size_t)(found - text);
  *end = *begin + pattern->string.size;
  return POME_OK;
}
