/* The verbs of language models in a build without them (WITH_LLM=OFF).
 *
 * Help, completions and messages come from the same tables in every build; a verb that needs what
 * was left out is known and answers so.
 */
#include "bench.h"
#include "report.h"
#include "verbs.h"

static pome_status fail_missing(pome_error *error) {
  pome__fail(error, POME_UNSUPPORTED, "this pome was built without language models");
  pome__error_hint(error, "build it with WITH_LLM=ON, which needs PCRE2 and utf8proc");
  return POME_UNSUPPORTED;
}

pome_status bench_language_model(const struct options *options, pome_error *error) {
  (void)options;
  return fail_missing(error);
}

static int answer_missing(void) {
  pome_error error = {0};
  fail_missing(&error);
  return report_error(&error);
}

int verb_run(const struct options *options) {
  (void)options;
  return answer_missing();
}

int verb_tokenize(const struct options *options) {
  (void)options;
  return answer_missing();
}

int verb_template(const struct options *options) {
  (void)options;
  return answer_missing();
}
