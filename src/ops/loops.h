/* Loops that evaluation shares: walking strided tensors row by row, mapping blocks of elements,
 * folding over axes, copying.
 *
 * `strict` computes in double: a block is loaded as double, computed, and stored, which rounds once
 * to the stored type. With the other numerics, float data goes through float blocks where an op
 * gives a float version. Integer data goes through int64 blocks where an op gives an integer
 * version; storing wraps to the width of the type.
 */
#ifndef POME_SRC_OPS_LOOPS_H
#define POME_SRC_OPS_LOOPS_H

#include "ops/ops.h"

/* Elements in a block: buffers of this size live on the stack. */
#define POME__BLOCK 512

/* ---- walking: visits the rows (runs along the innermost dimension) of up to four operands that
 * share a shape, each with its own strides (0 along broadcast dimensions). Dimensions that lie one
 * after the other in every operand are merged, so a contiguous tensor is a single row.
 *
 *   pome__walk_begin(&walk, rank, shape);
 *   pome__walk_add(&walk, x_offset, x_strides);   once for each operand
 *   while (pome__walk_next(&walk))                walk.length elements, operand i at
 * walk.offset[i], walk.step[i] apart
 */
#define POME__WALK_OPERANDS 4
typedef struct pome__walk {
  size_t length; /* elements in a row */
  int64_t offset[POME__WALK_OPERANDS];
  int64_t step[POME__WALK_OPERANDS];
  /* private: */
  int rank;
  int operands;
  bool started;
  int64_t shape[POME_MAX_RANK];
  int64_t strides[POME__WALK_OPERANDS][POME_MAX_RANK];
  int64_t index[POME_MAX_RANK];
} pome__walk;

void pome__walk_begin(pome__walk *walk, int rank, const int64_t *shape);
void pome__walk_add(pome__walk *walk, int64_t offset, const int64_t *strides);
bool pome__walk_next(pome__walk *walk);

/* ---- blocks of floats: n elements of a tensor from `offset`, `stride` apart. Returns a pointer
 * into the tensor when it holds fp32 in a row, else fills `buffer` and returns it. Uses the kernels
 * of the call for fp16. ---- */
const float *pome__read_f32(const pome__call *call, const pome_tensor *tensor, int64_t offset,
                            int64_t stride, size_t n, float *buffer);
void pome__write_f32(const pome__call *call, pome_tensor *tensor, int64_t offset, int64_t stride,
                     size_t n, const float *values);
/* True when `tensor` should be computed in float rather than double: a float tensor, numerics not
 * strict. */
bool pome__use_f32(const pome__call *call, const pome_tensor *tensor);

/* ---- elementwise maps. f64 is needed; f32 and i64 may be NULL. `y` has the shape of `x` (of the
 * broadcast of x and y). ---- */
typedef struct pome__unary {
  void (*f64)(size_t n, const double *x, double *y, const void *params);
  void (*f32)(size_t n, const float *x, float *y, const void *params);
  void (*i64)(size_t n, const int64_t *x, int64_t *y, const void *params);
} pome__unary;
void pome__unary_blocks(const pome__call *call, const pome_tensor *x, pome_tensor *y,
                        const pome__unary *f, const void *params);

typedef struct pome__binary {
  void (*f64)(size_t n, const double *x, const double *y, double *z);
  void (*f32)(size_t n, const float *x, const float *y, float *z);
  void (*i64)(size_t n, const int64_t *x, const int64_t *y, int64_t *z);
} pome__binary;
void pome__binary_blocks(const pome__call *call, const pome_tensor *x, const pome_tensor *y,
                         pome_tensor *z, const pome__binary *f);

/* ---- folds: `y` gets one element for each group of elements of `x` that differ only along `axes`
 * (bit i: axis i), in row-major order of the remaining axes (so it does not matter whether y keeps
 * the axes as 1). Elements arrive in row-major order. ---- */
typedef struct pome__fold {
  double start; /* state[0] before the first element; the rest of the state is zero */
  void (*run)(size_t n, const double *x, double state[4]);
  double (*end)(const double state[4], size_t count); /* NULL: state[0] */
  /* For integer data, or NULL: as above. */
  int64_t start_i64;
  void (*run_i64)(size_t n, const int64_t *x, int64_t state[4]);
  int64_t (*end_i64)(const int64_t state[4], size_t count);
} pome__fold;
void pome__fold_axes(const pome__call *call, const pome_tensor *x, uint32_t axes, pome_tensor *y,
                     const pome__fold *fold);

/* ---- lines: each group of elements that differ only along `axes` is gathered (row-major), mapped
 * to a group of the same size, and put into `y`, which has the shape of `x`: softmax,
 * normalizations over axes, cumulative sums, sorting. ---- */
typedef struct pome__line {
  void (*f64)(size_t n, const double *x, double *y, const void *params);
  void (*f32)(size_t n, const float *x, float *y, const void *params); /* or NULL */
} pome__line;
pome_status pome__line_blocks(pome__call *call, const pome_tensor *x, pome_tensor *y, uint32_t axes,
                              const pome__line *f, const void *params);

/* ---- per channel: `f` maps the elements of `x` with params = const double[4]: element c of each
 * of `count` (1 to 4) tensors `values`, where c is the index along `axis`. A tensor of one element
 * serves all channels; a NULL one leaves its number 0. `y` has the shape of `x`. The caller has
 * checked that vectors are as long as the axis. Not for sub-byte data. ---- */
void pome__channel_blocks(const pome__call *call, const pome_tensor *x, pome_tensor *y, int axis,
                          const pome__unary *f, const pome_tensor *const *values, size_t count);

/* ---- raw copies of elements of any type, strings and sub-byte ones too: for every index of
 * `shape`, the element at in_offset + index . in_strides goes to out_offset + index . out_strides
 * (counted in elements, negative strides allowed). The caller has made sure that all lie inside.
 * ---- */
void pome__copy_strided(pome_dtype dtype, int rank, const int64_t *shape, const void *in,
                        int64_t in_offset, const int64_t *in_strides, void *out, int64_t out_offset,
                        const int64_t *out_strides);
/* All elements of a contiguous tensor in order: memcpy (for views: reshape and the like). Types are
 * equal. */
void pome__copy_elements(const pome_tensor *in, pome_tensor *out);
/* Every element of a contiguous tensor becomes `value` (not for strings). */
void pome__fill(pome_tensor *out, double value);

#endif
