/* Byte-level tokenizers: a tiny one written here, whose ids follow by hand. What a file asks for
 * and is not understood must be refused, not guessed. test_tokenizer_cases.c has real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <pome/llm.h>

#include "budget.h"
#include "text_model.h"

/* Opens a tokenizer.json of that text. */
static pome_status open_with(const pome_allocator *allocator, const char *text,
                             pome_tokenizer **tokenizer, pome_error *error) {
  char path[] = "/tmp/pome-tokenizer-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  FILE *stream = fdopen(file, "w");
  assert_non_null(stream);
  fputs(text, stream);
  assert_int_equal(fclose(stream), 0);
  pome_status status = pome_tokenizer_open(path, allocator, tokenizer, error);
  unlink(path);
  return status;
}

static pome_status open_json(const char *text, pome_tokenizer **tokenizer, pome_error *error) {
  return open_with(NULL, text, tokenizer, error);
}

#define NORMAL "\"normalizer\": null"
#define PRE                                                                                        \
  "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}"
#define DECODER "\"decoder\": {\"type\": \"ByteLevel\"}"
#define ADDED                                                                                      \
  "\"added_tokens\": [{\"id\": 12, \"content\": \"<|end|>\", \"special\": true}, {\"id\": 13, "    \
  "\"content\": \"<|end|>>\", "                                                                    \
  "\"special\": false}]"
/* U+0120 is the space and U+010A the newline of the byte alphabet; U+00C3 U+00A9 are the two bytes
 * of an e with acute. */
#define VOCAB                                                                                      \
  "\"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"\\u0120\": 3, \"ab\": 4, \"\\u0120a\": 5, "         \
  "\"abc\": 6, \"aa\": 7, \"\\u00c3\": 8, "                                                        \
  "\"\\u00a9\": 9, \"\\u00c3\\u00a9\": 10, \"\\u010a\": 11, \"<\": 14}"
#define MERGES "\"merges\": [\"a b\", [\"\\u0120\", \"a\"], \"ab c\", \"a a\", \"\\u00c3 \\u00a9\"]"
#define MODEL  "\"model\": {\"type\": \"BPE\", " VOCAB ", " MERGES "}"
#define FILE_OF(normal, added, pre, decoder, model)                                                \
  "{" normal ", " added ", " pre ", " decoder ", " model "}"
#define TINY FILE_OF(NORMAL, ADDED, PRE, DECODER, MODEL)

static void expect(const pome_tokenizer *t, const char *text, size_t size, const int32_t *want,
                   size_t count) {
  int32_t ids[64];
  size_t got = 0;
  pome_error error;
  check_ok(pome_tokenizer_encode(t, text, size, ids, 64, &got, &error), &error);
  for (size_t i = 0; i < got && i < count; i++) {
    if (ids[i] != want[i])
      fail_msg("\"%s\": id %zu is %d; %d is expected", text, i, ids[i], want[i]);
  }
  if (got != count) fail_msg("\"%s\": %zu ids; %zu are expected", text, got, count);
}
#define EXPECT(t, text, ...)                                                                       \
  expect(t, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__},                                \
         sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void by_hand(void **context) {
  (void)context;
  pome_tokenizer *t;
  pome_error error;
  check_ok(open_json(TINY, &t, &error), &error);
  assert_int_equal(pome_tokenizer_vocab_size(t), 15);
  expect(t, "", 0, NULL, 0);
  EXPECT(t, "abc", 6);
  EXPECT(t, "aabc", 0, 6); /* "a b" comes before "a a" */
  EXPECT(t, "aaa", 7, 0);  /* equal ranks: the left pair first */
  EXPECT(t, "aaaa", 7, 7);
  EXPECT(t, "ab ab", 4, 3, 4); /* "a b" also comes before " a" */
  EXPECT(t, "c a", 2, 5);
  EXPECT(t, "a  a", 0, 3, 5); /* the last space goes to the word */
  EXPECT(t, "a\n\na", 0, 11, 11, 0);
  EXPECT(t, "\xc3\xa9", 10);
  EXPECT(t, "ab<|end|>c", 4, 12, 2);
  EXPECT(t, "<|end|>><|end|>", 13, 12); /* the longest added token wins */
  EXPECT(t, "<a<|end|>", 14, 0, 12);
  /* Too little room: how many there are is told, and what fits is written. */
  int32_t two[3] = {-7, -7, -7};
  size_t count = 0;
  check_ok(pome_tokenizer_encode(t, "a b c", 5, two, 2, &count, &error), &error);
  assert_int_equal(count, 5);
  assert_int_equal(two[0], 0);
  assert_int_equal(two[1], 3);
  assert_int_equal(two[2], -7);
  pome_tokenizer_close(t);
}

static void looking_up(void **context) {
  (void)context;
  pome_tokenizer *t;
  pome_error error;
  check_ok(open_json(TINY, &t, &error), &error);
  pome_string piece = pome_tokenizer_piece(t, 5);
  assert_int_equal(piece.size, 2);
  assert_memory_equal(piece.data, " a", 2);
  piece = pome_tokenizer_piece(t, 10);
  assert_int_equal(piece.size, 2);
  assert_memory_equal(piece.data, "\xc3\xa9", 2);
  assert_int_equal(pome_tokenizer_piece(t, 12).size, 7);
  assert_int_equal(pome_tokenizer_piece(t, -1).size, 0);
  assert_int_equal(pome_tokenizer_piece(t, 15).size, 0);
  assert_true(pome_tokenizer_is_special(t, 12));
  assert_false(pome_tokenizer_is_special(t, 13));
  assert_false(pome_tokenizer_is_special(t, 99));
  assert_int_equal(pome_tokenizer_find(t, "<|end|>", 7), 12);
  assert_int_equal(pome_tokenizer_find(t, " a", 2), 5);
  assert_int_equal(pome_tokenizer_find(t, "zz", 2), -1);
  pome_tokenizer_close(t);
}

static void texts_are_checked(void **context) {
  (void)context;
  static const char *const bad[] = {
      "a\xff", "\xc3", "a\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"};
  pome_tokenizer *t;
  pome_error error;
  int32_t ids[8];
  size_t count = 77;
  check_ok(open_json(TINY, &t, &error), &error);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(pome_tokenizer_encode(t, bad[i], strlen(bad[i]), ids, 8, &count, &error),
                     POME_INPUT);
    assert_non_null(strstr(error.message, "UTF-8"));
  }
  assert_int_equal(pome_tokenizer_encode(t, "az", 2, ids, 8, &count, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "0x7a"));
  assert_int_equal(pome_tokenizer_encode(t, "a\0a", 3, ids, 8, &count, &error),
                   POME_INPUT); /* NUL is text: only its token is missing */
  assert_non_null(strstr(error.message, "0x00"));
  assert_int_equal(count, 77);
  pome_tokenizer_close(t);
}

/* The space that a file wants before a text, and a pattern of the file's own. */
static void ways_to_cut(void **context) {
  (void)context;
  pome_tokenizer *t;
  pome_error error;
  check_ok(
      open_json(FILE_OF(NORMAL, ADDED,
                        "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true}",
                        DECODER, MODEL),
                &t, &error),
      &error);
  EXPECT(t, "a", 5);
  EXPECT(t, " a", 5);
  EXPECT(t, "a<|end|>a", 5, 12, 5);
  expect(t, "", 0, NULL, 0);
  pome_tokenizer_close(t);
#define SPLIT(pattern)                                                                             \
  "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", "         \
  "\"pattern\": {\"Regex\": \"" pattern "\"}, "                                                    \
  "\"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "                     \
  "\"add_prefix_space\": false, \"use_regex\": false}]}"
  check_ok(open_json(FILE_OF(NORMAL, ADDED, SPLIT("b"), DECODER, MODEL), &t, &error), &error);
  EXPECT(t, "abc", 0, 1, 2); /* b stands alone, and so do its neighbours */
  EXPECT(t, "aabaa", 7, 1, 7);
  pome_tokenizer_close(t);
  check_ok(open_json(FILE_OF(NORMAL, ADDED, SPLIT("b*"), DECODER, MODEL), &t, &error), &error);
  EXPECT(t, "aabbaa", 7, 1, 1, 7); /* empty matches cut nothing */
  EXPECT(t,
         "\xc3\xa9"
         "b",
         10, 1);
  pome_tokenizer_close(t);
  check_ok(open_json(FILE_OF(NORMAL, ADDED, PRE, DECODER,
                             "\"model\": {\"type\": \"BPE\", \"ignore_merges\": true, " VOCAB
                             ", \"merges\": []}"),
                     &t, &error),
           &error);
  EXPECT(t, "abc", 6);
  EXPECT(t, "abcc", 0, 1, 2, 2);
  pome_tokenizer_close(t);
  check_ok(open_json(FILE_OF(NORMAL, ADDED, PRE, DECODER, "\"model\": {" VOCAB ", " MERGES "}"), &t,
                     &error),
           &error);
  EXPECT(t, "abc", 6);
  pome_tokenizer_close(t);
}

static void files_are_checked(void **context) {
  (void)context;
  static const struct {
    const char *text, *message;
    pome_status status;
  } bad[] = {
      {"", "JSON", POME_INPUT},
      {"[]", "an object is expected", POME_INPUT},
      {"{\"model\": 3}", "no \"model\"", POME_INPUT},
      {"{\"model\": {}}", "model type", POME_UNSUPPORTED},
      {"{\"model\": {\"type\": \"BPE\"}}", "no \"vocab\"", POME_INPUT},
      {FILE_OF("\"normalizer\": {\"type\": \"Odd\"}", ADDED, PRE, DECODER, MODEL),
       "normalizer \"Odd\"", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, PRE, "\"decoder\": {\"type\": \"CTC\"}", MODEL), "decoder \"CTC\"",
       POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, PRE, "\"decoder\": {\"type\": \"Metaspace\"}", MODEL),
       "without a ByteLevel decoder", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, "\"pre_tokenizer\": null", DECODER, MODEL),
       "without a ByteLevel pre-tokenizer", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, "\"pre_tokenizer\": {\"type\": \"UnicodeScripts\"}", DECODER, MODEL),
       "\"UnicodeScripts\"", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, SPLIT("[a&&b]"), DECODER, MODEL), "&&", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, SPLIT("[a[^b]]"), DECODER, MODEL), "taken out", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, SPLIT("(a"), DECODER, MODEL), "pattern is wrong at character 2",
       POME_INPUT},
      {FILE_OF(NORMAL, "\"added_tokens\": [{\"id\": 12, \"content\": \"\"}]", PRE, DECODER, MODEL),
       "no text", POME_INPUT},
      {FILE_OF(NORMAL, "\"added_tokens\": [{\"id\": 4000000, \"content\": \"x\"}]", PRE, DECODER,
               MODEL),
       "the largest id", POME_INPUT},
      {FILE_OF(NORMAL, "\"added_tokens\": []", PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}"),
       "the largest id", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER, "\"model\": {\"type\": \"Unigram\"}"), "not BPE",
       POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", \"end_of_word_suffix\": \"</w>\", " VOCAB "}"),
       "</w>", POME_UNSUPPORTED},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}}"),
       "used twice", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -4294967295}}"),
       "negative", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"0\"}}"),
       "an integer is expected", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", " VOCAB ", \"merges\": [\"a  \"]}"),
       "not a pair", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", " VOCAB ", \"merges\": [\"a z\"]}"),
       "lacks", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", " VOCAB ", \"merges\": [\"ab\"]}"),
       "not a pair", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", " VOCAB ", \"merges\": [[\"a\", 1]]}"),
       "not a pair", POME_INPUT},
      {FILE_OF(NORMAL, ADDED, PRE, DECODER,
               "\"model\": {\"type\": \"BPE\", " VOCAB ", \"merges\": [\"b a\"]}"),
       "merge 0", POME_INPUT},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    pome_tokenizer *t = NULL;
    pome_error error = {0};
    pome_status status = open_json(bad[i].text, &t, &error);
    if (status != bad[i].status || strstr(error.message, bad[i].message) == NULL) {
      fail_msg("file %zu: %s, \"%s\"; \"%s\" is expected", i, pome_status_text(status),
               error.message, bad[i].message);
    }
    assert_null(t);
  }
  pome_tokenizer *t = NULL;
  pome_error error;
  assert_int_equal(pome_tokenizer_open("/dev", NULL, &t, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "no tokenizer.json"));
  assert_int_equal(pome_tokenizer_open("/nonexistent/tokenizer.json", NULL, &t, &error),
                   POME_INPUT);
}

/* A second for optimised code; other builds only have to be far from quadratic. */
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIMIT 1.0
#else
#define LIMIT 20.0
#endif

/* Of this process: others may keep the machine busy. */
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Nothing may take quadratic time: one word of a megabyte, a megabyte of words, a megabyte of added
 * tokens. */
static void large_texts(void **context) {
  (void)context;
  static const struct {
    const char *unit;
    size_t ids; /* a megabyte gives */
  } texts[] = {{"a", 1 << 19},
               {"a ", 1 << 20},
               {"<|end|> ", 1 << 18},
               {" ", 1 << 20},
               {"abcabcab", 3 << 17}};
  size_t size = 1 << 20, count;
  char *text = malloc(size);
  int32_t *ids = malloc(size * sizeof *ids);
  assert_true(text != NULL && ids != NULL);
  pome_tokenizer *t;
  pome_error error;
  check_ok(open_json(TINY, &t, &error), &error);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    size_t unit = strlen(texts[i].unit);
    for (size_t at = 0; at < size; at++) text[at] = texts[i].unit[at % unit];
    double start = seconds();
    check_ok(pome_tokenizer_encode(t, text, size, ids, size, &count, &error), &error);
    double took = seconds() - start;
    if (took > LIMIT) fail_msg("a megabyte of \"%s\" took %.1f s", texts[i].unit, took);
    size_t bytes = 0;
    for (size_t k = 0; k < count; k++) {
      pome_string piece = pome_tokenizer_piece(t, ids[k]);
      assert_memory_equal(text + bytes, piece.data, piece.size);
      bytes += piece.size;
    }
    assert_int_equal(bytes, size);
    if (i != 1 && i != 4) assert_int_equal(count, texts[i].ids);
  }
  free(text);
  free(ids);
  pome_tokenizer_close(t);
}

/* Opens and encodes. */
static pome_status live(void *context, const pome_allocator *allocator, pome_error *error) {
  (void)context;
  pome_tokenizer *t = NULL;
  int32_t ids[8];
  size_t count = 0;
  pome_status status = open_with(allocator, TINY, &t, error);
  if (status == POME_OK)
    status = pome_tokenizer_encode(t, "abc aa<|end|>", 13, ids, 8, &count, error);
  assert_int_equal(count, status == POME_OK ? 4 : 0);
  pome_tokenizer_close(t);
  return status;
}

static void lack_of_memory(void **context) {
  (void)context;
  assert_in_range(budget_starve(live, NULL, true), 10, 100);
}

/* What published files of other families have in them; the expected ids are those of Hugging Face's
 * tokenizers. */
static void expect_of(const char *json, const char *text, const char *want) {
  pome_tokenizer *t;
  pome_error error;
  int32_t ids[64];
  size_t count;
  char got[256] = "";
  check_ok(open_json(json, &t, &error), &error);
  check_ok(pome_tokenizer_encode(t, text, strlen(text), ids, 64, &count, &error), &error);
  for (size_t i = 0; i < count; i++)
    snprintf(got + strlen(got), sizeof got - strlen(got), i ? " %d" : "%d", (int)ids[i]);
  if (strcmp(got, want) != 0) fail_msg("\"%s\": %s; %s is expected", text, got, want);
  pome_tokenizer_close(t);
}

#define WORDS_OF(vocabulary)                                                                       \
  "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": "     \
  "\"\", "                                                                                         \
  "\"max_input_chars_per_word\": 100, \"vocab\": {\"?\": 0, " vocabulary "}}"

static void added_tokens(void **context) {
  (void)context;
  /* Two blanks, as Phi 2 and GPT-NeoX add them, are not the piece that stands for two blank bytes.
   */
  static const char blanks[] =
      "{\"added_tokens\": [{\"id\": 4, \"content\": \"  \", \"normalized\": true}], " PRE
      ", " DECODER ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"\\u0120\": 1, "
      "\"\\u0120\\u0120\": 2, "
      "\"\\u0120a\": 3}, \"merges\": [\"\\u0120 \\u0120\", \"\\u0120 a\"]}}";
  expect_of(blanks, "a   a", "0 4 3");
  expect_of(blanks, " a", "3");
  /* White space that one token takes may begin the next; what takes it on its left gets nothing. */
  static const char takes[] =
      "{\"added_tokens\": [{\"id\": 1, \"content\": \"<m>\", \"rstrip\": true},"
      " {\"id\": 2, \"content\": \" <\"}, {\"id\": 3, \"content\": \"  \", \"lstrip\": true,"
      " \"rstrip\": true}], \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, " WORDS_OF(
          "\"<m>\": 1, \" <\": 2, \"  \": 3, \"z\": 4, \">\": 5") "}";
  expect_of(takes, "<m> <z>", "1 2 4 5");
  expect_of(takes, "z     z", "4 3 4");
}

static void unknown_bytes(void **context) {
  (void)context;
#define BYTES_OF(options)                                                                          \
  "{" PRE ", " DECODER ", \"model\": {\"type\": \"BPE\", \"unk_token\": \"?\", " options           \
  "\"vocab\": {\"?\": 0, \"a\": 1}, \"merges\": []}}"
  expect_of(BYTES_OF("\"fuse_unk\": true, "), "abba", "1 0 1");
  expect_of(BYTES_OF("\"fuse_unk\": false, "), "abba", "1 0 0 1");
  pome_tokenizer *t;
  assert_int_equal(open_json("{\"pre_tokenizer\": null, \"model\": {\"type\": \"BPE\", "
                             "\"continuing_subword_prefix\": \"##\", \"byte_fallback\": true, "
                             "\"vocab\": {\"a\": 0}, \"merges\": []}}",
                             &t, NULL),
                   POME_UNSUPPORTED);
}

/* The mark in front of a text is for its very start, which a normalizer may have taken away. */
static void start_of_text(void **context) {
  (void)context;
  static const char json[] =
      "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\n+\"}, \"content\": "
      "\"\"}, \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"_\", "
      "\"prepend_scheme\": \"first\", \"split\": true}, " WORDS_OF("\"_\": 1, \"a\": 2") "}";
  expect_of(json, "a", "1 2");
  expect_of(json, "\na", "2");
  expect_of(json, "a\na", "1 2 2");
}

/* Classes of Oniguruma, on characters of which PCRE2 thinks otherwise. Each stands alone or not. */
static void classes(void **context) {
  (void)context;
  static const struct {
    const char *pattern, *text, *want;
  } cases[] = {
      {"\\\\s",
       "a\xe1\xa0\x8e"
       "a",
       "0"},
      {"\\\\s",
       "a\xc2\x85"
       "a",
       "1 1"},
      {"[\\\\s]",
       "a\xe3\x80\x80"
       "a",
       "1 1"},
      {"\\\\w", "\xc2\xb2", ""},
      {"[\\\\w]", "\xc2\xb2", "0"},
      {"\\\\w", "\xcc\x81", ""},
      {"\\\\W", "\xcc\x81", "0"},
      {"\\\\p{Han}", "\xe3\x80\x82", "0"},
      {"\\\\p{Han}", "\xe4\xb8\xad", ""},
      {"[[:punct:]]", "\xc2\xa2", ""},
      {"[[:alpha:]]", "\xcd\x85", ""},
      {"\\\\H", "a", "1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char json[1024];
    snprintf(json, sizeof json,
             "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, "
             "\"behavior\": \"Removed\", \"invert\": false}, %s}",
             cases[i].pattern, WORDS_OF("\"a\": 1"));
    expect_of(json, cases[i].text, cases[i].want);
  }
  pome_tokenizer *t;
  assert_int_equal(
      open_json(
          "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
          "\"[\\\\W]\"}, \"behavior\": \"Removed\", \"invert\": false}, " WORDS_OF("\"a\": 1") "}",
          &t, NULL),
      POME_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(added_tokens),      cmocka_unit_test(unknown_bytes),
      cmocka_unit_test(start_of_text),     cmocka_unit_test(classes),
      cmocka_unit_test(by_hand),           cmocka_unit_test(looking_up),
      cmocka_unit_test(texts_are_checked), cmocka_unit_test(ways_to_cut),
      cmocka_unit_test(files_are_checked), cmocka_unit_test(large_texts),
      cmocka_unit_test(lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
