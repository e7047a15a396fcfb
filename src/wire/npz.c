/* .npz archives: zip files of .npy members, by libzip. See npz.h for the contract.
 *
 * The directory of a zip file is as hostile as the rest: before anything is decompressed every
 * member's name, method, size and ratio is judged, and the sum of the sizes against what the
 * machine has. A member then streams straight into its tensor, whose header must agree with the
 * declared size, so a lying directory costs at most one member's worth of memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/check.h"
#include "wire/npy.h"

#define MAX_MEMBERS 65536
#define MAX_TOTAL   ((uint64_t)64 << 30)
/* Deflate cannot do better than 1032 to 1; a member that claims more is lying. Small ones may round
 * up. */
#define MAX_RATIO   1032u
#define RATIO_SLACK 65536u
#define SUFFIX      ".npy"
#define SUFFIX_SIZE 4

/* libzip's reason as ours: what the system said, or what the file is. It calls some failures to
 * allocate a broken archive, or nothing at all; malloc tells, so errno is cleared before it starts.
 */
static pome_status fail_zip(pome_error *error, zip_error_t *reason, const char *what) {
  if (errno == ENOMEM || zip_error_code_zip(reason) == ZIP_ER_OK)
    return pome__fail_memory(error, "a .npz archive");
  if (zip_error_system_type(reason) == ZIP_ET_SYS && zip_error_code_system(reason) != 0)
    return pome__fail_errno(error, zip_error_code_system(reason), "%s", what);
  int code = zip_error_code_zip(reason);
  if (code == ZIP_ER_MEMORY) return pome__fail_memory(error, "a .npz archive");
  if (code == ZIP_ER_NOENT) return pome__fail_errno(error, ENOENT, "%s", what);
  return pome__fail(error, POME_INPUT, "%s: %s", what, zip_error_strerror(reason));
}

/* ---- reading ---- */

static pome_status check_member(zip_t *zip, zip_uint64_t index, zip_stat_t *facts,
                                pome_error *error) {
  const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                              ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip, index, 0, facts) != 0)
    return fail_zip(error, zip_get_error(zip), "cannot read the archive's directory");
  if ((facts->valid & needed) != needed)
    return pome__fail(error, POME_INPUT, "member %llu of the archive lacks its size or name",
                      (unsigned long long)index);
  size_t length = strlen(facts->name);
  if (length <= SUFFIX_SIZE || strcmp(facts->name + length - SUFFIX_SIZE, SUFFIX) != 0)
    return pome__fail(error, POME_INPUT, "member '%s' of the archive is not a .npy array",
                      facts->name);
  if (zip_name_locate(zip, facts->name, 0) != (zip_int64_t)index)
    return pome__fail(error, POME_INPUT, "two members of the archive are named '%s'", facts->name);
  if (facts->encryption_method != ZIP_EM_NONE)
    return pome__fail(error, POME_INPUT, "member '%s' is encrypted", facts->name);
  if (facts->comp_method != ZIP_CM_STORE && facts->comp_method != ZIP_CM_DEFLATE)
    return pome__fail(error, POME_INPUT,
                      "member '%s' is compressed by method %u; stored and deflated are read",
                      facts->name, facts->comp_method);
  if (facts->size > RATIO_SLACK && (facts->size - RATIO_SLACK) / MAX_RATIO > facts->comp_size)
    return pome__fail(
        error, POME_INPUT, "member '%s' claims %llu bytes from %llu, more than deflate can give",
        facts->name, (unsigned long long)facts->size, (unsigned long long)facts->comp_size);
  return POME_OK;
}

/* Physical memory, or the fixed ceiling where the system does not tell. */
static uint64_t memory_ceiling(void) {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return MAX_TOTAL;
  uint64_t bytes = (uint64_t)pages * (uint64_t)page;
  return bytes < MAX_TOTAL ? bytes : MAX_TOTAL;
}

static pome_status check_directory(zip_t *zip, zip_int64_t count, pome_error *error) {
  if (count > MAX_MEMBERS)
    return pome__fail(error, POME_INPUT, "%lld members in the archive; at most %d are read",
                      (long long)count, MAX_MEMBERS);
  uint64_t total = 0;
  for (zip_int64_t i = 0; i < count; i++) {
    zip_stat_t facts;
    POME__TRY(check_member(zip, (zip_uint64_t)i, &facts, error));
    if (facts.size > MAX_TOTAL - total)
      return pome__fail(error, POME_INPUT, "the arrays of the archive take more than 64 GiB");
    total += facts.size;
  }
  if (total > memory_ceiling())
    return pome__fail(error, POME_MEMORY,
                      "the arrays of the archive take %llu bytes, this machine has %llu",
                      (unsigned long long)total, (unsigned long long)memory_ceiling());
  return POME_OK;
}

static pome_status read_member(void *context, void *buffer, size_t size, pome_error *error) {
  zip_file_t *file = context;
  for (size_t done = 0; done < size;) {
    zip_int64_t n = zip_fread(file, (char *)buffer + done, size - done);
    if (n < 0) return fail_zip(error, zip_file_get_error(file), "a member cannot be decompressed");
    if (n == 0) return pome__fail(error, POME_INPUT, "a member is shorter than it claims");
    done += (size_t)n;
  }
  return POME_OK;
}

/* The checksum is only compared when the end is reached. */
static pome_status expect_end(zip_file_t *file, pome_error *error) {
  char byte;
  zip_int64_t n = zip_fread(file, &byte, 1);
  if (n < 0) return fail_zip(error, zip_file_get_error(file), "a member is damaged");
  if (n > 0) return pome__fail(error, POME_INPUT, "a member is longer than it claims");
  return POME_OK;
}

static pome_status load_member(zip_t *zip, zip_uint64_t index, const char *path, pome__arena *arena,
                               pome__array *array, pome_error *error) {
  zip_stat_t facts;
  if (zip_stat_index(zip, index, 0, &facts) != 0)
    return fail_zip(error, zip_get_error(zip), "cannot read the archive's directory");
  array->name = pome__arena_string(arena, facts.name, strlen(facts.name) - SUFFIX_SIZE);
  if (!array->name) return pome__fail_memory(error, "an array's name");
  zip_file_t *file = zip_fopen_index(zip, index, 0);
  if (!file) return fail_zip(error, zip_get_error(zip), "cannot read a member of the archive");
  pome__npy_source source = {.context = file, .read = read_member, .size = (size_t)facts.size};
  pome_status status = pome__npy_load(&source, arena, &array->tensor, error);
  if (status == POME_OK) status = expect_end(file, error);
  zip_fclose(file);
  if (status != POME_OK) {
    char place[512];
    snprintf(place, sizeof place, "%s%s%s", path, *path ? ":" : "", facts.name);
    pome__error_at_file(error, place);
  }
  return status;
}

/* Closes `zip`. `path` is for messages, "" for memory. */
static pome_status read_archive(zip_t *zip, const char *path, pome__arena *arena,
                                pome__arrays *arrays, pome_error *error) {
  zip_int64_t count = zip_get_num_entries(zip, 0);
  pome__array *items = NULL;
  pome_status status = check_directory(zip, count, error);
  if (status == POME_OK) {
    items = pome__arena_array(arena, (size_t)count, sizeof *items, _Alignof(pome__array));
    if (!items) status = pome__fail_memory(error, "a .npz archive");
  }
  for (zip_int64_t i = 0; status == POME_OK && i < count; i++)
    status = load_member(zip, (zip_uint64_t)i, path, arena, &items[i], error);
  zip_discard(zip);
  if (status == POME_OK) *arrays = (pome__arrays){.items = items, .count = (size_t)count};
  return status;
}

/* libzip takes nothing at all for an archive without members. */
static pome_status refuse_empty(uint64_t size, pome_error *error) {
  return size > 0 ? POME_OK : pome__fail(error, POME_INPUT, "an empty file, not a .npz archive");
}

pome_status pome__npz_parse(pome__bytes file, pome__arena *arena, pome__arrays *arrays,
                            pome_error *error) {
  POME__TRY(refuse_empty(file.size, error));
  zip_error_t reason;
  zip_error_init(&reason);
  errno = 0;
  zip_source_t *source = zip_source_buffer_create(file.data, file.size, 0, &reason);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &reason) : NULL;
  pome_status status;
  if (zip) {
    status = read_archive(zip, "", arena, arrays, error);
  } else {
    if (source) zip_source_free(source);
    status = fail_zip(error, &reason, "cannot open the .npz archive");
  }
  zip_error_fini(&reason);
  return status;
}

static pome_status read_path(const char *path, pome__arena *arena, pome__arrays *arrays,
                             pome_error *error) {
  struct stat facts;
  if (stat(path, &facts) != 0)
    return pome__fail_errno(error, errno, "cannot open the .npz archive");
  if (!S_ISREG(facts.st_mode)) return pome__fail(error, POME_INPUT, "not a regular file");
  POME__TRY(refuse_empty((uint64_t)facts.st_size, error));
  int code = 0;
  errno = 0;
  zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
  if (zip) return read_archive(zip, path, arena, arrays, error);
  zip_error_t reason;
  zip_error_init_with_code(&reason, code);
  pome_status status = fail_zip(error, &reason, "cannot open the .npz archive");
  zip_error_fini(&reason);
  return status;
}

pome_status pome__npz_read(const char *path, pome__arena *arena, pome__arrays *arrays,
                           pome_error *error) {
  pome_status status = read_path(path, arena, arrays, error);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}

const pome_tensor *pome__arrays_find(const pome__arrays *arrays, const char *name) {
  for (size_t i = 0; i < arrays->count; i++)
    if (strcmp(arrays->items[i].name, name) == 0) return &arrays->items[i].tensor;
  return NULL;
}

/* ---- writing ---- */

/* 1980-01-01 00:00, the first moment a zip file can name: equal arrays make equal files. */
#define DOS_TIME 0
#define DOS_DATE 0x21

/* A member's bytes, which libzip reads only when the archive is closed. */
typedef struct image {
  void *data;
  size_t size;
} image;

static pome_status add_member(zip_t *zip, const pome__array *item, const image *member,
                              pome_error *error) {
  size_t room = strlen(item->name) + sizeof SUFFIX;
  char *name = pome__alloc(NULL, room);
  if (!name) return pome__fail_memory(error, "an array's name");
  snprintf(name, room, "%s" SUFFIX, item->name);
  zip_source_t *source = zip_source_buffer(zip, member->data, member->size, 0);
  zip_int64_t index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
  if (source && index < 0) zip_source_free(source);
  pome__free(NULL, name, room);
  if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(zip, (zip_uint64_t)index, DOS_TIME, DOS_DATE, 0) != 0)
    return fail_zip(error, zip_get_error(zip), "cannot add an array to the archive");
  return POME_OK;
}

static pome_status add_members(zip_t *zip, const pome__array *items, size_t count, image *images,
                               pome_error *error) {
  for (size_t i = 0; i < count; i++) {
    POME__TRY(pome__npy_image(&items[i].tensor, &images[i].data, &images[i].size, error));
    POME__TRY(add_member(zip, &items[i], &images[i], error));
  }
  return POME_OK;
}

/* libzip writes a temporary file beside `path` and renames it when the archive is closed. */
static pome_status write_archive(const char *path, const pome__array *items, size_t count,
                                 image *images, pome_error *error) {
  int code = 0;
  errno = 0;
  zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!zip) {
    zip_error_t reason;
    zip_error_init_with_code(&reason, code);
    pome_status status = fail_zip(error, &reason, "cannot create the .npz archive");
    zip_error_fini(&reason);
    return status;
  }
  pome_status status = add_members(zip, items, count, images, error);
  if (status == POME_OK && zip_close(zip) == 0) return POME_OK;
  if (status == POME_OK)
    status = fail_zip(error, zip_get_error(zip), "cannot write the .npz archive");
  zip_discard(zip);
  return status;
}

pome_status pome__npz_write(const char *path, const pome__array *items, size_t count,
                            pome_error *error) {
  if (count == 0) return pome__fail(error, POME_USAGE, "a .npz archive needs at least one array");
  size_t room;
  image *images = pome__mul(count, sizeof *images, &room) ? pome__alloc_zero(NULL, room) : NULL;
  if (!images) return pome__fail_memory(error, "a .npz archive");
  pome_status status = write_archive(path, items, count, images, error);
  for (size_t i = 0; i < count; i++) pome__free(NULL, images[i].data, images[i].size);
  pome__free(NULL, images, room);
  if (status != POME_OK) pome__error_at_file(error, path);
  return status;
}
