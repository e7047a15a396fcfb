/* Writing a file whole: under another name beside its place, then renamed, so that nobody ever
 * finds half of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

#define MAX_ATTEMPTS 100u
#define SUFFIX_ROOM  ((size_t)40) /* ".PROCESS-ATTEMPT" */

/* A new file beside `path`, with the permissions that any new file gets. -1 and errno. */
static int create_beside(const char *path, char *temporary, size_t room) {
  int file = -1;
  for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    (void)snprintf(temporary, room, "%s.%ld-%u", path, (long)getpid(), attempt);
    file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0 || errno != EEXIST) break;
  }
  return file;
}

static pome_status write_all(int file, const uint8_t *data, size_t size, pome_error *error) {
  for (size_t done = 0; done < size;) {
    ssize_t n = write(file, data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return pome__fail_errno(error, n < 0 ? errno : ENOSPC, "cannot write the file");
    done += (size_t)n;
  }
  return POME_OK;
}

static pome_status write_and_rename(int file, const char *temporary, const char *path,
                                    const uint8_t *data, size_t size, pome_error *error) {
  pome_status status = write_all(file, data, size, error);
  if (close(file) != 0 && status == POME_OK)
    status = pome__fail_errno(error, errno, "cannot write the file");
  if (status == POME_OK && rename(temporary, path) != 0)
    status = pome__fail_errno(error, errno, "cannot put the finished file in its place");
  if (status != POME_OK) (void)unlink(temporary);
  return status;
}

pome_status pome__file_write(const char *path, const void *data, size_t size, pome_error *error) {
  size_t room = strlen(path) + SUFFIX_ROOM;
  char *temporary = pome__alloc(NULL, room);
  pome_status status;
  if (!temporary) {
    status = pome__fail_memory(error, "a file name");
  } else {
    int file = create_beside(path, temporary, room);
    status = file < 0 ? pome__fail_errno(error, errno, "cannot create the file")
                      : write_and_rename(file, temporary, path, data, size, error);
  }
  pome__free(NULL, temporary, room);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}
