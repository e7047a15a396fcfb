/* pome run: a language model writes, token by token.
 *
 * The timeline is a list of tokens; each round the session is made equal to it, the sampler chooses
 * from the logits and the choice joins the list. Text leaves as whole characters only: a token may
 * end in the middle of one.
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
  int32_t *tokens;
  size_t count, prompt, room;
  uint64_t seed;
  const char *stop; /* why it ended: "end", "length", "context", "interrupted" */
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

/* The first token of a text, when the model wants one, then the prompt's own; room for all that may
 * follow. */
static pome_status encode_prompt(generation *g, const struct options *options, const buffer *prompt,
                                 pome_error *error) {
  const pome_tokenizer *tokenizer = pome_llm_tokenizer(g->llm);
  int32_t first = pome_llm_bos(g->llm);
  size_t count, before = first >= 0;
  const char *text = prompt->size ? prompt->data : "";
  POME__TRY(pome_tokenizer_encode(tokenizer, text, prompt->size, NULL, 0, &count, error));
  size_t context = pome_llm_context(g->llm);
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

/* As it is, but for bytes that are no UTF-8. */
static void write_raw(const char *at, size_t size) {
  for (size_t length; size > 0; at += length, size -= length) {
    bool broken = utf8_next(at, size, &length) == UTF8_BROKEN && length == 1;
    if (broken) fputs("\xef\xbf\xbd", stdout);
    else fwrite(at, 1, length, stdout);
  }
}

/* Puts out what is whole; at the end everything. */
static void flush_text(writer *w, bool end) {
  size_t ready = w->text.size - w->shown;
  if (w->silent || ready == 0) return;
  const char *at = w->text.data + w->shown;
  if (!end) ready = utf8_whole(at, ready);
  if (w->terminal) report_safe(stdout, at, ready, true);
  else write_raw(at, ready);
  w->shown += ready;
  fflush(stdout);
}

static pome_status write_token(generation *g, int32_t id, pome_error *error) {
  const pome_tokenizer *tokenizer = pome_llm_tokenizer(g->llm);
  if (pome_tokenizer_is_special(tokenizer, id)) return POME_OK;
  pome_string piece = pome_tokenizer_piece(tokenizer, id);
  if (!append(&g->writer.text, piece.data, piece.size)) return pome__fail_memory(error, "the text");
  flush_text(&g->writer, false);
  return POME_OK;
}

static void end_text(writer *w) {
  if (w->silent) return;
  flush_text(w, true);
  if (w->text.size > 0 && w->text.data[w->text.size - 1] != '\n') putchar('\n');
  fflush(stdout);
}

/* ---- generating ---- */

static pome_status generate(generation *g, pome_error *error) {
  int32_t end = pome_llm_eos(g->llm);
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
    if (id == end) {
      g->stop = "end";
      return POME_OK;
    }
    g->tokens[g->count++] = id;
    POME__TRY(write_token(g, id, error));
    if (report_broken()) return POME_OK;
    if (g->count == g->room) {
      g->stop = g->room == pome_llm_context(g->llm) ? "context" : "length";
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
  sampler.seed = g->seed;
  return pome_sampler_create(&sampler, pome_llm_vocab_size(g->llm), NULL, &g->sampler, error);
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
  pome_llm_options llm_options;
  pome_llm_options_init(&llm_options);
  engine_model_options(&llm_options.model);
  engine_plan_options(options, &llm_options.plan);
  POME__TRY(pome_llm_open(options->operands.items[0], &llm_options, &g->llm, error));
  engine_report_devices(pome_llm_decode_plan(g->llm));
  return POME_OK;
}

static pome_status run(generation *g, const struct options *options, const buffer *prompt,
                       pome_error *error) {
  POME__TRY(open_model(g, options, error));
  POME__TRY(encode_prompt(g, options, prompt, error));
  POME__TRY(make_sampler(g, options, error));
  POME__TRY(pome_session_create(g->llm, &g->session, error));
  g->writer.silent = options->json;
  g->writer.terminal = report_terminal();
  interrupt_with(cancel_session, g->session);
  pome_status status = generate(g, error);
  interrupt_with(NULL, NULL);
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
  pome_llm_close(g.llm);
  free(g.tokens);
  free(g.writer.text.data);
  free(prompt.data);
  return interrupt_exit_status(status == POME_OK ? 0 : report_error(&error));
}
