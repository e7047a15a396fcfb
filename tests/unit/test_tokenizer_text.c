/* Tokenizers as a whole: small files of every kind with ids that follow by hand, random texts there
 * and back, long texts in linear time. The long and the random ones also run on real tokenizers
 * where the shared data is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#include <cmocka.h>

#include <pome/llm.h>

#include "text_model.h"

#define OWN  "tests/fuzz/corpus/"
#define ROOM 4096

static int32_t ids[ROOM];
static pome_span spans[ROOM];
static char text[ROOM * 8];

/* A file of the corpus, or of the shared data; NULL when that is not there. */
static pome_tokenizer *open_named(const char *name) {
  char path[1024];
  const char *shared = getenv("POME_SHARED");
  if (strchr(name, '.') != NULL) snprintf(path, sizeof path, OWN "%s", name);
  else
    snprintf(path, sizeof path, "%s/llm/tokenizers/%s/tokenizer.json",
             shared == NULL ? "../shared" : shared, name);
  if (strchr(name, '.') == NULL && access(path, R_OK) != 0) {
    printf("SKIP: no %s; set POME_SHARED to the folder of shared data\n", path);
    return NULL;
  }
  pome_tokenizer *t;
  pome_error error;
  check_ok(pome_tokenizer_open(path, NULL, &t, &error), &error);
  return t;
}

/* ---- small files ---- */

static void small_files(void **context) {
  (void)context;
  static const struct {
    const char *file, *text;
    unsigned flags;
    int32_t ids[20];  /* up to -1 */
    const char *back; /* decoded, special tokens left out */
  } rows[] = {
      {"tokenizer/bytes.json",
       "abab  <s>e\xcc\x81",
       1,
       {260, 258, 260, 195, 169, 260, -1},
       "abab\xc3\xa9"},
      {"tokenizer/bytes.json",
       " ab<x>a<x> <s>",
       0,
       {259, 60, 120, 62, 97, 60, 120, 62, 260, -1},
       " ab<x>a<x>"},
      {"tokenizer/bytes.json", "a <x> a", 0, {97, 32, 261, 32, 97, -1}, "a <x> a"},
      {"tokenizer/bytes.json", "<s>", 2, {60, 115, 62, -1}, "<s>"},
      {"tokenizer/bytes_split.json", " aa12345", 0, {32, 257, 49, 50, 51, 52, 53, -1}, "aa12345"},
      {"tokenizer/fallback.json",
       "ab ab\xc3\xa9",
       1,
       {1, 7, 7, 12 + 0xc3, 12 + 0xa9, -1},
       "ab ab\xc3\xa9"},
      {"tokenizer/fallback.json", "<s>  ab", 0, {1, 7, -1}, "ab"},
      {"tokenizer/marked.json", " AB  ab z ", 0, {5, 5, 0, -1}, "ab ab ?"},
      {"tokenizer/unigram.json", "ab A  zz.", 1, {4, 4, 3, 2, -1}, "ab ab <unk>"},
      {"tokenizer/wordpiece.json",
       "ABAB\xc3\xa1 don't, x",
       1,
       {1, 5, 6, 7, 9, 10, 11, 0, 0, 2, -1},
       "ababa don ' t"},
      {"sentencepiece/bpe.model",
       "ab <x>abab z",
       1,
       {1, 263, 259, 267, 264, 259, 3 + 'z', -1},
       NULL},
      {"sentencepiece/unigram.model", "  A   abab z", 0, {7, 3, 8, 3, 0, -1}, "ab abab "},
      {"sentencepiece/whole.model", "a b", 0, {4, 0, 5, -1}, "ab"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pome_tokenizer *t = open_named(rows[i].file);
    size_t count = 0, size = 0, want = 0;
    pome_error error;
    check_ok(pome_tokenizer_encode_with(t, rows[i].text, strlen(rows[i].text), rows[i].flags, ids,
                                        spans, ROOM, &count, &error),
             &error);
    while (rows[i].ids[want] >= 0) want++;
    for (size_t k = 0; k < count && k < want; k++) {
      if (ids[k] != rows[i].ids[k])
        fail_msg("row %zu: id %zu is %d; %d is expected", i, k, ids[k], rows[i].ids[k]);
    }
    assert_int_equal(count, want);
    check_ok(pome_tokenizer_decode(t, ids, count, POME_DECODE_SKIP_SPECIAL, text, sizeof text,
                                   &size, &error),
             &error);
    const char *back = rows[i].back == NULL ? rows[i].text : rows[i].back;
    if (size != strlen(back) || memcmp(text, back, size) != 0)
      fail_msg("row %zu: \"%.*s\"; \"%s\" is expected", i, (int)size, text, back);
    pome_tokenizer_close(t);
  }
}

/* Spans are bytes of the text before anything was done to it. */
static void spans_of_changed_text(void **context) {
  (void)context;
  static const struct {
    const char *file, *text;
    size_t ends[8]; /* where each token's bytes end; 0: no more */
  } rows[] = {
      {"tokenizer/bytes.json",
       "abe\xcc\x81"
       "ab",
       {2, 5, 5, 7}},
      {"tokenizer/fallback.json", "ab  ab", {2, 3, 6}},
      {"tokenizer/unigram.json", "ab A ab", {2, 4, 7}},
      {"tokenizer/wordpiece.json", "AB\xc3\xa1 DON", {2, 4, 8}},
      {"sentencepiece/unigram.model", "  ab   A", {4, 8}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pome_tokenizer *t = open_named(rows[i].file);
    size_t count = 0, want = 0;
    pome_error error;
    check_ok(pome_tokenizer_encode_with(t, rows[i].text, strlen(rows[i].text), 0, ids, spans, ROOM,
                                        &count, &error),
             &error);
    while (rows[i].ends[want] > 0) want++;
    assert_int_equal(count, want);
    for (size_t k = 0; k < count; k++) {
      if (spans[k].end != rows[i].ends[k])
        fail_msg("row %zu: token %zu ends at %zu; %zu is expected", i, k, spans[k].end,
                 rows[i].ends[k]);
    }
    pome_tokenizer_close(t);
  }
}

/* ---- random texts ---- */

static uint64_t state = 42;
static uint32_t pick(uint32_t count) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % count;
}

/* Characters of every length, of scripts that normalization and patterns know about, and anything
 * else. */
static size_t random_text(char *out) {
  static const uint32_t starts[] = {0,      0x20,   0x61,   0xc0,   0x300,  0x3b1,  0x5d0,  0x930,
                                    0x1100, 0x1e00, 0x2000, 0x4e00, 0xac00, 0xff00, 0x1f600};
  size_t size = 0;
  for (uint32_t left = 1 + pick(40); left > 0; left--) {
    uint32_t c =
        pick(4) == 0 ? pick(0x110000) : starts[pick(sizeof starts / sizeof starts[0])] + pick(96);
    if (c >= 0xd800 && c < 0xe000) c = ' ';
    size += (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out + size);
  }
  return size;
}

typedef enum expected { SAME, COMPOSED, SPACED, ANYTHING } expected;

static size_t expect_back(expected how, const char *in, size_t size, char *out) {
  if (how == COMPOSED) {
    utf8proc_uint8_t *composed;
    utf8proc_ssize_t count = utf8proc_map((const utf8proc_uint8_t *)in, (utf8proc_ssize_t)size,
                                          &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(count >= 0);
    memcpy(out, composed, (size_t)count);
    free(composed);
    return (size_t)count;
  }
  size_t written = 0;
  for (size_t i = 0; i < size; i++) {
    bool mark = how == SPACED && size - i >= 3 &&
                memcmp(in + i, "\xe2\x96\x81", 3) == 0; /* what spaces look like is read as one */
    out[written++] = mark ? ' ' : in[i];
    if (mark) i += 2;
  }
  return written;
}

static void there_and_back(const pome_tokenizer *t, expected how, size_t number) {
  static char in[256], want[1024];
  size_t size = random_text(in), count = 0, back = 0, at = 0;
  pome_detokenizer *d;
  pome_string piece;
  pome_error error;
  check_ok(
      pome_tokenizer_encode_with(t, in, size, POME_ENCODE_PLAIN, ids, NULL, ROOM, &count, &error),
      &error);
  assert_true(count <= ROOM);
  check_ok(pome_tokenizer_decode(t, ids, count, 0, text, sizeof text, &back, &error), &error);
  check_ok(pome_detokenizer_create(t, 0, &d, &error), &error);
  for (size_t i = 0; i <= count; i++) {
    check_ok(i < count ? pome_detokenizer_add(d, ids[i], &piece, &error)
                       : pome_detokenizer_finish(d, &piece, &error),
             &error);
    assert_true(piece.size <= back - at);
    assert_memory_equal(text + at, piece.data, piece.size);
    at += piece.size;
  }
  assert_int_equal(at, back);
  pome_detokenizer_free(d);
  if (how == ANYTHING) return;
  size_t wanted = expect_back(how, in, size, want);
  if (wanted != back || memcmp(want, text, back) != 0)
    fail_msg("text %zu: \"%.*s\" comes back as \"%.*s\"", number, (int)size, in, (int)back, text);
}

static void random_texts(void **context) {
  (void)context;
  static const struct {
    const char *file;
    expected how;
  } rows[] = {{"tokenizer/bytes.json", COMPOSED},
              {"tokenizer/fallback.json", SPACED},
              {"sentencepiece/bpe.model", SPACED},
              {"gpt2", SAME},
              {"qwen3", COMPOSED},
              {"llama2", SPACED},
              {"t5-small", ANYTHING},
              {"minilm", ANYTHING}};
  const char *wish = getenv("POME_ROUND_TRIPS");
  size_t texts = wish == NULL ? 2000 : (size_t)strtoull(wish, NULL, 10);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pome_tokenizer *t = open_named(rows[i].file);
    for (size_t k = 0; t != NULL && k < texts; k++) there_and_back(t, rows[i].how, k);
    pome_tokenizer_close(t);
  }
}

/* ---- long texts ---- */

#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LONG  10000000
#define LIMIT 2.0
#else /* only far from quadratic */
#define LONG  500000
#define LIMIT 10.0
#endif

/* Of this process: others may keep the machine busy. */
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void long_texts(void **context) {
  (void)context;
  static const char *const files[] = {"tokenizer/bytes.json",
                                      "tokenizer/unigram.json",
                                      "tokenizer/wordpiece.json",
                                      "sentencepiece/bpe.model",
                                      "gpt2",
                                      "qwen3",
                                      "llama2",
                                      "t5-small",
                                      "minilm"};
  static const char *const units[] = {"a", " ", "\xf0\x9f\xab\xa0",
                                      NULL /* one word of random letters */};
  char *data = malloc(LONG);
  assert_non_null(data);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    pome_tokenizer *t = open_named(files[i]);
    for (size_t k = 0; t != NULL && k < sizeof units / sizeof units[0]; k++) {
      size_t unit = units[k] == NULL ? 1 : strlen(units[k]), count;
      for (size_t at = 0; at < LONG; at++)
        data[at] = units[k] == NULL ? (char)('a' + pick(26)) : units[k][at % unit];
      pome_error error;
      double start = seconds();
      check_ok(pome_tokenizer_encode(t, data, LONG / unit * unit, NULL, 0, &count, &error), &error);
      double took = seconds() - start;
      if (took > LIMIT)
        fail_msg("%s: %d bytes of \"%s\" took %.1f s", files[i], LONG,
                 units[k] == NULL ? "letters" : units[k], took);
    }
    pome_tokenizer_close(t);
  }
  free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_files),
                                     cmocka_unit_test(spans_of_changed_text),
                                     cmocka_unit_test(random_texts), cmocka_unit_test(long_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
