/* Elements of every type, sub-byte integers among them, and moving runs of any type to and
 * from double and float.
 *
 * Everything that evaluates an op in readable form loads a run of elements as double, computes, and
 * stores it, which rounds once to the stored type. Every value of every MIL type up to 32 bits is
 * exact in a double.
 */
#ifndef POME_SRC_TENSOR_ELEMENT_H
#define POME_SRC_TENSOR_ELEMENT_H

#include <pome/tensor.h>

#include "tensor/narrow.h"

/* The first 53 bits, the last one set when any bit after them is: rounds on to a narrower float
 * correctly. */
double pome__u64_to_f64_odd(uint64_t value);

bool pome__dtype_is_float(pome_dtype dtype);
bool pome__dtype_is_integer(pome_dtype dtype); /* signed or unsigned, not bool */
bool pome__dtype_is_signed(pome_dtype dtype);
/* Smallest and largest value of an integer type (others: 0 and 1). int64 and uint64 are rounded to
 * double: up. */
void pome__dtype_limits(pome_dtype dtype, double *lowest, double *highest);
/* Bytes of `count` contiguous elements, false when it overflows. Sub-byte types round up to whole
 * bytes. */
bool pome__dtype_bytes(pome_dtype dtype, size_t count, size_t *bytes);

/* n elements, the first at index `offset`, the next ones `stride` elements apart (sub-byte types
 * too). Not for strings. Storing: floats round to nearest even, integers truncate toward zero and
 * then wrap modulo 2^bits (NaN gives 0; values beyond 64 bits saturate first), bool stores x != 0.
 */
void pome__load_f64(const void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                    double *out);
void pome__store_f64(void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                     const double *in);
void pome__load_f32(const void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                    float *out);
void pome__store_f32(void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                     const float *in);
/* Exact for all integer types (uint64 as the same 64 bits). Loading floats truncates toward zero
 * and saturates, NaN gives 0; storing to floats rounds once, to integers wraps. */
void pome__load_i64(const void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                    int64_t *out);
void pome__store_i64(void *data, pome_dtype dtype, int64_t offset, int64_t stride, size_t n,
                     const int64_t *in);

#endif
