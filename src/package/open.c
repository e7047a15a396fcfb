/* What a path holds, found from its content and never from its name, and the life of a package.
 *
 *   folder with Manifest.json                    .mlpackage
 *   folder with coremldata.bin or model.mil      .mlmodelc
 *   file that starts with the text `program(`    MIL text
 *   any other file that reads as a Model         .mlmodel
 *
 * Opening maps files and walks the description; the program and the weights are not touched until
 * somebody asks for them, so a package of any size opens in the same short time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "package/package.h"

#define MODEL_PATH       "@model_path/"
#define MAX_NAME         4096
#define MAX_WEIGHT_FILES 64

pome_status pome__package_string(pome__package *package, const char *text, size_t size,
                                 const char **copy, pome_error *error) {
  const char *made = pome__arena_string(&package->arena, text, size);
  if (!made) return pome__fail_memory(error, "the package");
  *copy = made;
  return POME_OK;
}

/* Four times the file and 64 MiB unless the caller said otherwise. */
void pome__package_limit(pome__package *package, size_t file_size) {
  size_t limit = package->max_parse_memory;
  if (limit == 0 &&
      (!pome__mul(file_size, 4, &limit) || !pome__add(limit, (size_t)64 << 20, &limit)))
    limit = SIZE_MAX;
  package->arena.limit = limit;
}

pome_status pome__package_parse_spec(pome__package *package, pome_error *error) {
  pome__package_limit(package, package->spec.bytes.size);
  pome_status status = pome__description_parse_model(
      package->spec.bytes, &package->arena, &package->description, &package->program, error);
  if (status != POME_OK) {
    pome__error_at_file(error, package->spec_path);
    return status;
  }
  package->form = pome__model_type_form(package->description.model_type);
  if (pome__model_type_is_pipeline(package->description.model_type)) {
    status = pome__pipeline_parse(package, error);
    if (status != POME_OK) pome__error_at_file(error, package->spec_path);
  }
  return status;
}

/* ---- single files ---- */

static bool starts_with(pome__bytes bytes, const char *text, size_t size) {
  return bytes.size >= size && memcmp(bytes.data, text, size) == 0;
}

static bool is_program_text(pome__bytes bytes) {
  size_t at = starts_with(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
  while (at < bytes.size && at < 4096 && memchr(" \t\r\n", bytes.data[at], 4)) at++;
  return starts_with((pome__bytes){bytes.data + at, bytes.size - at}, "program(", 8);
}

/* Files that people hand over by mistake, by their first bytes. */
#define START(text) text, sizeof(text) - 1
static const struct {
  const char *start;
  size_t size;
  const char *what;
  const char *hint;
} lookalikes[] = {
    {START("PK\003\004"), "a zip archive", "unpack it and give the folder inside"},
    {START("\037\213"), "a gzip archive", "unpack it and give the folder inside"},
    {START("version https://git-lfs"), "a git-lfs pointer", "fetch the file with: git lfs pull"},
    {START("GGUF"), "a GGUF checkpoint", "a Core ML model is needed here"},
    {START("<"), "HTML or XML text", "the download has probably failed"},
    {START("{"), "JSON text", "give the folder of the package, not a file inside it"},
};

static void explain_unknown(pome__bytes bytes, pome_error *error) {
  for (size_t i = 0; i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++) {
    if (!starts_with(bytes, lookalikes[i].start, lookalikes[i].size)) continue;
    pome__fail(error, POME_INPUT, "not a Core ML model but %s", lookalikes[i].what);
    pome__error_hint(error, "%s", lookalikes[i].hint);
    return;
  }
  char start[3 * 8 + 1] = "";
  for (size_t i = 0; i < bytes.size && i < 8; i++)
    snprintf(start + 3 * i, 4, " %02x", bytes.data[i]);
  pome__fail(error, POME_INPUT, "not a Core ML model: it starts with the bytes%s", start);
  pome__error_hint(error, "give an .mlpackage or .mlmodelc folder, an .mlmodel file, or MIL text");
}

/* A Model starts with specificationVersion or, should a writer order fields otherwise, with its
 * description. */
static bool may_be_model(pome__bytes bytes) {
  return bytes.size > 0 && (bytes.data[0] == 0x08 || bytes.data[0] == 0x12);
}

static pome_status parse_single(pome__package *package, pome_error *error) {
  pome__bytes bytes = package->spec.bytes;
  if (bytes.size == 0) return pome__fail(error, POME_INPUT, "the model is empty");
  if (is_program_text(bytes)) {
    package->container = "mil";
    package->form = POME__PROGRAM_TEXT;
    package->program = bytes;
    package->description.model_type = POME__MODEL_TYPE_PROGRAM;
    package->description.model_type_name = pome__model_type_name(POME__MODEL_TYPE_PROGRAM);
    package->description.default_function = "";
    return POME_OK;
  }
  if (!may_be_model(bytes)) {
    explain_unknown(bytes, error);
    return POME_INPUT;
  }
  return pome__package_parse_spec(package, error);
}

static pome_status open_file(pome__package *package, const char *path, pome_error *error) {
  package->container = "mlmodel";
  POME__TRY(
      pome__blob_open(NULL, path, package->copy, package->arena.allocator, &package->spec, error));
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) : 0;
  if (slash == path) length = 1;
  POME__TRY(
      pome__package_string(package, slash ? path : ".", slash ? length : 1, &package->root, error));
  POME__TRY(pome__package_string(package, path, strlen(path), &package->spec_path, error));
  return parse_single(package, error);
}

/* ---- folders ---- */

static bool holds(const char *folder, const char *name) {
  char path[8192];
  return pome__path_join(path, sizeof(path), folder, name) &&
         pome__path_kind_of(path) != POME__PATH_MISSING;
}

/* The folder of a language model holds its program under one of these names. */
static const char *const bundled[] = {"model.mlpackage", "model.mlmodelc"};

static pome_status open_folder(pome__package *package, const char *path, pome_error *error) {
  char inner[8192];
  for (size_t i = 0; i < sizeof bundled / sizeof bundled[0] && !holds(path, "Manifest.json"); i++) {
    if (!holds(path, bundled[i]) || !pome__path_join(inner, sizeof inner, path, bundled[i]))
      continue;
    path = inner;
    break;
  }
  if (holds(path, "Manifest.json")) return pome__mlpackage_open(package, path, error);
  if (holds(path, "coremldata.bin") || holds(path, "model.mil"))
    return pome__mlmodelc_open(package, path, error);
  pome__fail(error, POME_INPUT,
             "the folder is not a model: it has neither Manifest.json (.mlpackage) nor "
             "coremldata.bin or model.mil (.mlmodelc)");
  pome__error_hint(error, "name the model folder itself; if this is one, it is incomplete");
  return POME_INPUT;
}

/* ---- life ---- */

static pome__package *create(const pome_model_options *options) {
  const pome_allocator *allocator = options ? options->allocator : NULL;
  pome__package *package = pome__alloc_zero(allocator, sizeof(*package));
  if (!package) return NULL;
  pome__arena_init(&package->arena, allocator, 0);
  package->spec.file = package->extra.file = package->weights.file = -1;
  package->copy = options && options->copy;
  package->max_parse_memory = options ? options->max_parse_memory : 0;
  package->spec_path = "";
  return package;
}

static pome_status open_path(pome__package *package, const char *path, pome_error *error) {
  switch (pome__path_kind_of(path)) {
  case POME__PATH_MISSING: return pome__fail(error, POME_INPUT, "there is no such file or folder");
  case POME__PATH_FILE: return open_file(package, path, error);
  case POME__PATH_FOLDER: return open_folder(package, path, error);
  default: return pome__fail(error, POME_INPUT, "neither a regular file nor a folder");
  }
}

pome_status pome__package_open(const char *path, const pome_model_options *options,
                               pome__package **out, pome_error *error) {
  pome__package *package = create(options);
  if (!package) return pome__fail_memory(error, "the package");
  pome_status status = open_path(package, path, error);
  if (status != POME_OK) {
    pome__error_at_file(error, path);
    pome__package_close(package);
    return status;
  }
  *out = package;
  return POME_OK;
}

/* Elements are read in place, so borrowed memory must be aligned for them. */
static bool needs_copy(pome__bytes bytes) {
  return (uintptr_t)bytes.data % 16 != 0;
}

static pome_status open_memory(pome__package *package, pome__bytes spec, pome__bytes weights,
                               pome_error *error) {
  const pome_allocator *allocator = package->arena.allocator;
  POME__TRY(pome__blob_from_memory(spec.data, spec.size, package->copy, allocator, &package->spec,
                                   error));
  if (weights.size > 0)
    POME__TRY(pome__blob_from_memory(weights.data, weights.size,
                                     package->copy || needs_copy(weights), allocator,
                                     &package->weights, error));
  return parse_single(package, error);
}

pome_status pome__package_open_memory(pome__bytes spec, pome__bytes weights,
                                      const pome_model_options *options, pome__package **out,
                                      pome_error *error) {
  pome__package *package = create(options);
  if (!package) return pome__fail_memory(error, "the package");
  pome_status status = open_memory(package, spec, weights, error);
  if (status != POME_OK) {
    pome__package_close(package);
    return status;
  }
  package->container = "memory";
  *out = package;
  return POME_OK;
}

void pome__package_close(pome__package *package) {
  if (!package) return;
  pome__blob_close(&package->spec);
  pome__blob_close(&package->extra);
  pome__blob_close(&package->weights);
  for (pome__weight_file *file = package->more_weights; file; file = file->next)
    pome__blob_close(&file->blob);
  const pome_allocator *allocator = package->arena.allocator;
  pome__arena_free(&package->arena);
  pome__free(allocator, package, sizeof(*package));
}

/* ---- weight files ---- */

static bool is_named(const char *known, pome__bytes name) {
  return strlen(known) == name.size && memcmp(known, name.data, name.size) == 0;
}

/* The part of "@model_path/weights/weight.bin" that is relative to the package. */
static pome_status relative_name(pome__bytes name, pome__bytes *relative, pome_error *error) {
  size_t prefix = sizeof(MODEL_PATH) - 1;
  size_t skip = starts_with(name, MODEL_PATH, prefix) ? prefix : 0;
  pome__bytes rest = {name.data + skip, name.size - skip};
  if (rest.size > MAX_NAME || !pome__path_is_inside((const char *)rest.data, rest.size))
    return pome__fail(error, POME_INPUT,
                      "the program names the weight file \"%.*s\"; allowed are paths below "
                      "@model_path without \"..\"",
                      (int)(name.size < 200 ? name.size : 200), (const char *)name.data);
  *relative = rest;
  return POME_OK;
}

/* Whether nothing at all stands there: a link or a folder does, and opening it tells what is wrong.
 */
static bool is_missing(const char *root, const char *path) {
  char whole[2 * MAX_NAME];
  struct stat info;
  return pome__path_join(whole, sizeof(whole), root, path) && lstat(whole, &info) != 0 &&
         errno == ENOENT;
}

/* Leaves the blob empty when there is no such file. */
static pome_status open_weights(pome__package *package, pome__bytes name, pome__blob *blob,
                                pome_error *error) {
  pome__bytes relative = {NULL, 0};
  const char *path = NULL;
  POME__TRY(relative_name(name, &relative, error));
  POME__TRY(
      pome__package_string(package, (const char *)relative.data, relative.size, &path, error));
  if (!package->root || is_missing(package->root, path)) return POME_OK;
  return pome__blob_open(package->root, path, package->copy, package->arena.allocator, blob, error);
}

/* The first name takes the first place; a model in memory may have its weights there already. */
static pome_status open_first(pome__package *package, pome__bytes name, pome_error *error) {
  const char *copy = NULL;
  POME__TRY(pome__package_string(package, (const char *)name.data, name.size, &copy, error));
  if (package->weights.bytes.size == 0)
    POME__TRY(open_weights(package, name, &package->weights, error));
  package->weights_name = copy;
  return POME_OK;
}

static pome_status open_another(pome__package *package, pome__bytes name, pome__weight_file **out,
                                pome_error *error) {
  size_t count = 0;
  for (const pome__weight_file *file = package->more_weights; file; file = file->next) count++;
  if (count == MAX_WEIGHT_FILES)
    return pome__fail(error, POME_UNSUPPORTED, "the program has more than %d weight files",
                      MAX_WEIGHT_FILES);
  pome__weight_file *file = POME__NEW(&package->arena, pome__weight_file);
  if (!file) return pome__fail_memory(error, "a weight file");
  file->blob.file = -1;
  POME__TRY(pome__package_string(package, (const char *)name.data, name.size, &file->name, error));
  POME__TRY(open_weights(package, name, &file->blob, error));
  file->next = package->more_weights;
  package->more_weights = file;
  *out = file;
  return POME_OK;
}

pome_status pome__package_weights(pome__package *package, pome__bytes name, pome__bytes *bytes,
                                  pome_error *error) {
  if (package->parent) package = package->parent;
  if (!package->weights_name) POME__TRY(open_first(package, name, error));
  if (is_named(package->weights_name, name)) {
    *bytes = package->weights.bytes;
    return POME_OK;
  }
  pome__weight_file *file = package->more_weights;
  while (file && !is_named(file->name, name)) file = file->next;
  if (!file) POME__TRY(open_another(package, name, &file, error));
  *bytes = file->blob.bytes;
  return POME_OK;
}

/* ---- the files behind bytes ---- */

/* As numbers: a blob may be empty and nowhere. */
static bool lies_in(const pome__blob *blob, const void *data) {
  return (uintptr_t)data - (uintptr_t)blob->bytes.data < blob->bytes.size;
}

static const pome__blob *blob_of(const pome__package *package, const void *data) {
  const pome__blob *blobs[] = {&package->spec, &package->extra, &package->weights};
  for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
    if (lies_in(blobs[i], data)) return blobs[i];
  for (const pome__weight_file *file = package->more_weights; file; file = file->next)
    if (lies_in(&file->blob, data)) return &file->blob;
  return NULL;
}

pome_status pome__package_check(const pome__package *package, const void *data, pome_error *error) {
  const pome__blob *blob = blob_of(package, data);
  return blob ? pome__blob_check(blob, error) : POME_OK;
}

pome_status pome__package_check_all(const pome__package *package, pome_error *error) {
  POME__TRY(pome__blob_check(&package->spec, error));
  POME__TRY(pome__blob_check(&package->extra, error));
  POME__TRY(pome__blob_check(&package->weights, error));
  for (const pome__weight_file *file = package->more_weights; file; file = file->next)
    POME__TRY(pome__blob_check(&file->blob, error));
  return POME_OK;
}

void pome__package_forget(const pome__package *package, const void *data, size_t size) {
  const pome__blob *blob = blob_of(package, data);
  if (blob) pome__blob_forget(blob, (size_t)((const uint8_t *)data - blob->bytes.data), size);
}
