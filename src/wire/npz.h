/* NumPy's .npy and .npz files: arrays in and out.
 *
 * Reads versions 1 to 3 of the .npy header, little and big endian, C and Fortran order (given back
 * in C order), the types bool, integers, f2 f4 f8, and Unicode strings (<U, as UTF-8), up to 8
 * dimensions. Zip members may be stored or deflated; at most 65536 members, 64 GiB in all and no
 * more than the machine's memory, and no ratio that deflate cannot reach. Bytes behind an array's
 * elements are an error: nothing is read in part. Source: numpy/lib/format.py's description of the
 * format.
 */
#ifndef POME_SRC_WIRE_NPZ_H
#define POME_SRC_WIRE_NPZ_H

#include <pome/tensor.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

typedef struct pome__array {
  const char *name;   /* member name without ".npy"; "" for a lone .npy */
  pome_tensor tensor; /* data in the arena */
} pome__array;

typedef struct pome__arrays {
  pome__array *items;
  size_t count;
} pome__arrays;

/* Parses one .npy image. */
pome_status pome__npy_parse(pome__bytes file, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error);
pome_status pome__npy_read(const char *path, pome__arena *arena, pome_tensor *tensor,
                           pome_error *error);
/* Parses one .npz image; the bytes are only needed during the call. */
pome_status pome__npz_parse(pome__bytes file, pome__arena *arena, pome__arrays *arrays,
                            pome_error *error);
pome_status pome__npz_read(const char *path, pome__arena *arena, pome__arrays *arrays,
                           pome_error *error);
const pome_tensor *pome__arrays_find(const pome__arrays *arrays, const char *name);

/* Written whole or not at all (temporary file in the same folder, then renamed). Stored, not
 * deflated. Strings become <U; types that NumPy lacks become the next one that holds every value
 * (int4: i1, bf16: f4). */
pome_status pome__npy_write(const char *path, const pome_tensor *tensor, pome_error *error);
pome_status pome__npz_write(const char *path, const pome__array *items, size_t count,
                            pome_error *error);

#endif
