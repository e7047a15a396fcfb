/* Whose text it is: what a conversation says is followed through everything that a template can do
 * to it, and special tokens written in it are text. A character of private use, put into every
 * content of the published templates' cases, must come out marked wherever it comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "budget.h"
#include "llm/text/tokenizer.h"

/* ---- through the language ---- */

#define USER(text)                                                                                 \
  "{\"messages\": [{\"role\": \"user\", \"content\": \"" text "\"}], \"bos\": \"B\"}"

/* What is marked stands in brackets. */
static const struct {
  const char *text, *json, *want;
} cases[] = {
    {"<{{ messages[0].role }}>{{ messages[0].content }}</>", USER("Hi"), "<user>[Hi]</>"},
    {"{{ '<' + messages[0].content + '>' }}", USER("Hi"), "<[Hi]>"},
    {"{{ '<' ~ messages[0].content ~ '>' }}{{ bos }}", USER("Hi"), "<[Hi]>B"},
    {"{{ ('<' + messages[0].content + '> ') | trim }}", USER(" a "), "<[ a ]>"},
    {"{{ messages[0].content | trim }}|{{ messages[0].content.split('-')[1] }}", USER(" a-b "),
     "[a-b]|[b ]"},
    {"{{ messages[0].content[1:] }}{{ messages[0].content[::-1] }}", USER("a\\u00e9b"),
     "[\xc3\xa9"
     "bb\xc3\xa9"
     "a]"},
    {"{{ messages[0].content | upper }}{{ messages[0].content.title() }}", USER("stra\\u00dfe"),
     "[STRASSEStra\xc3\x9f"
     "e]"},
    {"{{ ('<' + messages[0].content + '>') | replace('b', 'XX') }}", USER("abc"), "<[a]XX[c]>"},
    {"{{ 'a1a' | replace('1', messages[0].content) }}", USER("abc"), "a[abc]a"},
    {"{{ messages[0].content | tojson }}", USER("a\\\"b"), "\"[a]\\\"[b]\""},
    {"{{ messages[0] | tojson }}", USER("a"), "{\"[role]\": \"user\", \"[content]\": \"[a]\"}"},
    {"{{ messages[0].content | e }}", USER("a<b"), "[a&lt;b]"},
    {"{{ [messages[0].content, 'b'] | join('|') }}", USER("a"), "[a]|b"},
    {"{{ (messages[0].content + '-') * 2 }}", USER("a"), "[a]-[a]-"},
    {"{{ '%s=%5s' % (messages[0].content, 'b') }}", USER("a"), "[a]=    b"},
    {"{{ '%3s|%-3s|' % (messages[0].content, messages[0].content) }}", USER("a"), "  [a]|[a]  |"},
    {"{{ '%.1s' % messages[0].content }}!", USER("abc"), "[a]!"},
    {"{{ '<{}>'.format(messages[0].content) }}{{ messages[0].content.format() }}", USER("a"),
     "<[a]>[a]"},
    {"{{ messages[0].content | indent(2) }}{{ messages[0].content.center(5) }}", USER("a\\nb"),
     "[a]\n  [b] [a\nb] "},
    {"{% set x %}<{{ messages[0].content }}>{% endset %}{{ x }}{{ x | length }}", USER("a"),
     "<[a]>3"},
    {"{% macro m(v) %}<{{ v }}>{% endmacro %}{{ m(messages[0].content) | upper }}", USER("a"),
     "<[A]>"},
    {"{% for c in messages[0].content %}{{ c }},{% endfor %}", USER("ab"), "[a],[b],"},
    {"{% filter upper %}x{{ messages[0].content }}{% endfilter %}", USER("a"), "X[A]"},
    {"{{ messages[0].content ~ '' | string }}{{ messages }}", USER("a"),
     "[a][{'[role]': 'user', '[content]': '[a]'}]"},
    {"{{ tools[0].name }}{{ other }}", "{\"tools\": [{\"name\": \"t\"}], \"other\": \"o\"}",
     "[t]o"},
    {"{{ tools[0].role }}{{ messages[0].role }}{{ messages[0].call.role }}",
     "{\"tools\": [{\"role\": \"a\"}], \"messages\": [{\"role\": \"user\", \"call\": {\"role\": "
     "\"b\"}}]}",
     "[a]user[b]"},
    {"{{ messages[0].content[0].text }}",
     "{\"messages\": [{\"content\": [{\"type\": \"text\", \"text\": \"deep\\n\"}]}]}", "[deep\n]"},
};

static void bracket(const char *text, size_t size, const pome_span *given, size_t count,
                    char *out) {
  size_t next = 0;
  for (size_t i = 0; i <= size; i++) {
    if (next < count && given[next].end == i) *out++ = ']', next++;
    if (next < count && given[next].begin == i) *out++ = '[';
    if (i < size) *out++ = text[i];
  }
  *out = '\0';
}

static void test_followed(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pome_template *chat;
    pome_error error = {0};
    char *text, got[512];
    pome_span *given;
    size_t size, count;
    assert_int_equal(pome_template_parse(cases[i].text, strlen(cases[i].text), NULL, &chat, &error),
                     POME_OK);
    if (pome_template_render_marked(chat, cases[i].json, strlen(cases[i].json), 0, &text, &size,
                                    &given, &count, &error) != POME_OK)
      fail_msg("%s: %s", cases[i].text, error.message);
    bracket(text, size, given, count, got);
    if (strcmp(got, cases[i].want) != 0)
      fail_msg("%s: %s; %s is expected", cases[i].text, got, cases[i].want);
    pome_template_free_text(chat, text, size);
    pome_template_free_spans(chat, given, count);
    pome_template_close(chat);
  }
}

/* Parses and renders with marks. */
static pome_status live(void *context, const pome_allocator *allocator, pome_error *error) {
  static const char text[] = "{% for x in messages %}{{ ('<' ~ x.content) | upper }}{% endfor %}";
  static const char json[] = "{\"messages\": [{\"content\": \"a\"}, {\"content\": \"b\\n\"}]}";
  (void)context;
  pome_template *chat = NULL;
  char *out;
  pome_span *given;
  size_t size, count;
  pome_status status = pome_template_parse(text, sizeof text - 1, allocator, &chat, error);
  if (status == POME_OK)
    status = pome_template_render_marked(chat, json, sizeof json - 1, 0, &out, &size, &given,
                                         &count, error);
  if (status == POME_OK) {
    pome_template_free_text(chat, out, size);
    pome_template_free_spans(chat, given, count);
  }
  pome_template_close(chat);
  return status;
}

static void test_no_memory(void **state) {
  (void)state;
  assert_in_range(budget_starve(live, NULL, true), 5, 200);
}

/* ---- published templates ---- */

/* Every "content" that is a text begins with U+E000. */
static char *with_private_use(const char *json) {
  static const char key[] = "\"content\": \"", mark[] = "\xee\x80\x80";
  size_t found = 0;
  for (const char *at = json; (at = strstr(at, key)) != NULL; at++) found++;
  char *out = malloc(strlen(json) + 3 * found + 1), *end = out;
  assert_non_null(out);
  for (const char *at = json, *next; *at; at = next) {
    next = strstr(at, key);
    next = next == NULL ? at + strlen(at) : next + sizeof key - 1;
    memcpy(end, at, (size_t)(next - at));
    end += next - at;
    if (*next) memcpy(end, mark, 3), end += 3;
  }
  *end = '\0';
  return out;
}

static bool is_marked(size_t at, const pome_span *given, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (given[i].begin <= at && at < given[i].end) return true;
  return false;
}

static size_t check_rendering(const pome_template *chat, const char *json, size_t *seen) {
  char *text;
  pome_span *given;
  size_t size, count, wrong = 0;
  if (pome_template_render_marked(chat, json, strlen(json), 0, &text, &size, &given, &count,
                                  NULL) != POME_OK)
    return 0; /* the case is one of those that the template refuses */
  for (size_t at = 0; at + 2 < size; at++) {
    if (memcmp(text + at, "\xee\x80\x80", 3) != 0) continue;
    ++*seen;
    wrong += !is_marked(at, given, count) || !is_marked(at + 2, given, count);
  }
  pome_template_free_text(chat, text, size);
  pome_template_free_spans(chat, given, count);
  return wrong;
}

static void test_published(void **state) {
  static const char *const names[] = {
      "command-r-plus-tools", "deepseek-v3",  "gemma-3", "glm-4.6", "granite-3.3", "llama-3.1",
      "mistral-nemo",         "phi-3.5-mini", "qwen3",   "smollm3"};
  const char *shared = getenv("POME_SHARED");
  size_t seen = 0;
  (void)state;
  for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
    char path[1024];
    json_t *root, *c;
    pome_template *chat;
    snprintf(path, sizeof path, "%s/llm/chat_templates/%s.json",
             shared == NULL ? "../shared" : shared, names[n]);
    /* Integers of any size are in there. */
    if ((root = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL)) == NULL) {
      printf("SKIP: no %s; set POME_SHARED to the folder of shared data\n", path);
      skip();
    }
    const json_t *text = json_object_get(root, "template");
    assert_int_equal(
        pome_template_parse(json_string_value(text), json_string_length(text), NULL, &chat, NULL),
        POME_OK);
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, c) {
      char *json = json_dumps(c, 0), *marked = with_private_use(json);
      if (check_rendering(chat, marked, &seen) > 0)
        fail_msg("%s, case %zu: text of the conversation counts as the template's", names[n], i);
      free(marked);
      free(json);
    }
    pome_template_close(chat);
    json_decref(root);
  }
  assert_true(seen > 500);
  printf("published templates: %zu texts followed\n", seen);
}

/* ---- tokens ---- */

static const char tokenizer_json[] =
    "{\"added_tokens\": [{\"id\": 4, \"content\": \"<s>\", \"special\": true},"
    " {\"id\": 5, \"content\": \"<s>>\", \"special\": true},"
    " {\"id\": 6, \"content\": \"<t>\", \"special\": false}],"
    " \"model\": {\"type\": \"BPE\", \"vocab\": {\"<\": 0, \">\": 1, \"s\": 2, \"t\": 3},"
    " \"merges\": []}}";

static void expect(const pome_tokenizer *t, const char *text, pome_span plain, const char *want) {
  int32_t ids[32];
  size_t count;
  char got[128] = "";
  pome_error error = {0};
  if (pome_tokenizer_encode_marked(t, text, strlen(text), 0, &plain, 1, ids, 32, &count, &error) !=
      POME_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < count; i++)
    snprintf(got + strlen(got), sizeof got - strlen(got), i ? " %d" : "%d", (int)ids[i]);
  if (strcmp(got, want) != 0)
    fail_msg("%s, plain %zu to %zu: %s; %s is expected", text, plain.begin, plain.end, got, want);
}

static void test_tokens(void **state) {
  (void)state;
  pome_tokenizer *t;
  pome_error error = {0};
  pome__bytes file = {(const uint8_t *)tokenizer_json, sizeof tokenizer_json - 1};
  if (pome__tokenizer_from_memory(file, NULL, &t, &error) != POME_OK) fail_msg("%s", error.message);
  expect(t, "<s><s>", (pome_span){0, 0}, "4 4");
  expect(t, "<s><s>", (pome_span){0, 3}, "0 2 1 4");
  expect(t, "<s><s>", (pome_span){3, 6}, "4 0 2 1");
  expect(t, "<s><s>", (pome_span){2, 4}, "0 2 1 0 2 1"); /* reaching into it is enough */
  expect(t, "<s>>", (pome_span){3, 4}, "4 1");           /* the shorter token is the template's */
  expect(t, "<s>>", (pome_span){0, 0}, "5");
  expect(t, "<s><t>", (pome_span){0, 6}, "0 2 1 6"); /* not special: as everywhere */
  expect(t, "s<s>", (pome_span){0, 1}, "2 4");
  int32_t id;
  size_t count;
  const pome_span wrong[] = {{2, 3}, {1, 2}};
  assert_int_equal(pome_tokenizer_encode_marked(t, "<s>", 3, 0, wrong, 2, &id, 1, &count, NULL),
                   POME_USAGE);
  assert_int_equal(
      pome_tokenizer_encode_marked(t, "<s>", 3, 0, &(pome_span){0, 4}, 1, &id, 1, &count, NULL),
      POME_USAGE);
  pome_tokenizer_close(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_followed),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_published),
      cmocka_unit_test(test_tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
