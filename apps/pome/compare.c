/* Comparing arrays: sums in double over all finite pairs; NaN equals NaN, infinities must match,
 * and whole numbers on both sides are compared as such.
 */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

static bool strings_equal(pome_string a, pome_string b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool shapes_equal(const pome_tensor *a, const pome_tensor *b) {
  bool one_a = a->rank == 0 || (a->rank == 1 && a->shape[0] == 1);
  bool one_b = b->rank == 0 || (b->rank == 1 && b->shape[0] == 1);
  if (one_a && one_b) return true;
  if (a->rank != b->rank) return false;
  for (int d = 0; d < a->rank; d++)
    if (a->shape[d] != b->shape[d]) return false;
  return true;
}

static bool refuse_shapes(const pome_tensor *got, const pome_tensor *expected, verdict *v) {
  char a[SHOW_TEXT], b[SHOW_TEXT];
  if (!shapes_equal(got, expected)) {
    snprintf(v->reason, sizeof v->reason, "shape %.100s, expected %.100s",
             show_shape(got->rank, got->shape, a, sizeof a),
             show_shape(expected->rank, expected->shape, b, sizeof b));
    return true;
  }
  if ((got->dtype == POME_STRING) != (expected->dtype == POME_STRING)) {
    snprintf(v->reason, sizeof v->reason, "type %s, expected %s", pome_dtype_name(got->dtype),
             pome_dtype_name(expected->dtype));
    return true;
  }
  return false;
}

/* "[1, 4]" of a row-major index. */
static void index_text(const pome_tensor *tensor, size_t index, char *buffer, size_t size) {
  int64_t at[POME_MAX_RANK];
  for (int d = tensor->rank - 1; d >= 0; d--) {
    at[d] = (int64_t)(index % (size_t)tensor->shape[d]);
    index /= (size_t)tensor->shape[d];
  }
  show_shape(tensor->rank, at, buffer, size);
}

static void explain_element(const pome_tensor *got, const pome_tensor *expected, const tolerance *t,
                            verdict *v) {
  char place[SHOW_TEXT], a[64], b[64], limit[128];
  size_t first = v->figures.first;
  index_text(got, first, place, sizeof place);
  snprintf(v->reason, sizeof v->reason,
           "%zu of %zu elements differ%s%s, first at %.60s: %s, expected %s", v->figures.outside,
           v->figures.count, t->exact ? "" : " by more than ",
           t->exact ? "" : tolerance_text(t, limit, sizeof limit), place,
           show_element(got, first, a, sizeof a), show_element(expected, first, b, sizeof b));
}

static void note_outside(figures *f, size_t index) {
  if (f->outside++ == 0) f->first = index;
}

/* ---- numbers ---- */

typedef struct sums {
  double abs, square, got, expected, both;
  size_t finite;
} sums;

/* What one element may differ by; infinite when only the whole array is judged. */
static double element_limit(const tolerance *t, double expected) {
  if (t->exact) return 0;
  double limit = INFINITY;
  if (t->atol >= 0 || t->rtol >= 0) limit = fmax(t->atol, 0) + fmax(t->rtol, 0) * fabs(expected);
  if (t->max_abs >= 0) limit = fmin(limit, t->max_abs);
  return limit;
}

static void add_pair(figures *f, sums *s, const tolerance *t, size_t index, double got,
                     double expected) {
  if (!isfinite(got) || !isfinite(expected)) {
    bool same = (isnan(got) && isnan(expected)) || got == expected;
    if (same) return;
    f->max_abs = INFINITY;
    note_outside(f, index);
    return;
  }
  double difference = fabs(got - expected), size = fabs(expected);
  s->abs += difference;
  s->square += difference * difference;
  s->got += got * got;
  s->expected += expected * expected;
  s->both += got * expected;
  s->finite++;
  if (difference > f->max_abs) f->max_abs = difference;
  if (difference > 0 && difference / size > f->max_rel) f->max_rel = difference / size;
  if (!(difference <= element_limit(t, expected))) note_outside(f, index);
}

static void finish(figures *f, const sums *s) {
  f->mean_abs = s->finite ? s->abs / (double)s->finite : 0;
  f->rel_l2 = s->square == 0 ? 0 : sqrt(s->square) / sqrt(s->expected);
  double norms = sqrt(s->got) * sqrt(s->expected);
  f->cosine = norms > 0 ? s->both / norms : s->got == s->expected ? 1 : 0;
}

static double share(double value, double limit) {
  if (limit < 0 || value == 0) return 0;
  return limit > 0 ? value / limit : INFINITY;
}

static void judge_whole(const tolerance *t, verdict *v) {
  const figures *f = &v->figures;
  const struct {
    const char *name;
    double value, limit;
  } rules[] = {{"rel_l2", f->rel_l2, t->rel_l2},
               {"max_abs", f->max_abs, t->max_abs},
               {"mean_abs", f->mean_abs, t->mean_abs}};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    if (t->exact || rules[i].limit < 0) continue;
    v->used = fmax(v->used, share(rules[i].value, rules[i].limit));
    if (rules[i].value <= rules[i].limit || !v->good) continue;
    v->good = false;
    snprintf(v->reason, sizeof v->reason, "%s %.4g, allowed %g", rules[i].name, rules[i].value,
             rules[i].limit);
  }
}

static double element_use(const tolerance *t, const double *got, const double *expected,
                          size_t count) {
  double used = 0;
  if (t->exact || (t->atol < 0 && t->rtol < 0)) return 0;
  for (size_t i = 0; i < count; i++)
    if (isfinite(got[i]) && isfinite(expected[i]))
      used = fmax(used, share(fabs(got[i] - expected[i]), element_limit(t, expected[i])));
  return used;
}

/* Whole numbers that a double cannot tell apart. */
static pome_status recheck_whole(const pome_tensor *got, const pome_tensor *expected,
                                 const tolerance *t, verdict *v, pome_error *error) {
  bool wide =
      (got->dtype == POME_INT64 || got->dtype == POME_UINT64) && expected->dtype == got->dtype;
  if (!wide || !t->exact) return POME_OK;
  if (!pome_tensor_is_contiguous(got) || !pome_tensor_is_contiguous(expected))
    return pome__fail(error, POME_INTERNAL, "arrays to compare are not contiguous");
  v->figures.outside = 0;
  for (size_t i = 0; i < v->figures.count; i++)
    if (((const int64_t *)got->data)[i] != ((const int64_t *)expected->data)[i])
      note_outside(&v->figures, i);
  return POME_OK;
}

static pome_status compare_numbers(const pome_tensor *got, const pome_tensor *expected,
                                   const tolerance *t, verdict *v, pome_error *error) {
  double *a = show_doubles(got), *b = show_doubles(expected);
  pome_status status = a && b ? POME_OK : pome__fail_memory(error, "the arrays to compare");
  sums s = {0};
  v->figures.count = pome_tensor_count(got);
  for (size_t i = 0; status == POME_OK && i < v->figures.count; i++)
    add_pair(&v->figures, &s, t, i, a[i], b[i]);
  if (status == POME_OK) {
    finish(&v->figures, &s);
    if (t->mismatch_ratio > 0)
      v->used = share((double)v->figures.outside, t->mismatch_ratio * (double)v->figures.count);
    else v->used = element_use(t, a, b, v->figures.count);
    status = recheck_whole(got, expected, t, v, error);
  }
  free(a);
  free(b);
  if (status != POME_OK) return status;
  double allowed = t->mismatch_ratio > 0 ? t->mismatch_ratio * (double)v->figures.count : 0;
  v->good = (double)v->figures.outside <= allowed;
  if (!v->good) explain_element(got, expected, t, v);
  judge_whole(t, v);
  return POME_OK;
}

/* ---- strings and dictionaries ---- */

static void compare_strings(const pome_tensor *got, const pome_tensor *expected, verdict *v) {
  const pome_string *a = got->data, *b = expected->data;
  v->figures.count = pome_tensor_count(got);
  v->figures.cosine = 1;
  for (size_t i = 0; i < v->figures.count; i++)
    if (!strings_equal(a[i], b[i])) note_outside(&v->figures, i);
  v->good = v->figures.outside == 0;
  static const tolerance exact = {.exact = true};
  if (!v->good) explain_element(got, expected, &exact, v);
}

pome_status compare_tensors(const pome_tensor *got, const pome_tensor *expected, const tolerance *t,
                            verdict *result, pome_error *error) {
  verdict v = {0};
  if (!refuse_shapes(got, expected, &v)) {
    if (got->dtype == POME_STRING) compare_strings(got, expected, &v);
    else POME__TRY(compare_numbers(got, expected, t, &v, error));
  }
  *result = v;
  return POME_OK;
}

static bool keys_equal(const pome_tensor *a, size_t i, const pome_tensor *b, size_t j) {
  if (a->dtype == POME_STRING && b->dtype == POME_STRING)
    return strings_equal(((const pome_string *)a->data)[i], ((const pome_string *)b->data)[j]);
  char x[SHOW_TEXT], y[SHOW_TEXT];
  return strcmp(show_element(a, i, x, sizeof x), show_element(b, j, y, sizeof y)) == 0;
}

/* The place of expected key `j`; equal order is the common case. */
static size_t find_key(const pome_tensor *keys, const pome_tensor *expected, size_t j) {
  size_t count = pome_tensor_count(keys);
  if (j < count && keys_equal(keys, j, expected, j)) return j;
  size_t i = 0;
  while (i < count && !keys_equal(keys, i, expected, j)) i++;
  return i;
}

pome_status compare_dictionaries(const port_result *got, const pome_tensor *keys,
                                 const pome_tensor *values, const tolerance *t, verdict *result,
                                 pome_error *error) {
  size_t count = pome_tensor_count(keys), have = pome_tensor_count(&got->keys);
  verdict v = {0};
  if (have != count || (values && pome_tensor_count(values) != count)) {
    snprintf(v.reason, sizeof v.reason, "%zu keys, expected %zu", have, count);
    *result = v;
    return POME_OK;
  }
  double *all = show_doubles(&got->tensor), *ordered = calloc(count + 1, sizeof *ordered);
  pome_status status =
      all && ordered ? POME_OK : pome__fail_memory(error, "the dictionaries to compare");
  bool found = true;
  for (size_t j = 0; status == POME_OK && found && j < count; j++) {
    size_t i = find_key(&got->keys, keys, j);
    char key[SHOW_TEXT];
    found = i < have;
    if (found) ordered[j] = all[i];
    else
      snprintf(v.reason, sizeof v.reason, "no key %.200s", show_element(keys, j, key, sizeof key));
  }
  pome_tensor aligned;
  if (status == POME_OK && found && values)
    status = pome_tensor_init(&aligned, POME_FP64, values->rank, values->shape, ordered, error);
  if (status == POME_OK && found && values)
    status = compare_tensors(&aligned, values, t, &v, error);
  else if (found) v = (verdict){.good = true, .figures = {.count = count, .cosine = 1}};
  free(all);
  free(ordered);
  if (status == POME_OK) *result = v;
  return status;
}
