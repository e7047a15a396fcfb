/* .npy arrays. See npz.h for the contract.
 *
 * An image is the magic "\x93NUMPY", two version bytes, the length of the header (two bytes, from
 * version 2 on four, little-endian), the header and the elements. The header is a Python dictionary
 * literal with exactly the keys 'descr', 'fortran_order' and 'shape'; a small cursor reads just
 * that. The element count it declares must be what the bytes behind it hold, so nothing is
 * allocated for elements that are not there. Source: numpy/lib/format.py.
 */
#include "wire/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define MAX_HEADER 65536u
/* Strings of no characters take no bytes in the file but 16 in memory each. */
#define MAX_EMPTY_STRINGS 65536u
#define CODE_POINT_BYTES  4u

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ORDER '<'
#else
#define NATIVE_ORDER '>'
#endif

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* NumPy's kind letter and element size for each type that it has. */
static const struct numpy_type {
  char kind;
  unsigned size;
  pome_dtype dtype;
} numpy_types[] = {
    {'b', 1, POME_BOOL},   {'i', 1, POME_INT8},  {'i', 2, POME_INT16},  {'i', 4, POME_INT32},
    {'i', 8, POME_INT64},  {'u', 1, POME_UINT8}, {'u', 2, POME_UINT16}, {'u', 4, POME_UINT32},
    {'u', 8, POME_UINT64}, {'f', 2, POME_FP16},  {'f', 4, POME_FP32},   {'f', 8, POME_FP64},
};
#define NUMPY_TYPES (sizeof numpy_types / sizeof numpy_types[0])

typedef struct header {
  pome_dtype dtype;
  size_t item_size;
  bool swapped;
  bool fortran;
  int rank;
  int64_t shape[POME_MAX_RANK];
  bool has_descr, has_order, has_shape;
} header;

typedef struct cursor {
  const char *start, *at, *end;
  uint64_t base; /* offset of `start` in the image */
} cursor;

/* ---- the header's literal ---- */

static pome_status fail_header(const cursor *c, pome_error *error, const char *what) {
  pome__fail(error, POME_INPUT, "broken .npy header: %s", what);
  pome__error_at_offset(error, c->base + (uint64_t)(c->at - c->start));
  return POME_INPUT;
}

static void skip_space(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
    c->at++;
}

static bool take(cursor *c, char wanted) {
  skip_space(c);
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool take_word(cursor *c, const char *word) {
  skip_space(c);
  size_t length = strlen(word);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
  c->at += length;
  return true;
}

/* A quoted string without escapes, into `text`. */
static bool take_string(cursor *c, char *text, size_t size) {
  skip_space(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  char quote = *c->at;
  const char *begin = c->at + 1, *at = begin;
  while (at < c->end && *at != quote && *at != '\\') at++;
  if (at == c->end || *at != quote || (size_t)(at - begin) >= size) return false;
  memcpy(text, begin, (size_t)(at - begin));
  text[at - begin] = '\0';
  c->at = at + 1;
  return true;
}

static bool take_dimension(cursor *c, int64_t *value) {
  skip_space(c);
  const char *begin = c->at;
  int64_t result = 0;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
    if (!pome__mul_i64(result, 10, &result) || !pome__add_i64(result, *c->at - '0', &result))
      return false;
    c->at++;
  }
  if (c->at < c->end && *c->at == 'L') c->at++; /* written by Python 2 */
  *value = result;
  return c->at > begin;
}

static pome_status parse_shape(cursor *c, header *h, pome_error *error) {
  if (!take(c, '(')) return fail_header(c, error, "the shape is not a tuple");
  while (!take(c, ')')) {
    if (h->rank == POME_MAX_RANK) {
      pome__fail(error, POME_INPUT, "an array of more than %d dimensions", POME_MAX_RANK);
      return POME_INPUT;
    }
    if (!take_dimension(c, &h->shape[h->rank]))
      return fail_header(c, error, "a dimension is not a number from 0 to 2^63 - 1");
    h->rank++;
    if (!take(c, ',')) {
      if (take(c, ')')) break;
      return fail_header(c, error, "',' or ')' expected in the shape");
    }
  }
  return POME_OK;
}

static pome_status fail_type(pome_error *error, const char *descr) {
  pome__fail(error, POME_INPUT,
             "NumPy type '%s' is not read; allowed are bool, i1 to i8, u1 to u8, f2, f4, f8 and U",
             descr);
  pome__error_hint(error, "convert it with array.astype(...) before saving");
  return POME_INPUT;
}

/* "<f4": byte order, kind, size. */
static pome_status parse_descr(const char *descr, header *h, pome_error *error) {
  const char *at = descr;
  char order = '|';
  if (*at == '<' || *at == '>' || *at == '|' || *at == '=') order = *at++;
  if (strcmp(at, "?") == 0) at = "b1";
  char *end;
  errno = 0;
  unsigned long number = at[0] && at[1] >= '0' && at[1] <= '9' ? strtoul(at + 1, &end, 10) : 0;
  if (!at[0] || !at[1] || at[1] < '0' || at[1] > '9' || *end || errno || number > UINT32_MAX / 4)
    return fail_type(error, descr);
  h->swapped = order != '|' && order != '=' && order != NATIVE_ORDER;
  if (at[0] == 'U') {
    h->dtype = POME_STRING;
    h->item_size = number * CODE_POINT_BYTES;
    return POME_OK;
  }
  for (size_t i = 0; i < NUMPY_TYPES; i++) {
    if (numpy_types[i].kind == at[0] && numpy_types[i].size == number) {
      h->dtype = numpy_types[i].dtype;
      h->item_size = number;
      return POME_OK;
    }
  }
  return fail_type(error, descr);
}

static pome_status parse_descr_entry(cursor *c, header *h, pome_error *error) {
  char descr[32];
  skip_space(c);
  if (c->at < c->end && *c->at == '[') return fail_type(error, "structured record");
  if (!take_string(c, descr, sizeof descr))
    return fail_header(c, error, "the type is not a short string");
  return parse_descr(descr, h, error);
}

static pome_status parse_entry(cursor *c, header *h, pome_error *error) {
  char key[16];
  if (!take_string(c, key, sizeof key)) return fail_header(c, error, "a key was expected");
  if (!take(c, ':')) return fail_header(c, error, "':' expected after a key");
  bool *seen = strcmp(key, "descr") == 0           ? &h->has_descr
               : strcmp(key, "fortran_order") == 0 ? &h->has_order
               : strcmp(key, "shape") == 0         ? &h->has_shape
                                                   : NULL;
  if (!seen) return fail_header(c, error, "a key other than descr, fortran_order and shape");
  if (*seen) return fail_header(c, error, "a key stands there twice");
  *seen = true;
  if (seen == &h->has_descr) return parse_descr_entry(c, h, error);
  if (seen == &h->has_shape) return parse_shape(c, h, error);
  h->fortran = take_word(c, "True");
  if (!h->fortran && !take_word(c, "False"))
    return fail_header(c, error, "fortran_order is neither True nor False");
  return POME_OK;
}

static pome_status parse_header(cursor *c, header *h, pome_error *error) {
  if (!take(c, '{')) return fail_header(c, error, "'{' expected");
  while (!take(c, '}')) {
    POME__TRY(parse_entry(c, h, error));
    if (take(c, ',')) continue;
    if (take(c, '}')) break;
    return fail_header(c, error, "',' or '}' expected");
  }
  skip_space(c);
  if (c->at != c->end) return fail_header(c, error, "text behind the closing '}'");
  if (!h->has_descr || !h->has_order || !h->has_shape)
    return fail_header(c, error, "descr, fortran_order or shape is missing");
  return POME_OK;
}

/* Reads up to the first element; `*length` is the number of bytes read. */
static pome_status read_header(const pome__npy_source *source, header *h, size_t *length,
                               pome_error *error) {
  uint8_t start[12];
  if (source->size < 10)
    return pome__fail(error, POME_INPUT, "not a .npy array: only %zu bytes", source->size);
  POME__TRY(source->read(source->context, start, 10, error));
  if (memcmp(start, magic, sizeof magic) != 0)
    return pome__fail(error, POME_INPUT, "not a .npy array: it does not start with \\x93NUMPY");
  uint8_t version = start[6];
  if (version < 1 || version > 3)
    return pome__fail(error, POME_INPUT, ".npy version %u; 1, 2 and 3 are read", version);
  size_t size = (size_t)start[8] | (size_t)start[9] << 8, begin = 10;
  if (version > 1) {
    begin = 12;
    if (source->size < begin)
      return pome__fail(error, POME_INPUT, "the .npy array ends inside its header");
    POME__TRY(source->read(source->context, start + 10, 2, error));
    size |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
  }
  if (size > MAX_HEADER)
    return pome__fail(error, POME_INPUT, "a .npy header of %zu bytes; at most %u are read", size,
                      MAX_HEADER);
  if (!pome__range_ok(begin, size, source->size))
    return pome__fail(error, POME_INPUT, "the .npy array ends inside its header");
  char *text = pome__alloc(NULL, size);
  if (!text) return pome__fail_memory(error, "a .npy header");
  pome_status status = source->read(source->context, text, size, error);
  cursor c = {.start = text, .at = text, .end = text + size, .base = begin};
  if (status == POME_OK) status = parse_header(&c, h, error);
  pome__free(NULL, text, size);
  if (status == POME_OK) *length = begin + size;
  return status;
}

/* ---- elements ---- */

static void swap_bytes(uint8_t *data, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) {
    uint8_t *item = data + i * size;
    for (size_t low = 0, high = size - 1; low < high; low++, high--) {
      uint8_t byte = item[low];
      item[low] = item[high];
      item[high] = byte;
    }
  }
}

static size_t put_utf8(uint32_t code, char *out) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3f));
  out[2] = (char)(0x80 | (code >> 6 & 0x3f));
  out[3] = (char)(0x80 | (code & 0x3f));
  return 4;
}

/* `codes`: count strings of `width` code points, padded with zeros. UTF-8 is never longer. */
static pome_status decode_strings(const uint32_t *codes, size_t count, size_t width,
                                  pome__arena *arena, pome_tensor *tensor, pome_error *error) {
  size_t room;
  if (!pome__mul(count * width, CODE_POINT_BYTES, &room))
    return pome__fail_memory(error, "strings");
  char *text = pome__arena_alloc(arena, room, 1);
  if (!text) return pome__fail_memory(error, "the strings of an array");
  pome_string *items = tensor->data;
  for (size_t i = 0; i < count; i++) {
    size_t length = width;
    while (length > 0 && codes[i * width + length - 1] == 0) length--;
    items[i].data = text;
    for (size_t j = 0; j < length; j++) {
      uint32_t code = codes[i * width + j];
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return pome__fail(error, POME_INPUT, "element %zu of a string array is not Unicode text",
                          i);
      text += put_utf8(code, text);
    }
    items[i].size = (size_t)(text - items[i].data);
  }
  return POME_OK;
}

static pome_status read_strings(const pome__npy_source *source, const header *h, size_t count,
                                size_t bytes, pome__arena *arena, pome_tensor *tensor,
                                pome_error *error) {
  if (h->item_size == 0 && count > MAX_EMPTY_STRINGS)
    return pome__fail(error, POME_INPUT, "%zu empty strings; at most %u are read", count,
                      MAX_EMPTY_STRINGS);
  tensor->data = pome__arena_array(arena, count, sizeof(pome_string), _Alignof(pome_string));
  uint32_t *codes = pome__alloc(NULL, bytes);
  pome_status status = POME_OK;
  if (!tensor->data || !codes) status = pome__fail_memory(error, "the strings of an array");
  if (status == POME_OK) status = source->read(source->context, codes, bytes, error);
  if (status == POME_OK && h->swapped)
    swap_bytes((uint8_t *)codes, bytes / CODE_POINT_BYTES, CODE_POINT_BYTES);
  if (status == POME_OK)
    status = decode_strings(codes, count, h->item_size / CODE_POINT_BYTES, arena, tensor, error);
  pome__free(NULL, codes, bytes);
  return status;
}

static pome_status read_numbers(const pome__npy_source *source, const header *h, size_t count,
                                size_t bytes, pome__arena *arena, pome_tensor *tensor,
                                pome_error *error) {
  tensor->data = pome__arena_alloc(arena, bytes, 64);
  if (!tensor->data) return pome__fail_memory(error, "the elements of an array");
  POME__TRY(source->read(source->context, tensor->data, bytes, error));
  if (h->swapped) swap_bytes(tensor->data, count, h->item_size);
  if (tensor->dtype == POME_BOOL) {
    uint8_t *flags = tensor->data;
    for (size_t i = 0; i < count; i++) flags[i] = flags[i] != 0;
  }
  return POME_OK;
}

/* Elements came with the first dimension fastest; gives them back in C order. */
static pome_status reorder(pome__arena *arena, pome_tensor *tensor, pome_error *error) {
  pome_tensor turned = *tensor;
  int64_t stride = 1;
  for (int32_t d = 0; d < turned.rank; d++) {
    turned.strides[d] = stride;
    stride *= turned.shape[d];
  }
  tensor->data = pome__arena_alloc(arena, pome_tensor_bytes(tensor), 64);
  if (!tensor->data) return pome__fail_memory(error, "the elements of an array");
  return pome_tensor_copy(&turned, tensor, error);
}

pome_status pome__npy_load(const pome__npy_source *source, pome__arena *arena, pome_tensor *tensor,
                           pome_error *error) {
  header h = {0};
  size_t begin;
  POME__TRY(read_header(source, &h, &begin, error));
  pome_tensor result;
  /* What would be misuse by a caller is a broken file here. */
  if (pome_tensor_init(&result, h.dtype, h.rank, h.shape, NULL, NULL) != POME_OK)
    return pome__fail(error, POME_INPUT,
                      "the .npy header declares more elements than fit in memory");
  size_t count = pome_tensor_count(&result), bytes;
  if (!pome__mul(count, h.item_size, &bytes))
    return pome__fail(error, POME_INPUT, "an array of more bytes than a process can address");
  if (bytes != source->size - begin)
    return pome__fail(error, POME_INPUT,
                      "the .npy header declares %zu bytes of elements, %zu are there", bytes,
                      source->size - begin);
  pome_status status = h.dtype == POME_STRING
                           ? read_strings(source, &h, count, bytes, arena, &result, error)
                           : read_numbers(source, &h, count, bytes, arena, &result, error);
  if (status == POME_OK && h.fortran && h.rank > 1 && count > 0)
    status = reorder(arena, &result, error);
  if (status == POME_OK) *tensor = result;
  return status;
}

/* ---- sources ---- */

static pome_status read_memory(void *context, void *buffer, size_t size, pome_error *error) {
  pome__bytes *rest = context;
  if (size > rest->size) return pome__fail(error, POME_INPUT, "the .npy array is cut off");
  if (size > 0) memcpy(buffer, rest->data, size);
  rest->data += size;
  rest->size -= size;
  return POME_OK;
}

pome_status pome__npy_parse(pome__bytes file, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error) {
  pome__bytes rest = file;
  pome__npy_source source = {.context = &rest, .read = read_memory, .size = file.size};
  return pome__npy_load(&source, arena, tensor, error);
}

static pome_status read_stream(void *context, void *buffer, size_t size, pome_error *error) {
  if (size == 0 || fread(buffer, 1, size, context) == size) return POME_OK;
  if (ferror((FILE *)context)) return pome__fail_errno(error, errno, "reading failed");
  return pome__fail(error, POME_INPUT, "the file became shorter while it was read");
}

static pome_status read_open_file(FILE *file, pome__arena *arena, pome_tensor *tensor,
                                  pome_error *error) {
  struct stat facts;
  if (fstat(fileno(file), &facts) != 0) return pome__fail_errno(error, errno, "cannot read");
  if (!S_ISREG(facts.st_mode)) return pome__fail(error, POME_INPUT, "not a regular file");
  pome__npy_source source = {.context = file, .read = read_stream, .size = (size_t)facts.st_size};
  return pome__npy_load(&source, arena, tensor, error);
}

pome_status pome__npy_read(const char *path, pome__arena *arena, pome_tensor *tensor,
                           pome_error *error) {
  pome_status status;
  FILE *file = fopen(path, "rb");
  if (file) status = read_open_file(file, arena, tensor, error);
  else status = pome__fail_errno(error, errno, "cannot open the array");
  if (status != POME_OK) pome__error_at_file(error, path);
  if (file) fclose(file);
  return status;
}

/* ---- writing ---- */

/* The type in which NumPy can hold the elements without loss. */
static pome_dtype writable_dtype(pome_dtype dtype) {
  switch (dtype) {
  case POME_BF16:
  case POME_FP8E4M3FN:
  case POME_FP8E5M2: return POME_FP32;
  case POME_INT4: return POME_INT8;
  case POME_UINT1:
  case POME_UINT2:
  case POME_UINT3:
  case POME_UINT4:
  case POME_UINT6: return POME_UINT8;
  default: return dtype;
  }
}

/* Length in code points of UTF-8 text; bytes that are not UTF-8 count as one each. */
static uint32_t take_code(const char **at, const char *end) {
  const uint8_t *s = (const uint8_t *)*at;
  size_t left = (size_t)(end - *at);
  unsigned more = s[0] >= 0xf0 && s[0] < 0xf8   ? 3
                  : s[0] >= 0xe0 && s[0] < 0xf0 ? 2
                                                : s[0] >= 0xc0 && s[0] < 0xe0;
  uint32_t code = more == 3 ? s[0] & 7u : more == 2 ? s[0] & 15u : more == 1 ? s[0] & 31u : s[0];
  bool good = s[0] < 0x80 || (more > 0 && left > more);
  for (unsigned i = 1; good && i <= more; i++) {
    if ((s[i] & 0xc0) != 0x80) good = false;
    else code = code << 6 | (s[i] & 0x3fu);
  }
  *at += good ? more + 1 : 1;
  return good ? code : 0xfffd;
}

static size_t count_codes(pome_string text) {
  size_t count = 0;
  for (const char *at = text.data, *end = at + text.size; at < end; count++)
    (void)take_code(&at, end);
  return count;
}

static size_t widest_string(const pome_tensor *tensor, size_t count) {
  const pome_string *items = tensor->data;
  size_t width = 1;
  for (size_t i = 0; i < count; i++) {
    size_t length = count_codes(items[i]);
    if (length > width) width = length;
  }
  return width;
}

static void encode_strings(const pome_tensor *tensor, size_t count, size_t width, uint8_t *out) {
  const pome_string *items = tensor->data;
  for (size_t i = 0; i < count; i++, out += width * CODE_POINT_BYTES) {
    const char *at = items[i].data, *end = at + items[i].size;
    for (size_t j = 0; at < end; j++) {
      uint32_t code = take_code(&at, end);
      memcpy(out + j * CODE_POINT_BYTES, &code, sizeof code);
    }
  }
}

/* Version 1 header, padded so that the elements start at a multiple of 64. */
static size_t format_header(const pome_tensor *tensor, const char *descr, uint8_t *out,
                            size_t room) {
  char shape[POME_MAX_RANK * 22 + 4];
  size_t used = 0;
  shape[0] = '\0';
  for (int32_t d = 0; d < tensor->rank; d++)
    used += (size_t)snprintf(shape + used, sizeof shape - used, d ? ", %" PRId64 : "%" PRId64,
                             tensor->shape[d]);
  char text[512];
  size_t length = (size_t)snprintf(text, sizeof text,
                                   "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                                   descr, shape, tensor->rank == 1 ? "," : "");
  size_t total = (10 + length + 1 + 63) / 64 * 64;
  if (total > room) total = room;
  memset(out, ' ', total);
  memcpy(out, magic, sizeof magic);
  out[6] = 1;
  out[7] = 0;
  out[8] = (uint8_t)((total - 10) & 0xff);
  out[9] = (uint8_t)((total - 10) >> 8);
  memcpy(out + 10, text, length);
  out[total - 1] = '\n';
  return total;
}

/* The tensor's elements in row-major order and a type that NumPy knows; `*own` when they were
 * copied. */
static pome_status plain_elements(const pome_tensor *tensor, pome_tensor *plain, void **own,
                                  size_t *own_size, pome_error *error) {
  pome_dtype dtype = writable_dtype(tensor->dtype);
  POME__TRY(pome_tensor_init(plain, dtype, tensor->rank, tensor->shape, tensor->data, error));
  *own = NULL;
  *own_size = 0;
  if (dtype == tensor->dtype && pome_tensor_is_contiguous(tensor)) return POME_OK;
  size_t bytes = pome_tensor_bytes(plain);
  void *copy = pome__alloc_zero(NULL, bytes);
  if (!copy) return pome__fail_memory(error, "an array to be written");
  plain->data = copy;
  pome_status status = pome_tensor_copy(tensor, plain, error);
  if (status != POME_OK) {
    pome__free(NULL, copy, bytes);
    return status;
  }
  *own = copy;
  *own_size = bytes;
  return POME_OK;
}

static pome_status build_image(const pome_tensor *plain, void **image, size_t *size,
                               pome_error *error) {
  size_t count = pome_tensor_count(plain), width = 0, bytes;
  char descr[32];
  if (plain->dtype == POME_STRING) {
    width = widest_string(plain, count);
    snprintf(descr, sizeof descr, "%cU%zu", NATIVE_ORDER, width);
    if (!pome__mul(count, width * CODE_POINT_BYTES, &bytes))
      return pome__fail_memory(error, "an array to be written");
  } else {
    size_t i = 0;
    while (i < NUMPY_TYPES && numpy_types[i].dtype != plain->dtype) i++;
    if (i == NUMPY_TYPES)
      return pome__fail(error, POME_UNSUPPORTED, "an array of type %s has no .npy form",
                        pome_dtype_name(plain->dtype));
    char order = numpy_types[i].size == 1 ? '|' : NATIVE_ORDER;
    snprintf(descr, sizeof descr, "%c%c%u", order, numpy_types[i].kind, numpy_types[i].size);
    bytes = pome_tensor_bytes(plain);
  }
  uint8_t head[512];
  size_t begin = format_header(plain, descr, head, sizeof head), total;
  uint8_t *out = pome__add(begin, bytes, &total) ? pome__alloc_zero(NULL, total) : NULL;
  if (!out) return pome__fail_memory(error, "an array to be written");
  memcpy(out, head, begin);
  if (plain->dtype == POME_STRING) encode_strings(plain, count, width, out + begin);
  else if (bytes > 0) memcpy(out + begin, plain->data, bytes);
  *image = out;
  *size = total;
  return POME_OK;
}

pome_status pome__npy_image(const pome_tensor *tensor, void **image, size_t *size,
                            pome_error *error) {
  pome_tensor plain;
  void *own;
  size_t own_size;
  POME__TRY(plain_elements(tensor, &plain, &own, &own_size, error));
  pome_status status = build_image(&plain, image, size, error);
  pome__free(NULL, own, own_size);
  return status;
}

pome_status pome__npy_write(const char *path, const pome_tensor *tensor, pome_error *error) {
  void *image;
  size_t size;
  POME__TRY(pome__npy_image(tensor, &image, &size, error));
  pome_status status = pome__file_write(path, image, size, error);
  pome__free(NULL, image, size);
  return status;
}
