/* .npy and .npz: what NumPy writes is read exactly, what is broken is refused with a place, and
 * what is written comes back. Images are made here byte by byte, so that each case shows what it
 * holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

#include "wire/npy.h"

typedef struct image {
  uint8_t bytes[4096];
  size_t size;
} image;

/* A version 1 image with this header text and these elements. */
static image make(const char *header, const void *data, size_t size) {
  image result = {.size = 10};
  size_t length = strlen(header);
  memcpy(result.bytes, "\x93NUMPY\x01\x00", 8);
  result.bytes[8] = (uint8_t)length;
  result.bytes[9] = (uint8_t)(length >> 8);
  memcpy(result.bytes + 10, header, length);
  if (size > 0) memcpy(result.bytes + 10 + length, data, size);
  result.size += length + size;
  return result;
}

static pome_status parse(const image *file, pome__arena *arena, pome_tensor *tensor,
                         pome_error *error) {
  *error = (pome_error){0};
  return pome__npy_parse((pome__bytes){file->bytes, file->size}, arena, tensor, error);
}

static void reads_both_byte_orders(void **state) {
  (void)state;
  static const uint8_t little[] = {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff};
  static const uint8_t big[] = {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe};
  image files[2] = {
      make("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n", little, 8),
      make("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }\n", big, 8),
  };
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  for (int i = 0; i < 2; i++) {
    pome_tensor tensor;
    pome_error error;
    assert_int_equal(parse(&files[i], &arena, &tensor, &error), POME_OK);
    assert_int_equal(tensor.dtype, POME_INT32);
    assert_int_equal(tensor.rank, 1);
    assert_int_equal(tensor.shape[0], 2);
    assert_int_equal(((const int32_t *)tensor.data)[0], 1);
    assert_int_equal(((const int32_t *)tensor.data)[1], -2);
  }
  pome__arena_free(&arena);
}

static void gives_fortran_order_back_in_c_order(void **state) {
  (void)state;
  static const uint8_t columns[] = {1, 4, 2, 5, 3, 6};
  image file = make("{'shape': (2, 3), 'fortran_order': True, 'descr': '|u1'}", columns, 6);
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_tensor tensor;
  pome_error error;
  assert_int_equal(parse(&file, &arena, &tensor, &error), POME_OK);
  assert_true(pome_tensor_is_contiguous(&tensor));
  assert_memory_equal(tensor.data, ((const uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
  pome__arena_free(&arena);
}

static void reads_strings_as_utf8(void **state) {
  (void)state;
  static const uint32_t codes[] = {'a', 0xe4, 0x20ac, 0x1f600, 'b', 0, 0, 0};
  image file = make("{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", codes, 32);
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_tensor tensor;
  pome_error error;
  assert_int_equal(parse(&file, &arena, &tensor, &error), POME_OK);
  const pome_string *items = tensor.data;
  assert_int_equal(items[0].size, 10);
  assert_memory_equal(items[0].data, "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10);
  assert_int_equal(items[1].size, 1);
  assert_memory_equal(items[1].data, "b", 1);
  pome__arena_free(&arena);
}

static void reads_scalars_empty_arrays_and_newer_versions(void **state) {
  (void)state;
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_tensor tensor;
  pome_error error;
  double number = 2.5;
  image scalar = make("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", &number, 8);
  assert_int_equal(parse(&scalar, &arena, &tensor, &error), POME_OK);
  assert_int_equal(tensor.rank, 0);
  assert_memory_equal(tensor.data, &number, 8);

  image empty = make("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 0), }", NULL, 0);
  assert_int_equal(parse(&empty, &arena, &tensor, &error), POME_OK);
  assert_int_equal(pome_tensor_count(&tensor), 0);

  image newer = {.size = 12 + 55};
  memcpy(newer.bytes, "\x93NUMPY\x03\x00\x36\x00\x00\x00", 12);
  memcpy(newer.bytes + 12, "{'descr': '|b1', 'fortran_order': False, 'shape': ( ) }\x07", 55);
  newer.bytes[8] = 54;
  newer.bytes[12 + 54] = 7;
  memcpy(newer.bytes + 12, "{'descr': '|b1', 'fortran_order': False,'shape': ( ) }", 54);
  assert_int_equal(parse(&newer, &arena, &tensor, &error), POME_OK);
  assert_int_equal(tensor.dtype, POME_BOOL);
  assert_int_equal(((const uint8_t *)tensor.data)[0], 1); /* any byte but 0 is true */
  pome__arena_free(&arena);
}

static void refuses_what_is_broken(void **state) {
  (void)state;
  static const uint8_t data[16] = {0};
  static const struct {
    const char *header;
    size_t size;
    const char *message;
  } cases[] = {
      {"", 0, "'{' expected"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", 8, "',' or '}' expected"},
      {"{'descr': '<f4', 'shape': (2,)}", 8, "missing"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8, "twice"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", 8, "other than"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", 8, "neither"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", 8, "behind"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", 8, "dimension"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8,
       "dimension"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, "more than 8"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 8, "declares 12 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 8, "declares 4 bytes"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "'|O' is not read"},
      {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 16, "'<f16' is not read"},
      {"{'descr': '<f4x', 'fortran_order': False, 'shape': (1,)}", 4, "is not read"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "is not read"},
      {"{'descr': '<U0', 'fortran_order': False, 'shape': (99999999,)}", 0, "empty strings"},
  };
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    image file = make(cases[i].header, data, cases[i].size);
    pome_tensor tensor;
    pome_error error;
    if (parse(&file, &arena, &tensor, &error) != POME_INPUT ||
        !strstr(error.message, cases[i].message))
      fail_msg("%s: status %d, \"%s\"", cases[i].header, error.status, error.message);
  }
  pome__arena_free(&arena);
}

static void refuses_every_truncation(void **state) {
  (void)state;
  static const float data[3] = {1, 2, 3};
  image file = make("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", data, 12);
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  size_t whole = file.size;
  for (file.size = 0; file.size < whole; file.size++) {
    pome_tensor tensor;
    pome_error error;
    assert_int_equal(parse(&file, &arena, &tensor, &error), POME_INPUT);
    assert_true(error.message[0] != '\0');
  }
  pome__arena_free(&arena);
}

static void refuses_surrogates_in_strings(void **state) {
  (void)state;
  static const uint32_t bad[] = {0xd800, 0x110000};
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  for (int i = 0; i < 2; i++) {
    image file = make("{'descr': '<U1', 'fortran_order': False, 'shape': (), }", &bad[i], 4);
    pome_tensor tensor;
    pome_error error;
    assert_int_equal(parse(&file, &arena, &tensor, &error), POME_INPUT);
  }
  pome__arena_free(&arena);
}

/* ---- files ---- */

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/pome-npz-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  return system(command) == 0 ? 0 : -1;
}

static const char *path_of(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void comes_back_as_written(void **state) {
  (void)state;
  float numbers[2][3] = {{1, -2, 0.5f}, {3e38f, 0, -0.0f}};
  pome_string words[2] = {{"caf\xc3\xa9", 5}, {"", 0}};
  uint8_t nibbles[1] = {0x8f}; /* -1, -8 */
  pome__array items[3] = {{.name = "y@0"}, {.name = "class/label"}, {.name = "q"}};
  pome_error error = {0};
  assert_int_equal(
      pome_tensor_init(&items[0].tensor, POME_FP32, 2, (int64_t[]){2, 3}, numbers, &error),
      POME_OK);
  assert_int_equal(
      pome_tensor_init(&items[1].tensor, POME_STRING, 1, (int64_t[]){2}, words, &error), POME_OK);
  assert_int_equal(
      pome_tensor_init(&items[2].tensor, POME_INT4, 1, (int64_t[]){2}, nibbles, &error), POME_OK);
  const char *path = path_of("out.npz");
  assert_int_equal(pome__npz_write(path, items, 3, &error), POME_OK);

  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome__arrays arrays;
  assert_int_equal(pome__npz_read(path, &arena, &arrays, &error), POME_OK);
  assert_int_equal(arrays.count, 3);
  const pome_tensor *y = pome__arrays_find(&arrays, "y@0");
  assert_non_null(y);
  assert_int_equal(y->dtype, POME_FP32);
  assert_memory_equal(y->data, numbers, sizeof numbers);
  const pome_string *text = pome__arrays_find(&arrays, "class/label")->data;
  assert_int_equal(text[0].size, 5);
  assert_memory_equal(text[0].data, words[0].data, 5);
  assert_int_equal(text[1].size, 0);
  const pome_tensor *q = pome__arrays_find(&arrays, "q");
  assert_int_equal(q->dtype, POME_INT8);
  assert_memory_equal(q->data, ((const int8_t[]){-1, -8}), 2);
  assert_null(pome__arrays_find(&arrays, "z"));
  pome__arena_free(&arena);
}

static void writes_strided_views_and_keeps_the_old_file_on_failure(void **state) {
  (void)state;
  int16_t data[6] = {1, 2, 3, 4, 5, 6};
  pome_tensor turned;
  pome_error error = {0};
  assert_int_equal(pome_tensor_init(&turned, POME_INT16, 2, (int64_t[]){3, 2}, data, &error),
                   POME_OK);
  turned.strides[0] = 1;
  turned.strides[1] = 3;
  const char *path = path_of("one.npy");
  assert_int_equal(pome__npy_write(path, &turned, &error), POME_OK);
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome_tensor back;
  assert_int_equal(pome__npy_read(path, &arena, &back, &error), POME_OK);
  assert_memory_equal(back.data, ((const int16_t[]){1, 4, 2, 5, 3, 6}), 12);

  assert_int_equal(pome__npy_write(path_of("none/one.npy"), &turned, &error), POME_INPUT);
  assert_non_null(strstr(error.file, "none/one.npy"));
  assert_int_equal(pome__npy_read(path_of("absent.npy"), &arena, &back, &error), POME_INPUT);
  assert_int_equal(pome__npz_read(path_of("absent.npz"), &arena, &(pome__arrays){0}, &error),
                   POME_INPUT);
  pome__arena_free(&arena);
}

static void add(zip_t *zip, const char *name, const image *file, zip_int32_t method) {
  zip_source_t *source = zip_source_buffer(zip, file->bytes, file->size, 0);
  zip_int64_t index = zip_file_add(zip, name, source, 0);
  assert_true(index >= 0);
  assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
}

static void reads_deflated_members(void **state) {
  (void)state;
  uint8_t zeros[1024] = {0};
  image file = make("{'descr': '<f4', 'fortran_order': False, 'shape': (256,), }", zeros, 1024);
  const char *path = path_of("deflated.npz");
  zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  assert_non_null(zip);
  add(zip, "a.npy", &file, ZIP_CM_DEFLATE);
  assert_int_equal(zip_close(zip), 0);
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome__arrays arrays;
  pome_error error = {0};
  assert_int_equal(pome__npz_read(path, &arena, &arrays, &error), POME_OK);
  assert_int_equal(arrays.items[0].tensor.shape[0], 256);
  pome__arena_free(&arena);
}

/* Reads the whole file at `path`. */
static image load(const char *path) {
  image result = {.size = 0};
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  result.size = fread(result.bytes, 1, sizeof result.bytes, file);
  fclose(file);
  return result;
}

static void refuses_broken_archives(void **state) {
  (void)state;
  static const float data[3] = {1, 2, 3};
  image file = make("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", data, 12);
  image text = {.bytes = "hello", .size = 5};
  pome__arena arena;
  pome__arena_init(&arena, NULL, 0);
  pome__arrays arrays;
  pome_error error = {0};

  const char *path = path_of("foreign.npz");
  zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  add(zip, "a.npy", &file, ZIP_CM_STORE);
  add(zip, "readme.txt", &text, ZIP_CM_STORE);
  assert_int_equal(zip_close(zip), 0);
  assert_int_equal(pome__npz_read(path, &arena, &arrays, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "readme.txt"));

  path = path_of("good.npz");
  zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  add(zip, "a.npy", &file, ZIP_CM_STORE);
  assert_int_equal(zip_close(zip), 0);
  image good = load(path);
  assert_int_equal(pome__npz_parse((pome__bytes){good.bytes, good.size}, &arena, &arrays, &error),
                   POME_OK);
  for (size_t size = 0; size < good.size; size++)
    assert_int_not_equal(pome__npz_parse((pome__bytes){good.bytes, size}, &arena, &arrays, &error),
                         POME_OK);

  image damaged = good;
  uint8_t *element = memmem(damaged.bytes, damaged.size, data, sizeof data);
  assert_non_null(element);
  element[0] ^= 1;
  assert_int_equal(
      pome__npz_parse((pome__bytes){damaged.bytes, damaged.size}, &arena, &arrays, &error),
      POME_INPUT);
  assert_string_equal(error.file, "a.npy");
  pome__arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_both_byte_orders),
      cmocka_unit_test(gives_fortran_order_back_in_c_order),
      cmocka_unit_test(reads_strings_as_utf8),
      cmocka_unit_test(reads_scalars_empty_arrays_and_newer_versions),
      cmocka_unit_test(refuses_what_is_broken),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(refuses_surrogates_in_strings),
      cmocka_unit_test(comes_back_as_written),
      cmocka_unit_test(writes_strided_views_and_keeps_the_old_file_on_failure),
      cmocka_unit_test(reads_deflated_members),
      cmocka_unit_test(refuses_broken_archives),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
