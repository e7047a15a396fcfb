/* Op cases: the text of a case becomes a program of one op, which is resolved, inferred, evaluated
 * and compared. See op_case.h. */
#include "op_case.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kernels.h"
#include "modes.h"
#include "runtime/runtime.h"
#include "stored.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define MAX_OPERANDS 64
#define MAX_ELEMENTS 65536

typedef struct item {
  pome_tensor tensor;
  bool constant;
  bool type_only; /* expected values: no braces */
} item;

typedef struct parser {
  const op_case *spec;
  const char *at;
  pome__arena *arena;
  pome_dtype float_type; /* of the first float input: the type of a bare 1.5 */
} parser;

static void bad_case(const parser *p, const char *what) {
  fail_msg("%s: case text: %s at \"%.40s\"", p->spec->op, what, p->at);
}

static void skip_space(parser *p) {
  while (isspace((unsigned char)*p->at)) p->at++;
}

static bool accept_text(parser *p, const char *text) {
  skip_space(p);
  size_t n = strlen(text);
  if (strncmp(p->at, text, n) != 0) return false;
  p->at += n;
  return true;
}

static void expect_text(parser *p, const char *text) {
  if (!accept_text(p, text)) bad_case(p, text);
}

static double parse_number(parser *p) {
  skip_space(p);
  if (accept_text(p, "true")) return 1;
  if (accept_text(p, "false")) return 0;
  char *end;
  char digits[64] = "";
  size_t n = 0;
  while (n + 1 < sizeof(digits) &&
         (isalnum((unsigned char)p->at[n]) || strchr("+-.", p->at[n]) != NULL) &&
         p->at[n] != '\0' && !(p->at[n] == '.' && p->at[n + 1] == '.')) {
    digits[n] = p->at[n];
    n++;
  }
  double value = strtod(digits, &end);
  if (end == digits) bad_case(p, "a number is missing");
  p->at += end - digits;
  return value;
}

static pome_string parse_string(parser *p) {
  expect_text(p, "\"");
  pome_string s = {p->at, strcspn(p->at, "\"")};
  p->at += s.size;
  expect_text(p, "\"");
  return s;
}

static void *new_data(parser *p, pome_dtype dtype, size_t count) {
  size_t bytes;
  if (!pome__dtype_bytes(dtype, count, &bytes)) bad_case(p, "too large");
  void *data = pome__arena_alloc(p->arena, bytes > 0 ? bytes : 1, 16);
  assert_non_null(data);
  return data;
}

/* 1, 2 | 0..5 | 7*24, up to the closing brace. */
static size_t parse_numbers(parser *p, double *out) {
  size_t n = 0;
  while (!accept_text(p, "}")) {
    double first = parse_number(p);
    if (accept_text(p, "..")) {
      for (double last = parse_number(p); first <= last && n < MAX_ELEMENTS; first++)
        out[n++] = first;
    } else if (accept_text(p, "*")) {
      for (double times = parse_number(p); times > 0 && n < MAX_ELEMENTS; times--) out[n++] = first;
    } else if (n < MAX_ELEMENTS) {
      out[n++] = first;
    }
    accept_text(p, ",");
  }
  return n;
}

static void parse_data(parser *p, item *out) {
  size_t count = pome_tensor_count(&out->tensor);
  out->tensor.data = new_data(p, out->tensor.dtype, count);
  size_t n = 0;
  if (out->tensor.dtype == POME_STRING) {
    pome_string *strings = out->tensor.data;
    while (!accept_text(p, "}")) {
      pome_string s = parse_string(p);
      if (n < count) strings[n] = s;
      n++;
      accept_text(p, ",");
    }
  } else {
    double *values = malloc(MAX_ELEMENTS * sizeof(double));
    assert_non_null(values);
    n = parse_numbers(p, values);
    if (n == count) pome__store_f64(out->tensor.data, out->tensor.dtype, 0, 1, n, values);
    free(values);
  }
  if (n != count) bad_case(p, "not as many elements as the shape says, before");
}

static void parse_value(parser *p, item *out) {
  memset(out, 0, sizeof(*out));
  int64_t shape[POME_MAX_RANK];
  int rank = 0;
  pome_dtype dtype = POME_DTYPE_NONE;
  double number = 0;
  bool scalar = true;
  out->constant = accept_text(p, "const ");
  skip_space(p);
  pome_string text = {NULL, 0};
  if (*p->at == '"') {
    dtype = POME_STRING;
    text = parse_string(p);
  } else {
    char name[16] = "";
    size_t n = strcspn(p->at, "[");
    if (n < sizeof(name)) memcpy(name, p->at, n);
    dtype = pome_dtype_from_name(name);
    scalar = dtype == POME_DTYPE_NONE;
    if (scalar) {
      const char *begin = p->at;
      number = parse_number(p);
      bool is_bool = *begin == 't' || *begin == 'f';
      size_t length = (size_t)(p->at - begin);
      bool is_float = !is_bool && (memchr(begin, '.', length) || memchr(begin, 'e', length) ||
                                   !isfinite(number));
      dtype = is_bool ? POME_BOOL : is_float ? p->float_type : POME_INT32;
    } else {
      p->at += n;
      expect_text(p, "[");
      while (!accept_text(p, "]")) {
        if (rank == POME_MAX_RANK) bad_case(p, "too many dimensions");
        shape[rank++] = (int64_t)parse_number(p);
        accept_text(p, ",");
      }
    }
  }
  assert_int_equal(pome_tensor_init(&out->tensor, dtype, rank, shape, NULL, NULL), POME_OK);
  if (p->float_type == POME_DTYPE_NONE && pome__dtype_is_float(dtype)) p->float_type = dtype;
  if (!scalar) {
    if (accept_text(p, "{")) {
      parse_data(p, out);
    } else {
      out->type_only = true;
    }
    return;
  }
  out->tensor.data = new_data(p, dtype, 1);
  if (dtype == POME_STRING) {
    *(pome_string *)out->tensor.data = text;
  } else {
    pome__store_f64(out->tensor.data, dtype, 0, 1, 1, &number);
  }
}

/* ---- the program ---- */

typedef struct bench {
  const op_case *spec;
  pome__arena arena;
  pome__program *program;
  pome__function *function;
  pome__op *op;
  item inputs[MAX_OPERANDS]; /* in the order of op arguments' values; looked up by value */
  pome__value *values[MAX_OPERANDS];
  size_t input_count;
  item expected[MAX_OPERANDS];
  size_t expected_count;
  pome_status error_status; /* POME_OK: values are expected */
  const char *error_text;
  pome_error error;
} bench;

static pome__type type_of_tensor(const pome_tensor *tensor) {
  return pome__type_tensor(tensor->dtype, tensor->rank, tensor->shape);
}

static pome__value *add_value(bench *b, parser *p, bool must_be_const) {
  if (b->input_count == MAX_OPERANDS) bad_case(p, "too many operands");
  item *in = &b->inputs[b->input_count];
  parse_value(p, in);
  in->constant |= must_be_const;
  pome__type type = type_of_tensor(&in->tensor);
  char name[32] = "";
  if (!in->constant) snprintf(name, sizeof(name), "in%zu", b->input_count);
  pome__value *value = pome__function_new_value(b->program, b->function, name, &type);
  assert_non_null(value);
  if (in->constant) {
    pome__literal *literal = POME__NEW(&b->program->arena, pome__literal);
    assert_non_null(literal);
    literal->type = type;
    literal->data = in->tensor.data;
    literal->bytes = pome_tensor_bytes(&in->tensor);
    literal->blob_offset = POME_NO_OFFSET;
    value->literal = literal;
  } else {
    assert_true(pome__function_add_input(b->program, b->function, value));
  }
  b->values[b->input_count++] = value;
  return value;
}

static void parse_inputs(bench *b, parser *p) {
  const pome__schema *schema = pome__schema_find(b->spec->op, b->spec->opset);
  while (skip_space(p), *p->at != '\0') {
    char name[64] = "";
    size_t n = strcspn(p->at, "=");
    if (n >= sizeof(name) || p->at[n] == '\0') bad_case(p, "an input lacks its name");
    memcpy(name, p->at, n);
    p->at += n + 1;
    int index = schema != NULL ? pome__schema_param(schema, name) : -1;
    bool constant = index >= 0 && (schema->params[index].flags & POME__PARAM_CONST) != 0;
    pome__value *values[MAX_OPERANDS];
    size_t count = 0;
    if (accept_text(p, "(")) {
      while (!accept_text(p, ")")) {
        values[count++] = add_value(b, p, constant);
        accept_text(p, ",");
      }
    } else {
      values[count++] = add_value(b, p, constant);
    }
    assert_true(pome__op_add_arg(b->program, b->op, name, values, count, false));
    accept_text(p, ";");
  }
}

static void parse_expected(bench *b, parser *p) {
  bool unsupported = accept_text(p, "unsupported");
  if (unsupported || accept_text(p, "error")) {
    b->error_status = unsupported ? POME_UNSUPPORTED : POME_INPUT;
    b->expected_count = accept_text(p, "*") ? (size_t)parse_number(p) : 1;
    expect_text(p, ":");
    skip_space(p);
    b->error_text = p->at;
    return;
  }
  while (skip_space(p), *p->at != '\0') {
    if (b->expected_count == MAX_OPERANDS) bad_case(p, "too many outputs");
    parse_value(p, &b->expected[b->expected_count++]);
    accept_text(p, ";");
  }
}

static void bench_open(bench *b, const op_case *spec) {
  memset(b, 0, sizeof(*b));
  b->spec = spec;
  pome__arena_init(&b->arena, NULL, 0);
  b->program = pome__program_create(NULL, 0);
  assert_non_null(b->program);
  b->function = pome__program_add_function(b->program, "main", spec->opset);
  b->op = pome__op_new(b->program, spec->op);
  assert_true(b->function != NULL && b->op != NULL);
  parser p = {spec, spec->inputs, &b->arena, POME_DTYPE_NONE};
  parse_inputs(b, &p);
  p.at = spec->expected;
  parse_expected(b, &p);
  assert_true(pome__block_append(b->program, b->function->body, b->op));
  pome__value *outputs[MAX_OPERANDS];
  for (size_t i = 0; i < b->expected_count; i++) {
    pome__type none = pome__type_tensor(POME_DTYPE_NONE, 0, NULL);
    none.rank = -1;
    char name[32];
    snprintf(name, sizeof(name), "out%zu", i);
    outputs[i] = pome__function_new_value(b->program, b->function, name, &none);
    assert_non_null(outputs[i]);
    assert_true(pome__op_add_output(b->program, b->op, outputs[i]));
  }
  assert_true(pome__block_set_outputs(b->program, b->function->body, outputs, b->expected_count));
}

static void bench_close(bench *b) {
  pome__program_free(b->program);
  pome__arena_free(&b->arena);
}

static const char *describe(const bench *b) {
  static char text[256]; /* tests run one at a time */
  snprintf(text, sizeof(text), "%s (%s): %.150s", b->spec->op, pome__opset_name(b->spec->opset),
           b->spec->inputs);
  return text;
}

/* True when the failure is the expected one. */
static bool failed_as_expected(bench *b, pome_status status, const char *stage) {
  if (status == POME_OK) return false;
  if (b->error_status == POME_OK) {
    fail_msg("%s: %s failed: %s", describe(b), stage, b->error.message);
  }
  if (status != b->error_status || strstr(b->error.message, b->error_text) == NULL) {
    fail_msg("%s: %s failed with \"%s\" (%s), not with \"%s\"", describe(b), stage,
             b->error.message, pome_status_text(status), b->error_text);
  }
  return true;
}

static const item *item_of(const bench *b, const pome__value *value) {
  for (size_t i = 0; i < b->input_count; i++) {
    if (b->values[i] == value) return &b->inputs[i];
  }
  fail_msg("%s: an operand is not one of the inputs", describe(b));
  return NULL;
}

/* ---- running ---- */

typedef struct operands {
  pome__operand list[MAX_OPERANDS];
  pome__type types[MAX_OPERANDS];
  pome_tensor tensors[MAX_OPERANDS];
} operands;

static void fill_operands(bench *b, operands *o, bool wide) {
  size_t count = pome__op_operand_count(b->op);
  for (size_t i = 0; i < count; i++) {
    const item *in = item_of(b, pome__op_operand_value(b->op, i));
    o->types[i] = type_of_tensor(&in->tensor);
    o->tensors[i] = in->tensor;
    pome_dtype stored = pome__stored_dtype(in->tensor.dtype, POME_NUMERICS_WIDE);
    if (wide && !in->constant && stored != in->tensor.dtype) {
      size_t n = pome_tensor_count(&in->tensor);
      float *data = pome__arena_array(&b->arena, n + 1, sizeof(float), 16);
      assert_non_null(data);
      pome__load_f32(in->tensor.data, in->tensor.dtype, 0, 1, n, data);
      o->tensors[i].data = data;
      o->tensors[i].dtype = stored;
    }
    o->list[i].type = &o->types[i];
    o->list[i].tensor = &o->tensors[i];
  }
}

/* Inference that knows less must succeed, and must not contradict what is true. */
static void check_partial(bench *b, const pome__type *truth, bool ranks) {
  operands o;
  fill_operands(b, &o, false);
  size_t count = pome__op_operand_count(b->op);
  for (size_t i = 0; i < count; i++) {
    if (pome__op_operand_value(b->op, i)->literal != NULL) continue;
    o.list[i].tensor = NULL;
    for (int d = 0; d < o.types[i].rank; d++) o.types[i].dims[d] = POME_DIM_UNKNOWN;
    if (!ranks) o.types[i].rank = -1;
  }
  pome__call call;
  pome__type types[MAX_OPERANDS];
  pome__call_init(&call, b->op, &b->error);
  call.operands = o.list;
  call.out_types = types;
  if (pome__call_infer(&call) != POME_OK) {
    fail_msg("%s: inference with unknown %s failed: %s", describe(b),
             ranks ? "dimensions" : "ranks", b->error.message);
  }
  for (size_t i = 0; i < b->expected_count; i++) {
    char got[POME__TYPE_TEXT];
    char want[POME__TYPE_TEXT];
    if (pome__type_fits(&types[i], &truth[i])) continue;
    fail_msg("%s: inference with unknown %s gives %s; the truth is %s", describe(b),
             ranks ? "dimensions" : "ranks", pome__type_format(&types[i], got, sizeof(got)),
             pome__type_format(&truth[i], want, sizeof(want)));
  }
}

static bool close_enough(double got, double want, double tolerance) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  if (isinf(want) || isinf(got)) return want == got;
  return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

static void compare(bench *b, size_t index, const pome_tensor *got, const char *how,
                    pome_numerics numerics) {
  const item *want = &b->expected[index];
  if (want->type_only) return;
  size_t count = pome_tensor_count(got);
  bool floating = pome__dtype_is_float(want->tensor.dtype);
  double base = want->tensor.dtype == POME_FP16 ? 1e-3 : 2e-6;
  double tolerance = !floating ? 0 : b->spec->tolerance > 0 ? b->spec->tolerance : base;
  if (numerics != POME_NUMERICS_STRICT) tolerance *= 10;
  if (numerics != POME_NUMERICS_STRICT && want->tensor.dtype == POME_FP16)
    tolerance = fmax(tolerance, 1e-3);
  for (size_t i = 0; i < count; i++) {
    if (got->dtype == POME_STRING) {
      pome_string a = ((const pome_string *)got->data)[i];
      pome_string e = ((const pome_string *)want->tensor.data)[i];
      if (a.size == e.size && memcmp(a.data, e.data, a.size) == 0) continue;
      fail_msg("%s: output %zu differs at %zu (%s): \"%.*s\", expected \"%.*s\"", describe(b),
               index, i, how, (int)a.size, a.data, (int)e.size, e.data);
    }
    double a;
    double e;
    pome__load_f64(got->data, got->dtype, (int64_t)i, 1, 1, &a);
    pome__load_f64(want->tensor.data, want->tensor.dtype, (int64_t)i, 1, 1, &e);
    if (want->tensor.dtype == POME_FP16)
      a = pome__f16_to_f32(pome__f64_to_f16(a)); /* may be stored wider */
    if (close_enough(a, e, tolerance)) continue;
    fail_msg("%s: output %zu differs at %zu (%s): %.9g, expected %.9g", describe(b), index, i, how,
             a, e);
  }
}

static void new_output(bench *b, const pome__type *type, bool wide, pome_tensor *out) {
  pome_dtype dtype =
      pome__stored_dtype(type->dtype, wide ? POME_NUMERICS_WIDE : POME_NUMERICS_STRICT);
  assert_int_equal(pome_tensor_init(out, dtype, type->rank, type->dims, NULL, NULL), POME_OK);
  out->data = pome__arena_alloc(&b->arena, pome_tensor_bytes(out) + 1, 64);
  assert_non_null(out->data);
  memset(out->data, 0x5A, dtype == POME_STRING ? 0 : pome_tensor_bytes(out));
}

static void check_type(bench *b, const pome__type *type, size_t index, const char *stage) {
  pome__type want = type_of_tensor(&b->expected[index].tensor);
  char got_text[POME__TYPE_TEXT];
  char want_text[POME__TYPE_TEXT];
  if (pome__type_equal(type, &want)) return;
  fail_msg("%s: output %zu is %s (%s), expected %s", describe(b), index,
           pome__type_format(type, got_text, sizeof(got_text)), stage,
           pome__type_format(&want, want_text, sizeof(want_text)));
}

static void check_types(bench *b, const pome__type *types, const char *stage) {
  for (size_t i = 0; i < b->expected_count; i++) check_type(b, &types[i], i, stage);
}

/* One run in one numerics; false when the expected error ended the case. */
static bool evaluate(bench *b, pome_numerics numerics) {
  static const char *const names[] = {"fast", "strict", "wide"};
  operands o;
  pome__call call;
  pome__type types[MAX_OPERANDS];
  pome_tensor outputs[MAX_OPERANDS];
  fill_operands(b, &o, numerics == POME_NUMERICS_WIDE);
  pome__call_init(&call, b->op, &b->error);
  call.operands = o.list;
  call.out_types = types;
  call.numerics = numerics;
  if (failed_as_expected(b, pome__call_infer(&call), "inference")) return false;
  if (b->error_status == POME_OK) check_types(b, types, "inference");
  if (numerics == POME_NUMERICS_STRICT && b->error_status == POME_OK) {
    check_partial(b, types, true);
    check_partial(b, types, false);
  }
  if (b->op->schema->eval == NULL) {
    if (b->op->schema->kind != POME__OP_CONTROL) fail_msg("%s: has no evaluation", describe(b));
    return true;
  }
  pome__arena scratch;
  pome__arena_init(&scratch, NULL, 0);
  for (size_t i = 0; i < b->expected_count; i++)
    new_output(b, &types[i], numerics == POME_NUMERICS_WIDE, &outputs[i]);
  call.outputs = outputs;
  call.scratch = &scratch;
  if (numerics == POME_NUMERICS_FAST) call.kernels = pome__kernels_get(pome__cpu_isa());
  bool stopped = failed_as_expected(b, b->op->schema->eval(&call), "evaluation");
  for (size_t i = 0; !stopped && b->error_status == POME_OK && i < b->expected_count; i++) {
    compare(b, i, &outputs[i], names[numerics], numerics);
  }
  pome__arena_free(&scratch);
  return !stopped;
}

/* ---- on devices ---- */

/* Inputs of any size above 0, which ports that are left open take; outputs of what follows. */
static void forget_sizes(pome__function *function) {
  for (size_t i = 0; i < function->input_count; i++) {
    pome__type *type = &function->inputs[i]->type;
    for (int d = 0; d < type->rank; d++)
      if (type->dims[d] > 0) type->dims[d] = POME_DIM_UNKNOWN;
  }
  for (size_t i = 0; i < function->body->output_count; i++)
    function->body->outputs[i]->type = pome__type_tensor(POME_DTYPE_NONE, -1, NULL);
}

/* A model of one function that holds the case's operation; `open`: its sizes are known only when it
 * runs. */
static pome_model *make_model(bench *b, bool open) {
  pome_model *model = NULL;
  pome__program *copy = pome__program_clone(b->function, NULL, NULL);
  assert_non_null(copy);
  if (open) forget_sizes(copy->functions[0]);
  check_ok(pome__program_resolve(copy, &b->error), &b->error);
  check_ok(pome__program_verify(copy, &b->error), &b->error);
  check_ok(pome__model_of_program(copy, NULL, &model, &b->error), &b->error);
  return model;
}

static pome_status predict(bench *b, pome_run *run) {
  for (size_t i = 0; i < b->input_count; i++) {
    if (b->inputs[i].constant) continue;
    POME__TRY(pome_run_set_tensor(run, b->values[i]->name, &b->inputs[i].tensor, &b->error));
  }
  return pome_run_predict(run, NULL, &b->error);
}

static void compare_results(bench *b, const pome_run *run, const mode *how) {
  for (size_t i = 0; i < b->expected_count; i++) {
    char name[32];
    pome_tensor got;
    snprintf(name, sizeof(name), "out%zu", i);
    check_ok(pome_run_get_tensor(run, name, &got, &b->error), &b->error);
    pome__type type = type_of_tensor(&got);
    if (how->numerics == POME_NUMERICS_WIDE) type.dtype = b->expected[i].tensor.dtype;
    check_type(b, &type, i, how->name);
    compare(b, i, &got, how->name, how->numerics);
  }
}

static void run_mode(bench *b, const pome_model *model, const mode *how) {
  pome_plan_options options;
  pome_plan *plan = NULL;
  pome_run *run = NULL;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  options.isa = how->isa;
  options.threads = 2;
  pome_status status =
      pome_plan_create(pome_model_find_function(model, NULL), &options, &plan, &b->error);
  if (status == POME_OK) status = pome_run_create(plan, NULL, &run, &b->error);
  for (int round = 0; status == POME_OK && round < 2; round++) {
    status = predict(b, run);
    if (status == POME_OK && b->error_status == POME_OK) compare_results(b, run, how);
  }
  if (!failed_as_expected(b, status, how->name) && b->error_status != POME_OK)
    fail_msg("%s: succeeded on %s; expected \"%s\"", describe(b), how->name, b->error_text);
  pome_run_free(run);
  pome_plan_free(plan);
}

/* Packages declare outputs of these types only. */
static bool can_be_stored(const bench *b) {
  bool fits = b->op->schema->kind == POME__OP_CONSTEXPR && b->error_status == POME_OK;
  for (size_t i = 0; i < b->expected_count; i++) {
    pome_dtype dtype = b->expected[i].tensor.dtype;
    fits &= dtype == POME_FP16 || dtype == POME_FP32 || dtype == POME_INT8;
  }
  return fits;
}

/* Through plans, as a caller would: on every device, in all numerics; with the sizes of the inputs
 * declared and left open; and once more with compressed constants in a weight file. */
static void run_modes(bench *b) {
  pome_model *model = make_model(b, true);
  for (size_t i = 0; i < MODES; i++) run_mode(b, model, &modes[i]);
  pome_model_close(model);
  model = make_model(b, false);
  for (size_t i = 0; i < MODES; i++) run_mode(b, model, &modes[i]);
  if (can_be_stored(b) && stored_mark(model->program) > 0) {
    pome_model *again = stored_open(model);
    for (size_t i = 0; i < MODES; i++) run_mode(b, again, &modes[i]);
    pome_model_close(again);
  }
  pome_model_close(model);
}

static void run_case(const op_case *spec) {
  bench b;
  bench_open(&b, spec);
  pome_status status =
      pome__program_resolve(b.program, &b.error); /* fills in the types verify asks for */
  if (status == POME_OK) status = pome__program_verify(b.program, &b.error);
  bool refused = failed_as_expected(&b, status, "resolve");
  bool done = refused;
  if (!done) {
    done = !(evaluate(&b, POME_NUMERICS_STRICT) && evaluate(&b, POME_NUMERICS_FAST) &&
             evaluate(&b, POME_NUMERICS_WIDE));
  }
  if (!done && b.error_status != POME_OK && b.op->schema->kind != POME__OP_CONTROL)
    fail_msg("%s: succeeded; expected \"%s\"", describe(&b), b.error_text);
  if (!refused && b.op->schema->kind != POME__OP_CONTROL) run_modes(&b);
  bench_close(&b);
}

void op_cases_run(const op_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) run_case(&cases[i]);
}
