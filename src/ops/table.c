/* The op table: every row of every family, sorted by name, then opset.
 *
 * The rows are static tables in the family files; the sorted index of pointers is built once, on
 * first use, in a static array.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ops/families.h"

#define MAX_ROWS 512

static const pome__schema *index_rows[MAX_ROWS];
static size_t index_count;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static int compare_rows(const void *a, const void *b) {
  const pome__schema *x = *(const pome__schema *const *)a;
  const pome__schema *y = *(const pome__schema *const *)b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : (x->since > y->since) - (x->since < y->since);
}

static void add_family(const pome__schema *(*family)(size_t *count)) {
  size_t count = 0;
  const pome__schema *rows = family(&count);
  for (size_t i = 0; i < count && index_count < MAX_ROWS; i++) index_rows[index_count++] = &rows[i];
}

static void build_index(void) {
#define X(family) add_family(pome__ops_##family);
  POME__FAMILY_TABLE(X)
#undef X
  qsort(index_rows, index_count, sizeof(index_rows[0]), compare_rows);
}

size_t pome__schema_count(void) {
  pthread_once(&index_once, build_index);
  return index_count;
}

const pome__schema *pome__schema_at(size_t index) {
  return index < pome__schema_count() ? index_rows[index] : NULL;
}

const pome__schema *pome__schema_find(const char *name, pome__opset opset) {
  size_t low = 0;
  size_t high = pome__schema_count();
  while (low < high) { /* first row that sorts after (name, opset) */
    size_t middle = low + (high - low) / 2;
    int order = strcmp(index_rows[middle]->name, name);
    if (order < 0 || (order == 0 && index_rows[middle]->since <= opset)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || strcmp(index_rows[low - 1]->name, name) != 0) return NULL;
  return index_rows[low - 1];
}

int pome__schema_param(const pome__schema *schema, const char *name) {
  for (size_t i = 0; i < schema->param_count; i++) {
    if (strcmp(schema->params[i].name, name) == 0) return (int)i;
  }
  return -1;
}
