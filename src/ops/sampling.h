/* Where images are sampled: grids between corners, and single points outside of which there is
 * padding. */
#ifndef POME_SRC_OPS_SAMPLING_H
#define POME_SRC_OPS_SAMPLING_H

#include "ops/ops.h"

typedef enum pome__grid {
  POME__GRID_DEFAULT,
  POME__GRID_STRICT_ALIGN,
  POME__GRID_ALIGN,
  POME__GRID_OFFSET,
  POME__GRID_UNALIGN
} pome__grid;
/* The names of the sampling modes in that order, for pome__arg_choice. */
extern const char *const pome__grid_names[];

/* Point `i` of `count` points that sample the pixels from `first` to `last` (which may be the
 * smaller one). */
double pome__grid_point(pome__grid grid, double first, double last, int64_t count, int64_t i);

pome_status pome__infer_resample(pome__call *call);
pome_status pome__eval_resample(pome__call *call);
pome_status pome__infer_affine(pome__call *call);
pome_status pome__eval_affine(pome__call *call);
pome_status pome__infer_crop_resize(pome__call *call);
pome_status pome__eval_crop_resize(pome__call *call);

#endif
