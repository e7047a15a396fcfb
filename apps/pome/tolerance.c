/* Tolerances: the defaults by type (the table of docs/numerics.md) and what golden.json says
 * instead. */
#include "compare.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define NONE                                                                                       \
  { false, -1, -1, -1, -1, -1, -1 }

/* One row for each kind of output; docs/numerics.md shows the same numbers, and a test compares the
 * two. */
static const struct default_row {
  pome_dtype dtype;
  double atol, rtol;
} default_rows[] = {
    {POME_FP64, 1e-6, 1e-6}, {POME_FP32, 1e-4, 1e-4},      {POME_FP16, 1e-2, 1e-2},
    {POME_BF16, 5e-2, 5e-2}, {POME_FP8E4M3FN, 1e-1, 1e-1}, {POME_FP8E5M2, 1e-1, 1e-1},
};
/* Eight-bit pixels may round to the next level. */
#define IMAGE_MAX_ABS 1.0

typedef struct criterion {
  const char *key;
  size_t offset;
} criterion;

static const criterion criteria[] = {
    {"rel_l2", offsetof(tolerance, rel_l2)},
    {"max_abs", offsetof(tolerance, max_abs)},
    {"mean_abs", offsetof(tolerance, mean_abs)},
    {"atol", offsetof(tolerance, atol)},
    {"rtol", offsetof(tolerance, rtol)},
    {"mismatch_ratio", offsetof(tolerance, mismatch_ratio)},
};
#define CRITERIA (sizeof criteria / sizeof criteria[0])

static double *criterion_of(tolerance *t, size_t i) {
  return (double *)((char *)t + criteria[i].offset);
}

static double criterion_value(const tolerance *t, size_t i) {
  return *(const double *)((const char *)t + criteria[i].offset);
}

tolerance tolerance_default(pome_dtype dtype, pome_feature feature) {
  tolerance result = NONE;
  if (feature == POME_FEATURE_IMAGE) {
    result.max_abs = IMAGE_MAX_ABS;
    return result;
  }
  /* Probabilities are doubles that were computed in fp32 or narrower. */
  if (feature == POME_FEATURE_DICTIONARY && dtype == POME_FP64) dtype = POME_FP32;
  for (size_t i = 0; i < sizeof default_rows / sizeof default_rows[0]; i++) {
    if (default_rows[i].dtype != dtype) continue;
    result.atol = default_rows[i].atol;
    result.rtol = default_rows[i].rtol;
    return result;
  }
  result.exact = true;
  return result;
}

static bool is_exact(const json_t *value) {
  return json_is_string(value) && strcmp(json_string_value(value), "exact") == 0;
}

/* An object of criteria, or "exact". */
static pome_status read_tolerance(const json_t *value, tolerance *result, pome_error *error) {
  tolerance t = NONE;
  t.exact = is_exact(value);
  if (!t.exact && !json_is_object(value))
    return pome__fail(error, POME_INPUT, "a tolerance is an object or \"exact\"");
  size_t known = 0;
  for (size_t i = 0; i < CRITERIA; i++) {
    const json_t *number = json_object_get(value, criteria[i].key);
    if (!number) continue;
    if (!json_is_number(number) || !(json_number_value(number) >= 0))
      return pome__fail(error, POME_INPUT, "tolerance \"%s\" is not a number of at least 0",
                        criteria[i].key);
    *criterion_of(&t, i) = json_number_value(number);
    known++;
  }
  if (!t.exact && known == 0)
    return pome__fail(error, POME_INPUT, "a tolerance without any condition");
  *result = t;
  return POME_OK;
}

/* Entry for an output, which for D.values and D.keys may be D's. */
static const json_t *entry_for(const json_t *object, const char *name) {
  const json_t *own = json_object_get(object, name);
  if (json_is_object(own) || is_exact(own)) return own;
  const char *dot = strrchr(name, '.');
  if (!dot || (strcmp(dot, ".values") != 0 && strcmp(dot, ".keys") != 0)) return NULL;
  char base[512];
  snprintf(base, sizeof base, "%.*s", (int)(dot - name), name);
  own = json_object_get(object, base);
  return json_is_object(own) || is_exact(own) ? own : NULL;
}

/* True for an object that is itself a tolerance, and not a map from outputs to tolerances. */
static bool speaks_of_all(const json_t *value) {
  if (is_exact(value)) return true;
  for (size_t i = 0; i < CRITERIA; i++)
    if (json_is_number(json_object_get(value, criteria[i].key))) return true;
  return false;
}

pome_status tolerance_find(const json_t *nearest, const json_t *farther, const char *name,
                           pome_dtype dtype, pome_feature feature, tolerance *result,
                           pome_error *error) {
  tolerance standard = tolerance_default(dtype, feature);
  const json_t *levels[2] = {nearest, farther};
  for (size_t i = 0; i < 2; i++) {
    if (!levels[i]) continue;
    const json_t *own = entry_for(levels[i], name);
    if (own) return read_tolerance(own, result, error);
    if (speaks_of_all(levels[i]) && !standard.exact)
      return read_tolerance(levels[i], result, error);
  }
  *result = standard;
  return POME_OK;
}

const char *tolerance_text(const tolerance *t, char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = '\0';
  if (t->exact) snprintf(buffer, size, "exact");
  for (size_t i = 0; !t->exact && i < CRITERIA && used < size; i++)
    if (criterion_value(t, i) >= 0)
      used += (size_t)snprintf(buffer + used, size - used, "%s%s %g", used ? " " : "",
                               criteria[i].key, criterion_value(t, i));
  return buffer;
}

json_t *tolerance_json(const tolerance *t) {
  if (t->exact) return json_string("exact");
  json_t *object = json_object();
  for (size_t i = 0; i < CRITERIA; i++)
    if (criterion_value(t, i) >= 0)
      json_object_set_new(object, criteria[i].key, json_real(criterion_value(t, i)));
  return object;
}
