/* Paths, and opening files of a package without leaving it.
 *
 * The name is checked first, then the system is asked to resolve it beneath the folder without
 * symbolic links; where it cannot (before Linux 5.6, macOS, some sandboxes), the path is walked
 * component by component, each opened relative to the one before without following links. Checking
 * with lstat before opening would leave a gap in between. O_NONBLOCK keeps a named pipe from
 * blocking the open.
 */
#include "base/bytes.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif
#endif

#define OPEN_FILE   (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define OPEN_FOLDER (O_RDONLY | O_CLOEXEC | O_DIRECTORY)

pome__path_kind pome__path_kind_of(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return errno == ENOENT || errno == ENOTDIR ? POME__PATH_MISSING : POME__PATH_OTHER;
  if (S_ISREG(info.st_mode)) return POME__PATH_FILE;
  return S_ISDIR(info.st_mode) ? POME__PATH_FOLDER : POME__PATH_OTHER;
}

bool pome__path_is_inside(const char *path, size_t size) {
  size_t start = 0;
  for (size_t i = 0; i <= size; i++) {
    if (i < size && path[i] == '\0') return false;
    if (i < size && path[i] != '/') continue;
    size_t length = i - start;
    if (length == 0) return false;
    if (path[start] == '.' && (length == 1 || (length == 2 && path[start + 1] == '.')))
      return false;
    start = i + 1;
  }
  return true;
}

bool pome__path_join(char *buffer, size_t size, const char *folder, const char *name) {
  size_t before = folder ? strlen(folder) : 0, length = strlen(name);
  bool slash = before > 0 && folder[before - 1] != '/';
  if (before >= size || length >= size - before || (size_t)slash + length >= size - before)
    return false;
  if (before > 0) memcpy(buffer, folder, before);
  if (slash) buffer[before++] = '/';
  memcpy(buffer + before, name, length + 1);
  return true;
}

/* -1 and errno; ENOSYS when the system has no such call. */
static int open_resolved(int root, const char *path) {
#ifdef SYS_openat2
  struct open_how how = {.flags = OPEN_FILE, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
#else
  (void)root, (void)path;
  errno = ENOSYS;
  return -1;
#endif
}

/* openat2 is missing, or a sandbox or an older kernel refuses it. */
static bool resolving_is_refused(int os_error) {
  return os_error == ENOSYS || os_error == EPERM || os_error == EINVAL || os_error == E2BIG ||
         os_error == EAGAIN;
}

/* -1 and errno. `path` has passed pome__path_is_inside. Takes over `folder`. */
static int open_walking(int folder, const char *path) {
  char name[POME__PATH_LIMIT];
  for (;;) {
    const char *slash = strchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : strlen(path);
    memcpy(name, path, length);
    name[length] = '\0';
    int next = openat(folder, name, (slash ? OPEN_FOLDER : OPEN_FILE) | O_NOFOLLOW);
    int os_error = errno;
    (void)close(folder);
    errno = os_error;
    if (next < 0 || !slash) return next;
    folder = next;
    path = slash + 1;
  }
}

/* -1 and errno. */
static int open_inside(const char *root, const char *path, bool resolve) {
  int folder = open(root, OPEN_FOLDER);
  if (folder < 0) return -1;
  int file = resolve ? open_resolved(folder, path) : -1;
  if (file < 0 && (!resolve || resolving_is_refused(errno))) return open_walking(folder, path);
  int os_error = errno;
  (void)close(folder);
  errno = os_error;
  return file;
}

static pome_status check_regular(int file, pome_error *error) {
  struct stat info;
  if (fstat(file, &info) != 0) return pome__fail_errno(error, errno, "cannot ask about the file");
  if (S_ISREG(info.st_mode)) return POME_OK;
  const char *kind = S_ISDIR(info.st_mode)    ? "a folder"
                     : S_ISFIFO(info.st_mode) ? "a named pipe"
                     : S_ISSOCK(info.st_mode) ? "a socket"
                                              : "a device";
  return pome__fail(error, POME_INPUT, "it is %s; only regular files are read", kind);
}

static pome_status open_checked(const char *root, const char *path, bool resolve, int *file,
                                pome_error *error) {
  if (strlen(path) >= POME__PATH_LIMIT)
    return pome__fail(error, POME_INPUT, "a path of %zu bytes; at most %zu are allowed",
                      strlen(path), POME__PATH_LIMIT - 1);
  if (root && !pome__path_is_inside(path, strlen(path)))
    return pome__fail(
        error, POME_INPUT,
        "the path \"%s\" may leave its folder; a relative path without \".\", \"..\" and empty "
        "parts is allowed",
        path);
  int opened = root ? open_inside(root, path, resolve) : open(path, OPEN_FILE);
  if (opened < 0) {
    int os_error = errno;
    pome_status status = pome__fail_errno(error, os_error, "cannot open the file");
    if (root && (os_error == ELOOP || os_error == ENOTDIR))
      pome__error_hint(error,
                       "symbolic links inside a package are not followed; copy the package with "
                       "its links resolved (cp -RL)");
    return status;
  }
  pome_status status = check_regular(opened, error);
  if (status != POME_OK) {
    (void)close(opened);
    return status;
  }
  *file = opened;
  return POME_OK;
}

pome_status pome__path_open(const char *root, const char *path, bool resolve, int *file,
                            pome_error *error) {
  pome_status status = open_checked(root, path, resolve, file, error);
  if (status == POME_OK || !error) return status;
  char whole[sizeof error->file];
  pome__error_at_file(error, pome__path_join(whole, sizeof whole, root, path) ? whole : path);
  return status;
}
