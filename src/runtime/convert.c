/* Converting at the boundary: what the caller gives becomes what the port declares, when no value
 * changes by it. Floats may round to narrower floats. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "runtime/runtime.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define BLOCK 256

static pome_status refuse(const pome_tensor *target, const char *name, double value,
                          pome_error *error) {
  return pome__fail(error, POME_INPUT, "\"%s\" holds %.17g, which %s cannot hold exactly", name,
                    value, pome_dtype_name(target->dtype));
}

/* Integers are shown as they are: a double would round the large ones. */
static pome_status refuse_whole(const pome_tensor *source, const pome_tensor *target,
                                const char *name, int64_t value, pome_error *error) {
  char text[24];
  if (source->dtype == POME_UINT64) snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value);
  else snprintf(text, sizeof text, "%" PRId64, value);
  return pome__fail(error, POME_INPUT, "\"%s\" holds %s, which %s cannot hold exactly", name, text,
                    pome_dtype_name(target->dtype));
}

static bool is_whole(pome_dtype dtype) {
  return pome__dtype_is_integer(dtype) || dtype == POME_BOOL;
}

/* Refuses integers that the target's floats `kept` do not hold. `went` is each as a double, which
 * may itself have rounded one of 64 bits. */
static pome_status check_wholes(const pome_tensor *source, const pome_tensor *target, int64_t from,
                                int64_t stride, size_t n, const double *went, const double *kept,
                                const char *name, pome_error *error) {
  int64_t whole[BLOCK];
  pome__load_i64(source->data, source->dtype, from, stride, n, whole);
  for (size_t i = 0; i < n; i++) {
    bool same = source->dtype == POME_UINT64
                    ? went[i] < 0x1p64 && (uint64_t)went[i] == (uint64_t)whole[i]
                    : went[i] < 0x1p63 && (int64_t)went[i] == whole[i];
    if (!same || kept[i] != went[i]) return refuse_whole(source, target, name, whole[i], error);
  }
  return POME_OK;
}

/* Integers to integers go through int64, all else through doubles. */
static pome_status convert_block(const pome_tensor *source, pome_tensor *target, int64_t from,
                                 int64_t stride, int64_t to, size_t n, const char *name,
                                 pome_error *error) {
  double in[BLOCK], back[BLOCK];
  if (is_whole(source->dtype) && is_whole(target->dtype)) {
    int64_t whole[BLOCK], check[BLOCK];
    pome__load_i64(source->data, source->dtype, from, stride, n, whole);
    pome__store_i64(target->data, target->dtype, to, 1, n, whole);
    pome__load_i64(target->data, target->dtype, to, 1, n, check);
    bool mixed = (source->dtype == POME_UINT64) !=
                 (target->dtype == POME_UINT64); /* the same 64 bits, another number */
    for (size_t i = 0; i < n; i++) {
      if (check[i] != whole[i] || (mixed && whole[i] < 0))
        return refuse_whole(source, target, name, whole[i], error);
    }
    return POME_OK;
  }
  pome__load_f64(source->data, source->dtype, from, stride, n, in);
  double low = -INFINITY, high = INFINITY;
  if (is_whole(target->dtype)) pome__dtype_limits(target->dtype, &low, &high);
  for (size_t i = 0; i < n; i++) {
    if (is_whole(target->dtype) && !(in[i] >= low && in[i] <= high))
      return refuse(target, name, in[i], error);
  }
  pome__store_f64(target->data, target->dtype, to, 1, n, in);
  if (!is_whole(target->dtype) && !is_whole(source->dtype)) return POME_OK;
  pome__load_f64(target->data, target->dtype, to, 1, n, back);
  if (is_whole(source->dtype))
    return check_wholes(source, target, from, stride, n, in, back, name, error);
  for (size_t i = 0; i < n; i++) {
    if (back[i] != in[i]) return refuse(target, name, in[i], error);
  }
  return POME_OK;
}

/* The offset of the row (along the last dimension) number `row`. */
static int64_t row_offset(const pome_tensor *tensor, size_t row) {
  int64_t offset = 0;
  for (int d = tensor->rank - 2; d >= 0; d--) {
    size_t size = (size_t)tensor->shape[d];
    offset += (int64_t)(row % size) * tensor->strides[d];
    row /= size;
  }
  return offset;
}

pome_status pome__convert(const pome_tensor *source, pome_tensor *target, const char *name,
                          pome_error *error) {
  if (source->dtype == POME_STRING || target->dtype == POME_STRING) {
    return pome__fail(error, POME_INPUT, "\"%s\" is %s where %s is wanted", name,
                      pome_dtype_name(source->dtype), pome_dtype_name(target->dtype));
  }
  size_t count = pome_tensor_count(source);
  size_t length = source->rank == 0 ? 1 : (size_t)source->shape[source->rank - 1];
  int64_t stride = source->rank == 0 ? 1 : source->strides[source->rank - 1];
  for (size_t done = 0; done < count; done += length) {
    int64_t start = row_offset(source, done / length);
    for (size_t at = 0; at < length; at += BLOCK) {
      size_t n = length - at < BLOCK ? length - at : BLOCK;
      POME__TRY(convert_block(source, target, start + (int64_t)at * stride, stride,
                              (int64_t)(done + at), n, name, error));
    }
  }
  return POME_OK;
}
