/* Blobs: the bytes of one file, mapped, read or borrowed.
 *
 * Mapping leaves large weights to the page cache. A file that becomes shorter under a mapping would
 * kill the process at the first touch past its end, so that the descriptor is kept to look at the
 * size again.
 */
#include "base/bytes.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Most that one read is asked for; some systems refuse 2 GiB and more. */
#define READ_PIECE ((size_t)1 << 30)

/* What no bytes point to: memory functions must not be given NULL. */
static const uint8_t nothing[1];

static pome_status size_of_file(int file, size_t *size, pome_error *error) {
  struct stat info;
  if (fstat(file, &info) != 0)
    return pome__fail_errno(error, errno, "cannot ask for the file's size");
  uint64_t found = info.st_size > 0 ? (uint64_t)info.st_size : 0;
  if (found > POME__FILE_LIMIT || found > PTRDIFF_MAX)
    return pome__fail(error, POME_INPUT, "a file of %llu bytes; at most %llu are read",
                      (unsigned long long)found, (unsigned long long)POME__FILE_LIMIT);
  *size = (size_t)found;
  return POME_OK;
}

static pome_status read_all(int file, uint8_t *data, size_t size, pome_error *error) {
  for (size_t at = 0; at < size;) {
    size_t piece = size - at < READ_PIECE ? size - at : READ_PIECE;
    ssize_t got = pread(file, data + at, piece, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return pome__fail_errno(error, errno, "cannot read the file");
    if (got == 0)
      return pome__fail(error, POME_IO, "the file ended after %zu bytes; it had %zu when opened",
                        at, size);
    at += (size_t)got;
  }
  return POME_OK;
}

/* Fills in bytes and what keeps them. `blob->file` is open and stays so only for a mapping. */
static pome_status take_bytes(pome__blob *blob, size_t size, bool copy, pome_error *error) {
  blob->bytes = (pome__bytes){nothing, 0};
  if (size == 0) return POME_OK;
  if (!copy) {
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, blob->file, 0);
    if (mapping != MAP_FAILED) {
      blob->mapping = mapping;
      blob->bytes = (pome__bytes){mapping, size};
      return POME_OK;
    }
  }
  uint8_t *owned = pome__alloc(blob->allocator, size);
  if (!owned) return pome__fail_memory(error, "the bytes of a file");
  pome_status status = read_all(blob->file, owned, size, error);
  if (status != POME_OK) {
    pome__free(blob->allocator, owned, size);
    return status;
  }
  blob->owned = owned;
  blob->bytes = (pome__bytes){owned, size};
  return POME_OK;
}

static char *copy_path(const pome_allocator *allocator, const char *root, const char *path) {
  size_t before = root ? strlen(root) : 0;
  size_t size = before + (before > 0 && root[before - 1] != '/') + strlen(path) + 1;
  char *copy = pome__alloc(allocator, size);
  if (copy) (void)pome__path_join(copy, size, root, path);
  return copy;
}

pome_status pome__blob_open(const char *root, const char *path, bool copy,
                            const pome_allocator *allocator, pome__blob *blob, pome_error *error) {
  pome__blob made = {.allocator = allocator, .file = -1};
  POME__TRY(pome__path_open(root, path, true, &made.file, error));
  made.path = copy_path(allocator, root, path);
  if (!made.path) {
    (void)close(made.file);
    return pome__fail_memory(error, "the path of a file");
  }
  size_t size = 0;
  pome_status status = size_of_file(made.file, &size, error);
  if (status == POME_OK) status = take_bytes(&made, size, copy, error);
  if (status != POME_OK) {
    pome__error_at_file(error, made.path);
    pome__blob_close(&made);
    return status;
  }
  if (!made.mapping) {
    (void)close(made.file);
    made.file = -1;
  }
  *blob = made;
  return POME_OK;
}

pome_status pome__blob_from_memory(const void *data, size_t size, bool copy,
                                   const pome_allocator *allocator, pome__blob *blob,
                                   pome_error *error) {
  pome__blob made = {.allocator = allocator, .file = -1};
  made.bytes = (pome__bytes){size > 0 ? data : nothing, size};
  made.path = pome__alloc(allocator, 1);
  if (!made.path) return pome__fail_memory(error, "a block of bytes");
  made.path[0] = '\0';
  if (copy && size > 0) {
    made.owned = pome__alloc(allocator, size);
    if (!made.owned) {
      pome__blob_close(&made);
      return pome__fail_memory(error, "a copy of the caller's bytes");
    }
    made.bytes.data = memcpy(made.owned, data, size);
  }
  *blob = made;
  return POME_OK;
}

pome_status pome__blob_check(const pome__blob *blob, pome_error *error) {
  if (!blob->mapping) return POME_OK;
  struct stat info;
  pome_status status = POME_OK;
  if (fstat(blob->file, &info) != 0) {
    status = pome__fail_errno(error, errno, "cannot ask for the file's size");
  } else if (info.st_size < 0 || (uint64_t)info.st_size < blob->bytes.size) {
    status = pome__fail(error, POME_IO, "the file has shrunk to %lld bytes; it had %zu when opened",
                        (long long)info.st_size, blob->bytes.size);
    pome__error_hint(error, "keep the file as it is while it is in use, or open it with a copy");
  }
  if (status != POME_OK) pome__error_at_file(error, blob->path);
  return status;
}

void pome__blob_forget(const pome__blob *blob, size_t offset, size_t size) {
  if (!blob->mapping || offset >= blob->bytes.size) return;
  if (size > blob->bytes.size - offset) size = blob->bytes.size - offset;
  long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) return;
  size_t mask = (size_t)page - 1; /* only pages that lie wholly inside */
  size_t begin = (offset + mask) & ~mask, end = (offset + size) & ~mask;
  if (begin < end) (void)madvise((uint8_t *)blob->mapping + begin, end - begin, MADV_DONTNEED);
}

/* A zeroed blob has no path; its descriptor 0 is not one of ours. */
void pome__blob_close(pome__blob *blob) {
  if (!blob) return;
  if (blob->mapping) (void)munmap(blob->mapping, blob->bytes.size);
  if (blob->path && blob->file >= 0) (void)close(blob->file);
  pome__free(blob->allocator, blob->owned, blob->bytes.size);
  if (blob->path) pome__free(blob->allocator, blob->path, strlen(blob->path) + 1);
  memset(blob, 0, sizeof *blob);
  blob->file = -1;
}
