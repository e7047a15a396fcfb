/* A canonical text of everything a program holds, and its digest: the same as tools/check_proto.py
 * makes from coremltools' own reading of the file. */
#ifndef POME_TESTS_PROGRAM_DIGEST_H
#define POME_TESTS_PROGRAM_DIGEST_H

#include "mil/mil.h"

typedef struct program_digest {
  size_t ops, outputs;
  uint64_t hash;
} program_digest;

/* `with_blobs`: the data of weight files counts. */
program_digest program_digest_of(const pome__program *program, bool with_blobs);

#endif
