/* weight.bin: MILBlob storage, version 2.
 *
 *   file header, 64 bytes     u32 count, u32 version, 7 x u64 reserved
 *   record, 64 bytes          u32 sentinel, u32 type, u64 size, u64 data offset, u64 padding bits,
 * 4 x u64 reserved data                      `size` bytes at `data offset`, which counts from the
 * start of the file
 *
 * Records stand at multiples of 64. Types narrower than a byte are one stream of bits, lowest
 * first; the record tells how many bits at the end are padding. Old writers left reserved fields,
 * and the padding field of wider types, uninitialised: they are never looked at. Source:
 * coremltools mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
 */
#include "base/check.h"
#include "package/package.h"

#define HEADER_SIZE POME__WEIGHT_HEADER
#define RECORD_SIZE POME__WEIGHT_RECORD
#define ALIGNMENT   POME__WEIGHT_ALIGNMENT
#define SENTINEL    POME__WEIGHT_SENTINEL
#define VERSION     POME__WEIGHT_VERSION

/* BlobDataType, in the order of its numbers, which start at 1. */
static const pome_dtype blob_types[] = {
    POME_DTYPE_NONE, POME_FP16,   POME_FP32,  POME_UINT8,  POME_INT8,      POME_BF16,
    POME_INT16,      POME_UINT16, POME_INT4,  POME_UINT1,  POME_UINT2,     POME_UINT4,
    POME_UINT3,      POME_UINT6,  POME_INT32, POME_UINT32, POME_FP8E4M3FN, POME_FP8E5M2,
};
#define BLOB_TYPE_COUNT (sizeof(blob_types) / sizeof(blob_types[0]))

uint32_t pome__weight_type_of(pome_dtype dtype) {
  for (uint32_t i = 1; i < BLOB_TYPE_COUNT; i++)
    if (blob_types[i] == dtype) return i;
  return 0;
}

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t read_u64(const uint8_t *at) {
  return (uint64_t)read_u32(at) | (uint64_t)read_u32(at + 4) << 32;
}

static pome_status fail_at(pome_error *error, uint64_t offset) {
  pome__error_at_offset(error, offset);
  return POME_INPUT;
}

/* A pointer that git-lfs leaves in place of a file it has not fetched. */
static bool is_lfs_pointer(pome__bytes file) {
  static const char start[] = "version https://git-lfs";
  size_t length = sizeof(start) - 1;
  if (file.size < length) return false;
  for (size_t i = 0; i < length; i++)
    if (file.data[i] != (uint8_t)start[i]) return false;
  return true;
}

static pome_status check_header(pome__bytes file, pome_error *error) {
  if (is_lfs_pointer(file)) {
    pome__fail(error, POME_INPUT, "the weight file is a git-lfs pointer, not the weights");
    pome__error_hint(error, "fetch the real file with: git lfs pull");
    return POME_INPUT;
  }
  if (file.size < HEADER_SIZE)
    return pome__fail(error, POME_INPUT, "the weight file has %zu bytes; its header alone takes %d",
                      file.size, HEADER_SIZE);
  uint32_t version = read_u32(file.data + 4);
  if (version != VERSION) {
    pome__fail(error, POME_UNSUPPORTED, "weight file version %u; only version %d is read", version,
               VERSION);
    pome__error_at_offset(error, 4);
    return POME_UNSUPPORTED;
  }
  return POME_OK;
}

/* Elements in `size` bytes. */
static pome_status count_elements(pome_dtype dtype, uint64_t size, uint64_t padding,
                                  uint64_t offset, size_t *count, pome_error *error) {
  unsigned bits = pome_dtype_bits(dtype);
  if (bits >= 8) {
    if (size % (bits / 8) != 0) {
      pome__fail(error, POME_INPUT, "weight record of %llu bytes; %s elements take %u bytes each",
                 (unsigned long long)size, pome_dtype_name(dtype), bits / 8);
      return fail_at(error, offset);
    }
    *count = (size_t)(size / (bits / 8));
    return POME_OK;
  }
  size_t all_bits;
  if (!pome__mul((size_t)size, 8, &all_bits) || padding > all_bits) {
    pome__fail(error, POME_INPUT, "weight record of %llu bytes says that %llu bits are padding",
               (unsigned long long)size, (unsigned long long)padding);
    return fail_at(error, offset);
  }
  *count = (all_bits - (size_t)padding) / bits;
  return POME_OK;
}

/* Where the record says its data is: inside the file, clear of header and record, readable in
 * place. */
static pome_status check_range(pome__bytes file, uint64_t offset, pome_dtype dtype, uint64_t size,
                               uint64_t start, pome_error *error) {
  if (!pome__range_ok(start, size, file.size)) {
    pome__fail(error, POME_INPUT,
               "weight record points at %llu bytes from %llu on; the file has %zu bytes",
               (unsigned long long)size, (unsigned long long)start, file.size);
    return fail_at(error, offset);
  }
  bool over_record = start < offset + RECORD_SIZE && offset < start + size;
  if (size > 0 && (start < HEADER_SIZE || over_record)) {
    pome__fail(error, POME_INPUT, "weight record points at its own record or at the file's header");
    return fail_at(error, offset);
  }
  unsigned bits = pome_dtype_bits(dtype);
  if (bits > 8 && start % (bits / 8) != 0) {
    pome__fail(error, POME_INPUT, "data of %s elements at offset %llu; it must be a multiple of %u",
               pome_dtype_name(dtype), (unsigned long long)start, bits / 8);
    return fail_at(error, offset);
  }
  return POME_OK;
}

pome_status pome__weight_read(pome__bytes file, uint64_t offset, pome__weight_record *record,
                              pome_error *error) {
  POME__TRY(check_header(file, error));
  if (offset < HEADER_SIZE || !pome__range_ok(offset, RECORD_SIZE, file.size)) {
    pome__fail(
        error, POME_INPUT, "no weight record at offset %llu: allowed are %d to %zu in this file",
        (unsigned long long)offset, HEADER_SIZE,
        file.size < HEADER_SIZE + RECORD_SIZE ? (size_t)HEADER_SIZE : file.size - RECORD_SIZE);
    return fail_at(error, offset);
  }
  if (offset % ALIGNMENT != 0) {
    pome__fail(error, POME_INPUT, "weight record at offset %llu, which is not a multiple of %d",
               (unsigned long long)offset, ALIGNMENT);
    return fail_at(error, offset);
  }
  const uint8_t *at = file.data + offset;
  uint32_t sentinel = read_u32(at);
  if (sentinel != SENTINEL) {
    pome__fail(error, POME_INPUT, "no weight record here: it must start with %08x, not %08x",
               SENTINEL, sentinel);
    return fail_at(error, offset);
  }
  uint32_t type = read_u32(at + 4);
  if (type == 0 || type >= BLOB_TYPE_COUNT) {
    pome__fail(error, POME_INPUT, "weight record of type %u; 1 to %zu are known", type,
               BLOB_TYPE_COUNT - 1);
    return fail_at(error, offset + 4);
  }
  uint64_t size = read_u64(at + 8), start = read_u64(at + 16), padding = read_u64(at + 24);
  pome_dtype dtype = blob_types[type];
  POME__TRY(check_range(file, offset, dtype, size, start, error));
  size_t count = 0;
  POME__TRY(count_elements(dtype, size, padding, offset, &count, error));
  *record = (pome__weight_record){dtype, {file.data + start, (size_t)size}, count};
  return POME_OK;
}
