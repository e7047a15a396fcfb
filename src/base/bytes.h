/* Byte ranges and what keeps them alive.
 *
 * A `pome__bytes` is a view. A `pome__blob` owns (or borrows) one file's bytes: mapped, read into
 * memory, or the caller's. Files inside a package are opened relative to the package folder and can
 * never leave it: absolute paths, "..", symbolic links and anything that is not a regular file are
 * refused.
 */
#ifndef POME_SRC_BASE_BYTES_H
#define POME_SRC_BASE_BYTES_H

#include <pome/base.h>

typedef struct pome__bytes {
  const uint8_t *data;
  size_t size;
} pome__bytes;

typedef struct pome__blob {
  pome__bytes bytes;
  const pome_allocator *allocator;
  void *mapping; /* munmap this, or NULL */
  void *owned;   /* free this, or NULL */
  int file;      /* descriptor kept to notice that the file shrank, or -1 */
  char *path;    /* for messages; "" for memory */
} pome__blob;

/* Ceilings: a larger file, a longer path, is refused. */
#define POME__FILE_LIMIT ((uint64_t)1 << 40)
#define POME__PATH_LIMIT ((size_t)4096) /* with its NUL */

/* Maps a regular file (or reads it when `copy`, or when it cannot be mapped). `root` is a folder
 * the path is relative to and must not leave, or NULL when `path` was given by the user and may be
 * anything. An empty file gives size 0 and `data` that is not NULL. Nothing that is not a regular
 * file is waited for or read. */
pome_status pome__blob_open(const char *root, const char *path, bool copy,
                            const pome_allocator *allocator, pome__blob *blob, pome_error *error);
/* Borrows the caller's memory, or copies it. */
pome_status pome__blob_from_memory(const void *data, size_t size, bool copy,
                                   const pome_allocator *allocator, pome__blob *blob,
                                   pome_error *error);
/* Before reading much: POME_IO when the mapped file has become shorter than it was. */
pome_status pome__blob_check(const pome__blob *blob, pome_error *error);
/* Tells the system that these pages of a mapping are not needed for now. Never fails. */
void pome__blob_forget(const pome__blob *blob, size_t offset, size_t size);
/* Safe on a zeroed blob. */
void pome__blob_close(pome__blob *blob);

/* The descriptor of a regular file, for the caller to close; `root` as above. Without `resolve` the
 * path is walked component by component even where the system can resolve it beneath a folder in
 * one call. */
pome_status pome__path_open(const char *root, const char *path, bool resolve, int *file,
                            pome_error *error);

/* Writes a whole file, which replaces one of that name only when all is written. */
pome_status pome__file_write(const char *path, const void *data, size_t size, pome_error *error);

/* What a path leads to, symbolic links followed. OTHER also stands for what cannot be told: opening
 * it gives the reason. */
typedef enum pome__path_kind {
  POME__PATH_MISSING,
  POME__PATH_FILE,
  POME__PATH_FOLDER,
  POME__PATH_OTHER
} pome__path_kind;
pome__path_kind pome__path_kind_of(const char *path);

/* True for a relative path without empty, "." or ".." components and without NUL. */
bool pome__path_is_inside(const char *path, size_t size);

/* "folder/name", or `name` alone when `folder` is NULL or "": writes into buffer, false when it
 * does not fit. */
bool pome__path_join(char *buffer, size_t size, const char *folder, const char *name);

#endif
