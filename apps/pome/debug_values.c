/* One value on both sides of a debugging run: how far apart, and what is not a usable number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "debug.h"

double debug_noise(pome_dtype declared) {
  switch (declared) {
  case POME_FP64: return 0x1p-50;
  case POME_FP32: return 0x1p-20;
  case POME_FP16: return 0x1p-10;
  case POME_BF16: return 0x1p-7;
  case POME_FP8E4M3FN: return 0x1p-3;
  case POME_FP8E5M2: return 0x1p-2;
  default: return 0;
  }
}

static bool same_shape(const pome_tensor *a, const pome_tensor *b) {
  return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* DEBUG_KINDS: an ordinary number on both sides. */
static debug_kind kind_of(double a, double b, pome_dtype declared) {
  bool large = fabs(a) > DEBUG_FP16_MAX || fabs(b) > DEBUG_FP16_MAX;
  if (isnan(a) || isnan(b)) return DEBUG_NAN;
  if (isinf(a) && isinf(b)) return DEBUG_INFINITY;
  if (isinf(a) || isinf(b)) {
    double finite = isinf(a) ? b : a;
    return declared == POME_FP16 && fabs(finite) > DEBUG_FP16_MAX ? DEBUG_OVERFLOW : DEBUG_INFINITY;
  }
  return large && declared == POME_FP16 ? DEBUG_OVERFLOW : DEBUG_KINDS;
}

static void note_bad(debug_bad *bad, size_t index, double a, double b) {
  if (bad->count++ > 0) return;
  bad->first = index;
  bad->values[TESTED] = a;
  bad->values[REFERENCE] = b;
}

static void compare_numbers(const double *a, const double *b, size_t count, pome_dtype declared,
                            debug_measure *m) {
  double difference = 0, size_a = 0, size_b = 0;
  bool apart = false; /* where one of them is no number */
  for (size_t i = 0; i < count; i++) {
    debug_kind kind = kind_of(a[i], b[i], declared);
    if (kind < DEBUG_KINDS) note_bad(&m->bad[kind], i, a[i], b[i]);
    if (isfinite(a[i]) && isfinite(b[i])) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size_a += a[i] * a[i];
      size_b += b[i] * b[i];
    } else {
      apart |= !(isnan(a[i]) && isnan(b[i])) && a[i] != b[i];
    }
  }
  if (apart) m->error = INFINITY;
  else m->error = difference == 0 ? 0 : sqrt(difference) / sqrt(fmax(size_a, size_b));
}

static double compare_strings(const pome_tensor *a, const pome_tensor *b) {
  const pome_string *x = a->data, *y = b->data;
  size_t count = pome_tensor_count(a), differ = 0;
  for (size_t i = 0; i < count; i++)
    differ +=
        x[i].size != y[i].size || (x[i].size > 0 && memcmp(x[i].data, y[i].data, x[i].size) != 0);
  return count > 0 ? (double)differ / (double)count : 0;
}

pome_status debug_compare(const pome_tensor *tested, const pome_tensor *reference,
                          pome_dtype declared, debug_measure *measure, pome_error *error) {
  debug_measure m = {.error = INFINITY, .rank = tested->rank};
  memcpy(m.shape, tested->shape, sizeof m.shape);
  m.same_shape = same_shape(tested, reference) &&
                 (tested->dtype == POME_STRING) == (reference->dtype == POME_STRING);
  if (m.same_shape && tested->dtype == POME_STRING) {
    m.error = compare_strings(tested, reference);
  } else if (m.same_shape) {
    double *a = show_doubles(tested), *b = show_doubles(reference);
    if (a && b) compare_numbers(a, b, pome_tensor_count(tested), declared, &m);
    bool room = a && b;
    free(a);
    free(b);
    if (!room) return pome__fail_memory(error, "the values to compare");
  }
  *measure = m;
  return POME_OK;
}

const debug_measure *debug_find(const debug *d, const char *name) {
  const json_t *place = json_object_get(d->places, name);
  return place ? &d->measures[json_integer_value(place)] : NULL;
}

pome_status debug_note(debug *d, const char *name, const debug_measure *measure,
                       pome_error *error) {
  if ((d->measure_count & (d->measure_count - 1)) == 0) { /* full at every power of two */
    size_t room = d->measure_count ? d->measure_count * 2 : 1;
    debug_measure *more = realloc(d->measures, room * sizeof *more);
    if (!more) return pome__fail_memory(error, "the measured values");
    d->measures = more;
  }
  if (json_object_set_new_nocheck(d->places, name, json_integer((json_int_t)d->measure_count)) != 0)
    return pome__fail_memory(error, "the measured values");
  d->measures[d->measure_count++] = *measure;
  return POME_OK;
}
