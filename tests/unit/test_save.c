/* Packages that pome writes: what is read from them equals what was written, each content stands
 * once in an aligned weight file, and a failure at any point leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "mil_programs.h"
#include "ops/ops.h"
#include "program_equal.h"
#include "runtime/runtime.h"
#include "save/save.h"
#include "tiny_model.h"

static char work[256]; /* an empty folder for each test */

static int make_work(void **state) {
  (void)state;
  tiny_folder(work, sizeof(work));
  return 0;
}

static int remove_work(void **state) {
  (void)state;
  tiny_remove(work);
  return 0;
}

static void in_work(char *path, size_t size, const char *name) {
  assert_true(pome__path_join(path, size, work, name));
}

static size_t entries_in_work(void) {
  size_t count = 0;
  DIR *list = opendir(work);
  assert_non_null(list);
  for (struct dirent *entry = readdir(list); entry; entry = readdir(list))
    if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) count++;
  closedir(list);
  return count;
}

/* ---- bytes ---- */

static pome_status append(void *context, const void *data, size_t size, pome_error *error) {
  (void)error;
  wire_raw(context, data, size);
  return POME_OK;
}

/* ---- programs ---- */

static pome_status no_files(void *context, pome__bytes name, pome__bytes *bytes,
                            pome_error *error) {
  (void)context, (void)name, (void)error;
  *bytes = (pome__bytes){NULL, 0};
  return POME_OK;
}

typedef struct emitted {
  const pome__program *program;
  const pome__weight_plan *weights;
} emitted;

static void emit_program(pome__pb_writer *w, void *context) {
  const emitted *e = context;
  pome__put_program(w, e->program, e->weights);
}

static wire to_proto(const pome__program *program, const pome__weight_plan *weights) {
  emitted e = {program, weights};
  pome_error error = {0};
  wire out = {0};
  pome__byte_sink sink = {&out, append};
  if (pome__pb_write(NULL, &sink, emit_program, &e, &error) != POME_OK)
    fail_msg("%s", error.message);
  return out;
}

/* The compiler's note of flexible shapes stands in text alone. */
static void drop_notes(pome__program *program) {
  for (size_t i = 0; i < program->function_count; i++) {
    pome__function *function = program->functions[i];
    size_t kept = 0;
    for (size_t k = 0; k < function->attribute_count; k++)
      if (strcmp(function->attributes[k].name, POME__FLEXIBLE_NOTE) != 0)
        function->attributes[kept++] = function->attributes[k];
    function->attribute_count = kept;
  }
}

static void must_equal(const pome__program *a, const pome__program *b, const char *what) {
  const char *why = "";
  if (!program_equal(a, b, &why)) fail_msg("%s: %s", what, why);
}

/* Writes the message, reads it, compares. Blobs are those of `blobs`. */
static void proto_round_trip(pome__program *program, const pome__blob_source *blobs,
                             const char *what) {
  wire message = to_proto(program, NULL);
  pome_error error = {0};
  pome__program *again = NULL;
  pome_status status = pome__load_mil_proto(wire_view(&message), blobs, NULL, 0, &again, &error);
  if (status == POME_OK) status = pome__program_verify(again, &error);
  if (status != POME_OK) fail_msg("%s: %s (%s)", what, error.message, error.op);
  drop_notes(program);
  must_equal(program, again, what);
  pome__program_free(again);
  wire_free(&message);
}

/* Text has strings that protobuf has not: NUL becomes a letter. How many there were. */
static size_t without_nul(const pome__literal *literal) {
  size_t found = 0;
  for (size_t i = 0; i < literal->item_count; i++) found += without_nul(literal->items[i]);
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_STRING) return found;
  const pome_string *strings = literal->data;
  for (size_t i = 0; i < literal->bytes / sizeof(*strings); i++) {
    char *nul = strings[i].size > 0 ? memchr(strings[i].data, 0, strings[i].size) : NULL;
    if (nul) *nul = 'n';
    found += nul != NULL;
  }
  return found;
}

static size_t attributes_without_nul(const pome__attribute *attributes, size_t count) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += without_nul(attributes[i].value);
  return found;
}

static size_t program_without_nul(const pome__program *program) {
  const pome__function *function = program->functions[0];
  size_t found = attributes_without_nul(program->attributes, program->attribute_count) +
                 attributes_without_nul(function->attributes, function->attribute_count);
  const pome__block *body = program->functions[0]->body;
  for (size_t i = 0; i < body->op_count; i++)
    for (size_t a = 0; a < body->ops[i]->arg_count; a++) {
      const pome__arg *arg = &body->ops[i]->args[a];
      for (size_t v = 0; v < arg->count; v++)
        if (arg->values[v]->name[0] == '\0') found += without_nul(arg->values[v]->literal);
    }
  return found;
}

static void own_programs_come_back(void **state) {
  (void)state;
  static const pome__opset opsets[] = {POME__IOS16, POME__IOS18};
  const pome__blob_source none = {NULL, no_files};
  for (int i = 0; i < 2; i++) {
    pome__program *programs[] = {simple_program(), nested_program(opsets[i]),
                                 literal_program(opsets[i])};
    for (size_t k = 0; k < 3; k++) {
      emitted e = {programs[k], NULL};
      pome_error error = {0};
      wire out = {0};
      pome__byte_sink sink = {&out, append};
      pome_status status = pome__pb_write(NULL, &sink, emit_program, &e, &error);
      wire_free(&out);
      bool had_nul = program_without_nul(programs[k]) > 0;
      assert_int_equal(had_nul, k == 2);
      assert_int_equal(status, had_nul ? POME_UNSUPPORTED : POME_OK);
      proto_round_trip(programs[k], &none, "a program of the tests");
      pome__program_free(programs[k]);
    }
  }
}

/* ---- weight files ---- */

/* Twelve elements of each type, of one content; `offset` tells whether they came from a file. */
static pome__literal *twelve(pome__program *program, pome_dtype dtype, uint8_t content,
                             uint64_t offset) {
  const int64_t dims[] = {12};
  uint8_t data[12 * 8];
  memset(data, content, sizeof(data));
  pome__literal *literal = pome__literal_new_tensor(program, dtype, 1, dims, data,
                                                    (12 * pome_dtype_bits(dtype) + 7) / 8);
  assert_non_null(literal);
  literal->blob_offset = offset;
  return literal;
}

static uint64_t placed(pome__opset opset, pome_dtype dtype, int64_t count, uint64_t offset) {
  pome__program *program = pome__program_create(NULL, 0);
  pome__function *function = pome__program_add_function(program, "main", opset);
  pome__literal *literal = twelve(program, dtype, 3, offset);
  literal->type.dims[0] = count;
  literal->bytes = ((size_t)count * pome_dtype_bits(dtype) + 7) / 8;
  add_const(program, function->body, "c", literal);
  pome__weight_plan plan;
  pome_error error;
  assert_int_equal(pome__weight_plan_make(&program, 1, NULL, NULL, &plan, &error), POME_OK);
  uint64_t result = pome__weight_plan_find(&plan, literal);
  pome__weight_plan_free(&plan);
  pome__program_free(program);
  return result;
}

static void the_rule_of_coremltools(void **state) {
  (void)state;
  static const pome_dtype always[] = {POME_FP16, POME_FP32,  POME_INT8,  POME_UINT8,
                                      POME_INT4, POME_UINT1, POME_UINT3, POME_UINT6};
  static const pome_dtype later[] = {POME_INT16, POME_UINT16, POME_INT32, POME_UINT32};
  static const pome_dtype never[] = {POME_BOOL, POME_FP64, POME_INT64};
  for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
    assert_int_equal(placed(POME__IOS15, always[i], 10, POME_NO_OFFSET), 64);
    assert_int_equal(placed(POME__IOS18, always[i], 9, POME_NO_OFFSET), POME_NO_OFFSET);
    assert_int_equal(placed(POME__IOS18, always[i], 1, 640), 64);
  }
  for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
    assert_int_equal(placed(POME__IOS17, later[i], 12, POME_NO_OFFSET), POME_NO_OFFSET);
    assert_int_equal(placed(POME__IOS18, later[i], 12, POME_NO_OFFSET), 64);
  }
  for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
    assert_int_equal(placed(POME__IOS18, never[i], 12, POME_NO_OFFSET), POME_NO_OFFSET);
}

static const pome_dtype file_types[] = {
    POME_FP16,   POME_FP32,  POME_UINT8,  POME_INT8,      POME_BF16,    POME_INT16,
    POME_UINT16, POME_INT4,  POME_UINT1,  POME_UINT2,     POME_UINT4,   POME_UINT3,
    POME_UINT6,  POME_INT32, POME_UINT32, POME_FP8E4M3FN, POME_FP8E5M2,
};
#define FILE_TYPES (sizeof(file_types) / sizeof(file_types[0]))

static uint32_t u32_at(const wire *file, size_t at) {
  return (uint32_t)file->data[at] | (uint32_t)file->data[at + 1] << 8 |
         (uint32_t)file->data[at + 2] << 16 | (uint32_t)file->data[at + 3] << 24;
}

/* Of every type three constants, two of them equal: two records each, aligned, read back equal. */
static void every_content_once(void **state) {
  (void)state;
  pome__program *program = pome__program_create(NULL, 0);
  pome__function *function = pome__program_add_function(program, "main", POME__IOS18);
  const pome__literal *literals[FILE_TYPES][3];
  for (size_t i = 0; i < FILE_TYPES; i++) {
    for (int k = 0; k < 3; k++) {
      char name[32];
      snprintf(name, sizeof(name), "c%zu_%d", i, k);
      literals[i][k] = twelve(program, file_types[i], k == 1 ? 5 : 3, 64);
      add_const(program, function->body, name, literals[i][k]);
    }
  }
  pome__weight_plan plan;
  pome_error error = {0};
  wire file = {0};
  pome__byte_sink sink = {&file, append};
  pome__save_progress progress = {NULL, NULL};
  assert_int_equal(pome__weight_plan_make(&program, 1, NULL, NULL, &plan, &error), POME_OK);
  assert_int_equal(plan.record_count, 2 * FILE_TYPES);
  assert_int_equal(pome__weight_plan_write(&plan, NULL, &sink, &progress, &error), POME_OK);
  assert_int_equal(u32_at(&file, 0), 2 * FILE_TYPES);
  assert_int_equal(u32_at(&file, 4), 2);
  assert_int_equal(file.size % 64, 0);
  for (size_t i = 0; i < FILE_TYPES; i++) {
    uint64_t offsets[3];
    for (int k = 0; k < 3; k++) {
      pome__weight_record record;
      offsets[k] = pome__weight_plan_find(&plan, literals[i][k]);
      if (pome__weight_read(wire_view(&file), offsets[k], &record, &error) != POME_OK)
        fail_msg("%s: %s", pome_dtype_name(file_types[i]), error.message);
      assert_int_equal(record.dtype, file_types[i]);
      assert_int_equal(record.count, 12);
      assert_int_equal((record.data.data - file.data) % 64, 0);
      assert_int_equal(record.data.size, literals[i][k]->bytes);
      assert_memory_equal(record.data.data, literals[i][k]->data, record.data.size);
    }
    assert_true(offsets[0] == offsets[2] && offsets[0] != offsets[1]);
  }
  pome__weight_plan_free(&plan);
  pome__program_free(program);
  wire_free(&file);
}

static pome_status count_bytes(void *context, const void *data, size_t size, pome_error *error) {
  (void)data, (void)error;
  size_t *at_most = context, now = tiny_resident();
  if (now > at_most[0]) at_most[0] = now;
  at_most[1] += size;
  return POME_OK;
}

/* Two different quarters of a gigabyte are hashed and written with hardly any memory. */
static void memory_does_not_grow_with_weights(void **state) {
  (void)state;
  const int64_t size = (int64_t)1 << 28;
  const size_t second = 128 + (size_t)size;
  char path[512];
  wire block = {0}, weights = {0};
  for (int i = 0; i < 2; i++) {
    wire type = tiny_tensor_type(MIL_UINT8, 1, &size);
    wire value = tiny_blob_value(tiny_tensor_type(MIL_UINT8, 1, &size), POME__BLOB_PATH,
                                 i == 0 ? 64 : second);
    wire_message(&block, 3, tiny_const(i == 0 ? "a" : "b", type, value));
  }
  wire_text(&block, 2, "y");
  wire_message(&block, 3, tiny_add("y", "x", "x"));
  wire model = tiny_model(tiny_program(block));
  tiny_weight_record(&weights, 3, 0, NULL, 0);
  for (int i = 0; i < 8; i++) weights.data[72 + i] = (uint8_t)((uint64_t)size >> (8 * i));
  tiny_package(work, &model, &weights);
  in_work(path, sizeof(path), "Data/com.apple.CoreML/weights/weight.bin");
  if (truncate(path, (off_t)second + 64 + size) != 0) {
    print_message("SKIP: this file system has no sparse files of 512 MiB\n");
    wire_free(&model);
    wire_free(&weights);
    skip();
  }
  uint8_t record[64];
  memcpy(record, weights.data + 64, 64);
  for (int i = 0; i < 8; i++) record[16 + i] = (uint8_t)((second + 64) >> (8 * i));
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, (long)second, SEEK_SET), 0);
  assert_int_equal(fwrite(record, 1, 64, file), 64);
  assert_int_equal(fseek(file, -1, SEEK_END), 0);
  assert_int_equal(fwrite("x", 1, 1, file), 1);
  assert_int_equal(fclose(file), 0);

  pome__package *package = NULL;
  pome__program *program = NULL;
  pome__weight_plan plan;
  pome_error error = {0};
  size_t before = tiny_resident(), seen[2] = {0, 0};
  pome__byte_sink sink = {seen, count_bytes};
  pome__save_progress progress = {NULL, NULL};
  assert_int_equal(pome__package_open(work, NULL, &package, &error), POME_OK);
  if (pome__load_program(package, NULL, 0, &program, &error) != POME_OK)
    fail_msg("%s", error.message);
  assert_int_equal(pome__weight_plan_make(&program, 1, package, NULL, &plan, &error), POME_OK);
  assert_int_equal(plan.record_count, 2);
  size_t after_hashing = tiny_resident();
  assert_int_equal(pome__weight_plan_write(&plan, package, &sink, &progress, &error), POME_OK);
  assert_int_equal(seen[1], second + 64 + (size_t)size);
  print_message("512 MiB of weights: %zu KiB after hashing, at most %zu KiB more while writing\n",
                (after_hashing - before) >> 10, (seen[0] - before) >> 10);
  assert_true(after_hashing - before < (size_t)16 << 20);
  assert_true(seen[0] - before < (size_t)16 << 20);
  pome__weight_plan_free(&plan);
  pome__program_free(program);
  pome__package_close(package);
  wire_free(&model);
  wire_free(&weights);
}

/* ---- whole packages ---- */

static const char sample_text[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [2, ?]> x, state<tensor<fp16, [12]>> s) "
    "[FlexibleShapeInformation = tuple<tuple<string, dict<string, tensor<int32, [?]>>>, "
    "tuple<string, dict<string, list<tensor<int32, [2]>, ?>>>>(((\"DefaultShapes\", {{\"x\", "
    "[2, 4]}}), (\"RangeDims\", {{\"x\", [[2, 2], [3, 30]]}})))] {\n"
    "            tensor<fp32, [12]> w = const()[name = string(\"w\"), val = tensor<fp32, "
    "[12]>([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])];\n"
    "            tensor<fp32, [12]> v = const()[name = string(\"v\"), val = tensor<fp32, "
    "[12]>([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])];\n"
    "            tensor<fp32, [12]> u = add(x = w, y = v)[name = string(\"u\")];\n"
    "            tensor<fp32, [2, ?]> y = relu(x = x)[name = string(\"y\")];\n"
    "        } -> (u, y);\n"
    "    func other<ios18>(tensor<int32, [1]> x) {\n"
    "            tensor<int32, [1]> y = add(x = x, y = x)[name = string(\"twice\")];\n"
    "        } -> (y);\n}\n";

static pome_model *open_text(const char *text, const pome_allocator *allocator) {
  pome_model_options options;
  pome_model_options_init(&options);
  options.allocator = allocator;
  pome_error error = {0};
  pome_model *model = NULL;
  if (pome_model_open_memory(text, strlen(text), NULL, 0, &options, &model, &error) != POME_OK)
    fail_msg("%s", error.message);
  return model;
}

static pome__program *load_path(const char *path, pome__package **package) {
  pome_error error = {0};
  pome__program *program = NULL;
  if (pome__package_open(path, NULL, package, &error) != POME_OK)
    fail_msg("%s: %s", path, error.message);
  if (pome__load_program(*package, NULL, 0, &program, &error) != POME_OK)
    fail_msg("%s: %s (%s)", path, error.message, error.op);
  return program;
}

/* Text has no description: the ports that its types tell are written as one. */
static void text_becomes_a_package(void **state) {
  (void)state;
  char path[512];
  pome_error error = {0};
  pome_model *model = open_text(sample_text, NULL), *again = NULL;
  in_work(path, sizeof(path), "new.mlpackage");
  if (pome_model_save(model, path, NULL, &error) != POME_OK) fail_msg("%s", error.message);
  assert_int_equal(entries_in_work(), 1);
  if (pome_model_open(path, NULL, &again, &error) != POME_OK) fail_msg("%s", error.message);
  assert_string_equal(pome_model_container(again), "mlpackage");
  assert_int_equal(pome_model_specification_version(again), 9);
  assert_int_equal(pome_model_function_count(again), 2);
  const pome_function *function = pome_model_find_function(again, NULL);
  assert_string_equal(pome_function_name(function), "main");
  const pome_port *x = pome_function_find_port(function, POME_INPUT_PORT, "x");
  const pome_port *s = pome_function_find_port(function, POME_STATE_PORT, "s");
  assert_true(x && x->rank == 2 && x->dtype == POME_FP32 && x->flexibility == POME_SHAPE_RANGE);
  assert_true(x->lower[0] == 2 && x->upper[0] == 2 && x->lower[1] == 3 && x->upper[1] == 30);
  assert_true(x->shape[0] == 2 && x->shape[1] == 4);
  assert_true(s && s->feature == POME_FEATURE_STATE && s->dtype == POME_FP16 && s->shape[0] == 12);
  pome_weight w = pome_function_weight(function, 0), v = pome_function_weight(function, 1);
  assert_int_equal(w.offset, 64);
  assert_int_equal(v.offset, 64);
  pome_model_close(again);
  pome_model_close(model);
}

static bool stop_at_once(void *context, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  ++*(int *)context;
  return false;
}

static void a_target_is_respected(void **state) {
  (void)state;
  char path[512], file[512];
  pome_error error = {0};
  pome_save_options options;
  pome_save_options_init(&options);
  pome_model *model = open_text(sample_text, NULL);
  in_work(path, sizeof(path), "new.mlpackage");
  in_work(file, sizeof(file), "new.mlpackage/Manifest.json");
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_OK);
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "exists"));
  options.replace = true;
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_OK);
  assert_int_equal(entries_in_work(), 1);
  /* Stopped: the old one stays. */
  int calls = 0;
  options.progress = stop_at_once;
  options.context = &calls;
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_CANCELLED);
  assert_int_equal(calls, 1);
  assert_int_equal(entries_in_work(), 1);
  options.progress = NULL;
  pome_model *again = NULL;
  assert_int_equal(pome_model_open(path, NULL, &again, &error), POME_OK);
  pome_model_close(again);
  /* A folder that is no package, and a file, are never replaced. */
  assert_int_equal(unlink(file), 0);
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "not a package"));
  tiny_write(work, "plain", "text", 4);
  in_work(path, sizeof(path), "plain");
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_INPUT);
  in_work(path, sizeof(path), "no/such/folder.mlpackage");
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_INPUT);
  assert_int_equal(pome_model_save(model, "", &options, &error), POME_INPUT);
  pome_model_close(model);
}

/* A package may be replaced by itself: its files stay readable while they are mapped. */
static void onto_itself(void **state) {
  (void)state;
  char path[512];
  pome_error error = {0};
  pome_save_options options;
  pome_save_options_init(&options);
  options.replace = true;
  pome_model *model = open_text(sample_text, NULL), *again = NULL;
  in_work(path, sizeof(path), "new.mlpackage");
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_OK);
  pome_model_close(model);
  assert_int_equal(pome_model_open(path, NULL, &model, &error), POME_OK);
  assert_int_equal(pome_model_save(model, path, &options, &error), POME_OK);
  assert_int_equal(pome_model_open(path, NULL, &again, &error), POME_OK);
  pome_weight weight = pome_function_weight(pome_model_find_function(again, NULL), 0);
  assert_int_equal(((const float *)weight.tensor.data)[11], 12);
  assert_int_equal(entries_in_work(), 1);
  pome_model_close(again);
  pome_model_close(model);
}

/* ---- failures ---- */

static size_t calls, refuse_at;

static void *maybe_allocate(void *context, size_t size) {
  (void)context;
  return calls++ == refuse_at ? NULL : malloc(size);
}

static void *maybe_reallocate(void *context, void *pointer, size_t old_size, size_t new_size) {
  (void)context, (void)old_size;
  return calls++ == refuse_at ? NULL : realloc(pointer, new_size);
}

static void release(void *context, void *pointer, size_t size) {
  (void)context, (void)size;
  free(pointer);
}

static void every_failed_allocation_leaves_nothing(void **state) {
  (void)state;
  const pome_allocator allocator = {NULL, maybe_allocate, maybe_reallocate, release};
  char path[512];
  pome_error error = {0};
  refuse_at = SIZE_MAX;
  pome_model *model = open_text(sample_text, &allocator);
  in_work(path, sizeof(path), "new.mlpackage");
  pome_status status = POME_MEMORY;
  for (size_t at = 0; status != POME_OK; at++) {
    calls = 0;
    refuse_at = at;
    status = pome_model_save(model, path, NULL, &error);
    if (status == POME_OK) break;
    assert_int_equal(status, POME_MEMORY);
    assert_int_equal(entries_in_work(), 0);
    assert_true(at < 1000);
  }
  assert_int_equal(entries_in_work(), 1);
  refuse_at = SIZE_MAX;
  pome_model_close(model);
}

/* A disk that is full after so many bytes of a file, as the system's limit on files acts it. */
static void a_full_disk_leaves_nothing(void **state) {
  (void)state;
  char path[512];
  struct rlimit before, limit;
  pome_model *model = open_text(sample_text, NULL);
  in_work(path, sizeof(path), "new.mlpackage");
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
  size_t failures = 0;
  pome_status status = POME_IO;
  for (rlim_t size = 0; status != POME_OK; size += 50) {
    pome_error error = {0};
    limit = before;
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    status = pome_model_save(model, path, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    if (status == POME_OK) break;
    assert_int_equal(status, POME_IO);
    assert_true(error.file[0] != '\0' && error.os_error == EFBIG);
    assert_int_equal(entries_in_work(), 0);
    failures++;
  }
  signal(SIGXFSZ, old);
  assert_true(failures > 5);
  pome_model_close(model);
}

static void what_cannot_be_written_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *why;
  } cases[] = {
      {"program(1.0)\n{\n    func main<ios16>(tensor<bool, [2]> x) {\n            tensor<bool, "
       "[2]> "
       "y = logical_not(x = x)[name = tensor<string, []>(\"y\")];\n        } -> (y);\n}\n",
       "\"x\" is of bool"},
      {"program(1.0)\n{\n    func main<ios16>(tensor<fp32, [2]> x) {\n            tensor<fp32, "
       "[1]> y = const()[name = tensor<string, []>(\"y\"), val = tensor<fp32, [1]>([1])];\n"
       "            tensor<fp32, [2]> z = add()[name = tensor<string, []>(\"z\"), x = x, y = y];\n"
       "        } -> (z);\n}\n",
       "attribute x of a add is not one constant"},
  };
  char path[512];
  in_work(path, sizeof(path), "new.mlpackage");
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    pome_error error = {0};
    pome_model *model = open_text(cases[i].text, NULL);
    assert_int_equal(pome_model_save(model, path, NULL, &error), POME_UNSUPPORTED);
    if (!strstr(error.message, cases[i].why)) fail_msg("%s", error.message);
    assert_int_equal(entries_in_work(), 0);
    pome_model_close(model);
  }
  wire spec = tiny_model(tiny_program(tiny_add_block(true)));
  pome_model *model = NULL;
  pome_error error = {0};
  assert_int_equal(pome_model_open_memory(spec.data, spec.size, NULL, 0, NULL, &model, &error),
                   POME_OK);
  assert_int_equal(pome_model_save(model, path, NULL, &error), POME_INPUT);
  assert_non_null(strstr(error.message, "missing"));
  assert_int_equal(entries_in_work(), 0);
  pome_model_close(model);
  wire_free(&spec);
}

/* ---- samples ---- */

static size_t packages, texts;

static pome_status package_file(void *context, pome__bytes name, pome__bytes *bytes,
                                pome_error *error) {
  return pome__package_weights(context, name, bytes, error);
}

/* program -> text -> program -> proto -> program, weights where they are */
static void through_text_and_proto(const pome__program *program, pome__package *package,
                                   const char *path) {
  pome__blob_source blobs = {package, package_file};
  text_buffer text = print_program(program);
  pome__program *read = NULL;
  pome_error error = {0};
  pome__bytes view = {(const uint8_t *)text.text, text.size};
  pome_status status = pome__load_mil_text(view, &blobs, NULL, 0, &read, &error);
  if (status == POME_OK) status = pome__program_verify(read, &error);
  if (status != POME_OK) fail_msg("%s as text: %s (line %u)", path, error.message, error.line);
  must_equal(program, read, path);
  proto_round_trip(read, &blobs, path);
  pome__program_free(read);
  free(text.text);
}

/* The package written from it holds an equal program, the same description and no more weights. */
static void through_a_package(pome__program *program, const pome__package *package,
                              const char *path) {
  char target[512];
  pome_error error = {0};
  in_work(target, sizeof(target), "new.mlpackage");
  pome__save_request request = {.package = package,
                                .programs = &program,
                                .program_count = 1,
                                .path = target,
                                .replace = true};
  if (pome__save_package(&request, &error) != POME_OK) fail_msg("%s: %s", path, error.message);
  pome__package *written;
  pome__program *again = load_path(target, &written);
  must_equal(program, again, path);
  pome__bytes a = package->description.message, b = written->description.message;
  assert_true(a.size == 0 || (a.size == b.size && memcmp(a.data, b.data, a.size) == 0));
  assert_int_equal(package->description.updatable, written->description.updatable);
  if (package->form == POME__PROGRAM_PROTO)
    assert_true(written->weights.bytes.size <= package->weights.bytes.size + 4096);
  pome__program_free(again);
  pome__package_close(written);
}

static bool is_program(const char *path, int kind) {
  const char *dot = strrchr(path, '.');
  if (!dot) return false;
  if (kind == FTW_D) return strcmp(dot, ".mlpackage") == 0 || strcmp(dot, ".mlmodelc") == 0;
  bool inside = strstr(path, ".mlpackage/") || strstr(path, ".mlmodelc/");
  return !inside && (strcmp(dot, ".mlmodel") == 0 || strcmp(dot, ".mil") == 0);
}

static int round_trip(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)walk;
  if (!is_program(path, kind)) return 0;
  pome__package *package = NULL;
  pome_error error = {0};
  if (pome__package_open(path, NULL, &package, &error) != POME_OK) return 0;
  if (package->form != POME__PROGRAM_NONE && package->form != POME__PROGRAM_NETWORK) {
    pome__program *program = NULL;
    if (pome__load_program(package, NULL, 0, &program, &error) != POME_OK)
      fail_msg("%s: %s (%s)", path, error.message, error.op);
    through_text_and_proto(program, package, path);
    drop_notes(program);
    texts++;
    if (!program->missing_weights) {
      through_a_package(program, package, path);
      packages++;
    }
    pome__program_free(program);
  }
  pome__package_close(package);
  return 0;
}

/* Of a pipeline the stages come back, with the weights of all in one file. */
static void a_pipeline_comes_back(void **state) {
  (void)state;
  char path[1024], target[512];
  const char *root = tiny_shared();
  pome_error error = {0};
  pome_model *model = NULL, *again = NULL;
  if (!root) skip();
  snprintf(path, sizeof(path), "%s/zoo/pipeline_mlprogram_ios16_fp16/model.mlpackage", root);
  in_work(target, sizeof(target), "new.mlpackage");
  if (pome_model_open(path, NULL, &model, &error) != POME_OK) fail_msg("%s", error.message);
  if (pome_model_save(model, target, NULL, &error) != POME_OK) fail_msg("%s", error.message);
  if (pome_model_open(target, NULL, &again, &error) != POME_OK) fail_msg("%s", error.message);
  assert_string_equal(pome_model_type(again), "pipeline");
  assert_int_equal(again->stage_count, 2);
  for (size_t i = 0; i < again->stage_count; i++)
    must_equal(model->stage_programs[i], again->stage_programs[i], path);
  pome_model_close(again);
  pome_model_close(model);
}

static void samples_come_back(void **state) {
  (void)state;
  static const char *const folders[] = {"models", "zoo", "llm", "graphs"};
  const char *root = tiny_shared();
  char path[1024];
  if (!root) skip();
  for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
    snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
    assert_int_equal(nftw(path, round_trip, 16, FTW_PHYS), 0);
  }
  print_message("%zu programs came back equal through text and protobuf, %zu of them as packages\n",
                texts, packages);
  assert_true(packages > 0 && texts > packages);
}

int main(void) {
#define IN_WORK(test) cmocka_unit_test_setup_teardown(test, make_work, remove_work)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(own_programs_come_back),
      cmocka_unit_test(the_rule_of_coremltools),
      cmocka_unit_test(every_content_once),
      IN_WORK(memory_does_not_grow_with_weights),
      IN_WORK(text_becomes_a_package),
      IN_WORK(a_target_is_respected),
      IN_WORK(onto_itself),
      IN_WORK(every_failed_allocation_leaves_nothing),
      IN_WORK(a_full_disk_leaves_nothing),
      IN_WORK(what_cannot_be_written_is_refused),
      IN_WORK(a_pipeline_comes_back),
      IN_WORK(samples_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
