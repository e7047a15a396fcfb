/* Random programs of many operations: whatever is folded, joined, viewed in place or laid over dead
 * memory, every device answers as the interpreter does on the program as it is written; in strict
 * numerics to the last bit.
 *
 * A program grows value by value out of operations that a small generator can always apply: maps,
 * sums, views, slices, joins, casts, products with constants, branches, shapes computed from
 * values, and a state that is read, changed in part and written. Any of the values may be an
 * output, views and inputs too. Each program predicts several times with other inputs in one run.
 *
 * The programs are always the same; POME_GRAPHS and POME_SEED choose more, or others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

#define GRAPHS  300
#define VALUES  40
#define OUTPUTS 4
#define TEXT    65536
#define LARGEST 512 /* elements of a value */

typedef struct node {
  char name[8];
  bool half;
  int rank, shape[5];
} node;

typedef struct graph {
  uint64_t random;
  node nodes[VALUES];
  int count;
  char text[TEXT];
  size_t used;
  bool has_state;
} graph;

static int draw(graph *g, int below) {
  g->random = g->random * 6364136223846793005u + 1442695040888963407u;
  return (int)((g->random >> 33) % (uint64_t)below);
}

static void put(graph *g, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int n = vsnprintf(g->text + g->used, TEXT - g->used, format, list);
  va_end(list);
  g->used += (size_t)n;
  assert_true(g->used < TEXT);
}

static int elements(const node *v) {
  int count = 1;
  for (int i = 0; i < v->rank; i++) count *= v->shape[i];
  return count;
}

static const char *type_of(const node *v) {
  return v->half ? "fp16" : "fp32";
}

/* tensor<int32, [n]>([...]) */
static void put_ints(graph *g, const int *values, int count) {
  put(g, "tensor<int32, [%d]>([", count);
  for (int i = 0; i < count; i++) put(g, "%s%d", i == 0 ? "" : ", ", values[i]);
  put(g, "])");
}

static void put_type(graph *g, const node *v) {
  put(g, "tensor<%s, [", type_of(v));
  for (int i = 0; i < v->rank; i++) put(g, "%s%d", i == 0 ? "" : ", ", v->shape[i]);
  put(g, "]>");
}

/* Begins "type name = " of a new value like `model`, whose shape the caller has set. */
static node *begin(graph *g, const node *model) {
  node *v = &g->nodes[g->count];
  *v = *model;
  snprintf(v->name, sizeof v->name, "v%d", g->count++);
  put(g, "  ");
  put_type(g, v);
  put(g, " %s = ", v->name);
  return v;
}

static void end(graph *g) {
  put(g, "[name = string(\"%s\")];\n", g->nodes[g->count - 1].name);
}

/* ---- operations: each leaves the graph alone when it does not fit ---- */

static void add_map(graph *g, const node *x) {
  static const char *const maps[] = {"relu", "tanh", "abs", "square", "identity", "sigmoid"};
  const char *map = maps[draw(g, 6)];
  node in = *x;
  begin(g, x);
  put(g, "%s(x = %s)", map, in.name);
  end(g);
}

static void add_pair(graph *g, const node *x) {
  static const char *const pairs[] = {"add", "sub", "mul", "maximum", "minimum"};
  node in = *x, other = g->nodes[draw(g, g->count)];
  bool same = other.half == in.half && other.rank == in.rank &&
              memcmp(other.shape, in.shape, sizeof in.shape[0] * (size_t)in.rank) == 0;
  const char *pair = pairs[draw(g, 5)];
  begin(g, &in);
  if (same) put(g, "%s(x = %s, y = %s)", pair, in.name, other.name);
  else put(g, "%s(x = %s, y = %s(%d))", pair, in.name, type_of(&in), 1 + draw(g, 3));
  end(g);
}

static void add_reshape(graph *g, const node *x) {
  node in = *x, out = *x;
  int count = elements(x), split = 1 + draw(g, 4);
  if (count == 0) return;
  while (count % split != 0) split--;
  out.rank = 2;
  out.shape[0] = split;
  out.shape[1] = count / split;
  begin(g, &out);
  put(g, "reshape(x = %s, shape = ", in.name);
  put_ints(g, out.shape, 2);
  put(g, ")");
  end(g);
}

static void add_transpose(graph *g, const node *x) {
  node in = *x, out = *x;
  int perm[5];
  if (x->rank < 2) return;
  for (int i = 0; i < x->rank; i++) perm[i] = i;
  for (int i = x->rank - 1; i > 0; i--) {
    int k = draw(g, i + 1), held = perm[i];
    perm[i] = perm[k];
    perm[k] = held;
  }
  for (int i = 0; i < x->rank; i++) out.shape[i] = in.shape[perm[i]];
  begin(g, &out);
  put(g, "transpose(x = %s, perm = ", in.name);
  put_ints(g, perm, in.rank);
  put(g, ")");
  end(g);
}

static void add_expand(graph *g, const node *x) {
  node in = *x, out = *x;
  int axis = draw(g, x->rank + 1);
  if (x->rank > 3) return;
  for (int i = x->rank; i > axis; i--) out.shape[i] = in.shape[i - 1];
  out.shape[axis] = 1;
  out.rank++;
  begin(g, &out);
  put(g, "expand_dims(x = %s, axes = ", in.name);
  put_ints(g, &axis, 1);
  put(g, ")");
  end(g);
}

static void add_squeeze(graph *g, const node *x) {
  node in = *x, out = *x;
  int axis = 0;
  while (axis < x->rank && x->shape[axis] != 1) axis++;
  if (axis == x->rank || x->rank < 2) return;
  for (int i = axis; i + 1 < x->rank; i++) out.shape[i] = in.shape[i + 1];
  out.rank--;
  begin(g, &out);
  put(g, "squeeze(x = %s, axes = ", in.name);
  put_ints(g, &axis, 1);
  put(g, ")");
  end(g);
}

static void add_slice(graph *g, const node *x) {
  node in = *x, out = *x;
  int first[5] = {0}, last[5], axis = draw(g, x->rank);
  memcpy(last, x->shape, sizeof last);
  if (in.shape[axis] < 2) return;
  first[axis] = draw(g, in.shape[axis] - 1);
  last[axis] = first[axis] + 1 + draw(g, in.shape[axis] - first[axis]);
  out.shape[axis] = last[axis] - first[axis];
  begin(g, &out);
  put(g, "slice_by_index(x = %s, begin = ", in.name);
  put_ints(g, first, in.rank);
  put(g, ", end = ");
  put_ints(g, last, in.rank);
  put(g, ")");
  end(g);
}

static void add_concat(graph *g, const node *x) {
  node in = *x, out = *x;
  int axis = draw(g, x->rank);
  if (elements(x) * 2 > LARGEST) return;
  out.shape[axis] *= 2;
  begin(g, &out);
  put(g, "concat(values = (%s, %s), axis = int32(%d), interleave = bool(false))", in.name, in.name,
      axis);
  end(g);
}

static void add_sum(graph *g, const node *x) {
  node in = *x, out = *x;
  int axis = draw(g, x->rank);
  out.shape[axis] = 1;
  begin(g, &out);
  put(g, "reduce_mean(x = %s, axes = ", in.name);
  put_ints(g, &axis, 1);
  put(g, ", keep_dims = bool(true))");
  end(g);
}

static void add_cast(graph *g, const node *x) {
  node in = *x, out = *x;
  out.half = !in.half;
  begin(g, &out);
  put(g, "cast(x = %s, dtype = string(\"%s\"))", in.name, type_of(&out));
  end(g);
}

static void add_linear(graph *g, const node *x) {
  node in = *x, out = *x;
  int width = x->shape[x->rank - 1], rows = 1 + draw(g, 5);
  if (elements(x) / width * rows > LARGEST) return;
  out.shape[out.rank - 1] = rows;
  put(g,
      "  tensor<%s, [%d, %d]> w%d = const()[name = string(\"w%d\"), val = tensor<%s, [%d, %d]>([",
      type_of(x), rows, width, g->count, g->count, type_of(x), rows, width);
  for (int r = 0; r < rows; r++) {
    put(g, "%s[", r == 0 ? "" : ", ");
    for (int c = 0; c < width; c++) put(g, "%s%g", c == 0 ? "" : ", ", (draw(g, 9) - 4) / 8.0);
    put(g, "]");
  }
  put(g, "])];\n");
  int constant = g->count;
  begin(g, &out);
  put(g, "linear(x = %s, weight = w%d)", in.name, constant);
  end(g);
}

static void add_branch(graph *g, const node *x) {
  node in = *x;
  int number = g->count;
  begin(g, &in);
  put(g, "cond(pred = p) {\n    block() { ");
  put_type(g, &in);
  put(g, " t%d = add(x = %s, y = %s)[name = string(\"t%d\")]; } -> (t%d);\n", number, in.name,
      in.name, number, number);
  put(g, "    block() { } -> (%s);\n  }", in.name);
  end(g);
}

/* The value in its own shape again, by way of the integers that shape gives. */
static void add_own_shape(graph *g, const node *x) {
  node in = *x;
  int number = g->count;
  put(g, "  tensor<int32, [%d]> s%d = shape(x = %s)[name = string(\"s%d\")];\n", in.rank, number,
      in.name, number);
  begin(g, &in);
  put(g, "reshape(x = %s, shape = s%d)", in.name, number);
  end(g);
}

/* A row of the state [3, 4] becomes the mean of what there is of x; the whole is read again. */
static void add_state(graph *g, const node *x) {
  node in = *x, out = {.half = true, .rank = 2, .shape = {3, 4}};
  int number = g->count, row = draw(g, 3), axes[5] = {0, 1, 2, 3, 4};
  int first[2] = {row, 0}, last[2] = {row + 1, 4};
  g->has_state = true;
  put(g, "  tensor<%s, []> m%d = reduce_mean(x = %s, axes = ", type_of(&in), number, in.name);
  put_ints(g, axes, in.rank);
  put(g, ", keep_dims = bool(false))[name = string(\"m%d\")];\n", number);
  put(g,
      "  tensor<fp16, []> h%d = cast(x = m%d, dtype = string(\"fp16\"))[name = "
      "string(\"h%d\")];\n",
      number, number, number);
  put(g,
      "  tensor<fp16, [1, 4]> r%d = mul(x = tensor<fp16, [1, 4]>([[1, 2, 3, 4]]), y = h%d)[name "
      "= string(\"r%d\")];\n",
      number, number, number);
  put(g, "  tensor<fp16, [3, 4]> a%d = read_state(input = state)[name = string(\"a%d\")];\n",
      number, number);
  put(g, "  tensor<fp16, [3, 4]> u%d = slice_update(x = a%d, update = r%d, begin = ", number,
      number, number);
  put_ints(g, first, 2);
  put(g, ", end = ");
  put_ints(g, last, 2);
  put(g, ")[name = string(\"u%d\")];\n", number);
  put(g, "  write_state(data = u%d, input = state)[name = string(\"o%d\")];\n", number, number);
  begin(g, &out);
  put(g, "read_state(input = state)");
  end(g);
}

static void (*const operations[])(graph *g, const node *x) = {
    add_map,    add_map,     add_pair,      add_pair,   add_reshape, add_transpose,
    add_expand, add_squeeze, add_slice,     add_concat, add_sum,     add_cast,
    add_linear, add_branch,  add_own_shape, add_state};
#define OPERATIONS (int)(sizeof operations / sizeof operations[0])

static void generate(graph *g, char outputs[OUTPUTS][8]) {
  int wanted = 4 + draw(g, VALUES - 6);
  g->nodes[0] = (node){"x", true, 3, {2, 3, 4}};
  g->nodes[1] = (node){"z", false, 2, {4, 6}};
  g->count = 2;
  put(g, "func main<ios18>(state<tensor<fp16, [3, 4]>> state, tensor<fp16, [2, 3, 4]> x, "
         "tensor<fp32, [4, 6]> z, tensor<bool, []> p) {\n");
  while (g->count < wanted) {
    node x = g->nodes[draw(g, 3) == 0 ? draw(g, g->count) : g->count - 1];
    operations[draw(g, OPERATIONS)](g, &x);
  }
  put(g, "} -> (");
  for (int i = 0; i < OUTPUTS; i++) {
    int at = i == 0 ? g->count - 1 : draw(g, g->count);
    for (int k = 0; k < i; k++)
      if (strcmp(outputs[k], g->nodes[at].name) == 0) at = -1, k = i;
    outputs[i][0] = '\0';
    if (at < 0) continue;
    snprintf(outputs[i], 8, "%s", g->nodes[at].name);
    put(g, "%s%s", i == 0 ? "" : ", ", outputs[i]);
  }
  put(g, ");");
}

/* ---- running ---- */

static text_model open_graph(const graph *g, const mode *how, bool as_written) {
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  options.isa = how->isa;
  options.threads = 2;
  options.as_written = as_written;
  return make_text_model(g->text, &options, NULL);
}

/* The results of three predictions one after the other, one behind the other in `out`. */
static size_t predict(const graph *g, text_model *m, char outputs[OUTPUTS][8], float *out) {
  size_t used = 0;
  pome_error error;
  pome_state *state;
  check_ok(pome_state_create(&m->function, 1, NULL, &state, &error), &error);
  for (int turn = 0; turn < 3; turn++) {
    float x[24], z[24];
    int32_t p = turn % 2;
    for (int i = 0; i < 24; i++) x[i] = (float)((i * 7 + turn * 5) % 11 - 5) / 4;
    for (int i = 0; i < 24; i++) z[i] = (float)((i * 5 + turn * 3) % 13 - 6) / 8;
    const input inputs[] = {{"x", POME_FP32, 3, {2, 3, 4}, x},
                            {"z", POME_FP32, 2, {4, 6}, z},
                            {"p", POME_INT32, 0, {0}, &p},
                            {0}};
    mode_set(m, inputs);
    pome_status status = pome_run_predict(m->run, state, &error);
    if (status != POME_OK) fail_msg("%s (%s) in\n%s", error.message, error.op, g->text);
    for (int i = 0; i < OUTPUTS; i++) {
      pome_tensor shape;
      if (outputs[i][0] != '\0') used += mode_result(m, outputs[i], out + used, &shape);
    }
  }
  pome_state_free(state);
  return used;
}

/* Halves that overflow are numbers where floats are kept wider. */
static bool agree(float got, float want, bool strict) {
  if (got == want || (isnan(got) && isnan(want))) return true;
  if (strict) return false;
  return !isfinite(want) || fabsf(want) > 1e4f || fabsf(got - want) <= 0.03f * (1 + fabsf(want));
}

static void compare(const graph *g, const mode *how, const float *got, const float *want,
                    size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (agree(got[i], want[i], how->numerics == POME_NUMERICS_STRICT)) continue;
    fail_msg("%s gives %.9g for %.9g at %zu in\n%s", how->name, (double)got[i], (double)want[i], i,
             g->text);
  }
}

static void devices_agree(void **context) {
  (void)context;
  static graph g;
  static float want[3 * OUTPUTS * LARGEST], got[3 * OUTPUTS * LARGEST];
  const char *more = getenv("POME_GRAPHS"), *seed = getenv("POME_SEED");
  long graphs = more != NULL ? atol(more) : GRAPHS;
  for (long i = 0; i < graphs; i++) {
    char outputs[OUTPUTS][8];
    memset(&g, 0, sizeof g);
    g.random = (uint64_t)i * 2654435761u + (seed != NULL ? (uint64_t)atol(seed) : 1);
    (void)draw(&g, 2);
    generate(&g, outputs);
    text_model m = open_graph(&g, &modes[0], true);
    size_t count = predict(&g, &m, outputs, want);
    free_text_model(&m);
    for (size_t how = 0; how < MODES; how++) {
      m = open_graph(&g, &modes[how], false);
      assert_int_equal(predict(&g, &m, outputs, got), count);
      compare(&g, &modes[how], got, want, count);
      free_text_model(&m);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(devices_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
