/* What a tokenizer file looks for in text: a fixed string or a regular expression.
 *
 * Files are written for Oniguruma. PCRE2 with UTF and UCP reads nearly all of it alike; what it
 * would read otherwise (\h, \w, sets within sets) is translated or refused.
 */
#ifndef POME_SRC_LLM_TEXT_PATTERN_H
#define POME_SRC_LLM_TEXT_PATTERN_H

#include <jansson.h>
#include <pome/tensor.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct pome__pattern {
  void *code; /* a pcre2_code, or NULL: the string */
  pome_string string;
} pome__pattern;

/* {"String": ...} or {"Regex": ...}; strings go to the arena. Free on success. */
pome_status pome__pattern_read(const json_t *value, pome__arena *arena, pome__pattern *pattern,
                               pome_error *error);
pome_status pome__pattern_regex(const char *text, size_t size, pome__pattern *pattern,
                                pome_error *error);
void pome__pattern_free(pome__pattern *pattern);

/* What matching needs; one for each thread that encodes. */
typedef struct pome__matcher {
  void *data;   /* pcre2_match_data */
  void *limits; /* pcre2_match_context */
  size_t size;  /* longest text that the limits are for */
} pome__matcher;
void pome__matcher_free(pome__matcher *matcher);

/* The next match that is not empty, from `from` on in valid UTF-8; *end is 0 when there is none. */
pome_status pome__pattern_next(const pome__pattern *pattern, pome__matcher *matcher,
                               const char *text, size_t size, size_t from, size_t *begin,
                               size_t *end, pome_error *error);

#endif
