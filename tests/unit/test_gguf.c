/* GGUF files: every kind of value and what it reads as, tensors and their places, and files that
 * are wrong: cut anywhere, with lengths that lie, with names that stand there twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gguf_writer.h"
#include "text_model.h"

typedef struct opened {
  pome__arena arena;
  pome__gguf gguf;
  pome_error error;
  pome_status status;
} opened;

static opened open_bytes(pome__bytes bytes) {
  opened o = {0};
  pome__arena_init(&o.arena, NULL, (size_t)64 << 20);
  o.status = pome__gguf_parse(bytes, &o.arena, &o.gguf, &o.error);
  return o;
}

static void close_opened(opened *o) {
  pome__arena_free(&o->arena);
}

/* ---- what is in files ---- */

static const struct {
  const char *key;
  pome__gguf_kind kind;
  uint64_t bits;
  size_t bytes;
  double real;
} numbers[] = {
    {"u8", POME__GGUF_UINT8, 255, 1, 255},
    {"i8", POME__GGUF_INT8, 0xff, 1, -1},
    {"u16", POME__GGUF_UINT16, 65535, 2, 65535},
    {"i16", POME__GGUF_INT16, 0x8000, 2, -32768},
    {"u32", POME__GGUF_UINT32, 0xffffffff, 4, 4294967295.0},
    {"i32", POME__GGUF_INT32, 0xfffffffe, 4, -2},
    {"f32", POME__GGUF_FLOAT32, 0x3fc00000, 4, 1.5},
    {"u64", POME__GGUF_UINT64, (uint64_t)1 << 40, 8, 1099511627776.0},
    {"i64", POME__GGUF_INT64, UINT64_MAX - 2, 8, -3},
    {"f64", POME__GGUF_FLOAT64, 0xc004000000000000, 8, -2.5},
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static void write_everything(gguf_writer *w) {
  static const char *const words[] = {"one", "", "three"};
  static const uint64_t dims[] = {64, 3};
  gguf_begin(w, 3);
  for (size_t i = 0; i < NUMBERS; i++) {
    gguf_key(w, numbers[i].key, numbers[i].kind);
    gguf_put_number(w, numbers[i].bits, numbers[i].bytes);
  }
  gguf_bool(w, "yes", true);
  gguf_bool(w, "no", false);
  gguf_string(w, "text", "a text");
  gguf_strings(w, "words", words, 3);
  gguf_i32s(w, "list", (const int32_t[]){5, -6}, 2);
  gguf_array(w, "nested", POME__GGUF_ARRAY, 2);
  for (uint64_t size = 0; size < 2; size++) {
    gguf_put_number(w, POME__GGUF_UINT8, 4);
    gguf_put_number(w, size, 8);
    gguf_put_number(w, 7, size);
  }
  gguf_u32(w, "general.alignment", 64);
  gguf_tensor(w, "b.weight", dims, 2, 2, 0);   /* Q4_0: 6 blocks of 18 bytes */
  gguf_tensor(w, "a", dims, 1, 1, 128);        /* F16 */
  gguf_tensor(w, "later", dims, 2, 1000, 256); /* of a type that is not known */
  gguf_tensor(w, "point", NULL, 0, 0, 256);
  gguf_end(w, 64, 320);
}

static void values(void **context) {
  (void)context;
  gguf_writer w;
  int64_t integer;
  double real;
  bool flag;
  pome_string text;
  write_everything(&w);
  opened o = open_bytes((pome__bytes){w.data, w.size});
  check_ok(o.status, &o.error);
  assert_int_equal(o.gguf.version, 3);
  for (size_t i = 0; i < NUMBERS; i++) {
    const pome__gguf_value *value = pome__gguf_find(&o.gguf, numbers[i].key);
    bool whole = numbers[i].kind != POME__GGUF_FLOAT32 && numbers[i].kind != POME__GGUF_FLOAT64;
    assert_true(pome__gguf_real(value, &real));
    assert_true(real == numbers[i].real);
    assert_int_equal(pome__gguf_integer(value, &integer), whole);
    if (whole) assert_int_equal(integer, (int64_t)numbers[i].real);
    assert_false(pome__gguf_bool(value, &flag));
    assert_false(pome__gguf_string(value, &text));
  }
  assert_true(pome__gguf_bool(pome__gguf_find(&o.gguf, "yes"), &flag) && flag);
  assert_true(pome__gguf_bool(pome__gguf_find(&o.gguf, "no"), &flag) && !flag);
  assert_false(pome__gguf_integer(pome__gguf_find(&o.gguf, "yes"), &integer));
  assert_true(pome__gguf_string(pome__gguf_find(&o.gguf, "text"), &text));
  assert_int_equal(text.size, 6);
  assert_memory_equal(text.data, "a text", 6);
  assert_null(pome__gguf_find(&o.gguf, "tex"));
  assert_null(pome__gguf_find(&o.gguf, "text2"));
  assert_false(pome__gguf_integer(NULL, &integer) || pome__gguf_string(NULL, &text));
  close_opened(&o);
  gguf_free(&w);
}

static void arrays(void **context) {
  (void)context;
  static const char *const words[] = {"one", "", "three"};
  gguf_writer w;
  int64_t integer;
  write_everything(&w);
  opened o = open_bytes((pome__bytes){w.data, w.size});
  check_ok(o.status, &o.error);
  const pome__gguf_value *value = pome__gguf_find(&o.gguf, "words");
  assert_int_equal(value->element, POME__GGUF_STRING);
  assert_int_equal(value->count, 3);
  pome__bytes rest = value->bytes;
  for (size_t i = 0; i < 3; i++) {
    pome_string word = pome__gguf_next_string(&rest);
    assert_int_equal(word.size, strlen(words[i]));
    assert_memory_equal(word.data, words[i], word.size);
  }
  assert_int_equal(rest.size, 0);
  value = pome__gguf_find(&o.gguf, "list");
  pome__gguf_value element = pome__gguf_element(value, 1);
  assert_true(pome__gguf_integer(&element, &integer));
  assert_int_equal(integer, -6);
  value = pome__gguf_find(&o.gguf, "nested");
  assert_int_equal(value->element, POME__GGUF_ARRAY);
  assert_int_equal(value->count, 2);
  assert_int_equal(value->bytes.size, 12 + 13);
  close_opened(&o);
  gguf_free(&w);
}

static void tensors(void **context) {
  (void)context;
  gguf_writer w;
  write_everything(&w);
  opened o = open_bytes((pome__bytes){w.data, w.size});
  check_ok(o.status, &o.error);
  size_t begin = w.size - 320;
  assert_int_equal(o.gguf.tensor_count, 4);
  assert_int_equal(o.gguf.alignment, 64);
  const pome__gguf_tensor *b = pome__gguf_find_tensor(&o.gguf, "b.weight"),
                          *a = pome__gguf_find_tensor(&o.gguf, "a"),
                          *later = pome__gguf_find_tensor(&o.gguf, "later"),
                          *point = pome__gguf_find_tensor(&o.gguf, "point");
  assert_int_equal(b->rank, 2);
  assert_int_equal(b->dims[0], 64);
  assert_int_equal(b->dims[1], 3);
  assert_int_equal(b->data.size, 6 * 18);
  assert_int_equal(b->offset, begin);
  assert_ptr_equal(b->data.data, w.data + begin);
  assert_int_equal(a->data.size, 128);
  assert_int_equal(a->offset, begin + 128);
  assert_int_equal(later->data.size, 0);
  assert_int_equal(point->rank, 0);
  assert_int_equal(point->data.size, 4);
  assert_null(pome__gguf_find_tensor(&o.gguf, "b"));
  close_opened(&o);
  gguf_free(&w);
}

static void types(void **context) {
  (void)context;
  for (uint32_t id = 0; id < 64; id++) {
    const pome__ggml_type *type = pome__ggml_type_of(id);
    if (type == NULL) continue;
    assert_int_equal(type->id, id);
    /* Blocks are powers of two; an element takes between one bit and 64, and some for its scale. */
    assert_int_equal(type->block & (type->block - 1), 0);
    double bits = 8.0 * type->bytes / type->block;
    assert_true(bits > 1 && bits <= 64);
  }
  assert_string_equal(pome__ggml_type_of(12)->name, "Q4_K");
  assert_null(pome__ggml_type_of(4));
  assert_null(pome__ggml_type_of(UINT32_MAX));
}

/* ---- files that are wrong ---- */

static void cut_anywhere(void **context) {
  (void)context;
  gguf_writer w;
  write_everything(&w);
  for (size_t size = 0; size < w.size; size++) {
    uint8_t *copy = malloc(size + 1); /* exact, for the sanitizer */
    assert_non_null(copy);
    memcpy(copy, w.data, size);
    opened o = open_bytes((pome__bytes){copy, size});
    /* Zeros at the end belong to no tensor's data. */
    if (o.status != POME_OK) assert_int_equal(o.status, POME_INPUT);
    else assert_true(size >= w.size - 320 + 260);
    close_opened(&o);
    free(copy);
  }
  gguf_free(&w);
}

static void versions(void **context) {
  (void)context;
  static const struct {
    uint32_t version;
    pome_status status;
    const char *message;
  } cases[] = {{2, POME_OK, ""},
               {3, POME_OK, ""},
               {1, POME_UNSUPPORTED, "version 1"},
               {4, POME_UNSUPPORTED, "version 4"},
               {0, POME_UNSUPPORTED, "version 0"},
               {0x03000000, POME_UNSUPPORTED, "big-endian"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    gguf_writer w;
    gguf_begin(&w, cases[i].version);
    opened o = open_bytes(gguf_end(&w, 1, 0));
    assert_int_equal(o.status, cases[i].status);
    if (o.status != POME_OK) assert_non_null(strstr(o.error.message, cases[i].message));
    close_opened(&o);
    gguf_free(&w);
  }
}

static const uint64_t large[] = {(uint64_t)1 << 40, (uint64_t)1 << 40, 1, 1, 1};

static void wrong_counts(gguf_writer *w, int which) {
  gguf_end(w, 1, 0);
  for (int i = 0; i < 8; i++) w->data[(which == 0 ? 8 : 16) + i] = 0x7f;
}
static void no_key(gguf_writer *w, int which) {
  gguf_u32(w, which == 0 ? "" : "a", 1);
  if (which == 1) w->data[24] = w->data[30] = 0xff; /* the key's length */
  gguf_end(w, 1, 0);
}
static void wrong_kind(gguf_writer *w, int which) {
  if (which == 0) gguf_key(w, "a", (pome__gguf_kind)13);
  if (which == 1) gguf_array(w, "a", (pome__gguf_kind)13, 1);
  gguf_put_number(w, 0, 8);
  gguf_end(w, 1, 0);
}
static void long_array(gguf_writer *w, int which) {
  static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 8 + 2, 3};
  gguf_array(w, "a", which == 2 ? POME__GGUF_STRING : POME__GGUF_FLOAT64, counts[which]);
  gguf_put_number(w, UINT64_MAX, 8);
  gguf_put_number(w, UINT64_MAX, 8);
  gguf_put_number(w, UINT64_MAX, 8);
  gguf_end(w, 1, 0);
}
static void deep_array(gguf_writer *w, int which) {
  gguf_array(w, "a", POME__GGUF_ARRAY, 1);
  for (int i = 0; i < (which == 0 ? POME__GGUF_NESTING : 100000); i++) {
    gguf_put_number(w, POME__GGUF_ARRAY, 4);
    gguf_put_number(w, 1, 8);
  }
  gguf_end(w, 1, 0);
}
static void twice(gguf_writer *w, int which) {
  for (int i = 0; i < 2; i++) {
    if (which == 0) gguf_u32(w, "same", 1);
    else gguf_tensor(w, "same", large + 2, 1, 0, 0);
  }
  gguf_end(w, 32, 64);
}
static void wrong_tensor(gguf_writer *w, int which) {
  static const uint64_t huge[] = {UINT64_MAX}, odd[] = {33};
  switch (which) {
  case 0: gguf_tensor(w, "t", large, 2, 0, 0); break; /* 2^80 elements */
  case 1: gguf_tensor(w, "t", large, 1, 0, 0); break; /* beyond the file */
  case 2: gguf_tensor(w, "t", large + 2, 1, 0, 16); break;
  case 3: gguf_tensor(w, "t", large + 2, 1, 0, (uint64_t)1 << 63); break;
  case 4: gguf_tensor(w, "t", huge, 1, 0, 0); break;
  case 5: gguf_tensor(w, "t", odd, 1, 2, 0); break; /* not whole blocks */
  case 6: gguf_tensor(w, "t", large, 5, 0, 0); break;
  default: gguf_tensor(w, "", large + 2, 1, 0, 0); break;
  }
  gguf_end(w, 32, 64);
}
static void wrong_alignment(gguf_writer *w, int which) {
  static const uint32_t alignments[] = {0, 3, UINT32_MAX};
  if (which < 3) gguf_u32(w, "general.alignment", alignments[which]);
  else gguf_string(w, "general.alignment", "32");
  gguf_end(w, 32, 0);
}

static void lies(void **context) {
  (void)context;
  static const struct {
    void (*write)(gguf_writer *, int);
    int count;
  } kinds[] = {{wrong_counts, 2}, {no_key, 2}, {wrong_kind, 2},   {long_array, 3},
               {deep_array, 2},   {twice, 2},  {wrong_tensor, 8}, {wrong_alignment, 4}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    for (int which = 0; which < kinds[i].count; which++) {
      gguf_writer w;
      gguf_begin(&w, 3);
      kinds[i].write(&w, which);
      opened o = open_bytes((pome__bytes){w.data, w.size});
      if (o.status != POME_INPUT) fail_msg("lie %zu.%d: status %d", i, which, o.status);
      assert_non_null(strstr(o.error.message, "GGUF: "));
      close_opened(&o);
      gguf_free(&w);
    }
  }
}

/* ---- many ---- */

static double seconds_to_open(pome__bytes bytes) {
  clock_t begin = clock();
  opened o = open_bytes(bytes);
  check_ok(o.status, &o.error);
  close_opened(&o);
  return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* Keys that differ at their end only, and a long list of strings. */
static void many(void **context) {
  (void)context;
  char key[128];
  gguf_writer w;
  gguf_begin(&w, 3);
  for (int i = 0; i < POME__GGUF_ENTRIES - 1; i++) {
    snprintf(key, sizeof key, "%0100d", i * 7919 % 65521 + 65536 * (i / 65521));
    gguf_u32(&w, key, (uint32_t)i);
  }
  gguf_array(&w, "strings", POME__GGUF_STRING, 250000);
  for (int i = 0; i < 250000; i++) gguf_put_text(&w, "token", 5);
  double seconds = seconds_to_open(gguf_end(&w, 32, 0));
  printf("%d keys and 250000 strings in %.0f ms\n", POME__GGUF_ENTRIES, 1e3 * seconds);
  assert_true(seconds < 2); /* under a sanitizer on a busy machine */
  w.entries++;
  opened o = open_bytes(gguf_end(&w, 32, 0));
  assert_int_equal(o.status, POME_INPUT);
  close_opened(&o);
  gguf_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values),       cmocka_unit_test(arrays),
                                     cmocka_unit_test(tensors),      cmocka_unit_test(types),
                                     cmocka_unit_test(cut_anywhere), cmocka_unit_test(versions),
                                     cmocka_unit_test(lies),         cmocka_unit_test(many)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
