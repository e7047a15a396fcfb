/* pome/tensor.h: element types and tensor views.
 *
 * A tensor is a view: it says where elements are and how they lie, and owns nothing. Elements
 * narrower than a byte are packed as one continuous stream of bits, least significant bit first, as
 * weight.bin stores them; such tensors are always contiguous.
 */
#ifndef POME_TENSOR_H
#define POME_TENSOR_H

#include <pome/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, text as in MIL, bits per element, kind: b bool, i signed, u unsigned, f float, s string. */
#define POME_DTYPE_TABLE(X)                                                                        \
  X(BOOL, "bool", 8, 'b')                                                                          \
  X(STRING, "string", 128, 's')                                                                    \
  X(FP16, "fp16", 16, 'f')                                                                         \
  X(FP32, "fp32", 32, 'f')                                                                         \
  X(FP64, "fp64", 64, 'f')                                                                         \
  X(BF16, "bf16", 16, 'f')                                                                         \
  X(FP8E4M3FN, "fp8e4m3fn", 8, 'f')                                                                \
  X(FP8E5M2, "fp8e5m2", 8, 'f')                                                                    \
  X(INT4, "int4", 4, 'i')                                                                          \
  X(INT8, "int8", 8, 'i')                                                                          \
  X(INT16, "int16", 16, 'i')                                                                       \
  X(INT32, "int32", 32, 'i')                                                                       \
  X(INT64, "int64", 64, 'i')                                                                       \
  X(UINT1, "uint1", 1, 'u')                                                                        \
  X(UINT2, "uint2", 2, 'u')                                                                        \
  X(UINT3, "uint3", 3, 'u')                                                                        \
  X(UINT4, "uint4", 4, 'u')                                                                        \
  X(UINT6, "uint6", 6, 'u')                                                                        \
  X(UINT8, "uint8", 8, 'u')                                                                        \
  X(UINT16, "uint16", 16, 'u')                                                                     \
  X(UINT32, "uint32", 32, 'u')                                                                     \
  X(UINT64, "uint64", 64, 'u')

typedef enum pome_dtype {
  POME_DTYPE_NONE = 0,
#define X(name, text, bits, kind) POME_##name,
  POME_DTYPE_TABLE(X)
#undef X
      POME_DTYPE_COUNT
} pome_dtype;

/* Core ML stops at rank 5; inside, programs may need a little more. */
#define POME_MAX_RANK 8

/* A dimension that is not known before a shape is given. */
#define POME_DIM_UNKNOWN (-1)

/* An element of a string tensor. Not NUL-terminated. */
typedef struct pome_string {
  const char *data;
  size_t size;
} pome_string;

typedef struct pome_tensor {
  void *data;
  pome_dtype dtype;
  int32_t rank;                   /* 0: a scalar */
  int64_t shape[POME_MAX_RANK];   /* dimensions 0 .. rank-1, each >= 0 */
  int64_t strides[POME_MAX_RANK]; /* in elements; ignored for types narrower than a byte */
  const void *owner; /* what keeps `data` alive (a run, a state, a value), or NULL: the caller */
} pome_tensor;

/* "fp16" and the like; "none" for POME_DTYPE_NONE. */
POME_API const char *pome_dtype_name(pome_dtype dtype);
/* The dtype with that name, or POME_DTYPE_NONE. */
POME_API pome_dtype pome_dtype_from_name(const char *name);
POME_API unsigned pome_dtype_bits(pome_dtype dtype);

/* A contiguous row-major view. Fails with POME_USAGE when rank is over POME_MAX_RANK, a dimension
 * is negative or the size in bytes does not fit in a ptrdiff_t. */
POME_API pome_status pome_tensor_init(pome_tensor *tensor, pome_dtype dtype, int rank,
                                      const int64_t *shape, void *data, pome_error *error);

/* Number of elements, and of bytes that a contiguous tensor of this type and shape takes. */
POME_API size_t pome_tensor_count(const pome_tensor *tensor);
POME_API size_t pome_tensor_bytes(const pome_tensor *tensor);

/* True when the elements lie in row-major order without gaps. */
POME_API bool pome_tensor_is_contiguous(const pome_tensor *tensor);

/* Copies element for element, converting types: floats round to nearest even, float to integer
 * truncates toward zero and saturates, integers wrap as in C, anything non-zero is true. Shapes
 * must be equal. Strings convert only to strings. */
POME_API pome_status pome_tensor_copy(const pome_tensor *source, pome_tensor *target,
                                      pome_error *error);

#ifdef __cplusplus
}
#endif
#endif
