/* Programs whose weight file is not there: everything but the values is known, so they open and are
 * inspected, and are refused before anything runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include <pome/run.h>

#include "tiny_model.h"

static pome_status note_blob(void *context, const char *text, size_t size) {
  static const char wanted[] = "BLOBFILE(path = ";
  for (size_t i = 0; i + sizeof(wanted) - 1 <= size; i++)
    if (memcmp(text + i, wanted, sizeof(wanted) - 1) == 0) *(bool *)context = true;
  return POME_OK;
}

static void check_inspected(const pome_model *model) {
  const pome_function *function = pome_model_find_function(model, NULL);
  bool found = false;
  pome_error error;
  assert_true(pome_function_op_type_count(function) > 0);
  assert_true(pome_function_weight_count(function) > 0);
  assert_int_equal(pome_model_print(model, note_blob, &found, &error), POME_OK);
  assert_true(found);
}

static void check_refused(const pome_model *model) {
  pome_plan *plan = NULL;
  pome_error error = {0};
  assert_int_equal(pome_plan_create(pome_model_find_function(model, NULL), NULL, &plan, &error),
                   POME_INPUT);
  assert_null(plan);
  assert_non_null(strstr(error.message, "weight.bin\" is missing"));
  assert_true(error.hint[0] != '\0');
}

static void opens_and_is_refused(void **state) {
  (void)state;
  char folder[256];
  pome_error error = {0};
  pome_model *model = NULL;
  wire spec = tiny_model(tiny_program(tiny_add_block(true)));
  tiny_folder(folder, sizeof(folder));
  tiny_package(folder, &spec, NULL);
  if (pome_model_open(folder, NULL, &model, &error) != POME_OK) fail_msg("%s", error.message);
  check_inspected(model);
  check_refused(model);
  pome_weight weight = pome_function_weight(pome_model_find_function(model, NULL), 0);
  assert_null(weight.tensor.data);
  assert_int_equal(weight.bytes, 8);
  assert_int_equal(weight.offset, 64);
  pome_model_close(model);
  tiny_remove(folder);
  if (pome_model_open_memory(spec.data, spec.size, NULL, 0, NULL, &model, &error) != POME_OK)
    fail_msg("%s", error.message);
  check_refused(model);
  pome_model_close(model);
  wire_free(&spec);
}

/* Strings are in no weight file, so a missing one cannot hold any. */
static void strings_are_refused(void **state) {
  (void)state;
  static const char text[] =
      "program(1.0)\n{\n    func main<ios16>(tensor<fp32, [1]> x) {\n"
      "            tensor<string, [2]> c = const()[name = tensor<string, []>(\"c\"), val = "
      "tensor<string, [2]>(BLOBFILE(path = tensor<string, []>(\"@model_path/w.bin\"), offset = "
      "tensor<uint64, []>(64)))];\n        } -> (c);\n}";
  pome_error error = {0};
  pome_model *model = NULL;
  assert_int_equal(pome_model_open_memory(text, sizeof(text) - 1, NULL, 0, NULL, &model, &error),
                   POME_INPUT);
  assert_non_null(strstr(error.message, "tensor<string, [2]>"));
}

static size_t graphs;

static int open_graph(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  const char *name = path + walk->base, *dot = strrchr(name, '.');
  if (kind != FTW_F || !dot || (strcmp(dot, ".mil") != 0 && strcmp(dot, ".mlmodel") != 0)) return 0;
  pome_error error = {0};
  pome_model *model = NULL;
  double start = tiny_milliseconds();
  if (pome_model_open(path, NULL, &model, &error) != POME_OK)
    fail_msg("%s: %s", path, error.message);
  double taken = tiny_milliseconds() - start;
  if (taken >= 1000) fail_msg("%s: opening took %.0f ms", path, taken);
  check_inspected(model);
  check_refused(model);
  pome_model_close(model);
  graphs++;
  return 0;
}

static void every_graph_is_inspected(void **state) {
  (void)state;
  const char *root = tiny_shared();
  char path[1024];
  if (!root) skip();
  snprintf(path, sizeof(path), "%s/graphs", root);
  assert_int_equal(nftw(path, open_graph, 16, FTW_PHYS), 0);
  print_message("%zu graphs\n", graphs);
  assert_true(graphs > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_and_is_refused),
      cmocka_unit_test(strings_are_refused),
      cmocka_unit_test(every_graph_is_inspected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
