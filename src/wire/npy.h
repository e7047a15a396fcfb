/* One .npy array as a stream: the part that a lone file, a zip member and a test's bytes share. */
#ifndef POME_SRC_WIRE_NPY_H
#define POME_SRC_WIRE_NPY_H

#include "wire/npz.h"

/* Where the bytes of one .npy image come from: exactly `size` of them, read once from the start. */
typedef struct pome__npy_source {
  void *context;
  /* Fills all of `buffer` or fails. */
  pome_status (*read)(void *context, void *buffer, size_t size, pome_error *error);
  size_t size;
} pome__npy_source;

pome_status pome__npy_load(const pome__npy_source *source, pome__arena *arena, pome_tensor *tensor,
                           pome_error *error);

/* The whole .npy image of a tensor in one block, released with pome__free(NULL, *image, *size). */
pome_status pome__npy_image(const pome_tensor *tensor, void **image, size_t *size,
                            pome_error *error);

#endif
