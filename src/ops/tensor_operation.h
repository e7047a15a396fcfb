/* The parts of the family tensor_operation that have files of their own. The rows are in
 * tensor_operation.c. */
#ifndef POME_SRC_OPS_TENSOR_OPERATION_H
#define POME_SRC_OPS_TENSOR_OPERATION_H

#include "ops/ops.h"

/* joining.c: several tensors into one, one into several */
pome_status pome__infer_concat(pome__call *call);
pome_status pome__eval_concat(pome__call *call);
pome_status pome__infer_stack(pome__call *call);
pome_status pome__eval_stack(pome__call *call);
pome_status pome__infer_split(pome__call *call);
pome_status pome__eval_split(pome__call *call);
pome_status pome__infer_tile(pome__call *call);
pome_status pome__eval_tile(pome__call *call);
pome_status pome__infer_pad(pome__call *call);
pome_status pome__eval_pad(pome__call *call);

/* sorting.c */
pome_status pome__infer_argsort(pome__call *call);
pome_status pome__eval_argsort(pome__call *call);
pome_status pome__infer_topk(pome__call *call);
pome_status pome__eval_topk(pome__call *call);
pome_status pome__infer_nms(pome__call *call);
pome_status pome__eval_nms(pome__call *call);

#endif
