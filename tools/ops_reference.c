/* Writes docs/ops.md: ops_reference TEST.c... > docs/ops.md
 *
 * Everything in it is asked of the op table, of the backends, and of the tests: the calls of
 * tests/unit/type_case.h are its examples, and an operation is covered by the given test programs
 * that hold a case of it or a program text with it. The test tree/ops_reference fails when the file
 * in the tree is another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "ops/infer.h"
#include "type_case.h"

#define MAX_VERSIONS 8
#define MAX_TESTS    64
#define WIDTH        600

typedef struct versions {
  const pome__schema *rows[MAX_VERSIONS];
  size_t count;
} versions;

typedef struct test {
  char name[64];
  char *text;
} test;

static test tests[MAX_TESTS];
static size_t test_count;

/* Where each family is tested in coremltools' suite "ops": the files below
 * converters/mil/mil/ops/tests. */
static const char *const suites[][2] = {
    {"classic", ""},  /* no operation of MIL; the suites api and neural_network predict with it */
    {"classify", ""}, /* the suite api predicts with classifiers */
    {"constexpr", "test_constexpr_ops.py, test_compression.py"},
    {"quantization", "test_quantization.py"},
    {"states", "test_states.py"},
    {"transformers", "test_transformers.py"},
};

static void fail(const char *what, const char *name) {
  fprintf(stderr, "ops_reference: %s %s\n", what, name);
  exit(1);
}

/* ---- tests ---- */

static void read_test(const char *path) {
  if (test_count == MAX_TESTS) fail("too many tests at", path);
  test *t = &tests[test_count++];
  const char *base = strrchr(path, '/');
  snprintf(t->name, sizeof t->name, "%s", base == NULL ? path : base + 1);
  t->name[strcspn(t->name, ".")] = '\0';
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot read", path);
  long size = ftell(file);
  rewind(file);
  t->text = calloc((size_t)size + 1, 1);
  if (t->text == NULL || fread(t->text, 1, (size_t)size, file) != (size_t)size)
    fail("cannot read", path);
  fclose(file);
}

static bool covers(const test *t, const char *op) {
  char as_case[80], as_text[80], alone[80];
  snprintf(as_case, sizeof as_case, "{\"%s\"", op);
  snprintf(as_text, sizeof as_text, "= %s(", op);
  snprintf(alone, sizeof alone, "\"%s(", op); /* write_state gives nothing */
  return strstr(t->text, as_case) != NULL || strstr(t->text, as_text) != NULL ||
         strstr(t->text, alone) != NULL;
}

static void print_tests(const char *op) {
  size_t found = 0;
  for (size_t i = 0; i < test_count; i++) {
    if (!covers(&tests[i], op)) continue;
    printf("%s`%s`", found++ == 0 ? "" : ", ", tests[i].name);
  }
  if (found == 0) printf("`test_op_types`");
}

/* ---- parameters ---- */

static const char *opset_of(const pome__schema *row) {
  return pome__opset_text_name(row->since < POME__IOS15 ? POME__IOS15 : row->since);
}

static void format_types(const pome__param *param, char *out) {
  char list[300];
  if ((param->flags & (POME__PARAM_LIST | POME__PARAM_STATE | POME__PARAM_ANY)) != 0) {
    snprintf(out, WIDTH, "%s",
             (param->flags & POME__PARAM_LIST) != 0    ? "list"
             : (param->flags & POME__PARAM_STATE) != 0 ? "state"
                                                       : "any value");
  } else if (param->dtypes == 0) {
    snprintf(out, WIDTH, "any type");
  } else {
    pome__dtypes_format(param->dtypes, list, sizeof list);
    snprintf(out, WIDTH, param->domain != 0 ? "%s = %s" : "%.0s%s",
             (char[]){param->domain != 0 ? param->domain : ' ', '\0'}, list);
  }
  size_t used = strlen(out);
  if ((param->flags & POME__PARAM_TUPLE) != 0)
    used += (size_t)snprintf(out + used, WIDTH - used, "; one or more");
  if ((param->flags & POME__PARAM_CONST) != 0) snprintf(out + used, WIDTH - used, "; constant");
}

static void format_default(const pome__param *param, char *out) {
  const pome__default *d = &param->fallback;
  bool optional = (param->flags & POME__PARAM_OPTIONAL) != 0;
  switch (d->kind) {
  case POME__DEFAULT_NONE: snprintf(out, WIDTH, "%s", optional ? "may be absent" : ""); break;
  case POME__DEFAULT_INT:
  case POME__DEFAULT_FLOAT: snprintf(out, WIDTH, "%.9g", d->number); break;
  case POME__DEFAULT_BOOL: snprintf(out, WIDTH, "%s", d->number != 0 ? "true" : "false"); break;
  case POME__DEFAULT_STRING: snprintf(out, WIDTH, "\"%s\"", d->text); break;
  case POME__DEFAULT_COMPUTED: snprintf(out, WIDTH, "follows from the rank"); break;
  }
}

static const pome__param *param_of(const pome__schema *row, const char *name) {
  int p = pome__schema_param(row, name);
  return p < 0 ? NULL : &row->params[p];
}

/* One line for a parameter: its types in each version, and the default of the newest. */
static void print_param(const versions *v, const char *name) {
  char text[WIDTH] = "", before[WIDTH] = "", fallback[WIDTH] = "";
  printf("| `%s` |", name);
  for (size_t i = 0; i < v->count; i++) {
    const pome__param *param = param_of(v->rows[i], name);
    if (param == NULL) {
      printf(" - |");
      continue;
    }
    format_types(param, text);
    format_default(param, fallback);
    printf(" %s |", i > 0 && strcmp(text, before) == 0 ? "the same" : text);
    memcpy(before, text, sizeof before);
  }
  printf(" %s |\n", fallback);
}

static void print_params(const versions *v) {
  const pome__schema *newest = v->rows[v->count - 1];
  printf("| input |");
  for (size_t i = 0; i < v->count; i++) printf(" %s |", opset_of(v->rows[i]));
  printf(" default |\n|---|");
  for (size_t i = 0; i <= v->count; i++) printf("---|");
  printf("\n");
  for (size_t p = 0; p < newest->param_count; p++) print_param(v, newest->params[p].name);
  for (size_t i = v->count - 1; i-- > 0;) { /* what later versions dropped */
    for (size_t p = 0; p < v->rows[i]->param_count; p++) {
      const char *name = v->rows[i]->params[p].name;
      bool printed = false;
      for (size_t k = i + 1; k < v->count; k++) printed |= param_of(v->rows[k], name) != NULL;
      if (!printed) print_param(v, name);
    }
  }
}

/* ---- examples ---- */

/* `$name` becomes the letter of that parameter's type. */
static void print_lettered(const pome__schema *row, const char *text) {
  while (*text != '\0') {
    size_t n = *text == '$' ? strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
    if (n == 0) {
      putchar(*text++);
      continue;
    }
    char name[64] = "";
    memcpy(name, text + 1, n < sizeof name ? n : sizeof name - 1);
    const pome__param *param = param_of(row, name);
    putchar(param != NULL && param->domain != 0 ? param->domain : 'T');
    text += n + 1;
  }
}

static bool fits(const pome__schema *row, const type_case *c) {
  if (strcmp(c->op, row->name) != 0 || c->since > row->since) return false;
  for (const char *at = c->inputs; at != NULL;) {
    char name[64] = "";
    size_t n = strcspn(at, "=");
    memcpy(name, at, n < sizeof name ? n : sizeof name - 1);
    if (param_of(row, name) == NULL) return false;
    at = strstr(at, "; ");
    if (at != NULL) at += 2;
  }
  return true;
}

/* The last call that the newest version takes: it gives most of the parameters. */
static void print_example(const versions *v) {
  const pome__schema *row = v->rows[v->count - 1];
  const type_case *found = NULL;
  const type_case *(*const lists[])(size_t *) = {type_cases_numbers, type_cases_moves};
  for (size_t list = 0; list < 2; list++) {
    size_t count;
    const type_case *cases = lists[list](&count);
    for (size_t i = 0; i < count; i++)
      if (fits(row, &cases[i])) found = &cases[i];
  }
  if (found == NULL) return;
  printf("\nExample: `");
  print_lettered(row, found->inputs);
  printf("` gives `");
  print_lettered(row, found->expected);
  printf("`\n");
}

/* ---- operations ---- */

static void print_backends(const pome__schema *row) {
  pome__op op = {.type = row->name, .name = row->name, .schema = row};
  pome__settings settings = {.threads = 1};
  size_t found = 0;
  for (size_t i = 0; i < pome__device_count(); i++) {
    const pome__device *device = pome__device_at(i);
    char reason[200];
    if (device->backend == NULL) continue;
    bool constant = row->kind == POME__OP_CONST || row->kind == POME__OP_CONSTEXPR;
    if (!constant && !device->backend->supports(&op, &settings, reason, sizeof reason)) continue;
    printf("%s`%s`", found++ == 0 ? "" : ", ", device->name);
  }
}

static const char *kind_of(const pome__schema *row) {
  switch (row->kind) {
  case POME__OP_CONST: return "a constant";
  case POME__OP_CONSTEXPR: return "of constants only, computed when a plan is made";
  case POME__OP_VIEW: return "a view: the elements of its first input, in order";
  case POME__OP_CONTROL: return "control: done by the executor";
  case POME__OP_RANDOM: return "random";
  case POME__OP_PURE: break;
  }
  return NULL;
}

static void print_op(const versions *v) {
  const pome__schema *row = v->rows[v->count - 1];
  const char *kind = kind_of(row);
  printf("\n### `%s`\n\nFrom ", row->name);
  for (size_t i = 0; i < v->count; i++) printf("%s%s", i == 0 ? "" : ", ", opset_of(v->rows[i]));
  printf(". Runs on ");
  print_backends(row);
  printf(". Tests: ");
  print_tests(row->name);
  printf(".");
  if (kind != NULL) printf(" Kind: %s.", kind);
  printf("\n\n");
  print_params(v);
  print_example(v);
}

static size_t versions_from(size_t first, versions *v) {
  v->count = 0;
  while (first + v->count < pome__schema_count() && v->count < MAX_VERSIONS &&
         strcmp(pome__schema_at(first + v->count)->name, pome__schema_at(first)->name) == 0) {
    v->rows[v->count] = pome__schema_at(first + v->count);
    v->count++;
  }
  return first + v->count;
}

static void print_family(const char *family) {
  versions v;
  printf("\n## %s\n", family);
  char file[128];
  snprintf(file, sizeof file, "test_%s.py", family);
  const char *suite = file;
  for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
    if (strcmp(suites[i][0], family) == 0) suite = suites[i][1];
  if (suite[0] != '\0') printf("\nIn coremltools' suite `ops`: %s.\n", suite);
  for (size_t i = 0; i < pome__schema_count();) {
    size_t next = versions_from(i, &v);
    if (strcmp(v.rows[0]->family, family) == 0) print_op(&v);
    i = next;
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t families_of(const char **families, size_t capacity) {
  size_t count = 0;
  for (size_t i = 0; i < pome__schema_count(); i++) {
    const char *family = pome__schema_at(i)->family;
    size_t k = 0;
    while (k < count && strcmp(families[k], family) != 0) k++;
    if (k == count && count < capacity) families[count++] = family;
  }
  qsort(families, count, sizeof families[0], by_name);
  return count;
}

static size_t op_count(void) {
  size_t count = 0;
  versions v;
  for (size_t i = 0; i < pome__schema_count(); count++) i = versions_from(i, &v);
  return count;
}

int main(int argc, char **argv) {
  const char *families[64];
  for (int i = 1; i < argc; i++) read_test(argv[i]);
  size_t count = families_of(families, 64);
  printf("# Operations\n\n");
  printf(
      "Written by `tools/ops_reference.c` from the op table; `ninja -C build docs_ops` writes it "
      "anew, and a test compares.\n\n");
  printf(
      "%zu operations in %zu versions. A version holds from its opset on, until the next one. "
      "Inputs that show the same letter have the same element type; `constant` inputs must be "
      "known when a model is loaded, and a constant number may be stored in another width. A "
      "plan for `cpu` hands what only `ref` runs to `ref`. Every version is evaluated in every "
      "element type on both by `test_op_types`; the tests named with an operation hold more "
      "cases of it. In examples letters stand for types, and a value is `type[shape]{elements}`, "
      "where `1..4` counts and `0*4` repeats.\n",
      op_count(), pome__schema_count());
  for (size_t i = 0; i < count; i++) print_family(families[i]);
  for (size_t i = 0; i < test_count; i++) free(tests[i].text);
  return 0;
}
