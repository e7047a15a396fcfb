/* pome bench for a language model: prompt speed, decode speed, time to the first token. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#include <pome/llm.h>

#include "engine.h"
#include "interrupt.h"
#include "machine.h"
#include "report.h"

#define DEFAULT_ROUNDS 5
#define DECODE_TOKENS  64u
#define PROMPT_TOKENS  128u

typedef struct llm_facts {
  double prefill, decode; /* tokens a second, medians */
  double first_token;     /* seconds from the prompt to the first token's logits */
  double peak, package, bandwidth, weights;
  size_t prompt, rounds;
} llm_facts;

static void cancel_session(void *session) {
  pome_session_cancel(session);
}

static int32_t most_likely(const float *logits, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (logits[i] > logits[best]) best = i;
  return (int32_t)best;
}

/* One prompt and DECODE_TOKENS greedy tokens; the end token is taken for any other. */
static pome_status run_round(pome_llm *llm, int32_t *tokens, size_t prompt, size_t decode,
                             double *prefill, double *step, pome_error *error) {
  pome_session *session;
  const float *logits;
  POME__TRY(pome_session_create(llm, &session, error));
  interrupt_with(cancel_session, session);
  double begin = machine_seconds();
  pome_status status = pome_session_sync(session, tokens, prompt, &logits, error);
  double middle = machine_seconds();
  for (size_t i = 0; status == POME_OK && i < decode; i++) {
    tokens[prompt + i] = most_likely(logits, pome_llm_vocab_size(llm));
    status = pome_session_sync(session, tokens, prompt + i + 1, &logits, error);
  }
  *prefill = middle - begin;
  *step = (machine_seconds() - middle) / (double)decode;
  interrupt_with(NULL, NULL);
  pome_session_free(session);
  return status;
}

static pome_status measure(pome_llm *llm, const struct options *options, llm_facts *f,
                           pome_error *error) {
  size_t context = pome_llm_context(llm), vocabulary = pome_llm_vocab_size(llm);
  f->prompt = context / 2 < PROMPT_TOKENS ? context / 2 : PROMPT_TOKENS;
  size_t decode = context - f->prompt < DECODE_TOKENS ? context - f->prompt : DECODE_TOKENS;
  if (f->prompt == 0 || decode == 0)
    return pome__fail(error, POME_INPUT,
                      "the model's context holds %zu tokens; at least 2 are needed to measure",
                      context);
  size_t rounds = options->repetitions > 0 ? (size_t)options->repetitions : DEFAULT_ROUNDS;
  int32_t *tokens = calloc(f->prompt + decode, sizeof *tokens);
  double *prefill = calloc(2 * rounds, sizeof *prefill), *step = prefill ? prefill + rounds : NULL;
  pome_status status = tokens && prefill ? POME_OK : pome__fail_memory(error, "the measurements");
  for (size_t i = 0; tokens && i < f->prompt; i++) tokens[i] = (int32_t)((i * 31 + 7) % vocabulary);
  double unused;
  if (status == POME_OK && options->warmup > 0)
    status = run_round(llm, tokens, f->prompt, decode, &unused, &unused, error);
  for (size_t i = 0; status == POME_OK && i < rounds; i++)
    status = run_round(llm, tokens, f->prompt, decode, &prefill[i], &step[i], error);
  if (status == POME_OK) {
    f->rounds = rounds;
    f->first_token = machine_median(prefill, rounds);
    f->prefill = (double)f->prompt / f->first_token;
    f->decode = 1 / machine_median(step, rounds);
  }
  free(tokens);
  free(prefill);
  return status;
}

static json_t *facts_json(pome_llm *llm, const struct options *options, const llm_facts *f) {
  const pome_plan *plan = pome_llm_decode_plan(llm);
  return json_pack("{s:s, s:s, s:o, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:{s:f, s:f}}",
                   "model", options->operands.items[0], "device", engine_device_name(plan),
                   "devices", engine_devices_json(plan), "numerics",
                   options->numerics ? options->numerics : "fast", "prefill_tokens_per_second",
                   f->prefill, "decode_tokens_per_second", f->decode, "first_token_ms",
                   f->first_token * 1e3, "prompt_tokens", (json_int_t)f->prompt, "runs",
                   (json_int_t)f->rounds, "peak_memory_bytes", (json_int_t)f->peak, "package_bytes",
                   (json_int_t)f->package, "weight_bytes", (json_int_t)f->weights, "machine",
                   "read_bytes_per_second", f->bandwidth, "decode_limit_tokens_per_second",
                   f->weights > 0 ? f->bandwidth / f->weights : 0.0);
}

static void print_facts(pome_llm *llm, const struct options *options, const llm_facts *f) {
  char a[64], b[64];
  printf("language model on %s, %s\n", engine_device_name(pome_llm_decode_plan(llm)),
         options->numerics ? options->numerics : "fast");
  printf("  prefill      %.4g tokens/s (%zu tokens; first token after %.4g ms)\n", f->prefill,
         f->prompt, f->first_token * 1e3);
  printf("  decode       %.4g tokens/s (medians of %zu runs)\n", f->decode, f->rounds);
  printf("  memory       %s peak, package %s\n", report_bytes(f->peak, a, sizeof a),
         report_bytes(f->package, b, sizeof b));
  if (f->bandwidth > 0 && f->weights > 0)
    printf("  machine      reads %s/s: at most %.4g tokens/s from weights of %s\n",
           report_bytes(f->bandwidth, a, sizeof a), f->bandwidth / f->weights,
           report_bytes(f->weights, b, sizeof b));
}

static pome_status bench_opened(pome_llm *llm, const struct options *options, pome_error *error) {
  llm_facts facts = {0};
  POME__TRY(measure(llm, options, &facts, error));
  const pome_function *decode = pome_plan_function(pome_llm_decode_plan(llm));
  for (size_t i = 0; i < pome_function_weight_count(decode); i++)
    facts.weights += (double)pome_function_weight(decode, i).bytes;
  facts.peak = machine_peak_memory();
  facts.package = machine_size_of(options->operands.items[0]);
  facts.bandwidth = machine_read_bandwidth(machine_threads((int)options->threads));
  if (options->json) return report_json(facts_json(llm, options, &facts), 6, error);
  print_facts(llm, options, &facts);
  return POME_OK;
}

pome_status bench_language_model(const struct options *options, pome_error *error) {
  pome_model_options model;
  pome_plan_options plan;
  pome_llm_options llm_options;
  pome_llm *llm;
  engine_model_options(&model);
  engine_plan_options(options, &plan);
  pome_llm_options_init(&llm_options);
  llm_options.model = &model;
  llm_options.plan = &plan;
  POME__TRY(pome_llm_open(options->operands.items[0], &llm_options, &llm, error));
  pome_status status = bench_opened(llm, options, error);
  pome_llm_close(llm);
  return status;
}
