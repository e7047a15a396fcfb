/* weight.bin: every element type, and a table of files that are wrong in one place each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "package/package.h"
#include "tensor/element.h"
#include "tiny_model.h"

static void reads_every_type(void **state) {
  (void)state;
  static const struct {
    uint32_t type;
    pome_dtype dtype;
    size_t size, count;
    uint64_t padding;
  } cases[] = {
      {1, POME_FP16, 6, 3, 0},
      {2, POME_FP32, 8, 2, 0},
      {3, POME_UINT8, 5, 5, 0},
      {4, POME_INT8, 5, 5, 0},
      {5, POME_BF16, 4, 2, 0},
      {6, POME_INT16, 4, 2, 0},
      {7, POME_UINT16, 4, 2, 0},
      {8, POME_INT4, 3, 5, 4},
      {9, POME_UINT1, 2, 9, 7},
      {10, POME_UINT2, 2, 5, 6},
      {11, POME_UINT4, 3, 6, 0},
      {12, POME_UINT3, 2, 5, 1},
      {13, POME_UINT6, 4, 5, 2},
      {14, POME_INT32, 8, 2, 0},
      {15, POME_UINT32, 8, 2, 0},
      {16, POME_FP8E4M3FN, 3, 3, 0},
      {17, POME_FP8E5M2, 3, 3, 0},
      /* Wider types never had a padding field: whatever stands there is ignored. */
      {2, POME_FP32, 8, 2, UINT64_MAX},
      {3, POME_UINT8, 0, 0, 0},
  };
  const uint8_t data[8] = {0x81, 0x30, 0xfc, 0x05, 5, 6, 7, 8};
  wire file = {0};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uint64_t offset =
        tiny_weight_record(&file, cases[i].type, cases[i].padding, data, cases[i].size);
    pome__weight_record record;
    assert_int_equal(pome__weight_read(wire_view(&file), offset, &record, NULL), POME_OK);
    assert_int_equal(record.dtype, cases[i].dtype);
    assert_int_equal(record.count, cases[i].count);
    assert_int_equal(record.data.size, cases[i].size);
    assert_ptr_equal(record.data.data, file.data + offset + 64);
  }
  wire_free(&file);
}

/* Streams as Apple's own writer packs them. */
static void sub_byte_elements(void **state) {
  (void)state;
  static const struct {
    uint32_t type;
    uint64_t padding;
    size_t size, count;
    uint8_t data[4];
    int64_t values[9];
  } cases[] = {
      {8, 4, 3, 5, {0xf8, 0x10, 0x07}, {-8, -1, 0, 1, 7}},
      {12, 1, 2, 5, {0xd1, 0x58}, {1, 2, 3, 4, 5}},
      {13, 2, 4, 5, {0x81, 0x30, 0xfc, 0x05}, {1, 2, 3, 63, 5}},
      {10, 6, 2, 5, {0xe4, 0x01}, {0, 1, 2, 3, 1}},
      {9, 7, 2, 9, {0x8d, 0x01}, {1, 0, 1, 1, 0, 0, 0, 1, 1}},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    wire file = {0};
    tiny_weight_record(&file, cases[i].type, cases[i].padding, cases[i].data, cases[i].size);
    pome__weight_record record;
    assert_int_equal(pome__weight_read(wire_view(&file), 64, &record, NULL), POME_OK);
    assert_int_equal(record.count, cases[i].count);
    int64_t values[9];
    pome__load_i64(record.data.data, record.dtype, 0, 1, record.count, values);
    for (size_t k = 0; k < record.count; k++) assert_int_equal(values[k], cases[i].values[k]);
    wire_free(&file);
  }
}

/* One change each to the file [header][record at 64: fp32, 8 bytes at 128][data], 192 bytes. */
typedef struct mutation {
  const char *what;
  uint64_t offset; /* where to read */
  size_t at;       /* field to change */
  size_t width;    /* its bytes; 0: nothing changes */
  uint64_t value;
  size_t file_size; /* 0: whole */
  pome_status status;
} mutation;

static const mutation mutations[] = {
    {"as it is", 64, 0, 0, 0, 0, POME_OK},
    {"header count is not looked at", 64, 0, 4, 77, 0, POME_OK},
    {"header reserved garbage", 64, 8, 8, UINT64_MAX, 0, POME_OK},
    {"header reserved garbage at its end", 64, 56, 8, UINT64_MAX, 0, POME_OK},
    {"record reserved garbage", 64, 96, 8, UINT64_MAX, 0, POME_OK},
    {"record reserved garbage at its end", 64, 120, 8, UINT64_MAX, 0, POME_OK},
    {"padding garbage of a wide type", 64, 88, 8, 3, 0, POME_OK},
    {"zero bytes", 64, 72, 8, 0, 0, POME_OK},
    {"data may end with the file", 64, 0, 0, 0, 136, POME_OK},
    {"data further on", 64, 80, 8, 184, 0, POME_OK},
    {"version 0", 64, 4, 4, 0, 0, POME_UNSUPPORTED},
    {"version 1", 64, 4, 4, 1, 0, POME_UNSUPPORTED},
    {"version 3", 64, 4, 4, 3, 0, POME_UNSUPPORTED},
    {"version 2^31", 64, 4, 4, 0x80000002u, 0, POME_UNSUPPORTED},
    {"no file", 64, 0, 0, 0, 1, POME_INPUT},
    {"half a header", 64, 0, 0, 0, 32, POME_INPUT},
    {"header alone", 64, 0, 0, 0, 64, POME_INPUT},
    {"half a record", 64, 0, 0, 0, 96, POME_INPUT},
    {"a record, no data", 64, 0, 0, 0, 128, POME_INPUT},
    {"data cut by a byte", 64, 0, 0, 0, 135, POME_INPUT},
    {"offset 0: the header", 0, 0, 0, 0, 0, POME_INPUT},
    {"offset 1", 1, 0, 0, 0, 0, POME_INPUT},
    {"offset not aligned", 96, 0, 0, 0, 0, POME_INPUT},
    {"offset off by 4", 68, 0, 0, 0, 0, POME_INPUT},
    {"offset in the data", 128, 0, 0, 0, 0, POME_INPUT},
    {"offset at the end", 192, 0, 0, 0, 0, POME_INPUT},
    {"offset beyond the end", 4096, 0, 0, 0, 0, POME_INPUT},
    {"offset 2^63", (uint64_t)1 << 63, 0, 0, 0, 0, POME_INPUT},
    {"offset 2^64 - 64", UINT64_MAX - 63, 0, 0, 0, 0, POME_INPUT},
    {"sentinel zero", 64, 64, 4, 0, 0, POME_INPUT},
    {"sentinel in the other byte order", 64, 64, 4, 0xEFBEADDEu, 0, POME_INPUT},
    {"sentinel off by a bit", 64, 64, 4, 0xDEADBEEEu, 0, POME_INPUT},
    {"type 0", 64, 68, 4, 0, 0, POME_INPUT},
    {"type 18", 64, 68, 4, 18, 0, POME_INPUT},
    {"type 2^32-1", 64, 68, 4, UINT32_MAX, 0, POME_INPUT},
    {"size over the end", 64, 72, 8, 65, 0, POME_INPUT},
    {"size over the end by one element", 64, 72, 8, 68, 0, POME_INPUT},
    {"size not a multiple of the element", 64, 72, 8, 7, 0, POME_INPUT},
    {"size 2^63", 64, 72, 8, (uint64_t)1 << 63, 0, POME_INPUT},
    {"size that wraps offset + size", 64, 72, 8, UINT64_MAX - 127, 0, POME_INPUT},
    {"size 2^64-1", 64, 72, 8, UINT64_MAX, 0, POME_INPUT},
    {"data in the header", 64, 80, 8, 0, 0, POME_INPUT},
    {"data at the header's end", 64, 80, 8, 60, 0, POME_INPUT},
    {"data is the record", 64, 80, 8, 64, 0, POME_INPUT},
    {"data over the record's end", 64, 80, 8, 124, 0, POME_INPUT},
    {"data beyond the file", 64, 80, 8, 192, 0, POME_INPUT},
    {"data at 2^64-8", 64, 80, 8, UINT64_MAX - 7, 0, POME_INPUT},
    {"data not aligned for its type", 64, 80, 8, 130, 0, POME_INPUT},
    {"sub-byte: padding of all bits", 64, 68, 8, 8 | (uint64_t)8 << 32, 0, POME_OK},
};

static void put(uint8_t *at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void mutated_files(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
    const mutation *m = &mutations[i];
    wire file = tiny_weights();
    assert_int_equal(file.size, 192);
    put(file.data + m->at, m->value, m->width);
    size_t size = m->file_size ? m->file_size : file.size;
    /* An allocation of exactly that size, so that a sanitizer sees the first byte beyond it. */
    uint8_t *copy = test_malloc(size);
    memcpy(copy, file.data, size);
    pome__weight_record record;
    pome_error error = {0};
    pome_status status = pome__weight_read((pome__bytes){copy, size}, m->offset, &record, &error);
    if (status != m->status) print_error("%s: %s\n", m->what, error.message);
    assert_int_equal(status, m->status);
    if (status == POME_OK && record.data.size > 0) {
      assert_true(record.data.data >= copy + 64);
      assert_true(record.data.data + record.data.size <= copy + size);
    }
    test_free(copy);
    wire_free(&file);
  }
}

static void padding_of_sub_byte_types(void **state) {
  (void)state;
  const uint8_t data[2] = {0xff, 0xff};
  static const struct {
    uint64_t padding;
    pome_status status;
    size_t count;
  } cases[] = {{0, POME_OK, 5},
               {1, POME_OK, 5},
               {2, POME_OK, 4},
               {16, POME_OK, 0},
               {17, POME_INPUT, 0},
               {UINT64_MAX, POME_INPUT, 0},
               {(uint64_t)1 << 63, POME_INPUT, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    wire file = {0};
    tiny_weight_record(&file, 12, cases[i].padding, data, sizeof(data));
    pome__weight_record record;
    assert_int_equal(pome__weight_read(wire_view(&file), 64, &record, NULL), cases[i].status);
    if (cases[i].status == POME_OK) assert_int_equal(record.count, cases[i].count);
    wire_free(&file);
  }
}

static void says_what_a_pointer_file_is(void **state) {
  (void)state;
  static const char text[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  pome__weight_record record;
  pome_error error = {0};
  pome__bytes file = {(const uint8_t *)text, sizeof(text) - 1};
  assert_int_equal(pome__weight_read(file, 64, &record, &error), POME_INPUT);
  assert_non_null(strstr(error.hint, "git lfs pull"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_type),
      cmocka_unit_test(sub_byte_elements),
      cmocka_unit_test(mutated_files),
      cmocka_unit_test(padding_of_sub_byte_types),
      cmocka_unit_test(says_what_a_pointer_file_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
