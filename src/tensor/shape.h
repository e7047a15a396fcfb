/* Shapes: products, broadcasting, and walking. Dimensions are int64_t, POME_DIM_UNKNOWN (-1) where
 * not known. */
#ifndef POME_SRC_TENSOR_SHAPE_H
#define POME_SRC_TENSOR_SHAPE_H

#include <pome/tensor.h>

/* Product of the dimensions; false when one is negative or the product does not fit in a ptrdiff_t,
 * empty dimensions taken as 1 for that: after success no product of some of the dimensions
 * overflows. */
bool pome__shape_count(int rank, const int64_t *shape, size_t *count);
bool pome__shape_equal(int rank_a, const int64_t *a, int rank_b, const int64_t *b);
/* NumPy broadcasting. An unknown dimension against 1 stays unknown, against another n gives n.
 * False when the shapes do not fit. The result may lie where an operand does. */
bool pome__shape_broadcast(int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank,
                           int64_t *shape);
/* Row-major strides in elements. The product of the dimensions must fit; empty and unknown ones
 * count as 1. */
void pome__shape_strides(int rank, const int64_t *shape, int64_t *strides);
/* Strides that walk a tensor of shape `from` as if it had been broadcast to `to`: 0 along broadcast
 * dimensions. */
void pome__shape_broadcast_strides(int from_rank, const int64_t *from, int to_rank,
                                   const int64_t *to, int64_t *strides);
/* "[1, ?, 3]" into buffer, cut when it does not fit; returns buffer. */
const char *pome__shape_format(int rank, const int64_t *shape, char *buffer, size_t size);
/* Room for any formatted shape. */
#define POME__SHAPE_TEXT 192

#endif
