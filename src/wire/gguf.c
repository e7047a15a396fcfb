/* See gguf.h. One pass over the file; names are sorted to be found, so that no choice of keys makes
 * looking them up slow. */
#include "wire/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define ALIGNMENT     32 /* unless general.alignment says otherwise */
#define LARGEST_ALIGN ((int64_t)1 << 20)
#define LONGEST_NAME  65535
/* The least that one of them takes: a length, then a kind and a byte; or rank, type and offset. */
#define SMALLEST_ENTRY  (8 + 4 + 1)
#define SMALLEST_TENSOR (8 + 4 + 4 + 8)

static const struct {
  const char *name;
  size_t size; /* 0: not fixed */
} kinds[POME__GGUF_KINDS] = {
    [POME__GGUF_UINT8] = {"uint8", 1},     [POME__GGUF_INT8] = {"int8", 1},
    [POME__GGUF_UINT16] = {"uint16", 2},   [POME__GGUF_INT16] = {"int16", 2},
    [POME__GGUF_UINT32] = {"uint32", 4},   [POME__GGUF_INT32] = {"int32", 4},
    [POME__GGUF_FLOAT32] = {"float32", 4}, [POME__GGUF_BOOL] = {"bool", 1},
    [POME__GGUF_STRING] = {"string", 0},   [POME__GGUF_ARRAY] = {"array", 0},
    [POME__GGUF_UINT64] = {"uint64", 8},   [POME__GGUF_INT64] = {"int64", 8},
    [POME__GGUF_FLOAT64] = {"float64", 8}};

const char *pome__gguf_kind_name(pome__gguf_kind kind) {
  return kinds[kind].name;
}

static const pome__ggml_type types[] = {
#define ROW(id, name, block, bytes) {id, #name, block, bytes},
    POME__GGML_TYPES(ROW)
#undef ROW
};

const pome__ggml_type *pome__ggml_type_of(uint32_t id) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (types[i].id == id) return &types[i];
  return NULL;
}

bool pome__gguf_is(pome__bytes file) {
  return file.size >= 4 && memcmp(file.data, "GGUF", 4) == 0;
}

bool pome__gguf_is_file(const char *path) {
  pome__blob blob = {0};
  if (pome__path_kind_of(path) != POME__PATH_FILE ||
      pome__blob_open(NULL, path, false, NULL, &blob, NULL) != POME_OK)
    return false;
  bool is = pome__gguf_is(blob.bytes);
  pome__blob_close(&blob);
  return is;
}

/* ---- bytes ---- */

typedef struct reader {
  pome__bytes file;
  size_t at;
  pome_error *error;
} reader;

#define FAIL(r, ...) (pome__fail((r)->error, POME_INPUT, __VA_ARGS__), fail_here(r))

static pome_status fail_here(const reader *r) {
  pome__error_at_offset(r->error, r->at);
  return POME_INPUT;
}

static uint64_t little(const uint8_t *data, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value |= (uint64_t)data[i] << 8 * i;
  return value;
}

static pome_status take(reader *r, uint64_t size, const char *what, pome__bytes *bytes) {
  if (size > r->file.size - r->at)
    return FAIL(r, "GGUF: %s of %llu bytes; the file has %zu more", what, (unsigned long long)size,
                r->file.size - r->at);
  *bytes = (pome__bytes){r->file.data + r->at, (size_t)size};
  r->at += (size_t)size;
  return POME_OK;
}

static pome_status take_number(reader *r, size_t size, const char *what, uint64_t *value) {
  pome__bytes bytes;
  POME__TRY(take(r, size, what, &bytes));
  *value = little(bytes.data, size);
  return POME_OK;
}

static pome_status take_string(reader *r, const char *what, pome__bytes *bytes) {
  uint64_t size;
  POME__TRY(take_number(r, 8, "a length", &size));
  return take(r, size, what, bytes);
}

static pome_status take_name(reader *r, const char *what, pome_string *name) {
  pome__bytes bytes;
  POME__TRY(take_string(r, what, &bytes));
  if (bytes.size == 0 || bytes.size > LONGEST_NAME)
    return FAIL(r, "GGUF: %s of %zu bytes; 1 to %d are allowed", what, bytes.size, LONGEST_NAME);
  *name = (pome_string){(const char *)bytes.data, bytes.size};
  return POME_OK;
}

static pome_status take_kind(reader *r, pome__gguf_kind *kind) {
  uint64_t number;
  POME__TRY(take_number(r, 4, "a kind", &number));
  if (number >= POME__GGUF_KINDS)
    return FAIL(r, "GGUF: a value of kind %llu; 0 to %d are known", (unsigned long long)number,
                POME__GGUF_KINDS - 1);
  *kind = (pome__gguf_kind)number;
  return POME_OK;
}

/* ---- values ---- */

static pome_status take_array(reader *r, int depth, pome__gguf_value *array) {
  uint64_t count;
  size_t bytes;
  pome__bytes part;
  if (depth == POME__GGUF_NESTING)
    return FAIL(r, "GGUF: arrays nested more than %d deep", POME__GGUF_NESTING);
  POME__TRY(take_kind(r, &array->element));
  POME__TRY(take_number(r, 8, "a count", &count));
  size_t begin = r->at, size = kinds[array->element].size;
  if (count > (r->file.size - r->at) / (size > 0 ? size : 8))
    return FAIL(r, "GGUF: an array of %llu elements; the file has %zu more bytes",
                (unsigned long long)count, r->file.size - r->at);
  array->count = (size_t)count;
  if (size > 0) {
    if (!pome__mul(array->count, size, &bytes)) bytes = SIZE_MAX;
    return take(r, bytes, "an array", &array->bytes);
  }
  for (size_t i = 0; i < array->count; i++) {
    pome__gguf_value inner;
    if (array->element == POME__GGUF_STRING) POME__TRY(take_string(r, "a string", &part));
    else POME__TRY(take_array(r, depth + 1, &inner));
  }
  array->bytes = (pome__bytes){r->file.data + begin, r->at - begin};
  return POME_OK;
}

static pome_status take_value(reader *r, pome__gguf_value *value) {
  *value = (pome__gguf_value){0};
  POME__TRY(take_kind(r, &value->kind));
  if (value->kind == POME__GGUF_ARRAY) return take_array(r, 0, value);
  if (value->kind == POME__GGUF_STRING) return take_string(r, "a string", &value->bytes);
  return take(r, kinds[value->kind].size, "a number", &value->bytes);
}

bool pome__gguf_integer(const pome__gguf_value *value, int64_t *out) {
  if (value == NULL) return false;
  uint64_t bits = little(value->bytes.data, kinds[value->kind].size);
  switch (value->kind) {
  case POME__GGUF_INT8: *out = (int8_t)bits; return true;
  case POME__GGUF_INT16: *out = (int16_t)bits; return true;
  case POME__GGUF_INT32: *out = (int32_t)bits; return true;
  case POME__GGUF_UINT8:
  case POME__GGUF_UINT16:
  case POME__GGUF_UINT32:
  case POME__GGUF_UINT64:
  case POME__GGUF_INT64:
    if (value->kind == POME__GGUF_UINT64 && bits > INT64_MAX) return false;
    *out = (int64_t)bits;
    return true;
  default: return false;
  }
}

bool pome__gguf_real(const pome__gguf_value *value, double *out) {
  int64_t whole;
  if (value == NULL) return false;
  uint64_t bits = little(value->bytes.data, kinds[value->kind].size);
  if (value->kind == POME__GGUF_FLOAT32) {
    uint32_t low = (uint32_t)bits;
    float single;
    memcpy(&single, &low, sizeof single);
    *out = (double)single;
  } else if (value->kind == POME__GGUF_FLOAT64) {
    memcpy(out, &bits, sizeof *out);
  } else if (pome__gguf_integer(value, &whole)) {
    *out = (double)whole;
  } else {
    return false;
  }
  return true;
}

bool pome__gguf_bool(const pome__gguf_value *value, bool *out) {
  if (value == NULL || value->kind != POME__GGUF_BOOL) return false;
  *out = value->bytes.data[0] != 0;
  return true;
}

bool pome__gguf_string(const pome__gguf_value *value, pome_string *out) {
  if (value == NULL || value->kind != POME__GGUF_STRING) return false;
  *out = (pome_string){(const char *)value->bytes.data, value->bytes.size};
  return true;
}

pome__gguf_value pome__gguf_element(const pome__gguf_value *array, size_t index) {
  size_t size = kinds[array->element].size;
  return (pome__gguf_value){.kind = array->element,
                            .bytes = {array->bytes.data + index * size, size}};
}

pome_string pome__gguf_next_string(pome__bytes *rest) {
  size_t size = (size_t)little(rest->data, 8);
  pome_string text = {(const char *)rest->data + 8, size};
  *rest = (pome__bytes){rest->data + 8 + size, rest->size - 8 - size};
  return text;
}

/* ---- names ---- */

static int compare_text(pome_string a, pome_string b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_key(const void *a, const void *b) {
  return compare_text((*(const pome__gguf_entry *const *)a)->key,
                      (*(const pome__gguf_entry *const *)b)->key);
}

static int by_name(const void *a, const void *b) {
  return compare_text((*(const pome__gguf_tensor *const *)a)->name,
                      (*(const pome__gguf_tensor *const *)b)->name);
}

static pome_status fail_twice(reader *r, const char *what, pome_string name) {
  return FAIL(r, "GGUF: the %s \"%.*s\" stands there twice", what,
              (int)(name.size < 80 ? name.size : 80), name.data);
}

static pome_status sort_names(reader *r, pome__arena *arena, pome__gguf *g) {
  g->by_key = POME__NEW_ARRAY(arena, const pome__gguf_entry *, g->entry_count);
  g->by_name = POME__NEW_ARRAY(arena, const pome__gguf_tensor *, g->tensor_count);
  if (g->by_key == NULL || g->by_name == NULL) return pome__fail_memory(r->error, "a GGUF file");
  for (size_t i = 0; i < g->entry_count; i++) g->by_key[i] = &g->entries[i];
  for (size_t i = 0; i < g->tensor_count; i++) g->by_name[i] = &g->tensors[i];
  qsort(g->by_key, g->entry_count, sizeof *g->by_key, by_key);
  qsort(g->by_name, g->tensor_count, sizeof *g->by_name, by_name);
  for (size_t i = 1; i < g->entry_count; i++)
    if (by_key(&g->by_key[i - 1], &g->by_key[i]) == 0)
      return fail_twice(r, "key", g->by_key[i]->key);
  for (size_t i = 1; i < g->tensor_count; i++)
    if (by_name(&g->by_name[i - 1], &g->by_name[i]) == 0)
      return fail_twice(r, "tensor", g->by_name[i]->name);
  return POME_OK;
}

const pome__gguf_value *pome__gguf_find(const pome__gguf *g, const char *key) {
  const pome__gguf_entry wanted = {.key = {key, strlen(key)}}, *pointer = &wanted;
  const pome__gguf_entry **found =
      bsearch(&pointer, g->by_key, g->entry_count, sizeof *g->by_key, by_key);
  return found == NULL ? NULL : &(*found)->value;
}

const pome__gguf_tensor *pome__gguf_find_tensor(const pome__gguf *g, const char *name) {
  const pome__gguf_tensor wanted = {.name = {name, strlen(name)}}, *pointer = &wanted;
  const pome__gguf_tensor **found =
      bsearch(&pointer, g->by_name, g->tensor_count, sizeof *g->by_name, by_name);
  return found == NULL ? NULL : *found;
}

/* ---- the file ---- */

static pome_status read_header(reader *r, pome__gguf *g) {
  pome__bytes magic;
  uint64_t version, tensors, entries;
  POME__TRY(take(r, 4, "the start", &magic));
  if (!pome__gguf_is(magic)) return FAIL(r, "GGUF: the file does not start with \"GGUF\"");
  POME__TRY(take_number(r, 4, "the version", &version));
  if (version != 2 && version != 3) {
    bool swapped = version != 0 && (version & 0xffffff) == 0;
    return swapped ? pome__fail(r->error, POME_UNSUPPORTED,
                                "GGUF: a big-endian file; little-endian ones are read")
                   : pome__fail(r->error, POME_UNSUPPORTED,
                                "GGUF: version %llu; versions 2 and 3 are read",
                                (unsigned long long)version);
  }
  POME__TRY(take_number(r, 8, "a count", &tensors));
  POME__TRY(take_number(r, 8, "a count", &entries));
  size_t left = r->file.size - r->at;
  if (entries > POME__GGUF_ENTRIES || entries > left / SMALLEST_ENTRY)
    return FAIL(r, "GGUF: %llu entries in %zu bytes; at most %d are read",
                (unsigned long long)entries, left, POME__GGUF_ENTRIES);
  if (tensors > POME__GGUF_TENSORS || tensors > left / SMALLEST_TENSOR)
    return FAIL(r, "GGUF: %llu tensors in %zu bytes; at most %d are read",
                (unsigned long long)tensors, left, POME__GGUF_TENSORS);
  g->version = (uint32_t)version;
  g->entry_count = (size_t)entries;
  g->tensor_count = (size_t)tensors;
  return POME_OK;
}

static pome_status read_dimensions(reader *r, pome__gguf_tensor *tensor) {
  uint64_t rank, size;
  POME__TRY(take_number(r, 4, "a rank", &rank));
  if (rank > POME__GGUF_RANK)
    return FAIL(r, "GGUF: a tensor of %llu dimensions; at most %d are allowed",
                (unsigned long long)rank, POME__GGUF_RANK);
  tensor->rank = (int)rank;
  for (int i = 0; i < POME__GGUF_RANK; i++) {
    tensor->dims[i] = 1;
    if (i >= tensor->rank) continue;
    POME__TRY(take_number(r, 8, "a dimension", &size));
    if (size > INT64_MAX) return FAIL(r, "GGUF: a dimension of %llu", (unsigned long long)size);
    tensor->dims[i] = (int64_t)size;
  }
  return POME_OK;
}

/* Bytes of the data, 0 where the type is not known. */
static pome_status measure(reader *r, const pome__gguf_tensor *tensor, size_t *bytes) {
  const pome__ggml_type *type = pome__ggml_type_of(tensor->type);
  int64_t count = 1;
  *bytes = 0;
  bool fits = true;
  for (int i = 0; i < tensor->rank; i++)
    fits = fits && pome__mul_i64(count, tensor->dims[i], &count);
  if (type != NULL && tensor->dims[0] % type->block != 0)
    return FAIL(r, "GGUF: rows of %lld elements in blocks of %u (%s)", (long long)tensor->dims[0],
                type->block, type->name);
  if (type != NULL) fits = fits && pome__mul((size_t)count / type->block, type->bytes, bytes);
  return fits ? POME_OK : FAIL(r, "GGUF: a tensor larger than can be counted");
}

static pome_status read_tensor(reader *r, pome__gguf_tensor *tensor) {
  uint64_t type;
  POME__TRY(take_name(r, "a tensor's name", &tensor->name));
  POME__TRY(read_dimensions(r, tensor));
  POME__TRY(take_number(r, 4, "a type", &type));
  tensor->type = (uint32_t)type;
  POME__TRY(measure(r, tensor, &tensor->data.size));
  return take_number(r, 8, "an offset", &tensor->offset);
}

static pome_status read_alignment(reader *r, pome__gguf *g) {
  const pome__gguf_value *value = pome__gguf_find(g, "general.alignment");
  int64_t alignment = ALIGNMENT;
  bool good = value == NULL || pome__gguf_integer(value, &alignment);
  if (!good || alignment < 1 || alignment > LARGEST_ALIGN || (alignment & (alignment - 1)) != 0)
    return FAIL(r, "GGUF: general.alignment is %lld; a power of two up to %lld is needed",
                good ? (long long)alignment : 0, (long long)LARGEST_ALIGN);
  g->alignment = (size_t)alignment;
  return POME_OK;
}

/* Offsets are told from the first aligned byte behind the directory. */
static pome_status place_tensors(reader *r, pome__gguf *g) {
  uint64_t begin = ((uint64_t)r->at + g->alignment - 1) / g->alignment * g->alignment;
  for (size_t i = 0; i < g->tensor_count; i++) {
    pome__gguf_tensor *tensor = &g->tensors[i];
    uint64_t room = begin <= r->file.size ? r->file.size - begin : 0;
    if (tensor->offset % g->alignment != 0 ||
        !pome__range_ok(tensor->offset, tensor->data.size, room))
      return FAIL(r,
                  "GGUF: tensor \"%.*s\" lies at %llu + %llu with %zu bytes; the file has %zu, "
                  "and places are multiples of %zu",
                  (int)(tensor->name.size < 80 ? tensor->name.size : 80), tensor->name.data,
                  (unsigned long long)begin, (unsigned long long)tensor->offset, tensor->data.size,
                  r->file.size, g->alignment);
    tensor->offset += begin;
    tensor->data.data = r->file.data + (tensor->data.size > 0 ? (size_t)tensor->offset : 0);
  }
  return POME_OK;
}

pome_status pome__gguf_parse(pome__bytes file, pome__arena *arena, pome__gguf *gguf,
                             pome_error *error) {
  reader r = {file, 0, error};
  pome__gguf g = {0};
  POME__TRY(read_header(&r, &g));
  g.entries = POME__NEW_ARRAY(arena, pome__gguf_entry, g.entry_count);
  g.tensors = POME__NEW_ARRAY(arena, pome__gguf_tensor, g.tensor_count);
  if (g.entries == NULL || g.tensors == NULL) return pome__fail_memory(error, "a GGUF file");
  for (size_t i = 0; i < g.entry_count; i++) {
    POME__TRY(take_name(&r, "a key", &g.entries[i].key));
    POME__TRY(take_value(&r, &g.entries[i].value));
  }
  for (size_t i = 0; i < g.tensor_count; i++) POME__TRY(read_tensor(&r, &g.tensors[i]));
  POME__TRY(sort_names(&r, arena, &g));
  POME__TRY(read_alignment(&r, &g));
  POME__TRY(place_tensors(&r, &g));
  *gguf = g;
  return POME_OK;
}
