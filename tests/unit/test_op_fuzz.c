/* Every row of the op table is called with random operands: what resolve accepts must be inferred
 * and evaluated without touching memory that is not its own. Refusing is right; a sanitizer build
 * says whether the rest is.
 * Then the call is made a program whose operands come as inputs: every device must answer as the
 * reference does, in strict numerics to the last bit.
 *
 * The random numbers are always the same. Operands are drawn so that a fair share of the calls is
 * accepted: shapes repeat, integers are small, strings are words that some op knows. Each tensor
 * has its own block of exactly its size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "budget.h"
#include "modes.h"
#include "ops/ops.h"
#include "runtime/runtime.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#ifndef CALLS_PER_ROW
#define CALLS_PER_ROW 400
#endif
#define MAX_VALUES 64
#define MAX_COUNT  200000 /* elements of an output */
#define MEMORY     ((size_t)16 << 20)

typedef struct trial {
  uint64_t random;
  pome__program *program;
  pome__function *function;
  pome__op *op;
  void *blocks[4 * MAX_VALUES];
  size_t block_count;
  int rank; /* of most operands of this call */
  int64_t shape[POME_MAX_RANK];
} trial;

static uint32_t draw(trial *t, uint32_t below) {
  t->random = t->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((t->random >> 33) % below);
}

static void *exact_block(trial *t, size_t size) {
  assert_true(t->block_count < sizeof(t->blocks) / sizeof(t->blocks[0]));
  void *block = malloc(size > 0 ? size : 1);
  assert_non_null(block);
  memset(block, 0, size > 0 ? size : 1);
  t->blocks[t->block_count++] = block;
  return block;
}

static pome_dtype draw_dtype(trial *t, const pome__param *param) {
  pome__dtypes set = param->dtypes;
  if (set == 0) set = POME__TFIB;
  if (draw(t, 40) == 0) set = ~(pome__dtypes)0;
  for (;;) {
    pome_dtype dtype = (pome_dtype)(1 + draw(t, POME_DTYPE_COUNT - 1));
    if ((set & ((pome__dtypes)1 << dtype)) != 0) return dtype;
  }
}

static void draw_shape(trial *t, const pome__param *param, pome_dtype dtype, int *rank,
                       int64_t *shape) {
  bool small = (param->flags & POME__PARAM_CONST) != 0 || dtype == POME_STRING;
  *rank = t->rank;
  memcpy(shape, t->shape, sizeof(t->shape));
  if (small && dtype == POME_STRING) {
    *rank = 0;
  } else if (small && !pome__dtype_is_float(dtype) && draw(t, 4) != 0) {
    *rank = (int)draw(t, 2);
    shape[0] = draw(t, 2) == 0 ? t->rank : (int64_t)draw(t, 6);
  } else if (small && draw(t, 2) == 0) {
    *rank = (int)draw(t, 2);
    shape[0] = t->rank > 1 ? t->shape[1] : 1;
  }
  if (draw(t, 4) == 0 && *rank > 0) shape[draw(t, (uint32_t)*rank)] = draw(t, 5);
  if (draw(t, 6) == 0) *rank = (int)draw(t, 6);
}

static pome_string draw_word(trial *t) {
  static const char *const words[] = {"valid",
                                      "same",
                                      "custom",
                                      "same_lower",
                                      "int32",
                                      "fp16",
                                      "fp32",
                                      "int8",
                                      "uint8",
                                      "bool",
                                      "uint16",
                                      "EXACT",
                                      "TANH_APPROXIMATION",
                                      "constant",
                                      "reflect",
                                      "replicate",
                                      "add",
                                      "sub",
                                      "mul",
                                      "div",
                                      "update",
                                      "max",
                                      "min",
                                      "forward",
                                      "reverse",
                                      "bidirectional",
                                      "tanh",
                                      "sigmoid",
                                      "relu",
                                      "linear",
                                      "nchw,nchw->nchw",
                                      "ab,bc->ac",
                                      "bilinear",
                                      "nearest",
                                      "zeros",
                                      "border",
                                      "unnormalized",
                                      "normalized_minus_one_to_one",
                                      "CORNERS_HEIGHT_FIRST",
                                      "CENTER_SIZE_WIDTH_FIRST",
                                      "DEFAULT",
                                      "STRICT_ALIGN_CORNERS",
                                      "ALIGN_CORNERS",
                                      "OFFSET_CORNERS",
                                      "LINEAR",
                                      "logits",
                                      "probs",
                                      "symmetric",
                                      "border"};
  const char *word = words[draw(t, sizeof(words) / sizeof(words[0]))];
  return (pome_string){word, strlen(word)};
}

static void fill(trial *t, pome_tensor *tensor, bool small) {
  size_t count = pome_tensor_count(tensor);
  for (size_t i = 0; i < count; i++) {
    if (tensor->dtype == POME_STRING) {
      ((pome_string *)tensor->data)[i] = draw_word(t);
      continue;
    }
    double value = (double)draw(t, 5) - (draw(t, 4) == 0 ? 3 : 0);
    if (pome__dtype_is_float(tensor->dtype) && draw(t, 2) == 0) value /= 4;
    if (!small && draw(t, 50) == 0) value = draw(t, 2) == 0 ? 1e9 : -1e9;
    pome__store_f64(tensor->data, tensor->dtype, (int64_t)i, 1, 1, &value);
  }
}

static pome_tensor draw_tensor(trial *t, const pome__param *param) {
  pome_tensor tensor;
  int rank;
  int64_t shape[POME_MAX_RANK];
  pome_dtype dtype = draw_dtype(t, param);
  draw_shape(t, param, dtype, &rank, shape);
  assert_int_equal(pome_tensor_init(&tensor, dtype, rank, shape, NULL, NULL), POME_OK);
  tensor.data = exact_block(t, pome_tensor_bytes(&tensor));
  fill(t, &tensor, (param->flags & POME__PARAM_CONST) != 0);
  return tensor;
}

/* All values are literals: resolve then sees every value, and no list or state comes up. */
static pome__value *draw_value(trial *t, const pome__param *param, const pome__literal *model) {
  pome__literal *literal = POME__NEW(&t->program->arena, pome__literal);
  assert_non_null(literal);
  pome_tensor tensor = draw_tensor(t, param);
  if (model != NULL && tensor.dtype != model->type.dtype &&
      draw(t, 20) != 0) { /* the same domain */
    tensor.dtype = model->type.dtype;
    tensor.data = exact_block(t, pome_tensor_bytes(&tensor));
    fill(t, &tensor, (param->flags & POME__PARAM_CONST) != 0);
  }
  literal->type = pome__type_tensor(tensor.dtype, tensor.rank, tensor.shape);
  literal->data = tensor.data;
  literal->bytes = pome_tensor_bytes(&tensor);
  literal->blob_offset = POME_NO_OFFSET;
  pome__value *value = pome__function_new_value(t->program, t->function, "", &literal->type);
  assert_non_null(value);
  value->literal = literal;
  return value;
}

static void draw_args(trial *t, const pome__schema *row) {
  const pome__literal *models[128] = {NULL};
  for (size_t p = 0; p < row->param_count; p++) {
    const pome__param *param = &row->params[p];
    if ((param->flags & POME__PARAM_OPTIONAL) != 0 && draw(t, 2) == 0) continue;
    pome__value *values[4];
    size_t count = (param->flags & POME__PARAM_TUPLE) != 0 ? 1 + draw(t, 3) : 1;
    size_t letter = (size_t)param->domain & 127;
    for (size_t i = 0; i < count; i++) {
      values[i] = draw_value(t, param, letter != 0 ? models[letter] : NULL);
      if (models[letter] == NULL) models[letter] = values[i]->literal;
    }
    assert_true(pome__op_add_arg(t->program, t->op, param->name, values, count, false));
  }
}

static void trial_open(trial *t, const pome__schema *row) {
  t->program = pome__program_create(NULL, 0);
  assert_non_null(t->program);
  t->function = pome__program_add_function(t->program, "main",
                                           row->since < POME__IOS15 ? POME__IOS15 : row->since);
  t->op = pome__op_new(t->program, row->name);
  assert_true(t->function != NULL && t->op != NULL);
  t->rank = (int)draw(t, 6);
  for (int i = 0; i < POME_MAX_RANK; i++) t->shape[i] = 1 + draw(t, 4);
  draw_args(t, row);
  assert_true(pome__block_append(t->program, t->function->body, t->op));
  size_t outputs = draw(t, 3) == 0 ? 1 + draw(t, 4) : 1;
  for (size_t i = 0; i < outputs; i++) {
    pome__type none = pome__type_tensor(POME_DTYPE_NONE, 0, NULL);
    none.rank = -1;
    char name[8];
    snprintf(name, sizeof(name), "y%d", (int)(i & 7));
    pome__value *value = pome__function_new_value(t->program, t->function, name, &none);
    assert_true(value != NULL && pome__op_add_output(t->program, t->op, value));
  }
}

static void trial_close(trial *t) {
  pome__program_free(t->program);
  while (t->block_count > 0) free(t->blocks[--t->block_count]);
}

static bool new_output(trial *t, const pome__type *type, pome_tensor *out) {
  size_t count;
  if (type->kind != POME__TYPE_TENSOR || type->rank < 0) return false;
  if (!pome__shape_count(type->rank, type->dims, &count) || count > MAX_COUNT) return false;
  assert_int_equal(pome_tensor_init(out, type->dtype, type->rank, type->dims, NULL, NULL), POME_OK);
  out->data = exact_block(t, pome_tensor_bytes(out));
  return true;
}

/* True when the call got as far as an evaluation that succeeded. */
static bool run_trial(trial *t) {
  pome_error error;
  if (pome__program_resolve(t->program, &error) != POME_OK) return false;
  pome__operand operands[MAX_VALUES];
  pome_tensor tensors[MAX_VALUES];
  pome__type types[8];
  pome_tensor outputs[8];
  size_t count = pome__op_operand_count(t->op);
  assert_true(count <= MAX_VALUES);
  for (size_t i = 0; i < count; i++) {
    const pome__literal *literal = pome__op_operand_value(t->op, i)->literal;
    tensors[i] = pome__literal_tensor(literal);
    operands[i] = (pome__operand){&literal->type, &tensors[i]};
  }
  pome__arena scratch;
  pome__arena_init(&scratch, NULL, (size_t)1 << 28);
  pome__call call;
  pome__call_init(&call, t->op, &error);
  call.operands = operands;
  call.out_types = types;
  call.scratch = &scratch;
  call.numerics = (pome_numerics)draw(t, 3);
  bool ready = pome__call_infer(&call) == POME_OK && t->op->schema->eval != NULL;
  for (size_t i = 0; ready && i < t->op->output_count; i++)
    ready = new_output(t, &types[i], &outputs[i]);
  call.outputs = outputs;
  bool done = ready && t->op->schema->eval(&call) == POME_OK;
  pome__arena_free(&scratch);
  return done;
}

/* ---- on devices ---- */

/* The call as a program whose operands come as inputs, wherever they may; NULL when that is no
 * valid program. */
static pome_model *make_model(trial *t) {
  pome_error error;
  pome_model *model = NULL;
  pome__program *copy = pome__program_clone(t->function, NULL, NULL);
  assert_non_null(copy);
  pome__function *function = copy->functions[0];
  pome__op *op = function->body->ops[0];
  for (size_t a = 0; a < op->arg_count; a++) {
    int p = pome__schema_param(t->op->schema, op->args[a].name);
    bool constant = (t->op->schema->params[p].flags & POME__PARAM_CONST) != 0;
    for (size_t i = 0; i < op->args[a].count && !constant; i++) {
      const pome__literal *literal = op->args[a].values[i]->literal;
      if (literal->type.dtype == POME_STRING || pome_dtype_bits(literal->type.dtype) < 8) continue;
      char name[32];
      snprintf(name, sizeof(name), "in%u_%u", (unsigned)a, (unsigned)i);
      pome__value *value = pome__function_new_value(copy, function, name, &literal->type);
      assert_true(value != NULL && pome__function_add_input(copy, function, value));
      op->args[a].values[i] = value;
    }
  }
  assert_true(pome__block_set_outputs(copy, function->body, op->outputs, op->output_count));
  if (pome__program_resolve(copy, &error) != POME_OK ||
      pome__program_verify(copy, &error) != POME_OK) {
    pome__program_free(copy);
    return NULL;
  }
  check_ok(pome__model_of_program(copy, NULL, &model, &error), &error);
  return model;
}

static pome_status set_inputs(const trial *t, pome_run *run, pome_error *error) {
  for (size_t a = 0; a < t->op->arg_count; a++) {
    for (size_t i = 0; i < t->op->args[a].count; i++) {
      char name[32];
      snprintf(name, sizeof(name), "in%u_%u", (unsigned)a, (unsigned)i);
      const pome_function *function = pome_plan_function(run->plan);
      if (pome_function_find_port(function, POME_INPUT_PORT, name) == NULL) continue;
      pome_tensor tensor = pome__literal_tensor(t->op->args[a].values[i]->literal);
      POME__TRY(pome_run_set_tensor(run, name, &tensor, error));
    }
  }
  return POME_OK;
}

/* What the device answers; *run and *plan are the caller's. */
static pome_status answer(const trial *t, const pome_model *model, const mode *how,
                          const pome_allocator *allocator, pome_plan **plan, pome_run **run,
                          pome_error *error) {
  pome_plan_options options;
  pome_run_options run_options;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  options.isa = how->isa;
  options.threads = 2;
  options.allocator = allocator;
  pome_run_options_init(&run_options);
  run_options.allocator = allocator;
  POME__TRY(pome_plan_create(pome_model_function(model, 0), &options, plan, error));
  POME__TRY(pome_run_create(*plan, &run_options, run, error));
  POME__TRY(set_inputs(t, *run, error));
  return pome_run_predict(*run, NULL, error);
}

static const char *describe(const trial *t) {
  static char text[512];
  size_t used = (size_t)snprintf(text, sizeof(text), "%s:", t->op->type);
  for (size_t a = 0; a < t->op->arg_count && used < sizeof(text); a++) {
    for (size_t i = 0; i < t->op->args[a].count && used < sizeof(text); i++) {
      char type[POME__TYPE_TEXT];
      used += (size_t)snprintf(
          text + used, sizeof(text) - used, " %s=%s", t->op->args[a].name,
          pome__type_format(&t->op->args[a].values[i]->literal->type, type, sizeof(type)));
    }
  }
  return text;
}

static void compare_runs(const trial *t, const pome_run *a, const pome_run *b, const mode *how) {
  for (size_t o = 0; o < t->op->output_count; o++) {
    pome_error error;
    pome_tensor x, y;
    check_ok(pome_run_get_tensor(a, t->op->outputs[o]->name, &x, &error), &error);
    check_ok(pome_run_get_tensor(b, t->op->outputs[o]->name, &y, &error), &error);
    if (!pome__shape_equal(x.rank, x.shape, y.rank, y.shape))
      fail_msg("%s: %s gives another shape", describe(t), how->name);
    if (how->numerics != POME_NUMERICS_STRICT || x.dtype == POME_STRING) continue;
    size_t bits = pome_tensor_count(&x) * pome_dtype_bits(x.dtype); /* what is behind may differ */
    bool same = x.dtype == y.dtype && memcmp(x.data, y.data, bits / 8) == 0;
    for (size_t i = bits / 8 * 8 / pome_dtype_bits(x.dtype); i < pome_tensor_count(&x); i++) {
      int64_t a_last, b_last;
      pome__load_i64(x.data, x.dtype, (int64_t)i, 1, 1, &a_last);
      pome__load_i64(y.data, y.dtype, (int64_t)i, 1, 1, &b_last);
      same &= a_last == b_last;
    }
    if (!same) fail_msg("%s: %s gives other numbers", describe(t), how->name);
  }
}

/* Every device says what the reference says, be it an error; in strict numerics to the last bit.
 * One that runs out of its memory says nothing. */
static bool run_on_devices(trial *t) {
  pome_model *model = make_model(t);
  if (model == NULL) return false;
  pome_plan *plans[MODES] = {NULL};
  pome_run *runs[MODES] = {NULL};
  pome_status first = POME_OK;
  budget b = budget_unlimited();
  b.ceiling = MEMORY;
  pome_allocator allocator = budget_allocator(&b);
  for (size_t how = 0; how < MODES; how++) {
    pome_error error = {0};
    pome_status status = answer(t, model, &modes[how], &allocator, &plans[how], &runs[how], &error);
    if (how == 0) first = status;
    if (status == POME_MEMORY || first == POME_MEMORY) continue;
    if (status != first)
      fail_msg("%s: %s says %s (%s)", describe(t), modes[how].name, pome_status_text(status),
               error.message);
    if (how > 0 && status == POME_OK) compare_runs(t, runs[0], runs[how], &modes[how]);
  }
  for (size_t how = 0; how < MODES; how++) {
    pome_run_free(runs[how]);
    pome_plan_free(plans[how]);
  }
  pome_model_close(model);
  return true;
}

static void test_random_calls(void **state) {
  (void)state;
  size_t evaluated = 0, planned = 0;
  size_t rows_reached = 0;
  for (size_t r = 0; r < pome__schema_count(); r++) {
    const pome__schema *row = pome__schema_at(r);
    size_t before = evaluated;
    for (int i = 0; i < CALLS_PER_ROW; i++) {
      trial t = {.random = r * 1000003 + (uint64_t)i};
      draw(&t, 2);
      trial_open(&t, row);
      evaluated += run_trial(&t);
      if (row->kind != POME__OP_RANDOM && t.op->schema != NULL) planned += run_on_devices(&t);
      trial_close(&t);
    }
    rows_reached += evaluated > before;
    if (getenv("POME_FUZZ_VERBOSE") != NULL) printf("%4zu %s\n", evaluated - before, row->name);
  }
  printf("%zu calls evaluated, of %zu of %zu rows; %zu through plans\n", evaluated, rows_reached,
         pome__schema_count(), planned);
  assert_true(planned > evaluated / 2);
  assert_true(rows_reached > pome__schema_count() / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_calls)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
