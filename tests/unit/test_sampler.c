/* What changes and cuts a sampler's choices: each option's draws on fixed seeds against chances
 * worked out here, each option's limits, masks, penalties over a window, log-probabilities.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pome/llm.h>

#define VOCAB 8
#define DRAWS 20000

/* Probabilities at temperature 1: 0.30 0.25 0.15 0.10 0.08 0.06 0.04 0.02. */
static const double chances[VOCAB] = {0.30, 0.25, 0.15, 0.10, 0.08, 0.06, 0.04, 0.02};
static float logits[VOCAB];

static int make_logits(void **context) {
  (void)context;
  for (int i = 0; i < VOCAB; i++) logits[i] = (float)log(chances[i]) + 3;
  return 0;
}

static pome_sampler_options options(void) {
  pome_sampler_options o;
  pome_sampler_options_init(&o);
  o.temperature = 1;
  o.seed = 20250309;
  return o;
}

static pome_sampler *make(const pome_sampler_options *o) {
  pome_sampler *sampler;
  pome_error error = {0};
  if (pome_sampler_create(o, VOCAB, NULL, &sampler, &error) != POME_OK)
    fail_msg("%s", error.message);
  return sampler;
}

static int32_t choose(pome_sampler *sampler, const float *row) {
  int32_t id = -1;
  pome_error error = {0};
  if (pome_sampler_choose(sampler, row, &id, &error) != POME_OK) fail_msg("%s", error.message);
  return id;
}

/* Pearson's sum, which one in a thousand seeds would exceed; weights need not add up to one, and 0
 * is never drawn. */
static void check_draws(pome_sampler *sampler, const char *what, const double *weights) {
  static const double limits[] = {0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32};
  size_t seen[VOCAB] = {0}, possible = 0;
  double total = 0, sum = 0;
  for (int i = 0; i < VOCAB; i++) total += weights[i];
  for (int i = 0; i < DRAWS; i++) seen[choose(sampler, logits)]++;
  for (int i = 0; i < VOCAB; i++) {
    double expected = DRAWS * weights[i] / total;
    if (weights[i] == 0 && seen[i] > 0) fail_msg("%s: token %d was drawn", what, i);
    if (weights[i] == 0) continue;
    sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    possible++;
  }
  if (sum > limits[possible - 1]) fail_msg("%s: %g over %zu", what, sum, possible);
  pome_sampler_free(sampler);
}

/* ---- cuts ---- */

static void keeps_all_by_default(void **context) {
  (void)context;
  pome_sampler_options o = options();
  check_draws(make(&o), "defaults", chances);
}

static void min_p(void **context) {
  (void)context;
  pome_sampler_options o = options();
  o.min_p = 0.3f; /* of 0.30: 0.09 */
  check_draws(make(&o), "min-p", (double[]){0.30, 0.25, 0.15, 0.10, 0, 0, 0, 0});
  o.min_p = 1;
  check_draws(make(&o), "min-p 1", (double[]){1, 0, 0, 0, 0, 0, 0, 0});
  o.min_p = 0.3f;
  o.top_k = 3;
  check_draws(make(&o), "min-p and top-k", (double[]){0.30, 0.25, 0.15, 0, 0, 0, 0, 0});
}

/* The entropy is 1.827: surprises are 1.204 1.386 1.897 2.303 2.526 2.813 3.219 3.912, so by
 * distance the order is 2 (0.070), 1 (0.441), 3 (0.476), 0 (0.623), 4, 5, 6, 7. */
static void typical_p(void **context) {
  (void)context;
  pome_sampler_options o = options();
  o.typical_p = 0.1f;
  check_draws(make(&o), "typical-p 0.1", (double[]){0, 0, 0.15, 0, 0, 0, 0, 0});
  o.typical_p = 0.45f;
  check_draws(make(&o), "typical-p 0.45", (double[]){0, 0.25, 0.15, 0.10, 0, 0, 0, 0});
  o.top_p = 0.7f; /* 0.25 and 0.15 of 0.50 are 0.8 */
  check_draws(make(&o), "typical-p and top-p", (double[]){0, 0.25, 0.15, 0, 0, 0, 0, 0});
}

/* ---- changes ---- */

static void bias(void **context) {
  (void)context;
  const pome_logit_bias list[] = {{0, -INFINITY}, {7, 1.6094379f}}; /* five times as likely */
  pome_sampler_options o = options();
  o.bias = list;
  o.bias_count = 2;
  check_draws(make(&o), "bias", (double[]){0, 0.25, 0.15, 0.10, 0.08, 0.06, 0.04, 0.10});
}

static void penalties(void **context) {
  (void)context;
  pome_sampler_options o = options();
  o.presence_penalty = 0.6931472f; /* half as likely */
  o.frequency_penalty = 0.6931472f;
  pome_sampler *sampler = make(&o);
  pome_sampler_accept(sampler, 0);
  pome_sampler_accept(sampler, 2);
  pome_sampler_accept(sampler, 0);
  pome_sampler_accept(sampler, -1); /* no token: nothing happens */
  pome_sampler_accept(sampler, 1000);
  check_draws(sampler, "presence and frequency",
              (double[]){0.30 / 8, 0.25, 0.15 / 4, 0.10, 0.08, 0.06, 0.04, 0.02});
  o = options();
  o.repetition_penalty = 2;
  sampler = make(&o);
  pome_sampler_accept(sampler, 7); /* log 0.02 + 3 is below 0: doubled */
  pome_sampler_accept(sampler, 0); /* log 0.30 + 3 is above: halved */
  double weights[VOCAB];
  for (int i = 0; i < VOCAB; i++) weights[i] = exp((double)logits[i]);
  weights[7] = exp(2 * (double)logits[7]);
  weights[0] = exp((double)logits[0] / 2);
  check_draws(sampler, "repetition", weights);
}

/* Only the latest tokens count, and each draw leaves the counts as they were. */
static void window(void **context) {
  (void)context;
  pome_sampler_options o = options();
  o.temperature = 0;
  o.presence_penalty = 100;
  o.penalty_window = 2;
  pome_sampler *sampler = make(&o);
  static const int32_t want[] = {0, 1, 2, 0, 1, 2, 0};
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    assert_int_equal(choose(sampler, logits), want[i]);
    assert_int_equal(choose(sampler, logits), want[i]);
    pome_sampler_accept(sampler, want[i]);
  }
  pome_sampler_free(sampler);
}

typedef struct mask {
  uint64_t allowed;
  bool works;
  size_t vocab;
} mask;

static bool constrain(void *context, uint64_t *allowed, size_t vocab_size) {
  mask *m = context;
  m->vocab = vocab_size;
  allowed[0] &= m->allowed;
  return m->works;
}

static void constraint(void **context) {
  (void)context;
  mask m = {.allowed = 1 << 2 | 1 << 5 | 1 << 6, .works = true};
  pome_sampler_options o = options();
  o.constrain = constrain;
  o.constrain_context = &m;
  check_draws(make(&o), "constraint", (double[]){0, 0, 0.15, 0, 0, 0.06, 0.04, 0});
  assert_int_equal(m.vocab, VOCAB);
  pome_sampler *sampler = make(&o);
  int32_t id = 77;
  pome_error error;
  m.allowed = 0;
  assert_int_equal(pome_sampler_choose(sampler, logits, &id, &error), POME_INPUT);
  m = (mask){.allowed = 1, .works = false};
  assert_int_equal(pome_sampler_choose(sampler, logits, &id, &error), POME_INPUT);
  assert_int_equal(id, 77);
  pome_sampler_free(sampler);
}

/* ---- limits ---- */

static void limits(void **context) {
  (void)context;
  const pome_logit_bias outside = {VOCAB, 1}, infinite = {0, INFINITY}, broken = {0, NAN};
  pome_sampler_options o[15];
  size_t n = 0;
  for (size_t i = 0; i < sizeof o / sizeof o[0]; i++) o[i] = options();
  o[n++].min_p = -0.1f;
  o[n++].min_p = 1.1f;
  o[n++].min_p = NAN;
  o[n++].typical_p = 0;
  o[n++].typical_p = 1.5f;
  o[n++].repetition_penalty = 0;
  o[n++].repetition_penalty = INFINITY;
  o[n++].presence_penalty = NAN;
  o[n++].frequency_penalty = -INFINITY;
  o[n++].penalty_window = -1;
  o[n++].penalty_window = INT32_MAX;
  for (const pome_logit_bias *const *b =
           (const pome_logit_bias *const[]){&outside, &infinite, &broken, NULL};
       *b; b++) {
    o[n].bias = *b;
    o[n++].bias_count = 1;
  }
  for (size_t i = 0; i < n; i++) {
    pome_sampler *sampler = NULL;
    pome_error error = {0};
    if (pome_sampler_create(&o[i], VOCAB, NULL, &sampler, &error) != POME_USAGE)
      fail_msg("options %zu", i);
    assert_null(sampler);
    assert_true(error.message[0] != '\0');
  }
}

static void logprobs(void **context) {
  (void)context;
  pome_sampler_options o = options();
  pome_token_logprob top[VOCAB + 1];
  float chosen;
  pome_error error;
  o.top_k = 1; /* cuts do not matter here */
  pome_sampler *sampler = make(&o);
  assert_int_equal(pome_sampler_logprobs(sampler, logits, 4, &chosen, top, VOCAB + 1, &error),
                   POME_OK);
  assert_true(fabs((double)chosen - log(0.08)) < 1e-6);
  for (int i = 0; i < VOCAB; i++) {
    assert_int_equal(top[i].id, i);
    assert_true(fabs((double)top[i].logprob - log(chances[i])) < 1e-6);
  }
  assert_int_equal(top[VOCAB].id, -1);
  assert_true(top[VOCAB].logprob == -INFINITY);
  assert_int_equal(pome_sampler_logprobs(sampler, logits, 7, &chosen, NULL, 0, &error), POME_OK);
  assert_true(fabs((double)chosen - log(0.02)) < 1e-6);
  assert_int_equal(pome_sampler_logprobs(sampler, logits, VOCAB, &chosen, NULL, 0, &error),
                   POME_USAGE);
  assert_int_equal(pome_sampler_logprobs(sampler, (float[VOCAB]){NAN}, 0, &chosen, NULL, 0, &error),
                   POME_INPUT);
  pome_sampler_free(sampler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_all_by_default),
      cmocka_unit_test(min_p),
      cmocka_unit_test(typical_p),
      cmocka_unit_test(bias),
      cmocka_unit_test(penalties),
      cmocka_unit_test(window),
      cmocka_unit_test(constraint),
      cmocka_unit_test(limits),
      cmocka_unit_test(logprobs),
  };
  return cmocka_run_group_tests(tests, make_logits, NULL);
}
