/* The op table itself: order, lookup by opset, and that every row is well formed. `--dump` prints
 * all rows, one a line, for tools/check_op_table.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ops/infer.h"
#include "ops/ops.h"

static void test_order(void **state) {
  (void)state;
  assert_true(pome__schema_count() >= 120);
  for (size_t i = 1; i < pome__schema_count(); i++) {
    const pome__schema *a = pome__schema_at(i - 1);
    const pome__schema *b = pome__schema_at(i);
    int order = strcmp(a->name, b->name);
    assert_true(order < 0 || (order == 0 && a->since < b->since));
  }
  assert_null(pome__schema_at(pome__schema_count()));
}

static void test_find(void **state) {
  (void)state;
  assert_int_equal(pome__schema_find("cast", POME__IOS15)->since, POME__IOS13);
  assert_int_equal(pome__schema_find("cast", POME__IOS16)->since, POME__IOS13);
  assert_int_equal(pome__schema_find("cast", POME__IOS17)->since, POME__IOS17);
  assert_int_equal(pome__schema_find("cast", POME__IOS26)->since, POME__IOS17);
  assert_null(pome__schema_find("quantize", POME__IOS16));
  assert_non_null(pome__schema_find("quantize", POME__IOS17));
  assert_null(pome__schema_find("no_such_op", POME__IOS26));
  assert_null(pome__schema_find("", POME__IOS26));
  assert_int_equal(pome__schema_param(pome__schema_find("select", POME__IOS15), "b"), 2);
  assert_int_equal(pome__schema_param(pome__schema_find("select", POME__IOS15), "c"), -1);
  for (size_t i = 0; i < pome__schema_count(); i++) {
    const pome__schema *row = pome__schema_at(i);
    assert_ptr_equal(pome__schema_find(row->name, row->since), row);
  }
}

static void test_rows(void **state) {
  (void)state;
  for (size_t i = 0; i < pome__schema_count(); i++) {
    const pome__schema *row = pome__schema_at(i);
    if (row->infer == NULL) fail_msg("%s has no inference", row->name);
    bool runs_elsewhere = row->kind == POME__OP_CONST || row->kind == POME__OP_CONTROL;
    if ((row->eval == NULL) != runs_elsewhere)
      fail_msg("%s: evaluation does not match its kind", row->name);
    if (row->param_count > POME__MAX_PARAMS) fail_msg("%s has too many parameters", row->name);
    for (size_t p = 0; p < row->param_count; p++) {
      const pome__param *param = &row->params[p];
      if (pome__schema_param(row, param->name) != (int)p)
        fail_msg("%s: %s stands twice", row->name, param->name);
      bool has_default = param->fallback.kind != POME__DEFAULT_NONE;
      if (has_default && (param->flags & POME__PARAM_OPTIONAL) == 0) {
        fail_msg("%s: %s has a default but is not optional", row->name, param->name);
      }
      if (param->fallback.kind == POME__DEFAULT_COMPUTED && param->fallback.ints == NULL) {
        fail_msg("%s: the default of %s is not computed", row->name, param->name);
      }
    }
  }
}

static size_t ops_in(const char *family) {
  size_t count = 0;
  for (size_t i = 0; i < pome__schema_count(); i++) {
    const pome__schema *row = pome__schema_at(i);
    bool new_name = i == 0 || strcmp(pome__schema_at(i - 1)->name, row->name) != 0;
    count += new_name && strcmp(row->family, family) == 0;
  }
  return count;
}

static void test_families(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t ops;
  } families[] = {{"elementwise_unary", 27}, {"elementwise_binary", 18}, {"activation", 17},
                  {"reduction", 12},         {"quantization", 2},        {"constexpr", 7},
                  {"control_flow", 10}};
  for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
    if (ops_in(families[i].name) != families[i].ops) {
      fail_msg("%s has %zu ops, not %zu", families[i].name, ops_in(families[i].name),
               families[i].ops);
    }
  }
}

static void print_default(const pome__default *fallback) {
  switch (fallback->kind) {
  case POME__DEFAULT_NONE: printf("none"); break;
  case POME__DEFAULT_INT: printf("int %.0f", fallback->number); break;
  case POME__DEFAULT_FLOAT: printf("float %.9g", fallback->number); break;
  case POME__DEFAULT_BOOL: printf("bool %d", fallback->number != 0); break;
  case POME__DEFAULT_STRING: printf("string %s", fallback->text); break;
  case POME__DEFAULT_COMPUTED: printf("computed"); break;
  }
}

/* op, family, opset, then a field per parameter: name|domain|dtypes|flags|default. */
static void dump(void) {
  for (size_t i = 0; i < pome__schema_count(); i++) {
    const pome__schema *row = pome__schema_at(i);
    printf("%s\t%s\t%s", row->name, row->family, pome__opset_text_name(row->since));
    for (size_t p = 0; p < row->param_count; p++) {
      const pome__param *param = &row->params[p];
      char dtypes[300];
      printf("\t%s|%c|%s|%u|", param->name, param->domain != 0 ? param->domain : '-',
             pome__dtypes_format(param->dtypes, dtypes, sizeof(dtypes)), (unsigned)param->flags);
      print_default(&param->fallback);
    }
    printf("\n");
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--dump") == 0) {
    dump();
    return 0;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_find),
                                     cmocka_unit_test(test_rows), cmocka_unit_test(test_families)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
