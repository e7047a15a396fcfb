/* Slices as slice_by_index, slice_by_size and slice_update mean them. */
#ifndef POME_SRC_OPS_SLICE_H
#define POME_SRC_OPS_SLICE_H

#include "ops/ops.h"

/* One axis of a slice of a tensor: `count` elements from `start`, `step` apart. */
typedef struct pome__slice_axis {
  int64_t start, step;
  int64_t
      count;    /* POME_DIM_UNKNOWN when it cannot be known yet; start and step mean nothing then */
  bool squeeze; /* the axis does not appear in the result */
} pome__slice_axis;

/* What of parameter x's axes the parameters begin, end, stride and the masks select. x must have a
 * known rank. */
pome_status pome__slice_solve(pome__call *call, pome__slice_axis *axes);

pome_status pome__infer_slice_by_index(pome__call *call);
pome_status pome__eval_slice_by_index(pome__call *call);
pome_status pome__infer_slice_by_size(pome__call *call);
pome_status pome__eval_slice_by_size(pome__call *call);
pome_status pome__infer_slice_update(pome__call *call);
/* When the caller gave the output x's memory, only the slice is written. */
pome_status pome__eval_slice_update(pome__call *call);

#endif
