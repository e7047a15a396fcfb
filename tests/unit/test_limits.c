/* What a model may not take: endless time and more memory than there is.
 *
 * Long operations hear a cancel: with the flag up, an evaluation leaves before it has written its
 * output, whatever loop it is in; and a prediction whose only operation left early says that it was
 * cancelled. Loops and predictions of many operations are cancelled in test_run.c and
 * test_backends.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "modes.h"
#include "ops/ops.h"
#include "runtime/runtime.h"

#define SIDE  64
#define COUNT (SIDE * SIDE)

/* Operations on x [64, 64] that are made of many rows, panels, channels or steps. */
static const char *const calls[] = {
    "y = exp(x = x)",
    "y = add(x = x, y = x)",
    "y = softmax(x = x, axis = int32(-1))",
    "y = reduce_sum(x = x, axes = tensor<int32, [1]>([1]), keep_dims = bool(false))",
    "y = matmul(x = x, y = x, transpose_x = bool(false), transpose_y = bool(false))",
    "y = matmul(x = x, y = x, transpose_x = bool(false), transpose_y = bool(true))",
    "y = conv(x = e, weight = f, strides = tensor<int32, [1]>([1]), pad_type = string(\"valid\"), "
    "pad = tensor<int32, [2]>([0, 0]), dilations = tensor<int32, [1]>([1]), groups = int32(1))",
    "y = conv(x = e, weight = g, strides = tensor<int32, [1]>([1]), pad_type = string(\"valid\"), "
    "pad = tensor<int32, [2]>([0, 0]), dilations = tensor<int32, [1]>([1]), groups = int32(64))",
    "y = max_pool(x = e, kernel_sizes = tensor<int32, [1]>([2]), strides = tensor<int32, "
    "[1]>([1]), pad_type = string(\"valid\"), pad = tensor<int32, [2]>([0, 0]), ceil_mode = "
    "bool(false))",
    "y = layer_norm(x = x, axes = tensor<int32, [1]>([1]), epsilon = fp32(0))",
};

static pome_model *open_call(const char *call) {
  char text[2048];
  snprintf(text, sizeof text,
           "func main<ios17>(tensor<fp32, [64, 64]> x, tensor<fp32, [1, 64, 64]> e, tensor<fp32, "
           "[64, 64, 1]> f, tensor<fp32, [64, 1, 1]> g) {"
           "  tensor<fp32, ?> %s[name = string(\"y\")];} -> (y);",
           call);
  return open_text(text);
}

/* Evaluates the operation with the flag up, on operands of ones. */
static void evaluate(const pome__op *op, pome_numerics numerics, const char *what) {
  static float ones[COUNT], out[COUNT];
  static const atomic_bool up = true;
  pome__operand operands[8];
  pome_tensor tensors[8], result;
  pome__type type;
  pome__call call;
  pome_error error;
  pome__arena scratch;
  size_t count = pome__op_operand_count(op);
  assert_true(count <= 8);
  for (int i = 0; i < COUNT; i++) ones[i] = 1;
  for (int i = 0; i < COUNT; i++) out[i] = -7;
  for (size_t i = 0; i < count; i++) {
    const pome__value *value = pome__op_operand_value(op, i);
    const pome__type *t = &value->type;
    tensors[i] = value->literal != NULL ? pome__literal_tensor(value->literal)
                                        : tensor_of(t->dtype, t->rank, t->dims, ones);
    operands[i] = (pome__operand){t, &tensors[i]};
  }
  pome__arena_init(&scratch, NULL, 0);
  pome__call_init(&call, op, &error);
  call.operands = operands;
  call.out_types = &type;
  check_ok(pome__call_infer(&call), &error);
  result = tensor_of(type.dtype, type.rank, type.dims, out);
  call.outputs = &result;
  call.numerics = numerics;
  call.scratch = &scratch;
  call.kernels = pome__kernels_get(pome__cpu_isa());
  call.cancel = &up;
  check_ok(op->schema->eval(&call), &error);
  size_t written = 0;
  for (size_t i = 0; i < pome_tensor_count(&result); i++) written += out[i] != -7;
  if (written != 0) fail_msg("%s wrote %zu numbers", what, written);
  pome__arena_free(&scratch);
}

static void evaluations_leave(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    pome_model *model = open_call(calls[i]);
    const pome__block *body = model->program->functions[0]->body;
    const pome__op *op = body->ops[body->op_count - 1];
    evaluate(op, POME_NUMERICS_STRICT, calls[i]);
    evaluate(op, POME_NUMERICS_FAST, calls[i]);
    pome_model_close(model);
  }
}

/* ---- a prediction of one operation ---- */

typedef struct canceller {
  pome_run *run;
  atomic_bool done;
} canceller;

static void *cancel(void *context) {
  canceller *c = context;
  while (!atomic_load(&c->done)) {
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    pome_run_cancel(c->run);
  }
  return NULL;
}

/* A product that would take any machine seconds, and the same as a convolution. */
static const char *const long_ones[] = {
    "func main<ios17>(tensor<fp32, [6000, 2000]> x, tensor<fp32, [2000, 6000]> w) {"
    "  tensor<fp32, [6000, 6000]> y = matmul(x = x, y = w, transpose_x = bool(false), transpose_y "
    "= bool(false))[name = string(\"y\")];"
    "} -> (y);",
    "func main<ios17>(tensor<fp32, [1, 2000, 6000]> x, tensor<fp32, [6000, 2000, 1]> w) {"
    "  tensor<fp32, [1, 6000, 6000]> y = conv(x = x, weight = w, strides = tensor<int32, "
    "[1]>([1]), pad_type = string(\"valid\"), pad = tensor<int32, [2]>([0, 0]), dilations = "
    "tensor<int32, [1]>([1]), groups = int32(1))[name = string(\"y\")];"
    "} -> (y);",
};

static void a_single_operation_is_cancelled(void **state) {
  (void)state;
  static float numbers[12000000];
  for (size_t i = 0; i < 2; i++) {
    for (size_t how = 0; how < 3; how++) {
      text_model m = mode_make(long_ones[i], &modes[how], NULL, 0);
      pome_error error = {0};
      canceller c = {.run = m.run};
      pthread_t thread;
      for (int k = 0; k < 2; k++) {
        const char *name = k == 0 ? "x" : "w";
        const pome_port *port = pome_function_find_port(m.function, POME_INPUT_PORT, name);
        pome_tensor tensor = tensor_of(POME_FP32, port->rank, port->shape, numbers);
        check_ok(pome_run_set_tensor(m.run, name, &tensor, &error), &error);
      }
      assert_int_equal(pthread_create(&thread, NULL, cancel, &c), 0);
      pome_status status = pome_run_predict(m.run, NULL, &error);
      atomic_store(&c.done, true);
      assert_int_equal(pthread_join(thread, NULL), 0);
      assert_int_equal(status, POME_CANCELLED);
      free_text_model(&m);
    }
  }
}

/* ---- more memory than the machine has ---- */

/* 4 TiB: known when the model is opened, or only from the inputs. */
static const char *const huge_ones[] = {
    "func main<ios17>(tensor<int32, [2]> n) {"
    "  tensor<fp32, [2147483647, 512]> y = fill(shape = tensor<int32, [2]>([2147483647, 512]), "
    "value = fp32(1))[name = string(\"y\")];"
    "} -> (y, n);",
    "func main<ios17>(tensor<int32, [2]> n) {"
    "  tensor<fp32, [?, ?]> y = fill(shape = n, value = fp32(1))[name = string(\"y\")];"
    "} -> (y);",
    "func main<ios17>(tensor<int32, [2]> n) {"
    "  tensor<fp32, [1, 1]> one = fill(shape = tensor<int32, [2]>([1, 1]), value = fp32(1))[name = "
    "string(\"one\")];"
    "  tensor<fp32, [?, ?]> y = tile(x = one, reps = n)[name = string(\"y\")];"
    "} -> (y);",
};

static pome_status run_huge(const char *text, const mode *how, pome_error *error) {
  static const int32_t shape[2] = {2147483647, 512};
  const int64_t two = 2;
  pome_model *model = open_text(text);
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  pome_tensor n = tensor_of(POME_INT32, 1, &two, (void *)(uintptr_t)shape);
  pome_status status =
      pome_plan_create(pome_model_find_function(model, NULL), &options, &plan, error);
  if (status == POME_OK) status = pome_run_create(plan, NULL, &run, error);
  if (status == POME_OK) status = pome_run_set_tensor(run, "n", &n, error);
  if (status == POME_OK) status = pome_run_predict(run, NULL, error);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return status;
}

static void too_much_memory_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof huge_ones / sizeof huge_ones[0]; i++) {
    for (size_t how = 0; how < MODES; how++) {
      pome_error error = {0};
      pome_status status = run_huge(huge_ones[i], &modes[how], &error);
      if (status != POME_MEMORY) fail_msg("%s: %s", pome_status_text(status), error.message);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(evaluations_leave),
      cmocka_unit_test(a_single_operation_is_cancelled),
      cmocka_unit_test(too_much_memory_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
