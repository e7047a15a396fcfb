/* The table of verbs and options, and the parser that reads a command line by it. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "verbs.h"

#define BIT(verb)  (1u << VERB_##verb)
#define ON_TENSORS (BIT(PREDICT) | BIT(VERIFY) | BIT(DEBUG) | BIT(BENCH))
#define ON_PLANS   (ON_TENSORS | BIT(RUN))
#define ON_MODELS  (ON_PLANS | BIT(INSPECT) | BIT(CONVERT))
#define ON_TEXT    (BIT(TOKENIZE) | BIT(TEMPLATE))
#define ON_ALL     (ON_MODELS | ON_TEXT | BIT(COMPLETION))
#define AT(field)  offsetof(struct options, field)

static const char *const numerics_choices[] = {"fast", "strict", "wide", NULL};
static const char *const isa_choices[] = {"scalar", "avx2", "avx512", NULL};
static const char *const shell_choices[] = {"bash", "zsh", "fish", NULL};

const verb_row verb_rows[VERB_COUNT] = {
    {"inspect", VERB_INSPECT, "MODEL", 1, 1, NULL, "what a model is, takes, gives and holds",
     "Shows the type, functions, inputs, outputs and states with every allowed shape, the\n"
     "operations, the weights by encoding, what cannot run here and why, and the metadata.\n"
     "Multiply-adds and memory are estimates from the shapes that the program declares.\n",
     verb_inspect},
    {"predict", VERB_PREDICT, "MODEL", 1, 1, NULL, "one prediction, or a sequence on one state",
     "An input is a .npy file or a value: a number, a JSON list, or a text for a string input.\n"
     "In a sequence the inputs are named NAME@0, NAME@1, ...; the outputs come back with the\n"
     "same suffix. An input without a suffix stays the same in every step. Values are converted\n"
     "to the type of the input when none changes; floating-point ones are rounded.\n",
     verb_predict},
    {"verify", VERB_VERIFY, "[MODEL]", 0, 1, NULL,
     "compare what a model answers with what it should",
     "Compares with the arrays of --expect, or replays golden folders (--golden DIR...), whose\n"
     "golden.json names the model unless MODEL does. Prints for each output the largest\n"
     "absolute and relative error, the relative 2-norm, the cosine and the first element out of\n"
     "tolerance. Exit status 0 when all agree, 1 when not.\n",
     verb_verify},
    {"debug", VERB_DEBUG, "MODEL", 1, 1, NULL, "which operation makes two runs differ",
     "Runs the function twice, strict against wide unless other sides are named, and compares the\n"
     "results of every operation: the first one whose error jumps, the worst ones when run alone\n"
     "on equal inputs, and where overflow, infinities and NaN come up. In a sequence the last "
     "step\n"
     "is looked at.\n",
     verb_debug},
    {"bench", VERB_BENCH, "MODEL", 1, 1, NULL,
     "how fast predictions are, beside what the machine can do",
     "Repeats one prediction, on the given inputs or on generated ones, and prints medians. For\n"
     "a language model: prompt and decode speed. The machine's own memory bandwidth stands\n"
     "beside them.\n",
     verb_bench},
    {"run", VERB_RUN, "MODEL [PROMPT]", 1, 2, NULL, "let a language model write",
     "Prints the text as it comes. Without PROMPT it is a conversation on a terminal, and else "
     "the\n"
     "prompt is the standard input. The same seed gives the same text; --temp 0 always takes the\n"
     "most likely token. Ctrl-C stops.\n",
     verb_run},
    {"tokenize", VERB_TOKENIZE, "MODEL [TEXT]", 1, 2, NULL, "text to token ids, and back",
     "MODEL may also be a tokenizer.json, a tokenizer.model or a folder that has one. Without\n"
     "TEXT the standard input is read, exactly as it is. --jsonl reads an object a line and\n"
     "answers each with one line: {\"text\": ..., \"special\": false, \"plain\": false} with\n"
     "{\"ids\": [...]}, where plain takes special tokens in the text as text, and\n"
     "{\"ids\": [...], \"skip_special\": false} with {\"text\": ...}.\n",
     verb_tokenize},
    {"template", VERB_TEMPLATE, "MODEL [FILE]", 1, 2, NULL,
     "a conversation in a model's chat format",
     "FILE, or the standard input, holds an object: \"messages\", \"tools\",\n"
     "\"add_generation_prompt\", \"bos_token\", \"eos_token\"; further keys are variables, and "
     "\"now\"\n"
     "is the time that the template may ask for. MODEL may also be a template file or a\n"
     "tokenizer_config.json. Exit status 3 when the template refuses the conversation.\n",
     verb_template},
    {"convert", VERB_CONVERT, "MODEL OUT.mlpackage", 2, 2, NULL, "write a program as an .mlpackage",
     "Takes a program in any form: .mlpackage, .mlmodelc, .mlmodel or MIL text. Inputs, outputs "
     "and\n"
     "metadata stay as they are; constants of equal content are stored once. The package is there\n"
     "when it is whole, and not before.\n",
     verb_convert},
    {"completion", VERB_COMPLETION, "SHELL", 1, 1, shell_choices,
     "print a completion script for a shell",
     "bash: source <(pome completion bash)     zsh: source <(pome completion zsh)\n"
     "fish: pome completion fish | source\n",
     verb_completion},
};

const option_row option_rows[] = {
    {"input", 'i', OPTION_LIST, AT(inputs), "NAME=FILE|VALUE", NULL, 0, 0, COMPLETE_FILE,
     ON_TENSORS, "an input: a .npy file, a number, a JSON list or a text"},
    {"inputs", 0, OPTION_TEXT, AT(inputs_file), "FILE.npz", NULL, 0, 0, COMPLETE_FILE, ON_TENSORS,
     "inputs by name from an archive"},
    {"output", 'o', OPTION_TEXT, AT(output), "OUT.npz", NULL, 0, 0, COMPLETE_FILE, BIT(PREDICT),
     "write all outputs there instead of printing them; NAME=FILE.png: one image"},
    {"states", 0, OPTION_FLAG, AT(states), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(PREDICT),
     "give the states after the last step too, as state:NAME"},
    {"expect", 0, OPTION_TEXT, AT(expect), "OUT.npz", NULL, 0, 0, COMPLETE_FILE, BIT(VERIFY),
     "the outputs there should be"},
    {"golden", 0, OPTION_WORDS, AT(golden), "DIR...", NULL, 0, 0, COMPLETE_FOLDER, BIT(VERIFY),
     "golden folders to replay"},
    {"atol", 0, OPTION_REAL, AT(atol), "X", NULL, 0, 1e300, COMPLETE_NONE, BIT(VERIFY),
     "largest absolute difference (default: by type)"},
    {"rtol", 0, OPTION_REAL, AT(rtol), "X", NULL, 0, 1e300, COMPLETE_NONE, BIT(VERIFY),
     "largest relative difference, added to --atol"},
    {"text", 0, OPTION_FLAG, AT(text), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(INSPECT),
     "print the program as MIL text"},
    {"weights", 0, OPTION_FLAG, AT(weights), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(INSPECT),
     "list each constant"},
    {"graph", 0, OPTION_TEXT, AT(graph), "OUT.svg", NULL, 0, 0, COMPLETE_FILE, BIT(INSPECT),
     "draw the operations (.svg, .png, .pdf through Graphviz's dot; .dot)"},
    {"against", 0, OPTION_CHOICE, AT(against), "KIND", numerics_choices, 0, 0, COMPLETE_NONE,
     BIT(DEBUG), "numerics of the other side: fast, strict, wide"},
    {"devices", 0, OPTION_TEXT, AT(devices), "A,B", NULL, 0, 0, COMPLETE_NONE, BIT(DEBUG),
     "device A against device B, in the same numerics"},
    {"with", 0, OPTION_TEXT, AT(with), "MODEL", NULL, 0, 0, COMPLETE_FILE, BIT(DEBUG),
     "another model of the same graph is the other side"},
    {"dump", 0, OPTION_LIST, AT(dump), "OP=FILE.npy", NULL, 0, 0, COMPLETE_FILE, BIT(DEBUG),
     "write what OP gives; a .npz holds both sides"},
    {"force", 'f', OPTION_FLAG, AT(force), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(CONVERT),
     "replace OUT.mlpackage if it is there"},
    {"repeat", 'n', OPTION_INT, AT(repetitions), "N", NULL, 1, 1e6, COMPLETE_NONE, BIT(BENCH),
     "measured predictions (default: for two seconds)"},
    {"warm-up", 0, OPTION_INT, AT(warmup), "N", NULL, 0, 1e6, COMPLETE_NONE, BIT(BENCH),
     "predictions before measuring (default 3)"},
    {"tokens", 'n', OPTION_INT, AT(tokens), "N", NULL, 1, 1e9, COMPLETE_NONE, BIT(RUN),
     "most tokens to write (default: 200; in a conversation what fits)"},
    {"temp", 0, OPTION_REAL, AT(temperature), "T", NULL, 0, 100, COMPLETE_NONE, BIT(RUN),
     "temperature; 0 takes the most likely token (default 0.8)"},
    {"top-k", 0, OPTION_INT, AT(top_k), "K", NULL, 0, 1e9, COMPLETE_NONE, BIT(RUN),
     "choose among the K most likely; 0: all (default 40)"},
    {"top-p", 0, OPTION_REAL, AT(top_p), "P", NULL, 0, 1, COMPLETE_NONE, BIT(RUN),
     "choose among the most likely that make up P (default 0.95)"},
    {"seed", 0, OPTION_INT, AT(seed), "N", NULL, 0, 9007199254740992.0, COMPLETE_NONE, BIT(RUN),
     "same seed, same text (default: another each time)"},
    {"raw", 0, OPTION_FLAG, AT(raw), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(RUN),
     "the prompt as it is, without a chat template"},
    {"stats", 0, OPTION_FLAG, AT(stats), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(RUN),
     "a summary on stderr afterwards: device, speed, memory"},
    {"special", 0, OPTION_FLAG, AT(special), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(TOKENIZE),
     "add the special tokens that the model wants"},
    {"decode", 0, OPTION_FLAG, AT(decode), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(TOKENIZE),
     "TEXT is ids: print the text they stand for"},
    {"jsonl", 0, OPTION_FLAG, AT(jsonl), NULL, NULL, 0, 0, COMPLETE_NONE, BIT(TOKENIZE),
     "answer requests from the standard input, a line each"},
    {"name", 0, OPTION_TEXT, AT(name), "NAME", NULL, 0, 0, COMPLETE_NONE, BIT(TEMPLATE),
     "which of several templates (default: the one named so)"},
    {"min-p", 0, OPTION_REAL, AT(min_p), "P", NULL, 0, 1, COMPLETE_NONE, BIT(RUN),
     "choose among those at least P times as likely as the likeliest (default 0)"},
    {"repeat-penalty", 0, OPTION_REAL, AT(repeat_penalty), "X", NULL, 0.01, 100, COMPLETE_NONE,
     BIT(RUN), "makes the latest 64 tokens less likely; 1: not (default)"},
    {"system", 0, OPTION_TEXT, AT(system), "TEXT", NULL, 0, 0, COMPLETE_NONE, BIT(RUN),
     "a system message before the prompt"},
    {"ctx", 0, OPTION_INT, AT(context), "N", NULL, 1, 1e9, COMPLETE_NONE, BIT(RUN),
     "use N tokens of the context (default: all that the model has)"},
    {"stop", 0, OPTION_LIST, AT(stops), "TEXT", NULL, 0, 0, COMPLETE_NONE, BIT(RUN),
     "end before this text; may be given again"},
    {"function", 0, OPTION_TEXT, AT(function), "NAME", NULL, 0, 0, COMPLETE_NONE,
     ON_TENSORS | BIT(INSPECT), "the function (default: the model's own)"},
    {"device", 0, OPTION_TEXT, AT(device), "LIST", NULL, 0, 0, COMPLETE_NONE, ON_PLANS,
     "auto, ref, cpu, cuda, metal, coreml; a comma list is tried in order"},
    {"numerics", 0, OPTION_CHOICE, AT(numerics), "KIND", numerics_choices, 0, 0, COMPLETE_NONE,
     ON_PLANS & ~BIT(DEBUG), "fast (default), strict, wide"},
    {"numerics", 0, OPTION_CHOICE, AT(numerics), "KIND", numerics_choices, 0, 0, COMPLETE_NONE,
     BIT(DEBUG), "of the side that is tested: strict (default), fast, wide"},
    {"threads", 0, OPTION_INT, AT(threads), "N", NULL, 1, 1024, COMPLETE_NONE, ON_PLANS,
     "threads (default: one for each core)"},
    {"isa", 0, OPTION_CHOICE, AT(isa), "LEVEL", isa_choices, 0, 0, COMPLETE_NONE, ON_PLANS,
     "no more of the processor than scalar, avx2, avx512"},
    {"json", 0, OPTION_FLAG, AT(json), NULL, NULL, 0, 0, COMPLETE_NONE, ON_MODELS | ON_TEXT,
     "one JSON document on stdout"},
    {"verbose", 'v', OPTION_COUNT, AT(verbosity), NULL, NULL, 0, 0, COMPLETE_NONE, ON_MODELS,
     "say more on stderr: where it ran, and why not elsewhere"},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, NULL, 0, 0, COMPLETE_NONE, ON_MODELS | ON_TEXT,
     "no progress and no warnings"},
    {"help", 'h', OPTION_FLAG, AT(help), NULL, NULL, 0, 0, COMPLETE_NONE, ON_ALL, "this text"},
};
const size_t option_row_count = sizeof option_rows / sizeof option_rows[0];

const verb_row *verb_find(const char *name) {
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (strcmp(verb_rows[i].name, name) == 0) return &verb_rows[i];
  return NULL;
}

bool option_applies(const option_row *row, const verb_row *verb) {
  return (row->verbs >> verb->id & 1) != 0;
}

/* ---- near misses ---- */

/* Number of letters to change, add or drop, up to a small limit; words beyond 31 letters are never
 * near. */
static size_t distance(const char *a, const char *b) {
  size_t m = strlen(a), n = strlen(b), row[32];
  if (m > 31 || n > 31) return 99;
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 1; i <= m; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t best = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
    }
  }
  return row[n];
}

pome_status verb_unknown(const char *name, pome_error *error) {
  pome__fail(error, POME_USAGE, "no verb '%s'", name);
  const char *nearest = NULL;
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (distance(name, verb_rows[i].name) <= 2) nearest = verb_rows[i].name;
  if (nearest) pome__error_hint(error, "did you mean 'pome %s'?", nearest);
  else pome__error_hint(error, "'pome --help' lists the verbs");
  return POME_USAGE;
}

static pome_status fail_unknown_option(const verb_row *verb, const char *word, pome_error *error) {
  pome__fail(error, POME_USAGE, "no option '%s' for '%s'", word, verb->name);
  const char *nearest = NULL;
  for (size_t i = 0; i < option_row_count; i++)
    if (option_applies(&option_rows[i], verb) && strncmp(word, "--", 2) == 0 &&
        distance(word + 2, option_rows[i].name) <= 2)
      nearest = option_rows[i].name;
  if (nearest) pome__error_hint(error, "did you mean '--%s'?", nearest);
  else pome__error_hint(error, "'pome %s --help' lists the options", verb->name);
  return POME_USAGE;
}

/* ---- parsing ---- */

typedef struct parser {
  const verb_row *verb;
  char **words;
  size_t count, at;
  struct options *options;
  pome_error *error;
} parser;

static const option_row *find_row(const parser *p, const char *name, size_t size, char letter) {
  for (size_t i = 0; i < option_row_count; i++) {
    const option_row *row = &option_rows[i];
    if (!option_applies(row, p->verb)) continue;
    if (letter ? row->letter == letter
               : strlen(row->name) == size && memcmp(row->name, name, size) == 0)
      return row;
  }
  return NULL;
}

static pome_status fail_value(const parser *p, const option_row *row, const char *value,
                              const char *allowed) {
  pome__fail(p->error, POME_USAGE, "--%s takes %s, not '%s'", row->name, allowed, value);
  pome__error_hint(p->error, "'pome %s --help' tells what it means", p->verb->name);
  return POME_USAGE;
}

static pome_status store_number(const parser *p, const option_row *row, const char *text,
                                void *field) {
  char *end, allowed[96];
  errno = 0;
  double real = 0;
  int64_t integer = 0;
  if (row->kind == OPTION_INT) {
    integer = strtoll(text, &end, 10);
    real = (double)integer;
  } else {
    real = strtod(text, &end);
  }
  if (end == text || *end || errno || !(real >= row->lowest && real <= row->highest)) {
    const char *kind = row->kind == OPTION_INT ? "a whole number" : "a number";
    if (row->highest <= 1e6)
      snprintf(allowed, sizeof allowed, "%s from %g to %g", kind, row->lowest, row->highest);
    else snprintf(allowed, sizeof allowed, "%s of at least %g", kind, row->lowest);
    return fail_value(p, row, text, allowed);
  }
  if (row->kind == OPTION_INT) *(int64_t *)field = integer;
  else *(double *)field = real;
  return POME_OK;
}

static pome_status store_choice(const parser *p, const option_row *row, const char *text,
                                void *field) {
  char allowed[96];
  size_t used = 0;
  for (size_t i = 0; row->choices[i]; i++) {
    if (strcmp(row->choices[i], text) == 0) {
      *(const char **)field = text;
      return POME_OK;
    }
    int n = snprintf(allowed + used, sizeof allowed - used, i ? ", %s" : "%s", row->choices[i]);
    if (n > 0 && (size_t)n < sizeof allowed - used) used += (size_t)n;
  }
  return fail_value(p, row, text, allowed);
}

/* Every list has room for as many items as there are words. */
static pome_status append(const parser *p, option_list *list, const char *text) {
  if (!list->items) list->items = calloc(p->count + 1, sizeof *list->items);
  if (!list->items) return pome__fail_memory(p->error, "the command line");
  list->items[list->count++] = text;
  return POME_OK;
}

static pome_status store(const parser *p, const option_row *row, const char *text) {
  void *field = (char *)p->options + row->offset;
  switch (row->kind) {
  case OPTION_FLAG: *(bool *)field = true; return POME_OK;
  case OPTION_COUNT: ++*(int64_t *)field; return POME_OK;
  case OPTION_TEXT: *(const char **)field = text; return POME_OK;
  case OPTION_CHOICE: return store_choice(p, row, text, field);
  case OPTION_INT:
  case OPTION_REAL: return store_number(p, row, text, field);
  case OPTION_LIST:
  case OPTION_WORDS: break;
  }
  return append(p, field, text);
}

static bool is_option(const char *word) {
  return word[0] == '-' && word[1] != '\0';
}

/* Gives the option its value: `attached` behind "=" or the letter, or else the next word. */
static pome_status take_value(parser *p, const option_row *row, const char *attached) {
  if (attached) return store(p, row, attached);
  if (p->at == p->count) {
    pome__fail(p->error, POME_USAGE, "--%s needs a value: %s", row->name, row->value);
    pome__error_hint(p->error, "'pome %s --help' tells more", p->verb->name);
    return POME_USAGE;
  }
  POME__TRY(store(p, row, p->words[p->at++]));
  while (row->kind == OPTION_WORDS && p->at < p->count && !is_option(p->words[p->at]))
    POME__TRY(store(p, row, p->words[p->at++]));
  return POME_OK;
}

static pome_status parse_long(parser *p, const char *word) {
  const char *equals = strchr(word, '=');
  size_t size = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
  const option_row *row = find_row(p, word + 2, size, 0);
  if (!row) return fail_unknown_option(p->verb, word, p->error);
  if (row->value) return take_value(p, row, equals ? equals + 1 : NULL);
  if (equals) return pome__fail(p->error, POME_USAGE, "--%s takes no value", row->name);
  return store(p, row, NULL);
}

/* "-v", "-qv", "-n5", "-n 5". */
static pome_status parse_short(parser *p, const char *word) {
  for (const char *at = word + 1; *at; at++) {
    const option_row *row = find_row(p, NULL, 0, *at);
    if (!row) return fail_unknown_option(p->verb, word, p->error);
    if (row->value) return take_value(p, row, at[1] ? at + 1 : NULL);
    POME__TRY(store(p, row, NULL));
  }
  return POME_OK;
}

static pome_status check_operands(const parser *p) {
  size_t count = p->options->operands.count;
  if (count >= p->verb->least && count <= p->verb->most) return POME_OK;
  if (count < p->verb->least)
    pome__fail(p->error, POME_USAGE, "'%s' needs %s", p->verb->name, p->verb->operands);
  else
    pome__fail(p->error, POME_USAGE, "'%s' takes %s; '%s' is too much", p->verb->name,
               p->verb->operands, p->options->operands.items[p->verb->most]);
  pome__error_hint(p->error, "'pome %s --help' tells more", p->verb->name);
  return POME_USAGE;
}

static pome_status parse_words(parser *p) {
  bool only_operands = false;
  while (p->at < p->count) {
    const char *word = p->words[p->at++];
    if (only_operands || !is_option(word)) POME__TRY(append(p, &p->options->operands, word));
    else if (strcmp(word, "--") == 0) only_operands = true;
    else if (word[1] == '-') POME__TRY(parse_long(p, word));
    else POME__TRY(parse_short(p, word));
  }
  return p->options->help ? POME_OK : check_operands(p);
}

pome_status options_parse(const verb_row *verb, char **words, size_t count, struct options *result,
                          pome_error *error) {
  *result = (struct options){.verb = verb,
                             .atol = -1,
                             .rtol = -1,
                             .warmup = 3,
                             .tokens = 0,
                             .top_k = 40,
                             .seed = -1,
                             .temperature = 0.8,
                             .top_p = 0.95,
                             .repeat_penalty = 1};
  parser p = {.verb = verb, .words = words, .count = count, .options = result, .error = error};
  return parse_words(&p);
}

void options_free(struct options *options) {
  free(options->operands.items);
  free(options->inputs.items);
  free(options->golden.items);
  free(options->stops.items);
  free(options->dump.items);
}
