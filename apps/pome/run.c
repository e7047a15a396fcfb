/* pome run: a language model writes: one reply to a prompt, or a conversation on a terminal.
 *
 * A model with a chat template gets the prompt as a user's turn.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation.h"
#include "interrupt.h"
#include "reply.h"
#include "report.h"
#include "verbs.h"

#define DEFAULT_TOKENS 200

static pome_status read_pipe(text_buffer *prompt, pome_error *error) {
  char chunk[65536];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;) {
    if (prompt->size + n > MOST_PROMPT)
      return pome__fail(error, POME_INPUT, "a prompt of more than %zu bytes", MOST_PROMPT);
    if (!text_append(prompt, chunk, n)) return pome__fail_memory(error, "the prompt");
  }
  if (ferror(stdin))
    return pome__fail(error, POME_IO, "the prompt cannot be read from the standard input");
  /* The newline that ends a line is the shell's, not the prompt's. */
  if (prompt->size > 0 && prompt->data[prompt->size - 1] == '\n') prompt->size--;
  return POME_OK;
}

static pome_status get_prompt(const struct options *options, text_buffer *prompt,
                              pome_error *error) {
  if (options->operands.count < 2) return read_pipe(prompt, error);
  const char *text = options->operands.items[1];
  return text_append(prompt, text, strlen(text)) ? POME_OK : pome__fail_memory(error, "the prompt");
}

static pome_status ask_chat(reply *r, const text_buffer *prompt, pome_error *error) {
  const char *system = r->options->system;
  pome_status status = POME_OK;
  json_t *messages = json_array();
  if (system) status = reply_add_message(messages, "system", system, strlen(system), error);
  if (status == POME_OK)
    status = reply_add_message(messages, "user", text_data(prompt), prompt->size, error);
  if (status == POME_OK) status = reply_ask(r, messages, error);
  json_decref(messages);
  return status;
}

static pome_status ask(reply *r, const text_buffer *prompt, pome_error *error) {
  POME__TRY(r->chat ? ask_chat(r, prompt, error)
                    : reply_continue(r, text_data(prompt), prompt->size, error));
  if (r->count == 0) return pome__fail(error, POME_INPUT, "the prompt is empty");
  if (r->count < r->context) return POME_OK;
  pome__fail(error, POME_INPUT, "the prompt has %zu tokens; the model's context holds %zu",
             r->count, r->context);
  pome__error_hint(error, "shorten the prompt");
  return POME_INPUT;
}

static pome_status run_once(reply *r, const struct options *options, const text_buffer *prompt,
                            pome_error *error) {
  POME__TRY(reply_open(r, options, error));
  POME__TRY(ask(r, prompt, error));
  size_t most = options->tokens > 0 ? (size_t)options->tokens : DEFAULT_TOKENS;
  pome_status status = reply_write(r, most, error);
  /* What was written before Ctrl-C is a result like any other. */
  if (status != POME_OK && !(status == POME_CANCELLED && interrupt_seen())) return status;
  if (options->stats) reply_print_stats(r);
  return options->json ? report_json(reply_json(r), 6, error) : POME_OK;
}

static pome_status converse(reply *r, const struct options *options, int *exit_status,
                            pome_error *error) {
  if (options->json) {
    pome__fail(error, POME_USAGE, "a conversation is no single JSON document");
    pome__error_hint(error, "give a PROMPT, or pipe one in");
    return POME_USAGE;
  }
  POME__TRY(reply_open(r, options, error));
  return conversation_run(r, exit_status, error);
}

int verb_run(const struct options *options) {
  reply r = {0};
  text_buffer prompt = {0};
  pome_error error = {0};
  int exit_status = 0;
  pome_status status;
  if (options->operands.count < 2 && isatty(STDIN_FILENO)) {
    status = converse(&r, options, &exit_status, &error);
  } else {
    status = get_prompt(options, &prompt, &error);
    if (status == POME_OK) status = run_once(&r, options, &prompt, &error);
  }
  reply_close(&r);
  free(prompt.data);
  return interrupt_exit_status(status == POME_OK ? exit_status : report_error(&error));
}
