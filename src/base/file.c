/* Writing a file whole: under another name beside its place, then renamed, so that nobody ever
 * finds half of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

static pome_status write_and_rename(int file, const char *temporary, const char *path,
                                    const uint8_t *data, size_t size, pome_error *error) {
  mode_t mask = umask(0);
  umask(mask);
  pome_status status = POME_OK;
  for (size_t done = 0; status == POME_OK && done < size;) {
    ssize_t n = write(file, data + done, size - done);
    if (n > 0) done += (size_t)n;
    else if (n == 0 || errno != EINTR) status = pome__fail_errno(error, errno, "cannot write");
  }
  if (status == POME_OK && fchmod(file, 0666 & ~mask) != 0)
    status = pome__fail_errno(error, errno, "cannot write");
  if (close(file) != 0 && status == POME_OK)
    status = pome__fail_errno(error, errno, "cannot write");
  if (status == POME_OK && rename(temporary, path) != 0)
    status = pome__fail_errno(error, errno, "cannot put the finished file in its place");
  if (status != POME_OK) unlink(temporary);
  return status;
}

pome_status pome__file_write(const char *path, const void *data, size_t size, pome_error *error) {
  size_t room = strlen(path) + sizeof ".XXXXXX";
  char *temporary = pome__alloc(NULL, room);
  pome_status status;
  if (!temporary) {
    status = pome__fail_memory(error, "a file name");
  } else {
    snprintf(temporary, room, "%s.XXXXXX", path);
    int file = mkstemp(temporary);
    status = file < 0 ? pome__fail_errno(error, errno, "cannot create the file")
                      : write_and_rename(file, temporary, path, data, size, error);
  }
  pome__free(NULL, temporary, room);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}
