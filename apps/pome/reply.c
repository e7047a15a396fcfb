/* See reply.h. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "interrupt.h"
#include "machine.h"
#include "report.h"
#include "show.h"

#define PENALTY_WINDOW 64 /* tokens */

bool text_append(text_buffer *b, const char *data, size_t size) {
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

/* ---- opening ---- */

static pome_status open_model(reply *r, pome_error *error) {
  pome_model_options model;
  pome_plan_options plan;
  pome_llm_options llm_options;
  engine_model_options(&model);
  engine_plan_options(r->options, &plan);
  pome_llm_options_init(&llm_options);
  llm_options.model = &model;
  llm_options.plan = &plan;
  POME__TRY(pome_llm_open(r->options->operands.items[0], &llm_options, &r->llm, error));
  engine_report_devices(pome_llm_decode_plan(r->llm));
  return POME_OK;
}

/* A model without a template of its own or of its family goes on with text as it is. */
static pome_status open_template(reply *r, pome_error *error) {
  pome_error reason = {0};
  if (r->options->raw && r->options->system)
    return pome__fail(error, POME_USAGE, "--system needs the chat template that --raw leaves out");
  if (r->options->raw) return POME_OK;
  pome_status status =
      pome_template_open(r->options->operands.items[0], NULL, NULL, &r->chat, &reason);
  if (status == POME_OK || (status == POME_UNSUPPORTED && !r->options->system)) return POME_OK;
  if (error) *error = reason;
  return status;
}

static pome_status choose_context(reply *r, pome_error *error) {
  r->context = pome_llm_context(r->llm);
  if ((uint64_t)r->options->context > r->context)
    return pome__fail(error, POME_INPUT, "--ctx %lld: the model's context holds %zu tokens",
                      (long long)r->options->context, r->context);
  if (r->options->context > 0) r->context = (size_t)r->options->context;
  return POME_OK;
}

static pome_status make_sampler(reply *r, pome_error *error) {
  const struct options *options = r->options;
  pome_sampler_options sampler;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  pome_sampler_options_init(&sampler);
  r->seed = options->seed >= 0
                ? (uint64_t)options->seed
                : ((uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)now.tv_sec) & 0xffffffff;
  sampler.temperature = (float)options->temperature;
  sampler.top_k = (int)options->top_k;
  sampler.top_p = (float)options->top_p;
  sampler.min_p = (float)options->min_p;
  sampler.repetition_penalty = (float)options->repeat_penalty;
  sampler.penalty_window = PENALTY_WINDOW;
  sampler.seed = r->seed;
  return pome_sampler_create(&sampler, pome_llm_vocab_size(r->llm), NULL, &r->sampler, error);
}

static pome_status make_stops(reply *r, pome_error *error) {
  const option_list *given = &r->options->stops;
  pome_string *texts = calloc(given->count + 1, sizeof *texts);
  if (!texts) return pome__fail_memory(error, "stop texts");
  for (size_t i = 0; i < given->count; i++)
    texts[i] = (pome_string){given->items[i], strlen(given->items[i])};
  pome_status status = pome_stops_create(pome_llm_tokenizer(r->llm), r->options->operands.items[0],
                                         r->chat, texts, given->count, NULL, &r->stops, error);
  free(texts);
  return status;
}

pome_status reply_open(reply *r, const struct options *options, pome_error *error) {
  r->options = options;
  r->stop = "";
  POME__TRY(open_model(r, error));
  POME__TRY(open_template(r, error));
  POME__TRY(choose_context(r, error));
  POME__TRY(make_sampler(r, error));
  POME__TRY(make_stops(r, error));
  return pome_session_create(r->llm, &r->session, error);
}

void reply_close(reply *r) {
  pome_session_free(r->session);
  pome_sampler_free(r->sampler);
  pome_stops_free(r->stops);
  pome_template_close(r->chat);
  pome_llm_close(r->llm);
  free(r->tokens);
  free(r->text.data);
}

/* ---- asking ---- */

pome_status reply_add_message(json_t *messages, const char *role, const char *text, size_t size,
                              pome_error *error) {
  json_t *content = json_stringn(text, size);
  if (!content) return pome__fail(error, POME_INPUT, "the text is not valid UTF-8");
  json_t *message = json_pack("{s:s, s:o}", "role", role, "content", content);
  return json_array_append_new(messages, message) == 0
             ? POME_OK
             : pome__fail_memory(error, "the conversation");
}

/* Room for `more` tokens behind `kept`, and for a whole context. */
static pome_status make_room(reply *r, size_t kept, size_t more, pome_error *error) {
  size_t wanted = kept + more > r->context ? kept + more : r->context;
  if (wanted < r->room) return POME_OK;
  int32_t *grown = realloc(r->tokens, (wanted + 1) * sizeof *grown);
  if (!grown) return pome__fail_memory(error, "the tokens");
  r->tokens = grown;
  r->room = wanted + 1;
  return POME_OK;
}

/* Tokens of a text behind the first `kept` ones. */
static pome_status encode(reply *r, size_t kept, pome_string text, const pome_span *plain,
                          size_t plain_count, pome_error *error) {
  const pome_tokenizer *tokenizer = pome_llm_tokenizer(r->llm);
  size_t count;
  POME__TRY(pome_tokenizer_encode_marked(tokenizer, text.data, text.size, 0, plain, plain_count,
                                         NULL, 0, &count, error));
  POME__TRY(make_room(r, kept, count, error));
  POME__TRY(pome_tokenizer_encode_marked(tokenizer, text.data, text.size, 0, plain, plain_count,
                                         r->tokens + kept, count, &count, error));
  r->count = r->prompt = kept + count;
  return POME_OK;
}

static int64_t wall_clock(void) {
  time_t now = time(NULL);
  struct tm local = {0};
  return (int64_t)now + (localtime_r(&now, &local) ? local.tm_gmtoff : 0);
}

pome_status reply_ask(reply *r, const json_t *messages, pome_error *error) {
  char *text;
  size_t size, count;
  pome_span *given;
  json_t *root = json_pack("{s:O, s:b}", "messages", messages, "add_generation_prompt", 1);
  char *json = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (!json) return pome__fail_memory(error, "the conversation");
  pome_status status = pome_template_render_marked(r->chat, json, strlen(json), wall_clock(), &text,
                                                   &size, &given, &count, error);
  free(json);
  if (status != POME_OK) {
    pome__error_hint(error, "--raw gives the prompt as it is");
    return status;
  }
  status = encode(r, 0, (pome_string){text, size}, given, count, error);
  pome_template_free_text(r->chat, text, size);
  pome_template_free_spans(r->chat, given, count);
  return status;
}

pome_status reply_continue(reply *r, const char *text, size_t size, pome_error *error) {
  int32_t first = pome_llm_bos(r->llm);
  if (r->count > 0 || first < 0)
    return encode(r, r->count, (pome_string){text, size}, NULL, 0, error);
  POME__TRY(make_room(r, 1, 0, error));
  r->tokens[0] = first;
  return encode(r, 1, (pome_string){text, size}, NULL, 0, error);
}

/* ---- writing ---- */

static void flush_text(reply *r) {
  size_t ready = r->text.size - r->shown;
  if (r->options->json || ready == 0) return;
  const char *at = r->text.data + r->shown;
  if (report_terminal()) report_safe(stdout, at, ready, true);
  else fwrite(at, 1, ready, stdout);
  r->shown += ready;
  fflush(stdout);
}

/* Text behind the one written so far; `*stopped`: a stop text ends it. */
static pome_status write_text(reply *r, pome_string text, bool *stopped, pome_error *error) {
  pome_string ready;
  POME__TRY(pome_stops_add(r->stops, text, &ready, stopped, error));
  if (!text_append(&r->text, ready.data, ready.size)) return pome__fail_memory(error, "the text");
  flush_text(r);
  return POME_OK;
}

/* What was held back, when nothing more comes. */
static pome_status write_rest(reply *r, pome_detokenizer *detokenizer, pome_error *error) {
  pome_string rest;
  bool stopped;
  POME__TRY(pome_detokenizer_finish(detokenizer, &rest, error));
  POME__TRY(write_text(r, rest, &stopped, error));
  if (stopped) return POME_OK;
  rest = pome_stops_finish(r->stops);
  return text_append(&r->text, rest.data, rest.size) ? POME_OK
                                                     : pome__fail_memory(error, "the text");
}

static void end_text(reply *r) {
  if (r->options->json) return;
  flush_text(r);
  if (r->text.size > 0 && r->text.data[r->text.size - 1] != '\n') putchar('\n');
  fflush(stdout);
}

/* Decodes from the prompt on, so that what follows is written as the rest of one text. */
static pome_status make_detokenizer(const reply *r, pome_detokenizer **detokenizer,
                                    pome_error *error) {
  pome_string seen;
  pome_status status = pome_detokenizer_create(pome_llm_tokenizer(r->llm), POME_DECODE_SKIP_SPECIAL,
                                               detokenizer, error);
  for (size_t i = 0; i < r->prompt && status == POME_OK; i++)
    status = pome_detokenizer_add(*detokenizer, r->tokens[i], &seen, error);
  return status;
}

/* One more token; `*done`: the last one. */
static pome_status write_token(reply *r, pome_detokenizer *detokenizer, size_t limit, bool *done,
                               pome_error *error) {
  const float *logits;
  int32_t id;
  pome_string text;
  if (interrupt_seen()) return pome__fail(error, POME_CANCELLED, "interrupted");
  POME__TRY(pome_session_sync(r->session, r->tokens, r->count, &logits, error));
  if (interrupt_seen()) return pome__fail(error, POME_CANCELLED, "interrupted");
  POME__TRY(pome_sampler_choose(r->sampler, logits, &id, error));
  *done = true;
  if (pome_stops_is_end(r->stops, id)) return r->stop = "end", POME_OK;
  r->tokens[r->count++] = id;
  pome_sampler_accept(r->sampler, id);
  bool stopped;
  POME__TRY(pome_detokenizer_add(detokenizer, id, &text, error));
  POME__TRY(write_text(r, text, &stopped, error));
  if (stopped) r->stop = "stop";
  else if (r->count == limit) r->stop = limit == r->context ? "context" : "length";
  else *done = report_broken();
  return POME_OK;
}

static pome_status generate(reply *r, pome_detokenizer *detokenizer, size_t most,
                            pome_error *error) {
  size_t limit = most < r->context - r->prompt ? r->prompt + most : r->context;
  double begin = machine_seconds();
  for (bool done = false; !done;) {
    bool first = r->count == r->prompt;
    POME__TRY(write_token(r, detokenizer, limit, &done, error));
    if (first) r->prefill_seconds = machine_seconds() - begin, begin = machine_seconds();
    else r->decode_seconds = machine_seconds() - begin;
  }
  return POME_OK;
}

static void cancel_session(void *session) {
  pome_session_cancel(session);
}

pome_status reply_write(reply *r, size_t most, pome_error *error) {
  pome_detokenizer *detokenizer = NULL;
  r->text.size = r->shown = 0;
  r->prefill_seconds = r->decode_seconds = 0;
  r->stop = "";
  /* Penalties look at the end of the timeline, however it came about. */
  size_t window = r->prompt < PENALTY_WINDOW ? r->prompt : PENALTY_WINDOW;
  for (size_t i = r->prompt - window; i < r->prompt; i++)
    pome_sampler_accept(r->sampler, r->tokens[i]);
  pome_status status = make_detokenizer(r, &detokenizer, error);
  if (status == POME_OK) {
    interrupt_with(cancel_session, r->session);
    status = generate(r, detokenizer, most, error);
    interrupt_with(r->idle, NULL);
    bool held_back = strcmp(r->stop, "stop") != 0;
    if (held_back && (status == POME_OK || status == POME_CANCELLED)) {
      pome_status rest = write_rest(r, detokenizer, status == POME_OK ? error : NULL);
      if (status == POME_OK) status = rest;
    }
    end_text(r);
  }
  if (status == POME_CANCELLED) r->stop = "interrupted";
  pome_stops_finish(r->stops);
  pome_detokenizer_free(detokenizer);
  return status;
}

/* ---- afterwards ---- */

static double per_second(double count, double seconds) {
  return seconds > 0 ? count / seconds : 0;
}

/* Decoded tokens whose time was measured: the first comes from the prompt's own logits. */
static size_t decoded(const reply *r) {
  return r->count - r->prompt > 0 ? r->count - r->prompt - 1 : 0;
}

static const char *numerics_of(const reply *r) {
  return r->options->numerics ? r->options->numerics : "fast";
}

void reply_print_stats(const reply *r) {
  char text[64];
  const char *path = r->options->operands.items[0];
  fprintf(stderr, "\ndevice    %s, %s numerics\n", engine_device_name(pome_llm_decode_plan(r->llm)),
          numerics_of(r));
  fprintf(stderr, "tokens    %zu of prompt, %zu written (stop: %s; seed %llu)\n", r->prompt,
          r->count - r->prompt, r->stop, (unsigned long long)r->seed);
  fprintf(stderr, "prefill   %.0f tokens/s\n", per_second((double)r->prompt, r->prefill_seconds));
  fprintf(stderr, "decode    %.0f tokens/s\n", per_second((double)decoded(r), r->decode_seconds));
  fprintf(stderr, "memory    %s at its peak\n",
          report_bytes(machine_peak_memory(), text, sizeof text));
  fprintf(stderr, "package   %s\n", report_bytes(machine_size_of(path), text, sizeof text));
}

json_t *reply_json(const reply *r) {
  const char *path = r->options->operands.items[0];
  json_t *ids = json_array();
  for (size_t i = r->prompt; i < r->count; i++)
    json_array_append_new(ids, json_integer(r->tokens[i]));
  const pome_plan *plan = pome_llm_decode_plan(r->llm);
  return json_pack(
      "{s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:f, s:f, s:I, s:I}", "model", path,
      "text", show_string_json(text_data(&r->text), r->text.size), "tokens", ids, "stop", r->stop,
      "prompt_tokens", (json_int_t)r->prompt, "written_tokens", (json_int_t)(r->count - r->prompt),
      "seed", (json_int_t)r->seed, "device", engine_device_name(plan), "devices",
      engine_devices_json(plan), "numerics", numerics_of(r), "prefill_tokens_per_second",
      per_second((double)r->prompt, r->prefill_seconds), "decode_tokens_per_second",
      per_second((double)decoded(r), r->decode_seconds), "peak_memory_bytes",
      (json_int_t)machine_peak_memory(), "package_bytes", (json_int_t)machine_size_of(path));
}
