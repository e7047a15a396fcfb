/* .mlmodelc: a compiled model, as Core ML itself keeps it: model.mil and coremldata.bin.
 *
 * coremldata.bin has no public description. What the files show: a u32 with the model type's field
 * number in Model.proto; at 0x1c a string (u64 length and bytes) and behind it the specification
 * version; then, after zeros, a serialized ModelDescription behind its u64 length; then a record
 * for each function. Only the length field is relied on: the first position near the start whose
 * length fits the file and whose bytes read as the beginning of a ModelDescription. A compiled
 * neural network has other files instead of model.mil; its description is read just the same.
 */
#include <string.h>

#include "base/check.h"
#include "package/package.h"
#include "wire/pb.h"

#define DESCRIPTION      "coremldata.bin"
#define PROGRAM          "model.mil"
#define NAME_AT          0x1c
#define SEARCH_LIMIT     512
#define FIELDS_LOOKED_AT 32
#define MAX_DESCRIPTION  ((size_t)64 << 20)

static uint64_t read_number(const uint8_t *at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

/* All fields of a ModelDescription are messages or strings, and these are their numbers. */
static bool looks_like_description(pome__bytes bytes) {
  static const uint32_t numbers[] = {1, 10, 11, 12, 13, 20, 21, 50, 100};
  pome__pb pb = pome__pb_open(bytes);
  for (int i = 0; i < FIELDS_LOOKED_AT; i++) {
    pome__pb_field field;
    if (!pome__pb_next(&pb, &field, NULL)) return pb.status == POME_OK && i > 0;
    bool known = false;
    for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
      known = known || field.number == numbers[n];
    if (!known || field.wire != POME__PB_LEN) return false;
  }
  return true;
}

static bool find_description(pome__bytes file, pome__bytes *description) {
  for (size_t at = 0; at < SEARCH_LIMIT && pome__range_ok(at, 8, file.size); at++) {
    uint64_t size = read_number(file.data + at, 8);
    if (size == 0 || !pome__range_ok(at + 8, size, file.size)) continue;
    pome__bytes candidate = {file.data + at + 8, (size_t)size};
    if (!looks_like_description(candidate)) continue;
    *description = candidate;
    return true;
  }
  return false;
}

static int specification_version(pome__bytes file) {
  if (!pome__range_ok(NAME_AT, 8, file.size)) return 0;
  uint64_t length = read_number(file.data + NAME_AT, 8);
  if (length > 64 || !pome__range_ok(NAME_AT + 8 + length, 1, file.size)) return 0;
  return file.data[NAME_AT + 8 + length];
}

pome_status pome__coremldata_parse(pome__bytes file, pome__arena *arena,
                                   pome__description *description, pome_error *error) {
  if (file.size < 8 || file.size > MAX_DESCRIPTION)
    return pome__fail(error, POME_INPUT, "%zu bytes of compiled description; 8 to %zu are read",
                      file.size, MAX_DESCRIPTION);
  pome__bytes message;
  if (!find_description(file, &message))
    return pome__fail(error, POME_INPUT,
                      "no model description found in the first %d bytes of the compiled model's "
                      "description file",
                      SEARCH_LIMIT);
  pome__description parsed;
  pome_status status = pome__description_parse_bare(message, arena, &parsed, error);
  if (status != POME_OK) return status;
  uint32_t type = (uint32_t)read_number(file.data, 4);
  const char *name = type <= INT32_MAX ? pome__model_type_name((int)type) : NULL;
  parsed.model_type = name ? (int)type : 0;
  parsed.model_type_name = name ? name : "";
  parsed.specification_version = specification_version(file);
  *description = parsed;
  return POME_OK;
}

static pome__path_kind kind_inside(const char *folder, const char *name) {
  char path[8192];
  if (!pome__path_join(path, sizeof(path), folder, name)) return POME__PATH_MISSING;
  return pome__path_kind_of(path);
}

static pome_status open_description(pome__package *package, const char *path, pome_error *error) {
  POME__TRY(pome__blob_open(path, DESCRIPTION, package->copy, package->arena.allocator,
                            &package->extra, error));
  pome__package_limit(package, package->extra.bytes.size);
  pome_status status =
      pome__coremldata_parse(package->extra.bytes, &package->arena, &package->description, error);
  if (status != POME_OK) pome__error_at_file(error, package->extra.path);
  return status;
}

/* Without coremldata.bin the ports follow from the program's text alone. */
static pome_status open_program(pome__package *package, const char *path, pome_error *error) {
  POME__TRY(pome__blob_open(path, PROGRAM, package->copy, package->arena.allocator, &package->spec,
                            error));
  package->program = package->spec.bytes;
  package->form = POME__PROGRAM_TEXT;
  package->description.model_type = POME__MODEL_TYPE_PROGRAM;
  package->description.model_type_name = pome__model_type_name(POME__MODEL_TYPE_PROGRAM);
  return POME_OK;
}

pome_status pome__mlmodelc_open(pome__package *package, const char *path, pome_error *error) {
  package->container = "mlmodelc";
  package->description.model_type_name = "";
  package->description.default_function = "";
  POME__TRY(pome__package_string(package, path, strlen(path), &package->root, error));
  if (kind_inside(path, DESCRIPTION) != POME__PATH_MISSING)
    POME__TRY(open_description(package, path, error));
  if (kind_inside(path, PROGRAM) != POME__PATH_MISSING)
    POME__TRY(open_program(package, path, error));
  package->spec_path = package->spec.path ? package->spec.path : package->extra.path;
  return POME_OK;
}
