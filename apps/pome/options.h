/* The verbs and options of the command line, from one table.
 *
 * options.c holds a row for each verb and each option. Parsing, usage errors, --help and the
 * shells' completions all read those rows; nothing about an option is written twice.
 */
#ifndef POME_APPS_OPTIONS_H
#define POME_APPS_OPTIONS_H

#include <stdio.h>

#include <pome/base.h>

typedef struct option_list {
  const char **items;
  size_t count;
} option_list;

struct options {
  const struct verb_row *verb;
  option_list operands;
  bool help;
  /* where and how */
  const char *device, *numerics, *isa, *function;
  int64_t threads;
  bool json, quiet;
  int64_t verbosity;
  /* tensors */
  option_list inputs;
  const char *inputs_file, *output, *expect;
  option_list golden;
  bool states;
  double atol, rtol; /* negative: not given */
  /* inspect */
  bool text, weights;
  const char *graph;
  /* convert */
  bool force;
  /* debug */
  const char *against, *devices, *with;
  option_list dump;
  /* bench */
  int64_t repetitions, warmup;
  /* language models */
  int64_t tokens, top_k, seed; /* tokens 0: not given; seed negative: by the clock */
  double temperature, top_p, min_p, repeat_penalty;
  int64_t context; /* 0: the model's */
  const char *system;
  option_list stops;
  bool raw, stats;
  /* template */
  const char *name;
  /* tokenize */
  bool special, decode, jsonl;
};

typedef enum option_kind {
  OPTION_FLAG,   /* bool */
  OPTION_COUNT,  /* int64_t, one more each time */
  OPTION_TEXT,   /* const char * */
  OPTION_CHOICE, /* const char *, one of `choices` */
  OPTION_INT,    /* int64_t within lowest .. highest */
  OPTION_REAL,   /* double within lowest .. highest */
  OPTION_LIST,   /* option_list, one value each time */
  OPTION_WORDS   /* option_list, every word up to the next option */
} option_kind;

typedef enum option_completion { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_FOLDER } option_completion;

typedef struct option_row {
  const char *name; /* without "--" */
  char letter;      /* or 0 */
  option_kind kind;
  size_t offset;              /* into options */
  const char *value;          /* what help calls the value, or NULL */
  const char *const *choices; /* ends with NULL */
  double lowest, highest;
  option_completion completion;
  unsigned verbs; /* bits 1 << verb_id */
  const char *help;
} option_row;

typedef enum verb_id {
  VERB_INSPECT,
  VERB_PREDICT,
  VERB_VERIFY,
  VERB_DEBUG,
  VERB_BENCH,
  VERB_RUN,
  VERB_TOKENIZE,
  VERB_TEMPLATE,
  VERB_CONVERT,
  VERB_COMPLETION,
  VERB_COUNT
} verb_id;

typedef struct verb_row {
  const char *name;
  verb_id id;
  const char *operands;       /* "MODEL [PROMPT]" */
  size_t least, most;         /* number of operands */
  const char *const *choices; /* of the first operand, or NULL */
  const char *summary;        /* one line */
  const char *notes;          /* paragraphs of help, or "" */
  int (*run)(const struct options *options);
} verb_row;

extern const verb_row verb_rows[VERB_COUNT];
extern const option_row option_rows[];
extern const size_t option_row_count;

/* NULL when there is no verb of that name in this version. */
const verb_row *verb_find(const char *name);
bool option_applies(const option_row *row, const verb_row *verb);

/* Reads the words behind the verb. POME_USAGE for a mistake, POME_UNSUPPORTED for a choice of a
 * later version. */
pome_status options_parse(const verb_row *verb, char **words, size_t count, struct options *options,
                          pome_error *error);
void options_free(struct options *options);

/* Fills the error for a verb that is not in verb_rows. */
pome_status verb_unknown(const char *name, pome_error *error);

/* help.c */
void help_all(FILE *file);
void help_verb(FILE *file, const verb_row *verb);

#endif
