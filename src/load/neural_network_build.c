/* Operations for the layers of a network: appended one by one, bound and typed at once.
 *
 * Names are made from the layer's first output and the operation, with a number where that is
 * taken; the last operation of a layer gets the blob's own name.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "load/neural_network.h"
#include "ops/ops.h"
#include "tensor/shape.h"

#define MAX_COUNT ((size_t)1 << 40)

void pome__nn_no_memory(pome__nn *nn) {
  if (nn->status == POME_OK) nn->status = pome__fail_memory(nn->error, "the model's program");
}

void pome__nn_fail(pome__nn *nn, pome_status status, const char *format, ...) {
  char text[400];
  va_list arguments;
  if (nn->status != POME_OK) return;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (nn->layer[0] == '\0') nn->status = pome__fail(nn->error, status, "%s", text);
  else
    nn->status = pome__fail(nn->error, status, "layer \"%s\" (%s): %s", nn->layer, nn->type, text);
}

/* What inference says of an operation, told of the layer that it was made for. */
static void blame_layer(pome__nn *nn) {
  char text[sizeof nn->error->message];
  if (nn->error == NULL || nn->layer[0] == '\0' || nn->status == POME_MEMORY) return;
  snprintf(text, sizeof text, "%s", nn->error->message);
  pome_status status = nn->status;
  nn->status = POME_OK;
  pome__nn_fail(nn, status, "%.300s", text);
}

/* ---- values and names ---- */

static const char *stem_of(const char *stem, char *buffer, size_t size, uint64_t number) {
  snprintf(buffer, size, "%.160s_%llu", stem, (unsigned long long)number);
  return buffer;
}

pome__value *pome__nn_new_value(pome__nn *nn, const char *stem) {
  pome__type open = pome__type_tensor(POME_DTYPE_NONE, -1, NULL);
  char name[200];
  if (nn->status != POME_OK) return NULL;
  do stem_of(stem, name, sizeof name, nn->next_name++);
  while (pome__scope_find(&nn->names, name) != NULL);
  pome__value *value = pome__function_new_value(nn->program, nn->function, name, &open);
  if (value == NULL || !pome__scope_add(&nn->names, value->name, value)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  return value;
}

void pome__nn_rename(pome__nn *nn, pome__value *value, const char *name) {
  if (nn->status != POME_OK || pome__scope_find(&nn->names, name) != NULL) return;
  value->name = name;
  if (value->producer != NULL && value->producer->outputs[0] == value) value->producer->name = name;
  if (!pome__scope_add(&nn->names, name, value)) pome__nn_no_memory(nn);
}

/* ---- operations ---- */

void pome__nn_append(pome__nn *nn, pome__op *op) {
  if (nn->status != POME_OK) return;
  nn->status = pome__op_resolve(nn->program, nn->function, op, nn->error);
  if (nn->status != POME_OK) {
    blame_layer(nn);
    return;
  }
  if (!pome__block_append(nn->program, nn->block, op)) pome__nn_no_memory(nn);
}

static bool add_args(pome__nn *nn, pome__op *op, const pome__nn_arg *args) {
  for (; args->name != NULL; args++) {
    pome__value *const *values = args->list != NULL ? args->list : &args->value;
    size_t count = args->list != NULL ? args->count : 1;
    if (args->list == NULL && args->value == NULL) continue;
    if (!pome__op_add_arg(nn->program, op, args->name, values, count, false)) return false;
  }
  return true;
}

void pome__nn_op_many(pome__nn *nn, const char *type, const pome__nn_arg *args,
                      pome__value **outputs, size_t count) {
  for (size_t i = 0; i < count; i++) outputs[i] = NULL;
  if (nn->status != POME_OK) return;
  char stem[160];
  snprintf(stem, sizeof stem, "%.100s_%s", nn->layer_name, type);
  pome__op *op = pome__op_new(nn->program, type);
  bool made = op != NULL && add_args(nn, op, args);
  for (size_t i = 0; made && i < count; i++) {
    outputs[i] = pome__nn_new_value(nn, stem);
    made = outputs[i] != NULL && pome__op_add_output(nn->program, op, outputs[i]);
  }
  if (!made) pome__nn_no_memory(nn);
  pome__nn_append(nn, op);
  for (size_t i = 0; nn->status != POME_OK && i < count; i++) outputs[i] = NULL;
}

pome__value *pome__nn_op(pome__nn *nn, const char *type, const pome__nn_arg *args) {
  pome__value *output;
  pome__nn_op_many(nn, type, args, &output, 1);
  return output;
}

/* ---- literals ---- */

static pome__value *literal(pome__nn *nn, pome_dtype dtype, int rank, const int64_t *dims,
                            const void *data, size_t bytes) {
  if (nn->status != POME_OK) return NULL;
  pome__literal *made = pome__literal_new_tensor(nn->program, dtype, rank, dims, data, bytes);
  pome__value *value =
      made != NULL ? pome__function_new_literal(nn->program, nn->function, made) : NULL;
  if (value == NULL) pome__nn_no_memory(nn);
  return value;
}

static int32_t whole_of(pome__nn *nn, int64_t value) {
  if (value >= INT32_MIN && value <= INT32_MAX) return (int32_t)value;
  pome__nn_fail(nn, POME_INPUT, "the parameter %lld does not fit in 32 bits", (long long)value);
  return 0;
}

pome__value *pome__nn_lit_int(pome__nn *nn, int64_t value) {
  int32_t whole = whole_of(nn, value);
  return literal(nn, POME_INT32, 0, NULL, &whole, sizeof whole);
}

pome__value *pome__nn_lit_float(pome__nn *nn, double value) {
  float number = (float)value;
  return literal(nn, POME_FP32, 0, NULL, &number, sizeof number);
}

pome__value *pome__nn_lit_bool(pome__nn *nn, bool value) {
  uint8_t truth = value;
  return literal(nn, POME_BOOL, 0, NULL, &truth, sizeof truth);
}

pome__value *pome__nn_lit_text(pome__nn *nn, const char *text) {
  if (nn->status != POME_OK) return NULL;
  pome_string string = {pome__arena_string(&nn->program->arena, text, strlen(text)), strlen(text)};
  if (string.data == NULL) pome__nn_no_memory(nn);
  return literal(nn, POME_STRING, 0, NULL, &string, sizeof string);
}

pome__value *pome__nn_lit_ints(pome__nn *nn, const int64_t *values, size_t count) {
  int32_t whole[64];
  int64_t dims = (int64_t)count;
  if (count > 64) pome__nn_fail(nn, POME_INPUT, "%zu numbers are too many", count);
  for (size_t i = 0; i < count && i < 64; i++) whole[i] = whole_of(nn, values[i]);
  return literal(nn, POME_INT32, 1, &dims, whole, count * sizeof *whole);
}

pome__value *pome__nn_lit_bools(pome__nn *nn, const bool *values, size_t count) {
  uint8_t truths[POME_MAX_RANK];
  int64_t dims = (int64_t)count;
  for (size_t i = 0; i < count && i < POME_MAX_RANK; i++) truths[i] = values[i];
  return literal(nn, POME_BOOL, 1, &dims, truths, count);
}

/* A const operation, which has a name and is listed among the weights. */
pome__value *pome__nn_const_data(pome__nn *nn, const char *stem, const pome__type *type,
                                 const void *data, size_t bytes) {
  pome__literal *made =
      nn->status == POME_OK ? POME__NEW(&nn->program->arena, pome__literal) : NULL;
  if (made == NULL) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  made->type = *type;
  made->data = data;
  made->bytes = bytes;
  made->blob_offset = POME_NO_OFFSET;
  return pome__nn_const_of(nn, stem, made);
}

pome__value *pome__nn_const(pome__nn *nn, const char *stem, int rank, const int64_t *dims,
                            const float *data) {
  size_t count = pome__nn_count(nn, rank, dims);
  pome__type type = pome__type_tensor(POME_FP32, rank, dims);
  return pome__nn_const_data(nn, stem, &type, data, count * sizeof *data);
}

pome__value *pome__nn_const_of(pome__nn *nn, const char *stem, const pome__literal *made) {
  char name[160];
  snprintf(name, sizeof name, "%.100s_%s", nn->layer_name, stem);
  pome__op *op = nn->status == POME_OK ? pome__op_new(nn->program, "const") : NULL;
  pome__value *value = pome__nn_new_value(nn, name);
  pome__value *held =
      nn->status == POME_OK ? pome__function_new_literal(nn->program, nn->function, made) : NULL;
  if (op == NULL || held == NULL || !pome__op_add_arg(nn->program, op, "val", &held, 1, true) ||
      !pome__op_add_output(nn->program, op, value)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  value->literal = made;
  value->type = made->type;
  pome__nn_append(nn, op);
  return nn->status == POME_OK ? value : NULL;
}

pome__value *pome__nn_const_filled(pome__nn *nn, int rank, const int64_t *dims, double value) {
  size_t count = pome__nn_count(nn, rank, dims);
  float *data = pome__nn_new_floats(nn, count);
  for (size_t i = 0; data != NULL && i < count; i++) data[i] = (float)value;
  return data != NULL ? pome__nn_const(nn, "filled", rank, dims, data) : NULL;
}

size_t pome__nn_count(pome__nn *nn, int rank, const int64_t *dims) {
  size_t count = 1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] >= 1 && pome__mul(count, (size_t)dims[i], &count) && count <= MAX_COUNT) continue;
    char text[POME__SHAPE_TEXT];
    pome__nn_fail(nn, POME_INPUT, "a parameter of the shape %s; sizes must be 1 or more",
                  pome__shape_format(rank, dims, text, sizeof text));
    return 0;
  }
  return nn->status == POME_OK ? count : 0;
}

/* ---- types ---- */

int pome__nn_rank(pome__nn *nn, const pome__value *value) {
  if (nn->status != POME_OK || value == NULL) return 0;
  if (value->type.rank >= 0) return value->type.rank;
  pome__nn_fail(nn, POME_UNSUPPORTED, "the rank of its input \"%s\" depends on data", value->name);
  return 0;
}

int64_t pome__nn_dim(pome__nn *nn, const pome__value *value, int axis) {
  int rank = pome__nn_rank(nn, value);
  int at = axis < 0 ? axis + rank : axis;
  if (nn->status != POME_OK) return POME_DIM_UNKNOWN;
  if (at >= 0 && at < rank) return value->type.dims[at];
  pome__nn_fail(nn, POME_INPUT, "its input has rank %d, too low for dimension %d", rank, axis);
  return POME_DIM_UNKNOWN;
}

int pome__nn_axis(pome__nn *nn, int64_t axis, int rank) {
  int64_t at = axis < 0 ? axis + rank : axis;
  if (at >= 0 && at < rank) return (int)at;
  pome__nn_fail(nn, POME_INPUT, "axis %lld; its input has rank %d", (long long)axis, rank);
  return 0;
}

void pome__nn_need_rank(pome__nn *nn, const pome__value *value, int low) {
  int rank = pome__nn_rank(nn, value);
  if (nn->status == POME_OK && rank < low)
    pome__nn_fail(nn, POME_INPUT, "its input has rank %d; it needs %d or more", rank, low);
}

/* ---- small operations ---- */

static pome__value *cast(pome__nn *nn, pome__value *value, const char *dtype) {
  return POME__OP(nn, "cast", POME__ARG("x", value),
                  POME__ARG("dtype", pome__nn_lit_text(nn, dtype)));
}

pome__value *pome__nn_whole(pome__nn *nn, pome__value *value) {
  if (value != NULL && value->type.dtype == POME_INT32) return value;
  return cast(nn, value, "int32");
}

pome__value *pome__nn_truth(pome__nn *nn, pome__value *value) {
  if (value != NULL && value->type.dtype == POME_BOOL) return value;
  return cast(nn, value, "bool");
}

pome__value *pome__nn_number(pome__nn *nn, pome__value *value) {
  if (value != NULL && value->type.dtype == POME_FP32) return value;
  return cast(nn, value, "fp32");
}

pome__value *pome__nn_unary(pome__nn *nn, const char *type, pome__value *x) {
  return POME__OP(nn, type, POME__ARG("x", x));
}

pome__value *pome__nn_binary(pome__nn *nn, const char *type, pome__value *x, pome__value *y) {
  return POME__OP(nn, type, POME__ARG("x", x), POME__ARG("y", y));
}

pome__value *pome__nn_scaled(pome__nn *nn, pome__value *x, double factor, double shift) {
  if (factor != 1) x = pome__nn_binary(nn, "mul", x, pome__nn_lit_float(nn, factor));
  return shift != 0 ? pome__nn_binary(nn, "add", x, pome__nn_lit_float(nn, shift)) : x;
}

pome__value *pome__nn_reshape(pome__nn *nn, pome__value *x, int rank, const int64_t *dims) {
  return POME__OP(nn, "reshape", POME__ARG("x", x),
                  POME__ARG("shape", pome__nn_lit_ints(nn, dims, (size_t)rank)));
}

pome__value *pome__nn_expand(pome__nn *nn, pome__value *x, const int64_t *axes, size_t count) {
  if (count == 0) return x;
  return POME__OP(nn, "expand_dims", POME__ARG("x", x),
                  POME__ARG("axes", pome__nn_lit_ints(nn, axes, count)));
}

pome__value *pome__nn_at_least_1d(pome__nn *nn, pome__value *x) {
  const int64_t one = 1;
  bool number = nn->status == POME_OK && x->type.rank == 0;
  return number ? pome__nn_reshape(nn, x, 1, &one) : x;
}

pome__value *pome__nn_squeeze(pome__nn *nn, pome__value *x, const int64_t *axes, size_t count) {
  if (count == 0) return x;
  return pome__nn_at_least_1d(nn, POME__OP(nn, "squeeze", POME__ARG("x", x),
                                           POME__ARG("axes", pome__nn_lit_ints(nn, axes, count))));
}

pome__value *pome__nn_transpose(pome__nn *nn, pome__value *x, const int64_t *perm) {
  size_t rank = (size_t)pome__nn_rank(nn, x);
  return POME__OP(nn, "transpose", POME__ARG("x", x),
                  POME__ARG("perm", pome__nn_lit_ints(nn, perm, rank)));
}

pome__value *pome__nn_reduce(pome__nn *nn, const char *type, pome__value *x, const int64_t *axes,
                             size_t count, bool keep) {
  pome__value *reduced =
      POME__OP(nn, type, POME__ARG("x", x),
               POME__ARG("axes", count > 0 ? pome__nn_lit_ints(nn, axes, count) : NULL),
               POME__ARG("keep_dims", pome__nn_lit_bool(nn, keep)));
  return pome__nn_at_least_1d(nn, reduced);
}

/* ---- shapes ---- */

pome__value *pome__nn_shape(pome__nn *nn, pome__value *x) {
  return pome__nn_unary(nn, "shape", x);
}

/* The sizes of dimensions begin .. end-1 when all are known. */
static bool known_sizes(const pome__value *x, int begin, int end, int64_t *sizes) {
  for (int d = begin; d < end; d++) {
    if (x->type.dims[d] == POME_DIM_UNKNOWN) return false;
    sizes[d - begin] = x->type.dims[d];
  }
  return true;
}

pome__value *pome__nn_sizes(pome__nn *nn, pome__value *x, int begin, int end) {
  const int64_t from = begin, to = end;
  int64_t sizes[POME_MAX_RANK];
  if (pome__nn_rank(nn, x) >= end && known_sizes(x, begin, end, sizes))
    return pome__nn_lit_ints(nn, sizes, (size_t)(end - begin));
  return POME__OP(nn, "slice_by_index", POME__ARG("x", pome__nn_shape(nn, x)),
                  POME__ARG("begin", pome__nn_lit_ints(nn, &from, 1)),
                  POME__ARG("end", pome__nn_lit_ints(nn, &to, 1)));
}

/* A vector of whole numbers that is known. */
static size_t known_ints(const pome__value *value, int64_t *out, size_t capacity) {
  const pome__literal *literal = value->literal;
  size_t count = literal != NULL ? literal->bytes / sizeof(int32_t) : 0;
  if (count > capacity) return 0;
  for (size_t i = 0; i < count; i++) out[i] = ((const int32_t *)literal->data)[i];
  return count;
}

pome__value *pome__nn_joined(pome__nn *nn, pome__value *first, pome__value *second) {
  pome__value *parts[] = {first, second};
  int64_t all[2 * POME_MAX_RANK];
  if (nn->status != POME_OK) return NULL;
  size_t count = known_ints(first, all, POME_MAX_RANK);
  size_t more = count > 0 ? known_ints(second, all + count, POME_MAX_RANK) : 0;
  if (more > 0) return pome__nn_lit_ints(nn, all, count + more);
  return POME__OP(nn, "concat", POME__LIST("values", parts, 2),
                  POME__ARG("axis", pome__nn_lit_int(nn, 0)));
}

pome__value *pome__nn_reshape_after(pome__nn *nn, pome__value *x, pome__value *like, int kept,
                                    const int64_t *dims, int count) {
  int64_t shape[2 * POME_MAX_RANK];
  if (pome__nn_rank(nn, like) < kept || nn->status != POME_OK) return NULL;
  if (kept + count > POME_MAX_RANK) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "a result of rank %d", kept + count);
    return NULL;
  }
  memcpy(shape + kept, dims, (size_t)count * sizeof *dims);
  if (known_sizes(like, 0, kept, shape)) return pome__nn_reshape(nn, x, kept + count, shape);
  pome__value *tail = pome__nn_lit_ints(nn, dims, (size_t)count);
  pome__value *head = pome__nn_sizes(nn, like, 0, kept);
  return POME__OP(nn, "reshape", POME__ARG("x", x),
                  POME__ARG("shape", pome__nn_joined(nn, head, tail)));
}

pome__value *pome__nn_fold(pome__nn *nn, pome__value *x, int last) {
  static const int64_t front = 0;
  int64_t shape[POME_MAX_RANK] = {-1};
  int rank = pome__nn_rank(nn, x);
  pome__nn_need_rank(nn, x, last);
  if (nn->status != POME_OK || rank == last + 1) return x;
  if (rank == last) return pome__nn_expand(nn, x, &front, 1);
  if (rank == last + 2 && x->type.dims[0] == 1) return pome__nn_squeeze(nn, x, &front, 1);
  if (known_sizes(x, rank - last, rank, shape + 1)) return pome__nn_reshape(nn, x, last + 1, shape);
  pome__value *head = pome__nn_lit_ints(nn, shape, 1);
  return POME__OP(
      nn, "reshape", POME__ARG("x", x),
      POME__ARG("shape", pome__nn_joined(nn, head, pome__nn_sizes(nn, x, rank - last, rank))));
}

pome__value *pome__nn_unfold(pome__nn *nn, pome__value *y, pome__value *x, int last) {
  static const int64_t front = 0;
  int64_t shape[2 * POME_MAX_RANK];
  int rank = pome__nn_rank(nn, x), lead = rank - last;
  if (pome__nn_rank(nn, y) == 0 || nn->status != POME_OK || lead == 1) return y;
  if (lead == 0) return pome__nn_squeeze(nn, y, &front, 1);
  if (lead == 2 && x->type.dims[0] == 1) return pome__nn_expand(nn, y, &front, 1);
  if (known_sizes(x, 0, lead, shape) && known_sizes(y, 1, last + 1, shape + lead))
    return pome__nn_reshape(nn, y, rank, shape);
  pome__value *head = pome__nn_sizes(nn, x, 0, lead);
  pome__value *tail = pome__nn_sizes(nn, y, 1, last + 1);
  return POME__OP(nn, "reshape", POME__ARG("x", y),
                  POME__ARG("shape", pome__nn_joined(nn, head, tail)));
}
