/* Loops that evaluation shares. See loops.h. */
#include "ops/loops.h"

#include <string.h>

#include "kernels/kernels.h"
#include "tensor/element.h"
#include "tensor/shape.h"

static size_t min_size(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ---- walking ---- */

void pome__walk_begin(pome__walk *walk, int rank, const int64_t *shape) {
  memset(walk, 0, sizeof(*walk));
  walk->rank = rank;
  for (int i = 0; i < rank; i++) walk->shape[i] = shape[i];
}

void pome__walk_add(pome__walk *walk, int64_t offset, const int64_t *strides) {
  int operand = walk->operands++;
  walk->offset[operand] = offset;
  for (int i = 0; i < walk->rank; i++) walk->strides[operand][i] = strides[i];
}

static bool mergeable(const pome__walk *walk, int outer, int inner) {
  for (int o = 0; o < walk->operands; o++) {
    if (walk->strides[o][outer] != walk->strides[o][inner] * walk->shape[inner]) return false;
  }
  return true;
}

/* Drops dimensions of 1 and merges neighbours; false when there is nothing to visit. */
static bool walk_start(pome__walk *walk) {
  int rank = 0;
  for (int i = 0; i < walk->rank; i++) {
    if (walk->shape[i] == 0) return false;
    if (walk->shape[i] == 1) continue;
    walk->shape[rank] = walk->shape[i];
    for (int o = 0; o < walk->operands; o++) walk->strides[o][rank] = walk->strides[o][i];
    if (rank > 0 && mergeable(walk, rank - 1, rank)) {
      walk->shape[rank - 1] *= walk->shape[rank];
      for (int o = 0; o < walk->operands; o++) walk->strides[o][rank - 1] = walk->strides[o][rank];
    } else {
      rank++;
    }
  }
  walk->rank = rank > 0 ? rank - 1 : 0; /* the outer dimensions */
  walk->length = rank > 0 ? (size_t)walk->shape[rank - 1] : 1;
  for (int o = 0; o < walk->operands; o++)
    walk->step[o] = rank > 0 ? walk->strides[o][rank - 1] : 0;
  walk->started = true;
  return true;
}

bool pome__walk_next(pome__walk *walk) {
  if (!walk->started) return walk_start(walk);
  for (int i = walk->rank - 1; i >= 0; i--) {
    if (++walk->index[i] < walk->shape[i]) {
      for (int o = 0; o < walk->operands; o++) walk->offset[o] += walk->strides[o][i];
      return true;
    }
    walk->index[i] = 0;
    for (int o = 0; o < walk->operands; o++)
      walk->offset[o] -= walk->strides[o][i] * (walk->shape[i] - 1);
  }
  return false;
}

/* ---- blocks of floats ---- */

const float *pome__read_f32(const pome__call *call, const pome_tensor *tensor, int64_t offset,
                            int64_t stride, size_t n, float *buffer) {
  if (tensor->dtype == POME_FP32 && stride == 1) return (const float *)tensor->data + offset;
  if (tensor->dtype == POME_FP16 && stride == 1 && call->kernels != NULL) {
    call->kernels->f16_to_f32(n, (const uint16_t *)tensor->data + offset, buffer);
  } else {
    pome__load_f32(tensor->data, tensor->dtype, offset, stride, n, buffer);
  }
  return buffer;
}

void pome__write_f32(const pome__call *call, pome_tensor *tensor, int64_t offset, int64_t stride,
                     size_t n, const float *values) {
  if (tensor->dtype == POME_FP16 && stride == 1 && call->kernels != NULL) {
    call->kernels->f32_to_f16(n, values, (uint16_t *)tensor->data + offset);
  } else {
    pome__store_f32(tensor->data, tensor->dtype, offset, stride, n, values);
  }
}

bool pome__use_f32(const pome__call *call, const pome_tensor *tensor) {
  return call->numerics != POME_NUMERICS_STRICT && pome__dtype_is_float(tensor->dtype) &&
         tensor->dtype != POME_FP64;
}

/* Where results are computed: in place when the output holds fp32 in a row. */
static float *target_f32(pome_tensor *tensor, int64_t offset, int64_t stride, float *buffer) {
  return tensor->dtype == POME_FP32 && stride == 1 ? (float *)tensor->data + offset : buffer;
}

/* ---- elementwise maps ---- */

static bool is_whole(const pome_tensor *tensor) {
  return pome__dtype_is_integer(tensor->dtype) || tensor->dtype == POME_BOOL;
}

void pome__unary_blocks(const pome__call *call, const pome_tensor *x, pome_tensor *y,
                        const pome__unary *f, const void *params) {
  size_t count = pome_tensor_count(y);
  for (size_t begin = 0; begin < count && !pome__call_stopped(call); begin += POME__BLOCK) {
    size_t n = min_size(count - begin, POME__BLOCK);
    int64_t at = (int64_t)begin;
    if (f->i64 != NULL && is_whole(x)) {
      int64_t block[POME__BLOCK];
      pome__load_i64(x->data, x->dtype, at, 1, n, block);
      f->i64(n, block, block, params);
      pome__store_i64(y->data, y->dtype, at, 1, n, block);
    } else if (f->f32 != NULL && pome__use_f32(call, x)) {
      float in[POME__BLOCK];
      float out[POME__BLOCK];
      float *target = target_f32(y, at, 1, out);
      f->f32(n, pome__read_f32(call, x, at, 1, n, in), target, params);
      if (target == out) pome__write_f32(call, y, at, 1, n, out);
    } else {
      double block[POME__BLOCK];
      pome__load_f64(x->data, x->dtype, at, 1, n, block);
      f->f64(n, block, block, params);
      pome__store_f64(y->data, y->dtype, at, 1, n, block);
    }
  }
}

static void binary_row_f32(const pome__call *call, const pome__walk *walk, const pome_tensor *x,
                           const pome_tensor *y, pome_tensor *z, const pome__binary *f) {
  float left[POME__BLOCK];
  float right[POME__BLOCK];
  float out[POME__BLOCK];
  for (size_t begin = 0; begin < walk->length; begin += POME__BLOCK) {
    size_t n = min_size(walk->length - begin, POME__BLOCK);
    int64_t at = (int64_t)begin;
    int64_t to = walk->offset[2] + at * walk->step[2];
    const float *a =
        pome__read_f32(call, x, walk->offset[0] + at * walk->step[0], walk->step[0], n, left);
    const float *b =
        pome__read_f32(call, y, walk->offset[1] + at * walk->step[1], walk->step[1], n, right);
    float *target = target_f32(z, to, walk->step[2], out);
    f->f32(n, a, b, target);
    if (target == out) pome__write_f32(call, z, to, walk->step[2], n, out);
  }
}

static void binary_row_f64(const pome__walk *walk, const pome_tensor *x, const pome_tensor *y,
                           pome_tensor *z, const pome__binary *f) {
  double left[POME__BLOCK];
  double right[POME__BLOCK];
  for (size_t begin = 0; begin < walk->length; begin += POME__BLOCK) {
    size_t n = min_size(walk->length - begin, POME__BLOCK);
    int64_t at = (int64_t)begin;
    pome__load_f64(x->data, x->dtype, walk->offset[0] + at * walk->step[0], walk->step[0], n, left);
    pome__load_f64(y->data, y->dtype, walk->offset[1] + at * walk->step[1], walk->step[1], n,
                   right);
    f->f64(n, left, right, left);
    pome__store_f64(z->data, z->dtype, walk->offset[2] + at * walk->step[2], walk->step[2], n,
                    left);
  }
}

static void binary_row_i64(const pome__walk *walk, const pome_tensor *x, const pome_tensor *y,
                           pome_tensor *z, const pome__binary *f) {
  int64_t left[POME__BLOCK];
  int64_t right[POME__BLOCK];
  for (size_t begin = 0; begin < walk->length; begin += POME__BLOCK) {
    size_t n = min_size(walk->length - begin, POME__BLOCK);
    int64_t at = (int64_t)begin;
    pome__load_i64(x->data, x->dtype, walk->offset[0] + at * walk->step[0], walk->step[0], n, left);
    pome__load_i64(y->data, y->dtype, walk->offset[1] + at * walk->step[1], walk->step[1], n,
                   right);
    f->i64(n, left, right, left);
    pome__store_i64(z->data, z->dtype, walk->offset[2] + at * walk->step[2], walk->step[2], n,
                    left);
  }
}

void pome__binary_blocks(const pome__call *call, const pome_tensor *x, const pome_tensor *y,
                         pome_tensor *z, const pome__binary *f) {
  int64_t x_strides[POME_MAX_RANK];
  int64_t y_strides[POME_MAX_RANK];
  int64_t z_strides[POME_MAX_RANK];
  pome__shape_broadcast_strides(x->rank, x->shape, z->rank, z->shape, x_strides);
  pome__shape_broadcast_strides(y->rank, y->shape, z->rank, z->shape, y_strides);
  pome__shape_strides(z->rank, z->shape, z_strides);
  pome__walk walk;
  pome__walk_begin(&walk, z->rank, z->shape);
  pome__walk_add(&walk, 0, x_strides);
  pome__walk_add(&walk, 0, y_strides);
  pome__walk_add(&walk, 0, z_strides);
  bool whole = f->i64 != NULL && is_whole(x) && is_whole(y);
  bool single = f->f32 != NULL && pome__use_f32(call, x) && pome__use_f32(call, y);
  while (!pome__call_stopped(call) && pome__walk_next(&walk)) {
    if (whole) {
      binary_row_i64(&walk, x, y, z, f);
    } else if (single) {
      binary_row_f32(call, &walk, x, y, z, f);
    } else {
      binary_row_f64(&walk, x, y, z, f);
    }
  }
}

/* ---- per channel ---- */

static pome_tensor run_of(const pome_tensor *tensor, size_t begin, size_t count) {
  pome_tensor run = *tensor;
  run.data = (uint8_t *)tensor->data + begin * (pome_dtype_bits(tensor->dtype) / 8);
  run.rank = 1;
  run.shape[0] = (int64_t)count;
  run.strides[0] = 1;
  return run;
}

void pome__channel_blocks(const pome__call *call, const pome_tensor *x, pome_tensor *y, int axis,
                          const pome__unary *f, const pome_tensor *const *values, size_t count) {
  size_t total = pome_tensor_count(x);
  if (total == 0) return;
  size_t channels = x->rank > 0 ? (size_t)x->shape[axis] : 1;
  size_t inner = 1;
  for (int i = axis + 1; i < x->rank; i++) inner *= (size_t)x->shape[i];
  for (size_t begin = 0, run = 0; begin < total; begin += inner, run++) {
    double params[4] = {0};
    for (size_t v = 0; v < count; v++) {
      if (values[v] == NULL) continue;
      size_t at = pome_tensor_count(values[v]) == 1 ? 0 : run % channels;
      pome__load_f64(values[v]->data, values[v]->dtype, (int64_t)at, 1, 1, &params[v]);
    }
    pome_tensor from = run_of(x, begin, inner);
    pome_tensor to = run_of(y, begin, inner);
    pome__unary_blocks(call, &from, &to, f, params);
  }
}

/* ---- raw copies ---- */

#define COPY_ROW(type)                                                                             \
  do {                                                                                             \
    const type *from = (const type *)in + walk.offset[0];                                          \
    type *to = (type *)out + walk.offset[1];                                                       \
    for (size_t i = 0; i < walk.length; i++) {                                                     \
      to[(int64_t)i * walk.step[1]] = from[(int64_t)i * walk.step[0]];                             \
    }                                                                                              \
  } while (0)

static void copy_row_packed(pome_dtype dtype, const pome__walk *walk, const void *in, void *out) {
  for (size_t begin = 0; begin < walk->length; begin += POME__BLOCK) {
    int64_t block[POME__BLOCK];
    size_t n = min_size(walk->length - begin, POME__BLOCK);
    pome__load_i64(in, dtype, walk->offset[0] + (int64_t)begin * walk->step[0], walk->step[0], n,
                   block);
    pome__store_i64(out, dtype, walk->offset[1] + (int64_t)begin * walk->step[1], walk->step[1], n,
                    block);
  }
}

void pome__copy_strided(pome_dtype dtype, int rank, const int64_t *shape, const void *in,
                        int64_t in_offset, const int64_t *in_strides, void *out, int64_t out_offset,
                        const int64_t *out_strides) {
  pome__walk walk;
  pome__walk_begin(&walk, rank, shape);
  pome__walk_add(&walk, in_offset, in_strides);
  pome__walk_add(&walk, out_offset, out_strides);
  unsigned bits = pome_dtype_bits(dtype);
  while (pome__walk_next(&walk)) {
    if (bits >= 8 && walk.step[0] == 1 && walk.step[1] == 1) {
      size_t width = bits / 8;
      memcpy((uint8_t *)out + walk.offset[1] * (int64_t)width,
             (const uint8_t *)in + walk.offset[0] * (int64_t)width, walk.length * width);
      continue;
    }
    switch (bits) {
    case 8: COPY_ROW(uint8_t); break;
    case 16: COPY_ROW(uint16_t); break;
    case 32: COPY_ROW(uint32_t); break;
    case 64: COPY_ROW(uint64_t); break;
    case 128: COPY_ROW(pome_string); break;
    default: copy_row_packed(dtype, &walk, in, out); break;
    }
  }
}

void pome__copy_elements(const pome_tensor *in, pome_tensor *out) {
  size_t bytes = pome_tensor_bytes(out);
  if (bytes > 0) memcpy(out->data, in->data, bytes);
}

void pome__fill(pome_tensor *out, double value) {
  size_t count = pome_tensor_count(out);
  double block[POME__BLOCK];
  for (size_t i = 0; i < POME__BLOCK; i++) block[i] = value;
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    pome__store_f64(out->data, out->dtype, (int64_t)begin, 1, min_size(count - begin, POME__BLOCK),
                    block);
  }
}
