/* Completion scripts for bash, zsh and fish, written from the table of verbs and options.
 *
 * bash and zsh get one function with a case for each verb; fish gets a line for each option. All
 * complete file names where an operand or a value is a file.
 */
#include <string.h>

#include "report.h"
#include "verbs.h"

/* Single-quoted for a shell, or for zsh's descriptions with colons and brackets taken out of play.
 */
static void put_quoted(const char *text, const char *escaped) {
  for (const char *at = text; *at; at++) {
    if (*at == '\'') fputs("'\\''", stdout);
    else {
      if (strchr(escaped, *at)) putchar('\\');
      putchar(*at);
    }
  }
}

static void put_words(const char *const *words) {
  for (size_t i = 0; words[i]; i++) printf("%s%s", i ? " " : "", words[i]);
}

/* ---- bash ---- */

static void bash_values(void) {
  printf("  case \"$before\" in\n");
  for (size_t i = 0; i < option_row_count; i++) {
    const option_row *row = &option_rows[i];
    if (!row->choices) continue;
    printf("    --%s) COMPREPLY=($(compgen -W '", row->name);
    put_words(row->choices);
    printf("' -- \"$word\")); return ;;\n");
  }
  printf("  esac\n");
}

static void bash_verb(const verb_row *verb) {
  printf("    %s) words='", verb->name);
  for (size_t i = 0; i < option_row_count; i++)
    if (option_applies(&option_rows[i], verb)) printf("--%s ", option_rows[i].name);
  if (verb->choices) put_words(verb->choices);
  printf("' ;;\n");
}

static void complete_bash(void) {
  printf(
      "# bash completion for pome\n_pome() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" words=''\n"
      "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W '");
  for (size_t i = 0; i < VERB_COUNT; i++) printf("%s ", verb_rows[i].name);
  printf("--help --version' -- \"$word\"))\n    return\n  fi\n");
  bash_values();
  printf("  case \"${COMP_WORDS[1]}\" in\n");
  for (size_t i = 0; i < VERB_COUNT; i++) bash_verb(&verb_rows[i]);
  printf("  esac\n  if [[ $word == -* || ${COMP_WORDS[1]} == completion ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n  else\n"
         "    compopt -o filenames\n    COMPREPLY=($(compgen -f -- \"$word\"))\n  fi\n}\n"
         "complete -F _pome pome\n");
}

/* ---- zsh ---- */

static void zsh_option(const option_row *row) {
  /* '(-n --repeat)'{-n,--repeat}'[help]:value:action' */
  bool many = row->kind == OPTION_LIST || row->kind == OPTION_WORDS || row->kind == OPTION_COUNT;
  printf("        %s", many ? "'*'" : "");
  if (row->letter) printf("{-%c,--%s}", row->letter, row->name);
  else printf("--%s", row->name);
  printf("'[");
  put_quoted(row->help, "[]:");
  putchar(']');
  if (row->value) {
    putchar(':');
    put_quoted(row->value, "[]:");
    putchar(':');
    if (row->choices) {
      putchar('(');
      put_words(row->choices);
      putchar(')');
    } else if (row->completion == COMPLETE_FOLDER) {
      printf("_files -/");
    } else if (row->completion == COMPLETE_FILE) {
      printf("_files");
    }
  }
  printf("' \\\n");
}

static void zsh_verb(const verb_row *verb) {
  printf("    %s)\n      _arguments \\\n", verb->name);
  for (size_t i = 0; i < option_row_count; i++)
    if (option_applies(&option_rows[i], verb)) zsh_option(&option_rows[i]);
  if (verb->choices) {
    printf("        '1:shell:(");
    put_words(verb->choices);
    printf(")' ;;\n");
  } else {
    printf("        '*:file:_files' ;;\n");
  }
}

static void complete_zsh(void) {
  printf("#compdef pome\n_pome() {\n  local -a verbs=(\n");
  for (size_t i = 0; i < VERB_COUNT; i++) {
    printf("    '%s:", verb_rows[i].name);
    put_quoted(verb_rows[i].summary, ":");
    printf("'\n");
  }
  printf("  )\n  if ((CURRENT == 2)); then\n    _describe verb verbs\n    return\n  fi\n"
         "  local verb=$words[2]\n  shift words\n  ((CURRENT--))\n  case $verb in\n");
  for (size_t i = 0; i < VERB_COUNT; i++) zsh_verb(&verb_rows[i]);
  printf("  esac\n}\nif [[ $funcstack[1] == _pome ]]; then _pome \"$@\"; else compdef _pome pome; "
         "fi\n");
}

/* ---- fish ---- */

static void fish_option(const verb_row *verb, const option_row *row) {
  printf("complete -c pome -n '__fish_seen_subcommand_from %s' -l %s", verb->name, row->name);
  if (row->letter) printf(" -s %c", row->letter);
  if (row->value) printf(row->completion == COMPLETE_NONE ? " -x" : " -r");
  if (row->choices) {
    printf(" -a '");
    put_words(row->choices);
    printf("'");
  }
  printf(" -d '");
  put_quoted(row->help, "");
  printf("'\n");
}

static void complete_fish(void) {
  printf("# fish completion for pome\n");
  for (size_t i = 0; i < VERB_COUNT; i++) {
    const verb_row *verb = &verb_rows[i];
    printf("complete -c pome -f -n __fish_use_subcommand -a %s -d '", verb->name);
    put_quoted(verb->summary, "");
    printf("'\n");
    for (size_t j = 0; j < option_row_count; j++)
      if (option_applies(&option_rows[j], verb)) fish_option(verb, &option_rows[j]);
    if (!verb->choices) continue;
    printf("complete -c pome -f -n '__fish_seen_subcommand_from %s' -a '", verb->name);
    put_words(verb->choices);
    printf("'\n");
  }
}

int verb_completion(const struct options *options) {
  static const struct {
    const char *shell;
    void (*print)(void);
  } printers[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
  const char *shell = options->operands.items[0];
  for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
    if (strcmp(printers[i].shell, shell) != 0) continue;
    printers[i].print();
    return 0;
  }
  pome_error error;
  pome__fail(&error, POME_USAGE, "no completion for the shell '%s'; there are bash, zsh, fish",
             shell);
  return report_error(&error);
}
