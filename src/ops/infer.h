/* Inference that many ops share. Types may be of unknown rank (-1) or have unknown dimensions:
 * every helper passes what is not known on as not known.
 */
#ifndef POME_SRC_OPS_INFER_H
#define POME_SRC_OPS_INFER_H

#include "ops/ops.h"

/* out[index] = tensor<dtype, dims>; rank -1 for not known (dims may be NULL then). */
pome_status pome__out(pome__call *call, size_t index, pome_dtype dtype, int rank,
                      const int64_t *dims);
/* out[index] = *type: lists, states and the like. */
pome_status pome__out_type(pome__call *call, size_t index, const pome__type *type);
/* Output 0 has the type of parameter 0. */
pome_status pome__infer_same(pome__call *call);
/* out[index] = tensor<dtype, broadcast of the two shapes>; POME_INPUT when they do not fit. */
pome_status pome__infer_broadcast(pome__call *call, const pome__type *a, const pome__type *b,
                                  pome_dtype dtype, size_t index);
/* The dtype a string parameter names, which must be one of `allowed`. A string that is not known
 * gives POME_DTYPE_NONE. */
pome_status pome__dtype_param(pome__call *call, const char *param, pome__dtypes allowed,
                              pome_dtype *dtype);
/* Axes of an int32 parameter as bits; absent: all axes. `*known` is false when the value is not
 * known. Duplicates and values out of range are POME_INPUT. rank >= 0. */
pome_status pome__axes_param(pome__call *call, const char *param, int rank, uint32_t *axes,
                             bool *known);
/* A set of dtypes as text "fp16, fp32" for messages; returns buffer. */
const char *pome__dtypes_format(pome__dtypes dtypes, char *buffer, size_t size);
/* dims equal, or either not known; the known one into *out. False when they differ. */
bool pome__dim_unify(int64_t a, int64_t b, int64_t *out);
/* Tensors of equal dtype: dimensions that differ become unknown, ranks that differ make the rank
 * unknown. */
void pome__type_widen(const pome__type *a, const pome__type *b, pome__type *out);
/* The checked operands of POME_INPUT messages: "tensor x has rank 2; allowed: 3 to 5". Unknown rank
 * passes. */
pome_status pome__need_rank(pome__call *call, int p, size_t i, int lowest, int highest);

#endif
