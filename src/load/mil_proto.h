/* What the two halves of the MILSpec reader share: mil_proto.c reads structure, mil_proto_value.c
 * types and literals. */
#ifndef POME_SRC_LOAD_MIL_PROTO_H
#define POME_SRC_LOAD_MIL_PROTO_H

#include "load/load.h"
#include "mil/scope.h"
#include "wire/pb.h"

typedef struct pome__mil_reader {
  pome__program *program;
  const pome__blob_source *blobs;
  pome__function *function; /* being read */
  pome__arena scratch;
  pome__scope values; /* of `function`, from the scratch arena */
  pome__value **list; /* reused for each list of values */
  size_t list_count, list_capacity;
  char *text; /* reused for each name that is copied again at once */
  size_t text_capacity;
  const char *blob_path; /* the latest one that is not POME__BLOB_PATH */
  pome_error *error;
} pome__mil_reader;

/* POME_MEMORY; tells which ceiling was met. */
pome_status pome__mil_no_memory(pome__mil_reader *r);

/* ValueType and Value; both nest to POME__MAX_DEPTH. */
pome_status pome__mil_parse_type(pome__mil_reader *r, pome__pb pb, int depth, pome__type *type);
pome_status pome__mil_parse_value(pome__mil_reader *r, pome__pb pb, int depth,
                                  const pome__literal **literal);

#endif
