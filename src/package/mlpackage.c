/* .mlpackage: a folder with Manifest.json, which names the files under Data/.
 *
 * The manifest's item named by rootModelIdentifier is the Model protobuf. Its path, like every path
 * in the manifest, stays inside Data/: it is judged as text here, and opening it follows no link
 * out of the package. `@model_path` of the program's blob files is the folder that holds the Model.
 * Source: coremltools modelpackage/src/ModelPackage.cpp.
 */
#include <string.h>

#include "package/package.h"
#include "wire/json.h"

#define MANIFEST     "Manifest.json"
#define MAX_MANIFEST ((size_t)1 << 20)
#define MAX_PATH     4096

static pome_status check_version(const json_t *manifest, pome_error *error) {
  const char *version = json_string_value(json_object_get(manifest, "fileFormatVersion"));
  if (!version) return pome__fail(error, POME_INPUT, "the manifest has no fileFormatVersion");
  unsigned major, minor, patch;
  int length = 0;
  bool read = strlen(version) < 32 &&
              sscanf(version, "%9u.%9u.%9u%n", &major, &minor, &patch, &length) == 3 &&
              version[length] == '\0';
  if (!read)
    return pome__fail(error, POME_INPUT,
                      "the manifest's fileFormatVersion is \"%.32s\", not three numbers like 1.0.0",
                      version);
  if (major > 1 || (major == 1 && (minor > 0 || patch > 0)))
    return pome__fail(error, POME_UNSUPPORTED,
                      "the manifest's fileFormatVersion is %s; up to 1.0.0 is read", version);
  return POME_OK;
}

/* "Data/" and the item's path. */
static pome_status item_path(const json_t *item, char *buffer, size_t size, pome_error *error) {
  const json_t *path = json_object_get(item, "path");
  const char *text = json_string_value(path);
  if (!text) return pome__fail(error, POME_INPUT, "an item of the manifest has no path");
  if (!pome__path_is_inside(text, json_string_length(path)))
    return pome__fail(error, POME_INPUT,
                      "the manifest names \"%s\"; allowed are paths below Data/ without \"..\"",
                      text);
  if (!pome__path_join(buffer, size, "Data", text))
    return pome__fail(error, POME_INPUT, "the manifest names a path of more than %zu bytes",
                      size - 6);
  return POME_OK;
}

/* Every item must stay inside, the root item must be there; others may be missing, as folders that
 * were empty are after a trip through git. */
static pome_status check_items(json_t *items, pome_error *error) {
  const char *key;
  json_t *item;
  json_object_foreach(items, key, item) {
    char path[MAX_PATH];
    POME__TRY(item_path(item, path, sizeof(path), error));
  }
  return POME_OK;
}

/* The root item's path, relative to the package folder. */
static pome_status read_manifest(const json_t *manifest, char *spec, size_t size,
                                 pome_error *error) {
  if (!json_is_object(manifest))
    return pome__fail(error, POME_INPUT, "the manifest is not a JSON object");
  POME__TRY(check_version(manifest, error));
  json_t *items = json_object_get(manifest, "itemInfoEntries");
  if (!json_is_object(items))
    return pome__fail(error, POME_INPUT, "the manifest has no itemInfoEntries");
  const char *id = json_string_value(json_object_get(manifest, "rootModelIdentifier"));
  if (!id) return pome__fail(error, POME_INPUT, "the manifest has no rootModelIdentifier");
  const json_t *item = json_object_get(items, id);
  if (!item)
    return pome__fail(error, POME_INPUT,
                      "the manifest's rootModelIdentifier is \"%s\", which is not among its items",
                      id);
  POME__TRY(check_items(items, error));
  return item_path(item, spec, size, error);
}

pome_status pome__manifest_parse(pome__bytes text, char *spec, size_t size, pome_error *error) {
  if (text.size > MAX_MANIFEST)
    return pome__fail(error, POME_INPUT, "a manifest of %zu bytes; at most %zu are read", text.size,
                      MAX_MANIFEST);
  json_t *manifest;
  POME__TRY(pome__json_parse(text, NULL, &manifest, error));
  pome_status status = read_manifest(manifest, spec, size, error);
  json_decref(manifest);
  return status;
}

static pome_status find_spec(const pome__package *package, const char *path, char *spec,
                             size_t size, pome_error *error) {
  pome__blob blob = {0};
  POME__TRY(pome__blob_open(path, MANIFEST, package->copy, package->arena.allocator, &blob, error));
  pome_status status = pome__manifest_parse(blob.bytes, spec, size, error);
  if (status != POME_OK) pome__error_at_file(error, blob.path);
  pome__blob_close(&blob);
  return status;
}

/* "folder/a/b" without its last part. */
static pome_status set_root(pome__package *package, const char *path, const char *spec,
                            pome_error *error) {
  char whole[2 * MAX_PATH];
  if (!pome__path_join(whole, sizeof(whole), path, spec))
    return pome__fail(error, POME_INPUT, "a path of %zu bytes; at most %zu are allowed",
                      strlen(path) + 1 + strlen(spec), sizeof(whole) - 1);
  POME__TRY(pome__package_string(package, whole, strlen(whole), &package->spec_path, error));
  size_t length = (size_t)(strrchr(whole, '/') - whole);
  return pome__package_string(package, whole, length, &package->root, error);
}

pome_status pome__mlpackage_open(pome__package *package, const char *path, pome_error *error) {
  char spec[MAX_PATH];
  package->container = "mlpackage";
  POME__TRY(find_spec(package, path, spec, sizeof(spec), error));
  POME__TRY(set_root(package, path, spec, error));
  POME__TRY(
      pome__blob_open(path, spec, package->copy, package->arena.allocator, &package->spec, error));
  return pome__package_parse_spec(package, error);
}
