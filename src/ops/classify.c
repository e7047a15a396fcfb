/* Family classify: the label with the largest probability, and all probabilities by label. Always
 * the last op of a classifier. The results are no tensors, so the executor makes them (kind
 * CONTROL).
 */
#include "ops/args.h"
#include "ops/families.h"

static const pome__type string_scalar = {
    .kind = POME__TYPE_TENSOR, .dtype = POME_STRING, .length = -1};
static const pome__type int64_scalar = {
    .kind = POME__TYPE_TENSOR, .dtype = POME_INT64, .length = -1};
static const pome__type fp64_scalar = {.kind = POME__TYPE_TENSOR, .dtype = POME_FP64, .length = -1};
static const pome__type *const by_string[2] = {&string_scalar, &fp64_scalar};
static const pome__type *const by_int64[2] = {&int64_scalar, &fp64_scalar};

static pome_status infer_classify(pome__call *call) {
  const pome__type *probabilities = pome__arg_type(call, "probabilities");
  const pome__type *classes = pome__arg_type(call, "classes");
  if (classes->kind != POME__TYPE_LIST || classes->element_count != 1) {
    return pome__call_fail(call, "'classes' is not a list; it must be a list of string or int64");
  }
  const pome__type *element = classes->elements[0];
  if (element->kind != POME__TYPE_TENSOR || element->rank != 0) {
    return pome__call_fail(call, "'classes' is a list of something else than scalars");
  }
  pome_dtype dtype = element->dtype;
  if (dtype != POME_STRING && dtype != POME_INT64) {
    return pome__call_fail(call, "'classes' is a list of %s; allowed: string, int64",
                           pome_dtype_name(dtype));
  }
  POME__TRY(pome__need_dims_equal(call, "the number of probabilities",
                                  pome__type_count(probabilities), "the number of classes",
                                  classes->length < 0 ? POME_DIM_UNKNOWN : classes->length));
  if (call->op->output_count != 2) {
    return pome__call_fail(call, "has %zu outputs; it gives 2", call->op->output_count);
  }
  POME__TRY(pome__out(call, 0, dtype, 0, NULL));
  call->out_types[1].kind = POME__TYPE_DICT;
  call->out_types[1].elements = dtype == POME_STRING ? by_string : by_int64;
  call->out_types[1].element_count = 2;
  return POME_OK;
}

static const pome__param classify[] = {
    POME__P("probabilities", 0, POME__BIT(FP32) | POME__BIT(FP64), 0),
    POME__P("classes", 0, 0, POME__PARAM_CONST | POME__PARAM_LIST)};

static const pome__schema rows[] = {
    POME__ROW("classify", "classify", POME__IOS13, POME__OP_CONTROL, classify, infer_classify,
              NULL),
};

const pome__schema *pome__ops_classify(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
