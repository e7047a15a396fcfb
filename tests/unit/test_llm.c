/* Choosing tokens, against closed forms and a plain sort; and sessions of the model that comes with
 * the sources: however the tokens of a timeline got there, the logits are the same.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pome/llm.h>

#include "budget.h"
#include "text_model.h"

/* ---- sampler ---- */

static pome_sampler *make_sampler(float temperature, int top_k, float top_p, uint64_t seed,
                                  size_t vocab) {
  pome_sampler_options options;
  pome_sampler_options_init(&options);
  options.temperature = temperature;
  options.top_k = top_k;
  options.top_p = top_p;
  options.seed = seed;
  pome_sampler *sampler = NULL;
  pome_error error;
  check_ok(pome_sampler_create(&options, vocab, NULL, &sampler, &error), &error);
  return sampler;
}

static int32_t choose(pome_sampler *sampler, const float *logits) {
  int32_t id = -1;
  pome_error error;
  check_ok(pome_sampler_choose(sampler, logits, &id, &error), &error);
  return id;
}

static void greedy_takes_the_best(void **context) {
  (void)context;
  static const struct {
    float logits[4];
    int32_t best;
  } rows[] = {
      {{1, 3, 2, 0}, 1},
      {{2, 2, 2, 2}, 0},
      {{0, 5, 5, 1}, 1},
      {{-9, -7, -8, -8}, 1},
      {{-INFINITY, -INFINITY, -INFINITY, -1e30f}, 3},
      {{-0.0f, 0.0f, -1, -1}, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pome_sampler *greedy = make_sampler(0, 0, 1, 1, 4), *one = make_sampler(2, 1, 1, 1, 4),
                 *sure = make_sampler(1e-30f, 0, 1e-6f, 1, 4);
    assert_int_equal(choose(greedy, rows[i].logits), rows[i].best);
    assert_int_equal(choose(one, rows[i].logits), rows[i].best);
    assert_int_equal(choose(sure, rows[i].logits), rows[i].best);
    pome_sampler_free(greedy);
    pome_sampler_free(one);
    pome_sampler_free(sure);
  }
}

static void rows_without_a_choice(void **context) {
  (void)context;
  static const float rows[][4] = {
      {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
      {NAN, -INFINITY, NAN, -INFINITY},
      {1, NAN, 2, 3},
      {1, 2, INFINITY, 3},
  };
  for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
    pome_sampler *sampler = make_sampler(i % 2 ? 0 : 1, 0, 1, 1, 4);
    int32_t id = 77;
    pome_error error;
    assert_int_equal(pome_sampler_choose(sampler, rows[i / 2], &id, &error), POME_INPUT);
    assert_int_equal(id, 77);
    pome_sampler_free(sampler);
  }
}

static void options_are_checked(void **context) {
  (void)context;
  const struct {
    float temperature;
    int top_k;
    float top_p;
    size_t vocab;
  } bad[] = {{-1, 0, 1, 4}, {NAN, 0, 1, 4},  {INFINITY, 0, 1, 4}, {1, -1, 1, 4},
             {1, 0, 0, 4},  {1, 0, 1.5f, 4}, {1, 0, NAN, 4},      {1, 0, 1, 0}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    pome_sampler_options options;
    pome_sampler_options_init(&options);
    options.temperature = bad[i].temperature;
    options.top_k = bad[i].top_k;
    options.top_p = bad[i].top_p;
    pome_sampler *sampler = NULL;
    pome_error error;
    assert_int_equal(pome_sampler_create(&options, bad[i].vocab, NULL, &sampler, &error),
                     POME_USAGE);
    assert_null(sampler);
  }
}

#define DRAWS 20000

/* Draws against chances: Pearson's sum, which one in a thousand seeds would exceed by chance.
 * Nothing without a chance is ever drawn. */
static void check_draws(float temperature, int top_k, float top_p, const float *logits,
                        const double *chances, size_t vocab) {
  static const double limits[] = {0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32};
  pome_sampler *sampler = make_sampler(temperature, top_k, top_p, 12345, vocab);
  size_t seen[8] = {0}, possible = 0;
  double sum = 0;
  for (int i = 0; i < DRAWS; i++) seen[choose(sampler, logits)]++;
  for (size_t i = 0; i < vocab; i++) {
    double expected = DRAWS * chances[i];
    if (chances[i] == 0) assert_int_equal(seen[i], 0);
    else sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    possible += chances[i] > 0;
  }
  if (sum > limits[possible - 1])
    fail_msg("temperature %g, top-k %d, top-p %g: %g over %zu", (double)temperature, top_k,
             (double)top_p, sum, possible);
  pome_sampler_free(sampler);
}

static void chances_are_as_they_should(void **context) {
  (void)context;
  /* Logarithms of 1, 2, 3, 4 in some order and two that cannot be: at temperature 1 the chances are
   * tenths. */
  const float logits[6] = {logf(2), logf(4), -INFINITY, logf(1), -INFINITY, logf(3)};
  check_draws(1, 0, 1, logits, (double[]){0.2, 0.4, 0, 0.1, 0, 0.3}, 6);
  check_draws(0.5f, 0, 1, logits, (double[]){4 / 30.0, 16 / 30.0, 0, 1 / 30.0, 0, 9 / 30.0}, 6);
  check_draws(1, 3, 1, logits, (double[]){2 / 9.0, 4 / 9.0, 0, 0, 0, 3 / 9.0}, 6);
  check_draws(1, 2, 1, logits, (double[]){0, 4 / 7.0, 0, 0, 0, 3 / 7.0}, 6);
  check_draws(1, 100, 1, logits, (double[]){0.2, 0.4, 0, 0.1, 0, 0.3}, 6);
  check_draws(1, 0, 0.6f, logits, (double[]){0, 4 / 7.0, 0, 0, 0, 3 / 7.0},
              6); /* 0.4 is not enough, 0.7 is */
  check_draws(1, 0, 0.75f, logits, (double[]){2 / 9.0, 4 / 9.0, 0, 0, 0, 3 / 9.0}, 6);
  check_draws(1, 0, 0.3f, logits, (double[]){0, 1, 0, 0, 0, 0}, 6); /* never fewer than one */
  check_draws(1, 3, 0.7f, logits, (double[]){0, 4 / 7.0, 0, 0, 0, 3 / 7.0},
              6); /* of the three: 4/9, then 7/9 */
  const float equal[6] = {1, 1, 1, 1, 1, 1};
  check_draws(1, 4, 1, equal, (double[]){0.25, 0.25, 0.25, 0.25, 0, 0},
              6); /* lower ids first among equals */
}

/* ---- the same choices by a plain sort ---- */

typedef struct candidate {
  float logit;
  int32_t id;
} candidate;

static int falling(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
  return x->id < y->id ? -1 : 1;
}

static double uniform(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

#define WORDS 1500

static int32_t sorted_choice(const float *logits, double temperature, size_t top_k, double top_p,
                             double chance) {
  static candidate all[WORDS];
  double weights[WORDS], total = 0, mass = 0, sum = 0;
  size_t kept = 0;
  for (int32_t i = 0; i < WORDS; i++) all[i] = (candidate){logits[i], i};
  qsort(all, WORDS, sizeof all[0], falling);
  if (top_k == 0) top_k = WORDS;
  for (size_t i = 0; i < top_k; i++)
    total += weights[i] = exp(((double)all[i].logit - (double)all[0].logit) / temperature);
  while (kept < top_k && (kept == 0 || mass < top_p * total)) mass += weights[kept++];
  for (size_t i = 0; i < kept; i++) {
    sum += weights[i];
    if (chance * mass < sum) return all[i].id;
  }
  return all[kept - 1].id;
}

static void choices_are_those_of_a_sort(void **context) {
  (void)context;
  static const struct {
    float temperature;
    int top_k;
    float top_p;
  } ways[] = {{1, 0, 1}, {0.75f, 40, 1}, {1.5f, 0, 0.9f}, {1, 200, 0.5f}, {0.25f, WORDS, 0.99f}};
  for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
    uint64_t noise = 99 + w, chances = 7;
    pome_sampler *sampler =
        make_sampler(ways[w].temperature, ways[w].top_k, ways[w].top_p, 7, WORDS);
    for (int round = 0; round < 200; round++) {
      float logits[WORDS];
      for (int i = 0; i < WORDS; i++)
        logits[i] = (float)(int)(uniform(&noise) * 64) / 4; /* many are equal */
      int32_t want = sorted_choice(logits, (double)ways[w].temperature, (size_t)ways[w].top_k,
                                   (double)ways[w].top_p, uniform(&chances));
      assert_int_equal(choose(sampler, logits), want);
    }
    pome_sampler_free(sampler);
  }
}

/* Recorded once; a seed must mean one text for ever. */
static void a_seed_means_one_text(void **context) {
  (void)context;
  static const int32_t recorded[16] = {17, 18, 27, 27, 9,  12, 18, 26,
                                       27, 31, 18, 13, 13, 13, 8,  18};
  float logits[32];
  for (int i = 0; i < 32; i++) logits[i] = 0.1f * (float)(i * 7 % 32);
  pome_sampler *a = make_sampler(0.8f, 20, 0.95f, 42, 32),
               *b = make_sampler(0.8f, 20, 0.95f, 42, 32),
               *c = make_sampler(0.8f, 20, 0.95f, 43, 32);
  int differ = 0;
  for (int i = 0; i < 16; i++) {
    int32_t id = choose(a, logits);
    assert_int_equal(id, recorded[i]);
    assert_int_equal(id, choose(b, logits));
    differ += id != choose(c, logits);
  }
  assert_true(differ > 0);
  pome_sampler_free(a);
  pome_sampler_free(b);
  pome_sampler_free(c);
}

/* ---- sessions ---- */

#define MODEL  "models/folio"
#define TOKENS 150

static pome_llm *open_llm_on(const char *devices) {
  pome_llm *llm = NULL;
  pome_error error;
  pome_llm_options options;
  pome_plan_options plan;
  pome_llm_options_init(&options);
  pome_plan_options_init(&plan);
  plan.devices = devices;
  options.plan = &plan;
  if (access(MODEL "/tokenizer.json", R_OK) != 0) {
    printf("SKIP: no " MODEL " here\n");
    skip();
  }
  check_ok(pome_llm_open(MODEL, &options, &llm, &error), &error);
  return llm;
}

static pome_llm *open_llm(void) {
  return open_llm_on(NULL);
}

static pome_session *open_session(pome_llm *llm) {
  pome_session *session = NULL;
  pome_error error;
  check_ok(pome_session_create(llm, &session, &error), &error);
  return session;
}

static void make_tokens(const pome_llm *llm, int32_t *tokens, size_t count, int step) {
  for (size_t i = 0; i < count; i++)
    tokens[i] = (int32_t)((i * 37 + 11 * (size_t)step) % (pome_llm_vocab_size(llm) - 1));
}

static const float *follow(pome_session *session, const int32_t *tokens, size_t count) {
  const float *logits = NULL;
  pome_error error;
  check_ok(pome_session_sync(session, tokens, count, &logits, &error), &error);
  assert_int_equal(pome_session_length(session), count);
  return logits;
}

/* Norm of the difference over norm of the second. */
static double distance(const float *a, const float *b, size_t count) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; i++) {
    difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    norm += (double)b[i] * (double)b[i];
  }
  assert_true(norm > 0);
  return sqrt(difference / norm);
}

static void check_same(const char *what, pome_llm *llm, const float *logits, const int32_t *tokens,
                       size_t count) {
  pome_session *plain = open_session(llm);
  pome_session_set_batch(plain, 1);
  double d = distance(logits, follow(plain, tokens, count), pome_llm_vocab_size(llm));
  if (!(d < 2e-2)) fail_msg("%s, %zu tokens: the logits are %g apart", what, count, d);
  pome_session_free(plain);
}

static void batches_and_single_tokens(void **context) {
  (void)context;
  pome_llm *llm = open_llm();
  int32_t tokens[TOKENS];
  const size_t counts[] = {1, 63, 64, 65, 128, TOKENS};
  make_tokens(llm, tokens, TOKENS, 1);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    pome_session *session = open_session(llm);
    check_same("in batches", llm, follow(session, tokens, counts[i]), tokens, counts[i]);
    pome_session_free(session);
  }
  pome_llm_close(llm);
}

/* How far the best logit stands above the second. */
static float lead_of_best(const float *logits, size_t count, int32_t *best) {
  float second = -INFINITY;
  *best = 0;
  for (size_t i = 1; i < count; i++) {
    if (logits[i] > logits[*best]) {
      second = logits[*best];
      *best = (int32_t)i;
    } else if (logits[i] > second) {
      second = logits[i];
    }
  }
  return logits[*best] - second;
}

/* Greedy text is the same on both devices up to the first near-tie. */
static void same_text_on_both_devices(void **context) {
  (void)context;
  pome_llm *ref = open_llm_on("ref"), *cpu = open_llm_on("cpu");
  pome_session *a = open_session(ref), *b = open_session(cpu);
  size_t vocab = pome_llm_vocab_size(ref), count = 70;
  int32_t tokens[TOKENS], mine, other;
  make_tokens(ref, tokens, count, 3);
  for (; count < TOKENS; count++) {
    float lead = lead_of_best(follow(a, tokens, count), vocab, &mine);
    lead_of_best(follow(b, tokens, count), vocab, &other);
    if (lead < 0.01f) break;
    assert_int_equal(mine, other);
    tokens[count] = mine;
  }
  assert_true(count > 70);
  pome_session_free(a);
  pome_session_free(b);
  pome_llm_close(ref);
  pome_llm_close(cpu);
}

static void going_back(void **context) {
  (void)context;
  pome_llm *llm = open_llm();
  pome_session *session = open_session(llm);
  size_t vocab = pome_llm_vocab_size(llm);
  int32_t tokens[TOKENS], other[TOKENS];
  float *first = malloc(vocab * sizeof *first);
  assert_non_null(first);
  make_tokens(llm, tokens, TOKENS, 1);
  make_tokens(llm, other, TOKENS, 2);
  memcpy(other, tokens, 40 * sizeof *tokens);
  memcpy(first, follow(session, tokens, TOKENS), vocab * sizeof *first);
  assert_memory_equal(follow(session, tokens, TOKENS), first,
                      vocab * sizeof *first); /* nothing new: the last token again */
  check_same("a shorter timeline", llm, follow(session, tokens, 100), tokens, 100);
  check_same("another end", llm, follow(session, other, 50), other, 50);
  check_same("another end in a batch", llm, follow(session, other, 130), other, 130);
  check_same("back at the first", llm, follow(session, tokens, TOKENS), tokens, TOKENS);
  check_same("from the start", llm, follow(session, other + 41, 3), other + 41, 3);
  free(first);
  pome_session_free(session);
  pome_llm_close(llm);
}

static void sessions_do_not_mix(void **context) {
  (void)context;
  pome_llm *llm = open_llm();
  pome_session *a = open_session(llm), *b = open_session(llm);
  int32_t tokens[TOKENS], other[TOKENS];
  make_tokens(llm, tokens, TOKENS, 1);
  make_tokens(llm, other, TOKENS, 5);
  for (size_t count = 3; count < 12; count += 4) {
    (void)follow(b, other, count + 1);
    check_same("a", llm, follow(a, tokens, count), tokens, count);
  }
  pome_session_free(a);
  pome_session_free(b);
  pome_llm_close(llm);
}

static void limits(void **context) {
  (void)context;
  pome_llm *llm = open_llm();
  pome_session *session = open_session(llm);
  size_t size = pome_llm_context(llm), vocab = pome_llm_vocab_size(llm);
  assert_true(size > 1 && vocab > 1 && pome_llm_eos(llm) >= 0 && (size_t)pome_llm_eos(llm) < vocab);
  int32_t *tokens = malloc((size + 1) * sizeof *tokens);
  assert_non_null(tokens);
  make_tokens(llm, tokens, size + 1, 3);
  const float *logits = NULL;
  pome_error error;
  assert_int_equal(pome_session_sync(session, tokens, 0, &logits, &error), POME_INPUT);
  assert_int_equal(pome_session_sync(session, tokens, size + 1, &logits, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "do not fit"));
  const float *full = follow(session, tokens, size);
  for (size_t i = 0; i < vocab; i++) assert_true(isfinite(full[i]));
  const int32_t bad[] = {-1, (int32_t)vocab, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int32_t kept = tokens[2];
    tokens[2] = bad[i];
    assert_int_equal(pome_session_sync(session, tokens, 5, &logits, &error), POME_INPUT);
    assert_non_null(strstr(error.message, "token 2 has id"));
    tokens[2] = kept;
  }
  assert_null(logits);
  assert_int_equal(pome_session_length(session), size); /* refused before anything changed */
  check_same("after refusals", llm, follow(session, tokens, 5), tokens, 5);
  free(tokens);
  pome_session_free(session);
  pome_llm_close(llm);
}

typedef struct canceller {
  pome_session *session;
  atomic_bool stop;
} canceller;

static void *keep_cancelling(void *context) {
  canceller *c = context;
  while (!atomic_load(&c->stop)) {
    pome_session_cancel(c->session);
    usleep(200);
  }
  return NULL;
}

static void cancelling(void **context) {
  (void)context;
  pome_llm *llm = open_llm();
  canceller c = {.session = open_session(llm)};
  pthread_t thread;
  int32_t tokens[TOKENS];
  const float *logits = NULL;
  pome_error error;
  make_tokens(llm, tokens, TOKENS, 4);
  pome_session_set_batch(c.session, 1);
  assert_int_equal(pthread_create(&thread, NULL, keep_cancelling, &c), 0);
  pome_status status = POME_OK;
  for (int i = 0; i < 20 && status == POME_OK; i++) {
    tokens[0] = i; /* everything anew */
    status = pome_session_sync(c.session, tokens, TOKENS, &logits, &error);
  }
  atomic_store(&c.stop, true);
  pthread_join(thread, NULL);
  assert_int_equal(status, POME_CANCELLED);
  assert_true(pome_session_length(c.session) < TOKENS);
  check_same("after a cancel", llm, follow(c.session, tokens, TOKENS), tokens, TOKENS);
  pome_session_free(c.session);
  pome_llm_close(llm);
}

/* The Nth allocation fails, for every N that matters: opening, a session and a prediction say so,
 * or do without. */
static void lack_of_memory(void **context) {
  (void)context;
  pome_llm_close(open_llm()); /* skips where there is none */
  bool through = false;
  for (size_t n = 0; !through; n += 1 + n / 16) {
    budget b = budget_unlimited();
    b.refuse_at = n;
    pome_allocator allocator = budget_allocator(&b);
    pome_model_options model;
    pome_plan_options plan;
    pome_llm_options options;
    pome_model_options_init(&model);
    pome_plan_options_init(&plan);
    pome_llm_options_init(&options);
    model.allocator = plan.allocator = &allocator;
    plan.threads = 1;
    options.model = &model;
    options.plan = &plan;
    pome_llm *llm = NULL;
    pome_session *session = NULL;
    pome_error error;
    const float *logits = NULL;
    const int32_t tokens[2] = {1, 2};
    pome_status status = pome_llm_open(MODEL, &options, &llm, &error);
    if (status == POME_OK) status = pome_session_create(llm, &session, &error);
    if (status == POME_OK) status = pome_session_sync(session, tokens, 2, &logits, &error);
    through = b.refused == 0;
    if (status != POME_OK) {
      assert_int_equal(status, POME_MEMORY);
      assert_null(logits);
    }
    assert_true(status == POME_OK || !through);
    pome_session_free(session);
    pome_llm_close(llm);
    assert_int_equal(b.blocks, 0);
  }
}

static void what_is_no_model(void **context) {
  (void)context;
  pome_llm *llm = NULL;
  pome_error error;
  char folder[] = "/tmp/pome-llm-XXXXXX";
  assert_non_null(mkdtemp(folder));
  assert_int_equal(pome_llm_open("/nonexistent", NULL, &llm, &error), POME_INPUT);
  assert_int_equal(pome_llm_open(folder, NULL, &llm, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "no language model here"));
  assert_int_equal(pome_llm_open("/", NULL, &llm, &error), POME_INPUT);
  assert_null(llm);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(greedy_takes_the_best),
      cmocka_unit_test(rows_without_a_choice),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(chances_are_as_they_should),
      cmocka_unit_test(choices_are_those_of_a_sort),
      cmocka_unit_test(a_seed_means_one_text),
      cmocka_unit_test(what_is_no_model),
      cmocka_unit_test(batches_and_single_tokens),
      cmocka_unit_test(same_text_on_both_devices),
      cmocka_unit_test(going_back),
      cmocka_unit_test(sessions_do_not_mix),
      cmocka_unit_test(limits),
      cmocka_unit_test(cancelling),
      cmocka_unit_test(lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
