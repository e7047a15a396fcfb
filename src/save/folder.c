/* A package folder that is there whole or not at all.
 *
 * Everything is written into a hidden folder beside the target, flushed, and renamed at the end: a
 * process that is killed leaves at most the hidden folder. A package that is to be replaced keeps
 * its name until the new one takes it, in one step where the system can exchange two names. Only
 * what looks like a package is ever replaced, since replacing means removing a whole folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "save/save.h"

#define ATTEMPTS         100
#define MAX_FOLDER_DEPTH 16

/* ---- removing ---- */

static int remove_entry(int parent, const char *name, int depth);

/* Takes over `folder`. */
static int remove_entries(int folder, int depth) {
  DIR *list = fdopendir(folder);
  if (!list) {
    (void)close(folder);
    return -1;
  }
  int result = 0;
  for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (remove_entry(folder, entry->d_name, depth + 1) != 0) result = -1;
  }
  (void)closedir(list);
  return result;
}

/* Links are removed, not followed. */
static int remove_entry(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0) return 0;
  if ((errno != EISDIR && errno != EPERM) || depth > MAX_FOLDER_DEPTH) return -1;
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0 || remove_entries(folder, depth) != 0) return -1;
  return unlinkat(parent, name, AT_REMOVEDIR);
}

/* ---- names ---- */

static pome_status fail_length(const char *path, pome_error *error) {
  return pome__fail(error, POME_INPUT, "a path of %zu bytes; at most %zu are allowed", strlen(path),
                    POME__PATH_LIMIT - 64);
}

static pome_status inner_path(const pome__new_folder *folder, const char *name, char *path,
                              pome_error *error) {
  return pome__path_join(path, POME__PATH_LIMIT, folder->temporary, name)
             ? POME_OK
             : fail_length(folder->temporary, error);
}

/* "a/b.mlpackage" -> "a/.b.mlpackage.partial-PID-N" */
static bool temporary_name(pome__new_folder *folder, const char *kind, int attempt) {
  const char *slash = strrchr(folder->target, '/');
  const char *name = slash ? slash + 1 : folder->target;
  int length =
      snprintf(folder->temporary, sizeof(folder->temporary), "%.*s.%s.%s-%ld-%d",
               (int)(name - folder->target), folder->target, name, kind, (long)getpid(), attempt);
  return length > 0 && (size_t)length < sizeof(folder->temporary);
}

static bool exists(const char *path) {
  struct stat info;
  return lstat(path, &info) == 0;
}

static bool holds(const char *folder, const char *name, bool is_folder) {
  char path[POME__PATH_LIMIT];
  struct stat info;
  return pome__path_join(path, sizeof(path), folder, name) && lstat(path, &info) == 0 &&
         (is_folder ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode));
}

static pome_status check_target(const pome__new_folder *folder, pome_error *error) {
  const char *target = folder->target;
  if (!exists(target)) return POME_OK;
  bool package = holds(target, "Manifest.json", false) && holds(target, "Data", true);
  if (folder->replace && package) return POME_OK;
  pome__fail(error, POME_INPUT,
             folder->replace ? "it exists and is not a package" : "it exists already");
  pome__error_hint(error, folder->replace
                              ? "only a package is replaced; remove it yourself or name another"
                              : "name another, or replace it (--force on the command line)");
  pome__error_at_file(error, target);
  return POME_INPUT;
}

/* ---- life ---- */

pome_status pome__new_folder_open(const char *target, bool replace, pome__new_folder *folder,
                                  pome_error *error) {
  size_t length = strlen(target);
  while (length > 1 && target[length - 1] == '/') length--;
  if (length == 0) return pome__fail(error, POME_INPUT, "an empty path");
  if (length >= POME__PATH_LIMIT) return fail_length(target, error);
  memcpy(folder->target, target, length);
  folder->target[length] = '\0';
  folder->replace = replace;
  POME__TRY(check_target(folder, error));
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (!temporary_name(folder, "partial", attempt)) {
      folder->temporary[0] = '\0';
      return fail_length(target, error);
    }
    if (mkdir(folder->temporary, 0777) == 0) return POME_OK;
    if (errno != EEXIST) break;
  }
  pome_status status = pome__fail_errno(error, errno, "cannot make a folder beside it");
  pome__error_at_file(error, folder->target);
  folder->temporary[0] = '\0';
  return status;
}

pome_status pome__new_folder_make(const pome__new_folder *folder, const char *name,
                                  pome_error *error) {
  char path[POME__PATH_LIMIT];
  POME__TRY(inner_path(folder, name, path, error));
  if (mkdir(path, 0777) == 0) return POME_OK;
  pome_status status = pome__fail_errno(error, errno, "cannot make the folder");
  pome__error_at_file(error, path);
  return status;
}

/* True when the two names have changed places. */
static bool exchange(const char *a, const char *b) {
#ifdef RENAME_EXCHANGE
  return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
#else
  (void)a, (void)b;
  return false;
#endif
}

/* Afterwards `temporary` names what the target was. */
static bool swap_in(pome__new_folder *folder) {
  if (exchange(folder->temporary, folder->target)) return true;
  pome__new_folder old = *folder;
  if (!temporary_name(&old, "old", 0) || rename(folder->target, old.temporary) != 0) return false;
  if (rename(folder->temporary, folder->target) != 0) {
    int os_error = errno;
    (void)rename(old.temporary, folder->target);
    errno = os_error;
    return false;
  }
  memcpy(folder->temporary, old.temporary, sizeof(folder->temporary));
  return true;
}

pome_status pome__new_folder_commit(pome__new_folder *folder, pome_error *error) {
  POME__TRY(check_target(folder, error));
  bool old = folder->replace && exists(folder->target);
  bool done = old ? swap_in(folder) : rename(folder->temporary, folder->target) == 0;
  if (!done) {
    pome_status status =
        pome__fail_errno(error, errno, "cannot put the finished package in its place");
    pome__error_at_file(error, folder->target);
    return status;
  }
  if (old) pome__new_folder_drop(folder);
  folder->temporary[0] = '\0';
  return POME_OK;
}

void pome__new_folder_drop(pome__new_folder *folder) {
  if (folder->temporary[0] != '\0') (void)remove_entry(AT_FDCWD, folder->temporary, 0);
  folder->temporary[0] = '\0';
}

/* ---- files ---- */

static pome_status fail_file(const pome__new_file *file, const char *what, pome_error *error) {
  pome_status status = pome__fail_errno(error, errno, "%s", what);
  pome__error_at_file(error, file->path);
  return status;
}

/* Whatever the reason, the caller's input is not it. */
static pome_status fail_write(const pome__new_file *file, pome_error *error) {
  (void)fail_file(file, "cannot write", error);
  if (error) error->status = POME_IO;
  return POME_IO;
}

pome_status pome__new_file_open(const pome__new_folder *folder, const char *name,
                                pome__new_file *file, pome_error *error) {
  file->size = 0;
  file->descriptor = -1;
  POME__TRY(inner_path(folder, name, file->path, error));
  file->descriptor = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  return file->descriptor >= 0 ? POME_OK : fail_file(file, "cannot create the file", error);
}

pome_status pome__new_file_write(void *context, const void *data, size_t size, pome_error *error) {
  pome__new_file *file = context;
  const char *at = data;
  while (size > 0) {
    ssize_t written = write(file->descriptor, at, size);
    if (written > 0) {
      at += written;
      size -= (size_t)written;
      file->size += (uint64_t)written;
    } else if (written == 0 || errno != EINTR) {
      return fail_write(file, error);
    }
  }
  return POME_OK;
}

pome_status pome__new_file_finish(pome__new_file *file, pome_error *error) {
  int descriptor = file->descriptor;
  file->descriptor = -1;
  bool flushed = fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS;
  int os_error = errno;
  bool closed = close(descriptor) == 0;
  if (!flushed) errno = os_error;
  return flushed && closed ? POME_OK : fail_write(file, error);
}

void pome__new_file_drop(pome__new_file *file) {
  if (file->descriptor >= 0) (void)close(file->descriptor);
  file->descriptor = -1;
}
