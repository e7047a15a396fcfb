/* Whether two programs are the same, whatever form each was read from.
 *
 * Compared is what the text form shows: functions, types, names, operations in order, and constants
 * by value (not by where they are kept). Arguments are compared by name: protobuf maps have no
 * order.
 */
#include "program_equal.h"

#include <string.h>

#include "tensor/element.h"

static bool strings_equal(const pome_string *a, const pome_string *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (a[i].size != b[i].size || (a[i].size != 0 && memcmp(a[i].data, b[i].data, a[i].size) != 0))
      return false;
  }
  return true;
}

/* Bit for bit, but that one NaN is as good as another: text does not show payloads. */
static bool elements_equal(const pome__literal *a, const pome__literal *b) {
  if (a->bytes != b->bytes) return false;
  if (a->bytes == 0) return true;
  if (a->data == NULL || b->data == NULL)
    return a->data == b->data && a->blob_offset == b->blob_offset;
  if (a->data == b->data) return true;
  pome_dtype dtype = a->type.dtype;
  if (dtype == POME_STRING) return strings_equal(a->data, b->data, a->bytes / sizeof(pome_string));
  if (memcmp(a->data, b->data, a->bytes) == 0) return true;
  if (!pome__dtype_is_float(dtype)) return false;
  size_t size = pome_dtype_bits(dtype) / 8;
  for (size_t i = 0; i < a->bytes / size; i++) {
    if (memcmp((const char *)a->data + i * size, (const char *)b->data + i * size, size) == 0)
      continue;
    double x, y;
    pome__load_f64(a->data, dtype, (int64_t)i, 1, 1, &x);
    pome__load_f64(b->data, dtype, (int64_t)i, 1, 1, &y);
    if (x == x || y == y) return false;
  }
  return true;
}

static bool literals_equal(const pome__literal *a, const pome__literal *b, int depth) {
  if (a == b) return true;
  if (depth > POME__MAX_DEPTH || !pome__type_equal(&a->type, &b->type)) return false;
  if (a->type.kind == POME__TYPE_TENSOR) return elements_equal(a, b);
  if (a->item_count != b->item_count) return false;
  for (size_t i = 0; i < a->item_count; i++) {
    if (!literals_equal(a->items[i], b->items[i], depth + 1)) return false;
  }
  return true;
}

bool literal_equal(const pome__literal *a, const pome__literal *b) {
  return literals_equal(a, b, 0);
}

typedef struct {
  const char *why;
} comparison;

static bool differ(comparison *c, const char *why) {
  c->why = why;
  return false;
}

static bool same_value(comparison *c, const pome__value *a, const pome__value *b) {
  if (strcmp(a->name, b->name) != 0) return differ(c, "names of values differ");
  if (!pome__type_equal(&a->type, &b->type)) return differ(c, "types of values differ");
  if (a->name[0] != '\0') return true;
  if (a->literal == NULL || b->literal == NULL || !literal_equal(a->literal, b->literal)) {
    return differ(c, "constants differ");
  }
  return true;
}

static bool same_values(comparison *c, pome__value *const *a, size_t a_count, pome__value *const *b,
                        size_t b_count) {
  if (a_count != b_count) return differ(c, "numbers of values differ");
  for (size_t i = 0; i < a_count; i++) {
    if (!same_value(c, a[i], b[i])) return false;
  }
  return true;
}

static bool same_args(comparison *c, const pome__op *a, const pome__op *b) {
  if (a->arg_count != b->arg_count) return differ(c, "numbers of arguments differ");
  for (size_t i = 0; i < a->arg_count; i++) {
    const pome__arg *x = &a->args[i];
    const pome__arg *y = &b->args[i];
    if (strcmp(x->name, y->name) != 0) y = pome__op_find_arg(b, x->name);
    if (y == NULL) return differ(c, "names of arguments differ");
    if (x->attribute != y->attribute)
      return differ(c, "an argument is an attribute in one program only");
    if (!same_values(c, x->values, x->count, y->values, y->count)) return false;
  }
  return true;
}

static bool same_block(comparison *c, const pome__block *a, const pome__block *b, int depth);

static bool same_op(comparison *c, const pome__op *a, const pome__op *b, int depth) {
  if (strcmp(a->type, b->type) != 0) return differ(c, "types of operations differ");
  if (strcmp(a->name, b->name) != 0) return differ(c, "names of operations differ");
  if (!same_args(c, a, b)) return false;
  if (!same_values(c, a->outputs, a->output_count, b->outputs, b->output_count)) return false;
  if (a->block_count != b->block_count) return differ(c, "numbers of blocks differ");
  for (size_t i = 0; i < a->block_count; i++) {
    if (!same_block(c, a->blocks[i], b->blocks[i], depth + 1)) return false;
  }
  return true;
}

static bool same_block(comparison *c, const pome__block *a, const pome__block *b, int depth) {
  if (depth > POME__MAX_DEPTH) return differ(c, "blocks are nested too deep");
  if (!same_values(c, a->inputs, a->input_count, b->inputs, b->input_count)) return false;
  if (!same_values(c, a->outputs, a->output_count, b->outputs, b->output_count)) return false;
  if (a->op_count != b->op_count) return differ(c, "numbers of operations differ");
  for (size_t i = 0; i < a->op_count; i++) {
    if (!same_op(c, a->ops[i], b->ops[i], depth)) return false;
  }
  return true;
}

static bool same_attributes(comparison *c, const pome__attribute *a, size_t a_count,
                            const pome__attribute *b, size_t b_count) {
  if (a_count != b_count) return differ(c, "numbers of attributes differ");
  for (size_t i = 0; i < a_count; i++) {
    if (strcmp(a[i].name, b[i].name) != 0 || !literal_equal(a[i].value, b[i].value)) {
      return differ(c, "attributes differ");
    }
  }
  return true;
}

static bool same_function(comparison *c, const pome__function *a, const pome__function *b) {
  if (strcmp(a->name, b->name) != 0) return differ(c, "names of functions differ");
  if (a->opset != b->opset) return differ(c, "opsets differ");
  return same_values(c, a->inputs, a->input_count, b->inputs, b->input_count) &&
         same_attributes(c, a->attributes, a->attribute_count, b->attributes, b->attribute_count) &&
         same_block(c, a->body, b->body, 0);
}

static bool same_program(comparison *c, const pome__program *a, const pome__program *b) {
  if (!same_attributes(c, a->attributes, a->attribute_count, b->attributes, b->attribute_count))
    return false;
  if (a->function_count != b->function_count) return differ(c, "numbers of functions differ");
  for (size_t i = 0; i < a->function_count; i++) {
    if (!same_function(c, a->functions[i], b->functions[i])) return false;
  }
  return true;
}

bool program_equal(const pome__program *a, const pome__program *b, const char **why) {
  comparison c = {.why = NULL};
  bool equal = same_program(&c, a, b);
  if (!equal && why != NULL) *why = c.why;
  return equal;
}
