/* Tensor views: making, measuring and copying them.
 *
 * A copy walks the innermost dimension in runs and carries values in the type that holds them
 * exactly: integers as int64, floats as double. What leaves a float for an integer saturates at the
 * target's limits, unlike the stores of element.h, which wrap.
 */
#include <pome/tensor.h>

#include "base/error.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#include <string.h>

#define RUN 256 /* elements carried at a time */

/* Elements and bytes of a shape; the bytes fit in a ptrdiff_t. */
static bool measure(pome_dtype dtype, int rank, const int64_t *shape, size_t *count,
                    size_t *bytes) {
  return pome__shape_count(rank, shape, count) && pome__dtype_bytes(dtype, *count, bytes) &&
         *bytes <= PTRDIFF_MAX;
}

pome_status pome_tensor_init(pome_tensor *tensor, pome_dtype dtype, int rank, const int64_t *shape,
                             void *data, pome_error *error) {
  if (pome_dtype_bits(dtype) == 0)
    return pome__fail(error, POME_USAGE, "%d is no element type", (int)dtype);
  if (rank < 0 || rank > POME_MAX_RANK)
    return pome__fail(error, POME_USAGE, "a tensor of rank %d; 0 to %d are allowed", rank,
                      POME_MAX_RANK);
  if (rank > 0 && !shape)
    return pome__fail(error, POME_USAGE, "a tensor of rank %d without a shape", rank);
  size_t count, bytes;
  if (!measure(dtype, rank, shape, &count, &bytes)) {
    char text[POME__SHAPE_TEXT];
    return pome__fail(
        error, POME_USAGE,
        "the shape %s of %s has a negative dimension or is too large for this machine",
        pome__shape_format(rank, shape, text, sizeof text), pome_dtype_name(dtype));
  }
  pome_tensor made = {.data = data, .dtype = dtype, .rank = rank};
  for (int i = 0; i < rank; i++) made.shape[i] = shape[i];
  pome__shape_strides(rank, made.shape, made.strides);
  *tensor = made;
  return POME_OK;
}

size_t pome_tensor_count(const pome_tensor *tensor) {
  size_t count;
  return pome__shape_count(tensor->rank, tensor->shape, &count) ? count : 0;
}

size_t pome_tensor_bytes(const pome_tensor *tensor) {
  size_t count, bytes;
  return measure(tensor->dtype, tensor->rank, tensor->shape, &count, &bytes) ? bytes : 0;
}

bool pome_tensor_is_contiguous(const pome_tensor *tensor) {
  if (pome_dtype_bits(tensor->dtype) < 8) return true;
  if (pome_tensor_count(tensor) == 0) return true;
  int64_t stride = 1;
  for (int i = tensor->rank - 1; i >= 0; i--) {
    if (tensor->shape[i] == 1) continue; /* nothing steps along it */
    if (tensor->strides[i] != stride) return false;
    stride *= tensor->shape[i];
  }
  return true;
}

/* Elements that follow each other at fixed steps in both tensors. */
typedef struct run {
  const pome_tensor *source, *target;
  int64_t from, to; /* indices of the first elements */
  int64_t from_step, to_step;
} run;

typedef void copy_run(const run *r, size_t n);

static void copy_strings(const run *r, size_t n) {
  const pome_string *from = r->source->data;
  pome_string *to = r->target->data;
  for (size_t i = 0; i < n; i++)
    to[r->to + (int64_t)i * r->to_step] = from[r->from + (int64_t)i * r->from_step];
}

static void copy_integers(const run *r, size_t n) {
  int64_t values[RUN];
  pome__load_i64(r->source->data, r->source->dtype, r->from, r->from_step, n, values);
  pome__store_i64(r->target->data, r->target->dtype, r->to, r->to_step, n, values);
}

/* uint64 to a float below fp64: as int64 it would be taken for a negative number, as double it
 * would round twice. */
static void copy_uint64_to_narrower(const run *r, size_t n) {
  int64_t values[RUN];
  pome__load_i64(r->source->data, POME_UINT64, r->from, r->from_step, n, values);
  double reals[RUN];
  for (size_t i = 0; i < n; i++) reals[i] = pome__u64_to_f64_odd((uint64_t)values[i]);
  pome__store_f64(r->target->data, r->target->dtype, r->to, r->to_step, n, reals);
}

static void copy_reals(const run *r, size_t n) {
  double values[RUN];
  pome__load_f64(r->source->data, r->source->dtype, r->from, r->from_step, n, values);
  pome__store_f64(r->target->data, r->target->dtype, r->to, r->to_step, n, values);
}

static void copy_floats_to_integers(const run *r, size_t n) {
  double values[RUN], lowest, highest;
  pome__dtype_limits(r->target->dtype, &lowest, &highest);
  pome__load_f64(r->source->data, r->source->dtype, r->from, r->from_step, n, values);
  for (size_t i = 0; i < n; i++) {
    if (values[i] < lowest) values[i] = lowest;
    else if (values[i] > highest) values[i] = highest;
  }
  pome__store_f64(r->target->data, r->target->dtype, r->to, r->to_step, n, values);
}

static copy_run *choose(pome_dtype from, pome_dtype to) {
  if (from == POME_STRING) return copy_strings;
  if (pome__dtype_is_float(from))
    return pome__dtype_is_integer(to) ? copy_floats_to_integers : copy_reals;
  if (from == POME_UINT64 && pome__dtype_is_float(to))
    return to == POME_FP64 ? copy_reals : copy_uint64_to_narrower;
  return copy_integers;
}

/* Strides that hold for types narrower than a byte too. */
static void strides_of(const pome_tensor *tensor, int64_t *strides) {
  if (pome_dtype_bits(tensor->dtype) < 8) pome__shape_strides(tensor->rank, tensor->shape, strides);
  else memcpy(strides, tensor->strides, sizeof tensor->strides);
}

static void copy_elements(const pome_tensor *source, const pome_tensor *target, size_t count) {
  int64_t from_strides[POME_MAX_RANK], to_strides[POME_MAX_RANK], index[POME_MAX_RANK] = {0};
  strides_of(source, from_strides);
  strides_of(target, to_strides);
  copy_run *copy = choose(source->dtype, target->dtype);
  int last = source->rank - 1;
  run r = {.source = source, .target = target};
  r.from_step = last < 0 ? 1 : from_strides[last];
  r.to_step = last < 0 ? 1 : to_strides[last];
  size_t length = last < 0 ? 1 : (size_t)source->shape[last];
  for (size_t rows = count / length; rows > 0; rows--) {
    run row = r;
    for (size_t at = 0; at < length; at += RUN) {
      size_t n = length - at < RUN ? length - at : RUN;
      copy(&row, n);
      row.from += (int64_t)n * r.from_step;
      row.to += (int64_t)n * r.to_step;
    }
    for (int d = last - 1; d >= 0; d--) {
      r.from += from_strides[d];
      r.to += to_strides[d];
      if (++index[d] < source->shape[d]) break;
      r.from -= index[d] * from_strides[d];
      r.to -= index[d] * to_strides[d];
      index[d] = 0;
    }
  }
}

pome_status pome_tensor_copy(const pome_tensor *source, pome_tensor *target, pome_error *error) {
  if (!pome__shape_equal(source->rank, source->shape, target->rank, target->shape)) {
    char from[POME__SHAPE_TEXT], to[POME__SHAPE_TEXT];
    return pome__fail(error, POME_USAGE, "a tensor of shape %s cannot be copied to one of shape %s",
                      pome__shape_format(source->rank, source->shape, from, sizeof from),
                      pome__shape_format(target->rank, target->shape, to, sizeof to));
  }
  if (pome_dtype_bits(source->dtype) == 0 || pome_dtype_bits(target->dtype) == 0 ||
      (source->dtype == POME_STRING) != (target->dtype == POME_STRING))
    return pome__fail(error, POME_USAGE, "elements of type %s cannot be copied to type %s",
                      pome_dtype_name(source->dtype), pome_dtype_name(target->dtype));
  size_t count = pome_tensor_count(source);
  if (count == 0) return POME_OK;
  if (!source->data || !target->data)
    return pome__fail(error, POME_USAGE, "a tensor of %zu elements without data", count);
  if (source->dtype == target->dtype && pome_tensor_is_contiguous(source) &&
      pome_tensor_is_contiguous(target))
    memmove(target->data, source->data, pome_tensor_bytes(source));
  else copy_elements(source, target, count);
  return POME_OK;
}
