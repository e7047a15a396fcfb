/* Opening: what a path is found to be, packages that try to leave their folder, files that end
 * early, nest without end or claim more than they hold, and a large one that must open at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "load/load.h"
#include "tiny_model.h"

#define MILLISECONDS_TO_REFUSE 10.0

static pome_status open_path(const char *path, pome__package **package, pome_error *error) {
  *error = (pome_error){0};
  *package = NULL;
  return pome__package_open(path, NULL, package, error);
}

static pome_status open_and_load(const char *path, pome_error *error) {
  pome__package *package;
  pome__program *program = NULL;
  pome_status status = open_path(path, &package, error);
  if (status == POME_OK) status = pome__load_program(package, NULL, 0, &program, error);
  pome__program_free(program);
  pome__package_close(package);
  return status;
}

static void at(char *path, size_t size, const char *folder, const char *name) {
  snprintf(path, size, "%s/%s", folder, name);
}

/* ---- what it is ---- */

static const char text_program[] =
    "program(1.0)\n{\n    func main<ios17>(tensor<fp32, [2]> x) {\n"
    "            tensor<fp32, [2]> y = add(x = x, y = x)[name = tensor<string, []>(\"y\")];\n"
    "        } -> (y);\n}\n";

static void finds_what_a_path_is(void **state) {
  (void)state;
  char folder[256], path[512];
  pome__package *package;
  pome_error error;
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof(folder));

  tiny_package(folder, &model, &weights);
  assert_int_equal(open_path(folder, &package, &error), POME_OK);
  assert_string_equal(package->container, "mlpackage");
  assert_int_equal(package->form, POME__PROGRAM_PROTO);
  assert_string_equal(package->description.model_type_name, "mlProgram");
  assert_null(package->weights.mapping);
  pome__package_close(package);

  /* The file inside works alone: its weights stand beside it. */
  at(path, sizeof(path), folder, "Data/com.apple.CoreML/model.mlmodel");
  assert_int_equal(open_path(path, &package, &error), POME_OK);
  assert_string_equal(package->container, "mlmodel");
  pome__bytes bytes;
  assert_int_equal(
      pome__package_weights(package,
                            (pome__bytes){(const uint8_t *)"@model_path/weights/weight.bin", 30},
                            &bytes, &error),
      POME_OK);
  assert_int_equal(bytes.size, weights.size);
  pome__package_close(package);

  tiny_make_folder(folder, "compiled");
  tiny_write(folder, "compiled/model.mil", text_program, sizeof(text_program) - 1);
  at(path, sizeof(path), folder, "compiled");
  assert_int_equal(open_path(path, &package, &error), POME_OK);
  assert_string_equal(package->container, "mlmodelc");
  assert_int_equal(package->form, POME__PROGRAM_TEXT);
  pome__package_close(package);

  at(path, sizeof(path), folder, "compiled/model.mil");
  assert_int_equal(open_path(path, &package, &error), POME_OK);
  assert_string_equal(package->container, "mil");
  pome__package_close(package);

  assert_int_equal(
      pome__package_open_memory(wire_view(&model), wire_view(&weights), NULL, &package, &error),
      POME_OK);
  assert_string_equal(package->container, "memory");
  pome__package_close(package);

  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

static void explains_what_is_no_model(void **state) {
  (void)state;
  static const struct {
    const char *content;
    size_t size;
    const char *expected; /* part of the message or the hint */
  } files[] = {
      {"", 0, "empty"},
      {"PK\003\004....", 8, "zip"},
      {"GGUF....", 8, "GGUF"},
      {"version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
      {"<html>", 6, "download"},
      {"{\"a\": 1}", 8, "folder"},
      {"\x93NUMPY", 6, "93 4e 55 4d"},
      {"program", 7, ".mlpackage"},
      {"\x08\x07", 2, "no description"},
      {"\x08\x00\x12\x00", 4, "specificationVersion"},
      {"\x12\x00", 2, "specificationVersion"},
      {"\x08\x07\x12\x05zz", 6, "5 bytes"},
  };
  char folder[256], path[512];
  pome__package *package;
  pome_error error;
  tiny_folder(folder, sizeof(folder));
  at(path, sizeof(path), folder, "file");
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    tiny_write(folder, "file", files[i].content, files[i].size);
    assert_int_equal(open_path(path, &package, &error), POME_INPUT);
    if (!strstr(error.message, files[i].expected) && !strstr(error.hint, files[i].expected))
      fail_msg("\"%s\" | \"%s\" does not say \"%s\"", error.message, error.hint, files[i].expected);
    assert_string_equal(error.file, path);
  }
  assert_int_equal(open_path(folder, &package, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "Manifest.json"));
  at(path, sizeof(path), folder, "missing");
  assert_int_equal(open_path(path, &package, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "no such file"));
  at(path, sizeof(path), folder, "pipe");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(open_path(path, &package, &error), POME_INPUT);
  tiny_remove(folder);
}

/* ---- hostile packages ---- */

static void manifests_stay_inside(void **state) {
  (void)state;
  static const char *const paths[] = {
      "../model.mlmodel",
      "/etc/passwd",
      "com.apple.CoreML/../../secret",
      "..",
      "",
      "./model.mlmodel",
      "com.apple.CoreML//model.mlmodel",
      "com.apple.CoreML/model.mlmodel/",
      "a\\u0000b",
      "com.apple.CoreML/missing.mlmodel",
      "com.apple.CoreML",
  };
  char folder[256];
  pome__package *package;
  pome_error error;
  wire model = tiny_model(tiny_program(tiny_add_block(false)));
  tiny_folder(folder, sizeof(folder));
  tiny_package(folder, &model, NULL);
  tiny_write(folder, "secret", model.data, model.size);
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    tiny_manifest(folder, paths[i]);
    if (open_path(folder, &package, &error) != POME_INPUT) fail_msg("opened \"%s\"", paths[i]);
    assert_true(error.file[0] != '\0');
  }
  tiny_remove(folder);
  wire_free(&model);
}

static void broken_manifests(void **state) {
  (void)state;
  static const struct {
    const char *text;
    pome_status status;
  } manifests[] = {
      {"", POME_INPUT},
      {"[]", POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\"", POME_INPUT},
      {"{}", POME_INPUT},
      {"{\"fileFormatVersion\": 1}", POME_INPUT},
      {"{\"fileFormatVersion\": \"one\"}", POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0.0\"}", POME_INPUT},
      {"{\"fileFormatVersion\": \"2.0.0\"}", POME_UNSUPPORTED},
      {"{\"fileFormatVersion\": \"1.0.1\"}", POME_UNSUPPORTED},
      {"{\"fileFormatVersion\": \"1.0.0\"}", POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"itemInfoEntries\": []}", POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"itemInfoEntries\": {}}", POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"itemInfoEntries\": {}, \"rootModelIdentifier\": "
       "\"A\"}",
       POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"itemInfoEntries\": {\"A\": 1}, "
       "\"rootModelIdentifier\": \"A\"}",
       POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"itemInfoEntries\": {\"A\": {\"path\": 1}}, "
       "\"rootModelIdentifier\": \"A\"}",
       POME_INPUT},
      {"{\"fileFormatVersion\": \"1.0.0\", \"fileFormatVersion\": \"1.0.0\"}", POME_INPUT},
  };
  char folder[256];
  pome__package *package;
  pome_error error;
  tiny_folder(folder, sizeof(folder));
  for (size_t i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++) {
    tiny_write(folder, "Manifest.json", manifests[i].text, strlen(manifests[i].text));
    pome_status status = open_path(folder, &package, &error);
    if (status != manifests[i].status) print_error("%s: %s\n", manifests[i].text, error.message);
    assert_int_equal(status, manifests[i].status);
    assert_non_null(strstr(error.file, "Manifest.json"));
  }
  tiny_remove(folder);
}

/* Replaces `name` in a good package by a link to `target`, or by a pipe. */
static pome_status load_with(const char *name, const char *target, pome_error *error) {
  char folder[256], outside[256], path[512], other[512];
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof(folder));
  tiny_folder(outside, sizeof(outside));
  tiny_package(folder, &model, &weights);
  at(path, sizeof(path), folder, name);
  at(other, sizeof(other), outside, "moved");
  assert_int_equal(rename(path, other), 0);
  int made =
      target ? symlink(strcmp(target, "moved") == 0 ? other : target, path) : mkfifo(path, 0600);
  assert_int_equal(made, 0);
  pome_status status = open_and_load(folder, error);
  tiny_remove(folder);
  tiny_remove(outside);
  wire_free(&model);
  wire_free(&weights);
  return status;
}

static void links_and_pipes_are_not_followed(void **state) {
  (void)state;
  static const struct {
    const char *name, *target;
  } cases[] = {
      {"Manifest.json", "moved"},
      {"Data", "moved"},
      {"Data/com.apple.CoreML", "moved"},
      {"Data/com.apple.CoreML/model.mlmodel", "moved"},
      {"Data/com.apple.CoreML/weights", "moved"},
      {"Data/com.apple.CoreML/weights/weight.bin", "moved"},
      {"Data/com.apple.CoreML/weights/weight.bin", "/dev/zero"},
      {"Data/com.apple.CoreML/weights/weight.bin", "/etc/passwd"},
      {"Data/com.apple.CoreML/weights/weight.bin", NULL},
      {"Data/com.apple.CoreML/model.mlmodel", NULL},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    pome_error error = {0};
    if (load_with(cases[i].name, cases[i].target, &error) != POME_INPUT)
      fail_msg("followed %s: %s", cases[i].name, error.message);
  }
}

static void weight_names_stay_inside(void **state) {
  (void)state;
  static const char *const names[] = {
      "@model_path/../secret",
      "/etc/passwd",
      "../secret",
      "@model_path/",
      "",
      "@model_path//etc/passwd",
      "@model_path/weights/../../secret",
      "@model_path/weights",
      ".",
  };
  char folder[256];
  pome_error error = {0};
  wire model = tiny_model(tiny_program(tiny_add_block(true))), weights = tiny_weights();
  tiny_folder(folder, sizeof(folder));
  tiny_package(folder, &model, &weights);
  tiny_write(folder, "secret", weights.data, weights.size);
  tiny_write(folder, "Data/secret", weights.data, weights.size);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    pome__package *package;
    pome__bytes bytes, name = {(const uint8_t *)names[i], strlen(names[i])};
    assert_int_equal(open_path(folder, &package, &error), POME_OK);
    if (pome__package_weights(package, name, &bytes, &error) != POME_INPUT)
      fail_msg("opened %s", names[i]);
    /* A refusal leaves the package usable. */
    name = (pome__bytes){(const uint8_t *)"@model_path/weights/weight.bin", 30};
    assert_int_equal(pome__package_weights(package, name, &bytes, &error), POME_OK);
    pome__package_close(package);
  }
  tiny_write(folder, "Data/com.apple.CoreML/other.bin", weights.data, 64);
  pome__package *package;
  pome__bytes first, second, again;
  assert_int_equal(open_path(folder, &package, &error), POME_OK);
  pome__bytes one = {(const uint8_t *)"@model_path/weights/weight.bin", 30};
  pome__bytes two = {(const uint8_t *)"@model_path/other.bin", 21};
  pome__bytes absent = {(const uint8_t *)"@model_path/absent.bin", 22};
  assert_int_equal(pome__package_weights(package, one, &first, &error), POME_OK);
  assert_int_equal(pome__package_weights(package, two, &second, &error), POME_OK);
  assert_int_equal(pome__package_weights(package, two, &again, &error), POME_OK);
  assert_true(first.size == weights.size && second.size == 64 && again.data == second.data);
  assert_int_equal(pome__package_weights(package, absent, &first, &error), POME_OK);
  assert_null(first.data);
  pome__package_close(package);
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

/* ---- broken and boundless messages ---- */

static pome_status load_memory(pome__bytes spec, pome__bytes weights,
                               const pome_allocator *allocator, pome_error *error) {
  pome_model_options options = {.size = sizeof(options), .allocator = allocator};
  pome__package *package = NULL;
  pome__program *program = NULL;
  size_t limit = 4 * spec.size + ((size_t)64 << 20);
  pome_status status = pome__package_open_memory(spec, weights, &options, &package, error);
  if (status == POME_OK) status = pome__load_program(package, allocator, limit, &program, error);
  pome__program_free(program);
  pome__package_close(package);
  return status;
}

static wire deeper_block(void);

/* Three models that use different parts of the format. */
static wire sample(int which) {
  if (which == 0) return tiny_model(tiny_program(tiny_add_block(false)));
  if (which == 1) return tiny_model(tiny_program(tiny_add_block(true)));
  return tiny_model(tiny_program(deeper_block()));
}

/* A list of strings, a blob and literals of several widths. */
static wire deeper_block(void) {
  wire block = tiny_add_block(true), list = {0};
  wire_bytes(&list, 1, "\x01\x7f\x80\x80\x01", 5);
  const int64_t three[] = {3};
  wire value = tiny_value(tiny_tensor_type(MIL_INT32, 1, three), 2, list);
  wire_message(&block, 3, tiny_const("k", tiny_tensor_type(MIL_INT32, 1, three), value));
  wire_message(&block, 3,
               tiny_const("s", tiny_tensor_type(MIL_STRING, 0, NULL), tiny_string_value("text")));
  return block;
}

static void truncation_at_every_byte(void **state) {
  (void)state;
  wire weights = tiny_weights();
  for (int which = 0; which < 3; which++) {
    wire whole = sample(which);
    pome_error error = {0};
    if (load_memory(wire_view(&whole), wire_view(&weights), NULL, &error) != POME_OK)
      fail_msg("%s", error.message);
    for (size_t size = 0; size < whole.size; size++) {
      uint8_t *cut = test_malloc(size + 1);
      memcpy(cut, whole.data, size);
      pome_status status = load_memory((pome__bytes){cut, size}, wire_view(&weights), NULL, &error);
      if (status == POME_OK)
        fail_msg("model %d opens when cut to %zu of %zu bytes", which, size, whole.size);
      test_free(cut);
    }
    for (size_t size = 0; size < weights.size && which > 0; size++) {
      uint8_t *cut = test_malloc(size + 1);
      memcpy(cut, weights.data, size);
      pome_status status = load_memory(wire_view(&whole), (pome__bytes){cut, size}, NULL, &error);
      bool none_given = size == 0;
      if (status == POME_OK) assert_true(size >= 136 || none_given);
      else assert_true(size < 136);
      test_free(cut);
    }
    wire_free(&whole);
  }
  wire_free(&weights);
}

/* One turn of a nest: `prefix` stands in front of the field that holds the next turn. */
typedef struct turn {
  const char *prefix;
  size_t prefix_size;
  uint8_t tag;
} turn;

/* Written from the inside out, from the buffer's end, so that a million levels take linear time. */
static wire nest(const turn *turns, size_t count, size_t levels) {
  levels -= levels % count; /* the outermost level is the first turn */
  size_t capacity = levels * 24 + 64, at_byte = capacity;
  uint8_t *buffer = test_malloc(capacity);
  for (size_t level = 0; level < levels; level++) {
    const turn *t = &turns[count - 1 - level % count];
    uint8_t length[10];
    size_t n = 0;
    uint64_t rest = capacity - at_byte;
    do {
      length[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      rest >>= 7;
    } while (rest > 0);
    at_byte -= n;
    memcpy(buffer + at_byte, length, n);
    buffer[--at_byte] = t->tag;
    at_byte -= t->prefix_size;
    memcpy(buffer + at_byte, t->prefix, t->prefix_size);
  }
  wire result = {0};
  wire_raw(&result, buffer + at_byte, capacity - at_byte);
  test_free(buffer);
  return result;
}

/* A program whose block holds one operation with an output of that type. */
static wire typed(wire type) {
  wire block = {0}, op = {0};
  wire_text(&op, 1, "a");
  wire_message(&op, 3, tiny_named_type("v", type));
  wire_message(&block, 3, op);
  return tiny_model(tiny_program(block));
}

/* A program whose block holds one const with that type and that value. */
static wire around(wire type, wire value) {
  wire block = {0};
  wire_message(&block, 3, tiny_const("c", type, value));
  return tiny_model(tiny_program(block));
}

static wire nested(int which, size_t levels) {
  static const turn lists[] = {{"", 0, 0x12},
                               {"", 0, 0x0a}}; /* ValueType.listType, ListType.type */
  static const turn tuples[] = {{"", 0, 0x1a},
                                {"", 0, 0x0a}}; /* ValueType.tupleType, TupleType.types */
  static const turn dicts[] = {{"", 0, 0x22},
                               {"", 0, 0x0a}}; /* ValueType.dictionaryType, keyType */
  static const turn states[] = {{"", 0, 0x2a},
                                {"", 0, 0x0a}}; /* ValueType.stateType, wrappedType */
  /* Value{type: tuple{}, immediateValue}, ImmediateValue.tuple, TupleValue.values */
  static const turn values[] = {{"\x12\x02\x1a\x00", 4, 0x1a}, {"", 0, 0x12}, {"", 0, 0x0a}};
  /* Value{type: dict<tuple<>, tuple<>>, immediateValue}, ImmediateValue.dictionary,
   * DictionaryValue.values, KeyValuePair.key */
  static const turn pairs[] = {{"\x12\x0a\x22\x08\x0a\x02\x1a\x00\x12\x02\x1a\x00", 12, 0x1a},
                               {"", 0, 0x22},
                               {"", 0, 0x0a},
                               {"", 0, 0x0a}};
  /* Block.operations, Operation{type: "a", blocks} */
  static const turn blocks[] = {{"", 0, 0x1a},
                                {"\x0a\x01"
                                 "a",
                                 3, 0x22}};
  wire m = {0};
  switch (which) {
  case 0: return typed(nest(lists, 2, levels));
  case 1: return typed(nest(tuples, 2, levels));
  case 2: return typed(nest(dicts, 2, levels));
  case 3: return typed(nest(states, 2, levels));
  case 4: return around(tiny_tensor_type(MIL_FP32, 0, NULL), nest(values, 3, levels));
  case 5: return around(tiny_tensor_type(MIL_FP32, 0, NULL), nest(pairs, 4, levels));
  case 6: return tiny_model(tiny_program(nest(blocks, 2, levels)));
  default: { /* pipelines in pipelines: Pipeline.models, Model.pipeline (field 202) */
    static const turn models[] = {{"\xd2", 1, 0x0c}, {"", 0, 0x0a}};
    wire description = {0};
    wire_uint(&m, 1, 7);
    wire_message(&m, 2, description);
    wire inner = nest(models, 2, levels);
    wire_raw(&m, inner.data, inner.size);
    wire_free(&inner);
    return m;
  }
  }
}

static void boundless_nesting_is_refused_at_once(void **state) {
  (void)state;
  static const size_t levels[] = {10, 100, 1000, 100000, 1000000};
  for (int which = 0; which < 8; which++) {
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
      wire model = nested(which, levels[i]);
      pome_error error = {0};
      double start = tiny_milliseconds();
      pome_status status = load_memory(wire_view(&model), (pome__bytes){NULL, 0}, NULL, &error);
      double took = tiny_milliseconds() - start;
      assert_true(status == POME_INPUT || status == POME_UNSUPPORTED);
      if (took > MILLISECONDS_TO_REFUSE)
        fail_msg("nest %d of %zu levels took %.1f ms", which, levels[i], took);
      if (which < 7 && levels[i] >= 1000 && !strstr(error.message, "nested"))
        fail_msg("nest %d: %s", which, error.message);
      wire_free(&model);
    }
  }
}

/* Counts what is taken, to hold it against the ceiling. */
typedef struct meter {
  size_t now, peak;
} meter;

static void *meter_allocate(void *context, size_t size) {
  meter *m = context;
  m->now += size;
  if (m->now > m->peak) m->peak = m->now;
  return malloc(size);
}

static void *meter_reallocate(void *context, void *pointer, size_t old_size, size_t new_size) {
  meter *m = context;
  m->now += new_size - old_size;
  if (m->now > m->peak) m->peak = m->now;
  return realloc(pointer, new_size);
}

static void meter_free(void *context, void *pointer, size_t size) {
  ((meter *)context)->now -= size;
  free(pointer);
}

/* `size` bytes of one short message over and over. */
static wire many(const char *unit, size_t unit_size, size_t size) {
  wire m = {0};
  while (m.size < size) wire_raw(&m, unit, unit_size);
  return m;
}

static wire in_description(wire content) {
  wire m = {0};
  wire_uint(&m, 1, 7);
  wire_message(&m, 2, content);
  return m;
}

static wire in_function(wire content) {
  wire program = {0};
  wire_message(&program, 2, tiny_entry("main", content));
  return tiny_model(program);
}

static wire wrap(uint32_t number, wire inner) {
  wire m = {0};
  wire_message(&m, number, inner);
  return m;
}

#define MANY(unit) many((unit), sizeof(unit) - 1, (size_t)2 << 20)

static wire bomb(int which) {
  wire feature = {0};
  switch (which) {
  case 0: return MANY("\x0a\x00");                                /* junk at the top */
  case 1: return in_description(MANY("\x0a\x00"));                /* inputs */
  case 2: return in_description(MANY("\xa2\x01\x00"));            /* functions */
  case 3: return in_description(wrap(100, MANY("\xa2\x06\x00"))); /* metadata */
  case 4:                                                         /* enumerated shapes */
    wire_text(&feature, 1, "x");
    wire_message(&feature, 3, wrap(5, wrap(21, MANY("\x0a\x00"))));
    return in_description(wrap(1, feature));
  case 5: return in_function(MANY("\x0a\x00"));              /* function inputs */
  case 6: return in_function(MANY("\x1a\x00"));              /* specializations */
  case 7: return tiny_model(tiny_program(MANY("\x1a\x00"))); /* operations */
  case 8:
    return tiny_model(tiny_program(MANY("\x1a\x03\x0a\x01"
                                        "a")));                     /* operations with a type */
  case 9: return tiny_model(tiny_program(MANY("\x0a\x00")));        /* block inputs */
  case 10: return typed(wrap(3, MANY("\x0a\x00")));                 /* tuple types */
  case 11: return typed(wrap(3, MANY("\x0a\x04\x0a\x02\x08\x0a"))); /* tuple of fp16 scalars */
  case 12: return typed(wrap(1, MANY("\x1a\x00")));                 /* dimensions */
  case 13: return around(wrap(3, (wire){0}), wrap(3, wrap(2, MANY("\x0a\x00")))); /* tuple values */
  case 14: return tiny_model(tiny_program(wrap(3, MANY("\x12\x00"))));            /* op inputs */
  case 15: return tiny_model(tiny_program(wrap(3, MANY("\x2a\x00")))); /* op attributes */
  case 16: return tiny_model(tiny_program(wrap(3, MANY("\x22\x00")))); /* op blocks */
  case 17: {                                                           /* strings for a scalar */
    wire value = tiny_value(tiny_tensor_type(MIL_STRING, 0, NULL), 4, MANY("\x0a\x00"));
    return around(tiny_tensor_type(MIL_STRING, 0, NULL), value);
  }
  case 18: { /* a declared size without data */
    const int64_t huge[] = {(int64_t)1 << 40};
    wire value = tiny_value(tiny_tensor_type(MIL_INT32, 1, huge), 2, MANY("\x08\x01"));
    return around(tiny_tensor_type(MIL_INT32, 1, huge), value);
  }
  default: return tiny_model(MANY("\x22\x00")); /* program attributes */
  }
}

static void counts_are_bounded_by_what_is_there(void **state) {
  (void)state;
  for (int which = 0; which < 20; which++) {
    wire model = bomb(which);
    meter m = {0};
    const pome_allocator allocator = {&m, meter_allocate, meter_reallocate, meter_free};
    pome_error error = {0};
    double start = tiny_milliseconds();
    pome_status status = load_memory(wire_view(&model), (pome__bytes){NULL, 0}, &allocator, &error);
    double took = tiny_milliseconds() - start;
    if (status == POME_OK || m.peak > 4 * model.size + ((size_t)64 << 20) || took > 2000)
      fail_msg("bomb %d: status %d, peak %zu bytes of %zu, %.0f ms", which, (int)status, m.peak,
               model.size, took);
    assert_int_equal(m.now, 0);
    wire_free(&model);
  }
}

/* Allows so many allocations and refuses those after. */
typedef struct ration {
  meter m;
  size_t left;
} ration;

static void *ration_allocate(void *context, size_t size) {
  ration *r = context;
  if (r->left == 0) return NULL;
  r->left--;
  return meter_allocate(&r->m, size);
}

static void *ration_reallocate(void *context, void *pointer, size_t old_size, size_t new_size) {
  ration *r = context;
  if (r->left == 0) return NULL;
  r->left--;
  return meter_reallocate(&r->m, pointer, old_size, new_size);
}

static void ration_free(void *context, void *pointer, size_t size) {
  meter_free(&((ration *)context)->m, pointer, size);
}

static pome_status load_folder(const char *folder, const pome_allocator *allocator, bool copy,
                               pome_error *error) {
  pome_model_options options = {.size = sizeof(options), .allocator = allocator, .copy = copy};
  pome__package *package = NULL;
  pome__program *program = NULL;
  pome_status status = pome__package_open(folder, &options, &package, error);
  if (status == POME_OK) status = pome__load_program(package, allocator, 0, &program, error);
  pome__program_free(program);
  pome__package_close(package);
  return status;
}

static void survives_every_failed_allocation(void **state) {
  (void)state;
  char folder[256];
  wire model = sample(2), weights = tiny_weights();
  tiny_folder(folder, sizeof(folder));
  tiny_package(folder, &model, &weights);
  for (int copy = 0; copy < 2; copy++) {
    pome_status status = POME_MEMORY;
    for (size_t allowed = 0; status != POME_OK; allowed++) {
      ration r = {.left = allowed};
      const pome_allocator allocator = {&r, ration_allocate, ration_reallocate, ration_free};
      pome_error error = {0};
      status = load_folder(folder, &allocator, copy != 0, &error);
      if (status != POME_OK && status != POME_MEMORY)
        fail_msg("%zu allowed: %s", allowed, error.message);
      assert_int_equal(r.m.now, 0);
      assert_true(allowed < 10000);
    }
  }
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
}

/* ---- large ---- */

static void a_gigabyte_opens_at_once(void **state) {
  (void)state;
  const int64_t size = (int64_t)1 << 30;
  char folder[256], path[512];
  pome_error error = {0};
  wire block = {0}, weights = {0};
  wire value =
      tiny_blob_value(tiny_tensor_type(MIL_UINT8, 1, &size), "@model_path/weights/weight.bin", 64);
  wire_text(&block, 2, "y");
  wire_message(&block, 3, tiny_const("big", tiny_tensor_type(MIL_UINT8, 1, &size), value));
  wire_message(&block, 3, tiny_add("y", "x", "x"));
  wire model = tiny_model(tiny_program(block));
  tiny_weight_record(&weights, 3, 0, NULL, 0);
  for (int i = 0; i < 8; i++) weights.data[72 + i] = (uint8_t)((uint64_t)size >> (8 * i));
  tiny_folder(folder, sizeof(folder));
  tiny_package(folder, &model, &weights);
  at(path, sizeof(path), folder, "Data/com.apple.CoreML/weights/weight.bin");
  if (truncate(path, 128 + size) != 0) {
    tiny_remove(folder);
    print_message("SKIP: this file system has no sparse files of 1 GiB\n");
    skip();
  }
  size_t before = tiny_resident();
  double start = tiny_milliseconds();
  pome__package *package;
  pome__program *program = NULL;
  assert_int_equal(open_path(folder, &package, &error), POME_OK);
  if (pome__load_program(package, NULL, 0, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  double took = tiny_milliseconds() - start;
  size_t grown = tiny_resident() - before;
  assert_int_equal(program->functions[0]->body->ops[0]->outputs[0]->literal->bytes, size);
  pome__program_free(program);
  pome__package_close(package);
  tiny_remove(folder);
  wire_free(&model);
  wire_free(&weights);
  print_message("1 GiB of weights: %.2f ms, %zu KiB\n", took, grown >> 10);
  assert_true(took < 50);
  assert_true(grown < (size_t)30 << 20);
}

/* ---- compiled bundles ---- */

/* As the samples lay it out: type at 0, a name at 0x1c, the version behind it, the description
 * behind its length. */
static wire compiled_description(uint32_t type) {
  wire model = tiny_model((wire){0}), file = {0};
  const uint8_t zeros[64] = {0};
  const uint8_t head[] = {(uint8_t)type, (uint8_t)(type >> 8), 0, 0, 5};
  wire_raw(&file, head, sizeof(head));
  wire_raw(&file, zeros, 0x1c - sizeof(head));
  wire_raw(&file, "\x07\0\0\0\0\0\0\0generic\x07", 16);
  wire_raw(&file, zeros, 31);
  /* The description is field 2 of the model: one byte of tag, one of length. */
  uint8_t size = model.data[3];
  assert_true(model.data[2] == 0x12 && size < 0x80);
  wire_raw(&file, &size, 1);
  wire_raw(&file, zeros, 7);
  wire_raw(&file, model.data + 4, size);
  wire_raw(&file, head, 4);
  wire_raw(&file, zeros, 12);
  wire_free(&model);
  return file;
}

static void compiled_descriptions(void **state) {
  (void)state;
  wire file = compiled_description(502);
  pome__arena arena;
  pome__description d;
  pome_error error = {0};
  pome__arena_init(&arena, NULL, 0);
  assert_int_equal(pome__coremldata_parse(wire_view(&file), &arena, &d, &error), POME_OK);
  assert_int_equal(d.model_type, POME__MODEL_TYPE_PROGRAM);
  assert_int_equal(d.specification_version, 7);
  assert_string_equal(d.functions[0].inputs[0].name, "x");
  assert_string_equal(d.functions[0].outputs[0].name, "y");
  size_t end = file.size - 16;
  for (size_t size = 0; size < file.size; size++) {
    uint8_t *cut = test_malloc(size + 1);
    memcpy(cut, file.data, size);
    pome_status status = pome__coremldata_parse((pome__bytes){cut, size}, &arena, &d, &error);
    assert_int_equal(status, size < end ? POME_INPUT : POME_OK);
    test_free(cut);
  }
  pome__arena_free(&arena);
  wire_free(&file);
}

static void compiled_network_is_named(void **state) {
  (void)state;
  char folder[256];
  pome_error error = {0};
  wire file = compiled_description(500);
  tiny_folder(folder, sizeof(folder));
  tiny_write(folder, "coremldata.bin", file.data, file.size);
  assert_int_equal(open_and_load(folder, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "neuralNetwork"));
  tiny_remove(folder);
  wire_free(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_a_path_is),
      cmocka_unit_test(explains_what_is_no_model),
      cmocka_unit_test(manifests_stay_inside),
      cmocka_unit_test(broken_manifests),
      cmocka_unit_test(links_and_pipes_are_not_followed),
      cmocka_unit_test(weight_names_stay_inside),
      cmocka_unit_test(truncation_at_every_byte),
      cmocka_unit_test(boundless_nesting_is_refused_at_once),
      cmocka_unit_test(counts_are_bounded_by_what_is_there),
      cmocka_unit_test(survives_every_failed_allocation),
      cmocka_unit_test(a_gigabyte_opens_at_once),
      cmocka_unit_test(compiled_descriptions),
      cmocka_unit_test(compiled_network_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
