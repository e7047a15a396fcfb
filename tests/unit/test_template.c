/* Chat templates: the language on small cases, all shared cases byte for byte, hostile templates
 * within their budgets of time and memory, and lack of memory at every allocation.
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

#include "budget.h"
#include "llm/template/template.h"

/* ---- own cases ---- */

static const char variables[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \" Hi \"},"
    " {\"role\": \"assistant\", \"reasoning_content\": \"why\", \"content\": "
    "\"\\u00e9\\ud83d\\ude00\"}],"
    " \"n\": 7, \"x\": 1.0, \"big\": 12345678901234567890, \"d\": {\"b\": 1, \"a\": [true, null]},"
    " \"eos_token\": null, \"now\": \"2025-03-09T14:05:07\"}";

static pome_status render(const char *text, const char *json, char *out, size_t room,
                          pome_error *error) {
  pome_template *chat;
  char *rendered;
  size_t size;
  pome_status status = pome_template_parse(text, strlen(text), NULL, &chat, error);
  if (status != POME_OK) return status;
  status = pome_template_render(chat, json, strlen(json), 0, &rendered, &size, error);
  if (status == POME_OK) {
    assert_true(size < room);
    assert_true(strlen(rendered) == size);
    memcpy(out, rendered, size + 1);
    pome_template_free_text(chat, rendered, size);
  }
  pome_template_close(chat);
  return status;
}

static const struct {
  const char *text, *want;
} good[] = {
    {"{{ messages[0].content | trim }}{{ messages[1].content }}", "Hi\xc3\xa9\xf0\x9f\x98\x80"},
    {"a\n  {% if n %}\nb\n  {% endif %}\nc\n", "a\nb\nc"},
    {"a {%- if n -%} b {%- endif -%} c", "abc"},
    {"{{ x }} {{ x | tojson }} {{ n }} {{ big + 1 }}", "1.0 1.0 7 12345678901234567891"},
    {"{{ d }} {{ d | tojson }}", "{'b': 1, 'a': [True, None]} {\"b\": 1, \"a\": [true, null]}"},
    {"{{ d | tojson(indent=1, sort_keys=true) }}",
     "{\n \"a\": [\n  true,\n  null\n ],\n \"b\": 1\n}"},
    {"{{ messages[1] | list }} {{ messages[1].thinking }}",
     "['thinking', 'role', 'reasoning_content', 'content'] why"},
    {"{{ eos_token is defined }} {{ tools is none }} {{ nothing }}{{ add_generation_prompt }}",
     "False True False"},
    {"{% for m in messages[::-1] %}{{ loop.index }}{{ m.role[0] }}{{ loop.last }} {% endfor %}",
     "1aFalse 2uTrue "},
    {"{% set ns = namespace(i=0) %}{% for c in 'abc' %}{% set ns.i = ns.i + 1 %}"
     "{% if c == 'b' %}{% break %}{% endif %}{% endfor %}{{ ns.i }}",
     "2"},
    {"{% macro m(a, b='y') %}{{ a }}{{ b }}{{ kwargs }}{% endmacro %}{{ m('x', c=1) }}",
     "xy{'c': 1}"},
    {"{{ 'a</think>b'.split('</think>')[-1] }} {{ '\\n\\nx'.lstrip('\\n') }} {{ 'ab'[1:] * 3 }}",
     "b x bbb"},
    {"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 64 }} {{ 1 ~ 2 + 3 | string }}",
     "-4 2 3.5 "
     "18446744073709551616 123"},
    {"{{ strftime_now('%A %d %b %Y %H:%M') }}", "Sunday 09 Mar 2025 14:05"},
    {"{{ messages | selectattr('role', 'eq', 'user') | map(attribute='content') | join }}", " Hi "},
    {"{{ 'x' if false else messages | nofilter if false else 'y' }}", "y"},
    {"{{ '{{ n }}' }}{% raw %}{{ n }}{% endraw %}", "{{ n }}{{ n }}"},
    {"{% generation %}g{% endgeneration %}{# gone #}", "g"},
    {"{{ 'a b/c\xc3\xa9' | urlencode }} {{ {'a b': '/', 'c': n} | urlencode }}",
     "a%20b/c%C3%A9 a+b=%2F&c=7"},
    {"<a{{ {'href': '\"<', 'x': none, 'n': n} | xmlattr }}>{{ {'a': 1} | xmlattr(false) }}",
     "<a href=\"&#34;&lt;\" n=\"7\">a=\"1\""},
    {"{{ 1 | filesizeformat }} {{ 999 | filesizeformat }} {{ '2500' | filesizeformat }} "
     "{{ 2048 | filesizeformat(true) }} {{ 3e13 | filesizeformat }}",
     "1 Byte 999 Bytes 2.5 kB 2.0 KiB 30.0 TB"},
    {"{{ \"it's a-b c_d\" | wordcount }} {{ none | map('upper') | list }} {{ 0 | select | list }}",
     "5 [] []"},
    {"{% for i in [1] %}{% break %}{% else %}e{% endfor %}{% for i in [1] %}{% else %}e{% endfor "
     "%}",
     "e"},
    {"{% set n %}{{ n }}{% endset %}[{{ n }}]", "[]"},
    {"{{ range(5, 0, -2)[::-1] }} {{ range(9)[2:4] | list }} {{ range(3)[5:] | list }}",
     "range(1, 7, 2) [2, 3] []"},
    {"{{ 125 | round(-1) }} {{ -15 | round(-1) }} {{ true | round }} {{ 2.5 | round }}",
     "120 -20 1 2.0"},
    {"{{ {nothing: 1} }} {{ [{}, {}] | sort(attribute='x') }} {{ '%s' % nothing }}",
     "{Undefined: 1} [{}, {}] "},
    {"", ""},
};

static void test_language(void **state) {
  char out[4096];
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    pome_error error = {0};
    if (render(good[i].text, variables, out, sizeof out, &error) != POME_OK)
      fail_msg("%s: %s", good[i].text, error.message);
    assert_string_equal(out, good[i].want);
  }
}

static const struct {
  const char *text, *message;
  uint32_t line, column;
} bad[] = {
    {"{{ nothing.x }}", "'nothing' is undefined", 1, 11},
    {"\n{{ 1 +\n }}", "expected an expression, got '}}'", 3, 2},
    {"a\nb {{ raise_exception('no ' ~ n) }}", "no 7", 2, 21},
    {"{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str", 1, 8},
    {"{{ n | nofilter }}", "no filter named 'nofilter'", 1, 8},
    {"{{ none[1:] }}", "'NoneType' object is not subscriptable", 1, 8},
    {"{{ d[1:] }}", "unhashable type: 'slice'", 1, 5},
    {"{{ {(1, []): 2} }}", "unhashable type: 'list'", 1, 4},
    {"{{ 5 | truncate }}", "object of type 'int' has no len()", 1, 8},
    {"{{ [] | indent }}", "a string is needed, not 'list'", 1, 9},
    {"{{ {'a b': 1} | xmlattr }}", "an attribute's name cannot hold this character: 'a b'", 1, 17},
    {"{% for x in d %}{{ x.append }}", "the template ends without the 'endfor' of this block", 1,
     15},
    {"{{ [1].append(2) }}", "the attribute 'append' may not be reached from a template", 1, 14},
    {"{{ ''.__class__.x }}", "the attribute '__class__' may not be reached from a template", 1, 16},
    {"{% include 'x' %}", "'include' is refused: a template reads no files", 1, 4},
    {"{% break %}", "'break' outside of a loop", 1, 4},
    {"{{ '\\ud800' }}", "an escape in this string stands for no character", 1, 4},
    {"{{ 'x' * 99999999999 }}", "the template takes too much memory", 1, 8},
    {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "the template recurses more than", 1, 0},
};

static void test_errors(void **state) {
  char out[4096];
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    pome_error error = {0};
    assert_int_equal(render(bad[i].text, variables, out, sizeof out, &error), POME_INPUT);
    if (strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
      fail_msg("%s: \"%s\"; \"%s\" is expected", bad[i].text, error.message, bad[i].message);
    assert_int_equal(error.line, bad[i].line);
    if (bad[i].column > 0 && error.column != bad[i].column)
      fail_msg("%s: column %u; %u is expected", bad[i].text, error.column, bad[i].column);
  }
}

/* What may have been meant. */
static void test_hints(void **state) {
  static const struct {
    const char *text, *hint;
  } cases[] = {
      {"{{ n | tojsn }}", "did you mean 'tojson'?"},
      {"{{ n is defnied }}", "did you mean 'defined'?"},
      {"{{ n | wordwrap }}", "Jinja has it, but no chat needs it: it is left out here"},
      {"{{ [1] | map('uper') | list }}", "did you mean 'upper'?"},
      {"{{ n | nofilter }}", ""},
      {"{{ n | zz }}", ""},
  };
  char out[64];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pome_error error = {0};
    assert_int_equal(render(cases[i].text, variables, out, sizeof out, &error), POME_INPUT);
    assert_string_equal(error.hint, cases[i].hint);
  }
}

static void test_broken_variables(void **state) {
  static const char *const texts[] = {
      "",       "[]",         "{\"a\": }",    "{\"a\": 01}", "{} x",
      "{\"a\"", "{\"a\": \"", "{\"now\": 5}", "\xff",        "{\"a\": \"\\ud800\"}"};
  char out[64];
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(render("x", texts[i], out, sizeof out, NULL), POME_INPUT);
}

/* Parses and renders. */
static pome_status live(void *context, const pome_allocator *allocator, pome_error *error) {
  static const char text[] = "{% macro m(a) %}{{ a | tojson }}{% endmacro %}"
                             "{% for x in messages %}{{ m(x) }}{% endfor %}{{ 'x' * 70000 }}";
  (void)context;
  pome_template *chat = NULL;
  char *out;
  size_t size;
  pome_status status = pome_template_parse(text, sizeof text - 1, allocator, &chat, error);
  if (status == POME_OK)
    status = pome_template_render(chat, variables, strlen(variables), 0, &out, &size, error);
  if (status == POME_OK) pome_template_free_text(chat, out, size);
  pome_template_close(chat);
  return status;
}

static void test_no_memory(void **state) {
  (void)state;
  assert_in_range(budget_starve(live, NULL, true), 5, 200);
}

/* ---- shared cases ---- */

static pome__trender reader; /* memory for what is read from the files */
static pome_error reading;

static void open_reader(void) {
  reader = (pome__trender){
      .error = &reading, .steps = SIZE_MAX, .bytes = SIZE_MAX, .out_limit = (size_t)1 << 30};
}

static void close_reader(void) {
  pome__arena_free(&reader.arena);
  pome__free(NULL, reader.out, reader.out_room);
}

static bool read_shared(const char *name, pome__tvalue *out) {
  const char *shared = getenv("POME_SHARED");
  char path[1024];
  snprintf(path, sizeof path, "%s/llm/chat_templates/%s.json",
           shared == NULL ? "../shared" : shared, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    printf("SKIP: no %s; set POME_SHARED to the folder of shared data\n", path);
    return false;
  }
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  char *text;
  assert_int_equal(pome__t_alloc(&reader, size + 1, 1, &text), POME_OK);
  assert_int_equal(fread(text, 1, size, file), size);
  fclose(file);
  if (pome__t_json_read(&reader, text, size, out) != POME_OK) fail_msg("%s", reading.message);
  return true;
}

/* NULL when there is no such key. */
static const pome__tvalue *get(const pome__tvalue *object, const char *key) {
  const pome__tvalue *value, name = pome__t_text(key, strlen(key));
  assert_int_equal(pome__t_dict_find(&reader, object->u.dict, &name, &value), POME_OK);
  return value;
}

static void add(pome__tdict *dict, const char *key, const pome__tvalue *value) {
  pome__tvalue name = pome__t_text(key, strlen(key));
  if (value != NULL) assert_int_equal(pome__t_dict_set(&reader, dict, &name, value), POME_OK);
}

/* The variables of a case, as a command line would take them. */
static pome_string variables_of(const pome__tvalue *c, const pome__tvalue *now) {
  static const char *const names[] = {"messages", "tools", "add_generation_prompt", "bos_token",
                                      "eos_token"};
  const pome__tjson_form form = {.item = {", ", 2}, .key = {": ", 2}};
  const pome__tvalue *extra = get(c, "extra");
  pome__tdict *dict;
  pome__tvalue all, text;
  assert_int_equal(pome__t_dict_new(&reader, 0, &dict), POME_OK);
  for (size_t i = 0; extra != NULL && extra->kind == POME__T_DICT && i < extra->u.dict->count;
       i++) {
    const pome__tpair *pair = &extra->u.dict->pairs[i];
    assert_int_equal(pome__t_dict_set(&reader, dict, &pair->key, &pair->value), POME_OK);
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) add(dict, names[i], get(c, names[i]));
  add(dict, "now", now);
  all = (pome__tvalue){.kind = POME__T_DICT, .u.dict = dict};
  size_t mark = reader.out_size;
  assert_int_equal(pome__t_json_put(&reader, &all, &form), POME_OK);
  assert_int_equal(pome__t_take(&reader, mark, &text), POME_OK);
  return text.u.text;
}

typedef struct outcome {
  pome_status status;
  pome_error error;
  char *text;
  size_t size, peak;
  double seconds;
} outcome;

static pome_status render_either(const pome_template *chat, pome_string json, bool marked,
                                 outcome *o) {
  pome_span *given = NULL;
  size_t count;
  if (!marked)
    return pome_template_render(chat, json.data, json.size, 0, &o->text, &o->size, &o->error);
  pome_status status = pome_template_render_marked(chat, json.data, json.size, 0, &o->text,
                                                   &o->size, &given, &count, &o->error);
  for (size_t i = 0; status == POME_OK && i < count; i++) {
    assert_true(given[i].begin < given[i].end && given[i].end <= o->size);
    assert_true(i == 0 || given[i - 1].end < given[i].begin);
  }
  if (status == POME_OK) pome_template_free_spans(chat, given, count);
  return status;
}

static outcome run_case(pome_string text, pome_string json, bool marked, budget *b) {
  outcome o = {0};
  pome_template *chat = NULL;
  pome_allocator allocator = budget_allocator(b);
  struct timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  o.status = pome_template_parse(text.data, text.size, &allocator, &chat, &o.error);
  if (o.status == POME_OK) o.status = render_either(chat, json, marked, &o);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  o.seconds =
      (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
  o.peak = b->peak;
  if (o.text != NULL) {
    char *copy = malloc(o.size + 1);
    assert_non_null(copy);
    memcpy(copy, o.text, o.size + 1);
    pome_template_free_text(chat, o.text, o.size);
    o.text = copy;
  }
  pome_template_close(chat);
  assert_int_equal(b->blocks, 0);
  return o;
}

static bool matches(const pome__tvalue *c, const outcome *o) {
  const pome__tvalue *want = get(c, "expected"), *kind = get(c, "error_kind");
  if (kind == NULL)
    return o->status == POME_OK && o->size == want->u.text.size &&
           memcmp(o->text, want->u.text.data, o->size) == 0;
  if (o->status != POME_INPUT) return false;
  pome_string message = get(c, "error")->u.text;
  return !pome__t_is(kind->u.text, "raised") ||
         (strlen(o->error.message) == message.size &&
          memcmp(o->error.message, message.data, message.size) == 0);
}

static size_t check_file(const char *name) {
  pome__tvalue file;
  open_reader();
  if (!read_shared(name, &file)) {
    close_reader();
    skip();
  }
  const pome__tvalue *cases = get(&file, "cases"), *now = get(&file, "now"),
                     *shared = get(&file, "template");
  bool own = shared == NULL; /* each case has a template, and all one set of variables */
  size_t count = cases->u.list.count, failed = 0;
  for (size_t i = 0; i < 2 * count; i++) {
    const pome__tvalue *c = &cases->u.list.items[i / 2];
    budget b = budget_unlimited();
    outcome o = run_case((own ? get(c, "template") : shared)->u.text,
                         variables_of(own ? &file : c, now), i % 2 == 1, &b);
    if (!matches(c, &o)) {
      printf("%s, case %zu: %s\n", name, i / 2, o.status == POME_OK ? o.text : o.error.message);
      failed++;
    }
    free(o.text);
  }
  close_reader();
  if (failed > 0) fail_msg("%s: %zu of %zu renderings differ", name, failed, 2 * count);
  return count;
}

static void test_features(void **state) {
  (void)state;
  printf("features: %zu cases\n", check_file("features"));
}

static void test_published(void **state) {
  static const char *const names[] = {"chatglm3",
                                      "chatml",
                                      "command-r-plus-tools",
                                      "deepseek-coder",
                                      "deepseek-v3",
                                      "deepseek-r1-distill-qwen",
                                      "gemma-2",
                                      "gemma-3",
                                      "glm-4.6",
                                      "granite-3.3",
                                      "hermes-2-pro-tools",
                                      "lfm2",
                                      "llama-3.1",
                                      "llama-3.2",
                                      "llama-3",
                                      "llama2-sys",
                                      "mistral-7b-v0.2",
                                      "mistral-nemo",
                                      "mistral-v1-system",
                                      "openchat-3.5",
                                      "phi-3.5-mini",
                                      "phi-4",
                                      "qwen2.5",
                                      "qwen3",
                                      "qwq-32b",
                                      "smollm2",
                                      "smollm3",
                                      "vicuna"};
  (void)state;
  size_t count = 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) count += check_file(names[i]);
  printf("published templates: %zu cases\n", count);
}

/* ---- hostile ones ---- */

#define MOST_PEAK ((size_t)16 << 20)
#define MOST_SECONDS                                                                               \
  1.0 /* of processor time, on a busy machine and under sanitizers; 0.1 is meant */

static pome_string hostile_text(const pome__tvalue *c) {
  const pome__tvalue *text = get(c, "template"), *parts = get(c, "template_parts");
  if (text != NULL) return text->u.text;
  pome__tvalue whole;
  size_t mark = reader.out_size;
  for (size_t i = 0; i < parts->u.list.count; i++) {
    const pome__tvalue *part = parts->u.list.items[i].u.list.items;
    for (int64_t n = 0; n < part[1].u.integer; n++)
      assert_int_equal(pome__t_put_text(&reader, &part[0]), POME_OK);
  }
  assert_int_equal(pome__t_take(&reader, mark, &whole), POME_OK);
  return whole.u.text;
}

static void test_hostile(void **state) {
  pome__tvalue file;
  double slowest = 0;
  size_t largest = 0;
  (void)state;
  open_reader();
  if (!read_shared("hostile", &file)) {
    close_reader();
    skip();
  }
  const pome__tvalue *cases = get(&file, "cases");
  for (size_t i = 0; i < 2 * cases->u.list.count; i++) {
    const pome__tvalue *c = &cases->u.list.items[i / 2], *accepted = get(c, "also_accepted");
    budget b = budget_unlimited();
    outcome o = run_case(hostile_text(c), variables_of(&file, NULL), i % 2 == 1, &b);
    bool fine = o.status == POME_INPUT ||
                (accepted != NULL && o.status == POME_OK && o.size == accepted->u.text.size);
    if (!fine || o.seconds > MOST_SECONDS || o.peak > MOST_PEAK)
      fail_msg("%.*s: status %d, %.3f s, %zu bytes", (int)get(c, "name")->u.text.size,
               get(c, "name")->u.text.data, (int)o.status, o.seconds, o.peak);
    if (o.seconds > slowest) slowest = o.seconds;
    if (o.peak > largest) largest = o.peak;
    free(o.text);
  }
  printf("hostile: %zu cases, at most %.0f ms and %.1f MB\n", cases->u.list.count, slowest * 1e3,
         (double)largest / 1e6);
  close_reader();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_language),  cmocka_unit_test(test_errors),
      cmocka_unit_test(test_hints),     cmocka_unit_test(test_broken_variables),
      cmocka_unit_test(test_no_memory), cmocka_unit_test(test_features),
      cmocka_unit_test(test_published), cmocka_unit_test(test_hostile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
