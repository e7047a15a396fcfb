/* Every row of the op table is evaluated in every element type that it allows, on every device.
 *
 * Calls come from type_case.h; control flow, lists and states, which are no calls of one operation,
 * from the programs below. What was evaluated is noted by row, parameter and element type, and
 * compared with the table: one that is left out fails the test. POME_TYPES_VERBOSE prints the whole
 * list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "modes.h"
#include "op_case.h"
#include "ops/infer.h"
#include "type_case.h"

#define MAX_ROWS 512
#define TEXT     4096

static pome__dtypes evaluated[MAX_ROWS][POME__MAX_PARAMS];
static bool reached[MAX_ROWS];
static size_t calls;

static size_t row_index(const pome__schema *row) {
  size_t i = 0;
  while (pome__schema_at(i) != row) i++;
  return i;
}

/* ---- texts with types in them ---- */

/* The `$name` at `at`: its length without the sign; 0 when there is none. */
static size_t name_length(const char *at) {
  size_t n = 0;
  if (*at != '$') return 0;
  while (at[1 + n] == '_' || (at[1 + n] >= 'a' && at[1 + n] <= 'z')) n++;
  return n;
}

static int param_at(const pome__schema *row, const char *name, size_t length) {
  char text[64];
  if (length >= sizeof text) return -1;
  memcpy(text, name, length);
  text[length] = '\0';
  return pome__schema_param(row, text);
}

/* Parameters of one letter share the type of the first. */
static int group_of(const pome__schema *row, int p) {
  char letter = row->params[p].domain;
  for (int first = 0; letter != 0 && first < p; first++)
    if (row->params[first].domain == letter) return first;
  return p;
}

static void substitute(const pome__schema *row, const char *text, const pome_dtype *types,
                       char *out) {
  size_t used = 0;
  while (*text != '\0' && used + 16 < TEXT) {
    size_t n = name_length(text);
    if (n == 0) {
      out[used++] = *text++;
      continue;
    }
    int p = param_at(row, text + 1, n);
    if (p < 0) fail_msg("%s has no parameter %.*s", row->name, (int)n, text + 1);
    used +=
        (size_t)snprintf(out + used, TEXT - used, "%s", pome_dtype_name(types[group_of(row, p)]));
    text += n + 1;
  }
  out[used] = '\0';
}

/* ---- what was evaluated ---- */

/* Every `name=type[` of the inputs. */
static void note_call(const pome__schema *row, const char *inputs) {
  size_t r = row_index(row);
  reached[r] = true;
  calls++;
  for (const char *at = inputs; at != NULL && *at != '\0';) {
    size_t length = strcspn(at, "=");
    int p = param_at(row, at, length);
    at += length + 1;
    at += strspn(at, "(");
    if (strncmp(at, "const ", 6) == 0) at += 6;
    char type[16] = "";
    size_t n = strcspn(at, "[;");
    if (n < sizeof type) memcpy(type, at, n);
    pome_dtype dtype = pome_dtype_from_name(type);
    if (p >= 0 && dtype != POME_DTYPE_NONE) evaluated[r][p] |= (pome__dtypes)1 << dtype;
    at = strstr(at, "; ");
    if (at != NULL) at += 2;
  }
}

/* ---- calls ---- */

typedef struct expansion {
  const type_case *spec;
  const pome__schema *row;
  pome__dtypes allowed[POME__MAX_PARAMS]; /* by group; 0: not used */
  pome_dtype types[POME__MAX_PARAMS];
} expansion;

/* False when the row lacks a parameter that the case gives. */
static bool has_all(const pome__schema *row, const char *inputs) {
  for (const char *at = inputs; at != NULL;) {
    if (param_at(row, at, strcspn(at, "=")) < 0) return false;
    at = strstr(at, "; ");
    if (at != NULL) at += 2;
  }
  return true;
}

static void find_groups(expansion *e) {
  for (const char *at = e->spec->inputs; *at != '\0'; at++) {
    size_t n = name_length(at);
    int p = n > 0 ? param_at(e->row, at + 1, n) : -1;
    if (p < 0) continue;
    pome__dtypes types = e->row->params[p].dtypes;
    if (types == 0) types = POME__T17;
    if (e->spec->only != 0) types &= e->spec->only;
    int group = group_of(e->row, p);
    e->allowed[group] = e->allowed[group] == 0 ? types : e->allowed[group] & types;
    if (e->allowed[group] == 0) fail_msg("%s: no type is left", e->row->name);
  }
}

static void run_call(const expansion *e) {
  char inputs[TEXT], expected[TEXT];
  substitute(e->row, e->spec->inputs, e->types, inputs);
  substitute(e->row, e->spec->expected, e->types, expected);
  pome__opset opset = e->row->since < POME__IOS15 ? POME__IOS15 : e->row->since;
  op_case call = {e->row->name, opset, inputs, expected, 0};
  op_cases_run(&call, 1);
  note_call(e->row, inputs);
}

static void run_from(expansion *e, size_t group) {
  while (group < POME__MAX_PARAMS && e->allowed[group] == 0) group++;
  if (group == POME__MAX_PARAMS) {
    run_call(e);
    return;
  }
  for (int dtype = 1; dtype < POME_DTYPE_COUNT; dtype++) {
    if ((e->allowed[group] >> dtype & 1) == 0) continue;
    e->types[group] = (pome_dtype)dtype;
    run_from(e, group + 1);
  }
}

static void run_calls(const type_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool found = false;
    for (size_t r = 0; r < pome__schema_count(); r++) {
      expansion e = {.spec = &cases[i], .row = pome__schema_at(r)};
      if (strcmp(e.row->name, cases[i].op) != 0 || e.row->since < cases[i].since ||
          !has_all(e.row, cases[i].inputs))
        continue;
      found = true;
      find_groups(&e);
      run_from(&e, 0);
    }
    if (!found) fail_msg("%s: no row takes \"%s\"", cases[i].op, cases[i].inputs);
  }
}

static void numbers_in_all_types(void **state) {
  (void)state;
  size_t count;
  const type_case *cases = type_cases_numbers(&count);
  run_calls(cases, count);
}

static void moves_in_all_types(void **state) {
  (void)state;
  size_t count;
  const type_case *cases = type_cases_moves(&count);
  run_calls(cases, count);
}

/* ---- programs ---- */

#define NAMED(name) "[name = string(\"" name "\")];"

/* x is {1, 0}, i and p are 1; y is {1, 0} in all of them. `$T` stands for the type, `$0` and `$1`
 * for its numbers. */
typedef struct type_program {
  const char *covers; /* op or op.parameter, with spaces between */
  pome__dtypes types;
  const char *text;
  bool has_state;
} type_program;

static const type_program
    type_programs[] =
        {
            {"make_list list_write.value list_scatter.value list_read list_gather list_length",
             POME__TFIB,
             "func main<ios15>(tensor<$T, [2]> x, tensor<int32, []> i) {"
             "  list<tensor<$T, [2]>, 2> l = make_list(init_length = int32(2), dynamic_length = "
             "bool(false), elem_shape = tensor<int32, [1]>([2]), dtype = string(\"$T\"))" NAMED("l") "  list<tensor<$T, [2]>, 2> m = list_write(ls = l, index = i, value = x)" NAMED("m") "  tensor<int32, []> k = list_length(ls = m)" NAMED(
                 "k") "  tensor<int32, []> one = sub(x = k, y = i)" NAMED("one") "  tensor<int32, "
                                                                                 "[1]> at = "
                                                                                 "expand_dims(x = "
                                                                                 "one, axes = "
                                                                                 "tensor<int32, "
                                                                                 "[1]>([0]))" NAMED(
                                                                                     "at") "  "
                                                                                           "tensor<"
                                                                                           "$T, "
                                                                                           "[1, "
                                                                                           "2]> g "
                                                                                           "= "
                                                                                           "list_"
                                                                                           "gather("
                                                                                           "ls = "
                                                                                           "m, "
                                                                                           "indices"
                                                                                           " = "
                                                                                           "at"
                                                                                           ")" NAMED(
                                                                                               "g") "  list<tensor<$T, "
                                                                                                    "[2]>, 2> n = "
                                                                                                    "list_scatter(ls = m, "
                                                                                                    "indices = "
                                                                                                    "tensor<int32, "
                                                                                                    "[1]>([0]), "
                                                                                                    "value = g)" NAMED(
                                                                                                        "n") "  tensor<$T, "
                                                                                                             "[2]> y = "
                                                                                                             "list_read(ls "
                                                                                                             "= n, index = "
                                                                                                             "int32(0)"
                                                                                                             ")" NAMED(
                                                                                                                 "y") "} -> (y);",
             false},
            {"read_state write_state.data", POME__T17,
             "func main<ios18>(state<tensor<$T, [2]>> s, tensor<$T, [2]> x) {"
             "  write_state(data = x, input = s)" NAMED(
                 "w") "  tensor<$T, [2]> y = read_state(input = s)" NAMED("y") "} -> (y);",
             true},
            {"cond while_loop const", POME__T17,
             "func main<ios17>(tensor<$T, [2]> x, tensor<bool, []> p, tensor<int32, []> i) {"
             "  tensor<$T, [2]> c = const()[name = string(\"c\"), val = tensor<$T, [2]>([$0, $1])];"
             "  tensor<int32, []> k, tensor<$T, [2]> a = while_loop(loop_vars = (i, c)) {"
             "    block(tensor<int32, []> j, tensor<$T, [2]> u) {"
             "      tensor<bool, []> go = greater(x = j, y = int32(0))" NAMED(
                 "go") "} -> (go);"
                       "    block(tensor<int32, []> j, tensor<$T, [2]> u) {"
                       "      tensor<int32, []> less = sub(x = j, y = int32(1))" NAMED(
                           "less") "      tensor<$T, [2]> v = reverse(x = u, axes = tensor<int32, "
                                   "[1]>([0]))" NAMED("v") "    } -> (less, v);"
                                                           "  }" NAMED(
                                                               "loop") "  tensor<$T, [2]> y = "
                                                                       "cond(pred = p) { block() { "
                                                                       "} -> (a); block() { } -> "
                                                                       "(x); }" NAMED("y") "} -> "
                                                                                           "(y);",
             false},
            {"classify classify.probabilities", POME__BIT(FP32) | POME__BIT(FP64),
             "func main<ios15>(tensor<$T, [2]> x) {"
             "  tensor<string, []> label, dict<tensor<string, []>, tensor<fp64, []>> y = "
             "classify(probabilities = x, classes = list<tensor<string, []>, 2>([\"a\", "
             "\"b\"]))" NAMED("label") "} -> (label, y);",
             false},
};

static void spell(const char *text, pome_dtype dtype, char *out) {
  const char *const words[2] = {dtype == POME_BOOL ? "false" : "0",
                                dtype == POME_BOOL ? "true" : "1"};
  size_t used = 0;
  for (; *text != '\0' && used + 16 < TEXT; text++) {
    if (*text != '$') {
      out[used++] = *text;
      continue;
    }
    const char *word = *++text == 'T' ? pome_dtype_name(dtype) : words[*text == '1'];
    used += (size_t)snprintf(out + used, TEXT - used, "%s", word);
  }
  out[used] = '\0';
}

static void run_program(const type_program *p, pome_dtype dtype, const mode *how) {
  static const float x[2] = {1, 0};
  static const int32_t one = 1;
  char text[TEXT];
  float got[MOST];
  pome_tensor shape;
  pome_error error;
  pome_state *state = NULL;
  spell(p->text, dtype, text);
  text_model m = mode_make(text, how, NULL, 0);
  const input inputs[] = {{"x", POME_FP32, 1, {2}, x},
                          {"p", POME_INT32, 0, {0}, &one},
                          {"i", POME_INT32, 0, {0}, &one}};
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    if (pome_function_find_port(m.function, POME_INPUT_PORT, inputs[i].name) != NULL)
      mode_set(&m, (input[]){inputs[i], {0}});
  }
  if (p->has_state) check_ok(pome_state_create(&m.function, 1, NULL, &state, &error), &error);
  check_ok(pome_run_predict(m.run, state, &error), &error);
  assert_int_equal(mode_result(&m, "y", got, &shape), 2);
  check_near(pome_dtype_name(dtype), how->name, got, x, 2, 0);
  pome_state_free(state);
  free_text_model(&m);
}

static void note_program(const type_program *p) {
  char names[256];
  snprintf(names, sizeof names, "%s", p->covers);
  for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
    char *param = strchr(name, '.');
    if (param != NULL) *param++ = '\0';
    const pome__schema *row = pome__schema_find(name, POME__IOS18);
    if (row == NULL) fail_msg("no operation %s", name);
    size_t r = row_index(row);
    reached[r] = true;
    if (param != NULL) evaluated[r][pome__schema_param(row, param)] |= p->types;
  }
}

static void programs_in_all_types(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof type_programs / sizeof type_programs[0]; i++) {
    const type_program *p = &type_programs[i];
    for (int dtype = 1; dtype < POME_DTYPE_COUNT; dtype++) {
      for (size_t how = 0; how < MODES && (p->types >> dtype & 1) != 0; how++) {
        run_program(p, (pome_dtype)dtype, &modes[how]);
        calls++;
      }
    }
    note_program(p);
  }
}

/* ---- the table ---- */

static void nothing_is_left_out(void **state) {
  (void)state;
  size_t types = 0, missing = 0;
  bool verbose = getenv("POME_TYPES_VERBOSE") != NULL;
  for (size_t r = 0; r < pome__schema_count(); r++) {
    const pome__schema *row = pome__schema_at(r);
    if (!reached[r]) {
      print_message("%s (%s) is not evaluated\n", row->name, pome__opset_text_name(row->since));
      missing++;
    }
    for (size_t p = 0; p < row->param_count; p++) {
      const pome__param *param = &row->params[p];
      pome__dtypes wanted = (param->dtypes & (param->dtypes - 1)) == 0 ? 0 : param->dtypes;
      pome__dtypes left = wanted & ~evaluated[r][p];
      char list[300];
      types += (size_t)__builtin_popcount(wanted);
      missing += (size_t)__builtin_popcount(left);
      if (verbose && wanted != 0)
        print_message("%s (%s) %s: %s\n", row->name, pome__opset_text_name(row->since), param->name,
                      pome__dtypes_format(evaluated[r][p], list, sizeof list));
      if (left != 0)
        print_message("%s (%s): '%s' is not evaluated as %s\n", row->name,
                      pome__opset_text_name(row->since), param->name,
                      pome__dtypes_format(left, list, sizeof list));
    }
  }
  print_message("%zu calls of %zu rows, in each of %d ways; %zu types of parameters\n", calls,
                pome__schema_count(), MODES, types);
  assert_int_equal(missing, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_in_all_types),
      cmocka_unit_test(moves_in_all_types),
      cmocka_unit_test(programs_in_all_types),
      cmocka_unit_test(nothing_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
