/* Family control_flow: constants, select, branches, loops and lists.
 *
 * Blocks are run, and lists kept, by the executor; here stand their parameters and types. A loop's
 * output has the type that its variable and the body's result agree on: dimensions that differ are
 * not known. Lists are values: list_write gives a new one.
 */
#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "control_flow"

static pome_status infer_const(pome__call *call) {
  return pome__out_type(call, 0, pome__type_of(call, 0, 0));
}

/* ---- select ---- */

static pome_status infer_select(pome__call *call) {
  const pome__type *a = pome__type_of(call, 1, 0);
  POME__TRY(pome__infer_broadcast(call, a, pome__type_of(call, 2, 0), a->dtype, 0));
  pome__type both = call->out_types[0];
  return pome__infer_broadcast(call, pome__type_of(call, 0, 0), &both, a->dtype, 0);
}

enum { COND, A, B, OUT };

static void select_row_f32(const pome__call *call, const pome__walk *walk,
                           const pome_tensor *const *in, pome_tensor *out) {
  float picked[3][POME__BLOCK];
  for (size_t done = 0; done < walk->length; done += POME__BLOCK) {
    size_t n = walk->length - done < POME__BLOCK ? walk->length - done : POME__BLOCK;
    const float *from[3];
    for (int i = 0; i < 3; i++) {
      int64_t at = walk->offset[i] + (int64_t)done * walk->step[i];
      from[i] = pome__read_f32(call, in[i], at, walk->step[i], n, picked[i]);
    }
    for (size_t i = 0; i < n; i++) picked[COND][i] = from[COND][i] != 0 ? from[A][i] : from[B][i];
    pome__write_f32(call, out, walk->offset[OUT] + (int64_t)done * walk->step[OUT], walk->step[OUT],
                    n, picked[COND]);
  }
}

static void select_row_i64(const pome__walk *walk, const pome_tensor *const *in, pome_tensor *out) {
  int64_t picked[3][POME__BLOCK];
  for (size_t done = 0; done < walk->length; done += POME__BLOCK) {
    size_t n = walk->length - done < POME__BLOCK ? walk->length - done : POME__BLOCK;
    for (int i = 0; i < 3; i++) {
      int64_t at = walk->offset[i] + (int64_t)done * walk->step[i];
      pome__load_i64(in[i]->data, in[i]->dtype, at, walk->step[i], n, picked[i]);
    }
    for (size_t i = 0; i < n; i++)
      picked[COND][i] = picked[COND][i] != 0 ? picked[A][i] : picked[B][i];
    pome__store_i64(out->data, out->dtype, walk->offset[OUT] + (int64_t)done * walk->step[OUT],
                    walk->step[OUT], n, picked[COND]);
  }
}

/* fp16 and fp32 pass through float unchanged. */
static pome_status eval_select(pome__call *call) {
  const pome_tensor *in[3];
  pome_tensor *out = &call->outputs[0];
  int64_t strides[POME_MAX_RANK];
  pome__walk walk;
  pome__walk_begin(&walk, out->rank, out->shape);
  for (int i = 0; i < 3; i++) {
    in[i] = pome__tensor_of(call, i, 0);
    pome__shape_broadcast_strides(in[i]->rank, in[i]->shape, out->rank, out->shape, strides);
    pome__walk_add(&walk, 0, strides);
  }
  pome__shape_strides(out->rank, out->shape, strides);
  pome__walk_add(&walk, 0, strides);
  while (pome__walk_next(&walk)) {
    if (pome__dtype_is_float(out->dtype)) {
      select_row_f32(call, &walk, in, out);
    } else {
      select_row_i64(&walk, in, out);
    }
  }
  return POME_OK;
}

/* ---- blocks: their number and their inputs and outputs have been checked by resolve ---- */

static pome_status widen_output(pome__call *call, size_t i, const pome__type *a,
                                const pome__type *b, const char *what) {
  bool fits = a->kind == b->kind && (a->kind != POME__TYPE_TENSOR || a->dtype == b->dtype);
  if (!fits) {
    char left[POME__TYPE_TEXT];
    char right[POME__TYPE_TEXT];
    return pome__call_fail(call, "output %zu is %s %s %s", i,
                           pome__type_format(a, left, sizeof(left)), what,
                           pome__type_format(b, right, sizeof(right)));
  }
  pome__type_widen(a, b, &call->out_types[i]);
  return POME_OK;
}

static pome_status infer_cond(pome__call *call) {
  const pome__op *op = call->op;
  for (size_t i = 0; i < op->output_count; i++) {
    POME__TRY(widen_output(call, i, &op->blocks[0]->outputs[i]->type,
                           &op->blocks[1]->outputs[i]->type, "in the first branch, in the second"));
  }
  return POME_OK;
}

static pome_status infer_while_loop(pome__call *call) {
  const pome__op *op = call->op;
  for (size_t i = 0; i < op->output_count; i++) {
    POME__TRY(widen_output(call, i, pome__type_of(call, 0, i), &op->blocks[1]->outputs[i]->type,
                           "as loop variable, after the body"));
  }
  return POME_OK;
}

/* ---- lists ---- */

static const pome__type *element_type(const pome__call *call) {
  const pome__type *list = pome__type_of(call, 0, 0);
  return list->element_count > 0 ? list->elements[0] : NULL;
}

static pome_status need_element(pome__call *call, const pome__type **element) {
  *element = element_type(call);
  if (*element != NULL && (*element)->kind == POME__TYPE_TENSOR) return POME_OK;
  return pome__call_fail(call,
                         "the type of the list's elements is not known; it must be a tensor type");
}

static pome_status element_shape(pome__call *call, pome__type *element) {
  enum { ELEM_SHAPE = 2 };
  element->rank = 0;
  for (size_t i = 0; i < pome__count(call, ELEM_SHAPE); i++) {
    const pome_tensor *tensor = pome__tensor_of(call, ELEM_SHAPE, i);
    if (tensor == NULL) return pome__call_fail(call, "elem_shape must be constant");
    for (size_t k = 0; k < pome_tensor_count(tensor); k++) {
      if (element->rank == POME_MAX_RANK) {
        return pome__call_fail(call, "elem_shape has more than %d dimensions", POME_MAX_RANK);
      }
      int64_t dim = POME_DIM_UNKNOWN; /* what a name stands for */
      if (tensor->dtype != POME_STRING) {
        pome__load_i64(tensor->data, tensor->dtype, (int64_t)k, 1, 1, &dim);
        if (dim < 0) dim = POME_DIM_UNKNOWN;
      }
      element->dims[element->rank++] = dim;
    }
  }
  return POME_OK;
}

static pome_status infer_make_list(pome__call *call) {
  pome__type element = pome__type_tensor(POME_DTYPE_NONE, 0, NULL);
  POME__TRY(pome__dtype_param(call, "dtype", POME__TFIB, &element.dtype));
  if (element.dtype == POME_DTYPE_NONE) return pome__call_fail(call, "dtype must be known");
  POME__TRY(element_shape(call, &element));
  pome__type list = {.kind = POME__TYPE_LIST, .element_count = 1};
  POME__TRY(pome__out_type(call, 0, &list));
  pome__type *out = &call->out_types[0];
  const pome__type *declared = &call->op->outputs[0]->type;
  if (declared->kind == POME__TYPE_LIST && declared->element_count == 1 &&
      pome__type_equal(declared->elements[0], &element)) {
    out->elements = declared->elements;
  } else {
    pome__type *copy = call->scratch != NULL ? POME__NEW(call->scratch, pome__type) : NULL;
    const pome__type **elements =
        copy != NULL ? POME__NEW(call->scratch, const pome__type *) : NULL;
    if (elements == NULL) return pome__call_memory(call);
    *copy = element;
    elements[0] = copy;
    out->elements = elements;
  }
  bool dynamic;
  int64_t length;
  bool fixed = pome__bool_of(call, 1, &dynamic) && !dynamic;
  out->length = fixed && pome__int_of(call, 0, &length) && length >= 0 ? length : -1;
  return POME_OK;
}

static pome_status infer_list_length(pome__call *call) {
  return pome__out(call, 0, POME_INT32, 0, NULL);
}

static pome_status infer_list_read(pome__call *call) {
  const pome__type *element;
  POME__TRY(need_element(call, &element));
  return pome__out(call, 0, element->dtype, element->rank, element->dims);
}

static pome_status infer_list_gather(pome__call *call) {
  const pome__type *element;
  POME__TRY(need_element(call, &element));
  const pome__type *indices = pome__type_of(call, 1, 0);
  if (element->rank < 0 || indices->rank < 0) return pome__out(call, 0, element->dtype, -1, NULL);
  POME__TRY(pome__need_rank(call, 1, 0, 1, 1));
  if (element->rank == POME_MAX_RANK)
    return pome__call_fail(call, "the elements have the highest rank already");
  int64_t dims[POME_MAX_RANK] = {indices->dims[0]};
  for (int i = 0; i < element->rank; i++) dims[i + 1] = element->dims[i];
  return pome__out(call, 0, element->dtype, element->rank + 1, dims);
}

/* A new list of the same type; `value`, of which the first `outer` dimensions count values, must
 * fit its elements. */
static pome_status infer_changed(pome__call *call, int outer) {
  const pome__type *element = element_type(call);
  const pome__type *value = pome__type_of(call, 2, 0);
  POME__TRY(pome__need_rank(call, 2, 0, outer, POME_MAX_RANK));
  if (element != NULL && value->rank >= 0) {
    pome__type one = pome__type_tensor(value->dtype, value->rank - outer, value->dims + outer);
    char left[POME__TYPE_TEXT];
    char right[POME__TYPE_TEXT];
    if (!pome__type_fits(element, &one)) {
      return pome__call_fail(call, "the value is %s; the list's elements are %s",
                             pome__type_format(&one, left, sizeof(left)),
                             pome__type_format(element, right, sizeof(right)));
    }
  }
  return pome__out_type(call, 0, pome__type_of(call, 0, 0));
}

static pome_status infer_list_write(pome__call *call) {
  return infer_changed(call, 0);
}

static pome_status infer_list_scatter(pome__call *call) {
  const pome__type *indices = pome__type_of(call, 1, 0);
  const pome__type *value = pome__type_of(call, 2, 0);
  int64_t count;
  POME__TRY(pome__need_rank(call, 1, 0, 1, 1));
  if (indices->rank == 1 && value->rank >= 1 &&
      !pome__dim_unify(indices->dims[0], value->dims[0], &count)) {
    return pome__call_fail(call, "%lld indices and %lld values", (long long)indices->dims[0],
                           (long long)value->dims[0]);
  }
  return infer_changed(call, 1);
}

/* ---- rows ---- */

static const pome__param const_params[] = {
    POME__P("val", 0, 0, POME__PARAM_CONST | POME__PARAM_ANY)};
static const pome__param select_params[] = {POME__P("cond", 0, POME__BIT(BOOL), 0),
                                            POME__P("a", 'T', POME__TFIB, 0),
                                            POME__P("b", 'T', POME__TFIB, 0)};
static const pome__param cond_params[] = {POME__P("pred", 0, POME__BIT(BOOL), 0)};
static const pome__param while_params[] = {
    POME__P("loop_vars", 0, 0, POME__PARAM_TUPLE | POME__PARAM_ANY)};
static const pome__param make_list_params[] = {
    POME__P_INT("init_length", 0, POME__BIT(INT32), 0, 1),
    POME__P_BOOL("dynamic_length", POME__PARAM_CONST, 1),
    POME__P("elem_shape", 0, 0, POME__PARAM_TUPLE | POME__PARAM_OPTIONAL), /* empty for scalars */
    POME__P_STRING("dtype", POME__PARAM_CONST, "fp32"),
};
static const pome__param length_params[] = {POME__P("ls", 0, 0, POME__PARAM_LIST)};
static const pome__param read_params[] = {POME__P("ls", 0, 0, POME__PARAM_LIST),
                                          POME__P("index", 0, POME__BIT(INT32), 0)};
static const pome__param gather_params[] = {POME__P("ls", 0, 0, POME__PARAM_LIST),
                                            POME__P("indices", 0, POME__BIT(INT32), 0)};
static const pome__param write_params[] = {POME__P("ls", 0, 0, POME__PARAM_LIST),
                                           POME__P("index", 0, POME__BIT(INT32), 0),
                                           POME__P("value", 'T', POME__TFIB, 0)};
static const pome__param scatter_params[] = {POME__P("ls", 0, 0, POME__PARAM_LIST),
                                             POME__P("indices", 0, POME__BIT(INT32), 0),
                                             POME__P("value", 'T', POME__TFIB, 0)};

#define ROW(name, kind, params, infer, eval)                                                       \
  POME__ROW(name, FAMILY, POME__IOS13, kind, params, infer, eval)
#define CONTROL(name, params, infer) ROW(name, POME__OP_CONTROL, params, infer, NULL)

static const pome__schema rows[] = {
    CONTROL("cond", cond_params, infer_cond),
    ROW("const", POME__OP_CONST, const_params, infer_const, NULL),
    CONTROL("list_gather", gather_params, infer_list_gather),
    CONTROL("list_length", length_params, infer_list_length),
    CONTROL("list_read", read_params, infer_list_read),
    CONTROL("list_scatter", scatter_params, infer_list_scatter),
    CONTROL("list_write", write_params, infer_list_write),
    CONTROL("make_list", make_list_params, infer_make_list),
    ROW("select", POME__OP_PURE, select_params, infer_select, eval_select),
    CONTROL("while_loop", while_params, infer_while_loop),
};

const pome__schema *pome__ops_control_flow(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
