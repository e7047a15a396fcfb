/* Family quantization: activations to 8-bit integers and back, with one scale for the tensor or one
 * per channel.
 *
 * quantize: clip(round half to even(x / scale) + zero_point); dequantize: scale * (q - zero_point).
 * An absent zero point is 0.
 */
#include <math.h>

#include "ops/families.h"
#include "ops/infer.h"
#include "ops/loops.h"
#include "tensor/element.h"

#define FAMILY "quantization"
enum { INPUT, ZERO_POINT, SCALE, AXIS };

/* The channel axis; 0 when one scale serves the whole tensor. */
static pome_status channel_axis(pome__call *call, int rank, int *axis) {
  int64_t value;
  *axis = 0;
  if (!pome__has(call, AXIS) || rank == 0) return POME_OK;
  if (!pome__int_of(call, AXIS, &value)) return pome__call_fail(call, "axis must be an integer");
  return pome__axis(call, "axis", value, rank, axis);
}

static pome_status check_vector(pome__call *call, int p, const pome__type *input, int axis) {
  if (!pome__has(call, p)) return POME_OK;
  POME__TRY(pome__need_rank(call, p, 0, 0, 1));
  const pome__type *vector = pome__type_of(call, p, 0);
  if (vector->rank != 1 || vector->dims[0] == 1 || input->rank < 0) return POME_OK;
  const char *name = call->op->schema->params[p].name;
  int64_t unused;
  if (!pome__has(call, AXIS) || input->rank == 0) {
    return pome__call_fail(call, "'%s' is a vector, so axis must be given and input have axes",
                           name);
  }
  if (!pome__dim_unify(vector->dims[0], input->dims[axis], &unused)) {
    return pome__call_fail(call, "'%s' has %lld elements; input has %lld along axis %d", name,
                           (long long)vector->dims[0], (long long)input->dims[axis], axis);
  }
  return POME_OK;
}

static pome_status infer_shape(pome__call *call, pome_dtype dtype) {
  const pome__type *input = pome__type_of(call, INPUT, 0);
  if (input->rank >= 0) {
    int axis;
    POME__TRY(channel_axis(call, input->rank, &axis));
    POME__TRY(check_vector(call, SCALE, input, axis));
    POME__TRY(check_vector(call, ZERO_POINT, input, axis));
  }
  return pome__out(call, 0, dtype, input->rank, input->dims);
}

static pome_status infer_quantize(pome__call *call) {
  pome_dtype dtype;
  POME__TRY(pome__dtype_param(call, "output_dtype", POME__BIT(INT8) | POME__BIT(UINT8), &dtype));
  if (dtype == POME_DTYPE_NONE) return pome__call_fail(call, "output_dtype must be known");
  if (pome__has(call, ZERO_POINT) && pome__type_of(call, ZERO_POINT, 0)->dtype != dtype) {
    return pome__call_fail(call, "zero_point is %s and output_dtype %s; they must be equal",
                           pome_dtype_name(pome__type_of(call, ZERO_POINT, 0)->dtype),
                           pome_dtype_name(dtype));
  }
  return infer_shape(call, dtype);
}

static pome_status infer_dequantize(pome__call *call) {
  return infer_shape(call, pome__type_of(call, SCALE, 0)->dtype);
}

/* params: scale, zero point, lowest, highest. */
static void quantize_f64(size_t n, const double *x, double *y, const void *params) {
  const double *p = params;
  for (size_t i = 0; i < n; i++) {
    double q = rint(x[i] / p[0]) + p[1];
    y[i] = q < p[2] ? p[2] : q > p[3] ? p[3] : q;
  }
}

static void dequantize_f64(size_t n, const double *x, double *y, const void *params) {
  const double *p = params;
  for (size_t i = 0; i < n; i++) y[i] = p[0] * (x[i] - p[1]);
}

static pome_status eval_quantize(pome__call *call) {
  static const pome__unary map = {quantize_f64, NULL, NULL};
  double lowest;
  double highest;
  pome__dtype_limits(call->outputs[0].dtype, &lowest, &highest);
  pome_tensor low = {&lowest, POME_FP64, 0, {0}, {0}, NULL};
  pome_tensor high = {&highest, POME_FP64, 0, {0}, {0}, NULL};
  const pome_tensor *values[4] = {pome__tensor_of(call, SCALE, 0),
                                  pome__tensor_of(call, ZERO_POINT, 0), &low, &high};
  const pome_tensor *input = pome__tensor_of(call, INPUT, 0);
  int axis;
  POME__TRY(channel_axis(call, input->rank, &axis));
  pome__channel_blocks(call, input, &call->outputs[0], axis, &map, values, 4);
  return POME_OK;
}

static pome_status eval_dequantize(pome__call *call) {
  static const pome__unary map = {dequantize_f64, NULL, NULL};
  const pome_tensor *values[2] = {pome__tensor_of(call, SCALE, 0),
                                  pome__tensor_of(call, ZERO_POINT, 0)};
  const pome_tensor *input = pome__tensor_of(call, INPUT, 0);
  int axis;
  POME__TRY(channel_axis(call, input->rank, &axis));
  pome__channel_blocks(call, input, &call->outputs[0], axis, &map, values, 2);
  return POME_OK;
}

#define BYTES (POME__BIT(UINT8) | POME__BIT(INT8))
static const pome__param quantize_17[] = {
    POME__P("input", 'S', POME__TF, 0),
    POME__P("zero_point", 'D', BYTES, POME__PARAM_CONST | POME__PARAM_OPTIONAL),
    POME__P("scale", 'S', POME__TF, POME__PARAM_CONST),
    POME__P("axis", 0, POME__BIT(INT32), POME__PARAM_CONST | POME__PARAM_OPTIONAL),
    POME__P("output_dtype", 0, POME__BIT(STRING), POME__PARAM_CONST),
};
static const pome__param dequantize_17[] = {
    POME__P("input", 'S', BYTES, 0),
    POME__P("zero_point", 'S', BYTES, POME__PARAM_CONST | POME__PARAM_OPTIONAL),
    POME__P("scale", 'D', POME__TF, POME__PARAM_CONST),
    POME__P("axis", 0, POME__BIT(INT32), POME__PARAM_CONST | POME__PARAM_OPTIONAL),
};

static const pome__schema rows[] = {
    POME__ROW("dequantize", FAMILY, POME__IOS17, POME__OP_PURE, dequantize_17, infer_dequantize,
              eval_dequantize),
    POME__ROW("quantize", FAMILY, POME__IOS17, POME__OP_PURE, quantize_17, infer_quantize,
              eval_quantize),
};

const pome__schema *pome__ops_quantization(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
