/* Passes: programs before and after as text, and real programs, which must give the same bits
 * either way. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "exercise.h"
#include "mil_programs.h"
#include "ops/ops.h"
#include "pass/pass.h"
#include "program_equal.h"
#include "seeds.h"
#include "tensor/element.h"
#include "text_model.h"

/* ---- before and after ---- */

typedef struct pass_case {
  const char *what;
  const pome__pass *pass; /* NULL: all */
  const char *before, *after;
  const char *keep; /* a name that must stay, or NULL */
} pass_case;

#define ALL     NULL
#define TAKES_4 "func main<ios17>(tensor<fp16, [4]> x) {"
#define RELU(x) "  tensor<fp16, [4]> y = relu(x = " x ")[name = string(\"y\")];} -> (y);"
#define TRANSPOSE(out, type, x, perm)                                                              \
  "  tensor<fp16, " type "> " out " = transpose(x = " x ", perm = tensor<int32, [3]>(" perm        \
  "))[name = string(\"" out "\")];"
#define CAST(out, dtype, x)                                                                        \
  "  tensor<" dtype ", [4]> " out " = cast(x = " x ", dtype = string(\"" dtype                     \
  "\"))[name = string(\"" out "\")];"
#define RESHAPE(out, type, x, rank, shape)                                                         \
  "  tensor<fp16, " type "> " out " = reshape(x = " x ", shape = tensor<int32, [" rank "]>(" shape \
  "))[name = string(\"" out "\")];"

static const pass_case cases[] = {
    {"a sum of constants", &pome__pass_fold,
     TAKES_4 "  tensor<fp16, [4]> c = add(x = tensor<fp16, [4]>([1, 2, 3, 4]), y = fp16(0.5))[name "
             "= string(\"c\")];"
             "  tensor<fp16, [4]> y = mul(x = x, y = c)[name = string(\"y\")];} -> (y);",
     TAKES_4 "  tensor<fp16, [4]> c = const()[name = string(\"c\"), val = tensor<fp16, [4]>([1.5, "
             "2.5, 3.5, 4.5])];"
             "  tensor<fp16, [4]> y = mul(x = x, y = c)[name = string(\"y\")];} -> (y);",
     NULL},
    {"a chain of constants, an output among them", &pome__pass_fold,
     TAKES_4 "  tensor<int32, [2]> s = mul(x = tensor<int32, [2]>([2, 3]), y = int32(5))[name = "
             "string(\"s\")];"
             "  tensor<int32, []> t = reduce_sum(x = s, axes = tensor<int32, [1]>([0]), keep_dims "
             "= bool(false))[name = string(\"t\")];" RELU("x") /* the outputs follow */,
     TAKES_4
     "  tensor<int32, [2]> s = const()[name = string(\"s\"), val = tensor<int32, [2]>([10, 15])];"
     "  tensor<int32, []> t = const()[name = string(\"t\"), val = int32(25)];" RELU("x"),
     NULL},
    {"not what is too large", &pome__pass_fold,
     TAKES_4 "  tensor<fp16, [8193]> c = fill(shape = tensor<int32, [1]>([8193]), value = "
             "fp16(1))[name = string(\"c\")];" RELU("x"),
     TAKES_4 "  tensor<fp16, [8193]> c = fill(shape = tensor<int32, [1]>([8193]), value = "
             "fp16(1))[name = string(\"c\")];" RELU("x"),
     NULL},
    {"not what fails", &pome__pass_fold,
     TAKES_4 "  tensor<fp16, []> c = gather(x = tensor<fp16, [2]>([1, 2]), indices = int32(7), "
             "axis = int32(0), batch_dims = int32(0), "
             "validate_indices = bool(true))[name = string(\"c\")];" RELU("x"),
     TAKES_4 "  tensor<fp16, []> c = gather(x = tensor<fp16, [2]>([1, 2]), indices = int32(7), "
             "axis = int32(0), batch_dims = int32(0), "
             "validate_indices = bool(true))[name = string(\"c\")];" RELU("x"),
     NULL},
    {"not random numbers", &pome__pass_fold,
     TAKES_4 "  tensor<fp16, [4]> c = random_uniform(shape = tensor<int32, [1]>([4]), low = "
             "fp16(0), high = fp16(1), seed = int32(1))"
             "[name = string(\"c\")];" RELU("x"),
     TAKES_4 "  tensor<fp16, [4]> c = random_uniform(shape = tensor<int32, [1]>([4]), low = "
             "fp16(0), high = fp16(1), seed = int32(1))"
             "[name = string(\"c\")];" RELU("x"),
     NULL},
    {"whole numbers, but no floats", &pome__pass_fold_whole,
     TAKES_4 "  tensor<int32, []> s = add(x = int32(2), y = int32(3))[name = string(\"s\")];"
             "  tensor<fp16, []> f = add(x = fp16(2), y = fp16(3))[name = string(\"f\")];"
             "  tensor<int32, []> g = cast(x = fp16(2.5), dtype = string(\"int32\"))[name = "
             "string(\"g\")];" RELU("x"),
     TAKES_4 "  tensor<int32, []> s = const()[name = string(\"s\"), val = int32(5)];"
             "  tensor<fp16, []> f = add(x = fp16(2), y = fp16(3))[name = string(\"f\")];"
             "  tensor<int32, []> g = cast(x = fp16(2.5), dtype = string(\"int32\"))[name = "
             "string(\"g\")];" RELU("x"),
     NULL},
    {"a cast to the same type", &pome__pass_casts, TAKES_4 CAST("a", "fp16", "x") RELU("a"),
     TAKES_4 CAST("a", "fp16", "x") RELU("x"), NULL},
    {"there and back", &pome__pass_casts,
     TAKES_4 CAST("a", "fp32", "x") CAST("b", "fp16", "a") RELU("b"),
     TAKES_4 CAST("a", "fp32", "x") CAST("b", "fp16", "x") RELU("x"), NULL},
    {"a cast that loses nothing before another", &pome__pass_casts,
     TAKES_4 CAST("a", "fp32", "x") CAST("b", "int32", "a") CAST("c", "fp16", "b") RELU("c"),
     TAKES_4 CAST("a", "fp32", "x") CAST("b", "int32", "x") CAST("c", "fp16", "b") RELU("c"), NULL},
    {"a cast that loses", &pome__pass_casts,
     "func main<ios17>(tensor<fp32, [4]> x) {" CAST("a", "fp16", "x")
         CAST("b", "fp32", "a") "} -> (b);",
     "func main<ios17>(tensor<fp32, [4]> x) {" CAST("a", "fp16", "x")
         CAST("b", "fp32", "a") "} -> (b);",
     NULL},
    {"an output is not replaced", &pome__pass_casts, TAKES_4 CAST("y", "fp16", "x") "} -> (y);",
     TAKES_4 CAST("y", "fp16", "x") "} -> (y);", NULL},
    {"a value asked for is not replaced", &pome__pass_casts,
     TAKES_4 CAST("a", "fp16", "x") RELU("a"), TAKES_4 CAST("a", "fp16", "x") RELU("a"), "a"},
    {"a pair of transposes", ALL,
     "func main<ios17>(tensor<fp16, [2, 3, 4]> x) {" TRANSPOSE("a", "[4, 2, 3]", "x", "[2, 0, 1]")
         TRANSPOSE("b", "[2, 3, 4]", "a", "[1, 2, 0]") "  tensor<fp16, [2, 3, 4]> y = relu(x = "
                                                       "b)[name = string(\"y\")];} -> (y);",
     "func main<ios17>(tensor<fp16, [2, 3, 4]> x) {  tensor<fp16, [2, 3, 4]> y = relu(x = x)[name "
     "= string(\"y\")];} -> (y);",
     NULL},
    {"three transposes are one", ALL,
     "func main<ios17>(tensor<fp16, [2, 3, 4]> x) {" TRANSPOSE("a", "[4, 2, 3]", "x", "[-1, 0, 1]")
         TRANSPOSE("b", "[4, 3, 2]", "a", "[0, 2, 1]")
             TRANSPOSE("y", "[2, 4, 3]", "b", "[2, 0, 1]") "} -> (y);",
     "func main<ios17>(tensor<fp16, [2, 3, 4]> x) {" TRANSPOSE("y", "[2, 4, 3]", "x",
                                                               "[0, 2, 1]") "} -> (y);",
     NULL},
    {"reshapes", ALL,
     TAKES_4 RESHAPE("a", "[2, 2]", "x", "2", "[2, 2]") RESHAPE("b", "[1, 4]", "a", "2", "[1, -1]")
         RESHAPE("c", "[4]", "b", "1",
                 "[4]") "  tensor<fp16, [4]> d = identity(x = c)[name = string(\"d\")];" RELU("d"),
     TAKES_4 RELU("x"), NULL},
    {"a reshape that takes a size over", ALL,
     "func main<ios17>(tensor<fp16, [2, 6]> x) {" RESHAPE("a", "[3, 4]", "x", "2", "[3, 4]")
         RESHAPE("y", "[3, 4]", "a", "2", "[0, -1]") "} -> (y);",
     "func main<ios17>(tensor<fp16, [2, 6]> x) {" RESHAPE("a", "[3, 4]", "x", "2", "[3, 4]")
         RESHAPE("y", "[3, 4]", "a", "2", "[0, -1]") "} -> (y);",
     NULL},
    {"what nothing needs", &pome__pass_dead,
     "func main<ios18>(tensor<fp16, [4]> x, state<tensor<fp16, [4]>> s) {"
     "  tensor<fp16, [4]> w = const()[name = string(\"w\"), val = tensor<fp16, [4]>([1, 2, 3, 4])];"
     "  tensor<fp16, [4]> a = mul(x = x, y = w)[name = string(\"a\")];"
     "  tensor<fp16, [4]> b = exp(x = a)[name = string(\"b\")];"
     "  tensor<fp16, [4]> kept = sin(x = x)[name = string(\"kept\")];"
     "  tensor<fp16, [4]> next = cos(x = x)[name = string(\"next\")];"
     "  write_state(input = s, data = next)[name = string(\"write\")];" RELU("x"),
     "func main<ios18>(tensor<fp16, [4]> x, state<tensor<fp16, [4]>> s) {"
     "  tensor<fp16, [4]> kept = sin(x = x)[name = string(\"kept\")];"
     "  tensor<fp16, [4]> next = cos(x = x)[name = string(\"next\")];"
     "  write_state(input = s, data = next)[name = string(\"write\")];" RELU("x"),
     "kept"},
    {"inside branches", ALL,
     "func main<ios17>(tensor<fp16, [4]> x, tensor<bool, []> p) {"
     "  tensor<fp16, [4]> y = cond(pred = p) {"
     "    block() { tensor<fp16, [4]> t = exp(x = x)[name = string(\"t\")]; tensor<fp16, [4]> u = "
     "identity(x = x)[name = string(\"u\")]; } -> (u);"
     "    block() { tensor<fp16, []> v = add(x = fp16(1), y = fp16(2))[name = string(\"v\")];"
     "              tensor<fp16, [4]> w = mul(x = x, y = v)[name = string(\"w\")]; } -> (w);"
     "  }[name = string(\"y\")];} -> (y);",
     "func main<ios17>(tensor<fp16, [4]> x, tensor<bool, []> p) {"
     "  tensor<fp16, [4]> y = cond(pred = p) {"
     "    block() { } -> (x);"
     "    block() { tensor<fp16, []> v = const()[name = string(\"v\"), val = fp16(3)];"
     "              tensor<fp16, [4]> w = mul(x = x, y = v)[name = string(\"w\")]; } -> (w);"
     "  }[name = string(\"y\")];} -> (y);",
     NULL},
};
#define CASES (sizeof cases / sizeof cases[0])

static const pome__pass *const all_passes[] = {&pome__pass_fold, &pome__pass_casts,
                                               &pome__pass_transposes, &pome__pass_identities,
                                               &pome__pass_dead};

static void check_case_status(const char *what, pome_status status, const pome_error *error) {
  if (status != POME_OK) fail_msg("%s: %s", what, error->message);
}

static pome__program *read_text(const char *what, const char *text) {
  char whole[8192];
  pome__blob_source blobs = {NULL, tiny_weights_file};
  pome__program *program = NULL;
  pome_error error = {0};
  int size = snprintf(whole, sizeof whole, "program(1.3)\n{\n%s\n}\n", text);
  assert_true(size > 0 && (size_t)size < sizeof whole);
  pome__bytes bytes = {(const uint8_t *)whole, (size_t)size};
  check_case_status(what, pome__load_mil_text(bytes, &blobs, NULL, 0, &program, &error), &error);
  check_case_status(what, pome__program_verify(program, &error), &error);
  check_case_status(what, pome__program_resolve(program, &error), &error);
  return program;
}

static void programs_become_what_they_should(void **context) {
  (void)context;
  for (size_t i = 0; i < CASES; i++) {
    const pass_case *c = &cases[i];
    pome__program *before = read_text(c->what, c->before), *after = read_text(c->what, c->after);
    pome__pass_request request = {
        .passes = c->pass != NULL ? &c->pass : all_passes,
        .pass_count = c->pass != NULL ? 1 : sizeof all_passes / sizeof all_passes[0],
        .keep = &c->keep,
        .keep_count = c->keep != NULL,
    };
    pome_error error = {0};
    check_case_status(c->what, pome__pass_run(before, &request, &error), &error);
    const char *why = "";
    if (!program_equal(before, after, &why)) {
      text_buffer got = print_program(before);
      fail_msg("%s: %s in\n%.4000s", c->what, why, got.text);
    }
    pome__program_free(before);
    pome__program_free(after);
  }
}

/* ---- the same results ---- */

#define MAX_ELEMENTS ((size_t)1 << 21)

typedef struct totals {
  size_t functions, results, failing, planless;
  uint64_t random;
} totals;

static totals all;

/* Small numbers that are whole where they must be; freed by the caller. NULL: too large. */
static void *make_input(const pome_port *port, pome_tensor *tensor) {
  int64_t shape[POME_MAX_RANK];
  pome_dtype dtype = port->dtype == POME_DTYPE_NONE ? POME_FP32 : port->dtype;
  for (int d = 0; d < port->rank; d++)
    shape[d] = port->shape[d] == POME_DIM_UNKNOWN ? 3 : port->shape[d];
  if (pome_tensor_init(tensor, dtype, port->rank < 0 ? 1 : port->rank,
                       port->rank < 0 ? (int64_t[]){3} : shape, NULL, NULL) != POME_OK)
    return NULL;
  size_t count = pome_tensor_count(tensor);
  if (count > MAX_ELEMENTS) return NULL;
  tensor->data = calloc(pome_tensor_bytes(tensor) + 1, 1);
  assert_non_null(tensor->data);
  for (size_t i = 0; i < count; i++) {
    uint64_t random = exercise_random(&all.random);
    double number =
        pome__dtype_is_float(dtype) ? (double)(random % 2001) / 500 - 2 : (double)(random % 2);
    if (dtype == POME_STRING) ((pome_string *)tensor->data)[i] = (pome_string){"word", random % 5};
    else pome__store_f64(tensor->data, dtype, (int64_t)i, 1, 1, &number);
  }
  return tensor->data;
}

static pome_status predict(const pome_function *function, pome_run *run, pome_error *error) {
  size_t count = pome_function_port_count(function, POME_INPUT_PORT);
  void **memory = calloc(count + 1, sizeof *memory);
  assert_non_null(memory);
  pome_state *state = NULL;
  pome_status status = pome_state_create(&function, 1, NULL, &state, error);
  for (size_t i = 0; i < count && status == POME_OK; i++) {
    const pome_port *port = pome_function_port(function, POME_INPUT_PORT, i);
    pome_tensor tensor;
    memory[i] = make_input(port, &tensor);
    status =
        memory[i] == NULL ? POME_UNSUPPORTED : pome_run_set_tensor(run, port->name, &tensor, error);
  }
  if (status == POME_OK) status = pome_run_predict(run, state, error);
  for (size_t i = 0; i < count; i++) free(memory[i]);
  free(memory);
  pome_state_free(state);
  return status;
}

static void compare_results(const char *path, const pome_function *function, const pome_run *a,
                            const pome_run *b) {
  for (size_t i = 0; i < pome_function_port_count(function, POME_OUTPUT_PORT); i++) {
    const char *name = pome_function_port(function, POME_OUTPUT_PORT, i)->name;
    pome_tensor x, y;
    pome_error error;
    check_ok(pome_run_get_tensor(a, name, &x, &error), &error);
    check_ok(pome_run_get_tensor(b, name, &y, &error), &error);
    bool equal = x.dtype == y.dtype && x.rank == y.rank &&
                 memcmp(x.shape, y.shape, (size_t)x.rank * sizeof *x.shape) == 0;
    if (equal && x.dtype != POME_STRING) equal = memcmp(x.data, y.data, pome_tensor_bytes(&x)) == 0;
    if (!equal) fail_msg("%s: output %s is another one after the passes", path, name);
    all.results++;
  }
}

static void check_function(const char *path, const pome_function *function) {
  pome_plan *plans[2] = {NULL, NULL};
  pome_run *runs[2] = {NULL, NULL};
  pome_status status[2];
  pome_error errors[2];
  uint64_t random = all.random;
  for (int i = 0; i < 2; i++) {
    pome_plan_options options;
    pome_plan_options_init(&options);
    options.devices = "ref";
    options.numerics = POME_NUMERICS_STRICT;
    options.threads = 1;
    options.as_written = i == 0;
    all.random = random;
    status[i] = pome_plan_create(function, &options, &plans[i], &errors[i]);
    if (status[i] != POME_OK) continue;
    check_ok(pome_run_create(plans[i], NULL, &runs[i], &errors[i]), &errors[i]);
    status[i] = predict(function, runs[i], &errors[i]);
  }
  all.functions++;
  if (plans[0] == NULL) all.planless++;
  else if (status[0] != POME_OK) all.failing++;
  else if (status[1] != POME_OK)
    fail_msg("%s: fails after the passes: %s", path, errors[1].message);
  else compare_results(path, function, runs[0], runs[1]);
  for (int i = 0; i < 2; i++) {
    pome_run_free(runs[i]);
    pome_plan_free(plans[i]);
  }
}

static void check_model(const char *path) {
  pome_model *model;
  if (pome_model_open(path, NULL, &model, NULL) != POME_OK) return;
  for (size_t i = 0; i < pome_model_function_count(model); i++) {
    const pome_function *function = pome_model_function(model, i);
    if (pome_function_operation_count(function) > 0) check_function(path, function);
  }
  pome_model_close(model);
}

static bool ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status;
  (void)place;
  bool package = kind == FTW_D && (ends_with(path, ".mlpackage") || ends_with(path, ".mlmodelc"));
  if (package || (kind == FTW_F && ends_with(path, ".mil"))) check_model(path);
  return package ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

static void real_programs_give_the_same_bits(void **context) {
  (void)context;
  static const char *const folders[] = {"zoo", "models", "llm", "conformance/opcases"};
  const char *given = getenv("POME_SHARED"),
             *shared = given != NULL && given[0] != '\0' ? given : "../shared";
  struct stat status;
  if (stat(shared, &status) != 0) {
    print_message("SKIP: no shared data (POME_SHARED or ../shared): passes over real programs are "
                  "not compared\n");
    skip();
  }
  all = (totals){.random = 1};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", shared, folders[i]);
    nftw(path, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL);
  }
  print_message("%zu functions, %zu results equal; %zu fail either way, %zu are not planned\n",
                all.functions, all.results, all.failing, all.planless);
  assert_true(all.results > 100);
}

static void small_programs_give_the_same_bits(void **context) {
  (void)context;
  size_t count;
  seed *seeds = seeds_read(&count);
  all = (totals){.random = 1};
  for (size_t i = 0; i < count; i++) {
    char path[512];
    snprintf(path, sizeof path, "tests/fuzz/corpus/run/%s", seeds[i].name);
    check_model(path);
  }
  seeds_free(seeds, count);
  assert_true(all.results > 0);
}

/* ---- plans ---- */

static pome_status count_bytes(void *context, const char *text, size_t size) {
  (void)text;
  *(size_t *)context += size;
  return POME_OK;
}

/* Planned as written and not: the same names are kept, and the model's text does not change. */
static void plans_keep_what_is_asked_for(void **context) {
  (void)context;
  static const char *const keep[] = {"a", "b"};
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.keep = keep;
  options.keep_count = 2;
  options.devices = "ref";
  pome_error error;
  for (int i = 0; i < 2; i++) {
    options.as_written = i == 0;
    text_model m = make_text_model(
        TAKES_4 CAST("a", "fp32", "x")
            CAST("b", "fp16",
                 "a") "  tensor<fp16, [4]> dead = exp(x = x)[name = string(\"dead\")];" RELU("b"),
        &options, NULL);
    size_t before = 0, after = 0;
    check_ok(pome_model_print(m.model, count_bytes, &before, &error), &error);
    float x[4] = {1, -2, 3, -4};
    pome_tensor given = vector_of(POME_FP32, 4, x), kept;
    check_ok(pome_run_set_tensor(m.run, "x", &given, &error), &error);
    check_ok(pome_run_predict(m.run, NULL, &error), &error);
    check_ok(pome_run_get_tensor(m.run, "a", &kept, &error), &error);
    assert_int_equal(kept.dtype, POME_FP32);
    assert_memory_equal(kept.data, x, sizeof x);
    check_ok(pome_run_get_tensor(m.run, "b", &kept, &error), &error);
    assert_int_equal(pome_plan_device_get(m.plan, 0).operations, i == 0 ? 4 : 3);
    check_ok(pome_model_print(m.model, count_bytes, &after, &error), &error);
    assert_int_equal(before, after);
    free_text_model(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(programs_become_what_they_should),
      cmocka_unit_test(plans_keep_what_is_asked_for),
      cmocka_unit_test(small_programs_give_the_same_bits),
      cmocka_unit_test(real_programs_give_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
