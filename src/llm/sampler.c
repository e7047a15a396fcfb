/* Choosing the next token: greedy, or by chance.
 *
 * Logits are changed first (bias, penalties for what was written, a constraint's mask), then cut in
 * this order: temperature, top-k, typical-p, top-p, min-p. Chance comes from SplitMix64 (Steele,
 * Lea and Flood, 2014): 53 bits of each output make a number in [0, 1), which is compared with the
 * running sum of probabilities in order of falling logit, lower ids first among equals. So a seed
 * means one text.
 */
#include <float.h>
#include <math.h>
#include <pome/llm.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

#define MOST_WINDOW (1 << 20)

typedef struct choice {
  float logit;
  int32_t id;
} choice;

struct pome_sampler {
  const pome_allocator *allocator;
  pome_sampler_options options;
  size_t vocab_size;
  uint64_t state;
  choice *choices;
  size_t count;  /* of choices */
  size_t ranked; /* of these, at the end, in order */
  float *row;    /* changed logits, when anything changes them */
  pome_logit_bias *bias;
  int32_t *window;  /* a ring of the latest tokens */
  uint32_t *counts; /* of each token in the window */
  size_t seen;      /* tokens accepted so far */
  uint64_t *allowed;
};

void pome_sampler_options_init_sized(pome_sampler_options *options, size_t size) {
  static const pome_sampler_options defaults = {.temperature = 0.8f,
                                                .top_p = 1.0f,
                                                .typical_p = 1.0f,
                                                .repetition_penalty = 1.0f,
                                                .penalty_window = 64};
  pome__options_init(options, size, &defaults, sizeof defaults);
}

/* ---- options ---- */

static pome_status check_number(const char *name, float value, bool fine, const char *allowed,
                                pome_error *error) {
  return fine && !isinf(value) ? POME_OK
                               : pome__fail(error, POME_USAGE, "%s is %g; %s is allowed", name,
                                            (double)value, allowed);
}

static pome_status check_bias(const pome_sampler_options *o, size_t vocab_size, pome_error *error) {
  for (size_t i = 0; i < o->bias_count; i++) {
    const pome_logit_bias *b = &o->bias[i];
    if (b->id < 0 || (size_t)b->id >= vocab_size)
      return pome__fail(error, POME_USAGE, "a bias for token %d; 0 to %zu are allowed", (int)b->id,
                        vocab_size - 1);
    if (isnan(b->bias) || b->bias == INFINITY)
      return pome__fail(error, POME_USAGE,
                        "the bias of token %d is %g; a number or minus infinity is allowed",
                        (int)b->id, (double)b->bias);
  }
  return POME_OK;
}

static pome_status check_options(const pome_sampler_options *o, size_t vocab_size,
                                 pome_error *error) {
  static const char part[] = "more than 0 and at most 1", least[] = "0 or more";
  if (vocab_size == 0 || vocab_size > INT32_MAX)
    return pome__fail(error, POME_USAGE, "a vocabulary of %zu tokens; 1 to %d are allowed",
                      vocab_size, INT32_MAX);
  POME__TRY(check_number("temperature", o->temperature, o->temperature >= 0, least, error));
  if (o->top_k < 0)
    return pome__fail(error, POME_USAGE, "top-k is %d; 0 (all) or more is allowed", o->top_k);
  POME__TRY(check_number("top-p", o->top_p, o->top_p > 0 && o->top_p <= 1, part, error));
  POME__TRY(check_number("min-p", o->min_p, o->min_p >= 0 && o->min_p <= 1, "0 to 1", error));
  POME__TRY(
      check_number("typical-p", o->typical_p, o->typical_p > 0 && o->typical_p <= 1, part, error));
  POME__TRY(check_number("the repetition penalty", o->repetition_penalty, o->repetition_penalty > 0,
                         "more than 0", error));
  POME__TRY(check_number("the presence penalty", o->presence_penalty, !isnan(o->presence_penalty),
                         "any number", error));
  POME__TRY(check_number("the frequency penalty", o->frequency_penalty,
                         !isnan(o->frequency_penalty), "any number", error));
  if (o->penalty_window < 0 || o->penalty_window > MOST_WINDOW)
    return pome__fail(error, POME_USAGE, "a penalty window of %d tokens; 0 to %d are allowed",
                      o->penalty_window, MOST_WINDOW);
  return check_bias(o, vocab_size, error);
}

static bool has_penalties(const pome_sampler_options *o) {
  return o->penalty_window > 0 &&
         (o->repetition_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0);
}

static bool changes_logits(const pome_sampler_options *o) {
  return has_penalties(o) || o->bias_count > 0 || o->constrain != NULL;
}

/* ---- create and free ---- */

static size_t mask_words(size_t vocab_size) {
  return (vocab_size + 63) / 64;
}

static bool allocate(pome_sampler *s) {
  const pome_sampler_options *o = &s->options;
  size_t vocab = s->vocab_size;
  bool ok = (s->choices = pome__alloc(s->allocator, vocab * sizeof *s->choices)) != NULL;
  if (changes_logits(o))
    ok = ok && (s->row = pome__alloc(s->allocator, vocab * sizeof *s->row)) != NULL;
  if (o->constrain != NULL) {
    size_t bytes = mask_words(vocab) * sizeof *s->allowed;
    ok = ok && (s->allowed = pome__alloc(s->allocator, bytes)) != NULL;
  }
  if (o->bias_count > 0) {
    size_t bytes;
    ok = ok && pome__mul(o->bias_count, sizeof *s->bias, &bytes) &&
         (s->bias = pome__alloc(s->allocator, bytes)) != NULL;
    if (ok) memcpy(s->bias, o->bias, bytes);
  }
  if (has_penalties(o)) {
    size_t window = (size_t)o->penalty_window;
    ok = ok && (s->window = pome__alloc(s->allocator, window * sizeof *s->window)) != NULL &&
         (s->counts = pome__alloc_zero(s->allocator, vocab * sizeof *s->counts)) != NULL;
  }
  return ok;
}

pome_status pome_sampler_create(const pome_sampler_options *options, size_t vocab_size,
                                const pome_allocator *allocator, pome_sampler **out,
                                pome_error *error) {
  pome_sampler_options chosen;
  pome_sampler_options_init(&chosen);
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  POME__TRY(check_options(&chosen, vocab_size, error));
  pome_sampler *sampler = pome__alloc_zero(allocator, sizeof *sampler);
  if (sampler == NULL) return pome__fail_memory(error, "a sampler");
  sampler->allocator = allocator;
  sampler->options = chosen;
  sampler->vocab_size = vocab_size;
  sampler->state = chosen.seed;
  if (!allocate(sampler)) {
    pome_sampler_free(sampler);
    return pome__fail_memory(error, "a sampler");
  }
  *out = sampler;
  return POME_OK;
}

void pome_sampler_free(pome_sampler *s) {
  if (s == NULL) return;
  size_t vocab = s->vocab_size;
  pome__free(s->allocator, s->choices, vocab * sizeof *s->choices);
  pome__free(s->allocator, s->row, vocab * sizeof *s->row);
  pome__free(s->allocator, s->bias, s->options.bias_count * sizeof *s->bias);
  pome__free(s->allocator, s->window, (size_t)s->options.penalty_window * sizeof *s->window);
  pome__free(s->allocator, s->counts, vocab * sizeof *s->counts);
  pome__free(s->allocator, s->allowed, mask_words(vocab) * sizeof *s->allowed);
  pome__free(s->allocator, s, sizeof *s);
}

static double next_uniform(pome_sampler *sampler) {
  uint64_t z = sampler->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return (double)(z >> 11) * 0x1p-53;
}

/* ---- what changes logits ---- */

void pome_sampler_accept(pome_sampler *sampler, int32_t id) {
  if (sampler->window == NULL || id < 0 || (size_t)id >= sampler->vocab_size) return;
  size_t window = (size_t)sampler->options.penalty_window, at = sampler->seen % window;
  if (sampler->seen >= window) sampler->counts[sampler->window[at]]--;
  sampler->window[at] = id;
  sampler->counts[id]++;
  sampler->seen++;
}

/* Each token of the window once: where it stands last. */
static void penalise(pome_sampler *s) {
  const pome_sampler_options *o = &s->options;
  size_t window = (size_t)o->penalty_window, held = s->seen < window ? s->seen : window;
  for (size_t i = 0; i < held; i++) {
    int32_t id = s->window[i];
    uint32_t count = s->counts[id];
    if (count == 0) continue; /* done, and marked so below */
    float logit = s->row[id];
    logit = logit > 0 ? logit / o->repetition_penalty : logit * o->repetition_penalty;
    s->row[id] = logit - o->presence_penalty - (float)count * o->frequency_penalty;
    s->counts[id] = 0;
  }
  for (size_t i = 0; i < held; i++) s->counts[s->window[i]]++;
}

static pome_status constrain(pome_sampler *s, pome_error *error) {
  memset(s->allowed, 0xff, mask_words(s->vocab_size) * sizeof *s->allowed);
  if (!s->options.constrain(s->options.constrain_context, s->allowed, s->vocab_size))
    return pome__fail(error, POME_INPUT, "the constraint on tokens failed");
  for (size_t i = 0; i < s->vocab_size; i++)
    if ((s->allowed[i / 64] >> i % 64 & 1) == 0) s->row[i] = -INFINITY;
  return POME_OK;
}

/* *row: the logits to choose from, which are the given ones when nothing changes them. */
static pome_status change(pome_sampler *s, const float *logits, const float **row,
                          pome_error *error) {
  *row = logits;
  if (s->row == NULL) return POME_OK;
  memcpy(s->row, logits, s->vocab_size * sizeof *logits);
  for (size_t i = 0; i < s->options.bias_count; i++) s->row[s->bias[i].id] += s->bias[i].bias;
  if (s->window != NULL) penalise(s);
  if (s->allowed != NULL) POME__TRY(constrain(s, error));
  *row = s->row;
  return POME_OK;
}

/* The largest logit, lowest id among equals. Minus infinity is no chance; NaN and infinity are
 * errors, as nothing sensible can follow from them. */
static pome_status find_best(const float *logits, size_t count, int32_t *best, pome_error *error) {
  float highest = -INFINITY;
  int32_t at = -1;
  bool broken = false;
  for (size_t i = 0; i < count; i++) {
    broken |= !(logits[i] <= FLT_MAX);
    if (logits[i] > highest) {
      highest = logits[i];
      at = (int32_t)i;
    }
  }
  for (size_t i = 0; broken && i < count; i++)
    if (!(logits[i] <= FLT_MAX))
      return pome__fail(error, POME_INPUT, "the logit of token %zu is %s", i,
                        isnan(logits[i]) ? "not a number" : "infinite");
  if (at < 0)
    return pome__fail(error, POME_INPUT,
                      "no token can be chosen: every logit is minus infinity or masked");
  *best = at;
  return POME_OK;
}

/* ---- candidates, best first: a heap that is sorted only as far as one looks ---- */

static bool is_better(choice a, choice b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

static void sift_down(choice *heap, size_t count, size_t at) {
  choice item = heap[at];
  for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && is_better(heap[child + 1], heap[child])) child++;
    if (!is_better(heap[child], item)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = item;
}

/* Everything that has a chance, in the order of ids. */
static void gather(pome_sampler *sampler, const float *logits) {
  sampler->count = sampler->ranked = 0;
  for (size_t i = 0; i < sampler->vocab_size; i++) {
    if (logits[i] > -INFINITY) sampler->choices[sampler->count++] = (choice){logits[i], (int32_t)i};
  }
}

static void make_heap(pome_sampler *sampler) {
  for (size_t i = sampler->count / 2; i-- > 0;) sift_down(sampler->choices, sampler->count, i);
}

/* Number `i` of the candidates, the best being 0: those already ranked lie behind the heap, the
 * latest first. */
static choice ranked(pome_sampler *sampler, size_t i) {
  while (sampler->ranked <= i) {
    size_t last = sampler->count - ++sampler->ranked;
    choice top = sampler->choices[0];
    sampler->choices[0] = sampler->choices[last];
    sampler->choices[last] = top;
    if (last > 0) sift_down(sampler->choices, last, 0);
  }
  return sampler->choices[sampler->count - 1 - i];
}

/* ---- choosing ---- */

/* Chance relative to the best's. */
static double weight(const pome_sampler *sampler, float logit, float highest) {
  return exp(((double)logit - (double)highest) / (double)sampler->options.temperature);
}

/* Leaves the best `top_k`, best first. */
static void cut_to_top_k(pome_sampler *s) {
  size_t k = (size_t)s->options.top_k;
  if (k == 0 || k >= s->count) return;
  make_heap(s);
  (void)ranked(s, k - 1);
  choice *best = s->choices + s->count - k;
  for (size_t i = 0; i < k / 2; i++) {
    choice kept = best[i];
    best[i] = best[k - 1 - i];
    best[k - 1 - i] = kept;
  }
  memmove(s->choices, best, k * sizeof *best);
  s->count = k;
  s->ranked = 0;
}

static double total_weight(const pome_sampler *s, float highest) {
  double total = 0;
  for (size_t i = 0; i < s->count; i++) total += weight(s, s->choices[i].logit, highest);
  return total;
}

/* Leaves the candidates whose surprise is nearest to the expected one (Meister et al., 2022), until
 * they make up typical_p. */
static void cut_to_typical(pome_sampler *s, const float *row, float highest) {
  if (s->options.typical_p >= 1) return;
  double total = total_weight(s, highest), entropy = 0, mass = 0;
  for (size_t i = 0; i < s->count; i++) {
    double p = weight(s, s->choices[i].logit, highest) / total;
    if (p > 0) entropy -= p * log(p);
  }
  for (size_t i = 0; i < s->count; i++) {
    double t = (double)s->options.temperature;
    double surprise = log(total) - ((double)s->choices[i].logit - (double)highest) / t;
    s->choices[i].logit = (float)-fabs(surprise - entropy);
  }
  make_heap(s);
  size_t kept = 0;
  while (kept < s->count && mass < (double)s->options.typical_p * total)
    mass += weight(s, row[ranked(s, kept++).id], highest);
  memmove(s->choices, s->choices + s->count - kept, kept * sizeof *s->choices);
  for (size_t i = 0; i < kept; i++) s->choices[i].logit = row[s->choices[i].id];
  s->count = kept;
  s->ranked = 0;
}

/* How many of the best remain after top-p and min-p, and what they weigh. */
static size_t cut_to_likely(pome_sampler *s, float highest, double total, double *mass) {
  const double top_p = (double)s->options.top_p, min_p = (double)s->options.min_p;
  size_t kept = 0;
  if (top_p >= 1 && min_p <= 0) return *mass = total, s->count;
  for (*mass = 0; kept < s->count && (top_p >= 1 || *mass < top_p * total); kept++) {
    double w = weight(s, ranked(s, kept).logit, highest);
    if (w < min_p) break;
    *mass += w;
  }
  return kept;
}

pome_status pome_sampler_choose(pome_sampler *sampler, const float *logits, int32_t *id,
                                pome_error *error) {
  const float *row;
  int32_t best;
  POME__TRY(change(sampler, logits, &row, error));
  POME__TRY(find_best(row, sampler->vocab_size, &best, error));
  if (sampler->options.temperature == 0 || sampler->options.top_k == 1) {
    *id = best;
    return POME_OK;
  }
  gather(sampler, row);
  cut_to_top_k(sampler);
  cut_to_typical(sampler, row, row[best]);
  float highest = -INFINITY; /* typical-p may have taken the best */
  for (size_t i = 0; i < sampler->count; i++)
    if (sampler->choices[i].logit > highest) highest = sampler->choices[i].logit;
  double mass, total = total_weight(sampler, highest);
  make_heap(sampler);
  size_t kept = cut_to_likely(sampler, highest, total, &mass), at = 0;
  double left = next_uniform(sampler) * mass;
  for (double w; at + 1 < kept && left >= (w = weight(sampler, ranked(sampler, at).logit, highest));
       at++)
    left -= w;
  *id = ranked(sampler, at).id;
  return POME_OK;
}

/* ---- log-probabilities ---- */

pome_status pome_sampler_logprobs(pome_sampler *sampler, const float *logits, int32_t chosen,
                                  float *logprob, pome_token_logprob *top, size_t count,
                                  pome_error *error) {
  int32_t best;
  double total = 0;
  if (chosen < 0 || (size_t)chosen >= sampler->vocab_size)
    return pome__fail(error, POME_USAGE, "token %d; 0 to %zu are allowed", (int)chosen,
                      sampler->vocab_size - 1);
  POME__TRY(find_best(logits, sampler->vocab_size, &best, error));
  const double highest = (double)logits[best];
  for (size_t i = 0; i < sampler->vocab_size; i++) total += exp((double)logits[i] - highest);
  const double base = highest + log(total);
  if (count > 0) {
    gather(sampler, logits);
    make_heap(sampler);
  }
  for (size_t i = 0; i < count; i++) {
    bool there = i < sampler->count;
    choice c = there ? ranked(sampler, i) : (choice){-INFINITY, -1};
    top[i] = (pome_token_logprob){c.id, (float)((double)c.logit - base)};
  }
  *logprob = (float)((double)logits[chosen] - base);
  return POME_OK;
}
