/* Copies of elements between tensors whose stored types may differ: a constant may be kept as fp16
 * where results are fp32. */
#ifndef POME_SRC_OPS_MOVE_H
#define POME_SRC_OPS_MOVE_H

#include "ops/ops.h"

/* For every index of `shape`: in[in_offset + index . in_strides] to out[out_offset + index .
 * out_strides], in elements. Strides may be 0 or negative; the caller has made sure that all lie
 * inside. */
void pome__move(int rank, const int64_t *shape, const pome_tensor *in, int64_t in_offset,
                const int64_t *in_strides, pome_tensor *out, int64_t out_offset,
                const int64_t *out_strides);
/* `count` elements in a row. */
void pome__move_run(const pome_tensor *in, int64_t in_offset, pome_tensor *out, int64_t out_offset,
                    int64_t count);
/* All elements in order (reshape and the like). Nothing to do when both share memory. */
void pome__move_all(const pome_tensor *in, pome_tensor *out);

#endif
