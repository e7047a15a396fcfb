/* Family conv: convolutions over one to three spatial dimensions, with groups, strides and
 * dilations; transposed; quantized.
 *
 * A convolution is a matrix product of patches of x (one row for each output position) with the
 * filters, made in panels of positions; with one input channel a group, patches do not pay and each
 * tap is added to whole output rows. A transposed convolution is the product of input positions
 * with the filters, whose results are added up where they overlap.
 */
#include <string.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/product.h"
#include "ops/spatial.h"
#include "tensor/element.h"

#define FAMILY "conv"

/* ---- inference ---- */

static pome_status check_groups(pome__call *call, int64_t groups, const char *what,
                                int64_t channels) {
  if (groups < 1)
    return pome__call_fail(call, "groups is %lld; it must be at least 1", (long long)groups);
  if (channels == POME_DIM_UNKNOWN || channels % groups == 0) return POME_OK;
  return pome__call_fail(call,
                         "groups is %lld, which does not divide the number of %s channels, %lld",
                         (long long)groups, what, (long long)channels);
}

static pome_status check_bias(pome__call *call, int64_t channels) {
  const pome__type *bias = pome__arg_type(call, "bias");
  if (bias == NULL || bias->rank < 0) return POME_OK;
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "bias"), 0, 1, 1));
  return pome__need_dims_equal(call, "the size of bias", bias->dims[0],
                               "the number of output channels", channels);
}

/* rank, in and kernel of the window from x and weight. False when weight is not known well enough
 * to go on. */
static bool take_shapes(const pome__type *x, const pome__type *weight, pome__window *w) {
  w->rank = x->rank - 2;
  for (int i = 0; i < w->rank; i++) {
    w->in[i] = x->dims[2 + i];
    w->kernel[i] = weight->dims[2 + i];
    if (w->kernel[i] == POME_DIM_UNKNOWN) return false;
  }
  return true;
}

/* Ranks of x and weight; *known is false, and the result is set, when one of them is not known. */
static pome_status check_ranks(pome__call *call, bool *known) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *weight = pome__type_of(call, 1, 0);
  POME__TRY(pome__need_rank(call, 0, 0, 3, 2 + POME__SPATIAL));
  POME__TRY(pome__need_rank(call, 1, 0, 3, 2 + POME__SPATIAL));
  int rank = x->rank >= 0 ? x->rank : weight->rank;
  *known = x->rank >= 0 && weight->rank >= 0;
  if (*known && x->rank != weight->rank) {
    return pome__call_fail(call, "'x' has rank %d and 'weight' rank %d; they must be equal",
                           (int)x->rank, (int)weight->rank);
  }
  const int64_t unknown[2 + POME__SPATIAL] = {-1, -1, -1, -1, -1};
  return pome__out(call, 0, x->dtype, rank, unknown);
}

static pome_status infer_conv(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *weight = pome__type_of(call, 1, 0);
  int64_t groups;
  bool known;
  POME__TRY(check_ranks(call, &known));
  if (!known) return POME_OK;
  POME__TRY(pome__arg_int(call, "groups", &groups));
  POME__TRY(check_groups(call, groups, "input", x->dims[1]));
  POME__TRY(check_groups(call, groups, "output", weight->dims[0]));
  POME__TRY(check_bias(call, weight->dims[0]));
  if (x->dims[1] != POME_DIM_UNKNOWN) {
    POME__TRY(pome__need_dims_equal(call, "the number of input channels a group",
                                    x->dims[1] / groups, "the second dimension of weight",
                                    weight->dims[1]));
  }
  pome__window w;
  int64_t dims[POME_MAX_RANK];
  if (!take_shapes(x, weight, &w)) {
    for (int i = 0; i < w.rank; i++) w.out[i] = POME_DIM_UNKNOWN;
  } else {
    POME__TRY(pome__window_solve(call, false, &w));
  }
  pome__window_dims(&w, x->dims[0], weight->dims[0], dims);
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* output_shape without its first two numbers, or NULL in *sizes when it is absent. */
static pome_status output_shape(pome__call *call, int rank, int64_t *list, const int64_t **sizes) {
  *sizes = NULL;
  if (!pome__arg_given(call, "output_shape")) return POME_OK;
  POME__TRY(pome__arg_ints_exact(call, "output_shape", list, (size_t)rank));
  *sizes = list + 2;
  return POME_OK;
}

static pome_status solve_transposed(pome__call *call, pome__window *w, int64_t *list) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const int64_t *sizes;
  POME__TRY(output_shape(call, x->rank, list, &sizes));
  return pome__window_solve_transposed(call, sizes, w);
}

static pome_status infer_conv_transpose(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *weight = pome__type_of(call, 1, 0);
  int64_t groups;
  bool known;
  POME__TRY(check_ranks(call, &known));
  if (!known) return POME_OK;
  POME__TRY(pome__arg_int(call, "groups", &groups));
  POME__TRY(check_groups(call, groups, "input", x->dims[1]));
  POME__TRY(pome__need_dims_equal(call, "the number of input channels", x->dims[1],
                                  "the first dimension of weight", weight->dims[0]));
  int64_t channels = pome__dim_mul(weight->dims[1], groups);
  POME__TRY(check_bias(call, channels));
  pome__window w;
  int64_t dims[POME_MAX_RANK];
  int64_t list[POME_MAX_RANK] = {0};
  if (!take_shapes(x, weight, &w)) return POME_OK;
  POME__TRY(solve_transposed(call, &w, list));
  if (pome__arg_given(call, "output_shape")) {
    POME__TRY(
        pome__need_dims_equal(call, "output_shape[0]", list[0], "the batch of x", x->dims[0]));
    POME__TRY(pome__need_dims_equal(call, "output_shape[1]", list[1],
                                    "the number of output channels", channels));
  }
  pome__window_dims(&w, x->dims[0], channels, dims);
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* ---- evaluation ---- */

typedef struct conv {
  pome__call *call;
  pome__window w;
  int64_t batch, groups;
  int64_t in_channels, out_channels; /* of a group */
  int64_t in_size, out_size, taps;   /* elements of a channel, of a kernel */
  pome_tensor x;                     /* in the type that sums are made in */
  const pome_tensor *weight, *bias;
  pome_tensor *y;
  int64_t *tap, *offset; /* of inside_taps: [taps] */
} conv;

static pome_status conv_begin(pome__call *call, bool transposed, const pome_tensor *weight,
                              conv *c) {
  memset(c, 0, sizeof(*c));
  c->call = call;
  c->weight = weight;
  c->bias = pome__arg_tensor(call, "bias");
  c->y = &call->outputs[0];
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int64_t list[POME_MAX_RANK];
  take_shapes(pome__type_of(call, 0, 0), pome__type_of(call, 1, 0), &c->w);
  if (transposed) {
    POME__TRY(solve_transposed(call, &c->w, list));
  } else {
    POME__TRY(pome__window_solve(call, false, &c->w));
  }
  pome__window_pad_rank(&c->w);
  POME__TRY(pome__arg_int(call, "groups", &c->groups));
  c->batch = x->shape[0];
  c->in_channels = x->shape[1] / c->groups;
  c->out_channels = c->y->shape[1] / c->groups;
  c->in_size = c->w.in[0] * c->w.in[1] * c->w.in[2];
  c->out_size = c->w.out[0] * c->w.out[1] * c->w.out[2];
  c->taps = c->w.kernel[0] * c->w.kernel[1] * c->w.kernel[2];
  c->tap = POME__SCRATCH(call, int64_t, (size_t)c->taps);
  c->offset = POME__SCRATCH(call, int64_t, (size_t)c->taps);
  if (c->tap == NULL || c->offset == NULL) return pome__call_memory(call);
  return pome__product_operand(call, x, &c->x);
}

/* Positions in a panel: the patches should stay in the cache. */
static int64_t panel_size(int64_t row, int64_t positions) {
  int64_t size = row > 0 ? 32768 / row : 256;
  size = size < 8 ? 8 : size > 256 ? 256 : size;
  return size < positions ? size : positions;
}

/* The taps of the window at position `index` of a grid of `positions` that lie inside `limits`:
 * their numbers in the kernel and their offsets in a channel. Returns how many there are. */
static int64_t inside_taps(const conv *c, int64_t index, const int64_t *positions,
                           const int64_t *limits) {
  const pome__window *w = &c->w;
  int64_t at[POME__SPATIAL] = {index / (positions[1] * positions[2]),
                               index / positions[2] % positions[1], index % positions[2]};
  int64_t count = 0;
  for (int i = 0; i < POME__SPATIAL; i++) at[i] = at[i] * w->stride[i] - w->before[i];
  for (int64_t i = 0; i < w->kernel[0]; i++) {
    int64_t d = at[0] + i * w->dilation[0];
    for (int64_t j = 0; d >= 0 && d < limits[0] && j < w->kernel[1]; j++) {
      int64_t h = at[1] + j * w->dilation[1];
      for (int64_t k = 0; h >= 0 && h < limits[1] && k < w->kernel[2]; k++) {
        int64_t v = at[2] + k * w->dilation[2];
        if (v < 0 || v >= limits[2]) continue;
        c->tap[count] = (i * w->kernel[1] + j) * w->kernel[2] + k;
        c->offset[count++] = (d * limits[1] + h) * limits[2] + v;
      }
    }
  }
  return count;
}

/* One row for each of `count` output positions from `begin`: [in_channels, kernel ...], zeros where
 * the window reaches outside. */
#define DEFINE_PATCHES(name, type)                                                                 \
  static void name(const conv *c, int64_t x_offset, int64_t begin, int64_t count, type *out) {     \
    for (int64_t p = begin; p < begin + count; p++) {                                              \
      const type *x = (const type *)c->x.data + x_offset;                                          \
      int64_t inside = inside_taps(c, p, c->w.out, c->w.in);                                       \
      for (int64_t channel = 0; channel < c->in_channels; channel++) {                             \
        if (inside < c->taps) memset(out, 0, (size_t)c->taps * sizeof(type));                      \
        for (int64_t t = 0; t < inside; t++) out[c->tap[t]] = x[c->offset[t]];                     \
        out += c->taps;                                                                            \
        x += c->in_size;                                                                           \
      }                                                                                            \
    }                                                                                              \
  }
DEFINE_PATCHES(patches_f64, double)
DEFINE_PATCHES(patches_f32, float)

static pome_status conv_by_product(const conv *c) {
  int64_t row = c->in_channels * c->taps;
  int64_t panel = panel_size(row, c->out_size);
  pome_tensor patches;
  const int64_t shape[2] = {panel, row};
  size_t room = (size_t)(panel * row > 0 ? panel * row : 1);
  void *data = POME__SCRATCH(c->call, double, room);
  if (data == NULL) return pome__call_memory(c->call);
  POME__TRY(pome_tensor_init(&patches, c->x.dtype, 2, shape, data, c->call->error));
  pome__product p = {
      .m = (size_t)panel,
      .n = (size_t)c->out_channels,
      .k = (size_t)row,
      .x = {&patches, 0, row, 1},
      .w = {c->weight, 0, row, 1},
      .bias = c->bias,
      .y = c->y,
      .y_row = 1,
      .y_column = c->out_size,
  };
  pome__product_space space;
  POME__TRY(pome__product_prepare(c->call, &p, &space));
  for (int64_t i = 0; i < c->batch * c->groups && !pome__call_stopped(c->call); i++) {
    int64_t group = i % c->groups;
    p.w.offset = group * c->out_channels * row;
    p.bias_offset = group * c->out_channels;
    for (int64_t begin = 0; begin < c->out_size && !pome__call_stopped(c->call); begin += panel) {
      int64_t count = c->out_size - begin < panel ? c->out_size - begin : panel;
      if (c->x.dtype == POME_FP64) {
        patches_f64(c, i * c->in_channels * c->in_size, begin, count, data);
      } else {
        patches_f32(c, i * c->in_channels * c->in_size, begin, count, data);
      }
      p.m = (size_t)count;
      p.y_offset = i * c->out_channels * c->out_size + begin;
      pome__product_run(c->call, &p, &space);
    }
  }
  return POME_OK;
}

/* One channel in, one channel out: each tap times a shifted x is added to `sum`. */
#define DEFINE_TAPS(name, type)                                                                    \
  static void name(const conv *c, int64_t x_offset, const type *weight, type *sum) {               \
    const pome__window *w = &c->w;                                                                 \
    const type *x = (const type *)c->x.data + x_offset;                                            \
    for (int64_t t = 0; t < c->taps; t++) {                                                        \
      int64_t first[POME__SPATIAL];                                                                \
      int64_t end[POME__SPATIAL];                                                                  \
      int64_t shift[POME__SPATIAL] = {t / (w->kernel[1] * w->kernel[2]),                           \
                                      t / w->kernel[2] % w->kernel[1], t % w->kernel[2]};          \
      for (int i = 0; i < POME__SPATIAL; i++) {                                                    \
        shift[i] = shift[i] * w->dilation[i] - w->before[i];                                       \
        pome__window_range(w->out[i], w->stride[i], shift[i], w->in[i], &first[i], &end[i]);       \
      }                                                                                            \
      for (int64_t d = first[0]; d < end[0]; d++) {                                                \
        for (int64_t h = first[1]; h < end[1]; h++) {                                              \
          const type *from =                                                                       \
              x +                                                                                  \
              ((d * w->stride[0] + shift[0]) * w->in[1] + h * w->stride[1] + shift[1]) * w->in[2]; \
          type *to = sum + (d * w->out[1] + h) * w->out[2];                                        \
          int64_t step = w->stride[2];                                                             \
          if (step == 1) {                                                                         \
            from += shift[2];                                                                      \
            for (int64_t k = first[2]; k < end[2]; k++) to[k] += weight[t] * from[k];              \
          } else {                                                                                 \
            for (int64_t k = first[2]; k < end[2]; k++)                                            \
              to[k] += weight[t] * from[k * step + shift[2]];                                      \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }
DEFINE_TAPS(taps_f64, double)
DEFINE_TAPS(taps_f32, float)

static double bias_of(const conv *c, int64_t channel) {
  double value = 0;
  if (c->bias != NULL) pome__load_f64(c->bias->data, c->bias->dtype, channel, 1, 1, &value);
  return value;
}

static pome_status conv_by_taps(const conv *c) {
  bool wide = c->x.dtype == POME_FP64;
  size_t size = (size_t)c->out_size;
  double *sum = POME__SCRATCH(c->call, double, size);
  double *weight = POME__SCRATCH(c->call, double, (size_t)c->taps);
  if (sum == NULL || weight == NULL) return pome__call_memory(c->call);
  int64_t channels = c->groups * c->out_channels;
  for (int64_t i = 0; i < c->batch * channels && !pome__call_stopped(c->call); i++) {
    int64_t channel = i % channels;
    int64_t from = (i / channels * c->groups + channel / c->out_channels) * c->in_size;
    double bias = bias_of(c, channel);
    if (wide) {
      pome__load_f64(c->weight->data, c->weight->dtype, channel * c->taps, 1, (size_t)c->taps,
                     weight);
      for (size_t k = 0; k < size; k++) sum[k] = bias;
      taps_f64(c, from, weight, sum);
      pome__store_f64(c->y->data, c->y->dtype, i * c->out_size, 1, size, sum);
    } else {
      float *single = (float *)sum;
      pome__load_f32(c->weight->data, c->weight->dtype, channel * c->taps, 1, (size_t)c->taps,
                     (float *)weight);
      for (size_t k = 0; k < size; k++) single[k] = (float)bias;
      taps_f32(c, from, (const float *)weight, single);
      pome__store_f32(c->y->data, c->y->dtype, i * c->out_size, 1, size, single);
    }
  }
  return POME_OK;
}

static pome_status run_conv(pome__call *call, const pome_tensor *weight) {
  conv c;
  if (pome_tensor_count(&call->outputs[0]) == 0) return POME_OK;
  POME__TRY(conv_begin(call, false, weight, &c));
  return c.in_channels == 1 ? conv_by_taps(&c) : conv_by_product(&c);
}

static pome_status eval_conv(pome__call *call) {
  return run_conv(call, pome__tensor_of(call, 1, 0));
}

/* weight = stored * quant_scale + quant_bias, each a scalar or one number for each output channel.
 * The type "lut" is named in coremltools' description of the operation, but no parameter holds a
 * table, and its writers give none: such a call has no meaning. */
static pome_status dequantize(pome__call *call, pome_tensor *weight) {
  pome_string type;
  if (!pome__string_of(call, pome__arg_index(call, "quantization_type"), &type) ||
      !pome__string_is(type, "linear")) {
    return pome__fail(
        call->error, POME_UNSUPPORTED,
        "conv_quantized: only quantization_type \"linear\" is supported: the operation "
        "has no parameter for a table");
  }
  const pome_tensor *stored = pome__tensor_of(call, 1, 0);
  size_t count = pome_tensor_count(stored);
  size_t channel = count / (size_t)stored->shape[0];
  const pome_tensor *parts[2] = {pome__arg_tensor(call, "quant_scale"),
                                 pome__arg_tensor(call, "quant_bias")};
  double *data = POME__SCRATCH(call, double, count);
  if (data == NULL) return pome__call_memory(call);
  pome__load_f64(stored->data, stored->dtype, 0, 1, count, data);
  for (int i = 0; i < 2; i++) {
    size_t given = pome_tensor_count(parts[i]);
    if (given != 1 && given != (size_t)stored->shape[0]) {
      return pome__call_fail(call,
                             "'%s' has %zu numbers; allowed: 1 or one for each output channel",
                             i == 0 ? "quant_scale" : "quant_bias", given);
    }
  }
  for (size_t i = 0; i < count; i++) {
    double scale;
    double shift;
    int64_t at = (int64_t)(i / channel);
    pome__load_f64(parts[0]->data, parts[0]->dtype, pome_tensor_count(parts[0]) > 1 ? at : 0, 1, 1,
                   &scale);
    pome__load_f64(parts[1]->data, parts[1]->dtype, pome_tensor_count(parts[1]) > 1 ? at : 0, 1, 1,
                   &shift);
    data[i] = data[i] * scale + shift;
  }
  return pome_tensor_init(weight, POME_FP64, stored->rank, stored->shape, data, call->error);
}

static pome_status eval_conv_quantized(pome__call *call) {
  pome_tensor weight;
  if (pome_tensor_count(&call->outputs[0]) == 0) return POME_OK;
  POME__TRY(dequantize(call, &weight));
  pome_tensor narrow = weight;
  if (pome__product_dtype(call) == POME_FP32)
    POME__TRY(pome__product_operand(call, &weight, &narrow));
  return run_conv(call, &narrow);
}

/* ---- transposed ---- */

/* Adds the results of input positions begin .. begin+count-1 to the sums of all output channels of
 * the group. */
static void scatter_columns(const conv *c, const pome_tensor *columns, int64_t begin, int64_t count,
                            double *row, double *sums) {
  int64_t width = c->out_channels * c->taps;
  for (int64_t p = 0; p < count; p++) {
    int64_t inside = inside_taps(c, begin + p, c->w.in, c->w.out);
    pome__load_f64(columns->data, columns->dtype, p * width, 1, (size_t)width, row);
    for (int64_t channel = 0; channel < c->out_channels; channel++) {
      const double *from = row + channel * c->taps;
      double *to = sums + channel * c->out_size;
      for (int64_t t = 0; t < inside; t++) to[c->offset[t]] += from[c->tap[t]];
    }
  }
}

static pome_status eval_conv_transpose(pome__call *call) {
  conv c;
  if (pome_tensor_count(&call->outputs[0]) == 0) return POME_OK;
  POME__TRY(conv_begin(call, true, pome__tensor_of(call, 1, 0), &c));
  int64_t width = c.out_channels * c.taps;
  int64_t panel = panel_size(width, c.in_size);
  pome_tensor columns;
  const int64_t shape[2] = {panel, width};
  double *data = POME__SCRATCH(call, double, (size_t)(panel * width));
  double *row = POME__SCRATCH(call, double, (size_t)width);
  double *sums = POME__SCRATCH(call, double, (size_t)(c.out_channels * c.out_size));
  if (data == NULL || row == NULL || sums == NULL) return pome__call_memory(call);
  POME__TRY(pome_tensor_init(&columns, c.x.dtype, 2, shape, data, call->error));
  pome__product p = {
      .m = (size_t)panel,
      .n = (size_t)width,
      .k = (size_t)c.in_channels,
      .x = {&c.x, 0, 1, c.in_size},
      .w = {c.weight, 0, 1, width},
      .y = &columns,
      .y_row = width,
      .y_column = 1,
  };
  pome__product_space space;
  POME__TRY(pome__product_prepare(call, &p, &space));
  for (int64_t i = 0; i < c.batch * c.groups; i++) {
    int64_t group = i % c.groups;
    p.w.offset = group * c.in_channels * width;
    for (int64_t k = 0; k < c.out_channels * c.out_size; k++) {
      if (k % c.out_size == 0) sums[k] = bias_of(&c, group * c.out_channels + k / c.out_size);
      else sums[k] = sums[k - 1];
    }
    for (int64_t begin = 0; begin < c.in_size && !pome__call_stopped(call); begin += panel) {
      int64_t count = c.in_size - begin < panel ? c.in_size - begin : panel;
      p.m = (size_t)count;
      p.x.offset = i * c.in_channels * c.in_size + begin;
      pome__product_run(call, &p, &space);
      scatter_columns(&c, &columns, begin, count, row, sums);
    }
    pome__store_f64(c.y->data, c.y->dtype, i * c.out_channels * c.out_size, 1,
                    (size_t)(c.out_channels * c.out_size), sums);
  }
  return POME_OK;
}

/* ---- rows ---- */

#define I32       POME__BIT(INT32)
#define CONST     POME__PARAM_CONST
#define OPTIONAL  (POME__PARAM_CONST | POME__PARAM_OPTIONAL)
#define STRIDES   POME__P_COMPUTED("strides", 0, I32, CONST, pome__spatial_ones)
#define DILATIONS POME__P_COMPUTED("dilations", 0, I32, CONST, pome__spatial_ones)
#define PAD_TYPE  POME__P_STRING("pad_type", CONST, "valid")
#define PAD       POME__P_COMPUTED("pad", 0, I32, CONST, pome__spatial_zeros)
#define GROUPS    POME__P_INT("groups", 0, I32, CONST, 1)
#define STEPS     STRIDES, PAD_TYPE, PAD, DILATIONS, GROUPS
#define TRANSPOSED_STEPS                                                                           \
  PAD, POME__P("output_shape", 0, I32, OPTIONAL), PAD_TYPE, STRIDES, DILATIONS, GROUPS

static const pome__param conv_15[] = {POME__P("x", 'T', POME__TF, 0),
                                      POME__P("weight", 'T', POME__TF, 0),
                                      POME__P("bias", 'T', POME__TF, OPTIONAL), STEPS};
static const pome__param conv_17[] = {POME__P("x", 'T', POME__TF, 0),
                                      POME__P("weight", 'U', POME__TF, 0),
                                      POME__P("bias", 'U', POME__TF, POME__PARAM_OPTIONAL), STEPS};
static const pome__param conv_quantized_15[] = {
    POME__P("x", 'T', POME__TF, 0),
    POME__P("weight", 'U', POME__BIT(UINT8), 0),
    POME__P("bias", 'U', POME__BIT(UINT8), OPTIONAL),
    POME__P("quantization_type", 0, POME__BIT(STRING), CONST),
    POME__P_INT("nbits", 0, I32, CONST, 8),
    POME__P("quant_scale", 'T', POME__TF, CONST),
    POME__P("quant_bias", 'T', POME__TF, CONST),
    STEPS};
static const pome__param conv_transpose_15[] = {
    POME__P("x", 'T', POME__TF, 0), POME__P("weight", 'T', POME__TF, CONST),
    POME__P("bias", 'T', POME__TF, OPTIONAL), TRANSPOSED_STEPS};
static const pome__param conv_transpose_17[] = {
    POME__P("x", 'T', POME__TF, 0), POME__P("weight", 'U', POME__TF, 0),
    POME__P("bias", 'U', POME__TF, POME__PARAM_OPTIONAL), TRANSPOSED_STEPS};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("conv", IOS13, conv_15, infer_conv, eval_conv),
    PURE("conv", IOS17, conv_17, infer_conv, eval_conv),
    PURE("conv_quantized", IOS13, conv_quantized_15, infer_conv, eval_conv_quantized),
    PURE("conv_transpose", IOS13, conv_transpose_15, infer_conv_transpose, eval_conv_transpose),
    PURE("conv_transpose", IOS17, conv_transpose_17, infer_conv_transpose, eval_conv_transpose),
};

const pome__schema *pome__ops_conv(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
