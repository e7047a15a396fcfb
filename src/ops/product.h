/* Matrix products on operands of any stored type and any strides: what linear, matmul, einsum,
 * convolution, recurrent layers and attention have in common.
 *
 *   y[i, j] = sum over p of x[i, p] * w[j, p] (+ bias[j])
 *
 * Integers are summed exactly (modulo 2^64). Floats are summed in double when the numerics are
 * strict or a type is fp64, and rounded once; otherwise in float by the matrix kernels.
 */
#ifndef POME_SRC_OPS_PRODUCT_H
#define POME_SRC_OPS_PRODUCT_H

#include "ops/ops.h"

typedef struct pome__matrix {
  const pome_tensor *tensor;
  int64_t offset, row,
      column; /* of element [0, 0], and from one row and column to the next; in elements */
} pome__matrix;

typedef struct pome__product {
  size_t m, n, k;
  pome__matrix x;          /* [m, k] */
  pome__matrix w;          /* [n, k] */
  const pome_tensor *bias; /* [n], or NULL */
  int64_t bias_offset;
  pome_tensor *y;
  int64_t y_offset, y_row, y_column;
} pome__product;

/* Buffers, so that a loop of products that differ only in their offsets takes scratch once. */
typedef struct pome__product_space {
  void *x, *w, *y, *bias;
} pome__product_space;

pome_status pome__product_prepare(pome__call *call, const pome__product *product,
                                  pome__product_space *space);
void pome__product_run(const pome__call *call, const pome__product *product,
                       const pome__product_space *space);

/* How many columns of y a kernel is given at once, a multiple of 64: some hundredths of a second of
 * work, after which it is asked whether the prediction was cancelled. */
size_t pome__product_step(size_t m, size_t k);

/* A scratch copy of a tensor in the type that sums are made in: fp64 or fp32. Gives the tensor
 * itself when it has that type. */
pome_status pome__product_operand(pome__call *call, const pome_tensor *tensor, pome_tensor *copy);
/* The type of such scratch tensors: fp64 for strict numerics, else fp32. */
pome_dtype pome__product_dtype(const pome__call *call);

/* A sum of products, in a fixed order that does not depend on the machine. */
double pome__dot_f64(size_t n, const double *x, const double *y);
/* The kernels of the call, or the scalar ones. */
const struct pome__kernels *pome__call_kernels(const pome__call *call);

#endif
