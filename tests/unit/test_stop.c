/* Where replies end: tokens from every file that names them and from the template, stop texts
 * across pieces however they are cut, and what is held back meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <pome/llm.h>

static char folder[256];

static void write_file(const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int make_folder(void **context) {
  (void)context;
  snprintf(folder, sizeof folder, "/tmp/pome-stop-XXXXXX");
  assert_non_null(mkdtemp(folder));
  write_file("tokenizer.json", "{\"added_tokens\": ["
                               "{\"id\": 3, \"content\": \"<|im_start|>\", \"special\": true},"
                               "{\"id\": 4, \"content\": \"<|im_end|>\", \"special\": true},"
                               "{\"id\": 5, \"content\": \"</s>\", \"special\": true}],"
                               " \"model\": {\"type\": \"BPE\", \"unk_token\": \"?\", \"vocab\": "
                               "{\"?\": 0, \"a\": 1, \"b\": 2}, \"merges\": []}}");
  return 0;
}

static int remove_folder(void **context) {
  static const char *const names[] = {"tokenizer.json", "config.json", "generation_config.json",
                                      "tokenizer_config.json"};
  (void)context;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  return rmdir(folder);
}

static pome_tokenizer *open_tokenizer(void) {
  char path[512];
  pome_tokenizer *tokenizer;
  pome_error error = {0};
  snprintf(path, sizeof path, "%s/tokenizer.json", folder);
  if (pome_tokenizer_open(path, NULL, &tokenizer, &error) != POME_OK) fail_msg("%s", error.message);
  return tokenizer;
}

static void check_ids(const char *path, const pome_template *chat, const int32_t *want,
                      size_t count) {
  pome_tokenizer *tokenizer = open_tokenizer();
  pome_stops *stops;
  pome_error error = {0};
  size_t have;
  if (pome_stops_create(tokenizer, path, chat, NULL, 0, NULL, &stops, &error) != POME_OK)
    fail_msg("%s", error.message);
  const int32_t *ids = pome_stops_ids(stops, &have);
  assert_int_equal(have, count);
  for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], want[i]);
  for (int32_t id = -1; id < 100; id++) {
    bool listed = false;
    for (size_t i = 0; i < count; i++) listed |= want[i] == id;
    assert_int_equal(pome_stops_is_end(stops, id), listed);
  }
  pome_stops_free(stops);
  pome_tokenizer_close(tokenizer);
}

static void tokens_of_every_source(void **context) {
  (void)context;
  check_ids(folder, NULL, NULL, 0);
  write_file("generation_config.json", "{\"eos_token_id\": [7, 8, 7]}");
  check_ids(folder, NULL, (int32_t[]){7, 8}, 2);
  write_file("config.json", "{\"eos_token_id\": 9, \"text_config\": {\"eos_token_id\": 10}}");
  check_ids(folder, NULL, (int32_t[]){7, 8, 9, 10}, 4);
  write_file("tokenizer_config.json", "{\"eos_token\": {\"content\": \"</s>\"}}");
  check_ids(folder, NULL, (int32_t[]){7, 8, 9, 10, 5}, 5);
  check_ids(NULL, NULL, NULL, 0);
  pome_template *chat;
  pome_error error = {0};
  assert_int_equal(pome_template_open(folder, NULL, NULL, &chat, &error),
                   POME_OK); /* ChatML, by its tokens */
  check_ids(NULL, chat, (int32_t[]){4}, 1);
  check_ids(folder, chat, (int32_t[]){7, 8, 9, 10, 5, 4}, 6);
  pome_template_close(chat);
  static const char *const silent[] = {
      "{{ raise_exception('no') }}", "{% for m in messages %}{{ m.content }} and so on{% endfor %}",
      "nothing"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(pome_template_parse(silent[i], strlen(silent[i]), NULL, &chat, &error),
                     POME_OK);
    check_ids(NULL, chat, NULL, 0);
    pome_template_close(chat);
  }
  write_file("config.json", "{");
  pome_tokenizer *tokenizer = open_tokenizer();
  pome_stops *stops = NULL;
  assert_int_equal(pome_stops_create(tokenizer, folder, NULL, NULL, 0, NULL, &stops, &error),
                   POME_INPUT);
  assert_null(stops);
  pome_tokenizer_close(tokenizer);
}

/* The text in pieces of every length: what comes out, and whether it stopped. */
static void check_text(const char *text, const char *want, bool stop, const pome_string *texts,
                       size_t count) {
  for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
    pome_stops *stops;
    pome_error error = {0};
    char out[256] = "";
    bool stopped = false;
    assert_int_equal(pome_stops_create(NULL, NULL, NULL, texts, count, NULL, &stops, &error),
                     POME_OK);
    for (size_t at = 0; at < strlen(text) && !stopped; at += piece) {
      size_t size = strlen(text) - at < piece ? strlen(text) - at : piece;
      pome_string ready;
      assert_int_equal(
          pome_stops_add(stops, (pome_string){text + at, size}, &ready, &stopped, &error), POME_OK);
      strncat(out, ready.data, ready.size);
      assert_memory_equal(out, want, strlen(out)); /* nothing is passed on too early */
    }
    pome_string rest = pome_stops_finish(stops);
    if (stopped) assert_int_equal(rest.size, 0);
    strncat(out, rest.data, rest.size);
    assert_string_equal(out, want);
    assert_int_equal(stopped, stop);
    pome_stops_free(stops);
  }
}

static void texts_across_pieces(void **context) {
  (void)context;
  const pome_string one[] = {{"END", 3}},
                    several[] = {{"aab", 3}, {"\n\nUser:", 7}, {"\xc3\xa9!", 3}};
  check_text("some text END more", "some text ", true, one, 1);
  check_text("no E, no EN, no more EN", "no E, no EN, no more EN", false, one, 1);
  check_text("EEND", "E", true, one, 1);
  check_text("END", "", true, one, 1);
  check_text("aaaab", "aa", true, several, 3);
  check_text("x\n\n\nUser: y", "x\n", true, several, 3);
  check_text("caf\xc3\xa9 \xc3\xa9!", "caf\xc3\xa9 ", true, several, 3);
  check_text("anything", "anything", false, NULL, 0);
}

static void texts_are_checked(void **context) {
  (void)context;
  pome_string many[65];
  const pome_string empty = {"", 0};
  pome_stops *stops = NULL;
  pome_error error = {0};
  for (size_t i = 0; i < 65; i++) many[i] = (pome_string){"x", 1};
  assert_int_equal(pome_stops_create(NULL, NULL, NULL, &empty, 1, NULL, &stops, &error),
                   POME_USAGE);
  assert_int_equal(pome_stops_create(NULL, NULL, NULL, many, 65, NULL, &stops, &error), POME_USAGE);
  assert_null(stops);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(tokens_of_every_source, make_folder, remove_folder),
      cmocka_unit_test(texts_across_pieces),
      cmocka_unit_test(texts_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
