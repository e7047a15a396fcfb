/* GGUF: one file of typed metadata, a directory of tensors, and their data.
 *
 *   "GGUF", version (2 or 3), tensor count, entry count
 *   entries: key, kind, value        kind 8: a string; kind 9: an array of one kind, also of arrays
 *   tensors: name, rank, dimensions (the fastest first), type, offset into the data
 *   padding to general.alignment, then the data
 *
 * Numbers are little-endian, lengths and counts 64 bits. Opening walks everything once and checks
 * every length against the file; what is given out are views of its bytes, which must outlive them.
 * Source: the GGUF specification of the ggml project.
 */
#ifndef POME_SRC_WIRE_GGUF_H
#define POME_SRC_WIRE_GGUF_H

#include <pome/tensor.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

typedef enum pome__gguf_kind {
  POME__GGUF_UINT8,
  POME__GGUF_INT8,
  POME__GGUF_UINT16,
  POME__GGUF_INT16,
  POME__GGUF_UINT32,
  POME__GGUF_INT32,
  POME__GGUF_FLOAT32,
  POME__GGUF_BOOL,
  POME__GGUF_STRING,
  POME__GGUF_ARRAY,
  POME__GGUF_UINT64,
  POME__GGUF_INT64,
  POME__GGUF_FLOAT64,
  POME__GGUF_KINDS
} pome__gguf_kind;

/* "uint8", "string" ... */
const char *pome__gguf_kind_name(pome__gguf_kind kind);

typedef struct pome__gguf_value {
  pome__gguf_kind kind;
  pome__gguf_kind element; /* of an ARRAY */
  size_t count;            /* of an ARRAY */
  pome__bytes bytes; /* a number's, a string's without its length, all elements' of an array */
} pome__gguf_value;

typedef struct pome__gguf_entry {
  pome_string key;
  pome__gguf_value value;
} pome__gguf_entry;

#define POME__GGUF_RANK 4

typedef struct pome__gguf_tensor {
  pome_string name;
  int rank;
  int64_t dims[POME__GGUF_RANK]; /* the fastest first; 1 behind the rank */
  uint32_t type;                 /* see pome__ggml_type_of */
  uint64_t offset;               /* in the file */
  pome__bytes data;              /* size 0 where the type is not known */
} pome__gguf_tensor;

typedef struct pome__gguf {
  uint32_t version;
  pome__gguf_entry *entries; /* in the order of the file */
  size_t entry_count;
  pome__gguf_tensor *tensors;
  size_t tensor_count;
  size_t alignment;
  const pome__gguf_entry **by_key; /* sorted */
  const pome__gguf_tensor **by_name;
} pome__gguf;

/* Ceilings; all other lengths are bounded by the file. */
#define POME__GGUF_ENTRIES 65536
#define POME__GGUF_TENSORS 262144
#define POME__GGUF_NESTING 4 /* arrays within each other */

/* True for bytes that start like a GGUF file, and for files that do. */
bool pome__gguf_is(pome__bytes file);
bool pome__gguf_is_file(const char *path);

/* Reads everything but the tensors' data. Tables come from the arena. POME_INPUT names the byte of
 * what is wrong; POME_UNSUPPORTED: a version or byte order that is not read. */
pome_status pome__gguf_parse(pome__bytes file, pome__arena *arena, pome__gguf *gguf,
                             pome_error *error);

/* NULL when there is none. */
const pome__gguf_value *pome__gguf_find(const pome__gguf *gguf, const char *key);
const pome__gguf_tensor *pome__gguf_find_tensor(const pome__gguf *gguf, const char *name);

/* The value as what is asked for; false, and nothing written, for NULL and other kinds. A number
 * that is no whole one, or above INT64_MAX, is no integer. */
bool pome__gguf_integer(const pome__gguf_value *value, int64_t *out);
bool pome__gguf_real(const pome__gguf_value *value, double *out);
bool pome__gguf_bool(const pome__gguf_value *value, bool *out);
bool pome__gguf_string(const pome__gguf_value *value, pome_string *out);

/* Element `index` < count of an array; numbers and bools only. */
pome__gguf_value pome__gguf_element(const pome__gguf_value *array, size_t index);
/* Takes the next string off an array of strings: start with its `bytes`, stop after `count`. */
pome_string pome__gguf_next_string(pome__bytes *rest);

/* Element types of tensors: id, name, elements of a block, bytes of a block. */
#define POME__GGML_TYPES(X)                                                                        \
  X(0, F32, 1, 4)                                                                                  \
  X(1, F16, 1, 2)                                                                                  \
  X(2, Q4_0, 32, 18)                                                                               \
  X(3, Q4_1, 32, 20)                                                                               \
  X(6, Q5_0, 32, 22)                                                                               \
  X(7, Q5_1, 32, 24)                                                                               \
  X(8, Q8_0, 32, 34)                                                                               \
  X(9, Q8_1, 32, 36)                                                                               \
  X(10, Q2_K, 256, 84)                                                                             \
  X(11, Q3_K, 256, 110)                                                                            \
  X(12, Q4_K, 256, 144)                                                                            \
  X(13, Q5_K, 256, 176)                                                                            \
  X(14, Q6_K, 256, 210)                                                                            \
  X(15, Q8_K, 256, 292)                                                                            \
  X(16, IQ2_XXS, 256, 66)                                                                          \
  X(17, IQ2_XS, 256, 74)                                                                           \
  X(18, IQ3_XXS, 256, 98)                                                                          \
  X(19, IQ1_S, 256, 50)                                                                            \
  X(20, IQ4_NL, 32, 18)                                                                            \
  X(21, IQ3_S, 256, 110)                                                                           \
  X(22, IQ2_S, 256, 82)                                                                            \
  X(23, IQ4_XS, 256, 136)                                                                          \
  X(24, I8, 1, 1)                                                                                  \
  X(25, I16, 1, 2)                                                                                 \
  X(26, I32, 1, 4)                                                                                 \
  X(27, I64, 1, 8)                                                                                 \
  X(28, F64, 1, 8)                                                                                 \
  X(29, IQ1_M, 256, 56)                                                                            \
  X(30, BF16, 1, 2)                                                                                \
  X(34, TQ1_0, 256, 54)                                                                            \
  X(35, TQ2_0, 256, 66)                                                                            \
  X(39, MXFP4, 32, 17)                                                                             \
  X(40, NVFP4, 64, 36)                                                                             \
  X(41, Q1_0, 128, 18)

typedef struct pome__ggml_type {
  uint32_t id;
  const char *name;
  uint32_t block, bytes;
} pome__ggml_type;
/* NULL for ids that are not in the table. */
const pome__ggml_type *pome__ggml_type_of(uint32_t id);

#endif
