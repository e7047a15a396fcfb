/* pome VERB ...: finds the verb, reads its options, runs it. */
#include <string.h>

#include "interrupt.h"
#include "report.h"
#include "verbs.h"

static int run_verb(const verb_row *verb, char **words, size_t count) {
  struct options options;
  pome_error error = {0};
  int status;
  if (options_parse(verb, words, count, &options, &error) != POME_OK) {
    status = report_error(&error);
  } else if (options.help) {
    help_verb(stdout, verb);
    status = 0;
  } else {
    report_configure(options.quiet, (int)options.verbosity);
    status = verb->run(&options);
  }
  options_free(&options);
  return status;
}

static bool is_any(const char *word, const char *a, const char *b) {
  return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int run_line(int count, char **words) {
  if (count < 2) {
    help_all(stderr);
    return pome_status_exit_code(POME_USAGE);
  }
  if (is_any(words[1], "--version", "version")) {
    printf("pome %s\n", pome_version());
    return 0;
  }
  bool help = is_any(words[1], "--help", "help") || strcmp(words[1], "-h") == 0;
  if (help && count == 2) {
    help_all(stdout);
    return 0;
  }
  pome_error error = {0};
  const char *name = words[help ? 2 : 1];
  const verb_row *verb = verb_find(name);
  if (verb && help) {
    help_verb(stdout, verb);
    return 0;
  }
  if (verb) return run_verb(verb, words + 2, (size_t)count - 2);
  if (!help && name[0] == '-') {
    pome__fail(&error, POME_USAGE, "no option '%s' before a verb", name);
    pome__error_hint(&error, "'pome --help' lists the verbs");
  } else {
    verb_unknown(name, &error);
  }
  return report_error(&error);
}

int main(int count, char **words) {
  report_start();
  interrupt_start();
  return report_finish(run_line(count, words));
}
