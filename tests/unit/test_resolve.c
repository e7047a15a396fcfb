/* Resolving whole programs: what is bound and refined, and what is refused with which words.
 * Programs are written as MIL text.
 *
 * With the shared data present every program in it is resolved too.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/load.h"
#include "op_case.h"
#include "package/package.h"

typedef struct program_case {
  const char *opset;
  const char *inputs;
  const char *body;     /* the operations */
  const char *output;   /* the name whose type is checked */
  const char *expected; /* that type, or "error: ..." or "unsupported: ..." */
} program_case;

static const pome__value *find_output(const pome__block *block, const char *name) {
  for (size_t i = 0; i < block->op_count; i++) {
    for (size_t k = 0; k < block->ops[i]->output_count; k++) {
      if (strcmp(block->ops[i]->outputs[k]->name, name) == 0) return block->ops[i]->outputs[k];
    }
  }
  return NULL;
}

static void check_failure(const program_case *c, pome_status status, const pome_error *error) {
  bool unsupported = strncmp(c->expected, "unsupported: ", 13) == 0;
  bool failing = unsupported || strncmp(c->expected, "error: ", 7) == 0;
  const char *text = c->expected + (unsupported ? 13 : 7);
  if (!failing) fail_msg("%s\nfailed: %s", c->body, error->message);
  if (status != (unsupported ? POME_UNSUPPORTED : POME_INPUT) ||
      strstr(error->message, text) == NULL) {
    fail_msg("%s\nfailed with \"%s\", not with \"%s\"", c->body, error->message, text);
  }
  if (error->op[0] == '\0') fail_msg("%s\nthe error names no operation", c->body);
}

static void run_program(const program_case *c) {
  char text[4096];
  char got[POME__TYPE_TEXT];
  pome_error error;
  pome__program *program;
  memset(&error, 0, sizeof(error));
  int size = snprintf(text, sizeof(text), "program(1.3)\n{ func main<%s>(%s) { %s } -> (%s); }",
                      c->opset, c->inputs, c->body, c->output);
  assert_true(size > 0 && (size_t)size < sizeof(text));
  pome_status status = pome__load_mil_text((pome__bytes){(const uint8_t *)text, (size_t)size}, NULL,
                                           NULL, 0, &program, &error);
  if (status != POME_OK) fail_msg("%s\nis not MIL text: %s", text, error.message);
  status = pome__program_verify(program, &error);
  if (status != POME_OK) fail_msg("%s\nis not sound: %s", text, error.message);
  status = pome__program_resolve(program, &error);
  if (status != POME_OK) {
    check_failure(c, status, &error);
  } else {
    pome__type_format(&find_output(program->functions[0]->body, c->output)->type, got, sizeof(got));
    if (strcmp(got, c->expected) != 0)
      fail_msg("%s\nis of type %s, not %s", c->body, got, c->expected);
  }
  pome__program_free(program);
}

#define RUN(cases)                                                                                 \
  for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++) run_program(&(cases)[i])

static void test_binding(void **state) {
  (void)state;
  static const program_case cases[] = {
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu(x = x);", "y",
       "tensor<fp32, [2]>"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = frobnicate(x = x);", "y",
       "unsupported: operation 'frobnicate' (opset CoreML5, function 'main') is not known"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<int8, [2]> y = quantize(input = x, scale = fp32(1), output_dtype = "
       "string(\"int8\"));",
       "y",
       "unsupported: operation 'quantize' exists from opset CoreML7 on; function 'main' declares "
       "CoreML5"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu();", "y",
       "error: argument 'x' is missing"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu(z = x);", "y",
       "error: has no parameter 'z'; it takes: x"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu(x = (x, x));", "y",
       "error: argument 'x' has 2 values; it takes one"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<fp32, [2]> y = relu(x = x)[odd = string(\"ignored\")];", "y", "tensor<fp32, [2]>"},
      {"ios15", "tensor<int32, [2]> x", "tensor<int32, [2]> y = relu(x = x);", "y",
       "error: 'x' is of type int32; allowed: fp16, fp32"},
      {"ios15", "tensor<fp32, [2]> x, tensor<fp32, []> a",
       "tensor<fp32, [2]> y = leaky_relu(x = x, alpha = a);", "y",
       "error: 'alpha' must be known at compile time, but 'a' is computed at run time"},
      {"ios15", "tensor<fp16, [2]> x",
       "tensor<fp16, [2]> y = leaky_relu(x = x, alpha = fp32(0.5));", "y", "tensor<fp16, [2]>"},
      {"ios15", "tensor<fp16, [2]> x",
       "tensor<fp16, [2]> y = leaky_relu(x = x, alpha = bool(true));", "y",
       "error: 'alpha' is of type bool"},
      {"ios15", "tensor<fp32, [2, 3]> x",
       "tensor<fp32, [2, 3]> y = softmax(x = x, axis = uint8(1));", "y", "tensor<fp32, [2, 3]>"},
      {"ios15", "tensor<fp32, [2]> x, tensor<fp16, [2]> z",
       "tensor<fp32, [2]> y = add(x = x, y = z);", "y",
       "error: 'y' is of type fp16 and 'x' of type fp32; they must be equal"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y, tensor<fp32, [2]> z = relu(x = x);",
       "y", "error: has 2 outputs; it gives only 1"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu(x = x) { block() { } -> (x); };",
       "y", "error: has 1 blocks; it needs 0"},
  };
  RUN(cases);
}

static void test_types(void **state) {
  (void)state;
  static const program_case cases[] = {
      {"ios15", "tensor<fp32, [2, 3]> x",
       "tensor<fp32, ?> y = reduce_sum(x = x, axes = tensor<int32, [1]>([0]));", "y",
       "tensor<fp32, [3]>"},
      {"ios15", "tensor<fp32, [?, 3]> x",
       "tensor<fp32, [?]> y = reduce_sum(x = x, axes = tensor<int32, [1]>([0]));", "y",
       "tensor<fp32, [3]>"},
      {"ios15", "tensor<fp32, [?, 3]> x", "tensor<fp32, [5, 3]> y = relu(x = x);", "y",
       "tensor<fp32, [5, 3]>"},
      {"ios15", "tensor<fp32, [2, 3]> x", "tensor<fp32, [2, 4]> y = relu(x = x);", "y",
       "error: output 'y' is declared as tensor<fp32, [2, 4]>, but the operation gives "
       "tensor<fp32, [2, 3]>"},
      {"ios15", "tensor<fp32, [2]> x", "tensor<fp16, [2]> y = relu(x = x);", "y",
       "error: but the operation gives"},
      {"ios15", "tensor<fp32, [1, 2, 3]> x",
       "tensor<fp16, [1, 2, 3]> y = batch_norm(x = x, mean = tensor<fp16, [2]>([1, 2]), variance = "
       "tensor<fp16, [2]>([1, 2]));",
       "y", "tensor<fp16, [1, 2, 3]>"},
      {"ios15", "tensor<fp32, [2]> x, tensor<fp32, [3]> z",
       "tensor<fp32, ?> y = add(x = x, y = z);", "y", "error: shapes [2] and [3] do not broadcast"},
      {"ios15", "tensor<fp32, [?]> x, tensor<fp32, [3]> z",
       "tensor<fp32, ?> y = add(x = x, y = z);", "y", "tensor<fp32, [3]>"},
      {"ios15", "tensor<fp32, ?> x, tensor<fp32, [3]> z", "tensor<fp32, ?> y = add(x = x, y = z);",
       "y", "tensor<fp32, ?>"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<int32, []> a = const()[val = int32(0)]; tensor<fp32, []> y = reduce_max(x = x, axes "
       "= a);",
       "y", "tensor<fp32, []>"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<int32, ?> a = const()[val = tensor<int32, [2]>([4, 5])];", "a",
       "tensor<int32, [2]>"},
      {"ios16", "tensor<fp32, [2]> x",
       "tensor<fp32, [2]> w = constexpr_affine_dequantize()[quantized_data = tensor<int8, [2]>([1, "
       "2]), zero_point = int8(0), "
       "scale = fp32(2), axis = int32(0)]; tensor<fp32, ?> y = add(x = x, y = w);",
       "y", "tensor<fp32, [2]>"},
      {"ios16", "tensor<fp32, [2]> x, tensor<fp32, []> s",
       "tensor<fp32, [2]> w = constexpr_affine_dequantize(quantized_data = tensor<int8, [2]>([1, "
       "2]), zero_point = int8(0), "
       "scale = s, axis = int32(0));",
       "w", "error: 'scale' must be known at compile time"},
  };
  RUN(cases);
}

#define LOOP(types, body_result)                                                                   \
  types " y = while_loop(loop_vars = (x)) {"                                                       \
        " block(" types " a) { tensor<fp32, []> s = reduce_sum(x = a); bool go = less(x = s, y = " \
        "fp32(10)); } -> (go);"                                                                    \
        " block(" types " b) { " body_result " } -> (r); };"

static void test_blocks(void **state) {
  (void)state;
  static const program_case cases[] = {
      {"ios15", "tensor<fp32, [2]> x",
       LOOP("tensor<fp32, [2]>", "tensor<fp32, [2]> r = add(x = b, y = b);"), "y",
       "tensor<fp32, [2]>"},
      {"ios15", "tensor<fp32, [1]> x",
       LOOP("tensor<fp32, [?]>", "tensor<fp32, [?]> r = add(x = b, y = b);"), "y",
       "tensor<fp32, [?]>"},
      {"ios15", "tensor<fp32, [3]> x",
       LOOP("tensor<fp32, [2]>", "tensor<fp32, [2]> r = add(x = b, y = b);"), "y",
       "error: block input 'a' is tensor<fp32, [2]>; the loop variable is tensor<fp32, [3]>"},
      {"ios15", "tensor<fp32, [2]> x",
       LOOP("tensor<fp32, [2]>", "tensor<int32, [2]> r = cast(x = b, dtype = string(\"int32\"));"),
       "y", "error: the body gives tensor<int32, [2]> for 'b', which is tensor<fp32, [2]>"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<fp32, [2]> y = while_loop(loop_vars = (x)) { block(tensor<fp32, [2]> a) { } -> (a); "
       "block(tensor<fp32, [2]> b) { } -> (b); };",
       "y", "error: the condition block must give a bool"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<fp32, [2]> y = while_loop(loop_vars = (x)) { block(tensor<fp32, [2]> a) { } -> (a); "
       "};",
       "y", "error: has 1 blocks; it needs 2"},
      {"ios15", "tensor<fp32, [2]> x",
       "tensor<fp32, [2]> y = while_loop(loop_vars = (x)) { block() { bool go = const()[val = "
       "bool(false)]; } -> (go); "
       "block(tensor<fp32, [2]> b) { } -> (b); };",
       "y", "error: block 0 has 0 inputs and 1 outputs; it needs 1 and 1"},
      {"ios15", "tensor<fp32, [2]> x, bool p",
       "tensor<fp32, ?> y = cond(pred = p) { block() { tensor<fp32, ?> a = exp(x = x); } -> (a); "
       "block() { tensor<fp32, ?> b = relu(x = x); } -> (b); };",
       "y", "tensor<fp32, [2]>"},
      {"ios15", "tensor<fp32, [2]> x, bool p",
       "tensor<fp32, [?]> y = cond(pred = p) { block() { } -> (x); "
       "block() { tensor<fp32, [3]> b = const()[val = tensor<fp32, [3]>([1, 2, 3])]; } -> (b); };",
       "y", "tensor<fp32, [?]>"},
      {"ios15", "tensor<fp32, [2]> x, bool p",
       "tensor<fp32, [2]> y = cond(pred = p) { block() { } -> (x); "
       "block() { tensor<int32, [2]> b = cast(x = x, dtype = string(\"int32\")); } -> (b); };",
       "y",
       "error: output 0 is tensor<fp32, [2]> in the first branch, in the second tensor<int32, "
       "[2]>"},
      {"ios15", "tensor<fp32, [2]> x, tensor<fp32, []> p",
       "tensor<fp32, [2]> y = cond(pred = p) { block() { } -> (x); block() { } -> (x); };", "y",
       "error: 'pred' is of type fp32"},
      {"ios15", "tensor<fp32, [2]> x, bool p",
       "tensor<fp32, [2]> y = cond(pred = p) { block() { } -> (x); block() { tensor<fp32, [2]> b = "
       "nothing(x = x); } -> (b); };",
       "y", "unsupported: operation 'nothing'"},
  };
  RUN(cases);
}

static void test_lists(void **state) {
  (void)state;
#define MAKE                                                                                       \
  "list<tensor<fp32, [2]>, ?> l = make_list(init_length = int32(3), dynamic_length = bool(true), " \
  "elem_shape = (int32(2)), "                                                                      \
  "dtype = string(\"fp32\"));"
  static const program_case cases[] = {
      {"ios15", "tensor<fp32, [2]> x", MAKE, "l", "list<tensor<fp32, [2]>, ?>"},
      {"ios15", "tensor<fp32, [2]> x",
       "list<tensor<fp32, ?>, ?> l = make_list(init_length = int32(3), dynamic_length = "
       "bool(false), elem_shape = (int32(2), "
       "int32(5)), dtype = string(\"fp32\"));",
       "l", "list<tensor<fp32, [2, 5]>, 3>"},
      {"ios15", "tensor<fp32, [2]> x",
       "list<tensor<fp32, [?]>, ?> l = make_list(elem_shape = (string(\"is0\")));", "l",
       "list<tensor<fp32, [?]>, ?>"},
      {"ios15", "tensor<fp32, [2]> x",
       MAKE "list<tensor<fp32, [2]>, ?> y = list_write(ls = l, index = int32(0), value = x);", "y",
       "list<tensor<fp32, [2]>, ?>"},
      {"ios15", "tensor<fp32, [3]> x",
       MAKE "list<tensor<fp32, [2]>, ?> y = list_write(ls = l, index = int32(0), value = x);", "y",
       "error: the value is tensor<fp32, [3]>; the list's elements are tensor<fp32, [2]>"},
      {"ios15", "tensor<fp32, [2]> x",
       MAKE "tensor<fp32, ?> y = list_read(ls = l, index = int32(0));", "y", "tensor<fp32, [2]>"},
      {"ios15", "tensor<int32, [5]> x",
       MAKE "tensor<fp32, ?> y = list_gather(ls = l, indices = x);", "y", "tensor<fp32, [5, 2]>"},
      {"ios15", "tensor<int32, [5]> x", MAKE "int32 y = list_length(ls = l);", "y",
       "tensor<int32, []>"},
      {"ios15", "tensor<int32, [5]> x, tensor<fp32, [5, 2]> v",
       MAKE "list<tensor<fp32, [2]>, ?> y = list_scatter(ls = l, indices = x, value = v);", "y",
       "list<tensor<fp32, [2]>, ?>"},
      {"ios15", "tensor<int32, [4]> x, tensor<fp32, [5, 2]> v",
       MAKE "list<tensor<fp32, [2]>, ?> y = list_scatter(ls = l, indices = x, value = v);", "y",
       "error: 4 indices and 5 values"},
      {"ios15", "tensor<fp32, [2]> x", "int32 y = list_length(ls = x);", "y",
       "error: 'ls' is tensor<fp32, [2]>, which is not a list"},
      {"ios15", "tensor<fp32, [2]> x", MAKE "tensor<fp32, [2]> y = relu(x = l);", "y",
       "error: which is not a tensor"},
  };
  RUN(cases);
}

static void test_select(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"select", POME__IOS15, "cond=bool[3]{1, 0, 1}; a=fp32[3]{1, 2, nan}; b=fp32[3]{-1, nan, -3}",
       "fp32[3]{1, nan, nan}", 0},
      {"select", POME__IOS15, "cond=bool[2,1]{1, 0}; a=int32[3]{1, 2, 3}; b=int32[]{-7}",
       "int32[2,3]{1, 2, 3, -7, -7, -7}", 0},
      {"select", POME__IOS15, "cond=bool[]{0}; a=fp16[2]{1, 2}; b=fp16[2]{65504, 4}",
       "fp16[2]{65504, 4}", 0},
      {"select", POME__IOS15, "cond=bool[2]{0, 1}; a=bool[2]{1, 1}; b=bool[2]{0, 0}",
       "bool[2]{0, 1}", 0},
      {"select", POME__IOS15, "cond=bool[2]{0, 1}; a=fp32[2]{1, 1}; b=fp16[2]{0, 0}",
       "error: they must be equal", 0},
      {"select", POME__IOS15, "cond=int32[2]{0, 1}; a=fp32[2]{1, 1}; b=fp32[2]{0, 0}",
       "error: 'cond' is of type int32", 0},
  };
  OP_CASES_RUN(cases);
}

/* ---- every model of the shared data ---- */

static size_t models_seen;

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text);
  size_t m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static int visit_model(const char *path, const struct stat *info, int kind, struct FTW *at) {
  (void)info;
  (void)at;
  bool folder = kind == FTW_D && (ends_with(path, ".mlpackage") || ends_with(path, ".mlmodelc"));
  bool file = kind == FTW_F && ends_with(path, ".mlmodel");
  if (kind == FTW_D && ends_with(path, "/golden")) return FTW_SKIP_SUBTREE;
  if (!folder && !file) return FTW_CONTINUE;
  pome__package *package;
  pome__program *program;
  pome_error error;
  char text[1024];
  memset(&error, 0, sizeof(error));
  if (pome__package_open(path, NULL, &package, &error) != POME_OK) return FTW_SKIP_SUBTREE;
  if (package->form != POME__PROGRAM_NONE) {
    if (pome__load_program(package, NULL, 0, &program, &error) != POME_OK) {
      pome_error_format(&error, text, sizeof(text));
      fail_msg("%s: %s", path, text);
    }
    models_seen++;
    pome__program_free(program);
  }
  pome__package_close(package);
  return FTW_SKIP_SUBTREE;
}

static void test_shared_models(void **state) {
  (void)state;
  static const char *const folders[] = {"models", "zoo", "llm", "conformance"};
  const char *shared = getenv("POME_SHARED");
  if (shared == NULL) shared = "../shared";
  for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", shared, folders[i]);
    nftw(path, visit_model, 16, FTW_PHYS | FTW_ACTIONRETVAL);
  }
  if (models_seen == 0) {
    printf("SKIP: no models below %s\n", shared);
    skip();
  }
  printf("resolved %zu programs\n", models_seen);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_binding), cmocka_unit_test(test_types),
      cmocka_unit_test(test_blocks),  cmocka_unit_test(test_lists),
      cmocka_unit_test(test_select),  cmocka_unit_test(test_shared_models),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
