/* Blobs and hostile paths: nothing leaves the package folder, nothing but regular files is read,
 * and a named pipe does not block. Everything that opens inside a folder is tried both ways:
 * resolved by the system and walked.
 */
#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64]; /* holds in/, a package, and out.txt beside it */

static const char *in_root(const char *name) {
  static char path[4][256];
  static int next;
  char *chosen = path[next++ % 4];
  (void)snprintf(chosen, sizeof path[0], "%s/%s", root, name);
  return chosen;
}

static void write_file(const char *name, const char *text) {
  FILE *file = fopen(in_root(name), "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

static int make_files(void **state) {
  (void)state;
  (void)snprintf(root, sizeof root, "%s", "/tmp/pome-bytes-XXXXXX");
  if (!mkdtemp(root)) return -1;
  if (mkdir(in_root("in"), 0700) || mkdir(in_root("in/weights"), 0700) ||
      mkdir(in_root("out"), 0700))
    return -1;
  write_file("in/a.bin", "hello");
  write_file("in/weights/weight.bin", "weights");
  write_file("in/empty", "");
  write_file("out.txt", "secret");
  write_file("out/secret", "secret");
  return symlink("../out.txt", in_root("in/link")) || symlink("a.bin", in_root("in/near")) ||
         symlink("../out", in_root("in/linked")) || symlink("weights", in_root("in/linked_near")) ||
         mkfifo(in_root("in/pipe"), 0600);
}

static int remove_files(void **state) {
  (void)state;
  static const char *const names[] = {"in/a.bin",
                                      "in/weights/weight.bin",
                                      "in/empty",
                                      "out.txt",
                                      "out/secret",
                                      "in/link",
                                      "in/near",
                                      "in/linked",
                                      "in/linked_near",
                                      "in/pipe",
                                      "in/shrinks",
                                      "in/large",
                                      "in/weights",
                                      "in",
                                      "out",
                                      ""};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)remove(in_root(names[i]));
  return access(root, F_OK) == 0 ? -1 : 0;
}

static void inside(void **state) {
  (void)state;
  static const char *const good[] = {"a", "a/b", "...", "a/..b", ".a", "a.", "a/b/c.bin", "..."};
  static const char *const bad[] = {"",     ".",     "..",   "/a",     "a/",
                                    "a//b", "a/./b", "../a", "a/../b", "a/.."};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(pome__path_is_inside(good[i], strlen(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(pome__path_is_inside(bad[i], strlen(bad[i])));
  assert_false(pome__path_is_inside("a\0b", 3));
  assert_true(pome__path_is_inside("a/..", 1));
}

static void join(void **state) {
  (void)state;
  char buffer[8];
  assert_true(pome__path_join(buffer, sizeof buffer, "abc", "def"));
  assert_string_equal(buffer, "abc/def");
  assert_true(pome__path_join(buffer, sizeof buffer, "abc/", "def"));
  assert_string_equal(buffer, "abc/def");
  assert_true(pome__path_join(buffer, sizeof buffer, NULL, "def"));
  assert_string_equal(buffer, "def");
  assert_false(pome__path_join(buffer, sizeof buffer, "abcd", "def"));
  assert_false(pome__path_join(buffer, sizeof buffer, "abcdefghijk", "d"));
  assert_string_equal(buffer, "def");
}

static void kinds(void **state) {
  (void)state;
  assert_int_equal(pome__path_kind_of(in_root("in")), POME__PATH_FOLDER);
  assert_int_equal(pome__path_kind_of(in_root("in/a.bin")), POME__PATH_FILE);
  assert_int_equal(pome__path_kind_of(in_root("in/near")), POME__PATH_FILE);
  assert_int_equal(pome__path_kind_of(in_root("in/pipe")), POME__PATH_OTHER);
  assert_int_equal(pome__path_kind_of(in_root("in/none")), POME__PATH_MISSING);
  assert_int_equal(pome__path_kind_of(in_root("in/a.bin/x")), POME__PATH_MISSING);
}

static void refused_paths(void **state) {
  (void)state;
  static const char *const refused[] = {"",
                                        "..",
                                        "../out.txt",
                                        "weights/../a.bin",
                                        "/etc/hostname",
                                        "./a.bin",
                                        "weights//weight.bin",
                                        "a.bin/",
                                        "link",
                                        "near",
                                        "linked/secret",
                                        "linked_near/weight.bin",
                                        "weights",
                                        "pipe",
                                        "none",
                                        "a.bin/x"};
  char longest[POME__PATH_LIMIT + 1];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  for (int resolve = 0; resolve < 2; resolve++) {
    for (size_t i = 0; i <= sizeof refused / sizeof *refused; i++) {
      const char *path = i < sizeof refused / sizeof *refused ? refused[i] : longest;
      pome_error error = {.status = POME_OK};
      int file = -7;
      pome_status status = pome__path_open(in_root("in"), path, resolve, &file, &error);
      if (status != POME_INPUT) fail_msg("\"%.100s\" gives status %d", path, status);
      assert_int_equal(file, -7);
      assert_int_equal(error.status, POME_INPUT);
      assert_true(error.message[0] && error.file[0]);
    }
  }
  assert_int_equal(pome__path_open(in_root("in"), "near", true, &(int){0}, NULL), POME_INPUT);
}

static void accepted_paths(void **state) {
  (void)state;
  for (int resolve = 0; resolve < 2; resolve++) {
    int file = -1;
    char text[16] = "";
    assert_int_equal(pome__path_open(in_root("in"), "weights/weight.bin", resolve, &file, NULL),
                     POME_OK);
    assert_int_equal(read(file, text, sizeof text), 7);
    assert_string_equal(text, "weights");
    assert_int_equal(close(file), 0);
  }
}

/* Refusing must not leave descriptors open. */
static void no_descriptor_leaks(void **state) {
  (void)state;
  int before = dup(0);
  assert_int_equal(close(before), 0);
  refused_paths(state);
  accepted_paths(state);
  int after = dup(0);
  assert_int_equal(close(after), 0);
  assert_int_equal(before, after);
}

static void user_paths(void **state) {
  (void)state;
  pome__blob blob;
  assert_int_equal(pome__blob_open(NULL, in_root("in/link"), false, NULL, &blob, NULL), POME_OK);
  assert_int_equal(blob.bytes.size, 6);
  assert_memory_equal(blob.bytes.data, "secret", 6);
  pome__blob_close(&blob);
  pome_error error;
  assert_int_equal(pome__blob_open(NULL, in_root("in"), false, NULL, &blob, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "folder"));
  assert_int_equal(pome__blob_open(NULL, in_root("in/pipe"), false, NULL, &blob, &error),
                   POME_INPUT);
  assert_non_null(strstr(error.message, "named pipe"));
  assert_int_equal(pome__blob_open(NULL, "/dev/zero", false, NULL, &blob, &error), POME_INPUT);
  assert_int_equal(pome__blob_open(NULL, in_root("none"), false, NULL, &blob, &error), POME_INPUT);
  assert_int_equal(error.os_error, ENOENT);
  assert_string_equal(error.file, in_root("none"));
}

static void blobs(void **state) {
  (void)state;
  for (int copy = 0; copy < 2; copy++) {
    pome__blob blob;
    assert_int_equal(pome__blob_open(in_root("in"), "a.bin", copy, NULL, &blob, NULL), POME_OK);
    assert_int_equal(blob.bytes.size, 5);
    assert_memory_equal(blob.bytes.data, "hello", 5);
    assert_string_equal(blob.path, in_root("in/a.bin"));
    assert_int_equal(pome__blob_check(&blob, NULL), POME_OK);
    pome__blob_close(&blob);
    pome__blob_close(&blob);
    assert_int_equal(pome__blob_open(in_root("in"), "empty", copy, NULL, &blob, NULL), POME_OK);
    assert_int_equal(blob.bytes.size, 0);
    assert_non_null(blob.bytes.data);
    assert_int_equal(pome__blob_check(&blob, NULL), POME_OK);
    pome__blob_close(&blob);
  }
  pome__blob zeroed;
  memset(&zeroed, 0, sizeof zeroed);
  pome__blob_close(&zeroed);
  pome__blob_close(NULL);
  assert_int_not_equal(fcntl(0, F_GETFD), -1);
}

static void memory_blobs(void **state) {
  (void)state;
  char data[] = "abc";
  pome__blob borrowed, copied;
  assert_int_equal(pome__blob_from_memory(data, 3, false, NULL, &borrowed, NULL), POME_OK);
  assert_int_equal(pome__blob_from_memory(data, 3, true, NULL, &copied, NULL), POME_OK);
  data[0] = 'x';
  assert_memory_equal(borrowed.bytes.data, "xbc", 3);
  assert_memory_equal(copied.bytes.data, "abc", 3);
  assert_string_equal(borrowed.path, "");
  pome__blob_close(&borrowed);
  pome__blob_close(&copied);
  assert_int_equal(pome__blob_from_memory(NULL, 0, true, NULL, &copied, NULL), POME_OK);
  assert_non_null(copied.bytes.data);
  pome__blob_close(&copied);
}

static void shrinking(void **state) {
  (void)state;
  write_file("in/shrinks", "0123456789");
  pome__blob blob;
  pome_error error;
  assert_int_equal(pome__blob_open(in_root("in"), "shrinks", false, NULL, &blob, NULL), POME_OK);
  assert_int_equal(pome__blob_check(&blob, &error), POME_OK);
  assert_int_equal(truncate(in_root("in/shrinks"), 4), 0);
  assert_int_equal(pome__blob_check(&blob, &error), POME_IO);
  assert_non_null(strstr(error.message, "shrunk"));
  assert_string_equal(error.file, in_root("in/shrinks"));
  pome__blob_close(&blob);
}

static void too_large(void **state) {
  (void)state;
  write_file("in/large", "x");
  if (truncate(in_root("in/large"), (off_t)POME__FILE_LIMIT + 1) != 0) {
    print_message("SKIP: this file system has no sparse files of that size\n");
    skip();
  }
  pome__blob blob;
  assert_int_equal(pome__blob_open(in_root("in"), "large", false, NULL, &blob, NULL), POME_INPUT);
  assert_int_equal(pome__blob_open(in_root("in"), "large", true, NULL, &blob, NULL), POME_INPUT);
}

static void forgetting(void **state) {
  (void)state;
  pome__blob blob;
  assert_int_equal(truncate(in_root("in/a.bin"), 200000), 0);
  assert_int_equal(pome__blob_open(in_root("in"), "a.bin", false, NULL, &blob, NULL), POME_OK);
  pome__blob_forget(&blob, 0, 200000);
  pome__blob_forget(&blob, 1, SIZE_MAX);
  pome__blob_forget(&blob, SIZE_MAX, 1);
  assert_memory_equal(blob.bytes.data, "hello", 6);
  pome__blob_close(&blob);
  assert_int_equal(truncate(in_root("in/a.bin"), 5), 0);
}

/* Every allocation may fail; nothing is left behind. */
typedef struct budget {
  int left, live;
} budget;

static void *budget_allocate(void *context, size_t size) {
  budget *b = context;
  if (b->left-- <= 0) return NULL;
  b->live++;
  return malloc(size);
}

static void budget_free(void *context, void *pointer, size_t size) {
  (void)size;
  ((budget *)context)->live--;
  free(pointer);
}

static void without_memory(void **state) {
  (void)state;
  for (int left = 0; left < 2; left++) {
    budget b = {.left = left};
    pome_allocator allocator = {&b, budget_allocate, NULL, budget_free};
    pome__blob blob;
    pome_error error;
    assert_int_equal(pome__blob_open(in_root("in"), "a.bin", true, &allocator, &blob, &error),
                     POME_MEMORY);
    b.left = left;
    assert_int_equal(pome__blob_from_memory("abc", 3, true, &allocator, &blob, &error),
                     POME_MEMORY);
    assert_int_equal(b.live, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inside),         cmocka_unit_test(join),
      cmocka_unit_test(kinds),          cmocka_unit_test(refused_paths),
      cmocka_unit_test(accepted_paths), cmocka_unit_test(no_descriptor_leaks),
      cmocka_unit_test(user_paths),     cmocka_unit_test(blobs),
      cmocka_unit_test(memory_blobs),   cmocka_unit_test(shrinking),
      cmocka_unit_test(too_large),      cmocka_unit_test(forgetting),
      cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, make_files, remove_files);
}
