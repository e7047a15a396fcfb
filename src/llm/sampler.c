/* Choosing the next token: greedy, or by chance after temperature, top-k and top-p.
 *
 * Chance comes from SplitMix64 (Steele, Lea and Flood, 2014): 53 bits of each output make a number in [0, 1), which is compared with
 * the running sum of probabilities in order of falling logit, lower ids first among equals. So a seed means one text.
 */
#include <math.h>
#include <pome/llm.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

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
};

void pome_sampler_options_init(pome_sampler_options *options) {
  *options = (pome_sampler_options){.size = sizeof *options, .temperature = 0.8f, .top_p = 1.0f};
}

static pome_status check_options(const pome_sampler_options *o, pome_error *error) {
  if (!(o->temperature >= 0) || isinf(o->temperature)) return pome__fail(error, POME_USAGE, "temperature is %g; 0 or more is allowed", (double)o->temperature);
  if (o->top_k < 0) return pome__fail(error, POME_USAGE, "top-k is %d; 0 (all) or more is allowed", o->top_k);
  if (!(o->top_p > 0 && o->top_p <= 1)) return pome__fail(error, POME_USAGE, "top-p is %g; more than 0 and at most 1 is allowed", (double)o->top_p);
  return POME_OK;
}

pome_status pome_sampler_create(const pome_sampler_options *options, size_t vocab_size, const pome_allocator *allocator,
                                pome_sampler **out, pome_error *error) {
  pome_sampler_options defaults;
  pome_sampler_options_init(&defaults);
  if (options == NULL) options = &defaults;
  POME__TRY(check_options(options, error));
  if (vocab_size == 0 || vocab_size > INT32_MAX) return pome__fail(error, POME_USAGE, "a vocabulary of %zu tokens", vocab_size);
  pome_sampler *sampler = pome__alloc_zero(allocator, sizeof *sampler);
  if (sampler == NULL) return pome__fail_memory(error, "a sampler");
  sampler->allocator = allocator;
  sampler->options = *options;
  sampler->vocab_size = vocab_size;
  sampler->state = options->seed;
  sampler->choices = pome__alloc(allocator, vocab_size * sizeof *sampler->choices);
  if (sampler->choices == NULL) {
    pome_sampler_free(sampler);
    return pome__fail_memory(error, "a sampler");
  }
  *out = sampler;
  return POME_OK;
}

void pome_sampler_free(pome_sampler *sampler) {
  if (sampler == NULL) return;
  pome__free(sampler->allocator, sampler->choices, sampler->vocab_size * sizeof *sampler->choices);
  pome__free(sampler->allocator, sampler, sizeof *sampler);
}

static double next_uniform(pome_sampler *sampler) {
  uint64_t z = sampler->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return (double)(z >> 11) * 0x1p-53;
}

/* The largest logit, NaN ignored, lowest id among equals; -1 when none is above minus infinity. */
static int32_t greedy(const float *logits, size_t count) {
  int32_t best = -1;
  float highest = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    if (logits[i] > highest) {
      highest = logits[i];
      best = (int32_t)i;
    }
  }
  return best;
}

static int by_falling_logit(const void *a, const void *b) {
  const choice *x = a, *y = b;
  if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* Candidates with a finite chance, best first, cut to top-k. */
static size_t gather(pome_sampler *sampler, const float *logits) {
  size_t count = 0;
  for (size_t i = 0; i < sampler->vocab_size; i++) {
    if (logits[i] > -INFINITY) sampler->choices[count++] = (choice){logits[i], (int32_t)i};
  }
  qsort(sampler->choices, count, sizeof *sampler->choices, by_falling_logit);
  size_t top_k = (size_t)sampler->options.top_k;
  return top_k > 0 && top_k < count ? top_k : count;
}

static double weight(const pome_sampler *sampler, size_t i) {
  if (sampler->choices[i].logit == sampler->choices[0].logit) return 1; /* also plus infinity */
  return exp(((double)sampler->choices[i].logit - (double)sampler->choices[0].logit) / (double)sampler->options.temperature);
}

pome_status pome_sampler_choose(pome_sampler *sampler, const float *logits, int32_t *id, pome_error *error) {
  int32_t best = greedy(logits, sampler->vocab_size);
  if (best < 0) return pome__fail(error, POME_INPUT, "no token can be chosen: every logit is NaN or minus infinity");
  if (sampler->options.temperature == 0 || sampler->options.top_k == 1) {
    *id = best;
    return POME_OK;
  }
  size_t count = gather(sampler, logits), kept = 0;
  double total = 0, mass = 0;
  for (size_t i = 0; i < count; i++) total += weight(sampler, i);
  while (kept < count && mass < (double)sampler->options.top_p * total) mass += weight(sampler, kept++);
  double left = next_uniform(sampler) * mass;
  size_t at = 0;
  while (at + 1 < kept && left >= weight(sampler, at)) left -= weight(sampler, at++);
  *id = sampler->choices[at].id;
  return POME_OK;
}
