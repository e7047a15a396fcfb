/* From a program and its description to an .mlpackage: the writing counterpart of package and load.
 *
 *   folder.c       a package folder that appears under its name only when it is whole
 *   weight_file.c  which constants go to weight.bin, where, each content once; the file itself
 *   mil_proto.c    the program as a MILSpec.Program message
 *   description.c  ports, functions and metadata as a ModelDescription message
 *   save.c         Model, manifest, and the order of it all
 *
 * Constants are never copied: they go from where they are, often a mapped file, to the new one.
 */
#ifndef POME_SRC_SAVE_SAVE_H
#define POME_SRC_SAVE_SAVE_H

#include "mil/mil.h"
#include "package/package.h"
#include "wire/pb_writer.h"

/* ---- folder.c ---- */
typedef struct pome__new_folder {
  char target[POME__PATH_LIMIT];
  char temporary[POME__PATH_LIMIT]; /* beside the target, hidden; "" before it is made */
  bool replace;
} pome__new_folder;

/* Makes the temporary folder. POME_INPUT when the target exists: allowed with `replace`, if it is a
 * package. */
pome_status pome__new_folder_open(const char *target, bool replace, pome__new_folder *folder,
                                  pome_error *error);
/* A folder inside; its parent must be there. */
pome_status pome__new_folder_make(const pome__new_folder *folder, const char *name,
                                  pome_error *error);
/* Gives the finished folder its name; a package that is replaced is removed afterwards. */
pome_status pome__new_folder_commit(pome__new_folder *folder, pome_error *error);
/* Removes what was not committed. Safe on a zeroed folder. */
void pome__new_folder_drop(pome__new_folder *folder);

/* A file being written front to back. */
typedef struct pome__new_file {
  char path[POME__PATH_LIMIT];
  int descriptor; /* -1: none */
  uint64_t size;
} pome__new_file;

pome_status pome__new_file_open(const pome__new_folder *folder, const char *name,
                                pome__new_file *file, pome_error *error);
/* A pome__byte_sink's write; `context` is the file. */
pome_status pome__new_file_write(void *context, const void *data, size_t size, pome_error *error);
/* Onto the disk, and closed. */
pome_status pome__new_file_finish(pome__new_file *file, pome_error *error);
/* Closed as it is. Safe after finishing. */
void pome__new_file_drop(pome__new_file *file);

/* ---- weight_file.c ---- */
typedef struct pome__kept pome__kept;
typedef struct pome__weight_plan {
  pome__arena arena;
  pome__kept *items; /* sorted by where the data is, for finding */
  pome__kept **by_order;
  size_t count;
  size_t record_count; /* with equal content counted once */
  uint64_t data_bytes; /* of the records */
} pome__weight_plan;

/* Told how much of the data has been written; false stops the writing with POME_CANCELLED. */
typedef struct pome__save_progress {
  void *context;
  bool (*report)(void *context, uint64_t done, uint64_t total);
} pome__save_progress;

/* Finds the constants that go to the file, compares contents, and gives each its place. NULL among
 * the programs is passed over; `package` (may be NULL) holds their data. Free it whether this
 * succeeds or not. */
pome_status pome__weight_plan_make(pome__program *const *programs, size_t program_count,
                                   const pome__package *package, const pome_allocator *allocator,
                                   pome__weight_plan *plan, pome_error *error);
void pome__weight_plan_free(pome__weight_plan *plan);
/* Where the literal's record stands, POME_NO_OFFSET when it is written in place. */
uint64_t pome__weight_plan_find(const pome__weight_plan *plan, const pome__literal *literal);
/* The whole file. */
pome_status pome__weight_plan_write(const pome__weight_plan *plan, const pome__package *package,
                                    const pome__byte_sink *sink,
                                    const pome__save_progress *progress, pome_error *error);

/* ---- mil_proto.c: the fields of a Program message. `weights` NULL: constants stay in the weight
 * files where they are. ---- */
void pome__put_program(pome__pb_writer *w, const pome__program *program,
                       const pome__weight_plan *weights);

/* ---- description.c: the fields of a ModelDescription message ---- */
void pome__put_description(pome__pb_writer *w, const pome__description *description);

/* ---- save.c ---- */
typedef struct pome__save_request {
  const pome__package *package;
  /* The package's program or, of a pipeline, one for each stage: NULL where a stage is of another
   * type, which is kept as it is. */
  pome__program *const *programs;
  size_t program_count;
  const char *path;
  bool replace;
  pome__save_progress progress; /* `report` may be NULL */
  const pome_allocator *allocator;
} pome__save_request;

pome_status pome__save_package(const pome__save_request *request, pome_error *error);

#endif
