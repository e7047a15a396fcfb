/* Real tokenizers against what the tokenizers library answers: ids, ids with special tokens,
 * special tokens as text, decoded text, pairs, and streams whose pieces must join to the whole.
 * Needs the shared data.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pome/llm.h>

#include "text_model.h"

#define MAX_IDS  200000
#define MAX_TEXT 2000000

static int32_t ids[MAX_IDS], types[MAX_IDS];
static pome_span spans[MAX_IDS];
static char decoded[MAX_TEXT];

static const char *const names[] = {"gpt2", "qwen3", "llama2", "t5-small", "minilm"};
#define NAMES (sizeof names / sizeof names[0])

static bool find_shared(const char *name, const char *file, char *path, size_t size) {
  const char *shared = getenv("POME_SHARED");
  snprintf(path, size, "%s/llm/tokenizers/%s/%s", shared == NULL ? "../shared" : shared, name,
           file);
  if (access(path, R_OK) == 0) return true;
  printf("SKIP: no %s; set POME_SHARED to the folder of shared data\n", path);
  return false;
}

static pome_tokenizer *open_shared(const char *name) {
  char path[1024];
  pome_tokenizer *t;
  pome_error error;
  if (!find_shared(name, "tokenizer.json", path, sizeof path)) skip();
  check_ok(pome_tokenizer_open(path, NULL, &t, &error), &error);
  return t;
}

/* One line of a file after the other: calls back with each object; gives how many there were. */
typedef struct lines {
  const pome_tokenizer *t;
  const char *name;
  size_t number, matched, steps;
} lines;

static size_t each_line(const char *name, const char *file, lines *l,
                        void (*check)(lines *, const json_t *)) {
  char path[1024], *line = NULL;
  size_t room = 0;
  if (!find_shared(name, file, path, sizeof path)) skip();
  FILE *stream = fopen(path, "r");
  assert_non_null(stream);
  l->name = name;
  for (l->number = 0; getline(&line, &room, stream) >= 0; l->number++) {
    json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    check(l, value);
    json_decref(value);
  }
  free(line);
  fclose(stream);
  return l->number;
}

static void expect_ids(const lines *l, const char *what, const json_t *want, size_t count) {
  for (size_t i = 0; i < count && i < json_array_size(want); i++) {
    if (ids[i] == json_integer_value(json_array_get(want, i))) continue;
    fail_msg("%s, line %zu, %s: id %zu is %d; %d is expected", l->name, l->number + 1, what, i,
             ids[i], (int)json_integer_value(json_array_get(want, i)));
  }
  if (count != json_array_size(want))
    fail_msg("%s, line %zu, %s: %zu ids; %zu are expected", l->name, l->number + 1, what, count,
             json_array_size(want));
}

static void expect_text(const lines *l, const char *what, const json_t *want, const char *text,
                        size_t size) {
  if (size == json_string_length(want) && memcmp(text, json_string_value(want), size) == 0) return;
  fail_msg("%s, line %zu, %s: \"%.*s\"; \"%s\" is expected", l->name, l->number + 1, what,
           (int)(size > 200 ? 200 : size), text, json_string_value(want));
}

static size_t read_ids(const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_int_t id = json_integer_value(json_array_get(list, i));
    ids[i] = id > INT32_MAX || id < 0 ? -1 : (int32_t)id;
  }
  return json_array_size(list);
}

static void check_decoding(const lines *l, const json_t *list, const json_t *want, unsigned flags,
                           const char *what) {
  size_t size;
  pome_error error;
  check_ok(
      pome_tokenizer_decode(l->t, ids, read_ids(list), flags, decoded, MAX_TEXT, &size, &error),
      &error);
  assert_true(size <= MAX_TEXT);
  expect_text(l, what, want, decoded, size);
}

/* Spans follow each other, and lie inside the text. */
static void check_spans(const lines *l, const pome_span *of, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) {
    bool good =
        of[i].begin <= of[i].end && of[i].end <= size && (i == 0 || of[i].begin >= of[i - 1].begin);
    if (!good)
      fail_msg("%s, line %zu: token %zu stands for bytes %zu to %zu of %zu", l->name, l->number + 1,
               i, of[i].begin, of[i].end, size);
  }
}

static void check_case(lines *l, const json_t *value) {
  static const struct {
    const char *field;
    unsigned flags;
  } ways[] = {{"ids", 0}, {"ids_special", POME_ENCODE_SPECIAL}, {"ids_plain", POME_ENCODE_PLAIN}};
  const json_t *text = json_object_get(value, "text");
  pome_error error;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    const json_t *want = json_object_get(value, ways[i].field);
    size_t count = 0;
    if (want == NULL) continue;
    pome_status status = pome_tokenizer_encode_with(l->t, json_string_value(text),
                                                    json_string_length(text), ways[i].flags, ids,
                                                    i == 1 ? NULL : spans, MAX_IDS, &count, &error);
    if (status != POME_OK) fail_msg("%s, line %zu: %s", l->name, l->number + 1, error.message);
    expect_ids(l, ways[i].field, want, count);
    if (i != 1) check_spans(l, spans, count, json_string_length(text));
  }
  check_decoding(l, json_object_get(value, "ids"), json_object_get(value, "decoded"), 0, "decoded");
  check_decoding(l, json_object_get(value, "ids_special"),
                 json_object_get(value, "decoded_special"), 0, "decoded_special");
  check_decoding(l, json_object_get(value, "ids_special"), json_object_get(value, "decoded_skip"),
                 POME_DECODE_SKIP_SPECIAL, "decoded_skip");
}

static void check_decode(lines *l, const json_t *value) {
  check_decoding(l, json_object_get(value, "ids"), json_object_get(value, "decoded"), 0, "decoded");
  check_decoding(l, json_object_get(value, "ids"), json_object_get(value, "decoded_skip"),
                 POME_DECODE_SKIP_SPECIAL, "decoded_skip");
}

/* Whole characters, none of them U+FFFD unless it is in the text; joined they are the text. */
static void check_steps(lines *l, const json_t *value, const char *text_field,
                        const char *step_field, unsigned flags) {
  const json_t *want = json_object_get(value, text_field),
               *steps = json_object_get(value, step_field);
  size_t count = read_ids(json_object_get(value, "ids")), size = 0;
  pome_detokenizer *d;
  pome_string piece;
  pome_error error;
  check_ok(pome_detokenizer_create(l->t, flags, &d, &error), &error);
  for (size_t i = 0; i <= count; i++) {
    check_ok(i < count ? pome_detokenizer_add(d, ids[i], &piece, &error)
                       : pome_detokenizer_finish(d, &piece, &error),
             &error);
    if (piece.size > 0) {
      json_t *whole = json_stringn(piece.data, piece.size); /* NULL for what is not UTF-8 */
      if (whole == NULL)
        fail_msg("%s, line %zu: step %zu ends inside a character", l->name, l->number + 1, i);
      json_decref(whole);
    }
    memcpy(decoded + size, piece.data, piece.size);
    size += piece.size;
    if (i == count) break;
    const json_t *step = json_array_get(steps, i);
    l->steps++;
    l->matched += piece.size == json_string_length(step) &&
                  (piece.size == 0 || memcmp(piece.data, json_string_value(step), piece.size) == 0);
  }
  expect_text(l, text_field, want, decoded, size);
  pome_detokenizer_free(d);
}

static void check_stream(lines *l, const json_t *value) {
  check_steps(l, value, "text", "steps", 0);
  check_steps(l, value, "text_skip", "steps_skip", POME_DECODE_SKIP_SPECIAL);
}

static void check_pair(lines *l, const json_t *value) {
  const json_t *a = json_object_get(value, "text"), *b = json_object_get(value, "pair"),
               *want = json_object_get(value, "type_ids");
  pome_string first = {json_string_value(a), json_string_length(a)},
              second = {json_string_value(b), json_string_length(b)};
  size_t count = 0;
  pome_error error;
  check_ok(pome_tokenizer_encode_pair(l->t, first, second, POME_ENCODE_SPECIAL, ids, types, MAX_IDS,
                                      &count, &error),
           &error);
  expect_ids(l, "pair", json_object_get(value, "ids"), count);
  assert_int_equal(json_array_size(want), count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(types[i], json_integer_value(json_array_get(want, i)));
}

static void run(const char *file, void (*check)(lines *, const json_t *), size_t from,
                size_t least) {
  for (size_t i = from; i < NAMES; i++) {
    lines l = {.t = open_shared(names[i])};
    size_t count = each_line(names[i], file, &l, check);
    printf("%s: %zu lines of %s agree\n", names[i], count, file);
    if (l.steps > 0)
      printf("%s: %zu of %zu steps at the same moment\n", names[i], l.matched, l.steps);
    assert_true(count >= least);
    pome_tokenizer_close((pome_tokenizer *)l.t);
  }
}

static void cases(void **context) {
  (void)context;
  run("cases.jsonl", check_case, 0, 600);
}

static void decoding(void **context) {
  (void)context;
  run("decode.jsonl", check_decode, 0, 10);
}

static void streams(void **context) {
  (void)context;
  run("stream.jsonl", check_stream, 0, 10);
}

static void pairs(void **context) {
  (void)context;
  run("pairs.jsonl", check_pair, 2, 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(decoding),
                                     cmocka_unit_test(streams), cmocka_unit_test(pairs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
