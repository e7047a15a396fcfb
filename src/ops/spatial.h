/* Windows that slide over one to three spatial dimensions: what convolutions and pools have in
 * common. Values are [batch, channels, spatial ...]; for evaluation the spatial dimensions are
 * always three, the missing ones in front being 1. */
#ifndef POME_SRC_OPS_SPATIAL_H
#define POME_SRC_OPS_SPATIAL_H

#include "ops/ops.h"

#define POME__SPATIAL 3

typedef struct pome__window {
  int rank;                                      /* spatial dimensions */
  int64_t in[POME__SPATIAL], out[POME__SPATIAL]; /* POME_DIM_UNKNOWN where not known */
  int64_t kernel[POME__SPATIAL], stride[POME__SPATIAL], dilation[POME__SPATIAL];
  int64_t before[POME__SPATIAL], after[POME__SPATIAL]; /* padding; set where `in` is known */
} pome__window;

/* Defaults of strides and dilations ([1] for each spatial dimension), and of pad ([0, 0]). The op
 * has a parameter x. */
size_t pome__spatial_ones(const pome__call *call, int64_t *out, size_t capacity);
size_t pome__spatial_zeros(const pome__call *call, int64_t *out, size_t capacity);

/* Reads strides, dilations (when the op has them), pad_type and pad into a window whose rank, in
 * and kernel are set, and works out padding and `out`. `ceil_mode` rounds up as pools do. */
pome_status pome__window_solve(pome__call *call, bool ceil_mode, pome__window *window);
/* The same for a transposed convolution: `before` is what is cut off in front of the full result.
 * `output` (spatial sizes) may be NULL. */
pome_status pome__window_solve_transposed(pome__call *call, const int64_t *output,
                                          pome__window *window);
/* From `rank` to three spatial dimensions. */
void pome__window_pad_rank(pome__window *window);
/* dims = [batch, channels, out ...] */
void pome__window_dims(const pome__window *window, int64_t batch, int64_t channels, int64_t *dims);

/* Of output positions 0 .. out-1, the ones whose tap (at `offset` = tap * dilation - before) falls
 * inside: *first .. *end-1. */
void pome__window_range(int64_t out, int64_t stride, int64_t offset, int64_t in, int64_t *first,
                        int64_t *end);

#endif
