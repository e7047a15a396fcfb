/* --help, written from the table of verbs and options. */
#include "options.h"

#include <string.h>

#define OPTION_COLUMN 28

static const char *const exit_statuses =
    "Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 bad input, 4 not supported here,\n"
    "5 out of a resource, 130 interrupted.\n";

void help_all(FILE *file) {
  fprintf(file,
          "pome %s: runs Core ML models anywhere\n\nUsage: pome VERB ... | pome VERB --help | pome "
          "--version\n\n",
          pome_version());
  int column = 0;
  for (size_t i = 0; i < VERB_COUNT; i++) {
    int length = (int)(strlen(verb_rows[i].name) + 1 + strlen(verb_rows[i].operands));
    if (length > column) column = length;
  }
  for (size_t i = 0; i < VERB_COUNT; i++) {
    char call[64];
    snprintf(call, sizeof call, "%s %s", verb_rows[i].name, verb_rows[i].operands);
    fprintf(file, "  %-*s  %s\n", column, call, verb_rows[i].summary);
  }
  fprintf(file,
          "\nMODEL is a .mlpackage, .mlmodelc or .mlmodel, a program text (.mil), or a folder of a "
          "language\n"
          "model; what it is, is found from its content.\n\n%s",
          exit_statuses);
}

/* "-n, --repeat N" */
static void option_head(const option_row *row, char *text, size_t size) {
  char letter[8] = "    ";
  if (row->letter) snprintf(letter, sizeof letter, "-%c, ", row->letter);
  snprintf(text, size, "%s--%s%s%s", letter, row->name, row->value ? " " : "",
           row->value ? row->value : "");
}

void help_verb(FILE *file, const verb_row *verb) {
  fprintf(file, "Usage: pome %s %s [options]\n\n%s%s\n", verb->name, verb->operands, verb->notes,
          verb->notes[0] ? "" : verb->summary);
  for (size_t i = 0; i < option_row_count; i++) {
    const option_row *row = &option_rows[i];
    if (!option_applies(row, verb)) continue;
    char head[64];
    option_head(row, head, sizeof head);
    if (strlen(head) < OPTION_COLUMN) fprintf(file, "  %-*s %s\n", OPTION_COLUMN, head, row->help);
    else fprintf(file, "  %s\n  %-*s %s\n", head, OPTION_COLUMN, "", row->help);
  }
  fprintf(file, "\n%s", exit_statuses);
}
