/* From a package to a program: the only place where formats meet meaning. */
#ifndef POME_SRC_LOAD_LOAD_H
#define POME_SRC_LOAD_LOAD_H

#include "mil/mil.h"
#include "package/package.h"

/* Reads the package's program in whichever form it has, verifies its structure, and resolves its
 * ops. The program points into the package's files. POME_UNSUPPORTED when the model type has no
 * form. A model of a type that is converted, and that has what is not run, gives NULL, and its
 * function's description says why. `memory_limit` bounds the program's arena (0: none). */
pome_status pome__load_program(pome__package *package, const pome_allocator *allocator,
                               size_t memory_limit, pome__program **program, pome_error *error);

/* Where blob files come from; `file` is called once per reference. `bytes` without data: there is
 * no such file, and its values stay unknown. */
typedef struct pome__blob_source {
  void *context;
  pome_status (*file)(void *context, pome__bytes name, pome__bytes *bytes, pome_error *error);
} pome__blob_source;

/* Only parse: structure not yet verified. `program` is a MILSpec.Program message (mil_proto.c) or
 * MIL text (mil_text.c). */
pome_status pome__load_mil_proto(pome__bytes message, const pome__blob_source *blobs,
                                 const pome_allocator *allocator, size_t memory_limit,
                                 pome__program **program, pome_error *error);
pome_status pome__load_mil_text(pome__bytes text, const pome__blob_source *blobs,
                                const pome_allocator *allocator, size_t memory_limit,
                                pome__program **program, pome_error *error);

/* A NeuralNetwork message, the package's, as a program with one function. Ports of the description
 * may get defaults. POME_UNSUPPORTED names the layer that is not run. */
pome_status pome__load_neural_network(pome__package *package, const pome_allocator *allocator,
                                      size_t memory_limit, pome__program **program,
                                      pome_error *error);
/* A GLMRegressor or GLMClassifier message, the same. POME_UNSUPPORTED when it takes something else
 * than numbers. */
pome_status pome__load_linear_model(pome__package *package, const pome_allocator *allocator,
                                    size_t memory_limit, pome__program **program,
                                    pome_error *error);
/* Counts the layers of the package's network by type into its function's description, where `why`
 * is the reason that one of them is not run for. */
pome_status pome__list_layers(pome__package *package, const char *why, pome_error *error);

/* Gives a package without a description, of a bare program, the one that the program's own types
 * spell out. */
pome_status pome__describe_program(pome__package *package, const pome__program *program,
                                   pome_error *error);

#endif
