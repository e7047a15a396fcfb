/* See conversation.h.
 *
 * With a chat template the conversation is its messages, rendered anew each turn; the session
 * feeds only what differs. Without one it is a single text: what the user writes is added to it on
 * a line of its own, and the model goes on from there. When the context is full the oldest part is
 * left out, and that is said.
 */
#include "conversation.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "line.h"
#include "report.h"

#define MARK "\"\"\"" /* around a message of several lines */

typedef struct conversation {
  reply *r;
  lines *input;
  json_t *messages; /* with a template */
  char *system;     /* or NULL */
  bool line_ended;  /* without one: the text so far ends a line */
  text_buffer line, message;
  bool leaving; /* the last thing was an interrupt at an empty prompt */
  bool done;    /* the user leaves */
  int exit_status;
} conversation;

/* A line for the user that is no result; nothing with -q. */
static void say(const conversation *c, const char *format, ...) POME__PRINTF(2, 3);
static void say(const conversation *c, const char *format, ...) {
  va_list values;
  if (c->r->options->quiet) return;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
}

/* While nothing is written an interrupt is only noted; whoever reads a line asks for it. */
static void note_interrupt(void *context) {
  (void)context;
}

static void leave(conversation *c, int exit_status) {
  c->done = true;
  c->exit_status = exit_status;
}

/* ---- messages from the keyboard ---- */

static void on_interrupt(conversation *c, bool written) {
  bool again = c->leaving && !written;
  c->leaving = !written;
  if (interrupt_take() != SIGINT) leave(c, 0); /* what ended it has an exit status of its own */
  else if (again) leave(c, 128 + SIGINT);
  else if (c->leaving) say(c, "Ctrl-C again leaves, as Ctrl-D and /bye do.");
}

/* Reads a line into c->line, with a NUL behind it. `inside`: of a message that has begun. False:
 * there is none. */
static bool read_line(conversation *c, bool inside, bool *more) {
  bool written;
  c->line.size = 0;
  line_result result = lines_next(c->input, inside ? ". " : "> ", &c->line, &written, more);
  if (result == LINE_READ && text_append(&c->line, "", 1)) {
    c->line.size--;
    c->leaving = false;
    if (written) lines_remember(c->input, c->line.data);
    return true;
  }
  pome_error error = {0};
  if (result == LINE_INTERRUPTED) on_interrupt(c, written || inside);
  else if (result == LINE_END) leave(c, 0);
  else pome__fail_memory(&error, "a line");
  if (error.status != POME_OK) leave(c, report_error(&error));
  return false;
}

static bool ends_with_mark(const text_buffer *text) {
  return text->size >= 3 && memcmp(text->data + text->size - 3, MARK, 3) == 0;
}

static bool add_line(conversation *c, size_t skipped, bool first) {
  bool fits = c->message.size + c->line.size < MOST_PROMPT;
  if (fits && (first || text_append(&c->message, "\n", 1)) &&
      text_append(&c->message, c->line.data + skipped, c->line.size - skipped))
    return true;
  say(c, "A message of more than %zu bytes is not taken.", MOST_PROMPT);
  return false;
}

/* The newlines behind the first mark and before the last, and that mark. */
static void take_marks_off(text_buffer *text) {
  text->size -= 3;
  if (text->size > 0 && text->data[text->size - 1] == '\n') text->size--;
  if (text->size == 0 || text->data[0] != '\n') return;
  memmove(text->data, text->data + 1, --text->size);
}

/* Reads one message: a line, a block between marks, or a pasted text. False: there is none now.
 * `*single`: it was one line, which may be a command. */
static bool read_message(conversation *c, bool *single) {
  bool more;
  c->message.size = 0;
  if (!read_line(c, false, &more)) return false;
  bool block = strncmp(c->line.data, MARK, 3) == 0;
  *single = !block && !more;
  if (!add_line(c, block ? 3 : 0, true)) return false;
  while (more || (block && !ends_with_mark(&c->message)))
    if (!read_line(c, true, &more) || !add_line(c, 0, false)) return false;
  if (block) take_marks_off(&c->message);
  return c->message.size > 0;
}

/* ---- the context ---- */

static size_t most_tokens(const conversation *c) {
  return c->r->options->tokens > 0 ? (size_t)c->r->options->tokens : c->r->context;
}

/* Tokens that a reply shall have room for before anything old is left out. */
static size_t reserve(const conversation *c) {
  size_t quarter = c->r->context / 4 > 0 ? c->r->context / 4 : 1;
  return most_tokens(c) < quarter ? most_tokens(c) : quarter;
}

static bool fits(const conversation *c, size_t room) {
  return c->r->count + room <= c->r->context;
}

static pome_status fail_too_long(const conversation *c, size_t count, pome_error *error) {
  pome__fail(error, POME_INPUT, "the message makes %zu tokens; the model's context holds %zu",
             count, c->r->context);
  pome__error_hint(error, "shorten the message");
  return POME_INPUT;
}

/* Renders what fits: a question and its answer are left out together, the system message stays. */
static pome_status ask_latest(conversation *c, json_t *messages, pome_error *error) {
  const char *role = json_string_value(json_object_get(json_array_get(messages, 0), "role"));
  size_t first = role && strcmp(role, "system") == 0;
  POME__TRY(reply_ask(c->r, messages, error));
  while (!fits(c, reserve(c)) && json_array_size(messages) > first + 2) {
    json_array_remove(messages, first);
    json_array_remove(messages, first);
    POME__TRY(reply_ask(c->r, messages, error));
  }
  return fits(c, 1) ? POME_OK : fail_too_long(c, c->r->count, error);
}

/* A message that is refused leaves the conversation as it was. */
static pome_status ask_chat(conversation *c, pome_error *error) {
  json_t *latest = json_copy(c->messages);
  if (!latest) return pome__fail_memory(error, "the conversation");
  pome_status status = ask_latest(c, latest, error);
  if (status != POME_OK) return json_decref(latest), status;
  size_t left_out = json_array_size(c->messages) - json_array_size(latest);
  json_decref(c->messages);
  c->messages = latest;
  if (left_out > 0)
    say(c, "(the context of %zu tokens is full: the oldest %zu messages are left out)",
        c->r->context, left_out);
  return POME_OK;
}

/* Half a context of the latest tokens stays, behind the one that begins every text. */
static void forget_tokens(conversation *c, size_t added) {
  reply *r = c->r;
  size_t begin = pome_llm_bos(r->llm) >= 0, kept = (r->context - begin) / 2;
  if (kept < added) kept = added;
  if (begin + kept >= r->count) return;
  size_t left_out = r->count - kept - begin;
  memmove(r->tokens + begin, r->tokens + begin + left_out, kept * sizeof *r->tokens);
  r->count = r->prompt = begin + kept;
  say(c, "(the context of %zu tokens is full: the oldest %zu tokens are left out)", r->context,
      left_out);
}

static pome_status ask_plain(conversation *c, pome_error *error) {
  size_t before = c->r->count, skipped = before == 0 || c->line_ended;
  text_buffer text = {0}; /* behind a newline where one is missing */
  bool whole = text_append(&text, "\n", 1) && text_append(&text, c->message.data, c->message.size);
  pome_status status = whole ? reply_continue(c->r, text.data + skipped, text.size - skipped, error)
                             : pome__fail_memory(error, "the message");
  free(text.data);
  if (status != POME_OK) return status;
  size_t added = c->r->count - before, begin = before > 0 && pome_llm_bos(c->r->llm) >= 0;
  if (begin + added + 1 > c->r->context) { /* before anything is forgotten for its sake */
    c->r->count = before;
    return fail_too_long(c, added, error);
  }
  if (!fits(c, reserve(c))) forget_tokens(c, added);
  return POME_OK;
}

/* ---- turns ---- */

static void tell_stop(const conversation *c) {
  const char *stop = c->r->stop;
  if (strcmp(stop, "length") == 0) say(c, "(cut after %zu tokens; -n allows more)", most_tokens(c));
  else if (strcmp(stop, "context") == 0)
    say(c, "(cut: the context of %zu tokens is full)", c->r->context);
  else if (strcmp(stop, "interrupted") == 0) say(c, "(stopped)");
}

static pome_status keep_reply(conversation *c, pome_error *error) {
  const text_buffer *text = &c->r->text;
  if (text->size > 0) c->line_ended = text->data[text->size - 1] == '\n';
  else c->line_ended = false;
  if (!c->messages) return POME_OK;
  if (text->size > 0 || strcmp(c->r->stop, "interrupted") != 0)
    return reply_add_message(c->messages, "assistant", text_data(text), text->size, error);
  say(c, "(nothing was written: the message is taken back)");
  json_array_remove(c->messages, json_array_size(c->messages) - 1);
  return POME_OK;
}

static pome_status take_turn(conversation *c, pome_error *error) {
  if (c->messages)
    POME__TRY(reply_add_message(c->messages, "user", c->message.data, c->message.size, error));
  size_t said = c->messages ? json_array_size(c->messages) : 0;
  pome_status status = c->messages ? ask_chat(c, error) : ask_plain(c, error);
  if (status == POME_OK) status = reply_write(c->r, most_tokens(c), error);
  if (status == POME_CANCELLED && interrupt_take() == SIGINT) status = POME_OK;
  if (status == POME_OK) {
    tell_stop(c);
    POME__TRY(keep_reply(c, error));
    if (c->r->options->stats) reply_print_stats(c->r);
  } else if (said > 0) {
    json_array_remove(c->messages, json_array_size(c->messages) - 1);
  }
  return status;
}

/* ---- commands ---- */

static pome_status begin_anew(conversation *c, pome_error *error) {
  c->r->count = 0;
  c->line_ended = true;
  json_decref(c->messages);
  c->messages = c->r->chat ? json_array() : NULL;
  if (!c->r->chat) return POME_OK;
  if (!c->messages) return pome__fail_memory(error, "the conversation");
  return c->system ? reply_add_message(c->messages, "system", c->system, strlen(c->system), error)
                   : POME_OK;
}

static pome_status clear(conversation *c, const char *text, pome_error *error) {
  (void)text;
  POME__TRY(begin_anew(c, error));
  say(c, "(a new conversation)");
  return POME_OK;
}

/* Without a text it shows the message that there is. A new one is for a new conversation: what was
 * said under another stays true only there. */
static pome_status set_system(conversation *c, const char *text, pome_error *error) {
  if (!c->r->chat)
    return pome__fail(error, POME_INPUT, "a system message needs a chat template; there is none");
  if (*text == '\0') {
    const char *shown = c->system ? c->system : "(no system message)";
    report_safe(stderr, shown, strlen(shown), true);
    fputc('\n', stderr);
    return POME_OK;
  }
  char *copy = strdup(text);
  if (!copy) return pome__fail_memory(error, "the system message");
  free(c->system);
  c->system = copy;
  return clear(c, "", error);
}

static pome_status show_stats(conversation *c, const char *text, pome_error *error) {
  (void)text;
  if (*c->r->stop == '\0') return pome__fail(error, POME_INPUT, "there is no reply yet");
  reply_print_stats(c->r);
  return POME_OK;
}

static pome_status say_bye(conversation *c, const char *text, pome_error *error) {
  (void)text;
  (void)error;
  leave(c, 0);
  return POME_OK;
}

static pome_status show_help(conversation *c, const char *text, pome_error *error);

/* Names between spaces, the first one shown. */
static const struct {
  const char *names, *help;
  pome_status (*run)(conversation *c, const char *text, pome_error *error);
} commands[] = {
    {"help ?", "this list", show_help},
    {"clear new", "forget what was said", clear},
    {"system", "show the system message; with a text: begin anew under it", set_system},
    {"stats", "device, tokens and speed of the last reply", show_stats},
    {"bye exit quit", "leave, as Ctrl-D does", say_bye},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static pome_status show_help(conversation *c, const char *text, pome_error *error) {
  (void)c;
  (void)text;
  (void)error;
  for (size_t i = 0; i < COMMANDS; i++) {
    int size = (int)strcspn(commands[i].names, " ");
    fprintf(stderr, "  /%-8.*s %s\n", size, commands[i].names, commands[i].help);
  }
  fputs(
      "A message of several lines stands between \"\"\" and \"\"\", or is pasted. One that begins "
      "with / is\nwritten with //. Ctrl-C stops a reply.\n",
      stderr);
  return POME_OK;
}

static bool is_named(const char *names, const char *word, size_t size) {
  for (size_t length; *names; names += length + (names[length] == ' ')) {
    length = strcspn(names, " ");
    if (length == size && memcmp(names, word, size) == 0) return true;
  }
  return false;
}

static pome_status run_command(conversation *c, pome_error *error) {
  const char *word = c->message.data + 1;
  size_t size = strcspn(word, " \t");
  const char *text = word + size + strspn(word + size, " \t");
  for (size_t i = 0; i < COMMANDS; i++)
    if (is_named(commands[i].names, word, size)) return commands[i].run(c, text, error);
  pome__fail(error, POME_INPUT, "no command '/%.*s'", (int)(size < 40 ? size : 40), word);
  pome__error_hint(error, "/help lists them; a message that begins with / is written with //");
  return POME_INPUT;
}

/* ---- the whole ---- */

static pome_status answer(conversation *c, bool single, pome_error *error) {
  text_buffer *m = &c->message;
  if (!text_append(m, "", 1)) return pome__fail_memory(error, "the message");
  m->size--;
  if (!single || m->data[0] != '/') return take_turn(c, error);
  if (m->data[1] != '/') return run_command(c, error);
  memmove(m->data, m->data + 1, m->size--);
  return take_turn(c, error);
}

static void converse(conversation *c) {
  bool single;
  say(c, "A conversation: /help lists commands, Ctrl-D leaves.%s",
      c->r->chat ? "" : " Without a chat template the model goes on with the text.");
  while (!c->done) {
    pome_error error = {0};
    if (!read_message(c, &single)) continue;
    pome_status status = answer(c, single, &error);
    if (status == POME_CANCELLED || report_broken()) leave(c, 0);
    else if (status != POME_OK) report_error(&error);
  }
}

pome_status conversation_run(reply *r, int *exit_status, pome_error *error) {
  conversation c = {.r = r, .input = lines_open()};
  if (r->options->system) c.system = strdup(r->options->system);
  r->idle = note_interrupt;
  interrupt_with(note_interrupt, NULL);
  pome_status status = c.input && (c.system || !r->options->system)
                           ? begin_anew(&c, error)
                           : pome__fail_memory(error, "the conversation");
  if (status == POME_OK) converse(&c);
  interrupt_with(NULL, NULL);
  *exit_status = c.exit_status;
  lines_close(c.input);
  json_decref(c.messages);
  free(c.system);
  free(c.line.data);
  free(c.message.data);
  return status;
}
