/* pome run: a language model writes, token by token.
 *
 * The timeline is a list of tokens; each round the session is made equal to it, the sampler chooses
 * from the logits and the choice joins the list. A model with a chat template gets the prompt as a
 * user's turn. Text leaves as whole characters only, and not before it is clear that it belongs to
 * no stop text.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pome/llm.h>

#include "engine.h"
#include "interrupt.h"
#include "machine.h"
#include "report.h"
#include "show.h"
#include "utf8.h"
#include "verbs.h"

#define MAX_PROMPT ((size_t)16 << 20)

typedef struct buffer {
  char *data;
  size_t size, room;
} buffer;

typedef struct writer {
  buffer text;  /* everything written */
  size_t shown; /* bytes of it already on stdout */
  bool silent;  /* --json prints at the end */
  bool terminal;
} writer;

typedef struct generation {
  pome_llm *llm;
  pome_session *session;
  pome_sampler *sampler;
  pome_template *chat; /* NULL: the prompt goes as it is */
  pome_stops *stops;
  pome_detokenizer *detokenizer;
  int32_t *tokens;
  size_t count, prompt, room, context;
  uint64_t seed;
  const char *stop; /* why it ended: "end", "stop", "length", "context", "interrupted" */
  double prefill_seconds, decode_seconds;
  writer writer;
} generation;

static bool append(buffer *b, const char *data, size_t size) {
  if (size == 0) return true;
  if (b->size + size > b->room) {
    size_t room = (b->size + size) * 2;
    char *grown = realloc(b->data, room);
    if (!grown) return false;
    b->data = grown;
    b->room = room;
  }
  memcpy(b->data + b->size, data, size);
  b->size += size;
  return true;
}

/* ---- prompt ---- */

static pome_status read_pipe(buffer *prompt, pome_error *error) {
  if (isatty(STDIN_FILENO)) {
    pome__fail(error, POME_UNSUPPORTED,
               "a conversation on a terminal is not part of this version (%s)", pome_version());
    pome__error_hint(error, "give a PROMPT, or pipe one in");
    return POME_UNSUPPORTED;
  }
  char chunk[65536];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;) {
    if (prompt->size + n > MAX_PROMPT)
      return pome__fail(error, POME_INPUT, "a prompt of more than %zu bytes", MAX_PROMPT);
    if (!append(prompt, chunk, n)) return pome__fail_memory(error, "the prompt");
  }
  if (ferror(stdin))
    return pome__fail(error, POME_IO, "the prompt cannot be read from the standard input");
  /* The newline that ends a line is the shell's, not the prompt's. */
  if (prompt->size > 0 && prompt->data[prompt->size - 1] == '\n') prompt->size--;
  return POME_OK;
}

static pome_status get_prompt(const struct options *options, buffer *prompt, pome_error *error) {
  if (options->operands.count < 2) return read_pipe(prompt, error);
  const char *text = options->operands.items[1];
  return append(prompt, text, strlen(text)) ? POME_OK : pome__fail_memory(error, "the prompt");
}

/* A model without a template of its own or of its family goes on with the prompt as it is. */
static pome_status open_template(generation *g, const struct options *options, pome_error *error) {
  pome_error reason = {0};
  if (options->raw) return POME_OK;
  pome_status status =
      pome_template_open(options->operands.items[0], NULL, NULL, &g->chat, &reason);
  if (status == POME_OK || (status == POME_UNSUPPORTED && !options->system)) return POME_OK;
  if (error) *error = reason;
  return status;
}

static json_t *message(const char *role, const char *text, size_t size) {
  return json_pack("{s:s, s:o}", "role", role, "content", show_string_json(text, size));
}

static pome_status conversation_text(const struct options *options, const buffer *prompt,
                                     char **text, pome_error *error) {
  json_t *messages = json_array();
  if (options->system)
    json_array_append_new(messages, message("system", options->system, strlen(options->system)));
  json_array_append_new(messages, message("user", prompt->size ? prompt->data : "", prompt->size));
  json_t *root = json_pack("{s:o, s:b}", "messages", messages, "add_generation_prompt", 1);
  *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  return *text ? POME_OK : pome__fail_memory(error, "the conversation");
}

/* The prompt becomes what the template makes of it. */
static pome_status apply_template(generation *g, const struct options *options, buffer *prompt,
                                  pome_error *error) {
  char *json, *text;
  size_t size;
  time_t now = time(NULL);
  struct tm local = {0};
  if (!g->chat) return POME_OK;
  POME__TRY(conversation_text(options, prompt, &json, error));
  int64_t wall = (int64_t)now + (localtime_r(&now, &local) ? local.tm_gmtoff : 0);
  pome_status status = pome_template_render(g->chat, json, strlen(json), wall, &text, &size, error);
  free(json);
  if (status != POME_OK) {
    pome__error_hint(error, "--raw gives the prompt as it is");
    return status;
  }
  prompt->size = 0;
  if (!append(prompt, text, size)) status = pome__fail_memory(error, "the prompt");
  pome_template_free_text(g->chat, text, size);
  return status;
}

static pome_status usable_context(const generation *g, const struct options *options,
                                  size_t *context, pome_error *error) {
  *context = pome_llm_context(g->llm);
  if ((uint64_t)options->context > *context)
    return pome__fail(error, POME_INPUT, "--ctx %lld: the model's context holds %zu tokens",
                      (long long)options->context, *context);
  if (options->context > 0) *context = (size_t)options->context;
  return POME_OK;
}

/* The first token of a text, when the model wants one, then the prompt's own; room for all that may
 * follow. */
static pome_status encode_prompt(generation *g, const struct options *options, const buffer *prompt,
                                 pome_error *error) {
  const pome_tokenizer *tokenizer = pome_llm_tokenizer(g->llm);
  int32_t first = g->chat ? -1 : pome_llm_bos(g->llm); /* a template writes it itself */
  size_t count, before = first >= 0;
  const char *text = prompt->size ? prompt->data : "";
  POME__TRY(pome_tokenizer_encode(tokenizer, text, prompt->size, NULL, 0, &count, error));
  size_t context;
  POME__TRY(usable_context(g, options, &context, error));
  g->context = context;
  if (before + count == 0) return pome__fail(error, POME_INPUT, "the prompt is empty");
  if (before + count >= context) {
    pome__fail(error, POME_INPUT, "the prompt has %zu tokens; the model's context holds %zu",
               before + count, context);
    pome__error_hint(error, "shorten the prompt");
    return POME_INPUT;
  }
  g->room = (size_t)options->tokens < context - before - count
                ? before + count + (size_t)options->tokens
                : context;
  g->tokens = calloc(g->room + 1, sizeof *g->tokens);
  if (!g->tokens) return pome__fail_memory(error, "the tokens");
  if (before) g->tokens[0] = first;
  POME__TRY(pome_tokenizer_encode(tokenizer, text, prompt->size, g->tokens + before, count, &count,
                                  error));
  g->count = g->prompt = before + count;
  return POME_OK;
}

/* ---- writing ---- */

static void flush_text(writer *w) {
  size_t ready = w->text.size - w->shown;
  if (w->silent || ready == 0) return;
  const char *at = w->text.data + w->shown;
  if (w->terminal) report_safe(stdout, at, ready, true);
  else fwrite(at, 1, ready, stdout);
  w->shown += ready;
  fflush(stdout);
}

/* Text behind the one written so far; `*stopped`: a stop text ends it. */
static pome_status write_text(generation *g, pome_string text, bool *stopped, pome_error *error) {
  pome_string ready;
  POME__TRY(pome_stops_add(g->stops, text, &ready, stopped, error));
  if (!append(&g->writer.text, ready.data, ready.size)) return pome__fail_memory(error, "the text");
  flush_text(&g->writer);
  return POME_OK;
}

static pome_status write_token(generation *g, int32_t id, bool *stopped, pome_error *error) {
  pome_string text;
  POME__TRY(pome_detokenizer_add(g->detokenizer, id, &text, error));
  return write_text(g, text, stopped, error);
}

/* What was held back, when nothing more comes. */
static pome_status write_rest(generation *g, pome_error *error) {
  pome_string rest;
  bool stopped;
  POME__TRY(pome_detokenizer_finish(g->detokenizer, &rest, error));
  POME__TRY(write_text(g, rest, &stopped, error));
  if (stopped) return POME_OK;
  rest = pome_stops_finish(g->stops);
  return append(&g->writer.text, rest.data, rest.size) ? POME_OK
                                                       : pome__fail_memory(error, "the text");
}

static void end_text(writer *w) {
  if (w->silent) return;
  flush_text(w);
  if (w->text.size > 0 && w->text.data[w->text.size - 1] != '\n') putchar('\n');
  fflush(stdout);
}

/* ---- generating ---- */

static pome_status generate(generation *g, pome_error *error) {
  double begin = machine_seconds();
  for (;;) {
    const float *logits;
    POME__TRY(pome_session_sync(g->session, g->tokens, g->count, &logits, error));
    if (g->count == g->prompt)
      g->prefill_seconds = machine_seconds() - begin, begin = machine_seconds();
    else g->decode_seconds = machine_seconds() - begin;
    if (interrupt_seen()) return pome__fail(error, POME_CANCELLED, "interrupted");
    int32_t id;
    POME__TRY(pome_sampler_choose(g->sampler, logits, &id, error));
    if (pome_stops_is_end(g->stops, id)) {
      g->stop = "end";
      return POME_OK;
    }
    g->tokens[g->count++] = id;
    pome_sampler_accept(g->sampler, id);
    bool stopped;
    POME__TRY(write_token(g, id, &stopped, error));
    if (report_broken()) return POME_OK;
    if (stopped) {
      g->stop = "stop";
      return POME_OK;
    }
    if (g->count == g->room) {
      g->stop = g->room == g->context ? "context" : "length";
      return POME_OK;
    }
  }
}

static pome_status make_sampler(generation *g, const struct options *options, pome_error *error) {
  pome_sampler_options sampler;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  pome_sampler_options_init(&sampler);
  g->seed = options->seed >= 0
                ? (uint64_t)options->seed
                : ((uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)now.tv_sec) & 0xffffffff;
  sampler.temperature = (float)options->temperature;
  sampler.top_k = (int)options->top_k;
  sampler.top_p = (float)options->top_p;
  sampler.min_p = (float)options->min_p;
  sampler.repetition_penalty = (float)options->repeat_penalty;
  sampler.seed = g->seed;
  POME__TRY(pome_sampler_create(&sampler, pome_llm_vocab_size(g->llm), NULL, &g->sampler, error));
  for (size_t i = 0; i < g->prompt; i++) pome_sampler_accept(g->sampler, g->tokens[i]);
  return POME_OK;
}

static pome_status make_stops(generation *g, const struct options *options, pome_error *error) {
  const pome_tokenizer *tokenizer = pome_llm_tokenizer(g->llm);
  pome_string *texts = calloc(options->stops.count + 1, sizeof *texts);
  if (!texts) return pome__fail_memory(error, "stop texts");
  for (size_t i = 0; i < options->stops.count; i++)
    texts[i] = (pome_string){options->stops.items[i], strlen(options->stops.items[i])};
  pome_status status = pome_stops_create(tokenizer, options->operands.items[0], g->chat, texts,
                                         options->stops.count, NULL, &g->stops, error);
  free(texts);
  return status;
}

/* Decodes from the prompt on, so that what follows is written as the rest of one text. */
static pome_status make_detokenizer(generation *g, pome_error *error) {
  pome_string seen;
  POME__TRY(pome_detokenizer_create(pome_llm_tokenizer(g->llm), POME_DECODE_SKIP_SPECIAL,
                                    &g->detokenizer, error));
  for (size_t i = 0; i < g->prompt; i++)
    POME__TRY(pome_detokenizer_add(g->detokenizer, g->tokens[i], &seen, error));
  return POME_OK;
}

static void cancel_session(void *session) {
  pome_session_cancel(session);
}

/* ---- afterwards ---- */

static double per_second(double count, double seconds) {
  return seconds > 0 ? count / seconds : 0;
}

/* Decoded tokens whose time was measured: the first comes from the prompt's own logits. */
static size_t decoded(const generation *g) {
  return g->count - g->prompt > 0 ? g->count - g->prompt - 1 : 0;
}

static void print_stats(const generation *g, const struct options *options) {
  char text[64];
  fprintf(stderr, "\ndevice    %s, %s numerics\n", engine_device_name(pome_llm_decode_plan(g->llm)),
          options->numerics ? options->numerics : "fast");
  fprintf(stderr, "tokens    %zu of prompt, %zu written (stop: %s; seed %llu)\n", g->prompt,
          g->count - g->prompt, g->stop, (unsigned long long)g->seed);
  fprintf(stderr, "prefill   %.0f tokens/s\n", per_second((double)g->prompt, g->prefill_seconds));
  fprintf(stderr, "decode    %.0f tokens/s\n", per_second((double)decoded(g), g->decode_seconds));
  fprintf(stderr, "memory    %s at its peak\n",
          report_bytes(machine_peak_memory(), text, sizeof text));
  fprintf(stderr, "package   %s\n",
          report_bytes(machine_size_of(options->operands.items[0]), text, sizeof text));
}

static json_t *generation_json(const generation *g, const struct options *options) {
  json_t *ids = json_array();
  for (size_t i = g->prompt; i < g->count; i++)
    json_array_append_new(ids, json_integer(g->tokens[i]));
  const pome_plan *plan = pome_llm_decode_plan(g->llm);
  return json_pack(
      "{s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:f, s:f, s:I, s:I}", "model",
      options->operands.items[0], "text",
      show_string_json(g->writer.text.size ? g->writer.text.data : "", g->writer.text.size),
      "tokens", ids, "stop", g->stop, "prompt_tokens", (json_int_t)g->prompt, "written_tokens",
      (json_int_t)(g->count - g->prompt), "seed", (json_int_t)g->seed, "device",
      engine_device_name(plan), "devices", engine_devices_json(plan), "numerics",
      options->numerics ? options->numerics : "fast", "prefill_tokens_per_second",
      per_second((double)g->prompt, g->prefill_seconds), "decode_tokens_per_second",
      per_second((double)decoded(g), g->decode_seconds), "peak_memory_bytes",
      (json_int_t)machine_peak_memory(), "package_bytes",
      (json_int_t)machine_size_of(options->operands.items[0]));
}

static pome_status open_model(generation *g, const struct options *options, pome_error *error) {
  pome_model_options model;
  pome_plan_options plan;
  pome_llm_options llm_options;
  engine_model_options(&model);
  engine_plan_options(options, &plan);
  pome_llm_options_init(&llm_options);
  llm_options.model = &model;
  llm_options.plan = &plan;
  POME__TRY(pome_llm_open(options->operands.items[0], &llm_options, &g->llm, error));
  engine_report_devices(pome_llm_decode_plan(g->llm));
  return POME_OK;
}

static pome_status run(generation *g, const struct options *options, buffer *prompt,
                       pome_error *error) {
  POME__TRY(open_model(g, options, error));
  POME__TRY(open_template(g, options, error));
  POME__TRY(apply_template(g, options, prompt, error));
  POME__TRY(encode_prompt(g, options, prompt, error));
  POME__TRY(make_sampler(g, options, error));
  POME__TRY(make_stops(g, options, error));
  POME__TRY(make_detokenizer(g, error));
  POME__TRY(pome_session_create(g->llm, &g->session, error));
  g->writer.silent = options->json;
  g->writer.terminal = report_terminal();
  interrupt_with(cancel_session, g->session);
  pome_status status = generate(g, error);
  interrupt_with(NULL, NULL);
  bool held_back = strcmp(g->stop, "stop") != 0;
  if (held_back && (status == POME_OK || status == POME_CANCELLED)) {
    pome_status rest = write_rest(g, status == POME_OK ? error : NULL);
    if (status == POME_OK) status = rest;
  }
  end_text(&g->writer);
  /* What was written before Ctrl-C is a result like any other. */
  bool stopped = status == POME_CANCELLED && interrupt_seen();
  if (stopped) g->stop = "interrupted";
  if (status != POME_OK && !stopped) return status;
  if (options->stats) print_stats(g, options);
  return options->json ? report_json(generation_json(g, options), 6, error) : POME_OK;
}

int verb_run(const struct options *options) {
  generation g = {.stop = ""};
  buffer prompt = {0};
  pome_error error = {0};
  pome_status status = get_prompt(options, &prompt, &error);
  if (status == POME_OK) status = run(&g, options, &prompt, &error);
  pome_session_free(g.session);
  pome_sampler_free(g.sampler);
  pome_detokenizer_free(g.detokenizer);
  pome_stops_free(g.stops);
  pome_template_close(g.chat);
  pome_llm_close(g.llm);
  free(g.tokens);
  free(g.writer.text.data);
  free(prompt.data);
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
