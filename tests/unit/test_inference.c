/* Inference alone finds the types that converters declare: the declared types of all operations are
 * taken away, and what resolving puts in their place is compared.
 *
 * Over the large graphs without weights, and every other program among the samples. Where a
 * converter left a size open, inference may know it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_weights.h"
#include "load/load.h"
#include "ops/ops.h"
#include "tiny_model.h"

typedef struct tally {
  size_t programs, outputs, refined;
  size_t open;  /* less exact than declared */
  size_t wrong; /* contradicting what is declared */
} tally;

static tally seen;

static pome_status given_file(void *context, pome__bytes name, pome__bytes *bytes,
                              pome_error *error) {
  (void)name;
  (void)error;
  *bytes = *(pome__bytes *)context;
  return POME_OK;
}

static pome_status package_file(void *context, pome__bytes name, pome__bytes *bytes,
                                pome_error *error) {
  return pome__package_weights(context, name, bytes, error);
}

/* Calls `see` for each output of each op, nested ones too, in a fixed order. */
typedef void see_output(const pome__op *op, pome__value *output, pome__type *declared);

static size_t each_output(const pome__block *block, pome__type *declared, size_t at,
                          see_output *see) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    for (size_t b = 0; b < op->block_count; b++) at = each_output(op->blocks[b], declared, at, see);
    for (size_t o = 0; o < op->output_count; o++) see(op, op->outputs[o], &declared[at++]);
  }
  return at;
}

static void strip(const pome__op *op, pome__value *output, pome__type *declared) {
  (void)op;
  *declared = output->type;
  output->type = pome__type_tensor(POME_DTYPE_NONE, -1, NULL);
}

static void compare(const pome__op *op, pome__value *output, pome__type *declared) {
  char told[POME__TYPE_TEXT], found[POME__TYPE_TEXT];
  seen.outputs++;
  if (pome__type_equal(&output->type, declared)) return;
  if (pome__type_fits(declared, &output->type) && pome__type_is_known(&output->type)) {
    seen.refined++;
    return;
  }
  if (pome__type_fits(declared, &output->type)) seen.open++;
  else seen.wrong++;
  if (seen.open + seen.wrong > 40) return;
  print_message("  %s '%s': declared %s, inferred %s\n", op->type, output->name,
                pome__type_format(declared, told, sizeof told),
                pome__type_format(&output->type, found, sizeof found));
}

static void check_program(const char *path, pome__program *program) {
  pome_error error = {0};
  size_t before = seen.wrong + seen.open, values = 0;
  if (pome__program_verify(program, &error) != POME_OK) fail_msg("%s: %s", path, error.message);
  for (size_t f = 0; f < program->function_count; f++) values += program->functions[f]->value_count;
  pome__type *declared = calloc(values + 1, sizeof *declared);
  assert_non_null(declared);
  for (size_t f = 0, at = 0; f < program->function_count; f++)
    at = each_output(program->functions[f]->body, declared, at, strip);
  if (pome__program_resolve(program, &error) != POME_OK)
    fail_msg("%s: %s (%s)", path, error.message, error.op);
  for (size_t f = 0, at = 0; f < program->function_count; f++)
    at = each_output(program->functions[f]->body, declared, at, compare);
  free(declared);
  seen.programs++;
  size_t differ = seen.wrong + seen.open - before;
  if (differ > 0) print_message("%s: %zu outputs differ\n", path, differ);
}

/* Graphs come without weights: they get a file of zeros, or, as text, none at all. */
static pome_status load(pome__package *package, bool weights, pome__bytes *fake,
                        pome__program **program, pome_error *error) {
  pome__blob_source blobs = {package, package_file};
  if (!weights) {
    blobs = (pome__blob_source){fake, given_file};
    if (package->form == POME__PROGRAM_PROTO)
      assert_true(fake_weights_make(package->program, fake));
  }
  if (package->form == POME__PROGRAM_TEXT)
    return pome__load_mil_text(package->program, &blobs, NULL, 0, program, error);
  return pome__load_mil_proto(package->program, &blobs, NULL, 0, program, error);
}

/* A model of any kind; those that hold no program are passed over. */
static void check_model(const char *path, bool weights) {
  pome_error error = {0};
  pome__package *package = NULL;
  pome__program *program = NULL;
  pome__bytes fake = {NULL, 0};
  if (pome__package_open(path, NULL, &package, &error) != POME_OK) {
    if (weights)
      return; /* among them are some that are broken or of other forms: not this test's */
    fail_msg("%s: %s", path, error.message);
  }
  bool declared = package->form == POME__PROGRAM_PROTO || package->form == POME__PROGRAM_TEXT;
  if (declared && package->program.size > 0) {
    if (load(package, weights, &fake, &program, &error) != POME_OK)
      fail_msg("%s: %s", path, error.message);
    check_program(path, program);
  }
  pome__program_free(program);
  pome__package_close(package);
  fake_weights_free(&fake);
}

static bool ends_with(const char *path, const char *end) {
  size_t length = strlen(path), tail = strlen(end);
  return length > tail && strcmp(path + length - tail, end) == 0;
}

static int visit(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)walk;
  bool graph = strstr(path, "/graphs/") != NULL;
  if (kind == FTW_F && (ends_with(path, ".mlmodel") || (graph && ends_with(path, ".mil"))))
    check_model(path, !graph);
  return 0;
}

/* `open`: how many outputs a converter declares by an assumption that inference does not share:
 * that a dimension it does not know is not 1 where squeeze names no axes, and that a list of
 * dynamic length keeps the length that it starts with. */
static void check_folder(const char *name, size_t open) {
  const char *root = tiny_shared();
  char path[1024];
  if (!root) skip();
  seen = (tally){0};
  snprintf(path, sizeof path, "%s/%s", root, name);
  assert_int_equal(nftw(path, visit, 16, FTW_PHYS), 0);
  print_message(
      "%s: %zu programs, %zu outputs; %zu more exact than declared, %zu less, %zu wrong\n", name,
      seen.programs, seen.outputs, seen.refined, seen.open, seen.wrong);
  assert_true(seen.programs > 0);
  assert_int_equal(seen.wrong, 0);
  assert_int_equal(seen.open, open);
}

static void graphs(void **state) {
  (void)state;
  check_folder("graphs", 0);
}

static void networks(void **state) {
  (void)state;
  check_folder("zoo", 0);
}

static void language_models(void **state) {
  (void)state;
  check_folder("llm", 0);
}

static void recorded_cases(void **state) {
  (void)state;
  check_folder("conformance/opcases", 10);
}

static void published_models(void **state) {
  (void)state;
  check_folder("models", 8);
}

/* Sizes that a shape computation leaves alone are known although the shape as a whole is not. */
static void shapes_known_in_part(void **state) {
  (void)state;
  static const char text[] =
      "program(1.0)\n{\n"
      "func main<ios17>(tensor<fp32, [?, 4, 6]> x, tensor<int32, [1]> n) {\n"
      "tensor<int32, []> axis = const()[name = string(\"axis\"), val = int32(0)];\n"
      "tensor<bool, []> no = const()[name = string(\"no\"), val = bool(false)];\n"
      "tensor<int32, [1]> one = const()[name = string(\"one\"), val = tensor<int32, [1]>([1])];\n"
      "tensor<int32, [1]> three = const()[name = string(\"three\"), val = tensor<int32, "
      "[1]>([3])];\n"
      "tensor<int32, [2]> tail = const()[name = string(\"tail\"), val = tensor<int32, [2]>([2, "
      "-1])];\n"
      "tensor<fp32, []> zero = const()[name = string(\"zero\"), val = fp32(0)];\n"
      "tensor<int32, [3]> size = shape(x = x)[name = string(\"size\")];\n"
      "tensor<int32, [2]> part = slice_by_index(x = size, begin = one, end = three)[name = "
      "string(\"part\")];\n"
      "tensor<int32, [3]> front = concat(values = (n, part), axis = axis, interleave = no)[name = "
      "string(\"front\")];\n"
      "tensor<fp32, [?, 4, 6]> filled = fill(shape = front, value = zero)[name = "
      "string(\"filled\")];\n"
      "tensor<int32, [3]> back = concat(values = (n, tail), axis = axis, interleave = no)[name = "
      "string(\"back\")];\n"
      "tensor<fp32, [?, 2, ?]> shaped = reshape(x = x, shape = back)[name = string(\"shaped\")];\n"
      "} -> (filled, shaped);\n}\n";
  pome_error error = {0};
  pome__program *program = NULL;
  pome__bytes none = {NULL, 0};
  pome__blob_source blobs = {&none, given_file};
  seen = (tally){0};
  if (pome__load_mil_text((pome__bytes){(const uint8_t *)text, sizeof text - 1}, &blobs, NULL, 0,
                          &program, &error) != POME_OK)
    fail_msg("line %u: %s", error.line, error.message);
  check_program("text", program);
  pome__program_free(program);
  assert_int_equal(seen.wrong + seen.open + seen.refined, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes_known_in_part),
      cmocka_unit_test(graphs),
      cmocka_unit_test(networks),
      cmocka_unit_test(language_models),
      cmocka_unit_test(recorded_cases),
      cmocka_unit_test(published_models),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
