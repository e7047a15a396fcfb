/* Real tokenizers against what the tokenizers library answers: ids, ids with special tokens,
 * special tokens as text, decoded text, pairs, and streams whose pieces must join to the whole.
 * Each is read from its tokenizer.json, and again from a GGUF file made of it, which does not hold
 * all of it: what differs then is counted, and told in the table. Needs the shared data.
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

#include "gguf_convert.h"
#include "llm/text/tokenizer.h"
#include "text_model.h"

#define MAX_IDS  200000
#define MAX_TEXT 2000000

static int32_t ids[MAX_IDS], types[MAX_IDS];
static pome_span spans[MAX_IDS];
static char decoded[MAX_TEXT];

static const struct {
  const char *name;
  gguf_family family;
  /* Lines that differ when read from GGUF: of cases, decode, stream, pairs. qwen3: the converter
   * takes tokens like <|fim_pad|> for special ones. t5-small: special tokens in plain text are
   * never found (28 lines), the character map takes the longest spelling as SentencePiece does (2),
   * and U+0085 is no white space (1). */
  size_t differing[4];
} models[] = {
    {"gpt2", {"gpt2", "gpt-2", NULL, "<|endoftext|>", -1, -1, -1, -1}, {0}},
    {"qwen3", {"gpt2", "qwen2", NULL, "<|im_end|>", 0, -1, -1, -1}, {0, 5}},
    {"llama2", {"llama", "default", "<s>", "</s>", 1, 0, -1, -1}, {0}},
    {"t5-small", {"t5", "default", NULL, "</s>", 0, 1, 1, 1}, {31}},
    {"minilm", {"bert", "jina-v2-de", NULL, NULL, -1, -1, -1, -1}, {0}},
};
#define MODELS (sizeof models / sizeof models[0])

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

/* The same vocabulary from GGUF. */
static pome_tokenizer *open_converted(const char *name, const gguf_family *family) {
  char path[1024];
  pome_tokenizer *t;
  pome_error error;
  gguf_writer w;
  if (!find_shared(name, "tokenizer.json", path, sizeof path)) skip();
  json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL);
  assert_non_null(root);
  gguf_from_tokenizer(&w, root, family);
  json_decref(root);
  check_ok(pome__tokenizer_from_memory((pome__bytes){w.data, w.size}, NULL, &t, &error), &error);
  gguf_free(&w);
  return t;
}

/* One line of a file after the other: calls back with each object; gives how many there were. */
typedef struct lines {
  const pome_tokenizer *t;
  const char *name;
  size_t number, matched, steps;
  bool tolerant;          /* lines that differ are counted and told */
  size_t differing, last; /* last: one more than the number of the latest */
} lines;

static void differ(lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void differ(lines *l, const char *format, ...) {
  char what[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  if (!l->tolerant) fail_msg("%s, line %zu, %s", l->name, l->number + 1, what);
  if (l->last == l->number + 1) return;
  l->last = l->number + 1;
  l->differing++;
  printf("%s from GGUF, line %zu, %s\n", l->name, l->number + 1, what);
}

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

static void expect_ids(lines *l, const char *what, const json_t *want, size_t count) {
  for (size_t i = 0; i < count && i < json_array_size(want); i++) {
    int id = (int)json_integer_value(json_array_get(want, i));
    if (ids[i] != id) {
      differ(l, "%s: id %zu is %d; %d is expected", what, i, ids[i], id);
      return;
    }
  }
  if (count != json_array_size(want))
    differ(l, "%s: %zu ids; %zu are expected", what, count, json_array_size(want));
}

static void expect_text(lines *l, const char *what, const json_t *want, const char *text,
                        size_t size) {
  if (size == json_string_length(want) && memcmp(text, json_string_value(want), size) == 0) return;
  differ(l, "%s: \"%.*s\"; \"%s\" is expected", what, (int)(size > 200 ? 200 : size), text,
         json_string_value(want));
}

static size_t read_ids(const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_int_t id = json_integer_value(json_array_get(list, i));
    ids[i] = id > INT32_MAX || id < 0 ? -1 : (int32_t)id;
  }
  return json_array_size(list);
}

static void check_decoding(lines *l, const json_t *list, const json_t *want, unsigned flags,
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
static void check_spans(lines *l, const pome_span *of, size_t count, size_t size) {
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
  for (size_t i = 0; !l->tolerant && i < count; i++) { /* GGUF says nothing of types */
    if (types[i] == json_integer_value(json_array_get(want, i))) continue;
    differ(l, "pair: token %zu is of text %d", i, types[i]);
    break;
  }
}

static const struct {
  const char *name;
  void (*check)(lines *, const json_t *);
  size_t from, least; /* model, lines */
} files[] = {{"cases.jsonl", check_case, 0, 600},
             {"decode.jsonl", check_decode, 0, 10},
             {"stream.jsonl", check_stream, 0, 10},
             {"pairs.jsonl", check_pair, 2, 10}};
#define FILES (sizeof files / sizeof files[0])

static void run(size_t file) {
  for (size_t i = files[file].from; i < MODELS; i++) {
    lines l = {.t = open_shared(models[i].name)};
    size_t count = each_line(models[i].name, files[file].name, &l, files[file].check);
    printf("%s: %zu lines of %s agree\n", models[i].name, count, files[file].name);
    if (l.steps > 0)
      printf("%s: %zu of %zu steps at the same moment\n", models[i].name, l.matched, l.steps);
    assert_true(count >= files[file].least);
    pome_tokenizer_close((pome_tokenizer *)l.t);
  }
}

static void cases(void **context) {
  (void)context;
  run(0);
}

static void decoding(void **context) {
  (void)context;
  run(1);
}

static void streams(void **context) {
  (void)context;
  run(2);
}

static void pairs(void **context) {
  (void)context;
  run(3);
}

static void from_gguf(void **context) {
  (void)context;
  for (size_t i = 0; i < MODELS; i++) {
    pome_tokenizer *t = open_converted(models[i].name, &models[i].family);
    for (size_t file = 0; file < FILES; file++) {
      lines l = {.t = t, .tolerant = true};
      if (i < files[file].from) continue;
      size_t count = each_line(models[i].name, files[file].name, &l, files[file].check);
      printf("%s from GGUF: %zu of %zu lines of %s agree\n", models[i].name, count - l.differing,
             count, files[file].name);
      assert_int_equal(l.differing, models[i].differing[file]);
    }
    pome_tokenizer_close(t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(decoding),
                                     cmocka_unit_test(streams), cmocka_unit_test(pairs),
                                     cmocka_unit_test(from_gguf)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
