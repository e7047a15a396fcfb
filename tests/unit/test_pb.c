/* The protobuf cursor: every wire type, every way a message can be broken, and where it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/json.h"
#include "wire/pb.h"
#include "wire_writer.h"

#define BYTES(text) ((pome__bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void reads_every_wire_type(void **state) {
  (void)state;
  wire m = {0};
  wire_uint(&m, 1, UINT64_MAX);
  wire_fixed64(&m, 2, 0x0123456789abcdefu);
  wire_text(&m, 536870911, "text");
  wire_fixed32(&m, 16, 0xfedcba98u);
  pome__pb pb = pome__pb_open(wire_view(&m));
  pome__pb_field f;
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_true(f.number == 1 && f.wire == POME__PB_VARINT && f.value == UINT64_MAX);
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_true(f.number == 2 && f.wire == POME__PB_I64 && f.value == 0x0123456789abcdefu);
  assert_int_equal(pome__pb_offset(&pb, &f), 11);
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_true(f.number == 536870911 && f.wire == POME__PB_LEN && f.bytes.size == 4);
  assert_memory_equal(f.bytes.data, "text", 4);
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_true(f.number == 16 && f.wire == POME__PB_I32 && f.value == 0xfedcba98u);
  assert_false(pome__pb_next(&pb, &f, NULL));
  assert_int_equal(pb.status, POME_OK);
  wire_free(&m);
}

static void refuses_broken_messages(void **state) {
  (void)state;
  const struct {
    const char *why;
    pome__bytes message;
    uint64_t offset;
  } cases[] = {
      {"varint cut", BYTES("\x08\x80"), 0},
      {"tag cut", BYTES("\x08\x01\x80"), 2},
      {"varint of 11 bytes", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0},
      {"number 0", BYTES("\x08\x01\x02\x00"), 2},
      {"number 2^29", BYTES("\x80\x80\x80\x80\x10\x00"), 0},
      {"group start", BYTES("\x0b\x0c"), 0},
      {"group end", BYTES("\x0c"), 0},
      {"wire type 6", BYTES("\x0e\x00"), 0},
      {"wire type 7", BYTES("\x0f\x00"), 0},
      {"fixed32 cut", BYTES("\x0d\x01\x02\x03"), 0},
      {"fixed64 cut", BYTES("\x09\x01\x02\x03\x04\x05\x06\x07"), 0},
      {"length over the end", BYTES("\x08\x01\x0a\x03\x61\x62"), 2},
      {"length of 2^64-1", BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    pome__pb pb = pome__pb_open(cases[i].message);
    pome__pb_field f;
    pome_error error = {0};
    while (pome__pb_next(&pb, &f, &error)) continue;
    if (pb.status != POME_INPUT) print_error("%s\n", cases[i].why);
    assert_int_equal(pb.status, POME_INPUT);
    assert_int_equal(error.offset, cases[i].offset);
    assert_false(pome__pb_next(&pb, &f, NULL)); /* and goes on to say so */
    assert_int_equal(pb.status, POME_INPUT);
  }
}

/* What a message holds stays in it: a child whose own length runs over its parent is refused. */
static void children_stay_inside(void **state) {
  (void)state;
  pome__pb pb = pome__pb_open(BYTES("\x0a\x02\x0a\x05zzzzz"));
  pome__pb_field f;
  pome_error error = {0};
  assert_true(pome__pb_next(&pb, &f, NULL));
  pome__pb child = pome__pb_enter(&pb, &f);
  assert_false(pome__pb_next(&child, &f, &error));
  assert_int_equal(child.status, POME_INPUT);
  assert_int_equal(error.offset, 2);
}

static pome_status sum(void *context, uint64_t value) {
  *(uint64_t *)context += value;
  return POME_OK;
}

static void repeated_scalars_packed_or_not(void **state) {
  (void)state;
  pome__bytes message = BYTES("\x08\x05\x0a\x03\x01\x80\x01\x0d\x07\x00\x00\x00");
  pome__pb pb = pome__pb_open(message);
  pome__pb_field f;
  uint64_t total = 0;
  for (int i = 0; i < 2; i++) {
    assert_true(pome__pb_next(&pb, &f, NULL));
    assert_int_equal(pome__pb_varints(&pb, &f, sum, &total, NULL), POME_OK);
  }
  assert_int_equal(total, 5 + 1 + 128);
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_int_equal(pome__pb_varints(&pb, &f, sum, &total, NULL), POME_INPUT);
  assert_int_equal(pome__pb_scalars(&pb, &f, POME__PB_I32, sum, &total, NULL), POME_OK);
  assert_int_equal(total, 5 + 1 + 128 + 7);

  pb = pome__pb_open(BYTES("\x0a\x03\x01\x02\x80"));
  assert_true(pome__pb_next(&pb, &f, NULL));
  assert_int_equal(pome__pb_varints(&pb, &f, sum, &total, NULL), POME_INPUT);
  assert_int_equal(pome__pb_scalars(&pb, &f, POME__PB_I32, sum, &total, NULL), POME_INPUT);
}

static void utf8(void **state) {
  (void)state;
  assert_true(pome__utf8_valid(BYTES("")));
  assert_true(pome__utf8_valid(BYTES("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\x8f\xf4\x8f\xbf\xbf")));
  const pome__bytes bad[] = {
      BYTES("a\0b"),
      BYTES("\x80"),
      BYTES("\xc0\xaf"),
      BYTES("\xc3"),
      BYTES("\xe0\x80\xaf"),
      BYTES("\xed\xa0\x80"),
      BYTES("\xf0\x80\x80\xaf"),
      BYTES("\xf4\x90\x80\x80"),
      BYTES("\xf8\x88\x80\x80\x80"),
      BYTES("\xe2\x82"),
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_false(pome__utf8_valid(bad[i]));
}

static void json_has_ceilings(void **state) {
  (void)state;
  json_t *root = NULL;
  pome_error error = {0};
  char deep[130];
  memset(deep, '[', 64);
  memset(deep + 64, ']', 64);
  assert_int_equal(pome__json_parse((pome__bytes){(uint8_t *)deep, 128}, "p", &root, &error),
                   POME_OK);
  json_decref(root);
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  assert_int_equal(pome__json_parse((pome__bytes){(uint8_t *)deep, 130}, "p", &root, &error),
                   POME_INPUT);
  assert_string_equal(error.file, "p");
  assert_int_equal(error.offset, 64);
  assert_int_equal(pome__json_parse(BYTES("{\"a\":1,\"a\":2}"), "p", &root, &error), POME_INPUT);
  assert_int_equal(pome__json_parse(BYTES("{\"a\":\n tru}"), "p", &root, &error), POME_INPUT);
  assert_int_equal(error.line, 2);
  assert_int_equal(pome__json_parse(BYTES("\"\\"), "p", &root, &error), POME_INPUT);
  assert_int_equal(pome__json_parse(BYTES(""), "p", &root, &error), POME_INPUT);
  assert_int_equal(pome__json_parse(BYTES("{\"[[\\\"{\": []}"), "p", &root, &error), POME_OK);
  json_decref(root);
  assert_int_equal(pome__json_read("/nowhere/at/all.json", &root, &error), POME_INPUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_wire_type),
      cmocka_unit_test(refuses_broken_messages),
      cmocka_unit_test(children_stay_inside),
      cmocka_unit_test(repeated_scalars_packed_or_not),
      cmocka_unit_test(utf8),
      cmocka_unit_test(json_has_ceilings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
