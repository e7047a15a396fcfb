/* Messages written in one stream: lengths of nested messages, and code that does not emit the same
 * twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/pb.h"
#include "wire/pb_writer.h"
#include "wire_writer.h"

static pome_status append(void *context, const void *data, size_t size, pome_error *error) {
  (void)error;
  wire_raw(context, data, size);
  return POME_OK;
}

/* Nested so deep that the outer lengths take more than one byte each. */
static void emit_nested(pome__pb_writer *w, void *context) {
  int depth = *(int *)context;
  static const char text[100] = "x";
  for (int i = 0; i < depth; i++) {
    pome__pb_begin(w, 1);
    pome__pb_put_bytes(w, 2, text, sizeof(text));
  }
  pome__pb_put_uint(w, 3, UINT64_MAX);
  pome__pb_put_uint(w, 4, 0x01020304);
  pome__pb_begin(w, 6);
  pome__pb_end(w);
  for (int i = 0; i < depth; i++) pome__pb_end(w);
}

static void messages_hold_their_lengths(void **state) {
  (void)state;
  int depth = 300;
  pome_error error = {0};
  wire out = {0};
  pome__byte_sink sink = {&out, append};
  assert_int_equal(pome__pb_write(NULL, &sink, emit_nested, &depth, &error), POME_OK);
  pome__pb pb = pome__pb_open(wire_view(&out));
  pome__pb_field field;
  for (int i = 0; i < depth; i++) {
    assert_true(pome__pb_next(&pb, &field, &error));
    assert_true(field.number == 1 && field.wire == POME__PB_LEN);
    assert_ptr_equal(field.bytes.data + field.bytes.size, out.data + out.size);
    pb = pome__pb_enter(&pb, &field);
    assert_true(pome__pb_next(&pb, &field, &error));
    assert_true(field.number == 2 && field.bytes.size == 100);
  }
  static const uint64_t values[] = {UINT64_MAX, 0x01020304};
  for (uint32_t i = 0; i < 2; i++) {
    assert_true(pome__pb_next(&pb, &field, &error));
    assert_true(field.number == i + 3 && field.value == values[i]);
  }
  assert_true(pome__pb_next(&pb, &field, &error));
  assert_true(field.number == 6 && field.bytes.size == 0);
  assert_false(pome__pb_next(&pb, &field, &error));
  assert_int_equal(pb.status, POME_OK);
  wire_free(&out);
}

static void emit_unequal(pome__pb_writer *w, void *context) {
  int *calls = context;
  for (int i = 0; i <= *calls; i++) pome__pb_put_uint(w, 1, 1);
  ++*calls;
}

static void messages_that_change_are_noticed(void **state) {
  (void)state;
  int calls = 0;
  pome_error error = {0};
  wire out = {0};
  pome__byte_sink sink = {&out, append};
  assert_int_equal(pome__pb_write(NULL, &sink, emit_unequal, &calls, &error), POME_INTERNAL);
  wire_free(&out);
}

/* A sink that is full fails once and is not asked again. */
static pome_status refuse(void *context, const void *data, size_t size, pome_error *error) {
  (void)data, (void)size;
  ++*(int *)context;
  return pome__fail(error, POME_IO, "full");
}

static void emit_much(pome__pb_writer *w, void *context) {
  for (int i = 0; i < 100; i++) pome__pb_put_bytes(w, 1, context, 1000);
}

static void a_full_sink_ends_it(void **state) {
  (void)state;
  static char bytes[1000];
  int calls = 0;
  pome_error error = {0};
  pome__byte_sink sink = {&calls, refuse};
  assert_int_equal(pome__pb_write(NULL, &sink, emit_much, bytes, &error), POME_IO);
  assert_int_equal(calls, 1);
  assert_string_equal(error.message, "full");
}

static void emit_too_much(pome__pb_writer *w, void *context) {
  for (int i = 0; i < 2200; i++) pome__pb_put_bytes(w, 1, context, (size_t)1 << 20);
}

/* Found while sizes are counted: nothing is written of a message that nobody could read. */
static void two_gigabytes_are_refused(void **state) {
  (void)state;
  static char bytes[1 << 20];
  int calls = 0;
  pome_error error = {0};
  pome__byte_sink sink = {&calls, refuse};
  assert_int_equal(pome__pb_write(NULL, &sink, emit_too_much, bytes, &error), POME_UNSUPPORTED);
  assert_int_equal(calls, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_hold_their_lengths),
      cmocka_unit_test(messages_that_change_are_noticed),
      cmocka_unit_test(a_full_sink_ends_it),
      cmocka_unit_test(two_gigabytes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
