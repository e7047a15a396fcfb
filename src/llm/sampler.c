/* Choosing the next token: greedy, or by chance after temperature, top-k and top-p.
 *
 * Chance comes from SplitMix64 (Steele, Lea and Flood, 2014): 53 bits of each output make a number
 * in [0, 1), which is compared with the running sum of probabilities in order of falling logit,
 * lower ids first among equals. So a seed means one text.
 */
#include <math.h>
#include <pome/llm.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

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
};

void pome_sampler_options_init(pome_sampler_options *options) {
  *options = (pome_sampler_options){.size = sizeof *options, .temperature = 0.8f, .top_p = 1.0f};
}

static pome_status check_options(const pome_sampler_options *o, pome_error *error) {
  if (!(o->temperature >= 0) || isinf(o->temperature))
    return pome__fail(error, POME_USAGE, "temperature is %g; 0 or more is allowed",
                      (double)o->temperature);
  if (o->top_k < 0)
    return pome__fail(error, POME_USAGE, "top-k is %d; 0 (all) or more is allowed", o->top_k);
  if (!(o->top_p > 0 && o->top_p <= 1))
    return pome__fail(error, POME_USAGE, "top-p is %g; more than 0 and at most 1 is allowed",
                      (double)o->top_p);
  return POME_OK;
}

pome_status pome_sampler_create(const pome_sampler_options *options, size_t vocab_size,
                                const pome_allocator *allocator, pome_sampler **out,
                                pome_error *error) {
  pome_sampler_options chosen;
  pome_sampler_options_init(&chosen);
  POME__TRY(pome__options_take(&chosen, sizeof chosen, options, error));
  POME__TRY(check_options(&chosen, error));
  if (vocab_size == 0 || vocab_size > INT32_MAX)
    return pome__fail(error, POME_USAGE, "a vocabulary of %zu tokens", vocab_size);
  pome_sampler *sampler = pome__alloc_zero(allocator, sizeof *sampler);
  if (sampler == NULL) return pome__fail_memory(error, "a sampler");
  sampler->allocator = allocator;
  sampler->options = chosen;
  sampler->vocab_size = vocab_size;
  sampler->state = chosen.seed;
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
  if (logit == highest) return 1; /* also plus infinity */
  return exp(((double)logit - (double)highest) / (double)sampler->options.temperature);
}

pome_status pome_sampler_choose(pome_sampler *sampler, const float *logits, int32_t *id,
                                pome_error *error) {
  int32_t best = greedy(logits, sampler->vocab_size);
  if (best < 0)
    return pome__fail(error, POME_INPUT,
                      "no token can be chosen: every logit is NaN or minus infinity");
  if (sampler->options.temperature == 0 || sampler->options.top_k == 1) {
    *id = best;
    return POME_OK;
  }
  const float highest = logits[best];
  const double top_p = (double)sampler->options.top_p;
  double total = 0, mass = 0;
  gather(sampler, logits);
  size_t top_k = (size_t)sampler->options.top_k,
         count = top_k > 0 && top_k < sampler->count ? top_k : sampler->count, kept = 0;
  if (count == sampler->count) {
    for (size_t i = 0; i < count; i++) total += weight(sampler, sampler->choices[i].logit, highest);
  }
  make_heap(sampler);
  if (count < sampler->count) {
    for (size_t i = 0; i < count; i++) total += weight(sampler, ranked(sampler, i).logit, highest);
  }
  if (top_p < 1) {
    while (kept < count && mass < top_p * total)
      mass += weight(sampler, ranked(sampler, kept++).logit, highest);
  } else {
    kept = count;
    mass = total;
  }
  double left = next_uniform(sampler) * mass;
  size_t at = 0;
  for (double w; at + 1 < kept && left >= (w = weight(sampler, ranked(sampler, at).logit, highest));
       at++)
    left -= w;
  *id = ranked(sampler, at).id;
  return POME_OK;
}
