/* Family constexpr: weights stored compressed, and what they stand for: palettes, sparse masks,
 * affine and blockwise scales.
 *
 * A grid divides every dimension of the data in equal blocks; each block has its own palette or
 * scale. Evaluation goes over runs: stretches of the last dimension that stay in one block. Packed
 * masks and indices of iOS16 are read as the sub-byte tensors they are (least significant bit
 * first).
 */
#include <string.h>

#include "base/check.h"
#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "constexpr"

/* ---- grids ---- */

typedef struct grid {
  int rank;
  int64_t dims[POME_MAX_RANK];   /* of the data */
  int64_t blocks[POME_MAX_RANK]; /* how many blocks along each */
  size_t count;                  /* elements */
  size_t run;                    /* elements in a run */
} grid;

static grid grid_of(int rank, const int64_t *dims, const int64_t *blocks) {
  grid g = {rank, {0}, {0}, 1, 1};
  for (int i = 0; i < rank; i++) {
    g.dims[i] = dims[i];
    g.blocks[i] = blocks[i];
    g.count *= (size_t)dims[i];
  }
  if (rank > 0 && g.count > 0) g.run = (size_t)(dims[rank - 1] / blocks[rank - 1]);
  return g;
}

/* The block that the element at this row-major position lies in, row-major too. */
static size_t grid_block(const grid *g, size_t position) {
  size_t block = 0;
  size_t scale = 1;
  for (int i = g->rank - 1; i >= 0; i--) {
    size_t dim = (size_t)g->dims[i];
    size_t index = position % dim;
    position /= dim;
    block += index / (dim / (size_t)g->blocks[i]) * scale;
    scale *= (size_t)g->blocks[i];
  }
  return block;
}

/* Each block count must be at least 1 and divide the dimension. */
static pome_status check_grid(pome__call *call, const char *name, const pome__type *data,
                              const int64_t *blocks) {
  for (int i = 0; i < data->rank; i++) {
    if (data->dims[i] < 0 || blocks[i] < 0) continue;
    if (blocks[i] == 0 || data->dims[i] % blocks[i] != 0) {
      return pome__call_fail(call,
                             "'%s' has %lld blocks along dimension %d, which do not divide %lld",
                             name, (long long)blocks[i], i, (long long)data->dims[i]);
    }
  }
  return POME_OK;
}

/* ---- constexpr_affine_dequantize ---- */

static pome_status affine_axis(pome__call *call, int rank, int *axis) {
  int64_t value;
  if (!pome__int_of(call, 3, &value)) return pome__call_fail(call, "axis must be an integer");
  return pome__axis(call, "axis", value, rank, axis);
}

static pome_status infer_affine(pome__call *call) {
  const pome__type *data = pome__type_of(call, 0, 0);
  pome_dtype dtype = pome__type_of(call, 2, 0)->dtype;
  if (data->rank < 0) return pome__out(call, 0, dtype, -1, NULL);
  int axis;
  POME__TRY(affine_axis(call, data->rank, &axis));
  for (int p = 1; p <= 2; p++) {
    const pome__type *vector = pome__type_of(call, p, 0);
    int64_t unused;
    POME__TRY(pome__need_rank(call, p, 0, 0, 1));
    if (vector->rank == 1 && !pome__dim_unify(vector->dims[0], data->dims[axis], &unused)) {
      return pome__call_fail(call, "'%s' has %lld elements; the data has %lld along axis %d",
                             call->op->schema->params[p].name, (long long)vector->dims[0],
                             (long long)data->dims[axis], axis);
    }
  }
  return pome__out(call, 0, dtype, data->rank, data->dims);
}

/* params: zero point, scale. */
static void affine_f64(size_t n, const double *x, double *y, const void *params) {
  const double *p = params;
  for (size_t i = 0; i < n; i++) y[i] = p[1] * (x[i] - p[0]);
}

static pome_status eval_affine(pome__call *call) {
  static const pome__unary map = {affine_f64, NULL, NULL};
  const pome_tensor *data = pome__tensor_of(call, 0, 0);
  const pome_tensor *values[2] = {pome__tensor_of(call, 1, 0), pome__tensor_of(call, 2, 0)};
  int axis;
  POME__TRY(affine_axis(call, data->rank, &axis));
  pome__channel_blocks(call, data, &call->outputs[0], axis, &map, values, 2);
  return POME_OK;
}

/* ---- constexpr_blockwise_shift_scale, dense and sparse ---- */

static pome_status check_scale(pome__call *call, const pome__type *data) {
  int p = pome__schema_param(call->op->schema, "scale");
  const pome__type *scale = pome__type_of(call, p, 0);
  if (data->rank < 0 || scale->rank < 0) return POME_OK;
  if (data->rank < 1 || scale->rank != data->rank) {
    return pome__call_fail(call,
                           "scale has rank %d and the data %d; they must be equal and at least 1",
                           (int)scale->rank, (int)data->rank);
  }
  POME__TRY(check_grid(call, "scale", data, scale->dims));
  if (!pome__has(call, p + 1)) return POME_OK;
  const pome__type *offset = pome__type_of(call, p + 1, 0);
  bool fits = offset->rank < 0 || offset->rank == scale->rank;
  for (int i = 0; fits && i < offset->rank; i++) {
    int64_t unused;
    fits = pome__dim_unify(offset->dims[i], scale->dims[i], &unused);
  }
  return fits ? POME_OK : pome__call_fail(call, "offset and scale must have the same shape");
}

static pome_status infer_blockwise(pome__call *call) {
  const pome__type *data = pome__type_of(call, 0, 0);
  POME__TRY(check_scale(call, data));
  return pome__out(call, 0, pome__type_of(call, 1, 0)->dtype, data->rank, data->dims);
}

/* scale[block] and offset[block] (0 without offset). */
static void block_numbers(const pome_tensor *scale, const pome_tensor *offset, size_t block,
                          double *factor, double *shift) {
  *shift = 0;
  pome__load_f64(scale->data, scale->dtype, (int64_t)block, 1, 1, factor);
  if (offset != NULL) pome__load_f64(offset->data, offset->dtype, (int64_t)block, 1, 1, shift);
}

static pome_status eval_blockwise(pome__call *call) {
  const pome_tensor *data = pome__tensor_of(call, 0, 0);
  const pome_tensor *scale = pome__tensor_of(call, 1, 0);
  const pome_tensor *offset = pome__tensor_of(call, 2, 0);
  pome_tensor *out = &call->outputs[0];
  grid g = grid_of(data->rank, data->shape, scale->shape);
  for (size_t run = 0; run < g.count; run += g.run) {
    double factor;
    double shift;
    block_numbers(scale, offset, grid_block(&g, run), &factor, &shift);
    for (size_t done = 0; done < g.run; done += POME__BLOCK) {
      double block[POME__BLOCK];
      size_t n = g.run - done < POME__BLOCK ? g.run - done : POME__BLOCK;
      pome__load_f64(data->data, data->dtype, (int64_t)(run + done), 1, n, block);
      for (size_t i = 0; i < n; i++) block[i] = factor * (block[i] - shift);
      pome__store_f64(out->data, out->dtype, (int64_t)(run + done), 1, n, block);
    }
  }
  return POME_OK;
}

/* ---- masks ---- */

static size_t count_bits(const pome_tensor *mask, size_t count) {
  size_t set = 0;
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    int64_t block[POME__BLOCK];
    size_t n = count - begin < POME__BLOCK ? count - begin : POME__BLOCK;
    pome__load_i64(mask->data, mask->dtype, (int64_t)begin, 1, n, block);
    for (size_t i = 0; i < n; i++) set += block[i] != 0;
  }
  return set;
}

/* As many values as set bits, or POME_INPUT. */
static pome_status check_bits(pome__call *call, const pome_tensor *mask, size_t count,
                              const pome_tensor *values) {
  size_t set = count_bits(mask, count);
  if (set == pome_tensor_count(values)) return POME_OK;
  return pome__call_fail(call, "the mask has %zu bits set, and there are %zu values", set,
                         pome_tensor_count(values));
}

static pome_status scatter_dense(pome__call *call, const pome_tensor *values,
                                 const pome_tensor *mask) {
  pome_tensor *out = &call->outputs[0];
  size_t count = pome_tensor_count(out);
  POME__TRY(check_bits(call, mask, count, values));
  int64_t next = 0;
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    int64_t bits[POME__BLOCK];
    double found[POME__BLOCK];
    double block[POME__BLOCK];
    size_t n = count - begin < POME__BLOCK ? count - begin : POME__BLOCK;
    pome__load_i64(mask->data, mask->dtype, (int64_t)begin, 1, n, bits);
    size_t set = 0;
    for (size_t i = 0; i < n; i++) set += bits[i] != 0;
    pome__load_f64(values->data, values->dtype, next, 1, set, found);
    next += (int64_t)set;
    set = 0;
    for (size_t i = 0; i < n; i++) block[i] = bits[i] != 0 ? found[set++] : 0;
    pome__store_f64(out->data, out->dtype, (int64_t)begin, 1, n, block);
  }
  return POME_OK;
}

/* `shape` of the iOS16 ops; the packed parameter `p` must have the bytes that `bits` per element
 * need. */
static pome_status infer_packed(pome__call *call, int p, unsigned bits, pome_dtype dtype) {
  int64_t dims[POME_MAX_RANK];
  size_t rank;
  size_t count;
  size_t total;
  if (!pome__ints_of(call, 2, dims, POME_MAX_RANK, &rank)) {
    return pome__call_fail(call, "shape must be known and have at most %d dimensions",
                           POME_MAX_RANK);
  }
  if (!pome__shape_count((int)rank, dims, &count) || !pome__mul(count, bits, &total)) {
    return pome__call_fail(call, "shape is negative or too large");
  }
  POME__TRY(pome__need_rank(call, p, 0, 1, 1));
  size_t bytes = total / 8 + (total % 8 != 0);
  const pome__type *packed = pome__type_of(call, p, 0);
  if (packed->rank == 1 && packed->dims[0] >= 0 && (size_t)packed->dims[0] != bytes) {
    return pome__call_fail(call, "'%s' has %lld bytes; the shape needs %zu",
                           call->op->schema->params[p].name, (long long)packed->dims[0], bytes);
  }
  return pome__out(call, 0, dtype, (int)rank, dims);
}

static pome_status infer_sparse_16(pome__call *call) {
  POME__TRY(pome__need_rank(call, 0, 0, 1, 1));
  return infer_packed(call, 1, 1, pome__type_of(call, 0, 0)->dtype);
}

static pome_status eval_sparse_16(pome__call *call) {
  pome_tensor mask = *pome__tensor_of(call, 1, 0);
  mask.dtype = POME_UINT1;
  return scatter_dense(call, pome__tensor_of(call, 0, 0), &mask);
}

static pome_status infer_sparse_18(pome__call *call) {
  const pome__type *mask = pome__type_of(call, 1, 0);
  POME__TRY(pome__need_rank(call, 0, 0, 1, 1));
  return pome__out(call, 0, pome__type_of(call, 0, 0)->dtype, mask->rank, mask->dims);
}

static pome_status eval_sparse_18(pome__call *call) {
  return scatter_dense(call, pome__tensor_of(call, 0, 0), pome__tensor_of(call, 1, 0));
}

/* ---- constexpr_sparse_blockwise_shift_scale: mask, values, scale, offset -> mask, values ---- */

static pome_status infer_sparse_blockwise(pome__call *call) {
  const pome__type *mask = pome__type_of(call, 0, 0);
  const pome__type *values = pome__type_of(call, 1, 0);
  POME__TRY(pome__need_rank(call, 1, 0, 1, 1));
  POME__TRY(check_scale(call, mask));
  POME__TRY(pome__out(call, 0, mask->dtype, mask->rank, mask->dims));
  return pome__out(call, 1, pome__type_of(call, 2, 0)->dtype, values->rank, values->dims);
}

static pome_status eval_sparse_blockwise(pome__call *call) {
  const pome_tensor *mask = pome__tensor_of(call, 0, 0);
  const pome_tensor *values = pome__tensor_of(call, 1, 0);
  const pome_tensor *scale = pome__tensor_of(call, 2, 0);
  const pome_tensor *offset = pome__tensor_of(call, 3, 0);
  pome_tensor *out = &call->outputs[1];
  grid g = grid_of(mask->rank, mask->shape, scale->shape);
  POME__TRY(check_bits(call, mask, g.count, values));
  pome__copy_elements(mask, &call->outputs[0]);
  int64_t next = 0;
  for (size_t run = 0; run < g.count; run += g.run) {
    double factor;
    double shift;
    block_numbers(scale, offset, grid_block(&g, run), &factor, &shift);
    for (size_t i = 0; i < g.run; i++) {
      int64_t set;
      double value;
      pome__load_i64(mask->data, mask->dtype, (int64_t)(run + i), 1, 1, &set);
      if (set == 0) continue;
      pome__load_f64(values->data, values->dtype, next, 1, 1, &value);
      value = factor * (value - shift);
      pome__store_f64(out->data, out->dtype, next++, 1, 1, &value);
    }
  }
  return POME_OK;
}

/* ---- palettes ---- */

static unsigned bits_of_palette(int64_t entries) {
  for (unsigned bits = 1; bits <= 8; bits++) {
    if (entries == (int64_t)1 << bits && bits != 5 && bits != 7) return bits;
  }
  return 0;
}

static pome_dtype dtype_of_bits(unsigned bits) {
  static const pome_dtype dtypes[] = {POME_DTYPE_NONE, POME_UINT1,      POME_UINT2,
                                      POME_UINT3,      POME_UINT4,      POME_DTYPE_NONE,
                                      POME_UINT6,      POME_DTYPE_NONE, POME_UINT8};
  return dtypes[bits];
}

/* n indices from `begin` that share one palette: out[at + i * step] = palette[index i]. */
static void look_up_run(const pome__call *call, const pome_tensor *indices, size_t begin, size_t n,
                        const float palette[256], pome_tensor *out, int64_t at, int64_t step) {
  for (size_t done = 0; done < n; done += POME__BLOCK) {
    int64_t block[POME__BLOCK];
    float values[POME__BLOCK];
    size_t m = n - done < POME__BLOCK ? n - done : POME__BLOCK;
    pome__load_i64(indices->data, indices->dtype, (int64_t)(begin + done), 1, m, block);
    for (size_t i = 0; i < m; i++) values[i] = palette[block[i]];
    pome__write_f32(call, out, at + (int64_t)done * step, step, m, values);
  }
}

static pome_status infer_lut_16(pome__call *call) {
  const pome__type *lut = pome__type_of(call, 1, 0);
  POME__TRY(pome__need_rank(call, 1, 0, 1, 1));
  unsigned bits = lut->rank == 1 ? bits_of_palette(lut->dims[0]) : 0;
  if (bits == 0 || bits == 3)
    return pome__call_fail(call, "lut must have 2, 4, 16, 64 or 256 entries");
  return infer_packed(call, 0, bits, lut->dtype);
}

static pome_status eval_lut_16(pome__call *call) {
  pome_tensor indices = *pome__tensor_of(call, 0, 0);
  const pome_tensor *lut = pome__tensor_of(call, 1, 0);
  float palette[256];
  indices.dtype = dtype_of_bits(bits_of_palette(lut->shape[0]));
  pome__load_f32(lut->data, lut->dtype, 0, 1, (size_t)lut->shape[0], palette);
  look_up_run(call, &indices, 0, pome_tensor_count(&call->outputs[0]), palette, &call->outputs[0],
              0, 1);
  return POME_OK;
}

/* Checks lut (parameter `p`) against indices of this type and shape; gives the vector size (1 when
 * not known) and the axis it expands. `known` is false when a rank is not known. */
static pome_status check_lut(pome__call *call, const pome__type *shape, pome_dtype indices, int p,
                             int64_t *vector, int *axis, bool *known) {
  const pome__type *lut = pome__type_of(call, p, 0);
  *vector = 1;
  *axis = 0;
  *known = shape->rank >= 0 && lut->rank >= 0;
  if (!*known) return POME_OK;
  if (shape->rank < 1 || lut->rank != shape->rank + 2) {
    return pome__call_fail(call, "lut has rank %d; indices of rank %d need %d", (int)lut->rank,
                           (int)shape->rank, (int)shape->rank + 2);
  }
  POME__TRY(check_grid(call, "lut", shape, lut->dims));
  int64_t entries = lut->dims[lut->rank - 2];
  if (entries != (int64_t)1 << pome_dtype_bits(indices)) {
    return pome__call_fail(call, "lut has %lld entries; indices of %s need %d", (long long)entries,
                           pome_dtype_name(indices), 1 << pome_dtype_bits(indices));
  }
  *vector = lut->dims[lut->rank - 1];
  if (*vector < 1)
    return pome__call_fail(call, "the last dimension of lut must be known and at least 1");
  int64_t value;
  if (pome__has(call, p + 1)) {
    if (!pome__int_of(call, p + 1, &value))
      return pome__call_fail(call, "vector_axis must be an integer");
    return pome__axis(call, "vector_axis", value, shape->rank, axis);
  }
  if (*vector > 1)
    return pome__call_fail(call, "entries are vectors of %lld, so vector_axis is needed",
                           (long long)*vector);
  return POME_OK;
}

/* The shape with `axis` times `vector`. */
static pome_status expanded_dims(pome__call *call, const pome__type *shape, int axis,
                                 int64_t vector, int64_t *dims) {
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i];
  if (dims[axis] >= 0 && !pome__mul_i64(dims[axis], vector, &dims[axis])) {
    return pome__call_fail(call, "the result is too large");
  }
  return POME_OK;
}

static pome_status infer_lut_18(pome__call *call) {
  const pome__type *indices = pome__type_of(call, 0, 0);
  pome_dtype dtype = pome__type_of(call, 1, 0)->dtype;
  int64_t dims[POME_MAX_RANK];
  int64_t vector;
  int axis;
  bool known;
  POME__TRY(check_lut(call, indices, indices->dtype, 1, &vector, &axis, &known));
  if (!known) return pome__out(call, 0, dtype, -1, NULL);
  POME__TRY(expanded_dims(call, indices, axis, vector, dims));
  return pome__out(call, 0, dtype, indices->rank, dims);
}

static size_t elements_after(const pome_tensor *tensor, int axis) {
  size_t count = 1;
  for (int i = axis + 1; i < tensor->rank; i++) count *= (size_t)tensor->shape[i];
  return count;
}

static pome_status eval_lut_18(pome__call *call) {
  const pome_tensor *indices = pome__tensor_of(call, 0, 0);
  const pome_tensor *lut = pome__tensor_of(call, 1, 0);
  int64_t vector;
  int axis;
  bool known;
  POME__TRY(check_lut(call, pome__type_of(call, 0, 0), indices->dtype, 1, &vector, &axis, &known));
  size_t entries = (size_t)lut->shape[lut->rank - 2];
  size_t inner = elements_after(indices, axis);
  grid g = grid_of(indices->rank, indices->shape, lut->shape);
  size_t loaded = SIZE_MAX;
  float palette[256];
  for (size_t run = 0; run < g.count; run += g.run) {
    size_t block = grid_block(&g, run);
    for (int64_t v = 0; v < vector; v++) {
      if (vector > 1 || block != loaded) {
        int64_t first = (int64_t)(block * entries) * vector + v;
        pome__load_f32(lut->data, lut->dtype, first, vector, entries, palette);
        loaded = block;
      }
      /* Along the last axis entries lie `vector` apart; along another one whole stretches of
       * `inner` are repeated. */
      bool last = inner == 1;
      int64_t at = last ? (int64_t)run * vector + v
                        : (int64_t)(run / inner * inner) * vector + v * (int64_t)inner +
                              (int64_t)(run % inner);
      look_up_run(call, indices, run, g.run, palette, &call->outputs[0], at, last ? vector : 1);
    }
  }
  return POME_OK;
}

/* ---- constexpr_lut_to_sparse: mask, indices of the set bits, lut, vector_axis -> mask, values
 * ---- */

static pome_status infer_lut_sparse(pome__call *call) {
  const pome__type *mask = pome__type_of(call, 0, 0);
  const pome__type *indices = pome__type_of(call, 1, 0);
  pome_dtype dtype = pome__type_of(call, 2, 0)->dtype;
  int64_t dims[POME_MAX_RANK];
  int64_t count;
  int64_t vector;
  int axis;
  bool known;
  POME__TRY(pome__need_rank(call, 1, 0, 1, 1));
  POME__TRY(check_lut(call, mask, indices->dtype, 2, &vector, &axis, &known));
  if (!known || indices->rank < 0) {
    POME__TRY(pome__out(call, 0, mask->dtype, -1, NULL));
    return pome__out(call, 1, dtype, -1, NULL);
  }
  POME__TRY(expanded_dims(call, mask, axis, vector, dims));
  POME__TRY(pome__out(call, 0, mask->dtype, mask->rank, dims));
  count = indices->dims[0];
  if (count >= 0 && !pome__mul_i64(count, vector, &count))
    return pome__call_fail(call, "the result is too large");
  return pome__out(call, 1, dtype, 1, &count);
}

/* A stretch of `inner` mask bits becomes `vector` copies of itself; its values follow in the same
 * order. */
static void look_up_stretch(pome__call *call, const grid *g, size_t begin, size_t inner,
                            size_t vector, int64_t *next) {
  const pome_tensor *mask = pome__tensor_of(call, 0, 0);
  const pome_tensor *indices = pome__tensor_of(call, 1, 0);
  const pome_tensor *lut = pome__tensor_of(call, 2, 0);
  pome_tensor *out_mask = &call->outputs[0];
  pome_tensor *out = &call->outputs[1];
  size_t entries = (size_t)lut->shape[lut->rank - 2];
  int64_t first = *next;
  int64_t to = first * (int64_t)vector;
  for (size_t v = 0; v < vector; v++) {
    *next = first;
    for (size_t i = 0; i < inner; i++) {
      int64_t set;
      int64_t index;
      double value;
      pome__load_i64(mask->data, mask->dtype, (int64_t)(begin + i), 1, 1, &set);
      pome__store_i64(out_mask->data, out_mask->dtype, (int64_t)(begin * vector + v * inner + i), 1,
                      1, &set);
      if (set == 0) continue;
      pome__load_i64(indices->data, indices->dtype, (*next)++, 1, 1, &index);
      size_t at = (grid_block(g, begin + i) * entries + (size_t)index) * vector + v;
      pome__load_f64(lut->data, lut->dtype, (int64_t)at, 1, 1, &value);
      pome__store_f64(out->data, out->dtype, to++, 1, 1, &value);
    }
  }
}

static pome_status eval_lut_sparse(pome__call *call) {
  const pome_tensor *mask = pome__tensor_of(call, 0, 0);
  int64_t vector;
  int axis;
  bool known;
  POME__TRY(check_lut(call, pome__type_of(call, 0, 0), pome__tensor_of(call, 1, 0)->dtype, 2,
                      &vector, &axis, &known));
  grid g = grid_of(mask->rank, mask->shape, pome__tensor_of(call, 2, 0)->shape);
  POME__TRY(check_bits(call, mask, g.count, pome__tensor_of(call, 1, 0)));
  size_t inner = elements_after(mask, axis);
  int64_t next = 0;
  for (size_t begin = 0; begin < g.count; begin += inner) {
    look_up_stretch(call, &g, begin, inner, (size_t)vector, &next);
  }
  return POME_OK;
}

/* ---- constexpr_cast ---- */

static pome_status infer_cast(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  pome_dtype dtype;
  POME__TRY(pome__dtype_param(call, "output_dtype", POME__BIT(FP32), &dtype));
  return pome__out(call, 0, POME_FP32, x->rank, x->dims);
}

static void same_f64(size_t n, const double *x, double *y, const void *params) {
  (void)params;
  if (x != y) memcpy(y, x, n * sizeof(double));
}

static pome_status eval_cast(pome__call *call) {
  static const pome__unary map = {same_f64, NULL, NULL};
  pome__unary_blocks(call, pome__tensor_of(call, 0, 0), &call->outputs[0], &map, NULL);
  return POME_OK;
}

/* ---- rows ---- */

#define CONST    POME__PARAM_CONST
#define OPTIONAL (POME__PARAM_CONST | POME__PARAM_OPTIONAL)
#define VALUES   (POME__TF | POME__BIT(INT8) | POME__BIT(UINT8))
#define VALUES_4 (VALUES | POME__BIT(INT4) | POME__BIT(UINT4))
#define INDICES                                                                                    \
  (POME__BIT(UINT1) | POME__BIT(UINT2) | POME__BIT(UINT3) | POME__BIT(UINT4) | POME__BIT(UINT6) |  \
   POME__BIT(UINT8))

static const pome__param affine_16[] = {
    POME__P("quantized_data", 'S', POME__BIT(UINT8) | POME__BIT(INT8), CONST),
    POME__P("zero_point", 'Z', POME__BIT(UINT8) | POME__BIT(INT8) | POME__BIT(FP32), CONST),
    POME__P("scale", 'D', POME__TF, CONST),
    POME__P("axis", 0, POME__BIT(INT32), CONST),
};
static const pome__param cast_16[] = {POME__P("source_val", 0, POME__BIT(FP16), CONST),
                                      POME__P("output_dtype", 0, POME__BIT(STRING), CONST)};
static const pome__param lut_16[] = {POME__P("indices", 0, POME__BIT(UINT8), CONST),
                                     POME__P("lut", 'T', VALUES, CONST),
                                     POME__P("shape", 0, POME__BIT(UINT32), CONST)};
static const pome__param sparse_16[] = {POME__P("nonzero_data", 'T', VALUES, CONST),
                                        POME__P("mask", 0, POME__BIT(UINT8), CONST),
                                        POME__P("shape", 0, POME__BIT(UINT32), CONST)};
static const pome__param blockwise_18[] = {POME__P("data", 'S', VALUES_4, CONST),
                                           POME__P("scale", 'D', POME__TF, CONST),
                                           POME__P("offset", 'O', VALUES_4, OPTIONAL)};
static const pome__param lut_18[] = {POME__P("indices", 'I', INDICES, CONST),
                                     POME__P("lut", 'T', VALUES, CONST),
                                     POME__P("vector_axis", 0, POME__BIT(INT32), OPTIONAL)};
static const pome__param lut_sparse_18[] = {POME__P("indices_mask", 0, POME__BIT(UINT1), CONST),
                                            POME__P("indices_nonzero_data", 'I', INDICES, CONST),
                                            POME__P("lut", 'T', VALUES, CONST),
                                            POME__P("vector_axis", 0, POME__BIT(INT32), OPTIONAL)};
static const pome__param sparse_blockwise_18[] = {
    POME__P("data_mask", 0, POME__BIT(UINT1), CONST), POME__P("nonzero_data", 'S', VALUES_4, CONST),
    POME__P("scale", 'D', POME__TF, CONST), POME__P("offset", 'O', VALUES_4, OPTIONAL)};
static const pome__param sparse_18[] = {POME__P("nonzero_data", 'T', VALUES_4, CONST),
                                        POME__P("mask", 0, POME__BIT(UINT1), CONST)};

#define ROW(name, since, params, infer, eval)                                                      \
  POME__ROW("constexpr_" name, FAMILY, since, POME__OP_CONSTEXPR, params, infer, eval)

static const pome__schema rows[] = {
    ROW("affine_dequantize", POME__IOS16, affine_16, infer_affine, eval_affine),
    ROW("blockwise_shift_scale", POME__IOS18, blockwise_18, infer_blockwise, eval_blockwise),
    ROW("cast", POME__IOS16, cast_16, infer_cast, eval_cast),
    ROW("cast", POME__IOS18, cast_16, infer_cast, eval_cast),
    ROW("lut_to_dense", POME__IOS16, lut_16, infer_lut_16, eval_lut_16),
    ROW("lut_to_dense", POME__IOS18, lut_18, infer_lut_18, eval_lut_18),
    ROW("lut_to_sparse", POME__IOS18, lut_sparse_18, infer_lut_sparse, eval_lut_sparse),
    ROW("sparse_blockwise_shift_scale", POME__IOS18, sparse_blockwise_18, infer_sparse_blockwise,
        eval_sparse_blockwise),
    ROW("sparse_to_dense", POME__IOS16, sparse_16, infer_sparse_16, eval_sparse_16),
    ROW("sparse_to_dense", POME__IOS18, sparse_18, infer_sparse_18, eval_sparse_18),
};

const pome__schema *pome__ops_constexpr(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
